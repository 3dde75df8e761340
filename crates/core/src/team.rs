//! Teams: they own models, and roles can be given for what a team owns. Who is in one is in the record.
//!
//! INVARIANT: a name is given once. A dissolved team's name is not given again, for roles and hidden models may still say it.
//! INVARIANT: a team that owns a model or has members is not dissolved.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::model::check_revision;
use crate::names::{ActorId, Digest, Label, MAX_DESCRIPTION_BYTES, check_text};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::tables::{ActorRow, TeamMemberRow, TeamRow};

/// Most members of a team.
pub const MAX_MEMBERS: u64 = 1_000;

/// Commands on teams.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates a team.
    Create {
        /// Its name, for ever.
        team: Label,
        /// What it is for.
        description: String,
    },
    /// Replaces what is said about a team.
    Change {
        /// Team.
        team: Label,
        /// What it is for.
        description: String,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
    },
    /// Adds a person, pipeline or service.
    AddMember {
        /// Team.
        team: Label,
        /// Who.
        member: ActorId,
    },
    /// Takes somebody out.
    RemoveMember {
        /// Team.
        team: Label,
        /// Who.
        member: ActorId,
    },
    /// Ends a team.
    Dissolve {
        /// Team.
        team: Label,
        /// Why.
        reason: PrivateText,
    },
}

impl Command {
    /// The team that it is about.
    pub fn team(&self) -> &Label {
        match self {
            Self::Create { team, .. }
            | Self::Change { team, .. }
            | Self::AddMember { team, .. }
            | Self::RemoveMember { team, .. }
            | Self::Dissolve { team, .. } => team,
        }
    }
}

/// What happened to a team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was created.
    #[serde(rename = "team.created")]
    Created {
        /// What it is for.
        description: String,
    },
    /// Something else is said about it.
    #[serde(rename = "team.changed")]
    Changed {
        /// What it is for.
        description: String,
    },
    /// Somebody is in it.
    #[serde(rename = "team.member-added")]
    MemberAdded {
        /// Who.
        member: ActorId,
    },
    /// Somebody is not in it any more.
    #[serde(rename = "team.member-removed")]
    MemberRemoved {
        /// Who.
        member: ActorId,
    },
    /// It is no more.
    #[serde(rename = "team.dissolved")]
    Dissolved {
        /// Why, in the vault.
        reason: Digest,
    },
}

/// The team, or the refusal that there is none of that name, which names the field.
///
/// # Errors
/// [`Stop`].
pub(crate) fn known(rows: &mut Rows, field: &str, team: &Label) -> Result<TeamRow, Stop> {
    match rows.get::<TeamRow>(&[team])? {
        Some(row) if !row.dissolved => Ok(row),
        Some(_) => Err(Refusal::invalid(field, &format!("team `{team}` was dissolved")).remedy("name another team; `chancery team list` shows them").into()),
        None => Err(Refusal::invalid(field, &format!("team `{team}` does not exist"))
            .remedy("name a team of `chancery team list`, or have an administrator create it with `chancery team create`")
            .into()),
    }
}

/// The team that a command is about.
fn existing(rows: &mut Rows, team: &Label) -> Result<TeamRow, Stop> {
    match rows.get::<TeamRow>(&[team])? {
        Some(row) if !row.dissolved => Ok(row),
        Some(_) | None => Err(Refusal::not_found("team", team.as_str()).into()),
    }
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let subject = Subject::Team(command.team().clone());
    match command {
        Command::Create { team, description } => {
            check_text("description", description, MAX_DESCRIPTION_BYTES)?;
            match rows.get::<TeamRow>(&[team])? {
                None => Ok(vec![Draft::new(subject, Event::Created { description: description.clone() })]),
                Some(row) if row.dissolved => {
                    let refusal = Refusal::new(Code::AlreadyExists, &format!("a team `{team}` was dissolved, and its name is not given again"));
                    Err(refusal.field("name").remedy("choose another name").into())
                }
                Some(_) => Err(Refusal::new(Code::AlreadyExists, &format!("team `{team}` exists already")).field("name").into()),
            }
        }
        Command::Change { team, description, expected } => {
            check_text("description", description, MAX_DESCRIPTION_BYTES)?;
            check_revision("team", *expected, existing(rows, team)?.revision)?;
            Ok(vec![Draft::new(subject, Event::Changed { description: description.clone() })])
        }
        Command::AddMember { team, member } => {
            check_new_member(rows, context, team, member)?;
            Ok(vec![Draft::new(subject, Event::MemberAdded { member: member.clone() })])
        }
        Command::RemoveMember { team, member } => {
            existing(rows, team)?;
            if rows.get::<TeamMemberRow>(&[team, member])?.is_none() {
                return Err(Refusal::not_found("member of the team", member.as_str()).into());
            }
            Ok(vec![Draft::new(subject, Event::MemberRemoved { member: member.clone() })])
        }
        Command::Dissolve { team, reason } => {
            check_empty(&existing(rows, team)?)?;
            Ok(vec![Draft::new(subject, Event::Dissolved { reason: reason.digest }).private(Some(reason))])
        }
    }
}

fn check_new_member(rows: &mut Rows, context: &Context, team: &Label, member: &ActorId) -> Result<(), Stop> {
    let row = existing(rows, team)?;
    // Who is in a team may read what it keeps to itself: that is given by somebody else, like a role.
    let own = Refusal::new(Code::SeparationOfDuties, "nobody adds himself to a team").field("member");
    context.check_not_for_himself(member, own.remedy("ask another administrator"))?;
    let actor = rows.get::<ActorRow>(&[member])?.ok_or_else(|| Refusal::not_found("actor", member.as_str()))?;
    if !actor.active {
        return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended joins no team").field("member").into());
    }
    if rows.get::<TeamMemberRow>(&[team, member])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("the actor is in team `{team}` already")).field("member").into());
    }
    if row.members >= MAX_MEMBERS {
        return Err(Refusal::new(Code::TooLarge, &format!("team `{team}` has {MAX_MEMBERS} members, which is the most that a team has"))
            .field("member")
            .remedy("make another team")
            .into());
    }
    Ok(())
}

fn check_empty(row: &TeamRow) -> Result<(), Refusal> {
    if row.models > 0 {
        return Err(Refusal::new(Code::TransitionRefused, &format!("team `{}` owns {} models", row.team, row.models))
            .field("name")
            .remedy("transfer them first: `chancery model transfer propose MODEL TEAM`"));
    }
    if row.members > 0 {
        return Err(Refusal::new(Code::TransitionRefused, &format!("team `{}` has {} members", row.team, row.members))
            .field("name")
            .remedy("take them out first: `chancery team remove TEAM USER`"));
    }
    Ok(())
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Team(team) = &entry.subject else { return Ok(()) };
    // Access depends on who is in which team.
    registry::move_access_revision(rows, entry)?;
    let row = rows.get::<TeamRow>(&[team])?;
    match (event, row) {
        (Event::Created { description }, _) => {
            let (team, description) = (team.clone(), description.clone());
            rows.put(&TeamRow { team, description, members: 0, models: 0, dissolved: false, created_index: entry.index, revision: entry.index });
        }
        (_, None) => {}
        (Event::Changed { description }, Some(row)) => rows.put(&TeamRow { description: description.clone(), revision: entry.index, ..row }),
        (Event::MemberAdded { member }, Some(row)) => {
            rows.put(&TeamMemberRow { team: team.clone(), actor_id: member.clone(), added_at: entry.at, entry_index: entry.index });
            rows.put(&TeamRow { members: row.members + 1, revision: entry.index, ..row });
            record(rows, entry, &entry.subject, &format!("member:{member}"), Some("member"))?;
        }
        (Event::MemberRemoved { member }, Some(row)) => {
            rows.remove::<TeamMemberRow>(&[team, member]);
            rows.put(&TeamRow { members: row.members.saturating_sub(1), revision: entry.index, ..row });
            record(rows, entry, &entry.subject, &format!("member:{member}"), None)?;
        }
        (Event::Dissolved { .. }, Some(row)) => rows.put(&TeamRow { dissolved: true, revision: entry.index, ..row }),
    }
    Ok(())
}

/// Counts the models of the teams when one goes from a team, or from none, to another, or to none.
///
/// # Errors
/// [`Missing`].
pub(crate) fn count_model(rows: &mut Rows, from: Option<&Label>, to: Option<&Label>) -> Result<(), Missing> {
    if let Some(team) = from
        && let Some(row) = rows.get::<TeamRow>(&[team])?
    {
        rows.put(&TeamRow { models: row.models.saturating_sub(1), ..row });
    }
    if let Some(team) = to
        && let Some(row) = rows.get::<TeamRow>(&[team])?
    {
        rows.put(&TeamRow { models: row.models + 1, ..row });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
