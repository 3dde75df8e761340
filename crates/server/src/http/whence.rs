//! From where a request came, for the access log. What proxies say is believed as far as the operator trusts them.

use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use chancery_core::access_log::Whence;

use super::transport::Arrival;

/// Longest name of a program that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// Reads where a request came from.
pub fn of(parts: &Parts) -> Whence {
    let address = parts.extensions.get::<Arrival>().map(|arrival| arrival.address.to_string());
    let user_agent = parts.headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).chars().take(MAX_USER_AGENT).collect());
    Whence { address, claimed: None, user_agent }
}
