//! Models: create, read, list, update, rename, hide.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chancery_core::entry::PrivateText;
use chancery_core::model::{Command, Profile};
use chancery_core::names::{ModelKind, ModelName, RiskTier, TagKey};
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
use crate::http::{Allowed, IfMatch, Json, Page, PageQuery, Path, Problem, Queries, Query, caller};
use crate::{ids, values};

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
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ModelFilter {
    /// Only this kind.
    kind: Option<String>,
    /// Only this risk tier.
    tier: Option<String>,
    /// Only names that begin so, whatever the case.
    prefix: Option<String>,
}

/// List models by name
#[utoipa::path(get, path = "/api/v1/models", operation_id = "model_list", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(ModelFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<ModelView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Queries((filter, page)): Queries<(ModelFilter, PageQuery)>) -> Result<axum::Json<Page<ModelView>>, AppError> {
    let limit = page.limit()?;
    let kind = filter.kind.as_deref().map(ModelKind::parse).transpose()?.map_or("%", ModelKind::as_str);
    let tier = filter.tier.as_deref().map(RiskTier::parse).transpose()?.map_or("%", RiskTier::as_str);
    let prefix = format!("{}%", super::escape_like(&filter.prefix.unwrap_or_default().to_lowercase()));
    let after = page.after()?.unwrap_or_default();
    let snapshot = allowed.read().await?;
    let rows = snapshot
        .rows::<ModelRow>(
            "WHERE hidden = 0 AND name > $1 AND kind LIKE $2 AND risk_tier LIKE $3 AND name_folded LIKE $4 ESCAPE '\\' ORDER BY name LIMIT $5",
            &values![after, kind, tier, prefix, i64::from(limit) + 1],
        )
        .await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(view::model(&snapshot, row).await?);
    }
    Ok(axum::Json(Page::new(items, limit, |model| model.name.clone())))
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
