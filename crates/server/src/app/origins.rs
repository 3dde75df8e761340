//! Who gave somebody each of his roles, and who confirmed it: read from the entries about him.

use std::collections::BTreeMap;

use chancery_core::access::Grant;
use chancery_core::command::Event;
use chancery_core::names::ActorId;
use chancery_core::tables::{DirectoryRow, EntryRow};
use chancery_core::{actor, grant};

use super::{AppError, as_of};
use crate::store::Snapshot;
use crate::values;

/// Entries about one actor that are read, newest first.
const MOST: u64 = 500;

/// Who gave a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Giver {
    /// One administrator.
    One(ActorId),
    /// Two administrators together.
    Two {
        /// Who proposed it.
        proposed_by: ActorId,
        /// Who confirmed it.
        confirmed_by: ActorId,
    },
    /// Groups of the identity provider.
    Groups(Vec<String>),
}

/// Where a role comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who gave it.
    pub giver: Giver,
    /// The entry that says so.
    pub index: u64,
}

/// Where the roles of an actor come from, as far as the newest 500 entries about him say.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn of(snapshot: &Snapshot, id: &ActorId) -> Result<BTreeMap<Grant, Origin>, AppError> {
    let tail = "WHERE subject = $1 ORDER BY entry_index DESC LIMIT $2";
    let rows = snapshot.rows::<EntryRow>(tail, &values![format!("actor/{id}"), MOST]).await?;
    let mut found = BTreeMap::new();
    for row in rows.iter().rev() {
        let entry = as_of::entry(row)?;
        follow(&mut found, &entry.event, &entry.actor, entry.index);
    }
    Ok(found)
}

fn follow(found: &mut BTreeMap<Grant, Origin>, event: &Event, by: &ActorId, index: u64) {
    if let Event::Actor(actor::Event::Created { roles, .. } | actor::Event::RolesChanged { roles }) = event {
        give(found, roles, &Giver::One(by.clone()), index);
        found.retain(|grant, _| roles.contains(grant));
    }
    if let Event::Actor(actor::Event::GroupsChanged { groups, roles }) = event {
        give(found, roles, &Giver::Groups(groups.clone()), index);
        found.retain(|grant, origin| !matches!(origin.giver, Giver::Groups(_)) || roles.contains(grant));
    }
    if let Event::Grant(grant::Event::Confirmed { grants, proposed_by }) = event {
        give(found, grants, &Giver::Two { proposed_by: proposed_by.clone(), confirmed_by: by.clone() }, index);
    }
}

/// Who has a role already keeps it from who gave it first.
fn give(found: &mut BTreeMap<Grant, Origin>, grants: &[Grant], giver: &Giver, index: u64) {
    for grant in grants {
        found.entry(grant.clone()).or_insert_with(|| Origin { giver: giver.clone(), index });
    }
}

/// How pages name an actor: his name for commands, or his id when the name was erased.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn name(snapshot: &Snapshot, actor: &ActorId) -> Result<String, AppError> {
    Ok(snapshot.get::<DirectoryRow>(values![*actor]).await?.map_or_else(|| actor.to_string(), |row| row.handle.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_core::actor::ActorKind;

    #[test]
    fn roles_are_followed_from_entry_to_entry() {
        let id = |text: &str| ActorId::parse(&format!("p{}", text.repeat(32))).unwrap();
        let grants = |words: &[&str]| words.iter().map(|word| Grant::parse(word).unwrap()).collect::<Vec<_>>();
        let (ana, ben) = (id("a"), id("b"));
        let mut found = BTreeMap::new();
        let confirmed = grant::Event::Confirmed { grants: grants(&["approver:security"]), proposed_by: ana.clone() };
        for (index, event) in [
            Event::Actor(actor::Event::Created { kind: ActorKind::Person, roles: grants(&["viewer", "owner"]) }),
            Event::Grant(confirmed),
            Event::Actor(actor::Event::RolesChanged { roles: grants(&["viewer", "approver:security", "deployer"]) }),
            Event::Actor(actor::Event::GroupsChanged { groups: vec!["ml".to_owned()], roles: grants(&["contributor"]) }),
            Event::Actor(actor::Event::GroupsChanged { groups: vec![], roles: vec![] }),
        ]
        .iter()
        .enumerate()
        {
            let by = if index == 1 { &ben } else { &ana };
            follow(&mut found, event, by, index as u64);
        }
        let told: Vec<String> = found.iter().map(|(grant, origin)| format!("{grant} {}", origin.index)).collect();
        assert_eq!(told, ["viewer 0", "approver:security 1", "deployer 2"]);
        let two = Giver::Two { proposed_by: ana, confirmed_by: ben };
        assert_eq!(found.get(&Grant::parse("approver:security").unwrap()).unwrap().giver, two);
    }
}
