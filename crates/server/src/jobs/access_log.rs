//! Anchors the finished days of the access log, once an hour. Several servers may run it: the second finds the day anchored.

use std::time::Duration;

use chancery_core::access_log::Day;
use chancery_core::names::Timestamp;
use tokio::time::sleep;

use crate::app::App;
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
    sleep(FIRST).await;
    loop {
        match run_once(&app, app.now()).await {
            Ok(days) => tracing::info!(days = days.len(), "finished days of the access log were anchored"),
            Err(fault) => tracing::error!(error = %chain(&fault), "the access log was not anchored"),
        }
        sleep(EVERY).await;
    }
}
