//! What the rules said, in the order in which an approver reads it: what fails first, and what concerns the own role first.

use chancery_core::names::Timestamp;
use chancery_core::policy::{Finding, Outcome};
use chancery_core::promotion::waits_for_others;

use super::super::layout::sentence;
use super::words::{clip, joined};
use crate::app::promotions::{PersonView, PromotionView};

/// Longest message and remedy, in letters.
const LONGEST: usize = 600;

/// What rules are about that a role of approval looks at first, by the beginning of their ids. It orders the page and decides nothing.
const CONCERNS: [(&str, &[&str]); 4] = [
    ("security", &["artifact.", "vulnerability.", "sbom.", "provenance.", "licence.", "attestation.", "facts."]),
    ("platform", &["environment.", "build.", "signature.", "rollback.", "monitor.", "components."]),
    ("product", &["metric.", "evaluation.", "use.", "change.", "owner."]),
    ("ai-governance", &["risk.", "card.", "explainability.", "review.", "template.", "entry.", "condition.", "document.", "metric."]),
];

/// A finding as it is shown.
#[derive(Debug)]
pub(super) struct Line {
    /// `pass`, `fail`, `waived`, or `not-applicable`.
    pub(super) kind: &'static str,
    /// Rule.
    pub(super) rule: String,
    /// What was found.
    pub(super) message: String,
    /// What to do.
    pub(super) remedy: Option<String>,
    /// Who can supply what is missing.
    pub(super) people: String,
    /// The exception that waives it.
    pub(super) waiver: Option<String>,
    /// Until when it does.
    pub(super) waived_until: Option<Timestamp>,
    /// Gate.
    pub(super) gate: String,
    /// What stands behind the rule.
    pub(super) references: String,
}

impl Line {
    /// Whether it is shown open.
    pub(super) fn open(&self) -> bool {
        self.kind == "fail"
    }
}

/// Names of people, or their ids where the names are erased.
pub(super) fn names(people: &[PersonView]) -> Vec<String> {
    people.iter().map(|person| person.name.clone().unwrap_or_else(|| person.id.clone())).collect()
}

fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fail => 0,
        Outcome::Waived => 1,
        Outcome::Pass => 2,
        Outcome::NotApplicable => 3,
    }
}

fn line(view: &PromotionView, finding: &Finding) -> Line {
    let people = view.missing.iter().find(|missing| missing.finding.rule == finding.rule).map(|missing| names(&missing.people)).unwrap_or_default();
    let exception = finding.waiver.as_ref().and_then(|id| view.exceptions.iter().find(|known| known.id.as_str() == id));
    Line {
        kind: finding.outcome.as_str(),
        rule: clip(&finding.rule, 120),
        message: clip(&finding.message, LONGEST),
        remedy: finding.remedy.as_deref().map(|text| sentence(&clip(text, LONGEST))),
        people: joined(&people),
        waiver: finding.waiver.clone(),
        waived_until: exception.map(|known| known.expires_at),
        gate: finding.gate.clone(),
        references: finding.references.join(", "),
    }
}

/// The findings in two lists: those that concern these roles, and the others. What does not apply is left out, and counted.
pub(super) fn lists(view: &PromotionView, roles: &[String]) -> (Vec<Line>, Vec<Line>, usize) {
    let mut shown: Vec<&Finding> = view.findings.iter().filter(|finding| finding.outcome != Outcome::NotApplicable).collect();
    shown.sort_by_key(|finding| rank(finding.outcome));
    let concerns = |finding: &Finding| {
        let begins = |role: &String| CONCERNS.iter().any(|(known, rules)| known == role && rules.iter().any(|begin| finding.rule.starts_with(begin)));
        roles.iter().any(|role| finding.who.contains(role) || begins(role))
    };
    let (own, others): (Vec<&Finding>, Vec<&Finding>) = shown.iter().partition(|finding| concerns(finding));
    let lines = |findings: Vec<&Finding>| findings.into_iter().map(|finding| line(view, finding)).collect();
    (lines(own), lines(others), view.findings.len() - shown.len())
}

/// How many rules fail by themselves, are waived, and pass.
pub(super) fn tally(view: &PromotionView) -> (usize, usize, usize) {
    let count = |wanted: Outcome| view.findings.iter().filter(|finding| finding.outcome == wanted && !waits_for_others(&finding.rule)).count();
    (count(Outcome::Fail), count(Outcome::Waived), view.findings.iter().filter(|finding| finding.outcome == Outcome::Pass).count())
}
