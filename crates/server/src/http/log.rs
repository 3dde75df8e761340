//! `/log`: the public log as static files (C2SP tlog-tiles). Entry bundles are not here: who may read them is decided elsewhere.

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chancery_core::access_log::AccessKind;

use super::{Allowed, caller};
use crate::app::App;
use crate::fault::{Fault, chain};
use crate::ledger::{newest_checkpoint, tiles};
use crate::store::Store;

/// What the routes of the log need.
#[derive(Clone, Debug)]
pub struct LogState {
    /// The database.
    pub store: Store,
    /// The verifier keys of the log, one vkey a line.
    pub verifier: String,
}

/// A tile never changes, whatever its width.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// A newer checkpoint may be there any moment.
const SHORT: &str = "public, max-age=1";
/// What is not there now may be there soon.
const NEVER: &str = "no-store";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// The public routes of the running registry.
pub fn router(app: App) -> Router {
    let public = routes(LogState { store: app.store().clone(), verifier: app.keys().public().log_lines() });
    public.route("/log/tile/entries/{*path}", get(entries).with_state(app))
}

/// Entry bundles hold whole entries: for those who may read them.
async fn entries(allowed: Allowed<caller::ReadEntries>, OriginalUri(uri): OriginalUri) -> Response {
    // Whole entries leave the registry here: that is its export.
    if let Err(error) = allowed.log(AccessKind::Export, uri.path()).await {
        return error.into_response();
    }
    entry_bundle(allowed.app.store(), uri.path()).await
}

/// The routes `/log/checkpoint`, `/log/key` and `/log/tile/<L>/<N>[.p/<W>]`, all public.
pub fn routes(state: LogState) -> Router {
    Router::new().route("/log/checkpoint", get(checkpoint)).route("/log/key", get(key)).route("/log/tile/{*path}", get(tile)).with_state(state)
}

/// An entry bundle as a response; `path` is the whole path of the request. For the route that has checked who reads.
pub async fn entry_bundle(store: &Store, path: &str) -> Response {
    match tiles::entry_bundle(store, path.strip_prefix("/log/").unwrap_or_default()).await {
        // Not for shared caches: the next reader may not be allowed to see it.
        Ok(Some(bytes)) => found(BYTES, "private, max-age=31536000, immutable", bytes),
        Ok(None) => not_found(),
        Err(fault) => failed(&fault),
    }
}

async fn checkpoint(State(state): State<LogState>) -> Response {
    let newest = async { newest_checkpoint(&state.store.read().await?).await };
    match newest.await {
        Ok(Some(row)) => found(TEXT, SHORT, row.note.into_bytes()),
        Ok(None) => not_found(),
        Err(fault) => failed(&fault),
    }
}

async fn key(State(state): State<LogState>) -> Response {
    found(TEXT, "public, max-age=3600", format!("{}\n", state.verifier.trim_end()).into_bytes())
}

/// The path is taken as it was sent, not decoded: a tile has one address.
async fn tile(State(state): State<LogState>, OriginalUri(uri): OriginalUri) -> Response {
    match tiles::hash_tile(&state.store, uri.path().strip_prefix("/log/").unwrap_or_default()).await {
        Ok(Some(bytes)) => found(BYTES, IMMUTABLE, bytes),
        Ok(None) => not_found(),
        Err(fault) => failed(&fault),
    }
}

fn found(content_type: &'static str, cache: &'static str, body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache)], body).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NEVER)], "not found\n").into_response()
}

fn failed(fault: &Fault) -> Response {
    tracing::error!(error = %chain(fault), "the log could not be read");
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NEVER)], "internal error\n").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::ledger::testing::{Registry, tags};

    async fn get(router: &Router, path: &str) -> (u16, String, String, Vec<u8>) {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let text = |name| response.headers().get(name).map_or(String::new(), |value: &header::HeaderValue| value.to_str().unwrap().to_owned());
        let (kind, cache) = (text(header::CONTENT_TYPE), text(header::CACHE_CONTROL));
        (response.status().as_u16(), kind, cache, to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn the_log_is_served_as_static_files() {
        let mut registry = Registry::open().await;
        let verifier = registry.keys.verifier().to_string();
        let router = routes(LogState { store: registry.store.clone(), verifier: verifier.clone() });
        assert_eq!(get(&router, "/log/checkpoint").await.0, 404);
        registry.commit(tags(300)).await;
        let signed = registry.sign().await.unwrap().unwrap();
        let checkpoint = (200, TEXT.to_owned(), SHORT.to_owned(), signed.note().as_bytes().to_vec());
        assert_eq!(get(&router, "/log/checkpoint").await, checkpoint);
        let (status, kind, _, body) = get(&router, "/log/key").await;
        assert_eq!((status, kind.as_str(), body), (200, TEXT, format!("{verifier}\n").into_bytes()));
        for (path, length) in [("/log/tile/0/000", 8192), ("/log/tile/0/001.p/44", 44 * 32), ("/log/tile/1/000.p/1", 32), ("/log/tile/0/000?x=1", 8192)] {
            let (status, kind, cache, body) = get(&router, path).await;
            assert_eq!((status, kind.as_str(), cache.as_str(), body.len()), (200, BYTES, IMMUTABLE, length), "{path}");
        }
        for path in [
            "/log/tile/0/001",
            "/log/tile/0/001.p/45",
            "/log/tile/0/%30%30%30",
            "/log/tile/0/000/",
            "/log/tile//0/000",
            "/log/tile/entries/000",
            "/log/tile/0/0",
        ] {
            let (status, _, cache, _) = get(&router, path).await;
            assert_eq!((status, cache.as_str()), (404, NEVER), "{path}");
        }
        let bundle = entry_bundle(&registry.store, "/log/tile/entries/001.p/44").await;
        assert_eq!(bundle.status(), 200);
        assert_eq!(entry_bundle(&registry.store, "/log/tile/0/000").await.status(), 404);
    }
}
