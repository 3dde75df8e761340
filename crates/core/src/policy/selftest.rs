//! Runs the tests of a bundle: every rule `test_*` in a file `*_test.rego` must be true.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::bundle::{Bundle, Part};
use super::error::PolicyError;
use super::sandbox;
use crate::names::Timestamp;

/// Longest run of all tests of an organisation.
const ALL_LIMIT: Duration = Duration::from_secs(20);

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
    run(bundle, |_| true, None)
}

/// Runs the tests in the packages that `wanted` says yes to, which are not the program's own: after 20 s the rest fails.
///
/// # Errors
/// As [`run_tests`].
pub(super) fn run_tests_of(bundle: &Bundle, wanted: impl Fn(&str) -> bool) -> Result<Vec<TestResult>, PolicyError> {
    run(bundle, wanted, Some(ALL_LIMIT))
}

fn run(bundle: &Bundle, wanted: impl Fn(&str) -> bool, limit: Option<Duration>) -> Result<Vec<TestResult>, PolicyError> {
    bundle.check()?;
    let (mut engine, modules) = sandbox::engine(bundle, &[Part::Rules, Part::Tests])?;
    sandbox::set_clock(&mut engine, Timestamp::from_micros(1_777_809_600_000_000))?;
    engine.set_input(regorus::Value::new_object());
    let compiled = engine.compile_with_entrypoint(&sandbox::ENTRY_RULE.into()).map_err(|error| PolicyError::rego(&error.to_string()))?;
    let tests = modules.iter().filter(|module| module.file.ends_with("_test.rego") && wanted(&module.package));
    let packages: Vec<String> = tests.map(|module| format!("{}.test_", module.package)).collect();
    let mut paths: Vec<String> =
        compiled.get_rules().keys().map(ToString::to_string).filter(|path| packages.iter().any(|prefix| path.starts_with(prefix.as_str()))).collect();
    paths.sort();
    let started = Instant::now();
    let late = |name: String| TestResult { name, passed: false, message: format!("the tests before it took longer than {} s", ALL_LIMIT.as_secs()) };
    let over = || limit.is_some_and(|limit| started.elapsed() > limit);
    Ok(paths.into_iter().map(|path| if over() { late(path) } else { run_one(&mut engine, path) }).collect())
}

fn run_one(engine: &mut regorus::Engine, path: String) -> TestResult {
    let name = path.strip_prefix("data.").unwrap_or(&path).to_owned();
    match engine.eval_rule(path) {
        Ok(regorus::Value::Bool(true)) => TestResult { name, passed: true, message: String::new() },
        Ok(regorus::Value::Undefined) => TestResult { name, passed: false, message: "a condition does not hold".to_owned() },
        Ok(other) => TestResult { name, passed: false, message: format!("gave {other}, not true") },
        Err(error) => TestResult { name, passed: false, message: PolicyError::rego(&error.to_string()).to_string() },
    }
}
