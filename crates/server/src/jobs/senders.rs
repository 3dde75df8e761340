//! Forgets, once an hour, who sent which bytes a week ago or earlier. Several servers may run it: what the other one forgot is gone.

use std::time::Duration;

use chancery_core::wording::counted;
use tokio::time::sleep;

use crate::app::App;
use crate::app::timetable::{Job, Outcome};
use crate::fault::chain;

/// How long after its start a server does it first.
const FIRST: Duration = Duration::from_secs(2 * 60);
/// How often.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs until it is aborted.
pub async fn run(app: App) {
    let next = |after: Duration| app.timetable().comes(Job::Senders, app.now().plus_seconds(after.as_secs() as i64));
    next(FIRST);
    sleep(FIRST).await;
    loop {
        let outcome = match app.forget_senders(app.now()).await {
            Ok(rows) => {
                tracing::info!(rows, "what was known of who sent bytes long ago is forgotten");
                Outcome::Done(format!("{} forgotten", counted(rows, "sender", "senders")))
            }
            Err(fault) => {
                tracing::error!(error = %chain(&fault), "who sent bytes long ago was not forgotten");
                Outcome::Failed
            }
        };
        app.timetable().ran(Job::Senders, app.now(), outcome);
        next(EVERY);
        sleep(EVERY).await;
    }
}
