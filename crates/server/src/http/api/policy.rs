//! The policy in force: mode, rules with their source, and the tests of the bundle.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::PolicyMode;
use chancery_core::policy::{self, Gate, RuleInfo, Source};
use chancery_core::refusal::Refusal;
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::{BundleRow, SettingRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bundle::BundleView;
use super::explain::Named;
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Path, Problem, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(set_mode)).routes(routes!(rule)).routes(routes!(test))
}

/// The policy in force.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PolicyView {
    /// `enforce` or `warn`.
    pub(in crate::http) mode: String,
    /// Digest of all that is in force: what verdicts and decisions name.
    pub(in crate::http) bundle_digest: String,
    /// Digest of the baseline.
    pub(in crate::http) baseline: String,
    /// The organisation's bundle beside it.
    pub(in crate::http) organisation: Option<BundleView>,
    /// Engine that evaluates it.
    pub(in crate::http) engine: String,
    /// Every rule, by id.
    pub(in crate::http) rules: Vec<RuleView>,
}

/// A rule.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RuleView {
    /// Identifier.
    pub(in crate::http) id: String,
    /// One line that says what it asks.
    pub(in crate::http) title: String,
    /// Gates that it belongs to.
    #[schema(value_type = Vec<String>)]
    pub(in crate::http) gates: Vec<Gate>,
    /// Whether nobody can waive it.
    pub(in crate::http) non_waivable: bool,
    /// Requirement ids and outside controls.
    pub(in crate::http) references: Vec<String>,
    /// What to do when it fails.
    pub(in crate::http) remedy: String,
    /// `rego` (in the bundle) or `core`.
    #[schema(value_type = String)]
    pub(in crate::http) source: Source,
    /// Roles that can supply what is missing.
    pub(in crate::http) who: Vec<String>,
}

impl From<RuleInfo> for RuleView {
    fn from(rule: RuleInfo) -> Self {
        let RuleInfo { id, gates, non_waivable, title, references, remedy, who, source } = rule;
        Self { id, title, gates, non_waivable, references, remedy, source, who }
    }
}

/// Read the policy in force
#[utoipa::path(get, path = "/api/v1/policy", operation_id = "policy_show", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "The policy", body = PolicyView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>) -> Result<axum::Json<PolicyView>, AppError> {
    in_force(&allowed.app, &allowed.read().await?).await.map(axum::Json)
}

/// The policy in force.
///
/// # Errors
/// `gate_failed` when it cannot be evaluated.
pub(in crate::http) async fn in_force(app: &App, snapshot: &Snapshot) -> Result<PolicyView, AppError> {
    let row = snapshot.get::<SettingRow>(values![POLICY_MODE]).await?;
    let policy = app.policy_for(snapshot).await?;
    let organisation = match policy.organisation {
        Some(digest) => snapshot.get::<BundleRow>(values![digest]).await?.map(BundleView::from),
        None => None,
    };
    let engine = &policy.engine;
    Ok(PolicyView {
        mode: row.map_or_else(|| PolicyMode::Enforce.to_string(), |row| row.value),
        bundle_digest: engine.bundle_digest().to_string(),
        baseline: policy.baseline.to_string(),
        organisation,
        engine: policy::ENGINE.to_owned(),
        rules: engine.rules().into_iter().map(RuleView::from).collect(),
    })
}

/// A mode and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetMode {
    /// `enforce` or `warn`.
    #[schema(value_type = String)]
    mode: PolicyMode,
    /// Why.
    reason: String,
}

/// Change the policy mode
#[utoipa::path(put, path = "/api/v1/policy/mode", operation_id = "policy_mode", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = SetMode,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_mode(allowed: Allowed<caller::ManageSettings>, body: Json<SetMode>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.set_policy_mode(&allowed.caller, body.value.mode, &body.value.reason, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// A rule with its text.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RuleText {
    /// The rule.
    #[serde(flatten)]
    pub(in crate::http) rule: RuleView,
    /// Its Rego text; null for a rule of the core.
    pub(in crate::http) text: Option<String>,
    /// Its data, such as thresholds; null when it has none.
    pub(in crate::http) data: serde_json::Value,
}

/// Read a rule
#[utoipa::path(get, path = "/api/v1/policy/rules/{id}", operation_id = "policy_rule", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the rule, such as metric.threshold")),
    responses((status = 200, description = "The rule", body = RuleText), (status = "4XX", description = "Refused", body = Problem)))]
async fn rule(allowed: Allowed<caller::Read>, Path(id): Path<String>) -> Result<axum::Json<RuleText>, AppError> {
    rule_text(&allowed.app, &allowed.read().await?, &id).await.map(axum::Json)
}

/// A rule of the policy in force, with its text.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn rule_text(app: &App, snapshot: &Snapshot, id: &str) -> Result<RuleText, AppError> {
    let policy = app.policy_for(snapshot).await?;
    let found = policy.engine.rules().into_iter().find(|rule| rule.id == id);
    let rule = found.ok_or_else(|| Refusal::not_found("rule", &id.chars().take(100).collect::<String>()))?;
    let bytes = policy.engine.file_of(&rule.id).and_then(|file| policy.bundle.files.get(file));
    let text = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let data = policy.data_of(&rule.id);
    Ok(RuleText { rule: rule.into(), text, data })
}

/// Results of the tests of the bundle.
#[derive(Serialize, ToSchema)]
struct TestView {
    /// Whether every test passed.
    passed: bool,
    /// Each test {name, passed, message}.
    #[schema(value_type = Vec<Object>)]
    results: Vec<policy::TestResult>,
}

/// Run the tests of a policy
///
/// Of the one in force unless the body names another, or gives files.
#[utoipa::path(post, path = "/api/v1/policy/test", operation_id = "policy_test", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    request_body = Named,
    responses((status = 200, description = "The results", body = TestView), (status = "4XX", description = "Refused", body = Problem)))]
async fn test(allowed: Allowed<caller::Read>, body: Json<Named>) -> Result<axum::Json<TestView>, AppError> {
    body.value.check(&allowed).await?;
    let snapshot = allowed.read().await?;
    let results = allowed.app.test_policy(&snapshot, body.value.which()?).await?;
    Ok(axum::Json(TestView { passed: results.iter().all(|result| result.passed), results }))
}
