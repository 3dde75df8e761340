//! A document of evidence: what it says, about what, and who signed it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::access_log::AccessKind;
use chancery_core::names::{Digest, clipped};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{EvidenceRow, ModelRow};
use futures_util::TryStreamExt as _;
use serde_json::Value;

use super::markdown::{MAX_MARKUP, render, within};
use super::subject::{api_of, named, path_of};
use super::words::{cut, label, line};
use crate::app::{AppError, view};
use crate::blobs::Part;
use crate::fault::Fault;
use crate::http::api::evidence::attached;
use crate::http::caller;
use crate::http::error::blob_error;
use crate::http::ui::filters::{self, Html};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};
use crate::store::Snapshot;

/// Versions that are named as having the document.
const VERSIONS: u32 = 20;
/// Largest document that is shown.
const MAX_BYTES: u64 = 1024 * 1024;
/// Members of the summary that are shown.
const MEMBERS: usize = 40;

/// A version that has the document.
struct Holder {
    label: String,
    path: String,
    api: String,
    actor: String,
    row: EvidenceRow,
}

/// The document as it can be shown.
enum Body {
    /// Rendered Markdown, or whether there is more.
    Markdown(Html, bool),
    /// Text, or whether there is more.
    Text(&'static str, Html, bool),
    /// Why it is not shown.
    Unshown(&'static str),
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct Document {
    frame: Frame,
    digest: String,
    kind: String,
    title: String,
    format: String,
    first: Holder,
    others: Vec<Holder>,
    signed_by: Vec<String>,
    summary: Vec<(String, String)>,
    body: Body,
}

/// `GET /evidence/{digest}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(digest): Path<String>) -> Result<Response, PageError> {
    let digest = Digest::parse(&digest).map_err(|_| Refusal::not_found("document", &clipped(&digest)))?;
    let snapshot = own.allowed.read().await?;
    let mut holders = Vec::new();
    for (row, model) in attached(&snapshot, &digest, VERSIONS).await? {
        holders.push(holder(&snapshot, row, &model).await?);
    }
    let mut holders = holders.into_iter();
    let first = holders.next().ok_or_else(|| Refusal::not_found("document", &digest.to_string()))?;
    let row = &first.row;
    own.allowed.log(AccessKind::Download, &format!("model/{}/{} evidence sha256:{digest}", row.model_id, row.number)).await?;
    let summary = summary(&snapshot, row).await?;
    let bytes = bytes(&own, &snapshot, row).await?;
    let body = match bytes {
        Some(bytes) => body(&row.format, &bytes),
        None => Body::Unshown("it is larger than a page shows"),
    };
    let kind = super::words::kind(row.evidence_type.as_str());
    let title = if row.title.is_empty() { kind.clone() } else { cut(&row.title, 120) };
    let api = format!("{}/evidence/{digest}", first.api);
    let frame = own.frame(&snapshot, Area::Models, &title).await?.present_only();
    let frame = frame.under("/models", "Models").under(first.path.clone(), first.label.clone()).under(format!("{}/evidence", first.path), "Evidence");
    let document = Document {
        frame: frame.json(api),
        digest: digest.to_string(),
        kind,
        title,
        format: row.format.clone(),
        signed_by: serde_json::from_value(row.signed_by.clone()).unwrap_or_default(),
        first,
        others: holders.collect(),
        summary,
        body,
    };
    Ok(page(StatusCode::OK, &document))
}

async fn holder(snapshot: &Snapshot, row: EvidenceRow, model: &ModelRow) -> Result<Holder, AppError> {
    let actor = named(snapshot, &row.actor).await?;
    let (name, number) = (model.name.as_str(), row.number.get());
    Ok(Holder { label: format!("{name}/{number}"), path: path_of(name, number), api: api_of(name, number), actor, row })
}

/// What was read in the document, by member.
async fn summary(snapshot: &Snapshot, row: &EvidenceRow) -> Result<Vec<(String, String)>, AppError> {
    let Some(digest) = &row.summary else { return Ok(Vec::new()) };
    let value: Value = serde_json::from_slice(&view::payload(snapshot, digest).await?).map_err(|error| Fault::database("read a summary", error))?;
    let members = value.as_object().into_iter().flatten().take(MEMBERS);
    Ok(members.map(|(name, value)| (label(name), cut(&line(value), 400))).collect())
}

/// The bytes, unless there are too many to show.
async fn bytes(own: &Shown<caller::Read>, snapshot: &Snapshot, row: &EvidenceRow) -> Result<Option<Vec<u8>>, AppError> {
    if row.size > MAX_BYTES {
        return Ok(None);
    }
    if row.in_payloads {
        return view::payload(snapshot, &row.digest).await.map(Some);
    }
    let download = own.allowed.app.blobs().read(&row.digest, Part::Whole).await.map_err(blob_error)?;
    let parts: Vec<bytes::Bytes> = download.body.try_collect().await.map_err(|error| Fault::database("read a document", error))?;
    Ok(Some(parts.concat()))
}

/// How a document is shown: Markdown rendered, JSON with its members one below the other, an envelope opened.
fn body(format: &str, bytes: &[u8]) -> Body {
    let Ok(text) = std::str::from_utf8(bytes) else { return Body::Unshown("it is not text") };
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return match opened(&value) {
            Some(statement) => json("The statement that was signed", &statement),
            None => json("JSON", &value),
        };
    }
    if format == "markdown" {
        let (html, whole) = render(text);
        return Body::Markdown(html, whole);
    }
    let (html, whole) = within(text, MAX_MARKUP);
    Body::Text("Text", html, whole)
}

fn json(what: &'static str, value: &Value) -> Body {
    let (html, whole) = within(&serde_json::to_string_pretty(value).unwrap_or_default(), MAX_MARKUP);
    Body::Text(what, html, whole)
}

/// The JSON inside of a DSSE envelope.
fn opened(value: &Value) -> Option<Value> {
    value.get("signatures")?;
    let payload = BASE64_STANDARD.decode(value.get("payload")?.as_str()?).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_shown_as_what_it_is() {
        assert!(matches!(body("markdown", b"# a"), Body::Markdown(_, true)));
        assert!(matches!(body("", b"# a"), Body::Text("Text", _, true)));
        assert!(matches!(body("", b"{\"a\":1}"), Body::Text("JSON", _, true)));
        assert!(matches!(body("", &[0xff, 0xfe]), Body::Unshown(_)));
        let envelope = json!({"payloadType": "x", "payload": BASE64_STANDARD.encode("{\"a\": \"<b>\"}"), "signatures": []}).to_string();
        let Body::Text(what, html, true) = body("", envelope.as_bytes()) else { panic!("it is not opened") };
        assert_eq!((what, html.to_string().contains("&#60;b&#62;")), ("The statement that was signed", true));
    }
}
