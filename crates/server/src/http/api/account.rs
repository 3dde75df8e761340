//! What people manage about themselves: sessions of the pages, and tokens of their own.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::actor::{self, password};
use chancery_core::names::{Digest, TokenId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::login::SessionView;
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Path, Problem, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sessions, end_all)).routes(routes!(end_one)).routes(routes!(revoke_token))
}

/// A session of the pages.
#[derive(Serialize, ToSchema)]
struct Session {
    /// Names the session; it opens nothing.
    id: String,
    /// When it began (RFC 3339).
    created_at: String,
    /// When it was used last, to the minute (RFC 3339).
    used_at: String,
    /// When it ends, used or not (RFC 3339).
    expires_at: String,
    /// `password` or `oidc`.
    method: String,
    /// What the browser calls itself.
    browser: String,
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        Self {
            id: view.id.to_string(),
            created_at: view.created_at.to_string(),
            used_at: view.used_at.to_string(),
            expires_at: view.expires_at.to_string(),
            method: view.method.to_string(),
            browser: view.browser,
        }
    }
}

/// Sessions of the caller.
#[derive(Serialize, ToSchema)]
struct Sessions {
    /// Newest first.
    items: Vec<Session>,
}

/// List one's own sessions
#[utoipa::path(get, path = "/api/v1/account/sessions", operation_id = "session_list", tag = "access", security(("bearer" = [])),
    extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "The sessions", body = Sessions), (status = "4XX", description = "Refused", body = Problem)))]
async fn sessions(allowed: Allowed<caller::ManageOwnAccount>) -> Result<axum::Json<Sessions>, AppError> {
    let items = allowed.app.sessions(&allowed.caller).await?;
    Ok(axum::Json(Sessions { items: items.into_iter().map(Session::from).collect() }))
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
struct Ended {
    /// Sessions that ended.
    ended: usize,
}

/// End all of one's own sessions
#[utoipa::path(delete, path = "/api/v1/account/sessions", operation_id = "session_end_all", tag = "access", security(("bearer" = [])),
    extensions(("x-effect" = json!("scratch"))),
    responses((status = 200, description = "Done", body = Ended), (status = "4XX", description = "Refused", body = Problem)))]
async fn end_all(allowed: Allowed<caller::ManageOwnAccount>) -> Result<axum::Json<Ended>, AppError> {
    Ok(axum::Json(Ended { ended: allowed.app.end_sessions(&allowed.caller, None).await? }))
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/api/v1/account/sessions/{digest}", operation_id = "session_end", tag = "access", security(("bearer" = [])),
    extensions(("x-effect" = json!("scratch"))), params(("digest" = String, Path, description = "Id of the session")),
    responses((status = 200, description = "Done", body = Ended), (status = "4XX", description = "Refused", body = Problem)))]
async fn end_one(allowed: Allowed<caller::ManageOwnAccount>, Path(id): Path<Digest>) -> Result<axum::Json<Ended>, AppError> {
    Ok(axum::Json(Ended { ended: allowed.app.end_sessions(&allowed.caller, Some(&id)).await? }))
}

/// Revoke a token of one's own
#[utoipa::path(delete, path = "/api/v1/account/tokens/{id}", operation_id = "account_token_revoke", tag = "access", security(("bearer" = [])),
    extensions(("x-effect" = json!("entry"))), params(("id" = String, Path, description = "Id of the token")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn revoke_token(allowed: Allowed<caller::ManageOwnAccount>, Path(token): Path<TokenId>, requested: Requested) -> Result<Response, AppError> {
    let command = actor::Command::Password(password::Command::RevokeOwnToken { token });
    let made = allowed.execute(command, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
