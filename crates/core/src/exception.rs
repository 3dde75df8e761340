//! Exceptions: a recorded waiver of one rule for one version, with an expiry. Here they come from rollbacks.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Subject};
use crate::names::{Digest, ExceptionId, Timestamp};
use crate::rows::{Missing, Rows};
use crate::tables::ExceptionRow;
use crate::version;

/// Commands on exceptions.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {}

/// What happened; the subject is the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A rule was waived for a time, and a review is due before it ends.
    #[serde(rename = "exception.granted")]
    Granted {
        /// Identifier.
        id: ExceptionId,
        /// Rule.
        rule: String,
        /// Why, in the vault.
        reason: Digest,
        /// Until when; the review is due by then.
        expires_at: Timestamp,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(_rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match *command {}
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Version(model, number) = &entry.subject else { return Ok(()) };
    let Event::Granted { id, rule, reason, expires_at } = event;
    rows.put(&ExceptionRow {
        exception_id: id.clone(),
        rule: rule.clone(),
        model_id: model.clone(),
        number: *number,
        reason: *reason,
        granted_by: entry.actor.clone(),
        expires_at: *expires_at,
        entry_index: entry.index,
    });
    version::touch_subject(rows, entry)
}
