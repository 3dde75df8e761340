//! Runs the scheduled checks every hour. Several servers may run them: the second to find something writes nothing.

use std::time::Duration;

use tokio::time::sleep;

use crate::app::App;
use crate::app::AppError;
use crate::app::checks::{Checked, Run};
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
    sleep(FIRST).await;
    loop {
        match run_once(&app).await {
            Ok(checked) => tracing::info!(counts = ?checked.counts, "the scheduled checks ran"),
            Err(AppError::Refused(refusal, _)) => tracing::error!(%refusal, "the scheduled checks did not run"),
            Err(AppError::Fault(fault)) => tracing::error!(error = %chain(&fault), "the scheduled checks did not run"),
        }
        sleep(EVERY).await;
    }
}
