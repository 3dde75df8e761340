//! Downloads: one file of a version, with ranges; or the whole package as a tar stream.
//!
//! Nothing serves a retired version, except to an auditor. Every file carries its digest, for the client to check.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, WARNING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::access_log::AccessKind;
use chancery_core::entry::{Entry, Subject};
use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::names::{FilePath, ModelName, State, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{EntryRow, ModelRow, OPEN, TimelineRow, VersionRow};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::package;
use crate::app::lineage::Unreadable;
use crate::app::{App, AppError, view};
use crate::fault::Fault;
use crate::http::error::refused;
use crate::http::file::{FileAnswer, Served, encode, insert, unsatisfied};
use crate::http::{Allowed, Path, Problem, caller};
use crate::store::Snapshot;
use crate::values;

/// Digest of the whole file, as `sha256:HEX`.
const DIGEST: HeaderName = HeaderName::from_static("x-chancery-digest");
/// RFC 9745.
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");

/// Routes; their answers last as long as the client takes bytes.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router.with_state(app)
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(file)).routes(routes!(package_tar))
}

/// Download a file of a version
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/files/{*path}", operation_id = "version_file", tag = "downloads", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number of the version"), ("path" = String, Path, description = "Path in the package"),
        ("Range" = Option<String>, Header, description = "One range of bytes"), ("If-None-Match" = Option<String>, Header, description = "Digests that the caller has")),
    responses((status = 200, description = "The bytes", body = String, content_type = "application/octet-stream"), (status = 206, description = "The part", body = String, content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"), (status = "4XX", description = "Refused", body = Problem)))]
async fn file(
    allowed: Allowed<caller::Read>,
    Path((name, version, path)): Path<(ModelName, VersionNumber, FilePath)>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let (model, version) = served(&allowed, &snapshot, &name, version).await?;
    let manifest = manifest(&snapshot, &version).await?;
    let file = manifest.file(path.as_str()).ok_or_else(|| Refusal::not_found("file", path.as_str()))?;
    let about = deprecation(&snapshot, &model, &version).await?;
    drop(snapshot);
    let mut response = file_response(&allowed, file, &headers).await?;
    if response.status().is_success() {
        allowed.log(AccessKind::Download, &format!("model/{}/{} {path}", model.model_id, version.number)).await?;
    }
    response.headers_mut().extend(about);
    Ok(response)
}

async fn file_response(allowed: &Allowed<caller::Read>, file: &ManifestFile, headers: &HeaderMap) -> Result<Response, AppError> {
    let name = file.path.as_str().rsplit('/').next().unwrap_or_default();
    let answer = FileAnswer { digest: file.digest, size: file.size, kind: "application/octet-stream", disposition: attachment(name) };
    match answer.respond(allowed.app.blobs(), headers).await? {
        Served::Response(mut response) => {
            insert(response.headers_mut(), DIGEST, &format!("sha256:{}", file.digest));
            Ok(response)
        }
        Served::OutOfRange => Ok(out_of_range(file.size)),
    }
}

/// Download a version as a tar archive, with its manifest and facts under `.chancery/`
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/package", operation_id = "version_package", tag = "downloads", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number of the version")),
    responses((status = 200, description = "The archive", body = String, content_type = "application/x-tar"), (status = "4XX", description = "Refused", body = Problem)))]
async fn package_tar(allowed: Allowed<caller::Read>, Path((name, version)): Path<(ModelName, VersionNumber)>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let (model, version) = served(&allowed, &snapshot, &name, version).await?;
    let manifest = view::payload(&snapshot, &version.content_digest).await?;
    let facts = match Unreadable::behind(&snapshot, &version).await?.is_empty() {
        true => Some(view::payload(&snapshot, &version.facts_digest).await?),
        false => None,
    };
    let about = deprecation(&snapshot, &model, &version).await?;
    drop(snapshot);
    let package = package::Package::new(manifest, facts, version.registered_at)?;
    package.check(allowed.app.blobs()).await?;
    let length = package.length()?;
    allowed.log(AccessKind::Download, &format!("model/{}/{} package", model.model_id, version.number)).await?;
    let mut response = Body::from_stream(package.stream(allowed.app.blobs().clone())).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    insert(headers, DIGEST, &format!("sha256:{}", version.content_digest));
    insert(headers, CONTENT_DISPOSITION, &attachment(&format!("{name}-{}.tar", version.number)));
    headers.extend(about);
    Ok(response)
}

/// The version, unless it is retired and the caller is no auditor: that attempt is recorded.
async fn served(allowed: &Allowed<caller::Read>, snapshot: &Snapshot, name: &ModelName, number: VersionNumber) -> Result<(ModelRow, VersionRow), AppError> {
    let (model, version) = view::version_named(snapshot, name, number).await?;
    view::check_held(&version)?;
    allowed.app.check_served(&allowed.caller, snapshot, &version).await?;
    Ok((model, version))
}

async fn manifest(snapshot: &Snapshot, version: &VersionRow) -> Result<Manifest, AppError> {
    let bytes = view::payload(snapshot, &version.content_digest).await?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| Fault::database("read a manifest", error))?)
}

/// Headers that say that the version is deprecated, since when, and what replaces it.
async fn deprecation(snapshot: &Snapshot, model: &ModelRow, version: &VersionRow) -> Result<HeaderMap, AppError> {
    let mut headers = HeaderMap::new();
    if version.state != State::Deprecated {
        return Ok(headers);
    }
    let successor = version.successor.map_or_else(String::new, |number| format!("; use version {number}"));
    let sunset = version.sunset.map_or_else(String::new, |at| format!("; its use ends at {at}"));
    insert(&mut headers, WARNING, &format!("299 - \"version {} is deprecated{successor}{sunset}\"", version.number));
    let subject = Subject::Version(model.model_id.clone(), version.number).to_string();
    let Some(since) = snapshot.get::<TimelineRow>(values![subject, "state", OPEN]).await? else { return Ok(headers) };
    let Some(row) = snapshot.get::<EntryRow>(values![since.from_index]).await? else { return Ok(headers) };
    let entry = Entry::from_bytes(&row.bytes).map_err(|error| Fault::database("read an entry", error))?;
    insert(&mut headers, DEPRECATION, &format!("@{}", entry.at.micros().div_euclid(1_000_000)));
    Ok(headers)
}

fn out_of_range(size: u64) -> Response {
    let mut problem = refused(Refusal::invalid("Range", &format!("the range is not inside the {size} bytes of the file")));
    problem.status = StatusCode::RANGE_NOT_SATISFIABLE.as_u16();
    let mut response = problem.into_response();
    insert(response.headers_mut(), CONTENT_RANGE, &unsatisfied(size));
    response
}

/// `Content-Disposition` (RFC 6266): a plain name for old clients and the exact one, percent-encoded.
fn attachment(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.') { letter } else { '_' };
    format!("attachment; filename=\"{}\"; filename*=UTF-8''{}", name.chars().map(plain).collect::<String>(), encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_cannot_leave_their_header() {
        for (name, expected) in [
            ("model.pkl", "attachment; filename=\"model.pkl\"; filename*=UTF-8''model.pkl"),
            ("a\"; x=\r\n.exe", "attachment; filename=\"a___x___.exe\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A.exe"),
            ("größe.bin", "attachment; filename=\"gr__e.bin\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.bin"),
        ] {
            assert_eq!(attachment(name), expected);
            assert!(HeaderValue::from_str(&attachment(name)).is_ok());
        }
    }
}
