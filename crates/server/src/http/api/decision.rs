//! Signed decisions, as they were signed.

use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use chancery_core::names::Digest;
use chancery_core::refusal::Refusal;
use chancery_core::tables::DecisionRow;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError, view};
use crate::http::{Allowed, Path, Problem, caller};
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Read a signed decision
#[utoipa::path(get, path = "/api/v1/decisions/{digest}", operation_id = "decision_show", tag = "decisions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "Digest of the envelope")),
    responses((status = 200, description = "The DSSE envelope, byte for byte", body = Object), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(digest): Path<Digest>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    // Only what a decision names: this is no way to other payloads.
    let row = snapshot.get::<DecisionRow>(values![digest]).await?.ok_or_else(|| Refusal::not_found("decision", &digest.to_string()))?;
    let bytes = view::payload(&snapshot, &row.digest).await?;
    Ok(([(CONTENT_TYPE, "application/json".to_owned()), (ETAG, format!("\"{digest}\""))], bytes).into_response())
}
