//! Exceptions that nobody had time to ask for: those of a rollback, and the emergency that opens a promotion (break-glass).

use super::{Event, Origin, check_waivable};
use crate::actor::ActorKind;
use crate::command::{Context, Stop};
use crate::entry::{Draft, PrivateText, Subject};
use crate::names::{ActorId, Digest, ExceptionId, Label, ModelId, PromotionId, State, Timestamp, VersionNumber};
use crate::policy::Scope;
use crate::promotion::{self, SignedDecision};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::speakers::Authors;
use crate::tables::{ActorRow, ExceptionRow};

/// How long an exception of a rollback or an emergency lasts at most, in seconds: 72 hours.
pub const EMERGENCY_SECONDS: i64 = 72 * 3600;
/// Role in which an emergency is opened.
const INCIDENT: &str = "incident";

/// Opens an emergency for a promotion: its failing rules are waived for 72 hours, and the decision that approves it is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakGlass {
    /// Promotion to production.
    pub promotion: PromotionId,
    /// Rules that fail, with an id for the exception of each.
    pub rules: Vec<(ExceptionId, String)>,
    /// Why.
    pub reason: PrivateText,
    /// Until when the exceptions count, at most [`EMERGENCY_SECONDS`] from now.
    pub expires_at: Timestamp,
    /// Who made the version: none of them breaks the glass.
    pub authors: Authors,
    /// The signed record of the exceptions.
    pub granted: SignedDecision,
    /// The signed decision that approves the promotion; none when one is in force.
    pub approved: Option<SignedDecision>,
}

/// What the exceptions of a rollback or an emergency have in common.
pub(crate) struct Imposed<'a> {
    /// Where they come from.
    pub(crate) origin: Origin,
    /// Model.
    pub(crate) model: &'a ModelId,
    /// Version.
    pub(crate) number: VersionNumber,
    /// Why, in the vault.
    pub(crate) reason: Digest,
    /// Until when; the review is due by then.
    pub(crate) expires_at: Timestamp,
    /// The promotion of an emergency.
    pub(crate) promotion: Option<&'a PromotionId>,
}

/// The entries that ask for and grant exceptions at once.
///
/// # Errors
/// `non_waivable`.
pub(crate) fn imposed(common: &Imposed<'_>, rules: &[(ExceptionId, String)]) -> Result<Vec<Draft>, Refusal> {
    let role = match common.origin {
        Origin::Emergency => Some(Label::parse(INCIDENT)?),
        Origin::Asked | Origin::Rollback => None,
    };
    let mut drafts = Vec::with_capacity(rules.len() * 2);
    for (id, rule) in rules {
        check_waivable(rule)?;
        let requested = Event::Requested {
            rule: rule.clone(),
            scope: Scope::Version,
            version: Subject::Version(common.model.clone(), common.number),
            origin: common.origin,
            reason: common.reason,
            expires_at: common.expires_at,
            promotion: common.promotion.cloned(),
            review_due: Some(common.expires_at),
        };
        drafts.push(Draft::new(Subject::Exception(id.clone()), requested));
        drafts.push(Draft::new(Subject::Exception(id.clone()), Event::Granted { role: role.clone() }));
    }
    Ok(drafts)
}

/// The entry of the signed record of an exception that was asked for.
pub(super) fn decision_draft(version: Subject, decision: &SignedDecision, target: State) -> Result<Draft, Refusal> {
    let event = promotion::Event::DecisionRecorded {
        id: decision.id.clone(),
        decision: decision.decision,
        envelope: decision.envelope.digest,
        promotion: None,
        target,
        environment: Label::parse("production")?,
        expires_at: decision.expires_at,
    };
    Ok(Draft::new(version, event).payload(decision.envelope.clone()))
}

pub(super) fn break_glass(rows: &mut Rows, context: &Context, command: &BreakGlass) -> Result<Vec<Draft>, Stop> {
    let row = promotion::open(rows, &command.promotion)?;
    if row.target != State::Production {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the promotion leads to {}: an emergency releases to production", row.target))
            .field("promotion")
            .remedy("open a promotion to production")
            .into());
    }
    check_person(rows, &context.actor)?;
    let own = "an author does not break the glass: you registered the version, added evidence or opened the promotion";
    context.check_no_author(&command.authors, Refusal::new(Code::SeparationOfDuties, own).remedy("ask another person in the role incident"))?;
    if command.rules.is_empty() {
        return Err(Refusal::new(Code::TransitionRefused, "no rule holds the promotion back that an emergency could waive")
            .remedy("execute the promotion the ordinary way")
            .into());
    }
    if command.expires_at > context.now.plus_seconds(EMERGENCY_SECONDS) {
        return Err(Refusal::invalid("expires_at", "the exceptions of an emergency last 72 hours at most").into());
    }
    let common = Imposed {
        origin: Origin::Emergency,
        model: &row.model_id,
        number: row.number,
        reason: command.reason.digest,
        expires_at: command.expires_at,
        promotion: Some(&command.promotion),
    };
    let mut drafts = imposed(&common, &command.rules)?;
    if let Some(first) = drafts.first_mut() {
        first.vault.push(crate::entry::Vault::Private(command.reason.row()));
    }
    drafts.push(promotion::decision_draft(&row, &command.granted));
    drafts.extend(command.approved.as_ref().map(|decision| promotion::decision_draft(&row, decision)));
    Ok(drafts)
}

/// Refuses a pipeline or a service. Without a row it is the open registry, where a person is at the keyboard.
fn check_person(rows: &mut Rows, actor: &ActorId) -> Result<(), Stop> {
    match rows.get::<ActorRow>(&[actor])?.map(|row| row.kind) {
        None | Some(ActorKind::Person) => Ok(()),
        Some(ActorKind::Pipeline | ActorKind::Service) => {
            Err(Refusal::new(Code::AccessDenied, "only a person breaks the glass").remedy("ask a person in the role incident").into())
        }
    }
}

/// Refuses the release of a promotion unless who asks has opened its emergency and that is in force.
pub(super) fn check_release(rows: &mut Rows, context: &Context, promotion: &PromotionId, exception: &ExceptionId) -> Result<(), Stop> {
    let row = rows.get::<ExceptionRow>(&[exception])?;
    let opened = row.is_some_and(|row| {
        row.origin == Origin::Emergency
            && row.promotion_id.as_ref() == Some(promotion)
            && row.granted_by.as_ref() == Some(&context.actor)
            && super::standing(&row, context.now) == super::Standing::Granted
    });
    if opened {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, "you have opened no emergency for this promotion that is in force")
        .field("promotion")
        .remedy("break the glass first, or ask somebody who may execute promotions")
        .into())
}
