//! Whose token it is: the registered identities whose rules its claims fit.

use chancery_core::identity::{self, Mismatch, Rule, Shape};
use chancery_core::names::{ActorId, Label};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ActorRow, HandleRow, IdentityRow};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::jwt::Claims;
use super::super::{App, AppError};
use super::unknown;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Whether an identity fits claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Every rule fits.
    Fits,
    /// Some do not.
    DoesNot,
}

/// An identity that was tried on claims.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tried {
    /// The identity.
    pub id: String,
    /// `fits` or `does-not`.
    pub outcome: Fit,
    /// What does not fit: {claim, message}.
    #[schema(value_type = Vec<Object>)]
    pub mismatches: Vec<Mismatch>,
}

impl App {
    /// The one pipeline whose identity the claims of a verified token fit.
    pub(super) async fn recognise(&self, shape: Shape, claims: &Claims, pipeline: Option<&Label>) -> Result<IdentityRow, AppError> {
        let snapshot = self.store().read().await?;
        let wanted = match pipeline {
            Some(name) => Some(snapshot.get::<HandleRow>(values![*name]).await?.ok_or_else(unknown)?.actor_id),
            None => None,
        };
        let audience = self.inner.workload.named(&claims.issuer).map(|(config, _)| config.audience.clone()).unwrap_or_default();
        let tail = "WHERE substr(issuer, 1, 200) = substr($1, 1, 200) AND issuer = $1 AND removed_at IS NULL ORDER BY added_index";
        let mut fitting: Vec<IdentityRow> = Vec::new();
        for row in snapshot.rows::<IdentityRow>(tail, &values![claims.issuer]).await? {
            // The database may compare text by a collation of its own; bytes decide.
            let named = row.issuer.as_bytes() == claims.issuer.as_bytes() && row.audience.as_bytes() == audience.as_bytes();
            if named && wanted.as_ref().is_none_or(|wanted| row.actor_id == *wanted) && identity::mismatches(shape, &rules(&row)?, &claims.all).is_empty() {
                fitting.push(row);
            }
        }
        let mut found = None;
        for row in fitting {
            let active = snapshot.get::<ActorRow>(values![row.actor_id]).await?.is_some_and(|actor| actor.active);
            match &found {
                _ if !active => {}
                None => found = Some(row),
                Some(first) if first.actor_id == row.actor_id => {}
                Some(_) => {
                    let refusal = Refusal::invalid("pipeline", "identities of several pipelines fit the token");
                    return Err(refusal.remedy("say for which pipeline it is, or make their rules narrower").into());
                }
            }
        }
        found.ok_or_else(unknown)
    }
}

/// Tries claims, which nobody verified, on the identities of a pipeline: what `pipeline identity test` shows.
///
/// # Errors
/// A fault.
pub async fn try_claims(snapshot: &Snapshot, actor: &ActorId, claims: &Map<String, Value>) -> Result<Vec<Tried>, AppError> {
    let mut tried = Vec::new();
    for row in held(snapshot, actor).await? {
        let mut mismatches = Vec::new();
        for (name, expected) in [("iss", &row.issuer), ("aud", &row.audience)] {
            let fits = match claims.get(name) {
                Some(Value::String(one)) => one == expected,
                Some(Value::Array(many)) => many.iter().any(|one| one == expected),
                Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
            };
            if !fits {
                mismatches.push(Mismatch { claim: name.to_owned(), message: format!("it must be `{}`", chancery_core::names::clipped(expected)) });
            }
        }
        mismatches.extend(identity::mismatches(row.shape, &rules(&row)?, claims));
        let outcome = if mismatches.is_empty() { Fit::Fits } else { Fit::DoesNot };
        tried.push(Tried { id: row.identity_id.to_string(), outcome, mismatches });
    }
    Ok(tried)
}

/// The identities of a pipeline that are in force, oldest first.
///
/// # Errors
/// A fault.
pub async fn held(snapshot: &Snapshot, actor: &ActorId) -> Result<Vec<IdentityRow>, AppError> {
    Ok(snapshot.rows::<IdentityRow>("WHERE actor_id = $1 AND removed_at IS NULL ORDER BY added_index", &values![*actor]).await?)
}

/// The rules of a stored identity. What cannot be read was altered.
///
/// # Errors
/// A fault.
pub fn rules(row: &IdentityRow) -> Result<Vec<Rule>, Fault> {
    serde_json::from_value(row.rules.clone()).map_err(|error| Fault::database("read the rules of an identity", error))
}
