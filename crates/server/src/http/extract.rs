//! What handlers take from a request: strict JSON, paths, queries, pages, preconditions, idempotency keys.

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::names::{Digest, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::MAX_JSON_BYTES;
use super::duplicates::check_duplicates;
use super::error::{Problem, malformed, refused};
use super::queries::misread;
use crate::app::Receipt;
use crate::app::current::Answer;

/// Deepest JSON that is read.
const MAX_JSON_DEPTH: usize = 32;
/// Items of a page unless asked otherwise, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

/// The idempotency key of a request and the digest of what it asks.
#[derive(Clone, Debug)]
pub struct Requested {
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// Digest over method, path, query and body.
    pub body: Digest,
}

/// A JSON body: unknown fields are refused, depth and size are limited, and what was asked is kept for idempotency.
#[derive(Debug)]
pub struct Json<T> {
    /// The value.
    pub value: T,
    /// Idempotency.
    pub requested: Requested,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let json = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            kind == "application/json" || kind.ends_with("+json")
        });
        if !json {
            return Err(malformed("Content-Type", "the body must be JSON, with `Content-Type: application/json`"));
        }
        let bytes = body_bytes(body).await?;
        let requested = requested(&parts, &bytes)?;
        Ok(Self { value: parse(&bytes)?, requested })
    }
}

/// Reads a body of at most [`MAX_JSON_BYTES`].
async fn body_bytes(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, MAX_JSON_BYTES)
        .await
        .map_err(|_| refused(Refusal::new(Code::TooLarge, &format!("the body has more than {MAX_JSON_BYTES} bytes, or broke off")).field("body")))
}

/// Parses strict JSON.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    check_depth(bytes).map_err(refused)?;
    check_duplicates(bytes).map_err(refused)?;
    // Every body is an object. A list would be taken for its members in order, and an empty one for an object that leaves all out.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(refused(Refusal::invalid("body", "the body must be a JSON object")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if error.inner().is_data() { refused(misfit(error)) } else { malformed("body", &format!("the body is not JSON: {}", error.into_inner())) }
    })?;
    deserializer.end().map_err(|error| malformed("body", &format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// Parses JSON that was read before.
///
/// # Errors
/// `invalid_field` that names the field.
pub fn typed<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(misfit)
}

/// JSON that does not fit its type: names the field and says why, without a position that nobody counts.
fn misfit(error: serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let path = error.path().to_string();
    let field = if path == "." { "body".to_owned() } else { path };
    let text = error.into_inner().to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    Refusal::invalid(&field, text)
}

/// Refuses JSON that is nested deeper than anything that is read.
pub(super) fn check_depth(bytes: &[u8]) -> Result<(), Refusal> {
    if depth(bytes) > MAX_JSON_DEPTH {
        return Err(Refusal::new(Code::TooLarge, &format!("the body is nested deeper than {MAX_JSON_DEPTH} levels")).field("body"));
    }
    Ok(())
}

/// Nesting of brackets outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match (text, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (true, false, b'"') => text = false,
            (false, _, b'"') => text = true,
            (false, _, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, _, b'}' | b']') => depth = depth.saturating_sub(1),
            (true | false, _, _) => {}
        }
    }
    deepest
}

/// The idempotency key and the digest of a request whose body is `bytes`.
fn requested(parts: &Parts, bytes: &[u8]) -> Result<Requested, Problem> {
    let key = match parts.headers.get("idempotency-key").map(HeaderValue::to_str) {
        None => None,
        Some(Ok(key)) if !key.is_empty() && key.len() <= 255 => Some(key.to_owned()),
        Some(_) => return Err(malformed("Idempotency-Key", "the idempotency key must have 1 to 255 visible ASCII characters")),
    };
    let mut all = format!("{} {}\n", parts.method, parts.uri).into_bytes();
    all.extend_from_slice(bytes);
    Ok(Requested { key, body: Digest::of(&all) })
}

impl<S: Send + Sync> FromRequestParts<S> for Requested {
    type Rejection = Problem;

    /// For requests without a JSON body, such as DELETE.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        requested(parts, &[])
    }
}

/// Path parameters.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // No name has a NUL, and PostgreSQL takes none.
        if parts.uri.path().contains("%00") {
            return Err(refused(Refusal::invalid("path", "the path must not contain a NUL character")));
        }
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(refused(Refusal::invalid("path", &error.body_text()))),
            Err(other) => Err(malformed("path", &other.body_text())),
        }
    }
}

/// Query parameters; unknown ones are refused when the type says so.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // No name or text has a NUL, and PostgreSQL takes none.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(refused(Refusal::invalid("query", "the query must not contain a NUL character")));
        }
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => Err(refused(misread(&error.body_text()))),
            Err(other) => Err(malformed("query", &other.body_text())),
        }
    }
}

/// `If-Match` as a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
        number.map(|number| Self(Some(number))).ok_or_else(|| malformed("If-Match", "If-Match must be one ETag that a read gave, such as \"17\""))
    }
}

/// `as_of`: an entry index or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AsOf {
    /// State after this entry.
    Index(u64),
    /// State at this time.
    Time(Timestamp),
}

impl TryFrom<String> for AsOf {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        Timestamp::parse(&text).map(Self::Time).map_err(|_| Refusal::invalid("as_of", "as_of must be an entry index or an RFC 3339 time"))
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items, 1 to 500; 50 unless given.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub after: Option<String>,
}

impl PageQuery {
    /// Items to give.
    ///
    /// # Errors
    /// `invalid_field` outside 1 to 500.
    pub fn limit(&self) -> Result<u32, Refusal> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=MAX_PAGE => Ok(limit),
            _ => Err(Refusal::invalid("limit", &format!("limit must be from 1 to {MAX_PAGE}"))),
        }
    }

    /// The text that the page before ended with; the cursor is opaque to callers: base64 of the key.
    ///
    /// # Errors
    /// `invalid_field` for anything that no page gave.
    pub fn after(&self) -> Result<Option<String>, Refusal> {
        use base64::Engine as _;
        let Some(cursor) = &self.after else { return Ok(None) };
        let bad = || Refusal::invalid("after", "after must be the `next` of a page");
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        String::from_utf8(bytes).ok().filter(|key| !key.contains('\0')).map(Some).ok_or_else(bad)
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `after` for the next page; null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page whose items were read with `limit + 1`; `key` gives the cursor of an item.
    pub fn new(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|item| cursor(&key(item))) } else { None };
        Self { items, next }
    }
}

/// The cursor of a page that goes on after `key`: opaque to callers, read by [`PageQuery::after`].
pub fn cursor(key: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

/// The answer to a mutation: the entries that it made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// Index of the last entry: the revision of what changed.
    pub index: u64,
    /// The entries.
    #[schema(value_type = Vec<Object>)]
    pub entries: Vec<Box<serde_json::value::RawValue>>,
}

impl From<&Receipt> for ReceiptView {
    fn from(receipt: &Receipt) -> Self {
        let raw = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).ok().and_then(|text| serde_json::value::RawValue::from_string(text).ok());
        Self { index: receipt.index, entries: receipt.entries.iter().filter_map(raw).collect() }
    }
}

/// The JSON of a [`ReceiptView`]: the entries are JSON already, and stay the bytes that they are.
fn receipt_json(receipt: &Receipt) -> Vec<u8> {
    let length: usize = receipt.entries.iter().map(|entry| entry.len() + 1).sum();
    let mut json = Vec::with_capacity(length + 48);
    json.extend_from_slice(format!(r#"{{"index":{},"entries":["#, receipt.index).as_bytes());
    for (number, entry) in receipt.entries.iter().enumerate() {
        if number > 0 {
            json.push(b',');
        }
        json.extend_from_slice(entry);
    }
    json.extend_from_slice(b"]}");
    json
}

/// An answer, with its ETag when it has one.
pub fn shown(answer: Answer) -> Response {
    let mut response = ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer.body).into_response();
    if let Some(Ok(etag)) = answer.revision.map(|revision| HeaderValue::from_str(&format!("\"{revision}\""))) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// Headers and body of a receipt.
pub fn receipt(status: StatusCode, receipt: &Receipt, location: Option<&str>) -> Response {
    let mut response = (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], receipt_json(receipt)).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", receipt.index)) {
        headers.insert(ETAG, value);
    }
    if let Some(Ok(value)) = location.map(HeaderValue::from_str) {
        headers.insert(LOCATION, value);
    }
    if receipt.replayed {
        headers.insert(HeaderName::from_static("idempotent-replay"), HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_no_page_gave_is_refused() {
        let after = |text: &str| PageQuery { limit: None, after: Some(text.to_owned()) }.after().ok().flatten();
        for (given, expected) in [(cursor("loan"), Some("loan")), (cursor("a\0b"), None), ("////".to_owned(), None), ("_w".to_owned(), None)] {
            assert_eq!(after(&given).as_deref(), expected, "{given}");
        }
    }
}
