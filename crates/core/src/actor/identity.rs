//! Identities of a pipeline: registered and removed by administrators, on the pipeline's actor.

use serde::{Deserialize, Serialize};

use super::{ActorKind, Event, existing};
use crate::command::Stop;
use crate::entry::{Draft, Entry, Subject};
use crate::identity::{self, Rule, Shape};
use crate::names::{ActorId, IdentityId};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::IdentityRow;

/// Longest issuer and audience, in bytes.
const MAX_TEXT_BYTES: usize = 2048;

/// An identity, as an entry holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// Identifier.
    pub id: IdentityId,
    /// `iss` of the tokens, byte for byte.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    /// Whose tokens they are like.
    pub shape: Shape,
    /// What their claims must be.
    pub rules: Vec<Rule>,
}

pub(super) fn add(rows: &mut Rows, actor: &ActorId, added: &Added, held: u64) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, actor)?;
    if row.kind != ActorKind::Pipeline {
        let refusal = Refusal::new(Code::TransitionRefused, &format!("a {} has no workload identity", row.kind)).field("name");
        return Err(refusal.remedy("register it for an actor of the kind pipeline").into());
    }
    if !row.active {
        return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended gets no identity").field("name").into());
    }
    for (field, text) in [("issuer", &added.issuer), ("audience", &added.audience)] {
        if text.is_empty() || text.len() > MAX_TEXT_BYTES {
            return Err(Refusal::invalid(field, &format!("{field} has 1 to {MAX_TEXT_BYTES} bytes")).into());
        }
    }
    identity::check(added.shape, &added.rules)?;
    if rows.get::<IdentityRow>(&[&added.id])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("identity id `{}` is given already", added.id)).field("id").into());
    }
    if held >= identity::MAX_IDENTITIES {
        return Err(identity::too_many().into());
    }
    Ok(vec![Draft::new(Subject::Actor(actor.clone()), Event::IdentityAdded(Box::new(added.clone())))])
}

pub(super) fn remove(rows: &mut Rows, actor: &ActorId, id: &IdentityId) -> Result<Vec<Draft>, Stop> {
    let row = rows.get::<IdentityRow>(&[id])?.filter(|row| row.actor_id == *actor && row.removed_at.is_none());
    if row.is_none() {
        return Err(Refusal::not_found("identity", id.as_str()).into());
    }
    Ok(vec![Draft::new(Subject::Actor(actor.clone()), Event::IdentityRemoved { id: id.clone() })])
}

pub(super) fn apply(rows: &mut Rows, entry: &Entry, event: &Event, actor: &ActorId) -> Result<(), Missing> {
    match event {
        Event::IdentityAdded(added) => rows.put(&IdentityRow {
            identity_id: added.id.clone(),
            actor_id: actor.clone(),
            issuer: added.issuer.clone(),
            audience: added.audience.clone(),
            shape: added.shape,
            rules: serde_json::to_value(&added.rules).unwrap_or_default(),
            added_at: entry.at,
            added_index: entry.index,
            removed_at: None,
        }),
        Event::IdentityRemoved { id } => {
            if let Some(row) = rows.get::<IdentityRow>(&[id])? {
                rows.put(&IdentityRow { removed_at: Some(entry.at), ..row });
            }
        }
        Event::Created { .. }
        | Event::RolesChanged { .. }
        | Event::Deactivated {}
        | Event::KeyAdded { .. }
        | Event::KeyRemoved { .. }
        | Event::TokenIssued(_)
        | Event::TokenRotated { .. }
        | Event::TokenRevoked {}
        | Event::PasswordSet {}
        | Event::PasswordReset { .. }
        | Event::LoginBound { .. }
        | Event::LoginUnbound { .. }
        | Event::GroupsChanged { .. } => {}
    }
    Ok(())
}
