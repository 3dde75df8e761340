//! Tags of models and versions: mutable, and every change is recorded (ENT-11).

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record, want_record};
use crate::entry::{Draft, Entry, Subject};
use crate::names::{MAX_TAG_VALUE_BYTES, ModelId, TagKey, VersionNumber, check_text};
use crate::refusal::Refusal;
use crate::rows::{Key, Missing, Row, Rows, ToValue};
use crate::tables::{ModelRow, TagRow, VersionRow, WHOLE_MODEL};
use crate::{model, version};

/// Longest value that fits into an entry; longer ones belong into evidence.
pub const MAX_ENTRY_VALUE_BYTES: usize = 30_000;

/// Commands on tags. `number` is absent for a tag of the model itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Sets or replaces a tag.
    Set {
        /// Model.
        model: ModelId,
        /// Version.
        number: Option<VersionNumber>,
        /// Key.
        key: TagKey,
        /// Value.
        value: String,
    },
    /// Removes a tag.
    Delete {
        /// Model.
        model: ModelId,
        /// Version.
        number: Option<VersionNumber>,
        /// Key.
        key: TagKey,
    },
}

/// What happened to a tag; the subject is the model or the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A tag was set.
    #[serde(rename = "tag.set")]
    Set {
        /// Key.
        key: TagKey,
        /// Value.
        value: String,
    },
    /// A tag was removed.
    #[serde(rename = "tag.deleted")]
    Deleted {
        /// Key.
        key: TagKey,
    },
}

fn subject(model: &ModelId, number: Option<VersionNumber>) -> Subject {
    match number {
        Some(number) => Subject::Version(model.clone(), number),
        None => Subject::Model(model.clone()),
    }
}

fn check_subject(rows: &mut Rows, model: &ModelId, number: Option<VersionNumber>) -> Result<(), Stop> {
    match number {
        Some(number) => version::existing(rows, model, number).map(drop),
        None => model::existing(rows, model).map(drop),
    }
}

/// Asks for the rows that a command on a tag needs.
pub(crate) fn want(rows: &mut Rows, command: &Command) {
    let (Command::Set { model, number, key, .. } | Command::Delete { model, number, key }) = command;
    let key_of = match number {
        Some(number) => Key { table: VersionRow::TABLE, values: vec![model.value(), number.value()] },
        None => Key { table: ModelRow::TABLE, values: vec![model.value()] },
    };
    rows.want(&key_of);
    want_record(rows, &subject(model, *number), &format!("tag:{key}"));
}

/// Decides a command on a tag.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Set { model, number, key, value } => {
            check_text("value", value, MAX_TAG_VALUE_BYTES.min(MAX_ENTRY_VALUE_BYTES))?;
            check_subject(rows, model, *number)?;
            Ok(vec![Draft::new(subject(model, *number), Event::Set { key: key.clone(), value: value.clone() })])
        }
        Command::Delete { model, number, key } => {
            check_subject(rows, model, *number)?;
            let stored = number.map_or(WHOLE_MODEL, VersionNumber::get);
            if rows.get::<TagRow>(&[model, &stored, key])?.is_none() {
                return Err(Refusal::not_found("tag", key.as_str()).into());
            }
            Ok(vec![Draft::new(subject(model, *number), Event::Deleted { key: key.clone() })])
        }
    }
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let (model, number) = match &entry.subject {
        Subject::Model(model) => (model, WHOLE_MODEL),
        Subject::Version(model, number) => (model, number.get()),
        Subject::Registry | Subject::Promotion(_) | Subject::Actor(_) | Subject::Token(_) => return Ok(()),
    };
    match event {
        Event::Set { key, value } => {
            rows.put(&TagRow { model_id: model.clone(), number, key: key.clone(), value: value.clone(), revision: entry.index });
            record(rows, entry, &entry.subject, &format!("tag:{key}"), Some(value))?;
        }
        Event::Deleted { key } => {
            rows.remove::<TagRow>(&[model, &number, key]);
            record(rows, entry, &entry.subject, &format!("tag:{key}"), None)?;
        }
    }
    version::touch_subject(rows, entry)
}

#[cfg(test)]
mod tests;
