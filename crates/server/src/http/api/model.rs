//! Models: create, read, list, update, rename, hide.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chancery_core::entry::PrivateText;
use chancery_core::model::{Command, Profile};
use chancery_core::names::{Label, ModelKind, ModelName, RiskTier, State, TagKey};
use chancery_core::refusal::Refusal;
use chancery_core::tables::ModelRow;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::as_of::{self, AsOfQuery};
use crate::app::view::{self, ModelView};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::file::encode;
use crate::http::mlflow::search::{self, Has, Within};
use crate::http::{Allowed, IfMatch, Json, Page, PageQuery, Path, Problem, Queries, Query, caller};
use crate::ids;
use crate::store::Snapshot;

/// Most characters of a filter.
const MAX_FILTER: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update)).routes(routes!(rename)).routes(routes!(hide))
}

/// A new model.
#[derive(Deserialize, ToSchema)]
struct NewModel {
    /// Name: 1 to 256 bytes, no `/` or `:`.
    #[schema(value_type = String)]
    name: ModelName,
    /// Kind; `model` unless given.
    #[serde(default = "kind")]
    #[schema(value_type = String)]
    kind: ModelKind,
    /// Risk tier; `unclassified` unless given, which counts as high under `enforce`. A lower one than that is a proposal unless you may set
    /// risk tiers.
    #[serde(default = "unclassified")]
    #[schema(value_type = String)]
    risk_tier: RiskTier,
    /// Tags that it has from the start.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    tags: BTreeMap<TagKey, String>,
    /// What is said about it: the fields of a profile.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    profile: serde_json::Map<String, serde_json::Value>,
}

fn kind() -> ModelKind {
    ModelKind::Model
}

fn unclassified() -> RiskTier {
    RiskTier::Unclassified
}

/// Create a model
#[utoipa::path(post, path = "/api/v1/models", operation_id = "model_create", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewModel,
    responses((status = 201, description = "Created", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn create(allowed: Allowed<caller::EditModel>, body: Json<NewModel>) -> Result<Response, AppError> {
    let NewModel { name, kind, risk_tier, tags, profile } = body.value;
    let profile: Profile = crate::http::extract::typed(profile.into())?;
    let location = format!("/api/v1/models/{}", encode(name.as_str()));
    let command = Command::Create { id: ids::model()?, name, kind, risk_tier, profile: Box::new(profile), tags: tags.into_iter().collect() };
    let made = allowed.execute(command, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&location)))
}

/// Which models.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ModelFilter {
    /// Words of the name, or a filter in MLflow's language such as `tags.team = 'risk'`.
    pub(in crate::http) q: Option<String>,
    /// Only this kind.
    pub(in crate::http) kind: Option<String>,
    /// Only this risk tier.
    pub(in crate::http) tier: Option<String>,
    /// Only those with a version in this state.
    pub(in crate::http) state: Option<String>,
    /// Only those that this team owns.
    pub(in crate::http) team: Option<String>,
    /// Only those that have a `finding` open, something `ungated` in production, a `promotion` open or a `tier-proposal`.
    pub(in crate::http) has: Option<String>,
    /// Only names that begin so, whatever the case.
    pub(in crate::http) prefix: Option<String>,
}

impl ModelFilter {
    /// The search that it asks for.
    fn query(&self, limit: u32, after: Option<String>) -> Result<search::Query, Refusal> {
        let q = self.q.as_deref().unwrap_or_default().trim();
        if q.chars().count() > MAX_FILTER {
            return Err(Refusal::invalid("q", &format!("q must have at most {MAX_FILTER} characters")));
        }
        // What has no comparison is meant as words of the name.
        let is_filter = q.contains(['=', '<', '>', '\'', '"', '`', '(']);
        let within = Within {
            words: if is_filter { Vec::new() } else { q.split_whitespace().map(str::to_owned).collect() },
            prefix: self.prefix.clone(),
            kind: self.kind.as_deref().map(ModelKind::parse).transpose()?,
            tier: self.tier.as_deref().map(RiskTier::parse).transpose()?,
            state: self.state.as_deref().map(State::parse).transpose()?,
            team: self.team.as_deref().map(Label::parse).transpose()?,
            has: self.has.as_deref().map(Has::parse).transpose()?,
        };
        // One more than the page holds tells whether there is a next one.
        let query = search::Query::for_models(if is_filter { q } else { "" }, within, limit as usize + 1, after);
        query.map_err(|bad| Refusal::invalid("q", &bad.0).remedy("write words of the name, or comparisons such as tags.team = 'risk' AND name LIKE 'loan%'"))
    }
}

/// A page of models by name.
///
/// # Errors
/// `invalid_field` for a filter that is none; a fault.
pub(in crate::http) async fn found(snapshot: &Snapshot, filter: &ModelFilter, page: &PageQuery) -> Result<Page<ModelRow>, AppError> {
    let limit = page.limit()?;
    let (rows, _) = search::models(snapshot, &filter.query(limit, page.after()?)?).await?;
    Ok(Page::new(rows, limit, |row| row.name.to_string()))
}

/// List models by name
#[utoipa::path(get, path = "/api/v1/models", operation_id = "model_list", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(ModelFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<ModelView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Queries((filter, page)): Queries<(ModelFilter, PageQuery)>) -> Result<axum::Json<Page<ModelView>>, AppError> {
    let snapshot = allowed.read().await?;
    let Page { items: rows, next } = found(&snapshot, &filter, &page).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(view::model(&snapshot, row).await?);
    }
    Ok(axum::Json(Page { items, next }))
}

/// Read a model
#[utoipa::path(get, path = "/api/v1/models/{name}", operation_id = "model_show", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), AsOfQuery),
    responses((status = 200, description = "The model", body = ModelView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(name): Path<ModelName>, Query(moment): Query<AsOfQuery>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let view = match as_of::cut(&snapshot, moment).await? {
        Some(cut) => crate::app::as_of::model_named(&snapshot, &name, cut).await?.model(&snapshot).await?,
        None => view::model(&snapshot, &view::model_named(&snapshot, &name).await?).await?,
    };
    Ok(([(ETAG, format!("\"{}\"", view.revision))], axum::Json(view)).into_response())
}

/// Replace what is said about a model
#[utoipa::path(put, path = "/api/v1/models/{name}", operation_id = "model_update", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")),
    request_body(content = Object, description = "The profile, whole"),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn update(
    allowed: Allowed<caller::EditModel>,
    Path(name): Path<ModelName>,
    IfMatch(expected): IfMatch,
    body: Json<Profile>,
) -> Result<Response, AppError> {
    let id = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let made = allowed.execute(Command::Update { id, profile: Box::new(body.value), expected }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// A new name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    /// The name.
    #[schema(value_type = String)]
    to: ModelName,
}

/// Rename a model
#[utoipa::path(post, path = "/api/v1/models/{name}/rename", operation_id = "model_rename", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Rename,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn rename(allowed: Allowed<caller::ManageModel>, Path(name): Path<ModelName>, body: Json<Rename>) -> Result<Response, AppError> {
    let id = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let made = allowed.execute(Command::Rename { id, to: body.value.to }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// The reason, for the record.
    pub(super) reason: String,
}

/// Take a model out of listings
#[utoipa::path(post, path = "/api/v1/models/{name}/hide", operation_id = "model_hide", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Reason,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn hide(allowed: Allowed<caller::ManageModel>, Path(name): Path<ModelName>, body: Json<Reason>) -> Result<Response, AppError> {
    let id = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    let made = allowed.app.hide_model(&allowed.caller, &id, &reason, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
