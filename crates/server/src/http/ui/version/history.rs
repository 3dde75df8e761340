//! The entries about a version, newest first, as sentences.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::subject::{Version, subject, version_at};
use super::words::cut;
use crate::app::AppError;
use crate::http::api::history::{HistoryView, history_of_version};
use crate::http::ui::filters;
use crate::http::ui::frame::Frame;
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};
use crate::http::{PageQuery, caller};
use crate::sentence::sentence;

/// Entries of a page.
const PAGE: u32 = 40;
/// Letters of a sentence.
const LETTERS: usize = 240;

/// An entry.
pub(super) struct Line {
    pub(super) index: u64,
    pub(super) at: String,
    pub(super) sentence: String,
    /// Whether it records an attempt that was refused.
    pub(super) refused: bool,
}

fn line(item: &HistoryView) -> Result<Line, AppError> {
    let value = super::subject::read(item)?;
    Ok(Line { index: item.index, at: item.at.clone(), sentence: cut(&sentence(&value), LETTERS), refused: item.kind.contains("refused") })
}

#[derive(Template)]
#[template(path = "version-history.html")]
struct History {
    frame: Frame,
    v: Version,
    lines: Vec<Line>,
    next: Option<String>,
}

/// `GET /models/{name}/{number}/history`.
pub(super) async fn show(own: Shown<caller::Read>, Path(place): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let query = PageQuery { limit: Some(PAGE), after: own.visit.get("after").map(str::to_owned) };
    let snapshot = own.allowed.read().await?;
    let subject = subject(&own, &snapshot, &name, number).await?;
    let found = history_of_version(&snapshot, &subject.model.model_id, number, &query, subject.cut).await?;
    let lines = found.items.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let next = found.next.map(|cursor| own.visit.with("after", Some(&cursor)));
    let frame = subject.frame_of(&own, &snapshot, "History", "/history").await?;
    Ok(page(StatusCode::OK, &History { frame, v: subject.version, lines, next }))
}
