//! The documents that speak for a version.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::ActorId;
use chancery_core::tables::VersionRow;
use chancery_core::wording::counted;
use serde::Deserialize;
use serde_json::Value;

use super::subject::{Version, named, read, subject, version_at};
use super::words::{cut, kind};
use crate::app::AppError;
use crate::app::as_of::Cut;
use crate::http::api::evidence::listed;
use crate::http::ui::filters;
use crate::http::ui::frame::Frame;
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};
use crate::http::{Page, PageQuery, caller};
use crate::store::Snapshot;

/// Documents of a page.
const PAGE: u32 = 30;

/// A document as the API shows it.
#[derive(Debug, Deserialize)]
struct Piece {
    digest: String,
    #[serde(rename = "type")]
    kind: String,
    grade: String,
    title: String,
    size: u64,
    binds_to: Bound,
    format: Option<String>,
    summary: Option<Value>,
    role: Option<String>,
    #[serde(default)]
    signed_by: Vec<String>,
    actor: ActorId,
    at: String,
    index: u64,
}

#[derive(Debug, Deserialize)]
struct Bound {
    kind: String,
}

/// A document as it is shown.
pub(super) struct Document {
    pub(super) digest: String,
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) grade: String,
    pub(super) words: String,
    pub(super) about: String,
    pub(super) size: u64,
    pub(super) format: String,
    pub(super) signatures: usize,
    pub(super) actor: String,
    pub(super) role: Option<String>,
    pub(super) at: String,
    pub(super) index: u64,
}

/// A page of the documents of a version, and where the next one begins.
pub(super) async fn documents(
    snapshot: &Snapshot,
    version: &VersionRow,
    cut: Option<Cut>,
    page: &PageQuery,
) -> Result<(Vec<Document>, Option<String>), AppError> {
    let Page { items, next } = listed(snapshot, version, page).await?;
    let pieces: Vec<Piece> = read(items)?;
    let mut names = BTreeMap::new();
    let mut documents = Vec::new();
    for piece in pieces.into_iter().filter(|piece| cut.is_none_or(|cut| piece.index <= cut.index())) {
        if !names.contains_key(&piece.actor) {
            names.insert(piece.actor.clone(), named(snapshot, &piece.actor).await?);
        }
        let actor = names.get(&piece.actor).cloned().unwrap_or_default();
        documents.push(document(piece, actor));
    }
    Ok((documents, next))
}

fn document(piece: Piece, actor: String) -> Document {
    let words = piece.summary.as_ref().map(|summary| words(&piece.kind, summary)).unwrap_or_default();
    Document {
        digest: piece.digest,
        kind: kind(&piece.kind),
        title: cut(&piece.title, 80),
        grade: piece.grade,
        words: cut(&words, 120),
        about: match piece.binds_to.kind.as_str() {
            "version" => "this version",
            "file" => "one of its files",
            _ => "its content",
        }
        .to_owned(),
        size: piece.size,
        format: piece.format.unwrap_or_else(|| "not read".to_owned()),
        signatures: piece.signed_by.len(),
        actor,
        role: piece.role,
        at: piece.at,
        index: piece.index,
    }
}

/// What was read in a document, in a few words.
fn words(kind: &str, summary: &Value) -> String {
    let text = |pointer: &str| summary.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let size = |pointer: &str| summary.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    match kind {
        "evaluation" => format!("{} {}, {}", text("/suite/name"), text("/suite/version"), counted(size("/metrics"), "metric", "metrics")),
        "sbom" => format!("{} components", summary.pointer("/components").map(ToString::to_string).unwrap_or_default()),
        "provenance" => format!("built by {}", text("/builder")),
        "artifact-scan" => format!("{}: {}, {}", text("/scanner/name"), text("/verdict"), counted(size("/files"), "file", "files")),
        "vulnerability-report" => format!("{}: {}", text("/scanner/name"), counted(size("/vulnerabilities"), "vulnerability", "vulnerabilities")),
        "model-card" | "datasheet" => counted(size("/sections"), "section", "sections"),
        "explainability" => text("/method"),
        "risk-assessment" => text("/conclusion").replace('-', " "),
        "review" => format!("{} review: {}", text("/kind"), text("/verdict")),
        "reproducibility" => match summary.pointer("/same").and_then(Value::as_bool) {
            Some(true) => "a second build gave the same bytes".to_owned(),
            Some(false) => "a second build gave other bytes".to_owned(),
            None => String::new(),
        },
        "plan" => format!("{} plan, {}", text("/plan"), counted(size("/steps") + size("/monitors"), "step or monitor", "steps and monitors")),
        "change-summary" => counted(size("/changes"), "change", "changes"),
        _ => String::new(),
    }
}

#[derive(Template)]
#[template(path = "version-evidence.html")]
struct Evidence {
    frame: Frame,
    v: Version,
    documents: Vec<Document>,
    next: Option<String>,
}

/// `GET /models/{name}/{number}/evidence`.
pub(super) async fn show(own: Shown<caller::Read>, Path(place): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let query = PageQuery { limit: Some(PAGE), after: own.visit.get("after").map(str::to_owned) };
    let snapshot = own.allowed.read().await?;
    let subject = subject(&own, &snapshot, &name, number).await?;
    let (documents, next) = documents(&snapshot, &subject.row, subject.cut, &query).await?;
    let next = next.map(|cursor| own.visit.with("after", Some(&cursor)));
    let frame = subject.frame_of(&own, &snapshot, "Evidence", "/evidence").await?;
    Ok(page(StatusCode::OK, &Evidence { frame, v: subject.version, documents, next }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_summary_is_told_in_a_few_words() {
        for (kind, summary, expected) in [
            ("evaluation", json!({"suite": {"name": "loans", "version": "1"}, "metrics": [1]}), "loans 1, 1 metric"),
            ("sbom", json!({"components": 12}), "12 components"),
            ("review", json!({"kind": "peer", "verdict": "approve"}), "peer review: approve"),
            ("reproducibility", json!({"same": false}), "a second build gave other bytes"),
            ("other", json!({}), ""),
        ] {
            assert_eq!(words(kind, &summary), expected, "{kind}");
        }
    }
}
