//! The rules that nobody can waive and no bundle can switch off: pure functions of the input document.

mod scan;

pub use scan::{FileScan, file_scans};

use super::finding::Outcome;
use super::gate::Gate;
use super::input::{ActorKind, Decision, Fixity, Input, Recognised};
use super::rule::{RuleInfo, Source};
use crate::names::{ModelKind, PolicyMode, RiskTier, State, clipped};
use crate::wording::counted;

/// Environments in which a version that is not released may be served (`state.servable`).
pub const TEST_ENVIRONMENTS: &[&str] = &["development", "staging", "test"];

/// How many problems one message names; the rest is counted.
const SHOWN: usize = 5;

/// What a rule says, before waivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Pass, fail or not applicable.
    pub outcome: Outcome,
    /// What was found.
    pub message: String,
    /// What to do, when that is not what the rule says for every failure.
    pub remedy: Option<&'static str>,
}

/// One rule: what is known about it, and the function that evaluates it.
pub struct Rule {
    /// Identifier.
    pub id: &'static str,
    /// Gates that it belongs to.
    pub gates: &'static [Gate],
    /// One line that says what it asks.
    pub title: &'static str,
    /// Requirement ids and outside controls.
    pub references: &'static [&'static str],
    /// What to do when it fails.
    pub remedy: &'static str,
    /// Roles that can supply what is missing.
    pub who: &'static [&'static str],
    /// The rule itself.
    pub evaluate: fn(&Input) -> Answer,
}

/// The rule about who rolls back.
pub const ROLLBACK_ACTOR_RULE: &str = "rollback.actor";

/// All non-waivable rules.
pub const RULES: &[Rule] = &[
    Rule {
        id: "artifact.intact",
        gates: &[Gate::Candidate, Gate::Rollback],
        title: "the registry holds every file and its bytes match their digest",
        references: &["ART-2", "VER-1", "POL-4"],
        remedy: "upload the missing files again; a corrupt file needs its bytes back from a backup or a new version",
        who: &["contributor", "administrator"],
        evaluate: artifact_intact,
    },
    Rule {
        id: "artifact.scan",
        gates: &[Gate::Candidate, Gate::Rollback, Gate::Deploy],
        title: "no file is dangerous, every file was scanned, and the security role cleared what the scan did not",
        references: &["ART-4", "POL-4", "EU-AI-Act Art. 15", "NIST AI RMF MEASURE 2.7"],
        remedy: "register a version without the dangerous file; a wrong verdict is corrected in the rules of the scanner, by two people, and the package scanned again",
        who: &["contributor", "security"],
        evaluate: scan::artifact_scan,
    },
    Rule {
        id: "decision.signed",
        gates: &[Gate::Production],
        title: "a signed decision that is in the ledger allows exactly this release",
        references: &["APR-4", "POL-4"],
        remedy: "complete the promotion so that its decision is signed and recorded, then execute it before it expires",
        who: &["approver"],
        evaluate: decision_signed,
    },
    Rule {
        id: "promoter.pipeline",
        gates: &[Gate::Production],
        title: "only a pipeline that is known by its workload identity releases a version of a high-risk model",
        references: &["POL-5", "EU-AI-Act Art. 17"],
        remedy: "execute the promotion from the release pipeline, which logs in with the token of its own run (`chancery login`)",
        who: &["pipeline"],
        evaluate: promoter_pipeline,
    },
    Rule {
        id: ROLLBACK_ACTOR_RULE,
        gates: &[Gate::Rollback],
        title: "a named person in the role incident rolls back, or a pipeline, for a high tier one that is known by its workload identity",
        references: &["LIF-5", "LIF-2"],
        remedy: "ask a person who holds the role incident, or run the rollback from a pipeline that logs in with the token of its own run",
        who: &["incident", "pipeline"],
        evaluate: rollback_actor,
    },
    Rule {
        id: "rollback.was-production",
        gates: &[Gate::Rollback],
        title: "a rollback goes to a version that was in production before",
        references: &["LIF-5"],
        remedy: "choose a version that was in production, or promote this one through all gates",
        who: &["incident"],
        evaluate: rollback_was_production,
    },
    Rule {
        id: "state.servable",
        gates: &[Gate::Deploy],
        title: "only a released version is deployed",
        references: &["LIF-1", "LIF-4"],
        remedy: "promote the version to production first, or deploy a version that is in production",
        who: &["pipeline", "deployer"],
        evaluate: state_servable,
    },
    Rule {
        id: "tier.permitted",
        gates: &[Gate::Candidate, Gate::Rollback],
        title: "nothing of a prohibited model is promoted, and a high-risk model is never promoted under warn",
        references: &["ENT-3", "POL-1", "EU-AI-Act Art. 5"],
        remedy: "a prohibited practice stays a draft; for tier high set the model's policy mode to enforce",
        who: &["ai-governance"],
        evaluate: tier_permitted,
    },
];

/// What is known about every non-waivable rule.
pub fn infos() -> Vec<RuleInfo> {
    RULES.iter().map(info).collect()
}

/// What is known about one rule.
pub(super) fn info(rule: &Rule) -> RuleInfo {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    RuleInfo {
        id: rule.id.to_owned(),
        gates: rule.gates.to_vec(),
        non_waivable: true,
        title: rule.title.to_owned(),
        references: owned(rule.references),
        remedy: rule.remedy.to_owned(),
        who: owned(rule.who),
        source: Source::Core,
    }
}

fn pass(message: impl Into<String>) -> Answer {
    Answer { outcome: Outcome::Pass, message: message.into(), remedy: None }
}

fn not_applicable(message: impl Into<String>) -> Answer {
    Answer { outcome: Outcome::NotApplicable, message: message.into(), remedy: None }
}

fn fail(message: impl Into<String>) -> Answer {
    Answer { outcome: Outcome::Fail, message: message.into(), remedy: None }
}

fn artifact_intact(input: &Input) -> Answer {
    let version = &input.version;
    if !version.bytes_held && !version.source.is_empty() {
        let message = format!("the bytes of the version are elsewhere, at `{}`; the registry does not hold them", clipped(&version.source));
        return Answer { remedy: Some("bring them in from a folder with `chancery version attach`"), ..fail(message) };
    }
    match (input.model.kind, version.files.is_empty()) {
        (ModelKind::System, true) => return not_applicable("the version is a composition without files of its own"),
        (_, true) => return fail("the version has no files"),
        (_, false) => {}
    }
    let broken: Vec<String> =
        version.files.iter().filter(|file| file.fixity != Fixity::Intact).map(|file| format!("`{}` is {}", file.path, file.fixity)).collect();
    if !broken.is_empty() {
        let rest = broken.len().saturating_sub(SHOWN);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let shown = broken.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        return fail(format!("{} of {} files are not intact: {shown}{more}", broken.len(), version.files.len()));
    }
    if !version.bytes_held {
        return fail("the registry does not hold the bytes of the version");
    }
    pass(format!("{} held, each with its digest", counted(version.files.len(), "file", "files")))
}

fn tier_permitted(input: &Input) -> Answer {
    match (input.model.risk.tier, input.mode) {
        (RiskTier::Prohibited, _) => fail("risk tier prohibited: nothing of this model may be promoted"),
        (RiskTier::High, PolicyMode::Warn) => fail("policy mode warn is refused for risk tier high"),
        (RiskTier::Unclassified, PolicyMode::Enforce) => pass("risk tier unclassified counts as high"),
        (tier @ (RiskTier::Unclassified | RiskTier::Minimal | RiskTier::Limited | RiskTier::High), _) => {
            pass(format!("risk tier {tier} may be promoted under {}", input.mode))
        }
    }
}

fn promoter_pipeline(input: &Input) -> Answer {
    let tier = input.model.risk.tier;
    match (input.effective_tier(), input.actor.kind) {
        (RiskTier::Unclassified | RiskTier::Minimal | RiskTier::Limited, _) => not_applicable(format!("risk tier {tier} may be released by a person")),
        (RiskTier::High | RiskTier::Prohibited, ActorKind::Pipeline) => pipeline_of_high_tier(input),
        (RiskTier::High | RiskTier::Prohibited, kind @ (ActorKind::Person | ActorKind::Service | ActorKind::System)) => {
            fail(format!("risk tier {tier} needs a pipeline, and a {kind} asks"))
        }
    }
}

/// A pipeline changes what serves a high tier only as a run that its own issuer vouches for: a stored token is whoever has it.
fn pipeline_of_high_tier(input: &Input) -> Answer {
    match input.actor.credential {
        Recognised::Workload => pass("a pipeline asks, known by the token of its run"),
        Recognised::Token | Recognised::Login | Recognised::None => Answer {
            remedy: Some(
                "let the pipeline log in with the token of its own run: `chancery login --github` or `--workload-token-file FILE` (docs/pipelines.md)",
            ),
            ..fail(format!(
                "risk tier {} needs a pipeline that is known by its workload identity, and this one came with a token that is kept somewhere",
                input.model.risk.tier
            ))
        },
    }
}

fn decision_signed(input: &Input) -> Answer {
    if input.target != State::Production {
        return not_applicable(format!("state {} needs no signed decision", input.target));
    }
    let Some(decision) = &input.decision else {
        return fail("there is no decision for this release");
    };
    match decision_problem(input, decision) {
        Some(problem) => fail(format!("decision `{}` {problem}", decision.id)),
        None => pass(format!("decision `{}` is signed and in the ledger", decision.id)),
    }
}

fn decision_problem(input: &Input, decision: &Decision) -> Option<String> {
    if decision.decision != "APPROVED" {
        return Some(format!("says {}, not APPROVED", decision.decision));
    }
    if decision.version_digest != input.version.version_digest {
        return Some("is about another version digest".to_owned());
    }
    if decision.target != input.target {
        return Some(format!("allows state {}, not {}", decision.target, input.target));
    }
    if decision.environment != input.environment {
        return Some(format!("allows environment `{}`, not `{}`", decision.environment, input.environment));
    }
    if !decision.signature_valid {
        return Some("has no valid signature".to_owned());
    }
    if decision.index.is_none() {
        return Some("is not in the ledger".to_owned());
    }
    (decision.expires_at <= input.now).then(|| format!("expired at {}", decision.expires_at))
}

fn state_servable(input: &Input) -> Answer {
    match input.version.state {
        State::Production => pass("the version is in production"),
        state @ (State::Candidate | State::Approved) if TEST_ENVIRONMENTS.contains(&input.environment.as_str()) => {
            pass(format!("state {state} may be served in `{}`", input.environment))
        }
        state @ (State::Draft | State::Candidate | State::Approved | State::Deprecated | State::Retired) => {
            fail(format!("state {state} may not be deployed to `{}`", input.environment))
        }
    }
}

fn rollback_was_production(input: &Input) -> Answer {
    if input.version.was_production { pass("the version was in production before") } else { fail("the version was never in production") }
}

fn rollback_actor(input: &Input) -> Answer {
    let incident = input.actor.roles.iter().any(|role| role == "incident");
    match input.actor.kind {
        ActorKind::Pipeline => match input.effective_tier() {
            RiskTier::High | RiskTier::Prohibited => pipeline_of_high_tier(input),
            RiskTier::Unclassified | RiskTier::Minimal | RiskTier::Limited => pass("a pipeline asks"),
        },
        ActorKind::Person if incident => pass("a person in the role incident asks"),
        ActorKind::Person => fail("the person who asks does not hold the role incident"),
        kind @ (ActorKind::Service | ActorKind::System) => fail(format!("a {kind} may not roll back")),
    }
}
