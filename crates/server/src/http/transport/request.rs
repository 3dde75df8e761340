//! One request: its head is measured, its origin found out, its handler run; the answer is sent whatever the handler did.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse as _, Response};
use chancery_core::refusal::{Code, Refusal};
use futures_util::FutureExt as _;
use hyper::body::{Body as _, Incoming};
use tower::Service as _;

use super::Shared;
use super::activity::Activity;
use super::address::{Arrival, Scheme};
use super::body::{Received, Running, Sent, Unread};
use super::headers::{self, harden};
use crate::app::rates::Wait;
use crate::config::Limits;
use crate::fault::Fault;
use crate::http::error::{Problem, refused};
use crate::http::mlflow::error::MlflowError;

/// Answers a request.
pub(super) async fn answer(
    shared: Arc<Shared>,
    activity: Arc<Activity>,
    peer: IpAddr,
    scheme: Scheme,
    mut request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let multiplexed = request.version() == Version::HTTP_2;
    let running = Running::begin(&activity, multiplexed);
    let settings = &shared.settings;
    let arrival = Arrival::of(request.headers_mut(), peer, scheme, |address| settings.listen.trusts(address));
    let (mut response, whole) = match refusal(&shared, &request, arrival) {
        Some(response) => (response, request.body().is_end_stream()),
        None => {
            let unread = Arc::new(Unread::default());
            // Who waits to be asked for the body is not asked for one that nobody reads.
            let waits = request.headers().contains_key(header::EXPECT);
            let request = request.map(|body| {
                // Most requests have no body; the others are watched.
                if body.is_end_stream() {
                    return Body::empty();
                }
                Body::new(Received::new(body, activity, settings.limits.body_idle(), Arc::clone(&unread)))
            });
            let response = handled(&shared, arrival, request).await;
            let whole = if multiplexed || waits { unread.is_empty() } else { unread.drain().await };
            (response, whole)
        }
    };
    if !whole && !multiplexed {
        // The rest of the body would be taken for the next request: the connection ends, and the client is told.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if arrival.scheme == Scheme::Https {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, headers::HSTS);
    }
    Ok(response.map(|body| Sent::new(body, running)))
}

/// What a request is refused with for its head alone.
fn refusal(shared: &Shared, request: &Request<Incoming>, arrival: Arrival) -> Option<Response> {
    let path = request.uri().path();
    if let Some((status, refusal)) = misfit(request.uri(), request.headers(), &shared.settings.limits) {
        return Some(shaped(path, status, refusal));
    }
    let costly = crate::http::COSTLY.iter().any(|(method, route)| request.method() == method && *route == path);
    let Wait { seconds } = shared.settings.rates.address(super::places::network(arrival.address), costly).err()?;
    let refusal = Refusal::new(Code::RateLimited, "this address sends more requests than the server takes");
    let mut response = shaped(path, StatusCode::TOO_MANY_REQUESTS, refusal.remedy(&format!("try again in {seconds} s, and send fewer")));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Some(response)
}

/// What is too much about a head.
fn misfit(uri: &Uri, headers: &HeaderMap, limits: &Limits) -> Option<(StatusCode, Refusal)> {
    let line = uri.path_and_query().map_or(0, |text| text.as_str().len());
    if line > limits.request_line_bytes {
        let text = format!("path and query have {line} bytes; at most {} are accepted", limits.request_line_bytes);
        return Some((StatusCode::URI_TOO_LONG, Refusal::new(Code::TooLarge, &text).field("path")));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > limits.header_bytes || headers.len() > limits.headers {
        let (count, most, most_bytes) = (headers.len(), limits.headers, limits.header_bytes);
        let text = format!("the request has {count} headers of {bytes} bytes; at most {most} of {most_bytes} bytes are accepted");
        return Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Refusal::new(Code::TooLarge, &text).field("headers")));
    }
    // Of two hosts, a cache and this server could understand different ones.
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 {
        return Some((StatusCode::BAD_REQUEST, Refusal::invalid("Host", "the request has more than one `Host`")));
    }
    None
}

/// Runs the handler.
async fn handled(shared: &Shared, arrival: Arrival, mut request: Request<Body>) -> Response {
    let uri = request.uri().clone();
    request.extensions_mut().insert(arrival);
    let mut router = shared.router.clone();
    // Nothing that the handler held is used again: its state is behind locks that a panic does not poison for the next.
    match AssertUnwindSafe(router.call(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            let fault = Fault::Config(format!("a handler panicked: {}", text.unwrap_or_default()));
            let response = if is_mlflow(uri.path()) { MlflowError::from(fault).into_response() } else { crate::app::AppError::Fault(fault).into_response() };
            harden(response)
        }
    }
}

/// A refusal in the shape of the surface, with the headers of every answer.
fn shaped(path: &str, status: StatusCode, refusal: Refusal) -> Response {
    let mut response =
        if is_mlflow(path) { MlflowError::from(refusal).into_response() } else { Problem { status: status.as_u16(), ..refused(refusal) }.into_response() };
    *response.status_mut() = status;
    harden(response)
}

/// Whether MLflow's clients call this path.
fn is_mlflow(path: &str) -> bool {
    ["/api/2.0/", "/api/3.0/", "/ajax-api/"].iter().any(|prefix| path.starts_with(prefix))
}
