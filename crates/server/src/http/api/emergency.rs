//! Break-glass: releasing in an emergency what only waivable rules hold back.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use chancery_core::names::PromotionId;
use chancery_core::policy::Finding;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use crate::app::{App, AppError};
use crate::http::extract::ReceiptView;
use crate::http::{Allowed, Json, Path, Problem, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(break_glass))
}

/// What became of an emergency.
#[derive(Serialize, ToSchema)]
struct EmergencyView {
    /// Whether the version is in production; otherwise the release is left to a pipeline.
    executed: bool,
    /// Rules that keep this caller from releasing it.
    #[schema(value_type = Vec<Object>)]
    missing: Vec<Finding>,
    /// The entries that opened the emergency.
    receipt: ReceiptView,
}

/// Open an emergency: waive what fails for 72 hours and release, or let the pipeline release
#[utoipa::path(post, path = "/api/v1/promotions/{id}/break-glass", operation_id = "promotion_break_glass", tag = "promotions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the promotion")), request_body = Reason,
    responses((status = 200, description = "Opened", body = EmergencyView), (status = "4XX", description = "Refused", body = Problem)))]
async fn break_glass(allowed: Allowed<caller::BreakGlass>, Path(id): Path<PromotionId>, body: Json<Reason>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let emergency = allowed.app.break_glass(&allowed.caller, &id, &body.value.reason, &options).await?;
    let view = EmergencyView { executed: emergency.executed, missing: emergency.missing, receipt: ReceiptView::from(&emergency.receipt) };
    let mut response = axum::Json(view).into_response();
    if emergency.receipt.replayed {
        response.headers_mut().insert(HeaderName::from_static("idempotent-replay"), HeaderValue::from_static("true"));
    }
    Ok(response)
}
