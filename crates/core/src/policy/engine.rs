//! Compiles a bundle once and evaluates gates on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regorus::Value;
use serde::{Deserialize, Serialize};

use super::bundle::{Bundle, Part, canonical_digest};
use super::exceptions::ExceptionRules;
use super::finding::Outcome;
use super::gate::Gate;
use super::input::Input;
use super::verdict::{Answered, Verdict, decide};
use super::{non_waivable, sandbox};
use crate::names::Digest;

/// Engine that evaluates bundles: part of every verdict, because a replay needs the same one.
pub const ENGINE: &str = "regorus 0.14.1";

/// Packages whose files are rules.
const RULES: &str = "data.chancery.rules.";

/// Longest evaluation of all rules together; what has not run by then fails.
const TOTAL_LIMIT: Duration = Duration::from_secs(2);

/// Lifetime of an approval when the bundle names none (POL-3).
const DEFAULT_APPROVAL_DAYS: u32 = 90;
/// Longest lifetime that a bundle may give an approval.
const MAX_APPROVAL_DAYS: u32 = 365;

/// Longest message or remedy that a rule may give, in characters.
const MAX_LINE: usize = 2_000;

/// A bundle that cannot be used, or an input that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A file is over a limit, misplaced or not what it should be.
    #[error("{0}")]
    Bundle(String),
    /// A Rego file does not compile.
    #[error("`{file}` line {line}: {message}")]
    Rego {
        /// File in the bundle.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A rule's metadata is missing or malformed.
    #[error("`{file}`: {message}")]
    Rule {
        /// File in the bundle.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// The input document cannot be read by the engine.
    #[error("input document: {0}")]
    Input(String),
}

impl PolicyError {
    /// Reads file, line and message out of an error of regorus, which prints the source line between them.
    pub(super) fn rego(text: &str) -> Self {
        let place = text.lines().find_map(|line| line.trim_start().strip_prefix("--> "));
        let message = one_line(text);
        let Some(mut parts) = place.map(|place| place.trim().rsplitn(3, ':')) else {
            return Self::Bundle(message);
        };
        let (_column, line, file) = (parts.next(), parts.next(), parts.next());
        match (line.and_then(|line| line.parse().ok()), file) {
            (Some(line), Some(file)) => Self::Rego { file: file.to_owned(), line, message },
            (None, _) | (_, None) => Self::Bundle(message),
        }
    }
}

/// Where a rule lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In a Rego file of the bundle.
    Rego,
    /// In the core, beside every bundle.
    Core,
}

/// What is known about a rule without evaluating it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Identifier, such as `metric.threshold`.
    pub id: String,
    /// Gates that it belongs to.
    pub gates: Vec<Gate>,
    /// Whether nobody can waive it.
    pub non_waivable: bool,
    /// One line that says what it asks.
    pub title: String,
    /// Requirement ids and outside controls.
    pub references: Vec<String>,
    /// What to do in general when it fails; a finding may be more concrete.
    pub remedy: String,
    /// Roles that can supply what is missing.
    pub who: Vec<String>,
    /// Where it lives.
    pub source: Source,
}

/// `metadata` of a Rego rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    id: String,
    title: String,
    gates: Vec<Gate>,
    references: Vec<String>,
    who: Vec<String>,
    remedy: String,
}

/// `result` of a Rego rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleResult {
    outcome: Outcome,
    message: String,
    #[serde(default)]
    remedy: Option<String>,
    #[serde(default)]
    completeness: Option<f64>,
}

/// A rule of the bundle.
#[derive(Debug)]
struct Rule {
    info: RuleInfo,
    package: String,
}

/// A compiled bundle. Cloning is cheap; every evaluation works on its own copy of the interpreter.
#[derive(Clone)]
pub struct Engine {
    interpreter: regorus::Engine,
    rules: Arc<[Rule]>,
    bundle_digest: Digest,
    approval_lifetime_days: u32,
    exception_rules: Arc<ExceptionRules>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("bundle_digest", &self.bundle_digest).field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Compiles the rules of `bundle`; its tests are not part of the engine.
    ///
    /// # Errors
    /// [`PolicyError`] names the file, and the line of a syntax error. A rule must have `metadata` with an id that no
    /// other rule has, and no rule may take the id of a non-waivable one.
    pub fn compile(bundle: &Bundle) -> Result<Self, PolicyError> {
        bundle.check()?;
        let (mut interpreter, modules) = sandbox::engine(bundle, &[Part::Rules])?;
        interpreter.set_input(Value::new_object());
        let mut rules: Vec<Rule> = Vec::new();
        for module in modules.iter().filter(|module| module.package.starts_with(RULES)) {
            let error = |message: String| PolicyError::Rule { file: module.file.clone(), message };
            let info = metadata(&mut interpreter, module)?;
            if non_waivable::RULES.iter().any(|rule| rule.id == info.id) {
                return Err(error(format!("rule `{}` is not waivable and lives in the core", info.id)));
            }
            if rules.iter().any(|rule| rule.info.id == info.id || rule.package == module.package) {
                return Err(error(format!("rule `{}` exists twice", info.id)));
            }
            rules.push(Rule { info, package: module.package.clone() });
        }
        let exception_rules = Arc::new(ExceptionRules::of(bundle)?);
        Ok(Self { interpreter, rules: rules.into(), bundle_digest: bundle.digest()?, approval_lifetime_days: approval_lifetime_days(bundle)?, exception_rules })
    }

    /// How long an approval counts, in days: `chancery.approvals.lifetime_days` of the bundle's data, 90 without it.
    pub fn approval_lifetime_days(&self) -> u32 {
        self.approval_lifetime_days
    }

    /// Who grants exceptions, and for how long: `chancery.exceptions` of the bundle's data.
    pub fn exception_rules(&self) -> &ExceptionRules {
        &self.exception_rules
    }

    /// Digest of the bundle.
    pub fn bundle_digest(&self) -> Digest {
        self.bundle_digest
    }

    /// All rules that the engine evaluates, of the bundle and of the core, by id.
    pub fn rules(&self) -> Vec<RuleInfo> {
        let mut rules: Vec<RuleInfo> = self.rules.iter().map(|rule| rule.info.clone()).chain(non_waivable::infos()).collect();
        rules.sort_by(|left, right| left.id.cmp(&right.id));
        rules
    }

    /// Evaluates every rule of `gates` on `input`. The result depends on bundle, gates and input only.
    ///
    /// # Errors
    /// [`PolicyError::Input`] when the input cannot be given to the engine. A rule that fails to evaluate is not an
    /// error: it is a failed finding.
    pub fn evaluate(&self, gates: &[Gate], input: &Input) -> Result<Verdict, PolicyError> {
        let mut interpreter = self.prepared(input)?;
        let started = Instant::now();
        let mut answers: Vec<Answered> = Vec::new();
        for rule in self.rules.iter() {
            if let Some(gate) = first_gate(&rule.info.gates, gates) {
                let answer =
                    if started.elapsed() > TOTAL_LIMIT { Err("the evaluation of all rules took too long".to_owned()) } else { run(&mut interpreter, rule) };
                answers.push(answered(gate, rule.info.clone(), answer));
            }
        }
        for rule in non_waivable::RULES {
            if let Some(gate) = first_gate(rule.gates, gates) {
                let answer = (rule.evaluate)(input);
                answers.push(Answered {
                    gate,
                    info: non_waivable::info(rule),
                    outcome: Ok(answer.outcome),
                    message: answer.message,
                    remedy: answer.remedy.map(str::to_owned),
                    completeness: None,
                });
            }
        }
        Ok(decide(gates, input, answers, self.bundle_digest, canonical_digest(input)?))
    }

    /// The approval roles that `input` needs for its tier and target, in order; empty when the bundle has no rule for it.
    ///
    /// # Errors
    /// [`PolicyError`] when the rule cannot be evaluated: nobody may take that for "none".
    pub fn required_approvals(&self, input: &Input) -> Result<Vec<String>, PolicyError> {
        if !self.rules.iter().any(|rule| rule.info.id == "approval.complete") {
            return Ok(Vec::new());
        }
        let mut interpreter = self.prepared(input)?;
        let value = interpreter.eval_rule(format!("{RULES}approval_complete.required")).map_err(|error| PolicyError::rego(&error.to_string()))?;
        read(&value).map_err(|message| PolicyError::Rule { file: "approval_complete.rego".to_owned(), message })
    }

    fn prepared(&self, input: &Input) -> Result<regorus::Engine, PolicyError> {
        let mut interpreter = self.interpreter.clone();
        let json = serde_json::to_value(input).map_err(|error| PolicyError::Input(error.to_string()))?;
        interpreter.set_input(Value::from(json));
        sandbox::set_clock(&mut interpreter, input.now)?;
        Ok(interpreter)
    }
}

/// The first of the gates that are asked for to which a rule belongs.
fn first_gate(of_rule: &[Gate], asked: &[Gate]) -> Option<Gate> {
    asked.iter().copied().filter(|gate| of_rule.contains(gate)).min()
}

fn approval_lifetime_days(bundle: &Bundle) -> Result<u32, PolicyError> {
    let data: serde_json::Value = serde_json::from_str(bundle.data()?).map_err(|error| PolicyError::Bundle(format!("data.json: {error}")))?;
    match data.pointer("/chancery/approvals/lifetime_days") {
        None => Ok(DEFAULT_APPROVAL_DAYS),
        Some(given) => given
            .as_u64()
            .and_then(|days| u32::try_from(days).ok())
            .filter(|days| (1..=MAX_APPROVAL_DAYS).contains(days))
            .ok_or_else(|| PolicyError::Bundle(format!("data.json: chancery.approvals.lifetime_days must be from 1 to {MAX_APPROVAL_DAYS}"))),
    }
}

fn metadata(interpreter: &mut regorus::Engine, module: &sandbox::Module) -> Result<RuleInfo, PolicyError> {
    let error = |message: String| PolicyError::Rule { file: module.file.clone(), message };
    let value = interpreter.eval_rule(format!("{}.metadata", module.package)).map_err(|failure| match PolicyError::rego(&failure.to_string()) {
        PolicyError::Bundle(message) => error(format!("no `metadata`: {message}")),
        other @ (PolicyError::Rego { .. } | PolicyError::Rule { .. } | PolicyError::Input(_)) => other,
    })?;
    let metadata: Metadata = read(&value).map_err(|message| error(format!("`metadata`: {message}")))?;
    if metadata.gates.is_empty() {
        return Err(error(format!("rule `{}` belongs to no gate", metadata.id)));
    }
    Ok(RuleInfo {
        id: metadata.id,
        gates: metadata.gates,
        non_waivable: false,
        title: metadata.title,
        references: metadata.references,
        remedy: metadata.remedy,
        who: metadata.who,
        source: Source::Rego,
    })
}

/// Evaluates one rule; the error is the text of the finding.
fn run(interpreter: &mut regorus::Engine, rule: &Rule) -> Result<RuleResult, String> {
    let value = interpreter.eval_rule(format!("{}.result", rule.package)).map_err(|error| PolicyError::rego(&error.to_string()).to_string())?;
    if value == Value::Undefined {
        return Err("it gives no result for this input".to_owned());
    }
    let result: RuleResult = read(&value)?;
    match result.outcome {
        Outcome::Pass | Outcome::Fail | Outcome::NotApplicable => Ok(result),
        // Only the core waives, and only against a recorded exception.
        Outcome::Waived => Err("a rule may not waive itself".to_owned()),
    }
}

fn answered(gate: Gate, info: RuleInfo, answer: Result<RuleResult, String>) -> Answered {
    match answer {
        Ok(result) => Answered {
            gate,
            info,
            outcome: Ok(result.outcome),
            message: one_line(&result.message),
            remedy: result.remedy.as_deref().map(one_line).filter(|remedy| !remedy.is_empty()),
            completeness: result.completeness,
        },
        Err(error) => Answered {
            gate,
            info,
            outcome: Err(()),
            message: format!("the rule could not be evaluated: {}", one_line(&error)),
            remedy: None,
            completeness: None,
        },
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    if *value == Value::Undefined {
        return Err("it is not defined".to_owned());
    }
    let json = value.to_json_str().map_err(|error| one_line(&error.to_string()))?;
    serde_json::from_str(&json).map_err(|error| one_line(&error.to_string()))
}

/// The last line that says something: regorus puts the message after the source line that it quotes.
fn one_line(text: &str) -> String {
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let message = last.strip_prefix("error: ").unwrap_or(last);
    message.chars().filter(|character| !character.is_control()).take(MAX_LINE).collect()
}
