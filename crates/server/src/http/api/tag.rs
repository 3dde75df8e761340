//! Tags of models and versions. Keys may hold `/`.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{ModelName, TagKey, VersionNumber};
use chancery_core::tag::Command;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError, view};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Path, Problem, Requested, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set_on_model, delete_from_model)).routes(routes!(set_on_version, delete_from_version))
}

/// The value of a tag.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TagValue {
    /// Text.
    value: String,
}

/// Set a tag of a model
#[utoipa::path(put, path = "/api/v1/models/{name}/tags/{*key}", operation_id = "model_tag_set", tag = "tags", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("key" = String, Path, description = "Key of the tag")), request_body = TagValue,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_on_model(allowed: Allowed<caller::Register>, Path((name, key)): Path<(ModelName, TagKey)>, body: Json<TagValue>) -> Result<Response, AppError> {
    let model = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let made = allowed.execute(Command::Set { model, number: None, key, value: body.value.value }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Remove a tag of a model
#[utoipa::path(delete, path = "/api/v1/models/{name}/tags/{*key}", operation_id = "model_tag_delete", tag = "tags", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("key" = String, Path, description = "Key of the tag")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn delete_from_model(
    allowed: Allowed<caller::Register>,
    Path((name, key)): Path<(ModelName, TagKey)>,
    requested: Requested,
) -> Result<Response, AppError> {
    let model = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let made = allowed.execute(Command::Delete { model, number: None, key }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Set a tag of a version
#[utoipa::path(put, path = "/api/v1/models/{name}/versions/{version}/tags/{*key}", operation_id = "version_tag_set", tag = "tags", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), ("key" = String, Path, description = "Key of the tag")), request_body = TagValue,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_on_version(
    allowed: Allowed<caller::Register>,
    Path((name, number, key)): Path<(ModelName, VersionNumber, TagKey)>,
    body: Json<TagValue>,
) -> Result<Response, AppError> {
    let model = allowed.model_of_version(&name, number).await?;
    let command = Command::Set { model, number: Some(number), key, value: body.value.value };
    let made = allowed.execute(command, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Remove a tag of a version
#[utoipa::path(delete, path = "/api/v1/models/{name}/versions/{version}/tags/{*key}", operation_id = "version_tag_delete", tag = "tags", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), ("key" = String, Path, description = "Key of the tag")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn delete_from_version(
    allowed: Allowed<caller::Register>,
    Path((name, number, key)): Path<(ModelName, VersionNumber, TagKey)>,
    requested: Requested,
) -> Result<Response, AppError> {
    let model = allowed.model_of_version(&name, number).await?;
    let made = allowed.execute(Command::Delete { model, number: Some(number), key }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
