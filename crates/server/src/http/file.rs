//! A blob as the answer to a request for a file: whole, a range of it (RFC 9110, section 14), or not again (section 13).

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chancery_core::names::Digest;

use super::error::blob_error;
use crate::app::AppError;
use crate::blobs::{Blobs, Part, range};

/// A file that a client asked for.
pub(super) struct FileAnswer<'a> {
    /// Its bytes; also its ETag.
    pub(super) digest: Digest,
    /// Bytes.
    pub(super) size: u64,
    /// `Content-Type`.
    pub(super) kind: &'a str,
    /// `Content-Disposition`.
    pub(super) disposition: String,
}

/// What became of it.
pub(super) enum Served {
    /// 200, 206 or 304.
    Response(Response),
    /// The range begins after the end: 416, in the shape of the surface, with [`unsatisfied`] as `Content-Range`.
    OutOfRange,
}

impl FileAnswer<'_> {
    /// Answers a request with these headers.
    ///
    /// # Errors
    /// `not_found` when the blob is gone; a fault.
    pub(super) async fn respond(&self, blobs: &Blobs, headers: &HeaderMap) -> Result<Served, AppError> {
        let tag = format!("\"{}\"", self.digest);
        let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let common = [(ETAG, tag.clone()), (ACCEPT_RANGES, "bytes".to_owned()), (CACHE_CONTROL, "private, no-cache".to_owned())];
        if header(IF_NONE_MATCH).is_some_and(|tags| names(tags, &tag)) {
            return Ok(Served::Response((StatusCode::NOT_MODIFIED, common).into_response()));
        }
        // A range of another file than the caller began with would be spliced into it: then he gets the whole.
        let same = header(IF_RANGE).is_none_or(|wanted| wanted == tag);
        let part = match header(RANGE).filter(|_| same).map(|text| range::parse(text, self.size)) {
            None => Part::Whole,
            Some(Ok(part)) => part,
            Some(Err(_)) => return Ok(Served::OutOfRange),
        };
        let status = if part == Part::Whole { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
        let download = blobs.read(&self.digest, part).await.map_err(blob_error)?;
        let (start, end) = (download.range.start, download.range.end);
        let mut response = (status, common, Body::from_stream(download.body)).into_response();
        let headers = response.headers_mut();
        insert(headers, CONTENT_TYPE, self.kind);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
        insert(headers, CONTENT_DISPOSITION, &self.disposition);
        if status == StatusCode::PARTIAL_CONTENT {
            insert(headers, CONTENT_RANGE, &format!("bytes {start}-{}/{}", end - 1, download.size));
        }
        Ok(Served::Response(response))
    }
}

/// `Content-Range` of an answer to a range that begins after the end.
pub(super) fn unsatisfied(size: u64) -> String {
    format!("bytes */{size}")
}

/// Sets a header; a value that is none is left out.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2; weak comparison).
fn names(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|wanted| wanted == "*" || wanted.strip_prefix("W/").unwrap_or(wanted) == tag)
}

/// A path segment or a parameter (RFC 5987), percent-encoded.
pub(super) fn encode(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    segment.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        for (list, expected) in [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false), ("", false)] {
            assert_eq!(names(list, "\"a\""), expected, "{list}");
        }
    }
}
