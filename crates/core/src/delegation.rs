//! Delegation: an approver lets somebody stand in for one role of approval until a date (APR-2).
//!
//! INVARIANT: nobody passes on what was lent to him. A delegation is given by who has the role himself, and works as long as its
//! giver has it: whoever loses the role takes it from those who stood in for him.

use serde::{Deserialize, Serialize};

use crate::access::{Resource, Role, Scope};
use crate::actor::ActorKind;
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Digest, Label, ModelId, Timestamp};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::tables::{ActorRow, DelegationRow};

/// Longest time for which somebody stands in, in days.
pub const MAX_DAYS: i64 = 90;
const DAY_SECONDS: i64 = 86_400;

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Lets somebody stand in, or changes until when.
    Give {
        /// Role of approval.
        role: Label,
        /// Who stands in.
        to: ActorId,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: PrivateText,
    },
    /// Ends a delegation that the caller gave.
    End {
        /// Role of approval.
        role: Label,
        /// Who stood in.
        to: ActorId,
    },
}

/// What happened; the subject is the actor who gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// Somebody may stand in.
    #[serde(rename = "delegation.given")]
    Given {
        /// Role of approval.
        role: Label,
        /// Who stands in.
        to: ActorId,
        /// Until when.
        until: Timestamp,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Nobody stands in any more.
    #[serde(rename = "delegation.ended")]
    Ended {
        /// Role of approval.
        role: Label,
        /// Who stood in.
        to: ActorId,
    },
}

/// Where a stored actor has a role of approval himself; nowhere once he may not log in any more.
fn scopes(actor: &ActorRow, role: &Label) -> Vec<Scope> {
    if actor.active { actor.scopes_of(&Role::Approver(role.clone())) } else { Vec::new() }
}

impl DelegationRow {
    /// Where the delegate may stand in at this moment for `giver`, who gave it: where the giver has the role.
    pub fn scopes(&self, giver: &ActorRow, now: Timestamp) -> Vec<Scope> {
        if self.ended_at.is_none() && self.until > now && giver.actor_id == self.giver { scopes(giver, &self.role) } else { Vec::new() }
    }

    /// Whether the delegate may stand in at this moment for `giver` somewhere.
    pub fn in_force(&self, giver: &ActorRow, now: Timestamp) -> bool {
        !self.scopes(giver, now).is_empty()
    }
}

/// Refuses when `delegate` does not stand in for `giver` in a role for a model at this moment.
///
/// # Errors
/// `access_denied`; [`Missing`] when rows must be loaded.
pub(crate) fn check_in_force(rows: &mut Rows, giver: &ActorId, role: &Label, delegate: &ActorId, model: &ModelId, now: Timestamp) -> Result<(), Stop> {
    let row = rows.get::<DelegationRow>(&[giver, role, delegate])?;
    let actor = rows.get::<ActorRow>(&[giver])?;
    let model = crate::model::existing(rows, model)?.class().map(Resource::Model);
    let reaches = |scope: &Scope| model.as_ref().is_some_and(|model| scope.holds(model));
    if row.zip(actor).is_some_and(|(row, actor)| row.scopes(&actor, now).iter().any(reaches)) {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, &format!("nobody lets you stand in for role `{role}` any more"))
        .field("role")
        .remedy("ask the approver for a new delegation, or to give the verdict himself")
        .into())
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let subject = Subject::Actor(context.actor.clone());
    match command {
        Command::Give { role, to, until, reason } => {
            check_give(rows, context, role, to, *until)?;
            let event = Event::Given { role: role.clone(), to: to.clone(), until: *until, reason: reason.digest };
            Ok(vec![Draft::new(subject, event).private(Some(reason))])
        }
        Command::End { role, to } => {
            let row = rows.get::<DelegationRow>(&[&context.actor, role, to])?;
            if row.is_none_or(|row| row.ended_at.is_some()) {
                return Err(Refusal::not_found("delegation of yours in role", role.as_str()).into());
            }
            Ok(vec![Draft::new(subject, Event::Ended { role: role.clone(), to: to.clone() })])
        }
    }
}

fn check_give(rows: &mut Rows, context: &Context, role: &Label, to: &ActorId, until: Timestamp) -> Result<(), Stop> {
    let own = Refusal::new(Code::SeparationOfDuties, "nobody stands in for himself").field("to");
    context.check_not_for_himself(to, own.remedy("name somebody else"))?;
    if until <= context.now || until > context.now.plus_seconds(MAX_DAYS * DAY_SECONDS) {
        return Err(Refusal::invalid("until", &format!("until must lie in the future, at most {MAX_DAYS} days from now"))
            .remedy("choose an earlier date, and give it again when it ended")
            .into());
    }
    // The access check saw the roles of the caller; a role that was lent to him is none of his own.
    if rows.get::<ActorRow>(&[&context.actor])?.is_none_or(|giver| scopes(&giver, role).is_empty()) {
        return Err(Refusal::new(Code::AccessDenied, &format!("you do not have the approval role `{role}` yourself"))
            .field("role")
            .remedy("only who has the role lets somebody stand in")
            .into());
    }
    let delegate = rows.get::<ActorRow>(&[to])?.ok_or_else(|| Refusal::not_found("actor", to.as_str()))?;
    if delegate.kind != ActorKind::Person || !delegate.active {
        return Err(Refusal::new(Code::SeparationOfDuties, "only a person who may log in can stand in for an approver")
            .field("to")
            .remedy("name a person whose access did not end")
            .into());
    }
    Ok(())
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Actor(giver) = &entry.subject else { return Ok(()) };
    // Who may give verdicts changes, so what was cached about callers is dropped.
    registry::move_access_revision(rows, entry)?;
    match event {
        Event::Given { role, to, until, reason } => {
            rows.put(&DelegationRow {
                giver: giver.clone(),
                role: role.clone(),
                delegate: to.clone(),
                until: *until,
                reason: *reason,
                given_at: entry.at,
                ended_at: None,
                entry_index: entry.index,
            });
            record(rows, entry, &entry.subject, &format!("delegation:{role}:{to}"), Some(&until.to_string()))
        }
        Event::Ended { role, to } => {
            if let Some(row) = rows.get::<DelegationRow>(&[giver, role, to])? {
                rows.put(&DelegationRow { ended_at: Some(entry.at), ..row });
            }
            record(rows, entry, &entry.subject, &format!("delegation:{role}:{to}"), None)
        }
    }
}

#[cfg(test)]
mod tests;
