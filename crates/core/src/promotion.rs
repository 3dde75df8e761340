//! Promotions: opened by CI or a person, reviewed by named people, decided by a signed record, executed (APR-1, APR-2, APR-4).
//!
//! The gates are evaluated before sequencing; a command carries their record. The sequencer compares the revisions that
//! were noted then, so a record is never older than what it is about.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalVerdict, Condition, check_conditions};
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::lifecycle::{Move, steps, transition};
use crate::names::{ActorId, AliasName, Digest, ExceptionId, Label, ModelId, PromotionId, RiskTier, State, Timestamp, VersionNumber, check_text};
use crate::policy::Finding;
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{ApprovalRow, DecisionRow, ModelRow, OpenPromotionRow, PromotionRow};
use crate::{alias, exception, model, version};

crate::words! {
    /// Where a promotion stands.
    Status, "status" {
        /// Waiting for evidence, approvals or execution.
        Open = "open",
        /// The version reached the target.
        Executed = "executed",
        /// A reviewer said no.
        Rejected = "rejected",
        /// Whoever asked took it back.
        Cancelled = "cancelled",
    }
}

crate::words! {
    /// Kind of a signed decision (`decision-v1.schema.json`).
    DecisionKind, "decision" {
        /// The version may go to the target.
        Approved = "APPROVED",
        /// It may not.
        Rejected = "REJECTED",
        /// It went there.
        Executed = "EXECUTED",
        /// A rule was waived.
        ExceptionGranted = "EXCEPTION_GRANTED",
    }
}

/// What the gates said, made before sequencing.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRecord {
    /// The whole verdict as canonical JSON.
    pub payload: Payload,
    /// Rules that failed.
    pub failed: Vec<Finding>,
    /// Whether the failures block: every one under `enforce`; under `warn` only a tier that may not be ungated.
    pub blocks: bool,
}

impl GateRecord {
    /// Refuses when the gates block.
    ///
    /// # Errors
    /// `gate_failed`, with the failed rules; `non_waivable` when only rules that nobody can waive stand in the way.
    pub fn check(&self) -> Result<(), Refusal> {
        if !self.blocks {
            return Ok(());
        }
        let code = if self.failed.iter().all(|finding| finding.non_waivable) { Code::NonWaivable } else { Code::GateFailed };
        Err(Refusal::new(code, &format!("{} failed: {}", plural(self.failed.len(), "rule"), self.failed_rules().join(", ")))
            .remedy("see the remedy of each finding, then ask again")
            .findings(self.failed.clone()))
    }

    /// Whether rules failed and mode `warn` lets the version pass.
    pub fn ungated(&self) -> bool {
        !self.failed.is_empty() && !self.blocks
    }

    /// Ids of the failed rules.
    pub fn failed_rules(&self) -> Vec<String> {
        self.failed.iter().map(|finding| finding.rule.clone()).collect()
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A decision that was signed before sequencing.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedDecision {
    /// Id inside the envelope.
    pub id: String,
    /// Kind.
    pub decision: DecisionKind,
    /// The DSSE envelope.
    pub envelope: Payload,
    /// Until when it counts.
    pub expires_at: Option<Timestamp>,
}

/// Commands on promotions.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Opens a promotion.
    Open {
        /// New identifier.
        id: PromotionId,
        /// Model.
        model: ModelId,
        /// Version.
        number: VersionNumber,
        /// Target state.
        target: State,
        /// Environment.
        environment: Label,
        /// Digest of the evidence set that the gates read.
        evidence_set: Digest,
        /// What the gates said.
        gate: GateRecord,
        /// Why, by who asks.
        comment: Option<PrivateText>,
    },
    /// Freezes the evidence set anew.
    Refresh {
        /// Promotion.
        promotion: PromotionId,
        /// Digest of the evidence set now.
        evidence_set: Digest,
        /// What the gates said.
        gate: GateRecord,
    },
    /// Gives a verdict.
    Review {
        /// Promotion.
        promotion: PromotionId,
        /// Role in which it is given.
        role: Label,
        /// Yes or no.
        verdict: ApprovalVerdict,
        /// The evidence set that the person saw.
        evidence_set: Digest,
        /// Comment.
        comment: Option<PrivateText>,
        /// Ticket reference.
        ticket: Option<String>,
        /// Conditions.
        conditions: Vec<Condition>,
        /// Until when it counts.
        expires_at: Timestamp,
        /// The signed approval.
        envelope: Payload,
        /// People who may not approve: registrar, uploaders of evidence, opener.
        authors: Vec<ActorId>,
        /// Roles in which this person has approved already.
        other_roles: Vec<Label>,
        /// The decision that a rejection is.
        decision: Option<SignedDecision>,
    },
    /// Records the decision that the version may go to the target: every gate before execution holds.
    Decide {
        /// Promotion.
        promotion: PromotionId,
        /// The signed record.
        decision: SignedDecision,
    },
    /// Takes an approval back.
    Withdraw {
        /// Promotion.
        promotion: PromotionId,
        /// Role.
        role: Label,
        /// Why.
        reason: PrivateText,
    },
    /// Ends an open promotion.
    Cancel {
        /// Promotion.
        promotion: PromotionId,
        /// Why.
        reason: PrivateText,
    },
    /// Moves the version to the target.
    Execute {
        /// Promotion.
        promotion: PromotionId,
        /// What the gates said just now.
        gate: GateRecord,
        /// The signed record.
        decision: SignedDecision,
        /// Versions in production that this one replaces.
        replaced: Vec<VersionNumber>,
    },
    /// Goes back to a version that was in production.
    Rollback {
        /// Model.
        model: ModelId,
        /// Version to go back to.
        to: VersionNumber,
        /// Versions in production that it replaces.
        replaced: Vec<VersionNumber>,
        /// Why.
        reason: PrivateText,
        /// What the rollback gate said.
        gate: GateRecord,
        /// Rules of the production gate that are waived for 72 hours, with an id each.
        exceptions: Vec<(ExceptionId, String)>,
        /// When the waivers end.
        exceptions_end: Timestamp,
        /// Aliases that follow.
        aliases: Vec<AliasName>,
        /// The signed record.
        decision: SignedDecision,
    },
}

/// What happened. The subject is the promotion, or for a decision the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was opened.
    #[serde(rename = "promotion.opened")]
    Opened {
        /// Version.
        version: Subject,
        /// Target state.
        target: State,
        /// Environment.
        environment: Label,
        /// Frozen evidence set.
        evidence_set: Digest,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Payload with the verdict.
        verdict: Digest,
        /// Rules that failed.
        failed: Vec<String>,
        /// Comment, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Digest>,
    },
    /// Its evidence set was frozen anew; approvals of another set no longer count.
    #[serde(rename = "promotion.refreshed")]
    Refreshed {
        /// Frozen evidence set.
        evidence_set: Digest,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Payload with the verdict.
        verdict: Digest,
        /// Rules that failed.
        failed: Vec<String>,
        /// Whether approvals lapsed by it.
        lapsed: bool,
    },
    /// A verdict was given.
    #[serde(rename = "approval.recorded")]
    ApprovalRecorded {
        /// Role.
        role: Label,
        /// Yes or no.
        verdict: ApprovalVerdict,
        /// What was signed for.
        version_digest: Digest,
        /// Target.
        target: State,
        /// Environment.
        environment: Label,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Evidence set that was shown.
        evidence_set: Digest,
        /// Comment, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Digest>,
        /// Ticket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<String>,
        /// Conditions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Condition>,
        /// Payload with the signed approval.
        envelope: Digest,
        /// Until when it counts.
        expires_at: Timestamp,
    },
    /// An approval was taken back.
    #[serde(rename = "approval.withdrawn")]
    ApprovalWithdrawn {
        /// Role.
        role: Label,
        /// Why, in the vault.
        reason: Digest,
    },
    /// A decision was signed; the subject is the version.
    #[serde(rename = "decision.recorded")]
    DecisionRecorded {
        /// Id inside the envelope.
        id: String,
        /// Kind.
        decision: DecisionKind,
        /// Payload with the envelope.
        envelope: Digest,
        /// Promotion, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promotion: Option<PromotionId>,
        /// Target.
        target: State,
        /// Environment.
        environment: Label,
        /// Until when it counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// The version reached the target.
    #[serde(rename = "promotion.executed")]
    Executed {
        /// Payload with the verdict at execution.
        verdict: Digest,
    },
    /// A reviewer said no.
    #[serde(rename = "promotion.rejected")]
    Rejected {
        /// Role that said no.
        role: Label,
    },
    /// It was taken back.
    #[serde(rename = "promotion.cancelled")]
    Cancelled {
        /// Why, in the vault.
        reason: Digest,
    },
}

pub(crate) fn open(rows: &mut Rows, id: &PromotionId) -> Result<PromotionRow, Stop> {
    let row = rows.get::<PromotionRow>(&[id])?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
    if row.status != Status::Open {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the promotion is {} already", row.status))
            .field("promotion")
            .remedy("open a new one with `promote`")
            .into());
    }
    Ok(row)
}

/// Decides a command on promotions.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Open { id, model, number, target, environment, evidence_set, gate, comment } => {
            let version = version::existing(rows, model, *number)?;
            check_forward(version.state, *target)?;
            if rows.get::<PromotionRow>(&[id])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("promotion id `{id}` is given already")).field("promotion").into());
            }
            if let Some(other) = rows.get::<OpenPromotionRow>(&[model, number, target])? {
                return Err(Refusal::new(Code::AlreadyExists, &format!("promotion `{}` to {target} is open already", other.promotion_id)).into());
            }
            let risk_tier = model::existing(rows, model)?.risk_tier;
            let event = Event::Opened {
                version: Subject::Version(model.clone(), *number),
                target: *target,
                environment: environment.clone(),
                evidence_set: *evidence_set,
                risk_tier,
                verdict: gate.payload.digest,
                failed: gate.failed_rules(),
                comment: comment.as_ref().map(|comment| comment.digest),
            };
            Ok(vec![Draft::new(Subject::Promotion(id.clone()), event).payload(gate.payload.clone()).private(comment.as_ref())])
        }
        Command::Refresh { promotion, evidence_set, gate } => {
            let row = open(rows, promotion)?;
            let model = model::existing(rows, &row.model_id)?;
            let event = Event::Refreshed {
                evidence_set: *evidence_set,
                risk_tier: model.risk_tier,
                verdict: gate.payload.digest,
                failed: gate.failed_rules(),
                // By the entry that set the tier and not by its word: what lapsed once stays lapsed when the word comes back.
                lapsed: *evidence_set != row.evidence_set || model.tier_index != row.tier_index,
            };
            Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), event).payload(gate.payload.clone())])
        }
        Command::Review { .. } => review(rows, context, command),
        Command::Decide { promotion, decision } => {
            let row = open(rows, promotion)?;
            let standing = match row.decision {
                Some(digest) => rows.get::<DecisionRow>(&[&digest])?.is_some_and(|decision| decision.expires_at.is_none_or(|end| end > context.now)),
                None => false,
            };
            if standing {
                return Err(Refusal::new(Code::AlreadyExists, "the promotion has its decision already").into());
            }
            Ok(vec![decision_draft(&row, decision)])
        }
        Command::Withdraw { promotion, role, reason } => {
            open(rows, promotion)?;
            let approval = rows.get::<ApprovalRow>(&[promotion, role, &context.actor])?;
            if approval.is_none_or(|approval| approval.withdrawn) {
                return Err(Refusal::not_found("approval of yours in role", role.as_str()).into());
            }
            let event = Event::ApprovalWithdrawn { role: role.clone(), reason: reason.digest };
            Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), event).private(Some(reason))])
        }
        Command::Cancel { promotion, reason } => {
            open(rows, promotion)?;
            Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), Event::Cancelled { reason: reason.digest }).private(Some(reason))])
        }
        Command::Execute { promotion, gate, decision, replaced } => execute(rows, promotion, gate, decision, replaced),
        Command::Rollback { .. } => rollback(rows, command),
    }
}

fn check_forward(from: State, to: State) -> Result<(), Refusal> {
    let refused = |why: &str, remedy: &str| Refusal::new(Code::TransitionRefused, &format!("the version is {from}: {why}")).field("to").remedy(remedy);
    match transition(from, to) {
        Move::Promote => Ok(()),
        Move::Same => Err(refused("it is there already", "nothing to do")),
        Move::Rollback => Err(refused("going back to production is a rollback", "use `rollback`")),
        Move::Refused(remedy) => Err(refused(&format!("it cannot become {to}"), remedy)),
        Move::Demote | Move::Deprecate | Move::Reinstate | Move::Retire => {
            Err(refused(&format!("becoming {to} is no promotion"), "use `demote`, `deprecate` or `retire`"))
        }
    }
}

fn review(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Review { promotion, role, verdict, evidence_set, comment, ticket, conditions, expires_at, envelope, authors, other_roles, decision } = command
    else {
        return Ok(Vec::new());
    };
    check_conditions(conditions)?;
    check_text("ticket", ticket.as_deref().unwrap_or_default(), 200)?;
    let row = open(rows, promotion)?;
    if *verdict == ApprovalVerdict::Approve && authors.contains(&context.actor) {
        return Err(Refusal::new(Code::SeparationOfDuties, "an author does not approve: you registered the version, added evidence or opened the promotion")
            .remedy("ask someone else in that role")
            .into());
    }
    if let (ApprovalVerdict::Approve, Some(other)) = (verdict, other_roles.first()) {
        return Err(Refusal::new(Code::SeparationOfDuties, &format!("you have approved as `{other}`; one person approves in one role"))
            .field("role")
            .remedy("ask someone else in that role")
            .into());
    }
    if *evidence_set != row.evidence_set {
        return Err(Refusal::new(Code::PreconditionFailed, "the evidence changed while you read; nothing was signed")
            .field("evidence_set")
            .remedy("look at the promotion again and give your verdict on what it shows now")
            .into());
    }
    let current = rows.get::<ApprovalRow>(&[promotion, role, &context.actor])?;
    // A verdict that no longer counts, because it expired or was given for another tier, is given anew.
    let stands =
        |given: &ApprovalRow| !given.withdrawn && given.evidence_set == *evidence_set && given.tier_index == row.tier_index && given.expires_at > context.now;
    if current.is_some_and(|given| given.verdict == *verdict && stands(&given)) {
        return Err(Refusal::new(Code::AlreadyExists, &format!("you gave this verdict as `{role}` already")).field("role").into());
    }
    let version = version::existing(rows, &row.model_id, row.number)?;
    let subject = Subject::Promotion(promotion.clone());
    let event = Event::ApprovalRecorded {
        role: role.clone(),
        verdict: *verdict,
        version_digest: version.version_digest,
        target: row.target,
        environment: row.environment.clone(),
        risk_tier: row.risk_tier,
        evidence_set: *evidence_set,
        comment: comment.as_ref().map(|comment| comment.digest),
        ticket: ticket.clone(),
        conditions: conditions.clone(),
        envelope: envelope.digest,
        expires_at: *expires_at,
    };
    let mut drafts = vec![Draft::new(subject.clone(), event).payload(envelope.clone()).private(comment.as_ref())];
    if *verdict == ApprovalVerdict::Reject {
        drafts.push(Draft::new(subject, Event::Rejected { role: role.clone() }));
    }
    drafts.extend(decision.as_ref().map(|decision| decision_draft(&row, decision)));
    Ok(drafts)
}

pub(crate) fn decision_draft(row: &PromotionRow, decision: &SignedDecision) -> Draft {
    let event = Event::DecisionRecorded {
        id: decision.id.clone(),
        decision: decision.decision,
        envelope: decision.envelope.digest,
        promotion: Some(row.promotion_id.clone()),
        target: row.target,
        environment: row.environment.clone(),
        expires_at: decision.expires_at,
    };
    Draft::new(Subject::Version(row.model_id.clone(), row.number), event).payload(decision.envelope.clone())
}

pub(crate) fn execute(
    rows: &mut Rows,
    promotion: &PromotionId,
    gate: &GateRecord,
    decision: &SignedDecision,
    replaced: &[VersionNumber],
) -> Result<Vec<Draft>, Stop> {
    let row = open(rows, promotion)?;
    let version = version::existing(rows, &row.model_id, row.number)?;
    check_forward(version.state, row.target)?;
    gate.check()?;
    let mut drafts = Vec::new();
    let mut from = version.state;
    for to in steps(version.state, row.target) {
        let event = version::Event::Transitioned {
            from,
            to,
            reason: None,
            promotion: Some(promotion.clone()),
            verdict: Some(gate.payload.digest),
            ungated: gate.ungated(),
            successor: None,
            sunset: None,
        };
        drafts.push(Draft::new(Subject::Version(row.model_id.clone(), row.number), event));
        from = to;
    }
    drafts.extend(replacements(rows, &row.model_id, replaced, row.number, row.target, None)?);
    drafts.push(decision_draft(&row, decision));
    drafts.push(Draft::new(Subject::Promotion(promotion.clone()), Event::Executed { verdict: gate.payload.digest }).payload(gate.payload.clone()));
    Ok(drafts)
}

/// The states of versions that one which becomes `target` replaces: what is in production, or what is on its way there.
pub fn replaceable(target: State) -> &'static [State] {
    match target {
        State::Candidate => &[State::Candidate, State::Approved],
        State::Production => &[State::Production],
        State::Draft | State::Approved | State::Deprecated | State::Retired => &[],
    }
}

/// The entries that deprecate the versions which one that becomes `target` replaces, each once.
fn replacements(
    rows: &mut Rows,
    model: &ModelId,
    replaced: &[VersionNumber],
    successor: VersionNumber,
    target: State,
    reason: Option<Digest>,
) -> Result<Vec<Draft>, Stop> {
    let numbers: BTreeSet<VersionNumber> = replaced.iter().copied().collect();
    numbers.into_iter().map(|number| replacement(rows, model, number, successor, target, reason)).collect()
}

fn replacement(
    rows: &mut Rows,
    model: &ModelId,
    number: VersionNumber,
    successor: VersionNumber,
    target: State,
    reason: Option<Digest>,
) -> Result<Draft, Stop> {
    let other = version::existing(rows, model, number)?;
    if !replaceable(target).contains(&other.state) {
        return Err(Refusal::new(Code::PreconditionFailed, &format!("version {number}, which would be replaced, is {} and not in {target}", other.state))
            .field("replaced")
            .remedy("read the versions in that state again and repeat the command")
            .into());
    }
    let event = version::Event::Transitioned {
        from: other.state,
        to: State::Deprecated,
        reason,
        promotion: None,
        verdict: None,
        ungated: false,
        successor: Some(successor),
        sunset: None,
    };
    Ok(Draft::new(Subject::Version(model.clone(), number), event))
}

fn rollback(rows: &mut Rows, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Rollback { model, to, replaced, reason, gate, exceptions, exceptions_end, aliases, decision } = command else { return Ok(Vec::new()) };
    let version = version::existing(rows, model, *to)?;
    if transition(version.state, State::Production) != Move::Rollback || version.production_index.is_none() {
        return Err(Refusal::new(
            Code::TransitionRefused,
            &format!("version {to} is {}: only a deprecated version that was in production can be rolled back to", version.state),
        )
        .field("to")
        .remedy("promote it through its gates")
        .into());
    }
    gate.check()?;
    let subject = Subject::Version(model.clone(), *to);
    let event = version::Event::Transitioned {
        from: version.state,
        to: State::Production,
        reason: Some(reason.digest),
        promotion: None,
        verdict: Some(gate.payload.digest),
        ungated: gate.ungated(),
        successor: None,
        sunset: None,
    };
    let mut drafts = vec![Draft::new(subject.clone(), event).payload(gate.payload.clone()).private(Some(reason))];
    drafts.extend(replacements(rows, model, replaced, *to, State::Production, Some(reason.digest))?);
    let waived = exception::Imposed {
        origin: exception::Origin::Rollback,
        model,
        number: *to,
        reason: reason.digest,
        expires_at: *exceptions_end,
        promotion: None,
    };
    drafts.extend(exception::imposed(&waived, exceptions)?);
    for name in aliases {
        let from = rows.get::<crate::tables::AliasRow>(&[model, name])?.map(|row| row.number);
        drafts.push(Draft::new(subject.clone(), alias::Event::Set { alias: name.clone(), from, finding: None }));
    }
    let event = Event::DecisionRecorded {
        id: decision.id.clone(),
        decision: decision.decision,
        envelope: decision.envelope.digest,
        promotion: None,
        target: State::Production,
        environment: Label::parse("production")?,
        expires_at: decision.expires_at,
    };
    drafts.push(Draft::new(subject, event).payload(decision.envelope.clone()));
    Ok(drafts)
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    match (event, &entry.subject) {
        (Event::Opened { version, target, environment, evidence_set, risk_tier, verdict, .. }, Subject::Promotion(id)) => {
            let Subject::Version(model_id, number) = version else { return Ok(()) };
            let tier_index = tier_index(rows, model_id)?;
            rows.put(&OpenPromotionRow { model_id: model_id.clone(), number: *number, target: *target, promotion_id: id.clone() });
            rows.put(&PromotionRow {
                promotion_id: id.clone(),
                model_id: model_id.clone(),
                number: *number,
                target: *target,
                environment: environment.clone(),
                status: Status::Open,
                evidence_set: *evidence_set,
                risk_tier: *risk_tier,
                tier_index,
                opened_by: entry.actor.clone(),
                opened_at: entry.at,
                opened_index: entry.index,
                verdict: *verdict,
                decision: None,
                revision: entry.index,
            });
            record(rows, entry, &entry.subject, "status", Some(Status::Open.as_str()))
        }
        (Event::DecisionRecorded { id, decision, envelope, promotion, target, environment, expires_at }, Subject::Version(model_id, number)) => {
            rows.put(&DecisionRow {
                digest: *envelope,
                decision_id: id.clone(),
                decision: *decision,
                promotion_id: promotion.clone(),
                model_id: model_id.clone(),
                number: *number,
                target: *target,
                environment: environment.clone(),
                expires_at: *expires_at,
                entry_index: entry.index,
            });
            if let Some(promotion) = promotion
                && let Some(row) = rows.get::<PromotionRow>(&[promotion])?
            {
                // A rejection or an execution is a decision too, and not the one that approves.
                let approves = if *decision == DecisionKind::Approved { Some(*envelope) } else { row.decision };
                rows.put(&PromotionRow { decision: approves, revision: entry.index, ..row });
            }
            version::touch_subject(rows, entry)
        }
        (_, Subject::Promotion(id)) => match rows.get::<PromotionRow>(&[id])? {
            Some(row) => apply_change(rows, entry, event, row),
            None => Ok(()),
        },
        (
            _,
            Subject::Registry
            | Subject::Model(_)
            | Subject::Version(..)
            | Subject::Actor(_)
            | Subject::Token(_)
            | Subject::Exception(_)
            | Subject::Risk(_)
            | Subject::Review(_)
            | Subject::Bundle(_)
            | Subject::Template(_),
        ) => Ok(()),
    }
}

/// The entry that set the tier of a model.
fn tier_index(rows: &mut Rows, model: &ModelId) -> Result<u64, Missing> {
    Ok(rows.get::<ModelRow>(&[model])?.map_or(0, |row| row.tier_index))
}

fn apply_change(rows: &mut Rows, entry: &Entry, event: &Event, row: PromotionRow) -> Result<(), Missing> {
    let row = PromotionRow { revision: entry.index, ..row };
    match event {
        Event::Opened { .. } | Event::DecisionRecorded { .. } => {}
        Event::Refreshed { evidence_set, risk_tier, verdict, lapsed, .. } => {
            let decision = if *lapsed { None } else { row.decision };
            let tier_index = tier_index(rows, &row.model_id)?;
            rows.put(&PromotionRow { evidence_set: *evidence_set, risk_tier: *risk_tier, tier_index, verdict: *verdict, decision, ..row });
        }
        Event::ApprovalRecorded {
            role,
            verdict,
            version_digest,
            target,
            environment,
            risk_tier,
            evidence_set,
            ticket,
            conditions,
            envelope,
            expires_at,
            ..
        } => {
            rows.put(&ApprovalRow {
                promotion_id: row.promotion_id.clone(),
                role: role.clone(),
                actor: entry.actor.clone(),
                verdict: *verdict,
                version_digest: *version_digest,
                target: *target,
                environment: environment.clone(),
                risk_tier: *risk_tier,
                tier_index: row.tier_index,
                evidence_set: *evidence_set,
                ticket: ticket.clone(),
                conditions: serde_json::to_value(conditions).unwrap_or_default(),
                envelope: *envelope,
                at: entry.at,
                expires_at: *expires_at,
                withdrawn: false,
                entry_index: entry.index,
            });
            rows.put(&row);
        }
        Event::ApprovalWithdrawn { role, .. } => {
            if let Some(approval) = rows.get::<ApprovalRow>(&[&row.promotion_id, role, &entry.actor])? {
                rows.put(&ApprovalRow { withdrawn: true, ..approval });
            }
            rows.put(&PromotionRow { decision: None, ..row });
        }
        Event::Executed { verdict } => close(rows, entry, PromotionRow { verdict: *verdict, ..row }, Status::Executed)?,
        Event::Rejected { .. } => close(rows, entry, row, Status::Rejected)?,
        Event::Cancelled { .. } => close(rows, entry, row, Status::Cancelled)?,
    }
    Ok(())
}

fn close(rows: &mut Rows, entry: &Entry, row: PromotionRow, status: Status) -> Result<(), Missing> {
    rows.remove::<OpenPromotionRow>(&[&row.model_id, &row.number, &row.target]);
    rows.put(&PromotionRow { status, ..row });
    record(rows, entry, &entry.subject, "status", Some(status.as_str()))
}

#[cfg(test)]
mod tests;
