//! Exceptions (POL-4): a recorded waiver of one rule for one version or model, with a reason, a grantor and an expiry.
//!
//! Somebody asks, somebody else in a role that the policy names grants. A rollback and an emergency make exceptions of their own,
//! which are granted as they are asked and end within three days.
//!
//! INVARIANT: a rule that nobody may waive is refused here, whatever asks; the engine would not look at such an exception either.

mod emergency;

use serde::{Deserialize, Serialize};

pub use emergency::{BreakGlass, EMERGENCY_SECONDS};
pub(crate) use emergency::{Imposed, imposed};

use crate::access::{Resource, Role};
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Digest, ExceptionId, Label, ModelId, PromotionId, State, Timestamp, VersionNumber, clipped};
use crate::policy::{Scope, non_waivable};
use crate::promotion::{self, GateRecord, SignedDecision};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers::{self, Authors};
use crate::tables::{ActorRow, ExceptionRow};
use crate::{attestation, registry, version};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Longest id of a rule.
const MAX_RULE_BYTES: usize = 100;

crate::words! {
    /// Where an exception comes from.
    Origin, "origin" {
        /// Somebody asked for it; it counts until it expires.
        Asked = "asked",
        /// A rollback made it; it counts while the version is in production.
        Rollback = "rollback",
        /// An emergency made it; it counts for the promotion that was opened by it, and while the version is in production.
        Emergency = "emergency",
    }
}

crate::words! {
    /// Where an exception stands. That its time is over is not a state: see [`Standing`].
    Status, "status" {
        /// Waiting for a grantor.
        Requested = "requested",
        /// Granted.
        Granted = "granted",
        /// A grantor said no.
        Refused = "refused",
        /// Taken back, before or after it was granted.
        Revoked = "revoked",
    }
}

crate::words! {
    /// Where an exception stands at a moment.
    Standing, "status" {
        /// Waiting for a grantor.
        Requested = "requested",
        /// In force.
        Granted = "granted",
        /// A grantor said no.
        Refused = "refused",
        /// Taken back.
        Revoked = "revoked",
        /// Its time is over, granted or not.
        Expired = "expired",
    }
}

/// Where an exception stands at `now`.
pub fn standing(row: &ExceptionRow, now: Timestamp) -> Standing {
    match row.status {
        Status::Requested | Status::Granted if row.expires_at <= now => Standing::Expired,
        Status::Requested => Standing::Requested,
        Status::Granted => Standing::Granted,
        Status::Refused => Standing::Refused,
        Status::Revoked => Standing::Revoked,
    }
}

/// Whether an exception counts for a gate of a version in `state`, evaluated at `now` for `promotion`.
///
/// What a rollback or an emergency waived covers the version while it serves: one that left production goes through every gate again.
pub fn in_force(row: &ExceptionRow, state: State, promotion: Option<&PromotionId>, now: Timestamp) -> bool {
    let reaches = match row.origin {
        Origin::Asked => true,
        Origin::Rollback => state == State::Production,
        Origin::Emergency => state == State::Production || (row.promotion_id.is_some() && row.promotion_id.as_ref() == promotion),
    };
    reaches && standing(row, now) == Standing::Granted
}

/// Commands on exceptions.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Asks for a waiver.
    Request {
        /// New identifier.
        id: ExceptionId,
        /// Rule, which the policy in force knows.
        rule: String,
        /// How far it reaches.
        scope: Scope,
        /// Model.
        model: ModelId,
        /// The version that it is asked for; with scope `model` the one that the signed record names.
        number: VersionNumber,
        /// Why.
        reason: PrivateText,
        /// Until when.
        expires_at: Timestamp,
        /// Longest lifetime that the policy allows, in days.
        longest_days: u32,
    },
    /// Grants it, in a role.
    Grant {
        /// Exception.
        id: ExceptionId,
        /// Role in which it is granted.
        role: Label,
        /// Roles that the policy names for the rule.
        grantors: Vec<Label>,
        /// Who made the version: none of them grants.
        authors: Authors,
        /// The signed record.
        decision: SignedDecision,
    },
    /// Says no, in a role.
    Refuse {
        /// Exception.
        id: ExceptionId,
        /// Role in which it is refused.
        role: Label,
        /// Roles that the policy names for the rule.
        grantors: Vec<Label>,
        /// Why.
        reason: PrivateText,
    },
    /// Takes a request or a granted exception back.
    Revoke {
        /// Exception.
        id: ExceptionId,
        /// Roles that the policy names for the rule.
        grantors: Vec<Label>,
        /// Why.
        reason: PrivateText,
    },
    /// Opens an emergency: waives what holds a promotion back.
    BreakGlass(Box<BreakGlass>),
    /// Moves the version of a promotion to production after its emergency was opened, by who opened it.
    Release {
        /// Promotion.
        promotion: PromotionId,
        /// An exception of the emergency.
        exception: ExceptionId,
        /// What the gates said just now.
        gate: GateRecord,
        /// The signed record.
        decision: SignedDecision,
        /// Versions in production that this one replaces.
        replaced: Vec<VersionNumber>,
        /// The verification summary, when the release gets one.
        attestation: Option<attestation::Signed>,
    },
}

/// What happened; the subject is the exception.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A waiver was asked for.
    #[serde(rename = "exception.requested")]
    Requested {
        /// Rule.
        rule: String,
        /// How far it reaches.
        scope: Scope,
        /// The version that it was asked for.
        version: Subject,
        /// Where it comes from.
        origin: Origin,
        /// Why, in the vault.
        reason: Digest,
        /// Until when it counts once it is granted.
        expires_at: Timestamp,
        /// The promotion whose emergency it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promotion: Option<PromotionId>,
        /// By when people must look at what was waived in a hurry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review_due: Option<Timestamp>,
    },
    /// It was granted.
    #[serde(rename = "exception.granted")]
    Granted {
        /// Role in which it was granted; none for a rollback.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Label>,
    },
    /// A grantor said no.
    #[serde(rename = "exception.refused")]
    Refused {
        /// Role that said no.
        role: Label,
        /// Why, in the vault.
        reason: Digest,
    },
    /// It was taken back.
    #[serde(rename = "exception.revoked")]
    Revoked {
        /// Why, in the vault.
        reason: Digest,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Request { .. } => request(rows, context, command),
        Command::Grant { id, role, grantors, authors, decision } => grant(rows, context, id, role, grantors, authors, decision),
        Command::Refuse { id, role, grantors, reason } => {
            let row = waiting(rows, id)?;
            check_role(role, grantors, &row.rule)?;
            let event = Event::Refused { role: role.clone(), reason: reason.digest };
            Ok(vec![Draft::new(Subject::Exception(id.clone()), event).private(Some(reason))])
        }
        Command::Revoke { id, grantors, reason } => revoke(rows, context, id, grantors, reason),
        Command::BreakGlass(command) => emergency::break_glass(rows, context, command),
        Command::Release { promotion, exception, gate, decision, replaced, attestation } => {
            emergency::check_release(rows, context, promotion, exception)?;
            promotion::execute(rows, promotion, gate, decision, replaced, attestation.as_ref())
        }
    }
}

/// Refuses a rule that nobody can waive.
///
/// # Errors
/// `non_waivable`, which is recorded.
pub fn check_waivable(rule: &str) -> Result<(), Refusal> {
    if non_waivable::RULES.iter().any(|known| known.id == rule) {
        return Err(Refusal::new(Code::NonWaivable, &format!("rule `{rule}` cannot be waived by anybody"))
            .field("rule")
            .remedy(&format!("do what the rule asks; see its remedy with `chancery policy show {rule}`")));
    }
    Ok(())
}

fn request(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Request { id, rule, scope, model, number, reason, expires_at, longest_days } = command else { return Ok(Vec::new()) };
    if rule.is_empty() || rule.len() > MAX_RULE_BYTES {
        return Err(Refusal::invalid("rule", &format!("rule `{}` is no id of a rule", clipped(rule))).into());
    }
    let version = version::existing(rows, model, *number)?;
    if version.hidden {
        return Err(Refusal::not_found("version", &number.to_string()).into());
    }
    check_waivable(rule)?;
    if rows.get::<ExceptionRow>(&[id])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("exception id `{id}` is given already")).field("exception").into());
    }
    check_expiry(*expires_at, *longest_days, context.now)?;
    let event = Event::Requested {
        rule: rule.clone(),
        scope: *scope,
        version: Subject::Version(model.clone(), *number),
        origin: Origin::Asked,
        reason: reason.digest,
        expires_at: *expires_at,
        promotion: None,
        review_due: None,
    };
    Ok(vec![Draft::new(Subject::Exception(id.clone()), event).private(Some(reason))])
}

fn check_expiry(expires_at: Timestamp, longest_days: u32, now: Timestamp) -> Result<(), Refusal> {
    let refused = |why: &str| {
        Err(Refusal::invalid("expires_at", &format!("expires_at {expires_at} {why}"))
            .remedy(&format!("choose a time within {longest_days} days from now; a longer need is a change of the policy")))
    };
    if expires_at <= now {
        return refused("is over already");
    }
    if expires_at > now.plus_seconds(i64::from(longest_days) * DAY) {
        return refused("is later than the policy allows");
    }
    Ok(())
}

/// The exception, or the refusal that it does not exist.
fn existing(rows: &mut Rows, id: &ExceptionId) -> Result<ExceptionRow, Stop> {
    rows.get::<ExceptionRow>(&[id])?.ok_or_else(|| Refusal::not_found("exception", id.as_str()).into())
}

/// The exception, or the refusal that nobody waits for a grantor any more.
fn waiting(rows: &mut Rows, id: &ExceptionId) -> Result<ExceptionRow, Stop> {
    let row = existing(rows, id)?;
    if row.status != Status::Requested {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the exception is {} already", row.status))
            .field("exception")
            .remedy("ask for a new one")
            .into());
    }
    Ok(row)
}

fn check_role(role: &Label, grantors: &[Label], rule: &str) -> Result<(), Refusal> {
    if grantors.contains(role) {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, &format!("role `{role}` grants no exception from rule `{rule}`")).field("role").remedy(&who(grantors)))
}

fn who(grantors: &[Label]) -> String {
    let words: Vec<&str> = grantors.iter().map(Label::as_str).collect();
    match words.as_slice() {
        [] => "the policy names nobody who could grant it".to_owned(),
        words => format!("ask somebody in the approval role {}", words.join(" or ")),
    }
}

fn grant(
    rows: &mut Rows,
    context: &Context,
    id: &ExceptionId,
    role: &Label,
    grantors: &[Label],
    authors: &Authors,
    decision: &SignedDecision,
) -> Result<Vec<Draft>, Stop> {
    let row = waiting(rows, id)?;
    check_waivable(&row.rule)?;
    check_role(role, grantors, &row.rule)?;
    if row.expires_at <= context.now {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the request ran out at {}", row.expires_at))
            .field("exception")
            .remedy("ask for a new exception with a later expiry")
            .into());
    }
    let duties = |why: &str| Refusal::new(Code::SeparationOfDuties, why).remedy(&who(grantors));
    speakers::check_second(rows, context, &row.requested_by, row.entry_index, duties("you asked for this exception; nobody grants his own"))?;
    context.check_no_author(authors, duties("an author does not grant: you registered the version or added evidence to it"))?;
    let subject = Subject::Exception(id.clone());
    let about = Subject::Version(row.model_id.clone(), row.number);
    Ok(vec![Draft::new(subject, Event::Granted { role: Some(role.clone()) }), emergency::decision_draft(about, decision, version_state(rows, &row)?)?])
}

fn version_state(rows: &mut Rows, row: &ExceptionRow) -> Result<State, Stop> {
    Ok(version::existing(rows, &row.model_id, row.number)?.state)
}

fn revoke(rows: &mut Rows, context: &Context, id: &ExceptionId, grantors: &[Label], reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, id)?;
    if !matches!(row.status, Status::Requested | Status::Granted) {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the exception is {} already", row.status))
            .field("exception")
            .remedy("there is nothing to take back: it waives nothing")
            .into());
    }
    if row.requested_by != context.actor && !may_revoke(rows, &context.actor, &row.model_id, grantors)? {
        return Err(Refusal::new(Code::AccessDenied, "only who asked for an exception, an owner, or a grantor takes it back").remedy(&who(grantors)).into());
    }
    let event = Event::Revoked { reason: reason.digest };
    Ok(vec![Draft::new(Subject::Exception(id.clone()), event).private(Some(reason))])
}

/// Whether the actor is an owner of the model or holds a role that grants for it. Without a row it is the open registry, where everybody holds every role.
fn may_revoke(rows: &mut Rows, actor: &ActorId, model: &ModelId, grantors: &[Label]) -> Result<bool, Stop> {
    let Some(row) = rows.get::<ActorRow>(&[actor])? else { return Ok(true) };
    let Some(class) = crate::model::existing(rows, model)?.class() else { return Ok(false) };
    let model = Resource::Model(class);
    let granting = |role: &Label| row.holds_at(&Role::Approver(role.clone()), &model);
    Ok(row.holds_at(&Role::Owner, &model) || grantors.iter().any(granting))
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Exception(id) = &entry.subject else { return Ok(()) };
    if let Event::Requested { rule, scope, version, origin, reason, expires_at, promotion, review_due } = event {
        let Subject::Version(model, number) = version else { return Ok(()) };
        rows.put(&ExceptionRow {
            exception_id: id.clone(),
            rule: rule.clone(),
            scope: *scope,
            model_id: model.clone(),
            number: *number,
            origin: *origin,
            status: Status::Requested,
            reason: *reason,
            requested_by: entry.actor.clone(),
            requested_at: entry.at,
            granted_by: None,
            granted_at: None,
            role: None,
            expires_at: *expires_at,
            promotion_id: promotion.clone(),
            review_due: *review_due,
            entry_index: entry.index,
            revision: entry.index,
        });
        return record(rows, entry, &entry.subject, "status", Some(Status::Requested.as_str()));
    }
    let Some(row) = rows.get::<ExceptionRow>(&[id])? else { return Ok(()) };
    let changed = match event {
        Event::Requested { .. } => return Ok(()),
        Event::Granted { role } => {
            ExceptionRow { status: Status::Granted, granted_by: Some(entry.actor.clone()), granted_at: Some(entry.at), role: role.clone(), ..row.clone() }
        }
        Event::Refused { .. } => ExceptionRow { status: Status::Refused, ..row.clone() },
        Event::Revoked { .. } => ExceptionRow { status: Status::Revoked, ..row.clone() },
    };
    record(rows, entry, &entry.subject, "status", Some(changed.status.as_str()))?;
    // No verdict from before may be taken for one after: gates note this revision. A request changes no gate.
    if row.status == Status::Granted || changed.status == Status::Granted {
        registry::move_exceptions(rows, entry, &row.model_id);
    }
    rows.put(&ExceptionRow { revision: entry.index, ..changed });
    Ok(())
}

#[cfg(test)]
mod tests;
