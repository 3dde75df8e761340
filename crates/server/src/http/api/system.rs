//! The registry itself: version, public keys, readiness, who am I.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chancery_core::tables::DirectoryRow;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError};
use crate::http::{Allowed, Problem, caller};
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(version)).routes(routes!(keys)).routes(routes!(whoami))
}

/// Name and version of the program.
#[derive(Serialize, ToSchema)]
struct VersionInfo {
    /// `chancery`.
    name: &'static str,
    /// Semantic version.
    version: &'static str,
}

/// Name and version of the program
#[utoipa::path(get, path = "/api/v1/version", operation_id = "version", tag = "system", extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "Name and version", body = VersionInfo), (status = "4XX", description = "Refused", body = Problem)))]
async fn version() -> axum::Json<VersionInfo> {
    axum::Json(VersionInfo { name: "chancery", version: env!("CARGO_PKG_VERSION") })
}

/// All public keys as PEM
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "keys", tag = "system", extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "PEM blocks: the decision key in force, then those before it, each after a line that says so", body = String, content_type = "text/plain"), (status = "4XX", description = "Refused", body = Problem)))]
async fn keys(State(app): State<App>) -> Result<String, AppError> {
    Ok(app.keys().public().decision_pems()?)
}

/// Who calls.
#[derive(Serialize, ToSchema)]
struct Whoami {
    /// Actor id, as in entries.
    id: String,
    /// `person`, `pipeline` or `service`.
    kind: String,
    /// Name in commands.
    name: Option<String>,
    /// Name for people.
    display_name: Option<String>,
    /// Roles.
    roles: Vec<String>,
}

/// Who am I
#[utoipa::path(get, path = "/api/v1/whoami", operation_id = "whoami", tag = "system", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "The caller", body = Whoami), (status = "4XX", description = "Refused", body = Problem)))]
async fn whoami(allowed: Allowed<caller::Read>) -> Result<axum::Json<Whoami>, AppError> {
    let actor = &allowed.caller.actor;
    let known = allowed.read().await?.get::<DirectoryRow>(values![actor.id]).await?;
    let (name, display_name) = known.map(|row| (row.handle.to_string(), row.display_name)).unzip();
    let roles = actor.roles.iter().map(ToString::to_string).collect();
    Ok(axum::Json(Whoami { id: actor.id.to_string(), kind: actor.kind.to_string(), name, display_name, roles }))
}

/// Whether the server can do its work.
#[derive(Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    entries: u64,
    checkpoint: Option<u64>,
    problem: Option<String>,
    /// What an operator should know although the server does its work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

/// `/readyz`: the database answers and the checkpoint signer is not stopped.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let notices = app.notices().all();
    match app.readiness().await {
        Ok((entries, checkpoint, None)) => axum::Json(Readiness { ready: true, entries, checkpoint, problem: None, notices }).into_response(),
        Ok((entries, checkpoint, problem)) => {
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(Readiness { ready: false, entries, checkpoint, problem, notices })).into_response()
        }
        Err(error) => error.into_response(),
    }
}
