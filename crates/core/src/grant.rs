//! Two persons for the roles that decide: approval roles and administration, in any scope. While the registry has one administrator he
//! gives them alone; once there are two, one proposes and another one confirms. Nobody gives himself a role, and taking one away needs one
//! person.
//!
//! INVARIANT: whether a second person is needed is decided from the rows, in the sequencer: nothing that happens at the same moment is
//! overlooked.
//! INVARIANT: whoever made himself the only administrator gains nothing: for [`COOLING_SECONDS`] after the second one was lost, these
//! roles are given by nobody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::{Grant, Role, class};
use crate::actor::{ActorKind, MAX_ROLES, words};
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Digest, Timestamp};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{ActorRow, GrantProposalRow, SettingRow};

/// Setting with the number of active administrators, and since when there is only one again.
pub const ADMINISTRATORS: &str = "administrators";
/// How long after the last but one administrator was lost nobody gives a protected role alone: three days.
pub const COOLING_SECONDS: i64 = 3 * 86_400;

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Confirms what another administrator proposed.
    Confirm {
        /// Who gets the roles.
        actor: ActorId,
        /// The roles, as the person saw them.
        grants: Vec<Grant>,
    },
    /// Says no to it.
    Reject {
        /// Who would have got the roles.
        actor: ActorId,
        /// Why.
        reason: PrivateText,
    },
    /// Takes one's own proposal back.
    Withdraw {
        /// Who would have got the roles.
        actor: ActorId,
        /// Why.
        reason: PrivateText,
    },
}

impl Command {
    /// Who gets the roles.
    pub fn actor(&self) -> &ActorId {
        match self {
            Self::Confirm { actor, .. } | Self::Reject { actor, .. } | Self::Withdraw { actor, .. } => actor,
        }
    }
}

/// What happened; the subject is who gets the roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// Protected roles wait for a second administrator.
    #[serde(rename = "actor.grant-proposed")]
    Proposed {
        /// The roles.
        grants: Vec<Grant>,
    },
    /// They were given.
    #[serde(rename = "actor.grant-confirmed")]
    Confirmed {
        /// The roles.
        grants: Vec<Grant>,
        /// Who had proposed them.
        proposed_by: ActorId,
    },
    /// They were not given.
    #[serde(rename = "actor.grant-rejected")]
    Rejected {
        /// The roles.
        grants: Vec<Grant>,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Who proposed them took it back.
    #[serde(rename = "actor.grant-withdrawn")]
    Withdrawn {
        /// The roles.
        grants: Vec<Grant>,
        /// Why, in the vault.
        reason: Digest,
    },
}

/// Whether a role is one of those that two administrators give together.
pub fn is_protected(grant: &Grant) -> bool {
    match grant.role {
        Role::Approver(_) | Role::Administrator => true,
        Role::Viewer | Role::Contributor | Role::Owner | Role::Deployer | Role::Incident | Role::Auditor => false,
    }
}

/// Whether an actor counts as an administrator who can confirm: a person with access who administers the whole registry.
pub fn is_administrator(row: &ActorRow) -> bool {
    row.active && row.kind == ActorKind::Person && row.holds(&Role::Administrator)
}

/// What a change of roles comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Roles that the actor has at once.
    pub(crate) now: Vec<Grant>,
    /// Protected roles that wait for a second administrator.
    pub(crate) proposed: Vec<Grant>,
}

/// Splits the roles that `context.actor` gives to `id`, who has `before`, into those that are in force at once and those that wait.
///
/// # Errors
/// `separation_of_duties` while the registry has lost its second administrator a moment ago; `already_exists` while others wait.
pub(crate) fn split(rows: &mut Rows, context: &Context, id: &ActorId, before: &[Grant], wanted: &[Grant]) -> Result<Split, Stop> {
    let (new, kept): (Vec<Grant>, Vec<Grant>) = wanted.iter().cloned().partition(|grant| is_protected(grant) && !before.contains(grant));
    if new.is_empty() || !needs_second(rows, context)? {
        return Ok(Split { now: wanted.to_vec(), proposed: Vec::new() });
    }
    if rows.get::<GrantProposalRow>(&[id])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "roles are proposed for this user already")
            .field("roles")
            .remedy("have that proposal confirmed, rejected or withdrawn first: `chancery grant list`")
            .into());
    }
    Ok(Split { now: kept, proposed: new.into_iter().collect::<BTreeSet<_>>().into_iter().collect() })
}

/// Whether protected roles that `context.actor` gives now wait for a second administrator.
///
/// # Errors
/// `separation_of_duties` for [`COOLING_SECONDS`] after the second administrator was lost.
pub fn needs_second(rows: &mut Rows, context: &Context) -> Result<bool, Stop> {
    // Without a row it is the program itself at its first start, or the open registry, where nobody is asked who he is.
    if rows.get::<ActorRow>(&[&context.actor])?.is_none() {
        return Ok(false);
    }
    let known = rows.get::<SettingRow>(&[&ADMINISTRATORS])?.map(|row| Administrators::parse(&row.value)).unwrap_or_default();
    if known.count >= 2 {
        return Ok(true);
    }
    match known.alone_since.map(|since| since.plus_seconds(COOLING_SECONDS)) {
        Some(until) if context.now < until => Err(Refusal::new(
            Code::SeparationOfDuties,
            &format!("the second administrator lost his role or access a moment ago: until {until} nobody gives approval or administration roles alone"),
        )
        .field("roles")
        .remedy("wait until then; roles of other kinds can be given at once")
        .into()),
        Some(_) | None => Ok(false),
    }
}

/// The draft of a proposal.
pub(crate) fn proposal(id: &ActorId, grants: Vec<Grant>) -> Draft {
    Draft::new(Subject::Actor(id.clone()), Event::Proposed { grants })
}

fn open(rows: &mut Rows, id: &ActorId) -> Result<(GrantProposalRow, Vec<Grant>), Stop> {
    let row = rows.get::<GrantProposalRow>(&[id])?.ok_or_else(|| {
        Refusal::new(Code::NotFound, "no roles are proposed for this user").remedy("propose them by setting the roles: `chancery user roles`")
    })?;
    let grants = row.grants();
    Ok((row, grants))
}

impl GrantProposalRow {
    /// The roles that wait.
    pub fn grants(&self) -> Vec<Grant> {
        serde_json::from_value(self.roles.clone()).unwrap_or_default()
    }
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let (row, grants) = open(rows, command.actor())?;
    let subject = Subject::Actor(command.actor().clone());
    match command {
        Command::Confirm { actor, grants: seen } => {
            if seen.iter().collect::<BTreeSet<_>>() != grants.iter().collect::<BTreeSet<_>>() {
                let shown: Vec<String> = grants.iter().map(ToString::to_string).collect();
                return Err(Refusal::new(Code::PreconditionFailed, &format!("the proposed roles are {}", shown.join(", ")))
                    .field("roles")
                    .remedy("read the proposal again and confirm what it says")
                    .into());
            }
            check_second(rows, context, actor, &row)?;
            check_beneficiary(rows, actor, &grants)?;
            Ok(vec![Draft::new(subject, Event::Confirmed { grants, proposed_by: row.proposed_by })])
        }
        Command::Reject { actor, reason } => {
            check_administrator(rows, &context.actor)?;
            if *actor == context.actor || row.proposed_by == context.actor {
                return Err(Refusal::new(Code::SeparationOfDuties, "proposed roles are rejected by another administrator")
                    .remedy("who proposed them can withdraw the proposal")
                    .into());
            }
            Ok(vec![Draft::new(subject, Event::Rejected { grants, reason: reason.digest }).private(Some(reason))])
        }
        Command::Withdraw { reason, .. } => {
            if row.proposed_by != context.actor {
                return Err(Refusal::new(Code::AccessDenied, "only who proposed roles withdraws them").remedy("another administrator can reject them").into());
            }
            Ok(vec![Draft::new(subject, Event::Withdrawn { grants, reason: reason.digest }).private(Some(reason))])
        }
    }
}

fn check_administrator(rows: &mut Rows, actor: &ActorId) -> Result<(), Stop> {
    match rows.get::<ActorRow>(&[actor])? {
        Some(row) if is_administrator(&row) => Ok(()),
        Some(_) | None => Err(Refusal::new(Code::AccessDenied, "proposed roles are decided about by an administrator of the whole registry, who is a person")
            .remedy("ask one")
            .into()),
    }
}

/// The second administrator is another person than who proposed the roles and who gets them, and who proposed them still administers.
fn check_second(rows: &mut Rows, context: &Context, beneficiary: &ActorId, open: &GrantProposalRow) -> Result<(), Stop> {
    check_administrator(rows, &context.actor)?;
    let refused = |message: &str| Refusal::new(Code::SeparationOfDuties, message).remedy("ask another administrator");
    let proposed_by = &open.proposed_by;
    context.check_not_for_himself(beneficiary, refused("nobody confirms roles for himself"))?;
    let own = refused("roles of this kind need a second administrator: you proposed them");
    speakers::check_strangers(rows, context, proposed_by, open.entry_index, own)?;
    if !rows.get::<ActorRow>(&[proposed_by])?.is_some_and(|row| is_administrator(&row)) {
        return Err(Refusal::new(Code::TransitionRefused, "who proposed these roles does not administer any more")
            .remedy("reject the proposal, and propose the roles anew")
            .into());
    }
    Ok(())
}

fn check_beneficiary(rows: &mut Rows, actor: &ActorId, grants: &[Grant]) -> Result<(), Stop> {
    let row = rows.get::<ActorRow>(&[actor])?.ok_or_else(|| Refusal::not_found("actor", actor.as_str()))?;
    if !row.active {
        return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended gets no roles").field("actor").remedy("reject the proposal").into());
    }
    if joined(&row, grants).len() > MAX_ROLES {
        return Err(Refusal::new(Code::TooLarge, &format!("an actor has at most {MAX_ROLES} roles")).field("roles").into());
    }
    Ok(())
}

/// The roles that an actor has, with new ones.
fn joined(row: &ActorRow, grants: &[Grant]) -> Vec<Grant> {
    let mut all = row.grants();
    let new: Vec<Grant> = grants.iter().filter(|grant| !all.contains(grant)).cloned().collect();
    all.extend(new);
    all
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Actor(id) = &entry.subject else { return Ok(()) };
    match event {
        Event::Proposed { grants } => {
            let (roles, proposed_by) = (words(grants), entry.actor.clone());
            rows.put(&GrantProposalRow { actor_id: id.clone(), roles, proposed_by, proposed_at: entry.at, entry_index: entry.index });
        }
        Event::Confirmed { grants, .. } => {
            registry::move_access_revision(rows, entry)?;
            rows.remove::<GrantProposalRow>(&[id]);
            if let Some(row) = rows.get::<ActorRow>(&[id])? {
                let roles = words(&joined(&row, grants));
                record(rows, entry, &entry.subject, "roles", Some(&roles.to_string()))?;
                put_actor(rows, entry, Some(&row.clone()), &ActorRow { roles, revision: entry.index, ..row })?;
            }
        }
        Event::Rejected { .. } | Event::Withdrawn { .. } => rows.remove::<GrantProposalRow>(&[id]),
    }
    Ok(())
}

/// How many active administrators there are, as a setting holds it: `2`, or `1 SINCE` when there were more before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Administrators {
    count: u64,
    alone_since: Option<Timestamp>,
}

impl Administrators {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(' ');
        let count = parts.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        Self { count, alone_since: parts.next().and_then(|micros| micros.parse().ok()).map(Timestamp::from_micros) }
    }

    fn write(self) -> String {
        self.alone_since.map_or_else(|| self.count.to_string(), |since| format!("{} {}", self.count, since.micros()))
    }
}

/// Writes an actor and keeps count of the administrators.
///
/// # Errors
/// [`Missing`].
pub(crate) fn put_actor(rows: &mut Rows, entry: &Entry, before: Option<&ActorRow>, after: &ActorRow) -> Result<(), Missing> {
    rows.put(after);
    class::name_in_grants(rows, entry, &after.grants())?;
    let (was, is) = (before.is_some_and(is_administrator), is_administrator(after));
    if was == is {
        return Ok(());
    }
    let known = rows.get::<SettingRow>(&[&ADMINISTRATORS])?.map(|row| Administrators::parse(&row.value)).unwrap_or_default();
    let count = if is { known.count + 1 } else { known.count.saturating_sub(1) };
    let alone_since = match (known.count >= 2, count < 2) {
        (true, true) => Some(entry.at),
        (false, true) => known.alone_since,
        (_, false) => None,
    };
    rows.put(&SettingRow { name: ADMINISTRATORS.to_owned(), value: Administrators { count, alone_since }.write(), revision: entry.index });
    Ok(())
}

#[cfg(test)]
mod tests;
