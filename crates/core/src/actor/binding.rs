//! Who of the organisation's identity provider is which person here.
//!
//! INVARIANT: a person is found by issuer and subject, which the provider never gives to somebody else; never by name or address. Both are
//! in the vault; entries have a salted digest.
//! INVARIANT: an account is made at a login only with roles that mapped groups give, and only by the program itself, which asks no caller.

use super::{ActorKind, Event, existing};
use crate::command::{Context, Stop};
use crate::entry::{Draft, PrivateText, Subject, Vault};
use crate::group;
use crate::names::{ActorId, Digest, Label, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::tables::{ActorRow, DirectoryRow, HandleRow, LoginIdentityRow};

/// Somebody, as a provider knows him.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Who, for the provider.
    pub subject: PrivateText,
}

impl Identity {
    /// What finds him.
    pub fn key(&self) -> Digest {
        key(&self.issuer, self.subject.text())
    }
}

/// What finds somebody: a digest over issuer and subject.
pub fn key(issuer: &str, subject: &str) -> Digest {
    Digest::of(format!("{}\n{issuer}\n{subject}", issuer.len()).as_bytes())
}

/// Commands on identities.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Lets a person log in as somebody of the provider.
    Bind {
        /// Person here.
        actor: ActorId,
        /// Who he is there.
        identity: Identity,
    },
    /// Ends that, for everybody of the provider who is this person.
    Unbind {
        /// Person.
        actor: ActorId,
        /// Keys, found in prepare.
        identities: Vec<Digest>,
    },
    /// Makes an account at the first login.
    Admit {
        /// New identifier.
        id: ActorId,
        /// Name for commands.
        handle: Label,
        /// Name for people.
        display_name: String,
        /// Who he is there.
        identity: Identity,
        /// His groups, as the provider says.
        groups: Vec<String>,
    },
    /// Lets the roles of a person follow his groups.
    Follow {
        /// Person.
        actor: ActorId,
        /// His groups, as the provider says.
        groups: Vec<String>,
    },
}

fn bound(context: &Context, actor: &ActorId, identity: &Identity) -> Result<Draft, Refusal> {
    let event = Event::LoginBound { issuer: identity.issuer.clone(), subject: identity.subject.digest };
    let mut draft = Draft::new(Subject::Actor(actor.clone()), event).private(Some(&identity.subject));
    let row = LoginIdentityRow {
        identity: identity.key(),
        issuer: identity.issuer.clone(),
        subject: identity.subject.text().to_owned(),
        actor_id: Some(actor.clone()),
        made_by: context.makers(actor)?,
    };
    draft.vault.push(Vault::LoginIdentity(row));
    Ok(draft)
}

fn check_free(rows: &mut Rows, identity: &Identity) -> Result<(), Stop> {
    if rows.get::<LoginIdentityRow>(&[&identity.key()])?.is_some_and(|row| row.actor_id.is_some()) {
        return Err(Refusal::new(Code::AlreadyExists, "this subject of the issuer is somebody here already").field("subject").into());
    }
    Ok(())
}

/// The system does it for somebody who has just come from the provider; nobody does it for himself.
fn check_system(context: &Context) -> Result<(), Refusal> {
    if context.actor.as_str() == "system" {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, "this happens at a login only"))
}

pub(super) fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Bind { actor, identity } => {
            let row = existing(rows, actor)?;
            if row.kind != ActorKind::Person || !row.active {
                return Err(Refusal::new(Code::TransitionRefused, "only a person who has access logs in").field("name").into());
            }
            check_text("issuer", &identity.issuer, 500)?;
            check_free(rows, identity)?;
            Ok(vec![bound(context, actor, identity)?])
        }
        Command::Unbind { actor, identities } => {
            existing(rows, actor)?;
            let mut drafts = Vec::new();
            for key in identities {
                let Some(row) = rows.get::<LoginIdentityRow>(&[key])?.filter(|row| row.actor_id.as_ref() == Some(actor)) else { continue };
                let mut draft = Draft::new(Subject::Actor(actor.clone()), Event::LoginUnbound { issuer: row.issuer.clone() });
                draft.vault.push(Vault::LoginIdentity(LoginIdentityRow { actor_id: None, ..row }));
                drafts.push(draft);
            }
            if drafts.is_empty() {
                return Err(Refusal::new(Code::NotFound, "nobody of a provider is this person").field("name").into());
            }
            Ok(drafts)
        }
        Command::Admit { id, handle, display_name, identity, groups } => {
            check_system(context)?;
            check_text("display_name", display_name, 200)?;
            check_free(rows, identity)?;
            if rows.get::<ActorRow>(&[id])?.is_some() || rows.get::<HandleRow>(&[handle])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("`{handle}` is taken")).field("name").into());
            }
            let (groups, roles) = group::given(rows, id, groups)?;
            if roles.is_empty() {
                return Err(Refusal::new(Code::AccessDenied, "none of your groups gives access to this registry")
                    .remedy("ask an administrator for an account")
                    .into());
            }
            let mut created = Draft::new(Subject::Actor(id.clone()), Event::Created { kind: ActorKind::Person, roles: Vec::new() });
            created.vault.push(Vault::Directory(
                DirectoryRow { actor_id: id.clone(), handle: handle.clone(), display_name: display_name.clone() },
                HandleRow { handle: handle.clone(), actor_id: id.clone() },
            ));
            let follows = Draft::new(Subject::Actor(id.clone()), Event::GroupsChanged { groups, roles });
            Ok(vec![created, bound(context, id, identity)?, follows])
        }
        Command::Follow { actor, groups } => {
            check_system(context)?;
            let row = existing(rows, actor)?;
            if !row.active {
                return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended follows no groups").into());
            }
            group::follow(rows, &row, groups)
        }
    }
}

#[cfg(test)]
mod tests;
