//! Tags of models and versions: mutable, and every change is recorded (ENT-11).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record, want_record};
use crate::entry::{Draft, Entry, Payload, Subject};
use crate::names::{Digest, MAX_TAG_VALUE_CHARACTERS, ModelId, TagKey, VersionNumber, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::{Key, Missing, Row, Rows, ToValue};
use crate::tables::{ModelRow, PayloadRow, TagRow, VersionRow, WHOLE_MODEL};
use crate::{model, version};

/// Longest text that an entry holds, in bytes of its JSON; a longer value of a tag is a payload.
pub const MAX_ENTRY_VALUE_BYTES: usize = 30_000;
/// Most tags that one command sets.
pub const MAX_TAGS: usize = 1_000;

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
        /// Value, unless it is a payload.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
        /// Digest of the value, which is a payload because it is long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value_digest: Option<Digest>,
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

/// Checks the value of a tag.
///
/// # Errors
/// `too_large` over [`MAX_TAG_VALUE_CHARACTERS`], `invalid_field` with a NUL.
pub fn check_value(value: &str) -> Result<(), Refusal> {
    let count = value.chars().count();
    if count > MAX_TAG_VALUE_CHARACTERS {
        return Err(Refusal::new(Code::TooLarge, &format!("value has {count} characters; at most {MAX_TAG_VALUE_CHARACTERS} are accepted"))
            .field("value")
            .remedy("add the content as evidence"));
    }
    check_text("value", value, usize::MAX)
}

/// The entry that sets a tag.
fn setting(subject: Subject, key: &TagKey, value: &str) -> Result<Draft, Refusal> {
    if fits_an_entry(value) {
        return Ok(Draft::new(subject, Event::Set { key: key.clone(), value: Some(value.to_owned()), value_digest: None }));
    }
    let payload = Payload::new("value", value.as_bytes().to_vec())?;
    Ok(Draft::new(subject, Event::Set { key: key.clone(), value: None, value_digest: Some(payload.digest) }).payload(payload))
}

/// Whether a value fits into an entry, with the escapes of JSON: a control character has six bytes there.
fn fits_an_entry(value: &str) -> bool {
    value.len() <= MAX_ENTRY_VALUE_BYTES / 6 || serde_json::to_string(value).is_ok_and(|json| json.len() <= MAX_ENTRY_VALUE_BYTES)
}

/// The entries that set the first tags of a model or version; of a key that appears twice the last value counts.
///
/// # Errors
/// `too_large` for more than [`MAX_TAGS`], and what [`check_value`] refuses.
pub(crate) fn drafts(subject: &Subject, tags: &[(TagKey, String)]) -> Result<Vec<Draft>, Refusal> {
    if tags.len() > MAX_TAGS {
        return Err(Refusal::new(Code::TooLarge, &format!("there are {} tags; at most {MAX_TAGS} are accepted at once", tags.len())).field("tags"));
    }
    let last: BTreeMap<&TagKey, &String> = tags.iter().map(|(key, value)| (key, value)).collect();
    last.into_iter()
        .map(|(key, value)| {
            check_value(value)?;
            setting(subject.clone(), key, value)
        })
        .collect()
}

/// Decides a command on a tag.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Set { model, number, key, value } => {
            check_value(value)?;
            check_subject(rows, model, *number)?;
            Ok(vec![setting(subject(model, *number), key, value)?])
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
        Subject::Registry
        | Subject::Promotion(_)
        | Subject::Actor(_)
        | Subject::Token(_)
        | Subject::Exception(_)
        | Subject::Risk(_)
        | Subject::Review(_)
        | Subject::Bundle(_)
        | Subject::Template(_)
        | Subject::Team(_)
        | Subject::AccessPolicy(_) => return Ok(()),
    };
    match event {
        Event::Set { key, value, value_digest } => {
            let value = match (value, value_digest) {
                (Some(value), _) => value.clone(),
                (None, Some(digest)) => text(rows, digest)?,
                (None, None) => String::new(),
            };
            rows.put(&TagRow { model_id: model.clone(), number, key: key.clone(), value: value.clone(), revision: entry.index });
            record(rows, entry, &entry.subject, &format!("tag:{key}"), Some(&value))?;
        }
        Event::Deleted { key } => {
            rows.remove::<TagRow>(&[model, &number, key]);
            record(rows, entry, &entry.subject, &format!("tag:{key}"), None)?;
        }
    }
    version::touch_subject(rows, entry)
}

/// A value that was stored with its entry.
fn text(rows: &mut Rows, digest: &Digest) -> Result<String, Missing> {
    let payload = rows.get::<PayloadRow>(&[digest])?;
    Ok(payload.and_then(|row| String::from_utf8(row.bytes).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
