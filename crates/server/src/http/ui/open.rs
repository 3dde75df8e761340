//! What pages link to as JSON or as a file: an answer of the API, read with the session of the page. The API itself takes no cookie.
//!
//! INVARIANT: the API is asked with GET alone, so a link on somebody else's page changes nothing; and its answers keep the headers of the API,
//! under which nothing of them runs.

use axum::extract::{Extension, Request};
use axum::http::header::{ACCEPT, IF_NONE_MATCH, RANGE, USER_AGENT};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, body::Body};
use chancery_core::refusal::Refusal;
use tower::ServiceExt as _;

use super::session::{PageError, Shown};
use crate::app::App;
use crate::http::caller::{ByPage, Read};
use crate::http::transport::Arrival;

/// Where the answers of the API are for whoever is logged in: this, and then the path of the API.
pub const PREFIX: &str = "/open";

/// The routes of the API that answer with something to read.
#[derive(Clone, Debug)]
pub(super) struct Api(Router);

impl Api {
    /// Of an application.
    pub(super) fn of(app: &App) -> Self {
        let routes = crate::http::api::router(app.clone()).merge(crate::http::api::download::router(app.clone()));
        Self(routes.fallback(crate::http::error::no_such_route))
    }
}

/// The address of an answer of the API, for a page to link to.
pub fn path(api: &str) -> String {
    format!("{PREFIX}{api}")
}

/// `GET /open/api/v1/…`.
pub(super) async fn show(own: Shown<Read>, Extension(Api(api)): Extension<Api>, request: Request) -> Result<Response, PageError> {
    let asked = request.uri().path_and_query().and_then(|uri| uri.as_str().strip_prefix(PREFIX)).and_then(|uri| uri.parse::<Uri>().ok());
    let uri = asked.filter(|uri| uri.path().starts_with("/api/v1/")).ok_or_else(|| Refusal::not_found("page", request.uri().path()))?;
    let mut inner = Request::new(Body::empty());
    *inner.method_mut() = Method::GET;
    *inner.uri_mut() = uri;
    for name in [ACCEPT, IF_NONE_MATCH, RANGE, USER_AGENT] {
        if let Some(value) = request.headers().get(&name) {
            inner.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(arrival) = request.extensions().get::<Arrival>() {
        inner.extensions_mut().insert(*arrival);
    }
    inner.extensions_mut().insert(ByPage(own.allowed.caller));
    Ok(api.oneshot(inner).await.into_response())
}
