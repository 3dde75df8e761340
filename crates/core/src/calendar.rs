//! The calendar of reviews.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry};
use crate::rows::{Missing, Rows};

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {}

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
pub fn apply(_rows: &mut Rows, _entry: &Entry, event: &Event) -> Result<(), Missing> {
    match *event {}
}
