//! Surfaces over HTTP. Handlers translate: extract, build the command, execute, show. Nothing is decided here.

pub mod api;
mod caller;
mod duplicates;
mod error;
mod extract;
mod file;
pub mod log;
pub mod mlflow;
mod queries;
pub mod transport;
pub mod ui;
mod whence;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Request};
use axum::routing::get;
use tower::util::MapResponseLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

pub use caller::{Allowed, Permit};
pub use error::Problem;
pub use extract::{AsOf, IfMatch, Json, Page, PageQuery, Path, Query, Requested};
pub use queries::Queries;

use crate::app::App;

/// Largest JSON body.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;
/// How long a request may take, uploads and downloads apart.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Routes that need no credential: the whole list, checked by a test.
pub const ANONYMOUS: &[&str] = &[
    "/healthz",
    "/readyz",
    "/health",
    "/version",
    "/api/3.0/mlflow/server-info",
    "/ajax-api/3.0/mlflow/server-info",
    "/api/v1/version",
    "/api/v1/openapi.json",
    "/api/v1/docs",
    "/api/v1/keys",
    // Needs the token that it exchanges.
    "/api/v1/token-exchange",
    // What they need is in their body.
    "/api/v1/login",
    "/api/v1/account/password",
    "/log/checkpoint",
    "/log/key",
    "/log/tile/{*path}",
    // Needs the secret that is in its address.
    mlflow::artifacts::PART,
];

/// Routes without a credential that cost much: they try a password, or exchange a token. An address may call them seldom.
pub const COSTLY: &[(Method, &str)] = &[
    (Method::POST, "/account/password"),
    (Method::POST, "/api/v1/account/password"),
    (Method::POST, "/api/v1/login"),
    (Method::POST, "/api/v1/token-exchange"),
    (Method::POST, "/login"),
    (Method::POST, "/password"),
    (Method::GET, "/login/oidc"),
    (Method::GET, "/login/oidc/callback"),
];

/// The whole server.
pub fn router(app: App) -> Router {
    router_within(app, REQUEST_TIMEOUT)
}

/// What the log says of a request. Never its query: people put secrets there.
fn span(request: &Request<Body>) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path(), version = ?request.version())
}

/// The whole server, whose requests may take so long, uploads and downloads apart.
pub fn router_within(app: App, time: Duration) -> Router {
    let api = api::router(app.clone());
    let service = Router::new()
        .merge(api)
        .merge(ui::router(app.clone()))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(api::system::ready).with_state(app.clone()))
        .layer(TimeoutLayer::with_status_code(axum::http::StatusCode::REQUEST_TIMEOUT, time))
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES));
    // MLflow's clients repeat a request that timed out with 408; 504 says that it was not their doing.
    let mlflow = mlflow::router(app.clone()).layer(TimeoutLayer::with_status_code(axum::http::StatusCode::GATEWAY_TIMEOUT, time));
    // Bodies of uploads and downloads last as long as they move; they have limits of their own.
    Router::new()
        .merge(service)
        .merge(mlflow)
        .merge(api::upload::router(app.clone()))
        .merge(api::download::router(app.clone()))
        .merge(mlflow::artifacts::router(app.clone()))
        .merge(log::router(app))
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(MapResponseLayer::new(transport::harden))
        .layer(TraceLayer::new_for_http().make_span_with(span))
}
