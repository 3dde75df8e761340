//! Promotions: opened by CI or a person, reviewed by named people, decided by a signed record, executed (APR-1, APR-2, APR-4).
//!
//! The gates are evaluated before sequencing; a command carries their record. The sequencer compares the revisions that
//! were noted then, so a record is never older than what it is about.

mod condition;
mod event;
mod execution;
mod projection;
mod review;
mod rollback;

use crate::approval::{ApprovalVerdict, Condition};
use crate::command::{Context, Stop};
use crate::entry::{Draft, Payload, PrivateText, Subject};
use crate::lifecycle::{Move, transition};
use crate::names::{ActorId, AliasName, Digest, ExceptionId, Label, ModelId, PromotionId, State, Timestamp, VersionNumber};
use crate::policy::Finding;
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers::Authors;
use crate::tables::{DecisionRow, OpenPromotionRow, PromotionRow};
use crate::wording::counted;
use crate::{model, version};

pub use event::Event;
pub(crate) use execution::execute;
pub use execution::replaceable;
pub use projection::apply;
pub use rollback::check_deprecated;

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

/// The rule about who executes: when only this one fails, nothing else is missing.
pub const PROMOTER_RULE: &str = "promoter.pipeline";
/// The rule that people meet by approving.
pub const APPROVAL_RULE: &str = "approval.complete";
/// Rules that hold by themselves once [`APPROVAL_RULE`] does.
pub const FOLLOW_APPROVAL: [&str; 2] = ["approval.unexpired", "decision.signed"];

/// Whether a rule fails as long as approvals are missing: the roles that are named say it better.
pub fn rests_on_approvals(rule: &str) -> bool {
    rule == APPROVAL_RULE || FOLLOW_APPROVAL.contains(&rule)
}

/// Whether a rule that fails holds by itself once others have done their part: approvals, and the pipeline that releases.
pub fn waits_for_others(rule: &str) -> bool {
    rule == PROMOTER_RULE || rests_on_approvals(rule)
}

/// Most conditions that the approvals of one promotion carry, and most comments on it.
pub const MAX_CONDITIONS: u64 = 500;
/// Most comments on one promotion.
pub const MAX_COMMENTS: u64 = 1_000;

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
        Err(Refusal::new(code, &format!("{} failed: {}", counted(self.failed.len(), "rule", "rules"), self.failed_rules().join(", ")))
            .remedy("see the remedy of each finding, then ask again")
            .findings(self.failed.clone()))
    }

    /// Whether rules failed and mode `warn` lets the version pass.
    pub fn ungated(&self) -> bool {
        !self.failed.is_empty() && !self.blocks
    }

    /// Whether nothing but the execution is missing: no rule blocks but the one about who executes.
    pub fn complete(&self) -> bool {
        !self.blocks || self.failed.iter().all(|finding| finding.rule == PROMOTER_RULE)
    }

    /// Ids of the failed rules.
    pub fn failed_rules(&self) -> Vec<String> {
        self.failed.iter().map(|finding| finding.rule.clone()).collect()
    }
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

/// A verdict that a person gives, with what was found out for it before sequencing.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// Promotion.
    pub promotion: PromotionId,
    /// Role in which it is given.
    pub role: Label,
    /// The approver for whom the person stands in, when the role is not his own.
    pub delegated_by: Option<ActorId>,
    /// Yes or no.
    pub verdict: ApprovalVerdict,
    /// The evidence set that the person saw.
    pub evidence_set: Digest,
    /// Comment.
    pub comment: Option<PrivateText>,
    /// Ticket reference.
    pub ticket: Option<String>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// The signed approval.
    pub envelope: Payload,
    /// Id of the person's own key, when the envelope carries that signature too.
    pub signed_with: Option<Digest>,
    /// People who may not approve: registrar, run user, commit author, workflow actor, uploaders of evidence, opener.
    pub authors: Authors,
    /// Other roles in which this person, or the one for whom he stands in, has approved already.
    pub other_roles: Vec<Label>,
    /// The decision that a rejection is.
    pub decision: Option<SignedDecision>,
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
    Review(Box<Review>),
    /// Says that a condition of an approval is met.
    MeetCondition {
        /// Promotion; it may be closed.
        promotion: PromotionId,
        /// Number of the condition in the promotion.
        number: u64,
        /// Role of the approval that carries it, which the caller has.
        role: Label,
        /// The approver for whom the caller stands in, when the role is not his own.
        delegated_by: Option<ActorId>,
        /// By what it is met.
        note: PrivateText,
        /// Authors of the version, who do not say so.
        authors: Authors,
    },
    /// Comments; also on a closed promotion.
    Comment {
        /// Promotion.
        promotion: PromotionId,
        /// The comment.
        text: PrivateText,
    },
    /// Says that nothing but the execution is missing, so that a pipeline can act.
    Complete {
        /// Promotion.
        promotion: PromotionId,
        /// What the gates said.
        gate: GateRecord,
    },
    /// Records the decision that the version may go to the target: every gate before execution holds.
    Decide {
        /// Promotion.
        promotion: PromotionId,
        /// The signed record.
        decision: SignedDecision,
    },
    /// Takes an approval back: one's own, or one that somebody gave in one's place.
    Withdraw {
        /// Promotion.
        promotion: PromotionId,
        /// Role.
        role: Label,
        /// Who gave it in the caller's place; `None` for the caller's own.
        given_by: Option<ActorId>,
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
        /// What machines are told of it, when every gate was passed under `enforce`.
        attestation: Option<crate::attestation::Signed>,
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

pub(crate) fn open(rows: &mut Rows, id: &PromotionId) -> Result<PromotionRow, Stop> {
    let row = existing(rows, id)?;
    if row.status != Status::Open {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the promotion is {} already", row.status))
            .field("promotion")
            .remedy("open a new one with `promote`")
            .into());
    }
    Ok(row)
}

/// The entries that end the open promotions of a version that goes to `state`: those to where no promotion leads from there. Not `executed`,
/// which brings it there.
///
/// # Errors
/// [`Missing`].
pub(crate) fn left_behind(
    rows: &mut Rows,
    model: &ModelId,
    number: VersionNumber,
    state: State,
    executed: Option<&PromotionId>,
    reason: Option<Digest>,
) -> Result<Vec<Draft>, Missing> {
    let targets = State::ALL.iter().copied().filter(|target| transition(state, *target) != Move::Promote);
    // All are asked for before one is looked at: one load instead of several.
    let found: Vec<_> = targets.map(|target| rows.get::<OpenPromotionRow>(&[model, &number, &target])).collect();
    let mut drafts = Vec::new();
    for row in found {
        if let Some(row) = row?.filter(|row| executed != Some(&row.promotion_id)) {
            drafts.push(Draft::new(Subject::Promotion(row.promotion_id), Event::Cancelled { reason }));
        }
    }
    Ok(drafts)
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
        Command::Review(verdict) => review::review(rows, context, verdict),
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
        Command::MeetCondition { .. } => condition::meet(rows, context, command),
        Command::Comment { promotion, text } => comment(rows, promotion, text),
        Command::Complete { promotion, gate } => complete(rows, promotion, gate),
        Command::Withdraw { promotion, role, given_by, reason } => review::withdraw(rows, context, promotion, role, given_by.as_ref(), reason),
        Command::Cancel { promotion, reason } => {
            open(rows, promotion)?;
            Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), Event::Cancelled { reason: Some(reason.digest) }).private(Some(reason))])
        }
        Command::Execute { promotion, gate, decision, replaced, attestation } => {
            execution::execute(rows, promotion, gate, decision, replaced, attestation.as_ref())
        }
        Command::Rollback { .. } => rollback::rollback(rows, command),
    }
}

fn existing(rows: &mut Rows, id: &PromotionId) -> Result<PromotionRow, Stop> {
    rows.get::<PromotionRow>(&[id])?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()).into())
}

fn comment(rows: &mut Rows, promotion: &PromotionId, text: &PrivateText) -> Result<Vec<Draft>, Stop> {
    if existing(rows, promotion)?.comments >= MAX_COMMENTS {
        return Err(Refusal::new(Code::TooLarge, &format!("the promotion has {MAX_COMMENTS} comments, which is the limit"))
            .field("comment")
            .remedy("go on in a ticket, and name it in the approval")
            .into());
    }
    Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), Event::Commented { text: text.digest }).private(Some(text))])
}

fn complete(rows: &mut Rows, promotion: &PromotionId, gate: &GateRecord) -> Result<Vec<Draft>, Stop> {
    let row = open(rows, promotion)?;
    if !gate.complete() {
        gate.check()?;
    }
    // INVARIANT: said once for a frozen set. A lapse, a withdrawal and a new decision undo it.
    if row.completed.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "that the promotion is complete was said already").into());
    }
    let event = Event::Completed { evidence_set: row.evidence_set, verdict: gate.payload.digest, failed: gate.failed_rules() };
    Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), event).payload(gate.payload.clone())])
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

#[cfg(test)]
mod tests;
