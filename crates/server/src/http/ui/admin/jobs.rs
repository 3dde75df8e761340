//! What runs by itself: when it ran last, what came of it, when it runs next; and the checks, now.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::command::Event;
use chancery_core::entry::Entry;
use chancery_core::finding;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{AccessAnchorRow, EntryRow};
use serde::Deserialize;

use super::{Tab, may, tabs};
use crate::app::timetable::{Job, Turn};
use crate::app::{AppError, as_of, origins};
use crate::http::api::jobs::{RunView, run_now};
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::form::{Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};
use crate::store::Snapshot;

const PATH: &str = "/admin/jobs";
/// Entries about the registry that are looked through for the last run.
const LOOKED_THROUGH: u64 = 200;
/// Findings of a run that the page names.
const NAMED: usize = 50;

#[derive(Template)]
#[template(path = "admin-jobs.html")]
struct Jobs {
    frame: Frame,
    tabs: Vec<Tab>,
    jobs: Vec<Line>,
    failed: usize,
    last_checks: Option<LastChecks>,
    entries: u64,
    covered: Option<u64>,
    read_only: Option<String>,
    anchored: Option<AccessAnchorRow>,
    runs_checks: bool,
    ran: Option<RunView>,
}

struct Line {
    name: &'static str,
    what: &'static str,
    every: &'static str,
    turn: Turn,
}

/// The last run of the checks, on whichever server.
struct LastChecks {
    entry: Entry,
    by: String,
    counts: finding::Counts,
}

async fn last_checks(snapshot: &Snapshot) -> Result<Option<LastChecks>, AppError> {
    let tail = "WHERE subject = 'registry' ORDER BY entry_index DESC LIMIT $1";
    for row in snapshot.rows::<EntryRow>(tail, &crate::values![LOOKED_THROUGH]).await? {
        let entry = as_of::entry(&row)?;
        if let Event::Finding(finding::Event::Ran(counts)) = &entry.event {
            let counts = *counts;
            return Ok(Some(LastChecks { by: origins::name(snapshot, &entry.actor).await?, entry, counts }));
        }
    }
    Ok(None)
}

async fn shown(own: &Shown<caller::ReadEntries>, status: StatusCode, note: Option<Note>, ran: Option<RunView>) -> Result<Response, PageError> {
    let app = &own.allowed.app;
    let (entries, covered, read_only) = app.readiness().await?;
    let snapshot = own.allowed.read().await?;
    let anchored = snapshot.rows::<AccessAnchorRow>("ORDER BY day DESC LIMIT 1", &[]).await?.into_iter().next();
    let jobs: Vec<Line> =
        Job::ALL.iter().map(|job| Line { name: job.name(), what: job.what(), every: job.every(), turn: app.timetable().turn(*job) }).collect();
    let template = Jobs {
        frame: own.frame(&snapshot, Area::Admin, "Jobs").await?.present_only().with(note),
        tabs: tabs(own, PATH),
        failed: jobs.iter().filter(|line| line.turn.has_failed()).count(),
        jobs,
        last_checks: last_checks(&snapshot).await?,
        entries,
        covered,
        read_only,
        anchored,
        runs_checks: may(own, Action::RunChecks),
        ran: ran.map(named),
    };
    Ok(page(status, &template))
}

/// A run with as many findings as the page names.
fn named(mut run: RunView) -> RunView {
    run.opened.truncate(NAMED);
    run.closed.truncate(NAMED);
    run.deprecated.truncate(NAMED);
    run
}

/// `GET /admin/jobs`.
pub(super) async fn show(own: Shown<caller::ReadEntries>) -> Result<Response, PageError> {
    shown(&own, StatusCode::OK, None, None).await
}

/// Whether anything is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    run: String,
}

/// `POST /admin/jobs/checks`.
pub(super) async fn run(posted: Posted<caller::RunChecks, Run>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, .. } = posted;
    let outcome = async {
        match filled(form)?.run.as_str() {
            "now" => run_now(&own.allowed, false).await,
            "dry" => run_now(&own.allowed, true).await,
            other => Err(Refusal::unknown_word("run", other, &["now", "dry"]).into()),
        }
    };
    let outcome = outcome.await;
    let own = own.again(&parts, PATH).await?;
    match outcome {
        Ok(run) => {
            let note = match &run.receipt {
                Some(receipt) => Note::recorded(receipt.index),
                None => Note::done("Nothing was written: this is what a run would do."),
            };
            shown(&own, StatusCode::OK, Some(note), Some(run)).await
        }
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own, status, Some(note), None).await
        }
    }
}
