//! Compiles a bundle once and evaluates gates on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regorus::{CompiledPolicy, Value};

use super::bundle::{Bundle, Part, canonical};
use super::error::{PolicyError, one_line};
use super::exceptions::ExceptionRules;
use super::expected::Expected;
use super::gate::Gate;
use super::input::Input;
use super::machine::{Machine, Said};
use super::remembered::{Remembered, without_time};
use super::rule::{self, RuleInfo, RuleResult};
use super::schedule::ScheduleRules;
use super::verdict::{Answered, Verdict, decide};
use super::{machine, non_waivable, sandbox};
use crate::names::{Digest, Timestamp};

/// Engine that evaluates bundles: part of every verdict, because a replay needs the same one.
pub const ENGINE: &str = "regorus 0.14.1";

/// Packages whose files are rules.
pub(super) const RULES: &str = "data.chancery.rules.";
/// Rule that says which roles must approve.
const REQUIRED_ROLES: &str = "data.chancery.rules.approval_complete.required";

/// Longest evaluation of all rules together; what has not run by then fails.
const TOTAL_LIMIT: Duration = Duration::from_secs(2);

/// Lifetime of an approval when the bundle names none (POL-3).
const DEFAULT_APPROVAL_DAYS: u32 = 90;
/// Longest lifetime that a bundle may give an approval.
const MAX_APPROVAL_DAYS: u32 = 365;

/// A rule of the bundle.
struct Rule {
    info: RuleInfo,
    package: String,
    file: String,
    /// None when the interpreter must evaluate it.
    code: Option<machine::Code>,
    /// Whether it says the same of a document at any time.
    timeless: bool,
}

/// A compiled bundle. Cloning is cheap; every evaluation works on its own copy of the interpreter.
#[derive(Clone)]
pub struct Engine {
    interpreter: regorus::Engine,
    policy: CompiledPolicy,
    data: Value,
    rules: Arc<[Rule]>,
    required_roles: Option<machine::Code>,
    bundle_digest: Digest,
    approval_lifetime_days: u32,
    exception_rules: Arc<ExceptionRules>,
    schedule_rules: Arc<ScheduleRules>,
    expected: Arc<Expected>,
    remembered: Arc<Remembered>,
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
        let policy = interpreter.compile_with_entrypoint(&sandbox::ENTRY_RULE.into()).map_err(|error| PolicyError::rego(&error.to_string()))?;
        // Only what ships with the registry: see `machine`.
        let whole = bundle.holds_baseline();
        let shipped = |file: &str| whole && bundle.is_shipped(file);
        let fast = |file: &str, path: &str| if shipped(file) { machine::compile(&policy, path) } else { None };
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
            let code = fast(&module.file, &format!("{}.result", module.package));
            let timeless = code.as_ref().is_some_and(machine::is_timeless);
            rules.push(Rule { info, package: module.package.clone(), file: module.file.clone(), code, timeless });
        }
        Ok(Self {
            required_roles: fast("approval_complete.rego", REQUIRED_ROLES),
            data: interpreter.get_data(),
            interpreter,
            policy,
            expected: Arc::new(Expected::of(&serde_json::from_str(bundle.data()?).unwrap_or_default())),
            rules: rules.into(),
            remembered: Arc::default(),
            bundle_digest: bundle.digest()?,
            approval_lifetime_days: approval_lifetime_days(bundle)?,
            exception_rules: Arc::new(ExceptionRules::of(bundle)?),
            schedule_rules: Arc::new(ScheduleRules::of(bundle)?),
        })
    }

    /// How long an approval counts, in days: `chancery.approvals.lifetime_days` of the bundle's data, 90 without it.
    pub fn approval_lifetime_days(&self) -> u32 {
        self.approval_lifetime_days
    }

    /// Who grants exceptions, and for how long: `chancery.exceptions` of the bundle's data.
    pub fn exception_rules(&self) -> &ExceptionRules {
        &self.exception_rules
    }

    /// What the scheduled checks take from the bundle's data.
    pub fn schedule_rules(&self) -> &ScheduleRules {
        &self.schedule_rules
    }

    /// What the data of the bundle asks for, in figures that people are shown.
    pub fn expected(&self) -> &Expected {
        &self.expected
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

    /// The file of the bundle in which a rule lives; none when it is no rule of the bundle.
    pub fn file_of(&self, rule: &str) -> Option<&str> {
        self.rules.iter().find(|known| known.info.id == rule).map(|known| known.file.as_str())
    }

    /// The files of the bundle that hold rules.
    pub(super) fn rule_files(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.file.as_str())
    }

    /// Evaluates every rule of `gates` on `input`. The result depends on bundle, gates and input only.
    ///
    /// # Errors
    /// [`PolicyError::Input`] when the input cannot be given to the engine. A rule that fails to evaluate is not an
    /// error: it is a failed finding.
    pub fn evaluate(&self, gates: &[Gate], input: &Input) -> Result<Verdict, PolicyError> {
        self.evaluate_some(gates, input, |_| true)
    }

    /// Evaluates the rules of `gates` that `wanted` says yes to. The verdict speaks about no other rule.
    ///
    /// # Errors
    /// As [`Engine::evaluate`].
    pub fn evaluate_some(&self, gates: &[Gate], input: &Input, wanted: impl Fn(&str) -> bool) -> Result<Verdict, PolicyError> {
        let mut evaluation = self.evaluation(input)?;
        let document = without_time(input)?;
        let mut known = self.remembered.of(&document);
        let before = known.len();
        let started = Instant::now();
        let mut answers: Vec<Answered> = Vec::new();
        for (place, rule) in self.rules.iter().enumerate().filter(|(_, rule)| wanted(&rule.info.id)) {
            if let Some(gate) = first_gate(&rule.info.gates, gates) {
                let answer = match known.get(&place) {
                    Some(answer) => Ok(answer.clone()),
                    None if started.elapsed() > TOTAL_LIMIT => Err("the evaluation of all rules took too long".to_owned()),
                    None => evaluation.run(rule),
                };
                if let (true, Ok(answer)) = (rule.timeless, &answer) {
                    known.entry(place).or_insert_with(|| answer.clone());
                }
                answers.push(answered(gate, rule.info.clone(), answer));
            }
        }
        if known.len() > before {
            self.remembered.keep(document, known);
        }
        for rule in non_waivable::RULES.iter().filter(|rule| wanted(rule.id)) {
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
        Ok(decide(gates, input, answers, self.bundle_digest, evaluation.digest))
    }

    /// The approval roles that `input` needs for its tier and target, in order; empty when the bundle has no rule for it.
    ///
    /// # Errors
    /// [`PolicyError`] when the rule cannot be evaluated: nobody may take that for "none".
    pub fn required_approvals(&self, input: &Input) -> Result<Vec<String>, PolicyError> {
        if !self.rules.iter().any(|rule| rule.info.id == "approval.complete") {
            return Ok(Vec::new());
        }
        let mut evaluation = self.evaluation(input)?;
        let fast = self.required_roles.as_ref().map(|code| evaluation.machine.run(code));
        if let Some(Said::Value(value)) = fast
            && let Ok(roles) = rule::read(&value)
        {
            return Ok(roles);
        }
        let value = evaluation.interpreter()?.eval_rule(REQUIRED_ROLES.to_owned()).map_err(|error| PolicyError::rego(&error.to_string()))?;
        rule::read(&value).map_err(|message| PolicyError::Rule { file: "approval_complete.rego".to_owned(), message })
    }

    fn evaluation(&self, input: &Input) -> Result<Evaluation<'_>, PolicyError> {
        // Read from the canonical bytes, so that the verdict depends on exactly what its digest is about.
        let bytes = canonical(input)?;
        let digest = Digest::of(&bytes);
        let text = std::str::from_utf8(&bytes).map_err(|error| PolicyError::Input(error.to_string()))?;
        let value = Value::from_json_str(text).map_err(|error| PolicyError::Input(one_line(&error.to_string())))?;
        Ok(Evaluation { engine: self, now: input.now, digest, machine: Machine::new(&self.policy, &self.data, value.clone()), input: value, interpreter: None })
    }
}

/// The evaluation of rules on one input document.
struct Evaluation<'a> {
    engine: &'a Engine,
    now: Timestamp,
    digest: Digest,
    input: Value,
    machine: Machine,
    /// Made when the first rule needs it.
    interpreter: Option<regorus::Engine>,
}

impl Evaluation<'_> {
    /// Evaluates one rule; the error is the text of the finding.
    fn run(&mut self, rule: &Rule) -> Result<RuleResult, String> {
        match rule.code.as_ref().map(|code| self.machine.run(code)) {
            Some(Said::TooLong) => return Err(format!("`{}` took longer than {} ms", rule.file, sandbox::RULE_LIMIT.as_millis())),
            Some(Said::Value(value)) => {
                if let Ok(result) = rule::result(&value) {
                    return Ok(result);
                }
            }
            Some(Said::Unknown) | None => {}
        }
        self.interpret(rule)
    }

    fn interpret(&mut self, rule: &Rule) -> Result<RuleResult, String> {
        let interpreter = self.interpreter().map_err(|error| error.to_string())?;
        let value = interpreter.eval_rule(format!("{}.result", rule.package)).map_err(|error| PolicyError::rego(&error.to_string()).to_string())?;
        rule::result(&value)
    }

    fn interpreter(&mut self) -> Result<&mut regorus::Engine, PolicyError> {
        let interpreter = match self.interpreter.take() {
            Some(interpreter) => interpreter,
            None => {
                let mut interpreter = self.engine.interpreter.clone();
                interpreter.set_input(self.input.clone());
                sandbox::set_clock(&mut interpreter, self.now)?;
                interpreter
            }
        };
        Ok(self.interpreter.insert(interpreter))
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
    let value = interpreter.eval_rule(format!("{}.metadata", module.package)).map_err(|failure| match PolicyError::rego(&failure.to_string()) {
        PolicyError::Bundle(message) => PolicyError::Rule { file: module.file.clone(), message: format!("no `metadata`: {message}") },
        other @ (PolicyError::Rego { .. } | PolicyError::Rule { .. } | PolicyError::Input(_)) => other,
    })?;
    rule::info(&module.file, &value)
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

#[cfg(test)]
mod tests;
