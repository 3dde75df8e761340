//! The ledger: entries, one entry, the proof that a browser checks.
//!
//! INVARIANT: nothing here says that the record is verified. The server says what it has; a browser, or a program of somebody else, checks it.

mod ask;
mod entry;
mod files;
pub(super) mod names;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use chancery_core::entry::Subject;
use chancery_core::names::Timestamp;
use chancery_core::tables::CheckpointRow;

use self::ask::Filters;
use self::names::Names;
use super::frame::{Area, Frame, query_path};
use super::layout::{Link, Note, page};
use super::session::{PageError, Shown};
use super::{Page, Visitor, filters};
use crate::app::AppError;
use crate::app::entries::{self, Found};
use crate::http::caller;
use crate::ledger::newest_checkpoint;
use crate::sentence::words::{Said, said};

/// Entries on a page.
const PAGE: usize = 50;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    use Visitor::{Anybody, Person};
    vec![
        (("GET", "/ledger", Person), get(list)),
        (("GET", "/ledger/{index}", Person), get(entry::show)),
        (("GET", "/ledger/{index}/entry", Person), get(files::entry)),
        (("GET", "/ledger/{index}/proof", Person), get(files::proof)),
        (("GET", files::SCRIPT_PATH, Anybody), get(files::script)),
    ]
}

#[derive(Template)]
#[template(path = "ledger-list.html")]
struct List {
    frame: Frame,
    /// Entries that count: all, or those up to the moment that is shown.
    size: u64,
    checkpoint: Option<CheckpointRow>,
    filters: Filters,
    /// Whether the reader may read whole entries.
    whole: bool,
    days: Vec<Day>,
    shown: usize,
    /// The next page.
    next: Option<String>,
    /// Everything was looked through that a page looks through, and there is more.
    looked_in_part: bool,
    clear: String,
}

struct Day {
    at: String,
    words: String,
    lines: Vec<Line>,
}

struct Line {
    index: u64,
    at: Timestamp,
    time: String,
    said: Said,
    subject: Link,
    who: String,
    door: &'static str,
    run: bool,
}

/// `GET /ledger`.
pub(super) async fn list(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let whole = own.allowed.app.reads_entries(&own.allowed.caller);
    let frame = own.frame(&snapshot, Area::Ledger, "Ledger").await?;
    let filters = Filters::of(&own.visit);
    let size = frame.past.as_ref().map_or(snapshot.head().size, |past| past.index + 1);
    let (status, note, found, json) = match filters.ask(&snapshot, size, whole).await {
        Ok((ask, subject)) => {
            let json = Some(json(subject.as_ref(), &filters.kind)).filter(|_| whole);
            (StatusCode::OK, None, entries::newest(&snapshot, &ask, PAGE).await?, json)
        }
        Err(error) => {
            let (status, note) = Note::of(&error);
            (status, Some(note), Found { entries: Vec::new(), next: None }, None)
        }
    };
    let names = Names::of(&snapshot, &found.entries, &[]).await?;
    let checkpoint = newest_checkpoint(&snapshot).await.map_err(AppError::from)?;
    let next = found.next.map(|index| own.visit.with("before", Some(&index.to_string())));
    let frame = json.into_iter().fold(frame.with(note), Frame::json);
    let template = List {
        size,
        checkpoint,
        whole,
        shown: found.entries.len(),
        looked_in_part: next.is_some() && found.entries.len() < PAGE,
        next,
        days: days(&found.entries, &names),
        clear: own.visit.path.clone(),
        filters,
        frame,
    };
    Ok(page(status, &template))
}

/// Where programs read the same: what the API can filter.
fn json(subject: Option<&Subject>, kind: &str) -> String {
    let subject = subject.map(ToString::to_string).unwrap_or_default();
    let fields = [("subject", subject.as_str()), ("kind", kind)];
    query_path("/api/v1/ledger/entries", fields.into_iter().filter(|(_, value)| !value.is_empty()))
}

/// Entries by day, in the order that they have.
fn days(entries: &[entries::Shown], names: &Names) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let day = strftime(entry.at, "%Y-%m-%d");
        if days.last().is_none_or(|last| last.at != day) {
            days.push(Day { at: day, words: strftime(entry.at, "%A %-d %B %Y"), lines: Vec::new() });
        }
        if let Some(last) = days.last_mut() {
            last.lines.push(line(entry, names));
        }
    }
    days
}

fn line(entry: &entries::Shown, names: &Names) -> Line {
    Line {
        index: entry.index,
        at: entry.at,
        time: strftime(entry.at, "%H:%M:%S"),
        said: said(&entry.kind, &entry.data),
        subject: names.subject(&entry.subject),
        who: names.actor(&entry.actor),
        door: door(entry),
        run: entry.run.is_some(),
    }
}

/// The surface, as people call it.
fn door(entry: &entries::Shown) -> &'static str {
    use chancery_core::entry::Door;
    match entry.door {
        Door::Api => "API",
        Door::Mlflow => "MLflow",
        Door::Pages => "web",
        Door::Schedule => "scheduled job",
        Door::System => "the program itself",
    }
}

fn strftime(at: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).map(|moment| moment.strftime(format).to_string()).unwrap_or_default()
}
