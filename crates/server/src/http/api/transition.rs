//! Moves of a version that need a reason instead of a promotion: demote, deprecate, reinstate, retire.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{ModelName, State, Timestamp, VersionNumber};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError, TransitionAsk};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, IfMatch, Json, Path, Problem, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(transition))
}

/// A new state, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewState {
    /// The state.
    #[schema(value_type = String)]
    to: State,
    /// Why.
    reason: String,
    /// Version that replaces a deprecated one.
    #[schema(value_type = Option<u64>)]
    successor: Option<VersionNumber>,
    /// When use of a deprecated version must end (RFC 3339).
    #[schema(value_type = Option<String>)]
    sunset: Option<Timestamp>,
}

/// Demote, deprecate, reinstate or retire a version
///
/// Retiring needs more than the other moves: the application asks for it once the state is known.
#[utoipa::path(post, path = "/api/v1/models/{name}/versions/{version}/transitions", operation_id = "version_transition", tag = "lifecycle", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number of the version"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")),
    request_body = NewState,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn transition(
    allowed: Allowed<caller::Demote>,
    Path((name, version)): Path<(ModelName, VersionNumber)>,
    IfMatch(expected): IfMatch,
    body: Json<NewState>,
) -> Result<Response, AppError> {
    let NewState { to, reason, successor, sunset } = body.value;
    let ask = TransitionAsk { to, reason, successor, sunset, expected };
    let made = allowed.app.transition(&allowed.caller, &name, version, &ask, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
