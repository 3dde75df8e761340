//! Tokens: secrets that somebody keeps, and short-lived ones that a pipeline run is given for the token of its own issuer.
//!
//! INVARIANT: the entry that issues a token holds the SHA-256 of its secret, and the row by which the secret is found follows from the
//! entry: a digest that somebody swapped in the database is found by `ledger verify`. It needs no salt: a secret has 190 random bits, so
//! nobody guesses one from its digest.
//! INVARIANT: the row of a token says who else made it, from the entry that issued it ([`crate::speakers`]).
//! INVARIANT: a token of a run is given once for each token of the issuer, and is neither rotated nor renewed.

use serde::{Deserialize, Serialize};

use super::key::Whose;
use super::password::Purpose;
use super::{ActorKind, Event, existing};
use crate::access::{Limits, class};
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{ActorId, Digest, IdentityId, Timestamp, TokenId};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{CredentialRow, ExchangeRow, IdentityRow, TokenRow};

/// Longest time in which an old and a new token are both valid, in seconds: a week.
pub const MAX_OVERLAP_SECONDS: i64 = 7 * 86_400;

/// A token to be issued.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// New identifier.
    pub token: TokenId,
    /// For whom.
    pub actor: ActorId,
    /// SHA-256 of the secret.
    pub secret: Digest,
    /// Until when.
    pub expires_at: Timestamp,
    /// To what it is limited.
    pub limits: Limits,
    /// Who issues it.
    pub by: Issuer,
}

/// Who issues a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Issuer {
    /// An administrator, for anybody.
    Administrator,
    /// A person, for himself.
    Self_,
    /// The registry, for a pipeline run that showed a token of its own issuer.
    Run(Box<Run>),
}

/// A pipeline run that was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The identity that the token fits.
    pub identity: IdentityId,
    /// What is the same for every copy of the token that was shown.
    pub presented: Digest,
    /// What the token says of the run, as JSON ([`crate::identity::RunFacts`]).
    pub facts: PrivateText,
}

/// A token to be replaced by a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotate {
    /// The old one.
    pub token: TokenId,
    /// Identifier of the new one.
    pub new: TokenId,
    /// SHA-256 of the new secret.
    pub secret: Digest,
    /// How long the old one is valid from now on, at most, in seconds.
    pub overlap_seconds: i64,
    /// Whether it is the caller's own.
    pub whose: Whose,
}

/// What an entry says of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognised {
    /// The identity that its token fits.
    pub identity: IdentityId,
    /// What is the same for every copy of that token.
    pub presented: Digest,
    /// What it says of the run, in the vault.
    pub facts: Digest,
}

/// What an entry says of a token that was issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// For whom.
    pub actor: ActorId,
    /// Until when.
    pub expires_at: Timestamp,
    /// SHA-256 of the secret.
    pub secret: Digest,
    /// What it was made for.
    #[serde(default = "access", skip_serializing_if = "is_access")]
    pub purpose: Purpose,
    /// To what it is limited.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// The token that it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<TokenId>,
    /// The run that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Recognised>,
}

fn access() -> Purpose {
    Purpose::Access
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_access(purpose: &Purpose) -> bool {
    *purpose == Purpose::Access
}

pub(super) fn issue(rows: &mut Rows, context: &Context, issue: &Issue) -> Result<Vec<Draft>, Stop> {
    let actor = existing(rows, &issue.actor)?;
    if !actor.active {
        return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended gets no token").field("actor").into());
    }
    if issue.expires_at <= context.now {
        return Err(Refusal::invalid("expires_at", "the token would have expired already").into());
    }
    check_new(rows, &issue.token)?;
    context.makers(&issue.actor)?;
    let (run, facts) = match &issue.by {
        Issuer::Administrator => (None, None),
        Issuer::Self_ if issue.actor == context.actor && actor.kind == ActorKind::Person => (None, None),
        Issuer::Self_ => {
            let refusal = Refusal::new(Code::AccessDenied, "only a person issues tokens, and only for himself").field("user");
            return Err(refusal.remedy("ask an administrator").into());
        }
        Issuer::Run(run) => {
            check_run(rows, issue, run)?;
            (Some(Recognised { identity: run.identity.clone(), presented: run.presented, facts: run.facts.digest }), Some(&run.facts))
        }
    };
    let (actor, limits) = (issue.actor.clone(), issue.limits.clone());
    let issued = Issued { actor, expires_at: issue.expires_at, secret: issue.secret, purpose: Purpose::Access, limits, replaces: None, run };
    Ok(vec![Draft::new(Subject::Token(issue.token.clone()), Event::TokenIssued(Box::new(issued))).private(facts)])
}

fn check_new(rows: &mut Rows, token: &TokenId) -> Result<(), Stop> {
    if rows.get::<TokenRow>(&[token])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("token id `{token}` is given already")).field("token").into());
    }
    Ok(())
}

/// Decided where entries are made, so that of two servers that are shown the same token one refuses it.
fn check_run(rows: &mut Rows, issue: &Issue, run: &Run) -> Result<(), Stop> {
    let identity = rows.get::<IdentityRow>(&[&run.identity])?;
    if !identity.is_some_and(|row| row.actor_id == issue.actor && row.removed_at.is_none()) {
        return Err(Refusal::new(Code::Unauthenticated, "no registered identity fits the token").into());
    }
    if rows.get::<ExchangeRow>(&[&run.presented])?.is_some() {
        let refusal = Refusal::new(Code::Unauthenticated, "this token was exchanged before; a token is exchanged once");
        return Err(refusal.remedy("ask the issuer for a new token in the same run, and exchange that").into());
    }
    Ok(())
}

pub(super) fn rotate(rows: &mut Rows, context: &Context, rotate: &Rotate) -> Result<Vec<Draft>, Stop> {
    let old = usable(rows, context, &rotate.token, rotate.whose)?;
    if old.purpose == Purpose::Login {
        let refusal = Refusal::new(Code::TransitionRefused, "the token of a login is not rotated").field("id");
        return Err(refusal.remedy("log in again").into());
    }
    if old.run.is_some() {
        let refusal = Refusal::new(Code::TransitionRefused, "the token of a pipeline run is not rotated").field("id");
        return Err(refusal.remedy("exchange a new token of the run's issuer").into());
    }
    if let Some(by) = &old.replaced_by {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the token was rotated already, to `{by}`")).field("id").into());
    }
    if !(0..=MAX_OVERLAP_SECONDS).contains(&rotate.overlap_seconds) {
        return Err(Refusal::invalid("overlap_hours", &format!("overlap_hours must be from 0 to {}", MAX_OVERLAP_SECONDS / 3600)).into());
    }
    if !existing(rows, &old.actor_id)?.active {
        return Err(Refusal::new(Code::TransitionRefused, "an actor whose access ended gets no token").field("id").into());
    }
    check_new(rows, &rotate.new)?;
    context.makers(&old.actor_id)?;
    let life = old.valid_seconds;
    let issued = Issued {
        actor: old.actor_id.clone(),
        expires_at: context.now.plus_seconds(i64::try_from(life).unwrap_or(i64::MAX / 2_000_000)),
        secret: rotate.secret,
        purpose: Purpose::Access,
        limits: limits_of(&old),
        replaces: Some(rotate.token.clone()),
        run: None,
    };
    let ends_at = old.expires_at.min(context.now.plus_seconds(rotate.overlap_seconds));
    Ok(vec![
        Draft::new(Subject::Token(rotate.token.clone()), Event::TokenRotated { to: rotate.new.clone(), ends_at }),
        Draft::new(Subject::Token(rotate.new.clone()), Event::TokenIssued(Box::new(issued))),
    ])
}

pub(super) fn revoke(rows: &mut Rows, context: &Context, token: &TokenId, whose: Whose) -> Result<Vec<Draft>, Stop> {
    let row = rows.get::<TokenRow>(&[token])?.filter(|row| whose == Whose::Other || row.actor_id == context.actor);
    if row.is_none() {
        return Err(Refusal::not_found("token", token.as_str()).into());
    }
    Ok(vec![Draft::new(Subject::Token(token.clone()), Event::TokenRevoked {})])
}

/// A token that is valid. Somebody else's is not found.
fn usable(rows: &mut Rows, context: &Context, token: &TokenId, whose: Whose) -> Result<TokenRow, Stop> {
    let row = rows.get::<TokenRow>(&[token])?.filter(|row| whose == Whose::Other || row.actor_id == context.actor);
    let row = row.ok_or_else(|| Refusal::not_found("token", token.as_str()))?;
    if row.revoked || row.expires_at <= context.now {
        return Err(Refusal::new(Code::TransitionRefused, "the token is not valid any more").field("id").remedy("issue a new one").into());
    }
    Ok(row)
}

/// To what a stored token is limited.
pub fn limits_of(row: &TokenRow) -> Limits {
    // What cannot be read was altered, and lets nothing through that has a name.
    let nothing = || Limits { models: crate::names::ModelId::parse("m00000000000000000000000000000000").into_iter().collect(), ..Limits::default() };
    serde_json::from_value(row.limits.clone()).unwrap_or_else(|_| nothing())
}

pub(super) fn apply(rows: &mut Rows, entry: &Entry, event: &Event, token: &TokenId) -> Result<(), Missing> {
    match event {
        Event::TokenIssued(issued) => put(rows, entry, token, issued)?,
        Event::TokenRotated { to, ends_at } => {
            if let Some(row) = rows.get::<TokenRow>(&[token])? {
                rows.put(&TokenRow { expires_at: row.expires_at.min(*ends_at), replaced_by: Some(to.clone()), ..row });
            }
        }
        Event::TokenRevoked {} => {
            if let Some(row) = rows.get::<TokenRow>(&[token])? {
                rows.put(&TokenRow { revoked: true, ..row });
            }
        }
        Event::Created { .. }
        | Event::RolesChanged { .. }
        | Event::Deactivated {}
        | Event::KeyAdded { .. }
        | Event::KeyRemoved { .. }
        | Event::IdentityAdded(_)
        | Event::IdentityRemoved { .. }
        | Event::PasswordSet {}
        | Event::PasswordReset { .. }
        | Event::LoginBound { .. }
        | Event::LoginUnbound { .. }
        | Event::GroupsChanged { .. } => {}
    }
    Ok(())
}

fn put(rows: &mut Rows, entry: &Entry, token: &TokenId, issued: &Issued) -> Result<(), Missing> {
    let seconds = (issued.expires_at.micros() - entry.at.micros()) / 1_000_000;
    rows.put(&TokenRow {
        token_id: token.clone(),
        actor_id: issued.actor.clone(),
        issued_at: entry.at,
        expires_at: issued.expires_at,
        valid_seconds: u64::try_from(seconds).unwrap_or_default(),
        revoked: false,
        made_by: speakers::makers(&entry.actor, &entry.through, &issued.actor),
        purpose: issued.purpose,
        limits: serde_json::to_value(&issued.limits).unwrap_or_default(),
        replaced_by: None,
        identity: issued.run.as_ref().map(|run| run.identity.clone()),
        run: issued.run.as_ref().map(|run| run.facts),
        created_index: entry.index,
    });
    rows.put(&CredentialRow { secret_hash: issued.secret, token_id: token.clone() });
    if let Some(run) = &issued.run {
        rows.put(&ExchangeRow { presented: run.presented, token_id: token.clone() });
    }
    // What a token may read is decided by class: a model that it names has one of its own, so that lists show it.
    for model in &issued.limits.models {
        class::name(rows, entry, model)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
