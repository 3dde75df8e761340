//! Keeps the newest checkpoint over every entry, within a second of each change; and tells of suppressed refusals.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::app::timetable::{Job, Outcome};
use crate::fault::chain;

/// How long the job waits when nobody tells it that the ledger grew (another server may have grown it).
const PATIENCE: Duration = Duration::from_millis(250);
/// The least time between two checkpoints, so that a busy ledger is not slowed by them.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs until the sequencer ends.
pub async fn run(app: App) {
    let mut grown = app.sequencer().grown();
    loop {
        if let Err(fault) = app.record_suppressed().await {
            tracing::error!(error = %chain(&fault), "suppressed refusals could not be recorded");
        }
        let outcome = match app.sign_checkpoint().await {
            Ok(()) => Outcome::Done("every entry is covered".to_owned()),
            Err(fault) => {
                tracing::error!(error = %chain(&fault), "no checkpoint could be signed");
                Outcome::Failed
            }
        };
        app.timetable().ran(Job::Checkpoint, app.now(), outcome);
        sleep(PAUSE).await;
        if let Ok(Err(_)) = timeout(PATIENCE, grown.changed()).await {
            return;
        }
    }
}
