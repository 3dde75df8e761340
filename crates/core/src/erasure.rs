//! Erasure of a person: the name and everything private that the person wrote leave the vault; the entries, which know an opaque id and
//! salted digests, stay as they are, and the ledger verifies as before.
//!
//! INVARIANT: only a person whose access ended is erased, and only once.

use serde::{Deserialize, Serialize};

use crate::actor::ActorKind;
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Subject, Vault};
use crate::grant;
use crate::names::{ActorId, Digest};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Key, Missing, Row, Rows, ToValue};
use crate::tables::{ActorRow, DirectoryRow, HandleRow, LoginIdentityRow, PasswordRow, PrivateRow};

/// Digests that one entry names: below the limit of what an entry holds.
const PER_ENTRY: usize = 400;
/// Most private texts that one erasure takes away; a person who wrote more is erased in several.
pub const MAX_TEXTS: usize = 40_000;
/// Most identities of providers that one erasure takes away.
const MAX_IDENTITIES: usize = 1_000;

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Erases a person.
    Erase {
        /// Who.
        actor: ActorId,
        /// Digests of the private texts that the person wrote, found in prepare.
        texts: Vec<Digest>,
        /// Keys of whom the person is, or was, for identity providers; found in prepare.
        identities: Vec<Digest>,
    },
}

/// What happened; the subject is the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// Name and private texts were taken out of the vault.
    #[serde(rename = "payload.erased")]
    Erased {
        /// Salted digests of the texts.
        digests: Vec<Digest>,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Erase { actor, texts, identities } = command;
    let row = rows.get::<ActorRow>(&[actor])?.ok_or_else(|| Refusal::not_found("actor", actor.as_str()))?;
    let name = rows.get::<DirectoryRow>(&[actor])?.map_or_else(|| actor.to_string(), |row| row.handle.to_string());
    check(&row, &name)?;
    if texts.len() > MAX_TEXTS {
        return Err(Refusal::new(Code::TooLarge, &format!("the person wrote {} private texts; at most {MAX_TEXTS} are erased at once", texts.len())).into());
    }
    let subject = || Subject::Actor(actor.clone());
    let mut drafts: Vec<Draft> = texts.chunks(PER_ENTRY).map(|digests| forget_texts(subject(), digests)).collect();
    if drafts.is_empty() {
        drafts.push(forget_texts(subject(), &[]));
    }
    if let Some(first) = drafts.first_mut() {
        first.vault.push(Vault::Forget(Key { table: PasswordRow::TABLE, values: vec![actor.value()] }));
        first.vault.extend(known_identities(rows, actor, identities)?);
    }
    if let (Some(first), Some(name)) = (drafts.first_mut(), rows.get::<DirectoryRow>(&[actor])?) {
        first.vault.push(Vault::Forget(Key { table: DirectoryRow::TABLE, values: vec![actor.value()] }));
        first.vault.push(Vault::Forget(Key { table: HandleRow::TABLE, values: vec![name.handle.value()] }));
    }
    Ok(drafts)
}

/// Those of the identities that are nobody else's by now.
fn known_identities(rows: &mut Rows, actor: &ActorId, identities: &[Digest]) -> Result<Vec<Vault>, Stop> {
    let mut found = Vec::new();
    for identity in identities.iter().take(MAX_IDENTITIES) {
        let row = rows.get::<LoginIdentityRow>(&[identity])?;
        if row.is_some_and(|row| row.actor_id.is_none_or(|holder| holder == *actor)) {
            found.push(Vault::Forget(Key { table: LoginIdentityRow::TABLE, values: vec![identity.value()] }));
        }
    }
    Ok(found)
}

fn forget_texts(subject: Subject, digests: &[Digest]) -> Draft {
    let mut draft = Draft::new(subject, Event::Erased { digests: digests.to_vec() });
    draft.vault.extend(digests.iter().map(|digest| Vault::Forget(Key { table: PrivateRow::TABLE, values: vec![digest.value()] })));
    draft
}

/// Whether a person can be erased; `name` is the one for commands.
///
/// # Errors
/// `invalid_field` for a machine, `transition_refused` for who has access, `already_exists` for who is erased.
pub fn check(row: &ActorRow, name: &str) -> Result<(), Refusal> {
    if row.kind != ActorKind::Person {
        return Err(Refusal::invalid("name", &format!("a {} is no person: there is nothing to erase", row.kind)));
    }
    if row.active || grant::is_administrator(row) {
        return Err(Refusal::new(Code::TransitionRefused, "a person who has access is not erased")
            .field("name")
            .remedy(&format!("end the access first: `chancery user deactivate {name}`")));
    }
    if row.erased_index.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "this person is erased already").field("name"));
    }
    Ok(())
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, _event: &Event) -> Result<(), Missing> {
    let Subject::Actor(id) = &entry.subject else { return Ok(()) };
    registry::move_access_revision(rows, entry)?;
    if let Some(row) = rows.get::<ActorRow>(&[id])? {
        rows.put(&ActorRow { erased_index: Some(row.erased_index.unwrap_or(entry.index)), revision: entry.index, ..row });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn erase(actor: &ActorId, texts: Vec<Digest>) -> Command {
        Command::Erase { actor: actor.clone(), texts, identities: Vec::new() }
    }

    #[test]
    fn a_person_is_erased_once_and_only_after_the_access_ended() {
        let mut world = World::new();
        world.person(&alice(), &["administrator"]);
        world.person(&bob(), &["owner"]);
        let handle = label(bob().as_str());
        world.ok(&bob(), crate::testing::create_model(&model_id(1), "loans", crate::names::RiskTier::High));
        let text = reason();
        world.ok(&bob(), crate::model::Command::SetRiskTier { id: model_id(1), risk_tier: crate::names::RiskTier::Prohibited, reason: text.clone() });
        assert!(world.row::<PrivateRow>(&[&text.digest]).is_some());
        let refused = world.refused(&alice(), erase(&bob(), vec![]));
        assert_eq!(refused.code, Code::TransitionRefused);
        assert_eq!(refused.remedy, Some(format!("end the access first: `chancery user deactivate {handle}`")));
        world.ok(&alice(), crate::actor::Command::Deactivate { id: bob() });
        let entries = world.ok(&alice(), erase(&bob(), vec![text.digest]));
        assert_eq!(entries.len(), 1);
        assert_eq!(world.row::<PrivateRow>(&[&text.digest]), None);
        assert_eq!(world.row::<DirectoryRow>(&[&bob()]), None);
        assert_eq!(world.row::<HandleRow>(&[&handle]), None);
        assert_eq!(world.row::<ActorRow>(&[&bob()]).unwrap().erased_index, Some(entries[0].index));
        assert_eq!(world.refused(&alice(), erase(&bob(), vec![])).code, Code::AlreadyExists);
        let nobody = ActorId::parse(&format!("u{:0>32}", "f")).unwrap();
        assert_eq!(world.refused(&alice(), erase(&nobody, vec![])).code, Code::NotFound);
    }

    #[test]
    fn many_texts_are_several_entries_that_fit() {
        let mut world = World::new();
        world.person(&alice(), &["administrator"]);
        world.person(&bob(), &[]);
        world.ok(&alice(), crate::actor::Command::Deactivate { id: bob() });
        let texts: Vec<Digest> = (0..1_000).map(|number: u32| Digest::of(&number.to_be_bytes())).collect();
        assert_eq!(world.ok(&alice(), erase(&bob(), texts)).len(), 3);
        let many = (0..=MAX_TEXTS).map(|number| Digest::of(&number.to_be_bytes())).collect();
        world.person(&carol(), &[]);
        world.ok(&alice(), crate::actor::Command::Deactivate { id: carol() });
        assert_eq!(world.refused(&alice(), erase(&carol(), many)).code, Code::TooLarge);
    }

    #[test]
    fn machines_are_not_erased() {
        let mut world = World::new();
        let pipeline = ActorId::parse(&format!("p{:0>32}", "1")).unwrap();
        world.person(&alice(), &["administrator"]);
        world.ok(&alice(), create_actor(&pipeline, ActorKind::Pipeline, "ci", &[]));
        world.ok(&alice(), crate::actor::Command::Deactivate { id: pipeline.clone() });
        assert_eq!(world.refused(&alice(), erase(&pipeline, vec![])).code, Code::InvalidField);
    }
}
