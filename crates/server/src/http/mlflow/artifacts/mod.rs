//! MLflow's artifact proxy: files by path over the content-addressed store, under both of MLflow's prefixes.

mod content;
mod multipart;
mod path;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Path, Query};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use chancery_core::access_log::AccessKind;
use chancery_core::tables::VersionRow;
use serde_json::{Value, json};

use super::{MlflowAllowed, MlflowError};
use crate::app::App;
use crate::app::artifacts::{Found, Item, ItemKind, Place};
use crate::http::file::{FileAnswer, Served, insert, unsatisfied};
use crate::http::{Allowed, caller};

pub use path::source_prefix;

/// Where parts of multipart uploads go: the only route without a credential, for each address carries a secret of its own.
pub const PART: &str = "/api/2.0/mlflow-artifacts/mpu/part/{upload}/{part}";

/// A route of the artifact proxy.
#[derive(Debug)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path, with parameters as axum has them.
    pub path: String,
    handler: MethodRouter<App>,
}

/// All routes: the router is made of them, and tests walk them.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![Route { method: "PUT", path: PART.to_owned(), handler: put(multipart::part) }];
    for api in ["/api", "/ajax-api"] {
        let mut add = |method, path: &str, handler| routes.push(Route { method, path: format!("{api}/2.0/mlflow-artifacts{path}"), handler });
        add("GET", "/artifacts", get(list));
        add("GET", "/artifacts/", get(list));
        add("GET", "/artifacts/{*path}", get(download));
        add("PUT", "/artifacts/{*path}", put(upload));
        add("DELETE", "/artifacts/{*path}", delete(remove));
        add("GET", "/presigned/{*path}", get(presigned));
        // A file in the root has no folder to name.
        for folder in ["", "/", "/{*path}"] {
            add("POST", &format!("/mpu/create{folder}"), post(multipart::create));
            add("POST", &format!("/mpu/complete{folder}"), post(multipart::complete));
            add("POST", &format!("/mpu/abort{folder}"), post(multipart::abort));
        }
    }
    routes
}

/// The router; bodies last as long as they move, and have the limits of the artifact store.
pub fn router(app: App) -> Router {
    routes().into_iter().fold(Router::new(), |router, route| router.route(&route.path, route.handler)).with_state(app)
}

/// The place that the path of a request names.
struct At(Place);

impl FromRequestParts<App> for At {
    type Rejection = MlflowError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, MlflowError> {
        let Folder(path) = Folder::from_request_parts(parts, app).await?;
        path::place(&path).map(Self)
    }
}

/// The folder that the path of a request names, as text; empty for the root.
struct Folder(String);

impl FromRequestParts<App> for Folder {
    type Rejection = MlflowError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, MlflowError> {
        let path = <Path<String> as OptionalFromRequestParts<App>>::from_request_parts(parts, app).await;
        let path = path.map_err(|_| MlflowError::invalid("Invalid path"))?;
        Ok(Self(path.map(|Path(path)| path).unwrap_or_default()))
    }
}

/// Lists a folder.
async fn list(
    MlflowAllowed(allowed): MlflowAllowed<caller::Read>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<axum::Json<Value>, MlflowError> {
    let Query(query) = query.map_err(|_| MlflowError::invalid("Invalid path"))?;
    let folder = query.iter().find(|(name, _)| name == "path").map_or("", |(_, value)| value);
    let place = path::place(folder)?;
    let snapshot = allowed.read().await?;
    let items = allowed.app.artifact_list(&allowed.caller, &snapshot, &place).await?;
    Ok(axum::Json(if items.is_empty() { json!({}) } else { json!({"files": items.iter().map(file_info).collect::<Vec<_>>()}) }))
}

fn file_info(item: &Item) -> Value {
    match item.kind {
        ItemKind::Folder => json!({"path": item.name, "is_dir": true}),
        ItemKind::File(size) => json!({"path": item.name, "is_dir": false, "file_size": size}),
    }
}

/// Downloads a file, or a range of it.
async fn download(MlflowAllowed(allowed): MlflowAllowed<caller::Read>, At(place): At, headers: HeaderMap) -> Result<Response, MlflowError> {
    file(&allowed, place, &headers).await
}

/// A file of a version, or a range of it. `path` is inside the version, as it was sent.
///
/// # Errors
/// What is no path, no file or not held.
pub(super) async fn sealed_file(allowed: &MlflowAllowed<caller::Read>, version: &VersionRow, path: &str, headers: &HeaderMap) -> Result<Response, MlflowError> {
    // Checked by itself first: joined to the folder of the version it could mean another one.
    path::place(path)?;
    let place = path::place(&format!("versions/{}/{}/{path}", version.model_id, version.number))?;
    file(&allowed.0, place, headers).await
}

async fn file(allowed: &Allowed<caller::Read>, place: Place, headers: &HeaderMap) -> Result<Response, MlflowError> {
    let snapshot = allowed.read().await?;
    let found = allowed.app.artifact(&allowed.caller, &snapshot, &place).await?;
    drop(snapshot);
    let file = match found {
        Found::File(file) => file,
        Found::Folder => return Err(MlflowError::invalid("The path is a folder, not a file.")),
        Found::Nothing => return Err(MlflowError::missing("No such artifact.")),
    };
    let name = file.path.as_str().rsplit('/').next().unwrap_or_default();
    let answer = FileAnswer { digest: file.digest, size: file.size, kind: content::kind(name), disposition: content::disposition(name) };
    Ok(match answer.respond(allowed.app.blobs(), headers).await? {
        Served::Response(response) => {
            if response.status().is_success() {
                allowed.log(AccessKind::Download, &format!("artifact {} sha256:{}", file.path, file.digest)).await?;
            }
            response
        }
        Served::OutOfRange => out_of_range(file.size),
    })
}

fn out_of_range(size: u64) -> Response {
    let message = format!("The range is not inside the {size} bytes of the file.");
    let mut response = MlflowError::new(StatusCode::RANGE_NOT_SATISFIABLE, "INVALID_PARAMETER_VALUE", message).into_response();
    insert(response.headers_mut(), CONTENT_RANGE, &unsatisfied(size));
    response
}

/// Uploads a file, in the place of what was there.
async fn upload(
    MlflowAllowed(allowed): MlflowAllowed<caller::Upload>,
    At(place): At,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<Value>, MlflowError> {
    allowed.app.artifact_put(place, length(&headers), body.into_data_stream()).await?;
    Ok(axum::Json(json!({})))
}

/// How many bytes the client says that will come.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Removes a file or a folder.
async fn remove(MlflowAllowed(allowed): MlflowAllowed<caller::Upload>, At(place): At) -> Result<axum::Json<Value>, MlflowError> {
    allowed.app.artifact_delete(place).await?;
    Ok(axum::Json(json!({})))
}

/// There is no store behind this one to which a client could go by itself; clients then download through the proxy.
async fn presigned(MlflowAllowed(_): MlflowAllowed<caller::Read>) -> MlflowError {
    MlflowError::new(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "Presigned downloads are not supported; download through the artifact proxy.")
}
