//! Logging in for programs, and passwords of one's own. Both are open to callers without a credential: the credential is in the body.

use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chancery_core::entry::Door;
use chancery_core::names::Label;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::named;
use crate::app::{App, AppError};
use crate::http::caller::origin;
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Path, Problem, caller};
use crate::secret::Secret;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(set_password)).routes(routes!(reset_password))
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// Name of the person.
    name: String,
    /// The password.
    #[schema(value_type = String)]
    password: Secret,
}

/// A receipt with the token of a login.
#[derive(Serialize, ToSchema)]
struct Granted {
    #[serde(flatten)]
    receipt: ReceiptView,
    /// Id of the token, by which it is revoked.
    token_id: String,
    /// The secret. It cannot be read again.
    secret: String,
    /// Until when it is valid (RFC 3339): half a day.
    expires_at: String,
}

/// Log in with a password; the token in the answer is valid for twelve hours
///
/// It ends earlier when the password is set or reset. Nothing is repeated by an idempotency key: each call is a login.
#[utoipa::path(post, path = "/api/v1/login", operation_id = "login", tag = "access", extensions(("x-effect" = json!("entry"))),
    request_body = Credentials,
    responses((status = 201, description = "Logged in", body = Granted), (status = "4XX", description = "Refused", body = Problem)))]
async fn login(State(app): State<App>, request: Request) -> Result<Response, AppError> {
    let (origin, request) = from(request);
    let body = match Json::<Credentials>::from_request(request, &()).await {
        Ok(body) => body.value,
        Err(problem) => return Ok(problem.into_response()),
    };
    let (token, made) = app.log_in(&body.name, body.password, &origin, Door::Api).await?;
    let (token_id, expires_at) = (token.id.to_string(), token.expires_at.to_string());
    let body = Granted { receipt: ReceiptView::from(&made), token_id, secret: token.secret.into_exposed(), expires_at };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// Where a request comes from, before its body is read.
fn from(request: Request) -> (crate::app::login::Origin, Request) {
    let (parts, body) = request.into_parts();
    (origin(&parts), Request::from_parts(parts, body))
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// Name of the person.
    name: String,
    /// The password in force, or the one-time secret of a reset.
    #[schema(value_type = String)]
    current: Secret,
    /// The new password: 12 to 256 characters.
    #[schema(value_type = String)]
    new: Secret,
}

/// Set one's own password, with the one in force or with the one-time secret of a reset
///
/// All sessions and login tokens of the person end.
#[utoipa::path(post, path = "/api/v1/account/password", operation_id = "account_password", tag = "access", extensions(("x-effect" = json!("entry"))),
    request_body = NewPassword,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_password(State(app): State<App>, request: Request) -> Result<Response, AppError> {
    let (origin, request) = from(request);
    let body = match Json::<NewPassword>::from_request(request, &()).await {
        Ok(body) => body.value,
        Err(problem) => return Ok(problem.into_response()),
    };
    let made = app.set_password(&body.name, body.current, body.new, &origin, Door::Api).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// A receipt with a one-time secret.
#[derive(Serialize, ToSchema)]
struct Reset {
    #[serde(flatten)]
    receipt: ReceiptView,
    /// The one-time secret with which the person sets a password. It cannot be read again.
    secret: String,
    /// Until when it works (RFC 3339): a day.
    until: String,
}

/// End a person's password; the answer has a secret with which he sets another, once
///
/// All sessions and login tokens of the person end. Nothing is repeated by an idempotency key: each call gives another secret.
#[utoipa::path(post, path = "/api/v1/users/{name}/password-reset", operation_id = "user_password_reset", tag = "access", security(("bearer" = [])),
    extensions(("x-effect" = json!("entry"))), params(("name" = String, Path, description = "Name of the person")),
    responses((status = 200, description = "Done", body = Reset), (status = "4XX", description = "Refused", body = Problem)))]
async fn reset_password(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>, _requested: Requested) -> Result<Response, AppError> {
    let id = named(&allowed.read().await?, &name).await?;
    let (secret, until, made) = allowed.app.reset_password(&allowed.caller, &id).await?;
    let body = Reset { receipt: ReceiptView::from(&made), secret: secret.into_exposed(), until: until.to_string() };
    Ok((StatusCode::OK, axum::Json(body)).into_response())
}
