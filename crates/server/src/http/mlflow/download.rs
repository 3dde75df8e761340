//! Where a client fetches the files of a version: from this server's sealed copy, or where the source says.

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use chancery_core::tables::VersionRow;

use super::error::MlflowError;
use crate::app::view;
use crate::http::transport::{Arrival, Scheme};
use crate::store::Snapshot;

/// The address under which the caller reached this server.
#[derive(Clone, Debug)]
pub(super) struct Base {
    scheme: &'static str,
    host: Option<String>,
}

impl Base {
    /// Host and port, as the caller named them.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The address of this server without a path, if the caller named a host.
    pub(super) fn address(&self) -> Option<String> {
        self.host.as_ref().map(|host| format!("{}://{host}", self.scheme))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        // What a proxy says of it was judged when the request came.
        let encrypted = parts.extensions.get::<Arrival>().is_some_and(|arrival| arrival.scheme == Scheme::Https);
        let scheme = if encrypted { "https" } else { "http" };
        // HTTP/2 has the host in the address of the request.
        let host = header(HOST.as_str()).map(str::to_owned).or_else(|| parts.uri.authority().map(ToString::to_string));
        Ok(Self { scheme, host: host.filter(|host| is_host(host)) })
    }
}

/// Whether a text can stand for a host and a port in an address.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

/// The address of the files of a version: sealed ones are in the folder `versions` of the artifact store.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn uri(snapshot: &Snapshot, base: &Base, row: &VersionRow) -> Result<String, MlflowError> {
    if row.held {
        let path = format!("versions/{}/{}", row.model_id, row.number);
        return Ok(match base.address() {
            Some(address) => format!("{address}/api/2.0/mlflow-artifacts/artifacts/{path}"),
            None => format!("mlflow-artifacts:/{path}"),
        });
    }
    let facts = view::facts(snapshot, row).await?;
    let stored = facts.pointer("/origin/download_uri").and_then(|uri| uri.as_str());
    Ok(stored.map_or_else(|| row.source.clone(), str::to_owned))
}
