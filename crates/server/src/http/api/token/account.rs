//! `/api/v1/account/tokens`: one's own tokens.

use axum::response::Response;
use chancery_core::actor::Command;
use chancery_core::actor::key::Whose;
use chancery_core::actor::token::Issuer;
use chancery_core::names::TokenId;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{self, TokenView};
use super::{AskedLimits, Issued, Rotation, days, issued, rotated};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, issue)).routes(routes!(revoke)).routes(routes!(rotate))
}

/// A new token of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnToken {
    /// Days of validity, 1 to 366; 90 unless given.
    #[serde(default = "days")]
    expires_in_days: u16,
    /// To what it is limited.
    #[serde(default)]
    limits: AskedLimits,
}

/// List your own tokens
#[utoipa::path(get, path = "/api/v1/account/tokens", operation_id = "own_token_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<TokenView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::ManageOwnAccount>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<TokenView>>, AppError> {
    let snapshot = allowed.read().await?;
    Ok(axum::Json(view::page(&snapshot, Some(&allowed.caller.actor.id), &page).await?))
}

/// Issue a token for yourself; its secret is shown once
#[utoipa::path(post, path = "/api/v1/account/tokens", operation_id = "own_token_issue", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = OwnToken,
    responses((status = 201, description = "Issued", body = Issued), (status = "4XX", description = "Refused", body = Problem)))]
async fn issue(allowed: Allowed<caller::ManageOwnAccount>, body: Json<OwnToken>) -> Result<Response, AppError> {
    let limits = body.value.limits.read(&allowed).await?;
    let actor = allowed.caller.actor.id.clone();
    issued(&allowed, actor, body.value.expires_in_days, limits, Issuer::Self_, &body.requested).await
}

/// Revoke a token of your own; it ends at once, on every server
#[utoipa::path(delete, path = "/api/v1/account/tokens/{id}", operation_id = "own_token_revoke", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the token")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn revoke(allowed: Allowed<caller::ManageOwnAccount>, Path(id): Path<TokenId>, requested: Requested) -> Result<Response, AppError> {
    let made = allowed.execute(Command::RevokeToken { token: id, whose: Whose::Own }, &requested).await?;
    Ok(receipt(axum::http::StatusCode::OK, &made, None))
}

/// Rotate a token of your own: a new one with the same limits and for as long; the old one ends after the overlap
#[utoipa::path(post, path = "/api/v1/account/tokens/{id}/rotate", operation_id = "own_token_rotate", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the token")), request_body = Rotation,
    responses((status = 201, description = "Rotated", body = Issued), (status = "4XX", description = "Refused", body = Problem)))]
async fn rotate(allowed: Allowed<caller::ManageOwnAccount>, Path(id): Path<TokenId>, body: Json<Rotation>) -> Result<Response, AppError> {
    rotated(&allowed, id, body.value.overlap_hours, Whose::Own, &body.requested).await
}
