//! Checks: what the gates between a version and a state say, without moving it; and the document that they read.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{Label, ModelName, PolicyMode, State, VersionNumber};
use chancery_core::policy::{Finding, Gate, Input, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::promotion::environment;
use crate::app::lineage::Shown;
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Path, Permit, Problem, Query, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check, record)).routes(routes!(policy_input))
}

/// Where a version would go.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Target {
    /// State.
    #[param(value_type = String)]
    to: State,
    /// Environment; `production` unless given.
    #[param(value_type = Option<String>)]
    environment: Option<Label>,
}

/// What the gates say.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct CheckView {
    /// Whether no rule failed.
    passed: bool,
    /// Whether the move would be refused.
    blocks: bool,
    /// `enforce` or `warn`.
    #[schema(value_type = String)]
    mode: PolicyMode,
    /// The state that was asked for.
    #[schema(value_type = String)]
    target: State,
    /// Gates that were evaluated, in order.
    #[schema(value_type = Vec<String>)]
    gates: Vec<Gate>,
    /// One finding for each rule.
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Finding>,
    /// The findings that failed.
    #[schema(value_type = Vec<Object>)]
    missing: Vec<Finding>,
    /// Share of required fields that are filled, 0 to 1.
    completeness: Option<f64>,
    /// Digest of the policy bundle.
    bundle_digest: String,
    /// Digest of the input document.
    input_digest: String,
    /// Engine that evaluated.
    engine: String,
    /// When (RFC 3339).
    evaluated_at: String,
}

impl CheckView {
    fn new(verdict: Verdict, target: State) -> Self {
        Self {
            passed: verdict.passed,
            blocks: verdict.blocks(),
            mode: verdict.mode,
            target,
            missing: verdict.failed().cloned().collect(),
            gates: verdict.gates,
            findings: verdict.findings,
            completeness: verdict.completeness,
            bundle_digest: verdict.bundle_digest.to_string(),
            input_digest: verdict.input_digest.to_string(),
            engine: verdict.engine,
            evaluated_at: verdict.evaluated_at.to_string(),
        }
    }
}

/// Evaluate the gates up to a state
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/check", operation_id = "version_check", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number of the version"), Target),
    responses((status = 200, description = "What the gates say", body = CheckView), (status = "4XX", description = "Refused", body = Problem)))]
async fn check(
    allowed: Allowed<caller::Read>,
    Path((name, version)): Path<(ModelName, VersionNumber)>,
    Query(target): Query<Target>,
) -> Result<axum::Json<Shown<CheckView>>, AppError> {
    let environment = environment(target.environment)?;
    let (verdict, _) = allowed.app.check(&allowed.caller, &name, version, target.to, &environment).await?;
    allowed.shown(&name, &[version], CheckView::new(verdict.about(&format!("{name}/{version}")), target.to)).await.map(axum::Json)
}

/// What the gates up to a state say, when some stand there, and the document that they read.
pub(in crate::http) async fn examined<P: Permit>(
    allowed: &Allowed<P>,
    name: &ModelName,
    number: VersionNumber,
    to: State,
) -> Result<(Option<Shown<CheckView>>, Input), AppError> {
    let (verdict, input) = allowed.app.examined(&allowed.caller, name, number, to, &environment(None)?).await?;
    let shown = match verdict {
        Some(verdict) => Some(allowed.shown(name, &[number], CheckView::new(verdict.about(&format!("{name}/{number}")), to)).await?),
        None => None,
    };
    Ok((shown, input))
}

/// A check to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCheck {
    /// State.
    #[schema(value_type = String)]
    to: State,
    /// Environment; `production` unless given.
    #[schema(value_type = Option<String>)]
    environment: Option<Label>,
}

/// Evaluate the gates up to a state and keep the verdict
#[utoipa::path(post, path = "/api/v1/models/{name}/versions/{version}/check", operation_id = "version_check_record", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number of the version")), request_body = NewCheck,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn record(
    allowed: Allowed<caller::Register>,
    Path((name, version)): Path<(ModelName, VersionNumber)>,
    body: Json<NewCheck>,
) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let environment = environment(body.value.environment)?;
    let (made, _) = allowed.app.record_check(&allowed.caller, &name, version, body.value.to, &environment, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Read the document that the gates up to a state are evaluated on
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/policy-input", operation_id = "version_policy_input", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number of the version"), Target),
    responses((status = 200, description = "The input document", body = Object), (status = "4XX", description = "Refused", body = Problem)))]
async fn policy_input(
    allowed: Allowed<caller::Read>,
    Path((name, version)): Path<(ModelName, VersionNumber)>,
    Query(target): Query<Target>,
) -> Result<axum::Json<Shown<Input>>, AppError> {
    let environment = environment(target.environment)?;
    let (_, input) = allowed.app.check(&allowed.caller, &name, version, target.to, &environment).await?;
    allowed.shown(&name, &[version], input).await.map(axum::Json)
}
