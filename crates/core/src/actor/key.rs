//! Public keys of actors: with them pipelines attest evidence, and people sign their approvals with their own hand.
//!
//! INVARIANT: a key serves one actor, for ever: a removed key never speaks for somebody else.
//! INVARIANT: nobody but a person himself registers a key of his; an administrator does it for machines, never for people.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{ActorKind, Command, Event, existing};
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Subject};
use crate::names::{ActorId, Digest};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::signing::ForeignKey;
use crate::tables::ActorKeyRow;

/// Most keys that an actor has at a time.
pub const MAX_KEYS: u64 = 20;

crate::words! {
    /// Whose key somebody registers or removes.
    Whose, "whose" {
        /// His own.
        Own = "own",
        /// Of another actor, as an administrator.
        Other = "other",
    }
}

/// A key as an entry holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredKey {
    /// SHA-256 of the SPKI DER.
    pub id: Digest,
    /// Algorithm.
    pub algorithm: crate::signing::foreign::Algorithm,
    /// SPKI DER in base64.
    pub spki: String,
}

impl RegisteredKey {
    /// The form of a key in entries.
    ///
    /// # Errors
    /// `invalid_field` when the key cannot be written.
    pub fn of(key: &ForeignKey) -> Result<Self, Refusal> {
        let der = key.to_spki_der().map_err(|error| Refusal::invalid("key", &format!("the key cannot be used: {error}")))?;
        Ok(Self { id: Digest::of(&der), algorithm: key.algorithm(), spki: BASE64_STANDARD.encode(der) })
    }
}

/// Reads a key that an entry holds.
///
/// # Errors
/// `invalid_field`; a stored key that cannot be read was altered.
pub fn parse_spki(spki: &str) -> Result<ForeignKey, Refusal> {
    let der = BASE64_STANDARD.decode(spki).map_err(|_| Refusal::invalid("spki", "this is no base64"))?;
    ForeignKey::from_spki_der(&der)
}

pub(super) fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::AddKey { actor, key, whose, held } => add(rows, context, actor, key, *whose, *held),
        Command::RemoveKey { actor, key_id, whose } => remove(rows, context, actor, key_id, *whose),
        Command::Create { .. }
        | Command::SetRoles { .. }
        | Command::Deactivate { .. }
        | Command::IssueToken { .. }
        | Command::RevokeToken { .. }
        | Command::Password(_)
        | Command::Binding(_) => Ok(Vec::new()),
    }
}

fn add(rows: &mut Rows, context: &Context, actor: &ActorId, key: &RegisteredKey, whose: Whose, held: u64) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, actor)?;
    check_whose(context, actor, whose)?;
    match (row.kind, whose) {
        (ActorKind::Person, Whose::Own) | (ActorKind::Pipeline | ActorKind::Service, Whose::Other) => {}
        (ActorKind::Person, Whose::Other) => {
            return Err(Refusal::new(Code::SeparationOfDuties, "nobody registers a key for another person: his signature would be worth nothing")
                .field("name")
                .remedy("the person registers it: `chancery key add FILE`")
                .into());
        }
        (ActorKind::Pipeline | ActorKind::Service, Whose::Own) => {
            return Err(Refusal::new(Code::AccessDenied, &format!("a {} does not register keys of its own", row.kind))
                .field("name")
                .remedy("ask an administrator to register it")
                .into());
        }
    }
    if !row.active {
        return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended gets no key").field("name").into());
    }
    if let Some(known) = rows.get::<ActorKeyRow>(&[&key.id])? {
        if known.actor_id != *actor {
            return Err(Refusal::new(Code::SeparationOfDuties, &format!("key `{}` is or was somebody else's; a key serves one actor for ever", key.id))
                .field("key")
                .remedy("make a new key")
                .into());
        }
        if known.removed_at.is_none() {
            return Err(Refusal::new(Code::AlreadyExists, &format!("key `{}` is registered already", key.id)).field("key").into());
        }
    }
    if held >= MAX_KEYS {
        return Err(Refusal::new(Code::TooLarge, &format!("an actor has at most {MAX_KEYS} keys")).field("key").remedy("remove one that is out of use").into());
    }
    let event = Event::KeyAdded { key_id: key.id, algorithm: key.algorithm, spki: key.spki.clone() };
    Ok(vec![Draft::new(Subject::Actor(actor.clone()), event)])
}

fn remove(rows: &mut Rows, context: &Context, actor: &ActorId, key_id: &Digest, whose: Whose) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, actor)?;
    check_whose(context, actor, whose)?;
    if whose == Whose::Own && row.kind != ActorKind::Person {
        return Err(Refusal::new(Code::AccessDenied, &format!("a {} does not remove its keys", row.kind)).field("name").remedy("ask an administrator").into());
    }
    let known = rows.get::<ActorKeyRow>(&[key_id])?;
    if known.is_none_or(|known| known.actor_id != *actor || known.removed_at.is_some()) {
        return Err(Refusal::not_found("key", &key_id.to_string()).into());
    }
    Ok(vec![Draft::new(Subject::Actor(actor.clone()), Event::KeyRemoved { key_id: *key_id })])
}

/// What was allowed is what is done: an own key needs no administrator, any other does.
fn check_whose(context: &Context, actor: &ActorId, whose: Whose) -> Result<(), Refusal> {
    if (context.actor == *actor) == (whose == Whose::Own) {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, &format!("`{}` is not the word for whose key this is", whose.as_str())).field("whose").remedy("ask again"))
}

pub(super) fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Actor(actor) = &entry.subject else { return Ok(()) };
    match event {
        Event::KeyAdded { key_id, algorithm, spki } => {
            rows.put(&ActorKeyRow {
                key_id: *key_id,
                actor_id: actor.clone(),
                algorithm: *algorithm,
                spki: spki.clone(),
                added_at: entry.at,
                added_index: entry.index,
                removed_at: None,
                removed_index: None,
            });
        }
        Event::KeyRemoved { key_id } => {
            if let Some(row) = rows.get::<ActorKeyRow>(&[key_id])? {
                rows.put(&ActorKeyRow { removed_at: Some(entry.at), removed_index: Some(entry.index), ..row });
            }
        }
        Event::Created { .. }
        | Event::RolesChanged { .. }
        | Event::Deactivated {}
        | Event::TokenIssued { .. }
        | Event::TokenRevoked {}
        | Event::PasswordSet {}
        | Event::PasswordReset { .. }
        | Event::LoginBound { .. }
        | Event::LoginUnbound { .. }
        | Event::GroupsChanged { .. } => {}
    }
    Ok(())
}

/// Refuses a signature with a key that is not this person's, or not any more.
///
/// # Errors
/// `separation_of_duties` for somebody else's key, `access_denied` for one that is not registered or was removed.
pub fn check_own(rows: &mut Rows, actor: &ActorId, key_id: &Digest) -> Result<(), Stop> {
    match rows.get::<ActorKeyRow>(&[key_id])? {
        Some(row) if row.actor_id != *actor => Err(not_yours(key_id).into()),
        Some(row) if row.removed_at.is_none() => Ok(()),
        Some(_) | None => Err(not_registered(key_id).into()),
    }
}

/// The refusal of a signature with somebody else's key.
pub fn not_yours(key_id: &Digest) -> Refusal {
    Refusal::new(Code::SeparationOfDuties, &format!("key `{key_id}` is somebody else's")).field("signed.key_id").remedy("sign with a key that you registered")
}

/// The refusal of a signature with a key that is not in force.
pub fn not_registered(key_id: &Digest) -> Refusal {
    Refusal::new(Code::AccessDenied, &format!("key `{key_id}` is not registered for you, or was removed"))
        .field("signed.key_id")
        .remedy("register it: `chancery key add FILE`")
}

#[cfg(test)]
mod tests;
