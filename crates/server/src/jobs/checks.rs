//! Runs the scheduled checks every hour. Several servers may run them: the second to find something writes nothing.

use std::time::Duration;

use chancery_core::wording::counted;
use tokio::time::sleep;

use crate::app::App;
use crate::app::AppError;
use crate::app::checks::{Checked, Run};
use crate::app::timetable::{Job, Outcome};
use crate::fault::chain;

/// How long after its start a server runs them first: one that is started again and again still does.
const FIRST: Duration = Duration::from_secs(5 * 60);
/// How often.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs the checks once.
///
/// # Errors
/// [`AppError`]; what was written by then stays, and the next run does the rest.
pub async fn run_once(app: &App) -> Result<Checked, AppError> {
    app.run_checks(None, Run::Write).await
}

/// Runs until it is aborted.
pub async fn run(app: App) {
    let next = |after: Duration| app.timetable().comes(Job::Checks, app.now().plus_seconds(after.as_secs() as i64));
    next(FIRST);
    sleep(FIRST).await;
    loop {
        let outcome = match run_once(&app).await {
            Ok(checked) => {
                let counts = checked.counts;
                tracing::info!(?counts, "the scheduled checks ran");
                let (looked, opened) = (counted(counts.versions, "version", "versions"), counted(counts.opened, "finding", "findings"));
                Outcome::Done(format!("{looked} looked at, {opened} opened, {} closed", counts.closed))
            }
            Err(AppError::Refused(refusal, _)) => {
                tracing::error!(%refusal, "the scheduled checks did not run");
                Outcome::Failed
            }
            Err(AppError::Fault(fault)) => {
                tracing::error!(error = %chain(&fault), "the scheduled checks did not run");
                Outcome::Failed
            }
        };
        app.timetable().ran(Job::Checks, app.now(), outcome);
        next(EVERY);
        sleep(EVERY).await;
    }
}
