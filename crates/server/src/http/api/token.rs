//! Tokens: issue, list, rotate, revoke. A secret is shown once, in the answer that makes it; the registry keeps its digest.

mod account;
pub(in crate::http) mod view;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chancery_core::access::{Action, Limits};
use chancery_core::actor::Command;
use chancery_core::actor::key::Whose;
use chancery_core::actor::token::{Issue, Issuer, Rotate};
use chancery_core::names::{ActorId, Digest, Label, ModelName, TokenId};
use chancery_core::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::named;
use crate::app::{App, AppError, Receipt, view as models};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Permit, Problem, Queries, caller};
use crate::{ids, token};

use view::TokenView;

/// How long a token is valid unless asked otherwise, and at most, in days.
const DAYS: u16 = 90;
const MAX_DAYS: u16 = 366;
const DAY_SECONDS: i64 = 86_400;
/// How long an old token is valid beside the new one unless asked otherwise, in hours.
const OVERLAP_HOURS: u16 = 24;
const HOUR_SECONDS: i64 = 3_600;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, issue)).routes(routes!(revoke)).routes(routes!(rotate)).merge(account::routes())
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// Name of the user, pipeline or service.
    #[schema(value_type = String)]
    user: Label,
    /// Days of validity, 1 to 366; 90 unless given.
    #[serde(default = "days")]
    expires_in_days: u16,
    /// To what it is limited.
    #[serde(default)]
    limits: AskedLimits,
}

/// What a token is for, of all that its holder may do. A list that is left out limits nothing.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AskedLimits {
    /// Only these actions, such as `read` and `register`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    actions: Vec<Action>,
    /// Only models of these teams.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    teams: Vec<Label>,
    /// Only these models, by name. A model keeps its tokens when it is renamed.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    models: Vec<ModelName>,
}

impl AskedLimits {
    async fn read<P: Permit>(&self, allowed: &Allowed<P>) -> Result<Limits, AppError> {
        let snapshot = allowed.read().await?;
        let mut ids = Vec::with_capacity(self.models.len());
        for name in &self.models {
            ids.push(models::model_named(&snapshot, name).await?.model_id);
        }
        Ok(Limits::new(self.actions.clone(), self.teams.clone(), ids)?)
    }
}

fn days() -> u16 {
    DAYS
}

fn overlap() -> u16 {
    OVERLAP_HOURS
}

/// A receipt with the secret.
#[derive(Serialize, ToSchema)]
struct Issued {
    #[serde(flatten)]
    receipt: ReceiptView,
    /// Id of the token, by which it is revoked; absent in a replay, whose entry names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    /// The secret. It cannot be read again: absent in a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Issue a token; its secret is shown once
///
/// A replay by idempotency key gives the receipt without the secret: the secret of that time is not known any more.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "token_issue", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewToken,
    responses((status = 201, description = "Issued", body = Issued), (status = "4XX", description = "Refused", body = Problem)))]
async fn issue(allowed: Allowed<caller::ManageActors>, body: Json<NewToken>) -> Result<Response, AppError> {
    let NewToken { user, expires_in_days, limits } = &body.value;
    let actor = named(&allowed.read().await?, user).await?;
    let limits = limits.read(&allowed).await?;
    issued(&allowed, actor, *expires_in_days, limits, Issuer::Administrator, &body.requested).await
}

async fn issued<P: Permit>(allowed: &Allowed<P>, actor: ActorId, days: u16, limits: Limits, by: Issuer, requested: &Requested) -> Result<Response, AppError> {
    let (made, id, secret) = issue_token(allowed, actor, days, limits, by, requested).await?;
    Ok(shown(&made, &id, secret))
}

/// Issues a token: the receipt, its id, and the secret, which is that of the first time only ([`Receipt::replayed`]).
pub(in crate::http) async fn issue_token<P: Permit>(
    allowed: &Allowed<P>,
    actor: ActorId,
    days: u16,
    limits: Limits,
    by: Issuer,
    requested: &Requested,
) -> Result<(Receipt, TokenId, String), AppError> {
    let seconds = seconds(days)?;
    let (id, secret) = (ids::token()?, token::secret()?);
    let expires_at = allowed.app.now().plus_seconds(seconds);
    let issue = Issue { token: id.clone(), actor, secret: Digest::of(secret.as_bytes()), expires_at, limits, by };
    let made = allowed.execute(Command::IssueToken(Box::new(issue)), requested).await?;
    Ok((made, id, secret))
}

/// The answer with the secret, for the first time only.
fn shown(made: &Receipt, id: &TokenId, secret: String) -> Response {
    if made.replayed {
        return receipt(StatusCode::CREATED, made, None);
    }
    let mut response = receipt(StatusCode::CREATED, made, Some(&format!("/api/v1/tokens/{id}")));
    let body = Issued { receipt: ReceiptView::from(made), token_id: Some(id.to_string()), secret: Some(secret) };
    *response.body_mut() = axum::Json(body).into_response().into_body();
    response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    response
}

fn seconds(days: u16) -> Result<i64, Refusal> {
    match days {
        1..=MAX_DAYS => Ok(i64::from(days) * DAY_SECONDS),
        _ => Err(Refusal::invalid("expires_in_days", &format!("expires_in_days must be from 1 to {MAX_DAYS}"))),
    }
}

/// Whose tokens.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TokenFilter {
    /// Only of this user.
    user: Option<String>,
}

/// List tokens
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "token_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(TokenFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<TokenView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::ReadEntries>,
    Queries((filter, page)): Queries<(TokenFilter, PageQuery)>,
) -> Result<axum::Json<Page<TokenView>>, AppError> {
    let name = filter.user.as_deref().map(Label::parse).transpose()?;
    let snapshot = allowed.read().await?;
    let actor = match &name {
        Some(name) => Some(named(&snapshot, name).await?),
        None => None,
    };
    Ok(axum::Json(view::page(&snapshot, actor.as_ref(), &page).await?))
}

/// Revoke a token; it ends at once, on every server
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", operation_id = "token_revoke", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the token")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn revoke(allowed: Allowed<caller::ManageActors>, Path(id): Path<TokenId>, requested: Requested) -> Result<Response, AppError> {
    let made = allowed.execute(Command::RevokeToken { token: id, whose: Whose::Other }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// How to rotate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// Hours in which the old token is valid beside the new one, 0 to 168; 24 unless given.
    #[serde(default = "overlap")]
    overlap_hours: u16,
}

/// Rotate a token: a new one with the same limits and for as long; the old one ends after the overlap
#[utoipa::path(post, path = "/api/v1/tokens/{id}/rotate", operation_id = "token_rotate", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the token")), request_body = Rotation,
    responses((status = 201, description = "Rotated", body = Issued), (status = "4XX", description = "Refused", body = Problem)))]
async fn rotate(allowed: Allowed<caller::ManageActors>, Path(id): Path<TokenId>, body: Json<Rotation>) -> Result<Response, AppError> {
    rotated(&allowed, id, body.value.overlap_hours, Whose::Other, &body.requested).await
}

async fn rotated<P: Permit>(allowed: &Allowed<P>, id: TokenId, overlap_hours: u16, whose: Whose, requested: &Requested) -> Result<Response, AppError> {
    let (made, new, secret) = rotate_token(allowed, id, overlap_hours, whose, requested).await?;
    Ok(shown(&made, &new, secret))
}

/// Issues a token in the place of another one: the receipt, the new id, and the secret, which is that of the first time only.
pub(in crate::http) async fn rotate_token<P: Permit>(
    allowed: &Allowed<P>,
    id: TokenId,
    overlap_hours: u16,
    whose: Whose,
    requested: &Requested,
) -> Result<(Receipt, TokenId, String), AppError> {
    let (new, secret) = (ids::token()?, token::secret()?);
    let overlap_seconds = i64::from(overlap_hours) * HOUR_SECONDS;
    let rotate = Rotate { token: id, new: new.clone(), secret: Digest::of(secret.as_bytes()), overlap_seconds, whose };
    let made = allowed.execute(Command::RotateToken(rotate), requested).await?;
    Ok((made, new, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_for_a_day_to_a_year() {
        for (days, expected) in [(0, None), (1, Some(86_400)), (90, Some(7_776_000)), (366, Some(31_622_400)), (367, None)] {
            assert_eq!(seconds(days).ok(), expected, "{days}");
        }
    }
}
