//! A regorus engine that gives the same answer on every machine at any time, and that one call cannot exhaust.
//!
//! regorus looks up extensions before its own functions, so an extension of the same name shadows a function. Shadowed:
//! the clock (answers with the time of the input), chance, functions that read the machine's time zone, and functions
//! that allocate without limit in a single call, which the execution timer cannot stop.

use std::num::NonZeroU32;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Extension, Value};

use super::bundle::{Bundle, Part};
use super::error::PolicyError;
use super::recursion::{Definition, refuse_recursion};
use crate::names::Timestamp;

/// Longest evaluation of one rule. A warm rule takes well under a millisecond.
pub(super) const RULE_LIMIT: Duration = Duration::from_millis(250);

/// How many steps the interpreter takes between two looks at the clock: a look costs more than most steps.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// The clock, which answers with the time of the input.
const CLOCK: &str = "time.now_ns";

/// Functions that policies may not call, the number of their arguments, and why.
const FORBIDDEN: &[(&str, u8, &str)] = &[
    ("rand.intn", 2, "a gate gives the same answer each time"),
    ("numbers.range", 2, "one call can exhaust the memory"),
    ("numbers.range_step", 3, "one call can exhaust the memory"),
    ("bits.lsh", 2, "one call can exhaust the memory"),
    ("time.add_date", 4, "it may read the time zone of the machine; compare nanoseconds"),
    ("time.clock", 1, "it may read the time zone of the machine; compare nanoseconds"),
    ("time.date", 1, "it may read the time zone of the machine; compare nanoseconds"),
    ("time.diff", 2, "it may read the time zone of the machine; compare nanoseconds"),
    ("time.format", 1, "it may read the time zone of the machine; compare nanoseconds"),
    ("time.weekday", 1, "it may read the time zone of the machine; compare nanoseconds"),
];

/// A rule that can be evaluated in every engine: the place from which regorus compiles.
const ENTRY: (&str, &str) = ("<chancery>", "package chancery.internal\nready := true\n");
/// Path of that rule.
pub(super) const ENTRY_RULE: &str = "data.chancery.internal.ready";

/// Paths of `data.json` that would shadow rules.
const RESERVED_DATA: &[&str] = &["rules", "lib", "lib_time", "lib_vulnerability", "internal"];

/// Whether a function means something else here than in regorus, so that only the interpreter, which has the extensions, may call it.
#[cfg(test)]
pub(super) fn is_shadowed(function: &str) -> bool {
    function == CLOCK || FORBIDDEN.iter().any(|(name, ..)| *name == function)
}

/// The limit of one rule.
pub(super) fn timer() -> ExecutionTimerConfig {
    ExecutionTimerConfig { limit: RULE_LIMIT, check_interval: CHECK_INTERVAL }
}

/// An engine with the rule files and data of `bundle`, and its tests when `parts` says so; gives the packages too.
pub(super) fn engine(bundle: &Bundle, parts: &[Part]) -> Result<(regorus::Engine, Vec<Module>), PolicyError> {
    let Parsed { mut engine, modules, definitions } = parse(bundle, parts)?;
    refuse_recursion(&definitions)?;
    engine.add_data(data(bundle)?).map_err(|error| PolicyError::Bundle(format!("data.json: {error}")))?;
    Ok((engine, modules))
}

/// Rego files that were read, and nothing else yet.
pub(super) struct Parsed {
    engine: regorus::Engine,
    /// The files.
    pub(super) modules: Vec<Module>,
    /// Their rules and functions.
    pub(super) definitions: Vec<Definition>,
}

/// Reads the Rego files of a bundle.
///
/// # Errors
/// [`PolicyError::Rego`] names file and line of what is no Rego.
pub(super) fn parse(bundle: &Bundle, parts: &[Part]) -> Result<Parsed, PolicyError> {
    let mut engine = regorus::Engine::new();
    engine.set_strict_builtin_errors(true);
    engine.set_gather_prints(true);
    engine.set_execution_timer_config(timer());
    for (name, arguments, why) in FORBIDDEN {
        forbid(&mut engine, name, *arguments, why)?;
    }
    engine.add_policy(ENTRY.0.to_owned(), ENTRY.1.to_owned()).map_err(|error| PolicyError::rego(&error.to_string()))?;
    let mut modules = Vec::new();
    for part in parts {
        for (file, text) in bundle.rego(*part)? {
            let package = engine.add_policy(file.clone(), text).map_err(|error| PolicyError::rego(&error.to_string()))?;
            modules.push(Module { file, package });
        }
    }
    let definitions = definitions(&mut engine);
    Ok(Parsed { engine, modules, definitions })
}

/// A parsed Rego file.
pub(super) struct Module {
    /// Path in the bundle.
    pub(super) file: String,
    /// Package, such as `data.chancery.rules.metric_threshold`.
    pub(super) package: String,
}

/// Makes `time.now_ns` answer with `now`. The engine must be a clone that serves one evaluation: an extension stays.
pub(super) fn set_clock(engine: &mut regorus::Engine, now: Timestamp) -> Result<(), PolicyError> {
    let nanoseconds = now.micros().saturating_mul(1_000);
    engine.add_extension(CLOCK.to_owned(), 0, extension(move |_| Ok(Value::from(nanoseconds)))).map_err(|error| PolicyError::Bundle(error.to_string()))
}

fn definitions(engine: &mut regorus::Engine) -> Vec<Definition> {
    let rules = engine.get_modules().iter().flat_map(|module| module.policy.iter());
    rules
        .map(|rule| {
            let span = rule.span();
            Definition { file: span.source.file().to_string(), line: u64::from(span.line), text: span.text().to_owned() }
        })
        .collect()
}

fn forbid(engine: &mut regorus::Engine, name: &'static str, arguments: u8, why: &'static str) -> Result<(), PolicyError> {
    let message = format!("`{name}` is not available to policies: {why}");
    engine
        .add_extension(name.to_owned(), arguments, extension(move |_| Err(std::io::Error::other(message.clone()).into())))
        .map_err(|error| PolicyError::Bundle(error.to_string()))
}

/// Lets the compiler infer the signature that regorus expects of a closure.
fn extension<F: Extension + Clone + 'static>(function: F) -> Box<dyn Extension> {
    Box::new(function)
}

fn data(bundle: &Bundle) -> Result<Value, PolicyError> {
    let json: serde_json::Value = serde_json::from_str(bundle.data()?).map_err(|error| PolicyError::Bundle(format!("data.json: {error}")))?;
    if !json.is_object() {
        return Err(PolicyError::Bundle("data.json is not an object".to_owned()));
    }
    for key in RESERVED_DATA {
        if json.get("chancery").and_then(|chancery| chancery.get(key)).is_some() {
            return Err(PolicyError::Bundle(format!("data.json must not hold `chancery.{key}`: rules live there")));
        }
    }
    Ok(Value::from(json))
}
