//! Actors: people, pipelines and services, their roles and tokens. Entries know opaque ids; names live in the vault.

pub mod binding;
pub mod identity;
pub mod key;
pub mod password;
pub mod token;

use serde::{Deserialize, Serialize};

use crate::access::{Grant, Role};
use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Subject, Vault};
use crate::names::{ActorId, Digest, IdentityId, Label, Timestamp, TokenId, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::signing::foreign::Algorithm;
use crate::tables::{ActorRow, DirectoryRow, HandleRow};
use crate::{grant, registry};

/// Most roles of an actor.
pub const MAX_ROLES: usize = 32;

crate::words! {
    /// What an actor is.
    ActorKind, "kind" {
        /// A named person.
        Person = "person",
        /// A pipeline.
        Pipeline = "pipeline",
        /// A service.
        Service = "service",
    }
}

/// Commands on actors and tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates an actor.
    Create {
        /// New identifier.
        id: ActorId,
        /// Kind.
        kind: ActorKind,
        /// Name for commands.
        handle: Label,
        /// Name for people.
        display_name: String,
        /// Roles.
        roles: Vec<Grant>,
    },
    /// Replaces the roles of an actor.
    SetRoles {
        /// Actor.
        id: ActorId,
        /// Roles.
        roles: Vec<Grant>,
    },
    /// Ends all access of an actor.
    Deactivate {
        /// Actor.
        id: ActorId,
    },
    /// Issues a token.
    IssueToken(Box<token::Issue>),
    /// Issues a token in the place of another, which ends after an overlap.
    RotateToken(token::Rotate),
    /// Revokes a token.
    RevokeToken {
        /// Token.
        token: TokenId,
        /// Whether it is the caller's own.
        whose: key::Whose,
    },
    /// Registers a workload identity of a pipeline.
    AddIdentity {
        /// The pipeline.
        actor: ActorId,
        /// The identity.
        identity: Box<identity::Added>,
        /// How many identities the pipeline has; found out in prepare.
        held: u64,
    },
    /// Ends a workload identity.
    RemoveIdentity {
        /// The pipeline.
        actor: ActorId,
        /// The identity.
        id: IdentityId,
    },
    /// Passwords, and tokens that a login gives.
    Password(password::Command),
    /// Who of the identity provider is who here.
    Binding(binding::Command),
    /// Registers a public key.
    AddKey {
        /// For whom.
        actor: ActorId,
        /// The key.
        key: key::RegisteredKey,
        /// Whether it is the caller's own.
        whose: key::Whose,
        /// How many keys the actor has; found out in prepare.
        held: u64,
    },
    /// Ends the use of a public key.
    RemoveKey {
        /// Whose it is.
        actor: ActorId,
        /// The key.
        key_id: Digest,
        /// Whether it is the caller's own.
        whose: key::Whose,
    },
}

/// What happened to an actor or a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// An actor was created.
    #[serde(rename = "actor.created")]
    Created {
        /// Kind.
        kind: ActorKind,
        /// Roles.
        roles: Vec<Grant>,
    },
    /// Its roles were replaced.
    #[serde(rename = "actor.roles-changed")]
    RolesChanged {
        /// Roles.
        roles: Vec<Grant>,
    },
    /// Its access ended.
    #[serde(rename = "actor.deactivated")]
    Deactivated {},
    /// A token was issued.
    #[serde(rename = "token.issued")]
    TokenIssued(Box<token::Issued>),
    /// Another token takes its place.
    #[serde(rename = "token.rotated")]
    TokenRotated {
        /// The new one.
        to: TokenId,
        /// When this one ends.
        ends_at: Timestamp,
    },
    /// A token was revoked.
    #[serde(rename = "token.revoked")]
    TokenRevoked {},
    /// A workload identity of a pipeline was registered.
    #[serde(rename = "identity.added")]
    IdentityAdded(Box<identity::Added>),
    /// A workload identity ended.
    #[serde(rename = "identity.removed")]
    IdentityRemoved {
        /// The identity.
        id: IdentityId,
    },
    /// The person set a password.
    #[serde(rename = "actor.password-set")]
    PasswordSet {},
    /// An administrator ended the password; the person sets another with a secret that works once.
    #[serde(rename = "actor.password-reset")]
    PasswordReset {
        /// Until when the secret works.
        until: Timestamp,
    },
    /// The person logs in as somebody of the identity provider.
    #[serde(rename = "actor.login-bound")]
    LoginBound {
        /// The provider.
        issuer: String,
        /// Who he is there, in the vault.
        subject: Digest,
    },
    /// He no longer does.
    #[serde(rename = "actor.login-unbound")]
    LoginUnbound {
        /// The provider.
        issuer: String,
    },
    /// What the person's groups give him changed.
    #[serde(rename = "actor.groups-changed")]
    GroupsChanged {
        /// His groups that are mapped.
        groups: Vec<String>,
        /// What they give.
        roles: Vec<Grant>,
    },
    /// A public key was registered.
    #[serde(rename = "actor.key-added")]
    KeyAdded {
        /// SHA-256 of the SPKI DER.
        key_id: Digest,
        /// Algorithm.
        algorithm: Algorithm,
        /// SPKI DER in base64.
        spki: String,
    },
    /// A public key is no longer used; what it signed before stays signed.
    #[serde(rename = "actor.key-removed")]
    KeyRemoved {
        /// SHA-256 of the SPKI DER.
        key_id: Digest,
    },
}

fn existing(rows: &mut Rows, id: &ActorId) -> Result<ActorRow, Stop> {
    rows.get::<ActorRow>(&[id])?.ok_or_else(|| Refusal::not_found("actor", id.as_str()).into())
}

/// Nobody grants himself a role; the program itself does so once, for the first administrator.
fn check_not_self(context: &Context, id: &ActorId) -> Result<(), Refusal> {
    if context.actor == *id { Err(nobody_changes_his_own()) } else { Ok(()) }
}

fn nobody_changes_his_own() -> Refusal {
    Refusal::new(Code::SeparationOfDuties, "nobody changes his own roles").remedy("ask another administrator")
}

/// Decides a command on actors.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Create { id, kind, handle, display_name, roles } => {
            check_text("display_name", display_name, 200)?;
            check_roles(*kind, roles)?;
            // INVARIANT: an id is given once; a second creation would replace the roles of whoever has it.
            if rows.get::<ActorRow>(&[id])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("actor id `{id}` is given already")).field("actor").into());
            }
            if rows.get::<HandleRow>(&[handle])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("`{handle}` is taken")).field("name").into());
            }
            let grant::Split { now, proposed } = grant::split(rows, context, id, &[], roles)?;
            let mut draft = Draft::new(Subject::Actor(id.clone()), Event::Created { kind: *kind, roles: now });
            draft.vault.push(Vault::Directory(
                DirectoryRow { actor_id: id.clone(), handle: handle.clone(), display_name: display_name.clone() },
                HandleRow { handle: handle.clone(), actor_id: id.clone() },
            ));
            Ok(with_proposal(vec![draft], id, proposed))
        }
        Command::SetRoles { id, roles } => {
            check_not_self(context, id)?;
            let actor = existing(rows, id)?;
            if !actor.active {
                return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended gets no roles")
                    .field("actor")
                    .remedy("create a new actor")
                    .into());
            }
            check_roles(actor.kind, roles)?;
            let before = actor.grants();
            if roles.iter().any(|grant| !before.contains(grant)) {
                context.check_not_for_himself(id, nobody_changes_his_own())?;
            }
            let grant::Split { now, proposed } = grant::split(rows, context, id, &before, roles)?;
            // Nothing to say twice when all that is new waits.
            let unchanged = !proposed.is_empty() && now.len() == before.len() && now.iter().all(|grant| before.contains(grant));
            let drafts = if unchanged { Vec::new() } else { vec![Draft::new(Subject::Actor(id.clone()), Event::RolesChanged { roles: now })] };
            Ok(with_proposal(drafts, id, proposed))
        }
        Command::Deactivate { id } => {
            check_not_self(context, id)?;
            existing(rows, id)?;
            Ok(vec![Draft::new(Subject::Actor(id.clone()), Event::Deactivated {})])
        }
        Command::IssueToken(issue) => token::issue(rows, context, issue),
        Command::RotateToken(rotate) => token::rotate(rows, context, rotate),
        Command::RevokeToken { token, whose } => token::revoke(rows, context, token, *whose),
        Command::AddIdentity { actor, identity, held } => identity::add(rows, actor, identity, *held),
        Command::RemoveIdentity { actor, id } => identity::remove(rows, actor, id),
        Command::Password(command) => password::decide(rows, context, command),
        Command::Binding(command) => binding::decide(rows, context, command),
        Command::AddKey { .. } | Command::RemoveKey { .. } => key::decide(rows, context, command),
    }
}

fn with_proposal(mut drafts: Vec<Draft>, id: &ActorId, proposed: Vec<Grant>) -> Vec<Draft> {
    if !proposed.is_empty() {
        drafts.push(grant::proposal(id, proposed));
    }
    drafts
}

/// Approvals and administration are for people; a pipeline or service gets none of these roles.
fn check_roles(kind: ActorKind, roles: &[Grant]) -> Result<(), Refusal> {
    if roles.len() > MAX_ROLES {
        return Err(Refusal::new(Code::TooLarge, &format!("an actor has at most {MAX_ROLES} roles")).field("roles"));
    }
    let for_people = |grant: &&Grant| matches!(grant.role, Role::Approver(_) | Role::Administrator | Role::Incident);
    match (kind, roles.iter().find(for_people)) {
        (ActorKind::Pipeline | ActorKind::Service, Some(role)) => {
            Err(Refusal::new(Code::SeparationOfDuties, &format!("role `{role}` is for named people; a {kind} cannot have it")).field("roles"))
        }
        (ActorKind::Person | ActorKind::Pipeline | ActorKind::Service, _) => Ok(()),
    }
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    // Every change of who may do what moves the access revision, by which cached decisions are dropped.
    registry::move_access_revision(rows, entry)?;
    match (event, &entry.subject) {
        (Event::Created { kind, roles }, Subject::Actor(id)) => {
            let roles = words(roles);
            record(rows, entry, &entry.subject, "roles", Some(&roles.to_string()))?;
            let (actor_id, index) = (id.clone(), entry.index);
            let row = ActorRow { actor_id, kind: *kind, roles, active: true, erased_index: None, created_index: index, revision: index };
            grant::put_actor(rows, entry, None, &row)?;
        }
        (Event::RolesChanged { roles }, Subject::Actor(id)) => {
            let roles = words(roles);
            record(rows, entry, &entry.subject, "roles", Some(&roles.to_string()))?;
            if let Some(actor) = rows.get::<ActorRow>(&[id])? {
                grant::put_actor(rows, entry, Some(&actor.clone()), &ActorRow { roles, revision: entry.index, ..actor })?;
            }
        }
        (Event::Deactivated {}, Subject::Actor(id)) => {
            record(rows, entry, &entry.subject, "roles", None)?;
            if let Some(actor) = rows.get::<ActorRow>(&[id])? {
                grant::put_actor(rows, entry, Some(&actor.clone()), &ActorRow { active: false, revision: entry.index, ..actor })?;
            }
        }
        (Event::TokenIssued(_) | Event::TokenRotated { .. } | Event::TokenRevoked {}, Subject::Token(token)) => token::apply(rows, entry, event, token)?,
        (Event::IdentityAdded(_) | Event::IdentityRemoved { .. }, Subject::Actor(actor)) => identity::apply(rows, entry, event, actor)?,
        (Event::GroupsChanged { groups, roles }, Subject::Actor(id)) => crate::group::apply_to_actor(rows, entry, id, groups, roles)?,
        (Event::GroupsChanged { .. }, _) => {}
        (Event::PasswordSet {} | Event::PasswordReset { .. } | Event::LoginBound { .. } | Event::LoginUnbound { .. }, _) => password::apply(rows, entry)?,
        (Event::KeyAdded { .. } | Event::KeyRemoved { .. }, _) => key::apply(rows, entry, event)?,
        (
            Event::Created { .. }
            | Event::RolesChanged { .. }
            | Event::Deactivated {}
            | Event::TokenIssued(_)
            | Event::TokenRotated { .. }
            | Event::TokenRevoked {}
            | Event::IdentityAdded(_)
            | Event::IdentityRemoved { .. },
            _,
        ) => {}
    }
    Ok(())
}

pub(crate) fn words(roles: &[Grant]) -> serde_json::Value {
    serde_json::Value::from(roles.iter().map(ToString::to_string).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
