//! Resolving references: every form of name becomes a version.

use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::lineage::Unreadable;
use crate::app::reference::{self, Reference};
use crate::app::view::{self, VersionView};
use crate::app::{App, AppError};
use crate::http::{Allowed, Problem, Query, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(resolve))
}

/// What to resolve.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `name`, `name/3`, `name@1.4.0`, `name@alias`, `models:/name/3`, `models:/name@alias` or `chancery:name/3@sha256:PREFIX`.
    reference: String,
}

/// The version that a reference means now
#[utoipa::path(get, path = "/api/v1/resolve", operation_id = "resolve", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(Wanted),
    responses((status = 200, description = "The version", body = VersionView), (status = "4XX", description = "Refused", body = Problem)))]
async fn resolve(allowed: Allowed<caller::Read>, Query(wanted): Query<Wanted>) -> Result<Response, AppError> {
    let reference = Reference::parse(&wanted.reference)?;
    let snapshot = allowed.read().await?;
    let (model, row) = reference::resolve(&snapshot, &reference).await?;
    let mut view = view::version(&snapshot, &model, &row).await?;
    allowed.app.measure(&snapshot, &model, &row, &mut view).await?;
    let (tag, view) = (format!("\"{}\"", view.revision), Unreadable::behind(&snapshot, &row).await?.shown(view)?);
    Ok(([(ETAG, tag)], axum::Json(view)).into_response())
}
