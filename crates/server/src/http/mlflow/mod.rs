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
use axum::routing::{delete, get, patch, post};
use serde::Serialize;

pub use caller::MlflowAllowed;
pub use error::MlflowError;

use crate::app::App;

/// `{}`.
#[derive(Debug, Serialize)]
struct Nothing {}

/// The routes under one prefix.
fn registry() -> Router<App> {
    Router::new()
        .route("/registered-models/create", post(models::create))
        .route("/registered-models/get", get(models::get))
        .route("/registered-models/update", patch(models::update))
        .route("/registered-models/rename", post(models::rename))
        .route("/registered-models/delete", delete(models::delete))
        .route("/registered-models/search", get(models::search))
        .route("/registered-models/get-latest-versions", get(models::latest).post(models::latest))
        .route("/registered-models/alias", get(alias::get).post(alias::set).delete(alias::delete))
        .route("/registered-models/set-tag", post(tag::set_on_model))
        .route("/registered-models/delete-tag", delete(tag::delete_from_model))
        .route("/model-versions/create", post(versions::create))
        .route("/model-versions/get", get(versions::get))
        .route("/model-versions/update", patch(versions::update))
        .route("/model-versions/transition-stage", post(stage::transition))
        .route("/model-versions/delete", delete(versions::delete))
        .route("/model-versions/search", get(versions::search))
        .route("/model-versions/get-download-uri", get(versions::download_uri))
        .route("/model-versions/set-tag", post(tag::set_on_version))
        .route("/model-versions/delete-tag", delete(tag::delete_from_version))
        .fallback(no_endpoint)
        .method_not_allowed_fallback(wrong_verb)
}

/// Everything of MLflow's API but the transfer of artifacts.
pub fn router(app: App) -> Router {
    Router::new().nest("/api/2.0/mlflow", registry()).nest("/ajax-api/2.0/mlflow", registry()).merge(probes::routes()).route("/model-versions/get-artifact", get(versions::artifact)).with_state(app)
}

async fn no_endpoint(OriginalUri(uri): OriginalUri) -> MlflowError {
    MlflowError::no_endpoint(uri.path())
}

async fn wrong_verb(method: Method, OriginalUri(uri): OriginalUri) -> MlflowError {
    MlflowError::wrong_verb(method.as_str(), uri.path())
}
