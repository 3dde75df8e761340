//! Runs the tests of a bundle: every rule `test_*` in a file `*_test.rego` must be true.

use serde::Serialize;

use super::bundle::{Bundle, Part};
use super::error::PolicyError;
use super::sandbox;
use crate::names::Timestamp;

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// Package and rule, such as `chancery.rules.metric_threshold_test.test_absent_metric_fails`.
    pub name: String,
    /// Whether the rule was true.
    pub passed: bool,
    /// What happened instead; empty when it passed.
    pub message: String,
}

/// Runs all tests of `bundle`, by name. `time.now_ns` answers 2026-05-03T12:00:00Z.
///
/// # Errors
/// [`PolicyError`] when the bundle does not compile. A test that cannot be evaluated is a failed test.
pub fn run_tests(bundle: &Bundle) -> Result<Vec<TestResult>, PolicyError> {
    bundle.check()?;
    let (mut engine, modules) = sandbox::engine(bundle, &[Part::Rules, Part::Tests])?;
    sandbox::set_clock(&mut engine, Timestamp::from_micros(1_777_809_600_000_000))?;
    engine.set_input(regorus::Value::new_object());
    let compiled = engine.compile_with_entrypoint(&sandbox::ENTRY_RULE.into()).map_err(|error| PolicyError::rego(&error.to_string()))?;
    let packages: Vec<String> = modules.iter().filter(|module| module.file.ends_with("_test.rego")).map(|module| format!("{}.test_", module.package)).collect();
    let mut paths: Vec<String> =
        compiled.get_rules().keys().map(ToString::to_string).filter(|path| packages.iter().any(|prefix| path.starts_with(prefix.as_str()))).collect();
    paths.sort();
    Ok(paths.into_iter().map(|path| run(&mut engine, path)).collect())
}

fn run(engine: &mut regorus::Engine, path: String) -> TestResult {
    let name = path.strip_prefix("data.").unwrap_or(&path).to_owned();
    match engine.eval_rule(path) {
        Ok(regorus::Value::Bool(true)) => TestResult { name, passed: true, message: String::new() },
        Ok(regorus::Value::Undefined) => TestResult { name, passed: false, message: "a condition does not hold".to_owned() },
        Ok(other) => TestResult { name, passed: false, message: format!("gave {other}, not true") },
        Err(error) => TestResult { name, passed: false, message: PolicyError::rego(&error.to_string()).to_string() },
    }
}
