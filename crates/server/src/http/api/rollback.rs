//! Rollback to a version that was in production, and its drill.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chancery_core::names::{ModelName, VersionNumber};
use chancery_core::policy::Finding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError, Drill, RollbackAsk};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Path, Problem, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(rollback))
}

/// Where to go back to, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// Version; the newest deprecated one that was in production unless given.
    #[schema(value_type = Option<u64>)]
    to: Option<VersionNumber>,
    /// Why.
    reason: String,
    /// Whether to say only what would happen.
    #[serde(default)]
    drill: bool,
}

/// What a rollback would do.
#[derive(Serialize, ToSchema)]
struct DrillView {
    /// Always true: nothing was changed.
    drill: bool,
    /// Version to go back to.
    to: u64,
    /// Versions in production that it would replace.
    replaces: Vec<u64>,
    /// What the rollback gate says.
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Finding>,
    /// Whether the rollback would be done.
    would_pass: bool,
    /// Rules of the production gate that would be waived for 72 hours.
    exceptions: Vec<String>,
}

impl From<Drill> for DrillView {
    fn from(drill: Drill) -> Self {
        Self {
            drill: true,
            to: drill.to.get(),
            replaces: drill.replaces.into_iter().map(VersionNumber::get).collect(),
            would_pass: !drill.verdict.blocks(),
            findings: drill.verdict.findings,
            exceptions: drill.exceptions,
        }
    }
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum RollbackAnswer {
    /// It was done.
    #[expect(dead_code, reason = "a receipt is written as its entries are kept; the document names it here")]
    Done(ReceiptView),
    /// What it would do.
    Drill(DrillView),
}

/// Go back to a version that was in production, or say what that would do
#[utoipa::path(post, path = "/api/v1/models/{name}/rollback", operation_id = "model_rollback", tag = "lifecycle", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Rollback,
    responses((status = 200, description = "Done: a receipt; for a drill what would happen", body = RollbackAnswer), (status = "4XX", description = "Refused", body = Problem)))]
async fn rollback(allowed: Allowed<caller::Rollback>, Path(model): Path<ModelName>, body: Json<Rollback>) -> Result<Response, AppError> {
    let Rollback { to, reason, drill } = body.value;
    let ask = RollbackAsk { model, to, reason };
    if drill {
        let drill = allowed.app.rollback_drill(&allowed.caller, &ask).await?;
        return Ok(axum::Json(RollbackAnswer::Drill(drill.into())).into_response());
    }
    let made = allowed.app.rollback(&allowed.caller, &ask, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
