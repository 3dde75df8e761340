//! Groups of the organisation's identity provider: what roles and teams somebody has because the provider says that he is in them.
//!
//! INVARIANT: nobody grants himself. What a group gives is decided by mappings that administrators made; whoever makes a mapping gets nothing
//! from it, and nothing that a caller sends is read: the names of the groups come from a verified ID token.
//! INVARIANT: what groups gave is taken back when the provider no longer says it; what an administrator gave stays.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{Grant, Role};
use crate::actor::Event as ActorEvent;
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Subject};
use crate::grant;
use crate::names::{ActorId, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{ActorRow, GroupRolesRow, GroupRow};

/// Most groups of one person that are looked at.
pub const MAX_GROUPS: usize = 500;
/// Longest name of a group, in bytes.
const MAX_NAME: usize = 256;
/// Most roles that one group gives.
const MAX_ROLES: usize = 16;

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Says which roles a group gives.
    Map {
        /// Name of the group, as the provider says it.
        group: String,
        /// Roles.
        roles: Vec<Grant>,
    },
    /// Ends what a group gives.
    Unmap {
        /// Name of the group.
        group: String,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A group gives roles.
    #[serde(rename = "group.mapped")]
    Mapped {
        /// Name of the group.
        group: String,
        /// Roles.
        roles: Vec<Grant>,
    },
    /// A group gives nothing any more.
    #[serde(rename = "group.unmapped")]
    Unmapped {
        /// Name of the group.
        group: String,
    },
}

/// Decides.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Map { group, roles } => {
            check_text("group", group, MAX_NAME)?;
            if group.trim().is_empty() {
                return Err(Refusal::invalid("group", "the group has no name").into());
            }
            if roles.is_empty() || roles.len() > MAX_ROLES {
                return Err(Refusal::invalid("roles", &format!("a group gives 1 to {MAX_ROLES} roles")).into());
            }
            // Two persons grant these, and a provider is none of them.
            if let Some(grant) = roles.iter().find(|grant| matches!(grant.role, Role::Approver(_) | Role::Administrator)) {
                return Err(Refusal::new(Code::SeparationOfDuties, &format!("role `{grant}` is not given by a group"))
                    .field("roles")
                    .remedy("grant it to each person: approvers and administrators are named by two administrators")
                    .into());
            }
            Ok(vec![Draft::new(Subject::Registry, Event::Mapped { group: group.clone(), roles: roles.clone() })])
        }
        Command::Unmap { group } => {
            if rows.get::<GroupRow>(&[group])?.is_none() {
                return Err(Refusal::not_found("group", group).into());
            }
            Ok(vec![Draft::new(Subject::Registry, Event::Unmapped { group: group.clone() })])
        }
    }
}

/// Applies an event.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    match event {
        Event::Mapped { group, roles } => {
            let roles = words(roles);
            record(rows, entry, &entry.subject, &format!("group:{group}"), Some(&roles.to_string()))?;
            rows.put(&GroupRow { group_name: group.clone(), roles, mapped_by: entry.actor.clone(), mapped_at: entry.at, revision: entry.index });
        }
        Event::Unmapped { group } => {
            record(rows, entry, &entry.subject, &format!("group:{group}"), None)?;
            rows.remove::<GroupRow>(&[group]);
        }
    }
    Ok(())
}

/// What the groups of a person give him: the groups that are mapped, and their roles.
///
/// # Errors
/// [`Missing`].
pub(crate) fn given(rows: &mut Rows, actor: &ActorId, groups: &[String]) -> Result<(Vec<String>, Vec<Grant>), Missing> {
    let (mut mapped, mut roles) = (BTreeSet::new(), BTreeSet::new());
    let mut missing = false;
    for group in groups.iter().take(MAX_GROUPS) {
        match rows.get::<GroupRow>(&[group]) {
            // Nobody gives himself anything.
            Ok(Some(row)) if row.mapped_by != *actor => match speakers::of_entry(rows, row.revision) {
                Ok(others) if others.contains(actor) => {}
                Ok(_) => {
                    mapped.insert(group.clone());
                    roles.extend(grants(&row.roles));
                }
                Err(Missing::Row) => missing = true,
                Err(bad @ Missing::Bad(_)) => return Err(bad),
            },
            Ok(Some(_) | None) => {}
            // One load for all of them.
            Err(Missing::Row) => missing = true,
            Err(bad @ Missing::Bad(_)) => return Err(bad),
        }
    }
    if missing { Err(Missing::Row) } else { Ok((mapped.into_iter().collect(), roles.into_iter().collect())) }
}

/// The entry by which a person's roles follow his groups; none when nothing changes.
///
/// # Errors
/// [`Stop`].
pub(crate) fn follow(rows: &mut Rows, actor: &ActorRow, groups: &[String]) -> Result<Vec<Draft>, Stop> {
    let (groups, roles) = given(rows, &actor.actor_id, groups)?;
    let before = rows.get::<GroupRolesRow>(&[&actor.actor_id])?;
    let added = before.as_ref().map(|row| grants(&row.roles)).unwrap_or_default();
    let (now, own) = merged(actor, &added, &roles);
    let same_groups = before.map_or_else(|| groups.is_empty(), |row| row.groups == serde_json::Value::from(groups.clone()));
    let same_roles = now == actor.grants().into_iter().collect() && roles.iter().filter(|role| !own.contains(role)).eq(added.iter());
    if same_groups && same_roles {
        return Ok(Vec::new());
    }
    if now.len() > 32 {
        return Err(Refusal::new(Code::TooLarge, "the groups of this person give more than 32 roles").remedy("map fewer groups").into());
    }
    Ok(vec![Draft::new(Subject::Actor(actor.actor_id.clone()), ActorEvent::GroupsChanged { groups, roles })])
}

/// All roles of an actor whose groups now give `given` and gave `before`; and those that he has by himself.
fn merged(actor: &ActorRow, before: &[Grant], given: &[Grant]) -> (BTreeSet<Grant>, BTreeSet<Grant>) {
    let own: BTreeSet<Grant> = actor.grants().into_iter().filter(|grant| !before.contains(grant)).collect();
    (own.iter().chain(given).cloned().collect(), own)
}

/// Applies what the groups of a person give him.
///
/// # Errors
/// [`Missing`].
pub(crate) fn apply_to_actor(rows: &mut Rows, entry: &Entry, id: &ActorId, groups: &[String], given: &[Grant]) -> Result<(), Missing> {
    let Some(actor) = rows.get::<ActorRow>(&[id])? else { return Ok(()) };
    let before = rows.get::<GroupRolesRow>(&[id])?.map(|row| grants(&row.roles)).unwrap_or_default();
    let (all, own) = merged(&actor, &before, given);
    let added: Vec<Grant> = given.iter().filter(|grant| !own.contains(grant)).cloned().collect();
    let all: Vec<Grant> = all.into_iter().collect();
    record(rows, entry, &entry.subject, "roles", Some(&words(&all).to_string()))?;
    rows.put(&GroupRolesRow { actor_id: id.clone(), groups: serde_json::Value::from(groups.to_vec()), roles: words(&added) });
    // Models that a role names get a class of their own, and the administrators are counted.
    grant::put_actor(rows, entry, Some(&actor.clone()), &ActorRow { roles: words(&all), revision: entry.index, ..actor })
}

fn words(roles: &[Grant]) -> serde_json::Value {
    serde_json::Value::from(roles.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn grants(roles: &serde_json::Value) -> Vec<Grant> {
    roles.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(|word| Grant::parse(word.as_str()?).ok()).collect()
}

#[cfg(test)]
mod tests;
