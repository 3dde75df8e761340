//! How the answers of all rules become a verdict: waivers, order, and what blocks.

use serde::{Deserialize, Serialize};

use super::engine::ENGINE;
use super::finding::{Finding, Outcome};
use super::gate::Gate;
use super::input::{Exception, Input};
use super::rule::RuleInfo;
use crate::names::{Digest, PolicyMode, Timestamp};

/// The result of some gates on one input document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether no finding failed. Says nothing about the mode: see [`Verdict::blocks`].
    pub passed: bool,
    /// Mode under which it was evaluated.
    pub mode: PolicyMode,
    /// Gates that were evaluated, in order.
    pub gates: Vec<Gate>,
    /// One finding a rule, by gate and then rule id.
    pub findings: Vec<Finding>,
    /// Digest of the bundle.
    pub bundle_digest: Digest,
    /// Digest of the canonical JSON of the input document.
    pub input_digest: Digest,
    /// Engine that evaluated the bundle.
    pub engine: String,
    /// Time of the input document.
    pub evaluated_at: Timestamp,
    /// Share of required fields that are filled, 0 to 1, two decimals; null when `entry.complete` did not run.
    pub completeness: Option<f64>,
}

impl Verdict {
    /// Whether the transition must be refused: under `enforce` any failure, under `warn` only the rule that refuses
    /// `warn` itself for tiers high and prohibited (`tier.permitted`).
    pub fn blocks(&self) -> bool {
        match self.mode {
            PolicyMode::Enforce => !self.passed,
            PolicyMode::Warn => self.failed().any(|finding| finding.rule == "tier.permitted"),
        }
    }

    /// The same, with a version such as `loan/3` in the commands of the remedies: for those who read it, never to be stored.
    #[must_use]
    pub fn about(self, version: &str) -> Self {
        Self { findings: self.findings.into_iter().map(|finding| finding.about(version)).collect(), ..self }
    }

    /// The findings that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.outcome == Outcome::Fail)
    }
}

/// The answer of one rule, before waivers.
pub(super) struct Answered {
    pub(super) gate: Gate,
    pub(super) info: RuleInfo,
    /// `Err` when the rule could not be evaluated: it fails, and no exception helps.
    pub(super) outcome: Result<Outcome, ()>,
    pub(super) message: String,
    pub(super) remedy: Option<String>,
    pub(super) completeness: Option<f64>,
}

/// Applies the exceptions of `input` and puts the findings in order.
pub(super) fn decide(gates: &[Gate], input: &Input, mut answers: Vec<Answered>, bundle_digest: Digest, input_digest: Digest) -> Verdict {
    answers.sort_by(|left, right| (left.gate, &left.info.id).cmp(&(right.gate, &right.info.id)));
    let completeness = answers
        .iter()
        .find(|answer| answer.info.id == "entry.complete")
        .and_then(|answer| answer.completeness)
        .map(|share| (share.clamp(0.0, 1.0) * 100.0).round() / 100.0);
    let findings: Vec<Finding> = answers.into_iter().map(|answer| finding(answer, input)).collect();
    let mut gates = gates.to_vec();
    gates.sort_unstable();
    gates.dedup();
    Verdict {
        passed: findings.iter().all(|finding| finding.outcome != Outcome::Fail),
        mode: input.mode,
        gates,
        findings,
        bundle_digest,
        input_digest,
        engine: ENGINE.to_owned(),
        evaluated_at: input.now,
        completeness,
    }
}

fn finding(answer: Answered, input: &Input) -> Finding {
    let waiver = match answer.outcome {
        Ok(Outcome::Fail) if !answer.info.non_waivable => waiver(&answer.info.id, input).map(|exception| exception.id.to_string()),
        Ok(Outcome::Pass | Outcome::Fail | Outcome::Waived | Outcome::NotApplicable) | Err(()) => None,
    };
    let outcome = if waiver.is_some() { Outcome::Waived } else { answer.outcome.unwrap_or(Outcome::Fail) };
    let remedy = match outcome {
        Outcome::Fail | Outcome::Waived => Some(answer.remedy.unwrap_or(answer.info.remedy)),
        Outcome::Pass | Outcome::NotApplicable => None,
    };
    Finding {
        rule: answer.info.id,
        outcome,
        message: answer.message,
        remedy,
        gate: answer.gate.as_str().to_owned(),
        non_waivable: answer.info.non_waivable,
        who: answer.info.who,
        references: answer.info.references,
        waiver,
    }
}

/// The exception in force that waives `rule`: the one that lasts longest, so that the result does not depend on order.
fn waiver<'a>(rule: &str, input: &'a Input) -> Option<&'a Exception> {
    let in_force = input.exceptions.iter().filter(|exception| exception.rule == rule && exception.expires_at > input.now);
    in_force.max_by(|left, right| (left.expires_at, &left.id).cmp(&(right.expires_at, &right.id)))
}
