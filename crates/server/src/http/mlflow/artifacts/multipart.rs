//! Multipart uploads: create, the parts, complete, abort.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::names::Digest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Folder, length};
use crate::app::App;
use crate::app::artifacts::Place;
use crate::http::caller;
use crate::http::mlflow::{MlflowAllowed, MlflowError};

/// Largest JSON body: 10,000 parts with their addresses.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// How long such a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Begins an upload; gives an address for each part.
pub(super) async fn create(
    MlflowAllowed(allowed): MlflowAllowed<caller::Upload>,
    Folder(folder): Folder,
    request: Request,
) -> Result<axum::Json<Value>, MlflowError> {
    let base = base(request.headers(), request.uri().authority().map(|authority| authority.as_str()))?;
    let fields = fields(request).await?;
    let place = file(folder, &fields)?;
    let parts = number(&fields, ["num_parts", "numParts"])?;
    let begun = allowed.app.multipart_begin(&allowed.caller, place, parts).await?;
    let credential = |(number, secret): (u64, String)| {
        let url = format!("{base}/api/2.0/mlflow-artifacts/mpu/part/{}/{number}?secret={secret}", begun.id);
        json!({"url": url, "part_number": number, "headers": {}})
    };
    let credentials: Vec<Value> = (1..).zip(begun.secrets).map(credential).collect();
    Ok(axum::Json(json!({"upload_id": begun.id.as_str(), "credentials": credentials})))
}

/// The secret in the address of a part.
#[derive(Deserialize)]
pub(super) struct Secret {
    #[serde(default)]
    secret: String,
}

/// Takes a part from whoever has its secret; its ETag goes into `complete`.
pub(super) async fn part(
    State(app): State<App>,
    Path((upload, part)): Path<(String, String)>,
    secret: Result<Query<Secret>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, MlflowError> {
    let secret = secret.map(|Query(secret)| secret.secret).unwrap_or_default();
    // What is no number is no part of any upload, as 0 is.
    let number = part.parse().unwrap_or(0);
    let stored = app.multipart_part((&upload, number, &secret), length(&headers), body.into_data_stream()).await?;
    Ok((StatusCode::OK, [(ETAG, format!("\"{}\"", stored.digest))]).into_response())
}

/// Puts the parts together.
pub(super) async fn complete(
    MlflowAllowed(allowed): MlflowAllowed<caller::Upload>,
    Folder(folder): Folder,
    request: Request,
) -> Result<axum::Json<Value>, MlflowError> {
    let fields = fields(request).await?;
    let (place, id) = (file(folder, &fields)?, text(&fields, ["upload_id", "uploadId"])?);
    let Some(Value::Array(parts)) = fields.get("parts") else { return Err(missing("parts")) };
    let parts = parts.iter().map(etag).collect::<Result<Vec<(u64, Digest)>, MlflowError>>()?;
    allowed.app.multipart_complete(&allowed.caller, place, id, parts).await?;
    Ok(axum::Json(json!({})))
}

/// Gives an upload up.
pub(super) async fn abort(
    MlflowAllowed(allowed): MlflowAllowed<caller::Upload>,
    Folder(folder): Folder,
    request: Request,
) -> Result<axum::Json<Value>, MlflowError> {
    let fields = fields(request).await?;
    let (place, id) = (file(folder, &fields)?, text(&fields, ["upload_id", "uploadId"])?);
    allowed.app.multipart_abort(&allowed.caller, place, id).await?;
    Ok(axum::Json(json!({})))
}

/// Number and digest of a part that a client names.
fn etag(part: &Value) -> Result<(u64, Digest), MlflowError> {
    let Value::Object(part) = part else { return Err(missing("parts")) };
    let number = number(part, ["part_number", "partNumber"])?;
    let digest = Digest::parse(text(part, ["etag", "etag"])?.trim_matches('"'));
    Ok((number, digest.map_err(|_| MlflowError::invalid(format!("The etag of part {number} is not one that this server gave.")))?))
}

/// The file that an upload is for: the base name of `path`, which clients give with folders of their own, in the folder of the address.
fn file(folder: String, fields: &Map<String, Value>) -> Result<Place, MlflowError> {
    let path = text(fields, ["path", "path"])?;
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() || name == "." || name == ".." {
        return Err(MlflowError::invalid("Invalid path"));
    }
    super::path::place(&if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
}

/// Where this server is for the client: what it said itself, so that a proxy in front of this server does not matter.
fn base(headers: &HeaderMap, authority: Option<&str>) -> Result<String, MlflowError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST.as_str()).or(authority).unwrap_or_default();
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(letter) {
        return Err(MlflowError::invalid("The request has no valid Host header."));
    }
    let forwarded = header("x-forwarded-proto").and_then(|schemes| schemes.split(',').next()).map(str::trim);
    let scheme = if forwarded.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) { "https" } else { "http" };
    Ok(format!("{scheme}://{host}"))
}

/// The members of a JSON body.
async fn fields(request: Request) -> Result<Map<String, Value>, MlflowError> {
    let json = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json"));
    if !json {
        return Err(MlflowError::invalid("Bad Request. Content-Type must be one of ['application/json']."));
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES));
    let bytes = body.await.ok().and_then(Result::ok);
    let bytes = bytes.ok_or_else(|| MlflowError::invalid(format!("The body has more than {MAX_BODY_BYTES} bytes, or broke off.")))?;
    // What is no JSON object counts as one without members: the first that is required is then missing.
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

fn missing(name: &str) -> MlflowError {
    MlflowError::invalid(format!("Missing value for required parameter '{name}'. See the API docs for more information about request parameters."))
}

/// A text, under either of its names.
fn text<'a>(fields: &'a Map<String, Value>, names: [&str; 2]) -> Result<&'a str, MlflowError> {
    let [name, _] = names;
    let value = names.iter().find_map(|name| fields.get(*name));
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
}

/// A number, as a number or in digits, under either of its names.
fn number(fields: &Map<String, Value>, names: [&str; 2]) -> Result<u64, MlflowError> {
    let [name, _] = names;
    let value = names.iter().find_map(|name| fields.get(*name)).filter(|value| !value.is_null()).ok_or_else(|| missing(name))?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| MlflowError::invalid(format!("Invalid value {value} for parameter '{name}' supplied.")))
}
