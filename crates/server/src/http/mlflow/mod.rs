//! MLflow's registry API, as its unmodified clients speak it: another surface of the same core, with no data of its own.
//!
//! Every route exists under `/api/2.0/mlflow` and, for the web page of MLflow, under `/ajax-api/2.0/mlflow`.

mod alias;
pub mod artifacts;
pub mod caller;
mod download;
pub mod error;
mod models;
mod names;
mod probes;
mod prompt;
pub mod reserved;
pub mod search;
mod source;
mod stage;
mod tag;
mod versions;
mod view;
mod wire;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, patch, post};
use serde::Serialize;

pub use caller::MlflowAllowed;
pub use error::MlflowError;

use crate::app::App;

/// `{}`.
#[derive(Debug, Serialize)]
struct Nothing {}

/// Where the registry is; both are the same.
const PREFIXES: [&str; 2] = ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"];
/// A file of a version, for MLflow's web page, which asks for it without a prefix.
const ARTIFACT: &str = "/model-versions/get-artifact";

/// A call: verb, path below the prefix, handler.
type Call = (&'static str, &'static str, MethodRouter<App>);

fn calls() -> Vec<Call> {
    vec![
        ("POST", "/registered-models/create", post(models::create)),
        ("GET", "/registered-models/get", get(models::get)),
        ("PATCH", "/registered-models/update", patch(models::update)),
        ("POST", "/registered-models/rename", post(models::rename)),
        ("DELETE", "/registered-models/delete", delete(models::delete)),
        ("GET", "/registered-models/search", get(models::search)),
        ("GET", "/registered-models/get-latest-versions", get(models::latest)),
        ("POST", "/registered-models/get-latest-versions", post(models::latest)),
        ("GET", "/registered-models/alias", get(alias::get)),
        ("POST", "/registered-models/alias", post(alias::set)),
        ("DELETE", "/registered-models/alias", delete(alias::delete)),
        ("POST", "/registered-models/set-tag", post(tag::set_on_model)),
        ("DELETE", "/registered-models/delete-tag", delete(tag::delete_from_model)),
        ("POST", "/model-versions/create", post(versions::create)),
        ("GET", "/model-versions/get", get(versions::get)),
        ("PATCH", "/model-versions/update", patch(versions::update)),
        ("POST", "/model-versions/transition-stage", post(stage::transition)),
        ("DELETE", "/model-versions/delete", delete(versions::delete)),
        ("GET", "/model-versions/search", get(versions::search)),
        ("GET", "/model-versions/get-download-uri", get(versions::download_uri)),
        ("POST", "/model-versions/set-tag", post(tag::set_on_version)),
        ("DELETE", "/model-versions/delete-tag", delete(tag::delete_from_version)),
    ]
}

/// Verb and path of every route that asks who calls; tests walk them.
pub fn routes() -> Vec<(&'static str, String)> {
    let below = |prefix: &'static str| calls().into_iter().map(move |(verb, path, _)| (verb, format!("{prefix}{path}")));
    PREFIXES.into_iter().flat_map(below).chain([("GET", ARTIFACT.to_owned())]).collect()
}

/// Everything of MLflow's API but the transfer of artifacts.
pub fn router(app: App) -> Router {
    let registry = || {
        let router = calls().into_iter().fold(Router::new(), |router, (_, path, handler)| router.route(path, handler));
        router.fallback(no_endpoint).method_not_allowed_fallback(wrong_verb)
    };
    let router = PREFIXES.into_iter().fold(probes::routes(), |router, prefix| router.nest(prefix, registry()));
    router.route(ARTIFACT, get(versions::artifact)).with_state(app)
}

async fn no_endpoint(OriginalUri(uri): OriginalUri) -> MlflowError {
    MlflowError::no_endpoint(uri.path())
}

async fn wrong_verb(method: Method, OriginalUri(uri): OriginalUri) -> MlflowError {
    MlflowError::wrong_verb(method.as_str(), uri.path())
}
