//! Multipart uploads: create, the parts, complete, abort.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::names::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Folder, length};
use crate::app::App;
use crate::app::artifacts::Place;
use crate::http::caller;
use crate::http::mlflow::download::Base;
use crate::http::mlflow::wire::Fields;
use crate::http::mlflow::{MlflowAllowed, MlflowError};

/// Begins an upload; gives an address for each part.
pub(super) async fn create(
    MlflowAllowed(allowed): MlflowAllowed<caller::Upload>,
    Folder(folder): Folder,
    base: Base,
    fields: Fields,
) -> Result<axum::Json<Value>, MlflowError> {
    // As the client sees it, so that a proxy in front of this server does not matter.
    let base = base.address().ok_or_else(|| MlflowError::invalid("The request has no valid Host header."))?;
    let place = file(folder, &fields)?;
    let parts = fields.natural("num_parts")?;
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
    fields: Fields,
) -> Result<axum::Json<Value>, MlflowError> {
    let (place, id) = (file(folder, &fields)?, fields.required("upload_id")?);
    let parts = fields.objects("parts")?.iter().map(etag).collect::<Result<Vec<(u64, Digest)>, MlflowError>>()?;
    allowed.app.multipart_complete(&allowed.caller, place, id, parts).await?;
    Ok(axum::Json(json!({})))
}

/// Gives an upload up.
pub(super) async fn abort(
    MlflowAllowed(allowed): MlflowAllowed<caller::Upload>,
    Folder(folder): Folder,
    fields: Fields,
) -> Result<axum::Json<Value>, MlflowError> {
    let (place, id) = (file(folder, &fields)?, fields.required("upload_id")?);
    allowed.app.multipart_abort(&allowed.caller, place, id).await?;
    Ok(axum::Json(json!({})))
}

/// Number and digest of a part that a client names.
fn etag(part: &Fields) -> Result<(u64, Digest), MlflowError> {
    let number = part.natural("part_number")?;
    let digest = Digest::parse(part.required("etag")?.trim_matches('"'));
    Ok((number, digest.map_err(|_| MlflowError::invalid(format!("The etag of part {number} is not one that this server gave.")))?))
}

/// The file that an upload is for: the base name of `path`, which clients give with folders of their own, in the folder of the address.
fn file(folder: String, fields: &Fields) -> Result<Place, MlflowError> {
    let path = fields.required("path")?;
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() || name == "." || name == ".." {
        return Err(MlflowError::invalid("Invalid path"));
    }
    super::path::place(&if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
}
