//! `POST /api/v1/token-exchange`: a pipeline run shows the token of its CI system and gets one of the registry (RFC 8693).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::names::Label;
use chancery_core::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::workload::RUN_TOKEN_SECONDS;
use crate::app::{App, AppError};
use crate::http::Problem;
use crate::http::extract::ReceiptView;
use crate::http::whence;

/// `grant_type` of RFC 8693.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What `subject_token_type` may be.
const TYPES: [&str; 2] = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];
/// What is given.
const ISSUED: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Largest body: a token and a few words.
const MAX_BODY_BYTES: usize = 32 * 1024;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(exchange))
}

/// A token to be exchanged: as JSON, or as the form of RFC 8693 with the same members.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// The token that the CI system made for this run (a JWT).
    subject_token: String,
    /// `urn:ietf:params:oauth:grant-type:token-exchange`, when given.
    grant_type: Option<String>,
    /// `urn:ietf:params:oauth:token-type:jwt` or `…:id_token`, when given.
    subject_token_type: Option<String>,
    /// Name of the pipeline; needed only when identities of several pipelines fit.
    #[schema(value_type = Option<String>)]
    pipeline: Option<Label>,
}

/// The token of the run.
#[derive(Serialize, ToSchema)]
struct Exchanged {
    #[serde(flatten)]
    receipt: ReceiptView,
    /// The secret. It cannot be read again.
    access_token: String,
    /// `urn:ietf:params:oauth:token-type:access_token`.
    issued_token_type: &'static str,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds of validity. It is not renewed: exchange a new token of the same run.
    expires_in: i64,
    /// Id of the token.
    token_id: String,
    /// Id of the pipeline.
    actor: String,
}

/// Exchange the token of a CI run for a short-lived token of its pipeline
///
/// Needs no credential but the token itself. A token is exchanged once.
#[utoipa::path(post, path = "/api/v1/token-exchange", operation_id = "token_exchange", tag = "access", extensions(("x-effect" = json!("entry"))),
    request_body(content((Exchange = "application/json"), (Exchange = "application/x-www-form-urlencoded"))),
    responses((status = 200, description = "Exchanged", body = Exchanged), (status = "4XX", description = "Refused", body = Problem)))]
async fn exchange(State(app): State<App>, parts: Parts, body: Bytes) -> Result<Response, AppError> {
    let asked = read(&parts.headers, &body)?;
    if asked.grant_type.as_deref().is_some_and(|grant| grant != GRANT) {
        return Err(Refusal::invalid("grant_type", &format!("grant_type must be `{GRANT}`")).into());
    }
    if asked.subject_token_type.as_deref().is_some_and(|kind| !TYPES.contains(&kind)) {
        return Err(Refusal::invalid("subject_token_type", &format!("subject_token_type must be `{}`", TYPES.join("` or `"))).into());
    }
    let made = app.exchange(&asked.subject_token, asked.pipeline.as_ref(), &whence::of(&parts)).await?;
    let body = Exchanged {
        receipt: ReceiptView::from(&made.receipt),
        access_token: made.secret,
        issued_token_type: ISSUED,
        token_type: "Bearer",
        expires_in: RUN_TOKEN_SECONDS,
        token_id: made.token.to_string(),
        actor: made.actor.to_string(),
    };
    Ok((StatusCode::OK, axum::Json(body)).into_response())
}

fn read(headers: &HeaderMap, body: &Bytes) -> Result<Exchange, Refusal> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Refusal::new(chancery_core::refusal::Code::TooLarge, &format!("the body has more than {MAX_BODY_BYTES} bytes")).field("body"));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let malformed = |message: String| Refusal::invalid("body", &message).remedy("send `subject_token` as JSON, or as the form of RFC 8693");
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => serde_json::from_slice(body).map_err(|error| malformed(format!("the body is not what is asked for: {}", without_values(&error)))),
        "application/x-www-form-urlencoded" => {
            form(body).ok_or_else(|| malformed("the form is not what is asked for, or has a member twice or unknown".to_owned()))
        }
        _ => Err(malformed("the body must be JSON or a form".to_owned())),
    }
}

/// Where the JSON is wrong, without the text there: it may be a token.
fn without_values(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// A form read from bytes, as the query of an address, which has the same encoding.
fn form(bytes: &[u8]) -> Option<Exchange> {
    let text = std::str::from_utf8(bytes).ok()?;
    let uri = axum::http::Uri::try_from(format!("/?{text}")).ok()?;
    axum::extract::Query::<Exchange>::try_from_uri(&uri).map(|query| query.0).ok()
}
