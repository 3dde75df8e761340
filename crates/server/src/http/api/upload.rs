//! Uploads: in steps (create, append, complete) or whole. Bytes are no record: an entry is made when a version names them.
//!
//! Bodies are streamed to disk and last as long as they move; a body that breaks off leaves what had arrived (an upload) or nothing.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, LOCATION};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::names::Digest;
use chancery_core::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError};
use crate::blobs::{NewUpload, Stored, UploadId};
use crate::http::error::{blob_error, malformed};
use crate::http::{Allowed, Json, Path, Problem, caller};
use crate::ids;

/// Where the next bytes of an upload go.
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// Routes; their bodies have no limit but the one of the artifact store.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router.with_state(app)
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(offset, append, cancel)).routes(routes!(complete)).routes(routes!(find, put))
}

/// What will be uploaded, as far as it is known.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Declared {
    /// Bytes.
    size: Option<u64>,
    /// SHA-256.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
}

/// An upload that was begun.
#[derive(Serialize, ToSchema)]
struct UploadView {
    /// Identifier.
    id: String,
    /// Bytes that are there: the next ones go here.
    offset: u64,
}

/// How far an upload is.
#[derive(Serialize, ToSchema)]
struct OffsetView {
    /// Bytes that are there: the next ones go here.
    offset: u64,
}

/// A finished blob.
#[derive(Serialize, ToSchema)]
struct BlobView {
    /// SHA-256 of its bytes.
    digest: String,
    /// Bytes.
    size: u64,
}

impl From<Stored> for BlobView {
    fn from(stored: Stored) -> Self {
        Self { digest: stored.digest.to_string(), size: stored.size }
    }
}

fn at(offset: u64) -> Response {
    ([(UPLOAD_OFFSET, offset.to_string())], axum::Json(OffsetView { offset })).into_response()
}

/// Begin an upload
#[utoipa::path(post, path = "/api/v1/uploads", operation_id = "upload_create", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("scratch"))),
    request_body = Declared,
    responses((status = 201, description = "Begun", body = UploadView), (status = "4XX", description = "Refused", body = Problem)))]
async fn create(allowed: Allowed<caller::Upload>, body: Json<Declared>) -> Result<Response, AppError> {
    let Declared { size, digest } = body.value;
    let new = NewUpload { id: UploadId::from_bytes(ids::random()?), size, digest, actor: allowed.caller.actor.id.clone(), now: allowed.app.now() };
    let made = allowed.app.blobs().create(new).await.map_err(blob_error)?;
    let location = format!("/api/v1/uploads/{}", made.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], axum::Json(UploadView { id: made.id.to_string(), offset: made.offset })).into_response())
}

/// Ask how far an upload is
#[utoipa::path(get, path = "/api/v1/uploads/{id}", operation_id = "upload_offset", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the upload")),
    responses((status = 200, description = "Bytes that are there", body = OffsetView), (status = "4XX", description = "Refused", body = Problem)))]
async fn offset(allowed: Allowed<caller::Upload>, Path(id): Path<String>) -> Result<Response, AppError> {
    let id = UploadId::parse(&id)?;
    Ok(at(allowed.app.blobs().offset(&id, &allowed.caller.actor.id).await.map_err(blob_error)?))
}

/// Append bytes to an upload
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", operation_id = "upload_append", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("scratch"))),
    params(("id" = String, Path, description = "Id of the upload"), ("Upload-Offset" = u64, Header, description = "Bytes that are there, as the caller knows")),
    request_body(content = Option<String>, content_type = "application/octet-stream", description = "The bytes; none of them is allowed too"),
    responses((status = 200, description = "Bytes that are there now", body = OffsetView), (status = "4XX", description = "Refused", body = Problem)))]
async fn append(allowed: Allowed<caller::Upload>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Result<Response, UploadError> {
    let id = UploadId::parse(&id).map_err(AppError::from)?;
    let offset = number(&headers, &UPLOAD_OFFSET)?.ok_or_else(|| Box::new(malformed("Upload-Offset", "the header Upload-Offset is missing")))?;
    let appended = allowed.app.blobs().append(&id, &allowed.caller.actor.id, offset, body.into_data_stream()).await;
    Ok(at(appended.map_err(blob_error)?))
}

/// Check an upload and make it a blob
#[utoipa::path(post, path = "/api/v1/uploads/{id}/complete", operation_id = "upload_complete", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("scratch"))),
    params(("id" = String, Path, description = "Id of the upload")),
    responses((status = 200, description = "The blob", body = BlobView), (status = "4XX", description = "Refused", body = Problem)))]
async fn complete(allowed: Allowed<caller::Upload>, Path(id): Path<String>) -> Result<axum::Json<BlobView>, AppError> {
    let id = UploadId::parse(&id)?;
    Ok(axum::Json(allowed.app.blobs().complete(&id, &allowed.caller.actor.id).await.map_err(blob_error)?.into()))
}

/// Give an upload up
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", operation_id = "upload_cancel", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("scratch"))),
    params(("id" = String, Path, description = "Id of the upload")),
    responses((status = 204, description = "It is gone"), (status = "4XX", description = "Refused", body = Problem)))]
async fn cancel(allowed: Allowed<caller::Upload>, Path(id): Path<String>) -> Result<StatusCode, AppError> {
    let id = UploadId::parse(&id)?;
    allowed.app.blobs().cancel(&id, &allowed.caller.actor.id).await.map_err(blob_error)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask whether the registry has a blob
#[utoipa::path(get, path = "/api/v1/blobs/{digest}", operation_id = "blob_find", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "SHA-256 of the bytes")),
    responses((status = 200, description = "It has", body = BlobView), (status = "4XX", description = "Refused", body = Problem)))]
async fn find(allowed: Allowed<caller::Upload>, Path(digest): Path<Digest>) -> Result<axum::Json<BlobView>, AppError> {
    let size = allowed.app.blobs().contains(&digest).await?.ok_or_else(|| Refusal::not_found("blob", &digest.to_string()))?;
    Ok(axum::Json(Stored { digest, size }.into()))
}

/// Upload a blob whole
#[utoipa::path(put, path = "/api/v1/blobs/{digest}", operation_id = "blob_put", tag = "uploads", security(("bearer" = [])), extensions(("x-effect" = json!("scratch"))),
    params(("digest" = String, Path, description = "SHA-256 of the bytes")),
    request_body(content = Option<String>, content_type = "application/octet-stream", description = "The bytes; none of them is allowed too"),
    responses((status = 201, description = "The blob", body = BlobView), (status = "4XX", description = "Refused", body = Problem)))]
async fn put(allowed: Allowed<caller::Upload>, Path(digest): Path<Digest>, headers: HeaderMap, body: Body) -> Result<Response, UploadError> {
    let size = number(&headers, &CONTENT_LENGTH)?;
    let stored = allowed.app.blobs().put(Some(digest), size, body.into_data_stream()).await.map_err(blob_error)?;
    Ok((StatusCode::CREATED, axum::Json(BlobView::from(stored))).into_response())
}

/// A header that is a number of bytes.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Box<Problem>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = if digits { text.parse().ok() } else { None };
    parsed.map(Some).ok_or_else(|| Box::new(malformed(name.as_str(), &format!("{name} must be a number of bytes"))))
}

/// A malformed header, or what became of the upload.
enum UploadError {
    Malformed(Box<Problem>),
    App(AppError),
}

impl From<Box<Problem>> for UploadError {
    fn from(problem: Box<Problem>) -> Self {
        Self::Malformed(problem)
    }
}

impl From<AppError> for UploadError {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl IntoResponse for UploadError {
    fn into_response(self) -> Response {
        match self {
            Self::Malformed(problem) => problem.into_response(),
            Self::App(error) => error.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_offset_is_digits_only() {
        assert_eq!(number(&HeaderMap::new(), &UPLOAD_OFFSET).unwrap(), None);
        for (text, expected) in [("0", Some(0)), ("1024", Some(1024)), ("+1", None), ("-1", None), ("", None), ("1 ", None), ("99999999999999999999999", None)]
        {
            let headers = HeaderMap::from_iter([(UPLOAD_OFFSET, HeaderValue::from_str(text).unwrap())]);
            assert_eq!(number(&headers, &UPLOAD_OFFSET).ok().flatten(), expected, "{text:?}");
        }
    }
}
