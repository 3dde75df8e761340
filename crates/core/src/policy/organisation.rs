//! The bundle of an organisation beside the baseline: what it may add, and the bundle that both make.
//!
//! INVARIANT: no file of an organisation changes what a rule of the baseline answers, except through data that `bounds.json` lets
//! it change. Its rules have packages, ids and files of their own.

use std::collections::BTreeSet;

use serde_json::Value;

use super::bounds::Bounds;
use super::bundle::{BOUNDS, Bundle, DATA, Part};
use super::engine::{Engine, RULES};
use super::error::PolicyError;
use super::sandbox;
use super::selftest::{TestResult, run_tests_of};

/// Packages of an organisation that hold functions for its rules.
const LIBRARY: &str = "data.chancery.organisation";
/// Most definitions in the files of an organisation. Rules that use each other in a chain fill the stack of a thread.
const MAX_DEFINITIONS: usize = 400;

/// A bundle of an organisation that fits the baseline.
#[derive(Clone, Debug)]
pub struct Effective {
    /// Files of both, with the data merged.
    pub bundle: Bundle,
    /// The compiled rules of both.
    pub engine: Engine,
    /// Packages of the organisation's tests.
    tests: Vec<String>,
}

impl Effective {
    /// Puts a bundle of an organisation beside a baseline.
    ///
    /// # Errors
    /// [`PolicyError`] names the file, package, id or path that is not the organisation's to change, or what does not compile.
    pub fn new(baseline: &Bundle, organisation: &Bundle) -> Result<Self, PolicyError> {
        organisation.check()?;
        check_files(baseline, organisation)?;
        let mut bundle = baseline.clone();
        for (path, bytes) in organisation.files.iter().filter(|(path, _)| *path != DATA) {
            bundle.files.insert(path.clone(), bytes.clone());
        }
        // Without the organisation's data first: which of it is its own depends on its packages.
        let own = check_packages(&bundle, organisation)?;
        if organisation.files.contains_key(DATA) {
            let bounds = Bounds::parse(baseline.text_of(BOUNDS)?.unwrap_or("[]"))?;
            let merged = bounds.merge(&parse(baseline)?, &parse(organisation)?, &own.rules)?;
            let text = serde_json::to_vec_pretty(&merged).map_err(|error| PolicyError::Bundle(format!("data.json: {error}")))?;
            bundle.files.insert(DATA.to_owned(), text);
        }
        bundle.check()?;
        let engine = Engine::compile(&bundle)?;
        Ok(Self { bundle, engine, tests: own.tests })
    }

    /// Runs the organisation's own tests.
    ///
    /// # Errors
    /// [`PolicyError`] when they do not compile.
    pub fn run_tests(&self) -> Result<Vec<TestResult>, PolicyError> {
        run_tests_of(&self.bundle, |package| self.tests.iter().any(|own| own == package))
    }
}

/// What an organisation names.
struct Own {
    /// Last words of the packages of its rules.
    rules: Vec<String>,
    /// Packages of its tests.
    tests: Vec<String>,
}

fn check_files(baseline: &Bundle, organisation: &Bundle) -> Result<(), PolicyError> {
    for path in organisation.files.keys() {
        if path == BOUNDS {
            return Err(PolicyError::Bundle(format!("file `{BOUNDS}` belongs to the baseline")));
        }
        if path != DATA && baseline.files.contains_key(path) {
            return Err(PolicyError::Bundle(format!("file `{path}` belongs to the baseline; choose another name")));
        }
    }
    Ok(())
}

fn check_packages(bundle: &Bundle, organisation: &Bundle) -> Result<Own, PolicyError> {
    let parsed = sandbox::parse(bundle, &[Part::Rules, Part::Tests])?;
    let (own, shipped): (Vec<_>, Vec<_>) = parsed.modules.iter().partition(|module| organisation.files.contains_key(&module.file));
    let taken: BTreeSet<&str> = shipped.iter().map(|module| module.package.as_str()).collect();
    let (mut rules, mut tests) = (Vec::new(), Vec::new());
    for module in own {
        let error = |message: String| PolicyError::Rule { file: module.file.clone(), message };
        let shown = module.package.strip_prefix("data.").unwrap_or(&module.package);
        if taken.contains(module.package.as_str()) {
            return Err(error(format!("package `{shown}` belongs to the baseline")));
        }
        let rule =
            module.package.strip_prefix(RULES).filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
        let library = module.package == LIBRARY || module.package.strip_prefix(LIBRARY).is_some_and(|rest| rest.starts_with('.'));
        match rule {
            Some(_) if module.file.ends_with("_test.rego") => tests.push(module.package.clone()),
            Some(name) => rules.push(name.to_owned()),
            None if library => {}
            None => {
                return Err(error(format!(
                    "package `{shown}` is not an organisation's: use `chancery.rules.NAME` for a rule, `chancery.organisation` for functions"
                )));
            }
        }
    }
    let definitions = parsed.definitions.iter().filter(|definition| organisation.files.contains_key(&definition.file)).count();
    if definitions > MAX_DEFINITIONS {
        return Err(PolicyError::Bundle(format!("the bundle has {definitions} definitions; at most {MAX_DEFINITIONS} are accepted")));
    }
    Ok(Own { rules, tests })
}

fn parse(bundle: &Bundle) -> Result<Value, PolicyError> {
    serde_json::from_str(bundle.data()?).map_err(|error| PolicyError::Bundle(format!("data.json: {error}")))
}

#[cfg(test)]
mod tests;
