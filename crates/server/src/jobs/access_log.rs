//! Anchors the finished days of the access log, once an hour. Several servers may run it: the second finds the day anchored.

use std::time::Duration;

use chancery_core::access_log::Day;
use chancery_core::names::Timestamp;
use tokio::time::sleep;

use crate::app::App;
use crate::app::timetable::{Job, Outcome};
use crate::fault::{Fault, chain};

/// How long after its start a server does it first.
const FIRST: Duration = Duration::from_secs(60);
/// How often.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Anchors every day that is over at `now`; gives the days.
///
/// # Errors
/// [`Fault`]; what was anchored by then stays, and the next run does the rest.
pub async fn run_once(app: &App, now: Timestamp) -> Result<Vec<Day>, Fault> {
    app.flush_access_log().await;
    app.anchor_access_log(now).await
}

/// Runs until it is aborted.
pub async fn run(app: App) {
    let next = |after: Duration| app.timetable().comes(Job::AccessLog, app.now().plus_seconds(after.as_secs() as i64));
    next(FIRST);
    sleep(FIRST).await;
    loop {
        let outcome = match run_once(&app, app.now()).await {
            Ok(days) => {
                tracing::info!(days = days.len(), "finished days of the access log were anchored");
                Outcome::Done(format!("{} finished days anchored", days.len()))
            }
            Err(fault) => {
                tracing::error!(error = %chain(&fault), "the access log was not anchored");
                Outcome::Failed
            }
        };
        app.timetable().ran(Job::AccessLog, app.now(), outcome);
        next(EVERY);
        sleep(EVERY).await;
    }
}
