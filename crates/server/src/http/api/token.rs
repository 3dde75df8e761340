//! Tokens: issue, list, revoke. A secret is shown once, in the answer that makes it; the registry keeps its digest.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chancery_core::actor::Command;
use chancery_core::names::{Digest, Label, TokenId};
use chancery_core::refusal::Refusal;
use chancery_core::tables::TokenRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::{handle, named};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Queries, caller};
use crate::store::Snapshot;
use crate::{ids, values};

/// How long a token is valid unless asked otherwise, and at most, in days.
const DAYS: u16 = 90;
const MAX_DAYS: u16 = 366;
const DAY_SECONDS: i64 = 86_400;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, issue)).routes(routes!(revoke))
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
}

fn days() -> u16 {
    DAYS
}

/// A receipt with the secret.
#[derive(Serialize, ToSchema)]
struct Issued {
    #[serde(flatten)]
    receipt: ReceiptView,
    /// Id of the token, by which it is revoked.
    token_id: String,
    /// The secret. It cannot be read again.
    secret: String,
}

/// Issue a token; its secret is shown once
///
/// A replay by idempotency key gives the receipt without the secret: the secret of that time is not known any more.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "token_issue", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewToken,
    responses((status = 201, description = "Issued", body = Issued), (status = "4XX", description = "Refused", body = Problem)))]
async fn issue(allowed: Allowed<caller::ManageActors>, body: Json<NewToken>) -> Result<Response, AppError> {
    let seconds = seconds(body.value.expires_in_days)?;
    let actor = named(&allowed.read().await?, &body.value.user).await?;
    let (token, secret) = (ids::token()?, ids::secret()?);
    let expires_at = allowed.app.now().plus_seconds(seconds);
    let command = Command::IssueToken { token: token.clone(), actor, secret_hash: Digest::of(secret.as_bytes()), expires_at };
    let made = allowed.execute(command, &body.requested).await?;
    if made.replayed {
        return Ok(receipt(StatusCode::CREATED, &made, None));
    }
    let mut response = receipt(StatusCode::CREATED, &made, Some(&format!("/api/v1/tokens/{token}")));
    let body = Issued { receipt: ReceiptView::from(&made), token_id: token.to_string(), secret };
    *response.body_mut() = axum::Json(body).into_response().into_body();
    response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    Ok(response)
}

fn seconds(days: u16) -> Result<i64, Refusal> {
    match days {
        1..=MAX_DAYS => Ok(i64::from(days) * DAY_SECONDS),
        _ => Err(Refusal::invalid("expires_in_days", &format!("expires_in_days must be from 1 to {MAX_DAYS}"))),
    }
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
struct TokenView {
    /// Identifier.
    id: String,
    /// Id of the actor that it belongs to.
    actor: String,
    /// Name of that user, pipeline or service; null when it was erased.
    user: Option<String>,
    /// Until when it is valid (RFC 3339).
    expires_at: String,
    /// Whether it was revoked.
    revoked: bool,
    /// Entry that issued it.
    index: u64,
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
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let name = filter.user.as_deref().map(Label::parse).transpose()?;
    let snapshot = allowed.read().await?;
    let actor = match &name {
        Some(name) => named(&snapshot, name).await?.to_string(),
        None => "%".to_owned(),
    };
    let tail = "WHERE token_id > $1 AND actor_id LIKE $2 ORDER BY token_id LIMIT $3";
    let rows = snapshot.rows::<TokenRow>(tail, &values![after, actor, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(token(&snapshot, row).await?);
    }
    Ok(axum::Json(Page::new(items, limit, |token| token.id.clone())))
}

async fn token(snapshot: &Snapshot, row: TokenRow) -> Result<TokenView, AppError> {
    Ok(TokenView {
        id: row.token_id.to_string(),
        user: handle(snapshot, &row.actor_id).await?,
        actor: row.actor_id.to_string(),
        expires_at: row.expires_at.to_string(),
        revoked: row.revoked,
        index: row.created_index,
    })
}

/// Revoke a token
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", operation_id = "token_revoke", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the token")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn revoke(allowed: Allowed<caller::ManageActors>, Path(id): Path<TokenId>, requested: Requested) -> Result<Response, AppError> {
    let made = allowed.execute(Command::RevokeToken { token: id }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
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
