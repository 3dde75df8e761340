//! Reading the ledger backwards: the newest entries that a reader asks for, and what stands before and after one.
//!
//! INVARIANT: who may not read whole entries is shown those about models and what belongs to them, which is what histories show. Entries
//! about people, tokens and settings need the right to read entries.

use std::collections::BTreeSet;

use chancery_core::entry::{Door, Subject};
use chancery_core::names::{ActorId, ModelId, Timestamp};
use chancery_core::tables::{EntryRow, ModelRow};
use serde::Deserialize;
use serde_json::Value;

use super::AppError;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Entries that are read at once while something is looked for, and at most for one page.
const BATCH: usize = 500;
const MOST_LOOKED_AT: usize = 4_000;
/// Kinds of subjects that belong to a model, or may: the sight of a snapshot decides about each.
const OF_MODELS: [&str; 5] = ["model/", "promotion/", "exception/", "risk/", "review/"];

/// One entry as it is shown: its own members, without the types of each event.
#[derive(Clone, Debug, Deserialize)]
pub struct Shown {
    /// Position in the ledger.
    pub index: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: ActorId,
    /// Through which surface.
    pub door: Door,
    /// What happened.
    pub kind: String,
    /// About what.
    pub subject: Subject,
    /// The details.
    pub data: Value,
    /// The token of the pipeline run that did it.
    pub run: Option<String>,
}

impl Shown {
    /// Of a stored entry.
    ///
    /// # Errors
    /// A fault: the ledger was altered or belongs to a newer program.
    pub fn of(row: &EntryRow) -> Result<Self, AppError> {
        serde_json::from_slice(&row.bytes).map_err(|error| Fault::database(format!("read entry {}", row.entry_index), error).into())
    }
}

/// What a filter looks at in an entry before the rest is read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    actor: std::borrow::Cow<'a, str>,
    door: Door,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
}

/// Which subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// All that the reader may see.
    Anything,
    /// This subject, and for a model its versions: subjects from the first text to before the second.
    Range(String, String),
    /// None: the filter names something that is not there.
    Nothing,
}

impl About {
    /// A subject; a model with its versions.
    pub fn subject(subject: &Subject) -> Self {
        let from = subject.to_string();
        // `0` follows `/`, so the range of a model holds its versions; a space is before every digit, so another holds itself alone.
        let end = if matches!(subject, Subject::Model(_)) { format!("{from}0") } else { format!("{from} ") };
        Self::Range(from, end)
    }
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// About what.
    pub about: About,
    /// A kind such as `version.registered`, or what it begins with, such as `version`.
    pub kind: Option<String>,
    /// Attempts that were refused only.
    pub refusals: bool,
    /// Who.
    pub actor: Option<ActorId>,
    /// Through which surface.
    pub door: Option<Door>,
    /// The first entry that counts.
    pub from: u64,
    /// The entry before which it ends.
    pub before: u64,
    /// Whether the reader may read whole entries.
    pub whole: bool,
}

/// What was found, newest first.
#[derive(Debug)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Shown>,
    /// The entry before which the next page begins; none at the end.
    pub next: Option<u64>,
}

impl Ask {
    fn wants_any_kind(&self) -> bool {
        self.kind.is_none() && !self.refusals && self.actor.is_none() && self.door.is_none()
    }

    fn wants_all(&self) -> bool {
        self.whole && self.wants_any_kind()
    }

    fn wants(&self, row: &EntryRow) -> bool {
        if !self.whole && !may_read(&row.subject) {
            return false;
        }
        if self.wants_any_kind() {
            return true;
        }
        let Ok(head) = serde_json::from_slice::<Head<'_>>(&row.bytes) else { return false };
        let of_kind = |kind: &String| head.kind == *kind || head.kind.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.kind.as_ref().is_none_or(of_kind)
            && (!self.refusals || is_refusal(&head.kind))
            && self.actor.as_ref().is_none_or(|actor| actor.as_str() == head.actor)
            && self.door.is_none_or(|door| door == head.door)
    }
}

/// Whether a kind says that something was refused.
pub fn is_refusal(kind: &str) -> bool {
    matches!(kind, "refused" | "refusals.suppressed")
}

/// Whether who may read models, but not whole entries, is shown entries with this subject.
pub fn may_read(subject: &str) -> bool {
    OF_MODELS.iter().any(|kind| subject.starts_with(kind))
}

/// The details of an entry without the ids of models that the reader may not read: an entry about something of several models names them all.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn masked(snapshot: &Snapshot, mut data: Value) -> Result<Value, AppError> {
    if snapshot.is_limited() {
        let mut models = BTreeSet::new();
        for_each_text(&mut data, &mut |text| models.extend(ModelId::parse(text)));
        let mut hidden = BTreeSet::new();
        for model in models {
            if snapshot.get::<ModelRow>(values![model]).await?.is_none() {
                hidden.insert(model.to_string());
            }
        }
        for_each_text(&mut data, &mut |text| {
            if hidden.contains(text.as_str()) {
                *text = "a record that you may not read".to_owned();
            }
        });
    }
    Ok(data)
}

/// Visits every text of JSON. The depth of what an entry holds is bounded where it comes in.
fn for_each_text(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| for_each_text(item, visit)),
        Value::Object(members) => members.values_mut().for_each(|member| for_each_text(member, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The newest entries that are asked for, at most `limit`. A page may be short and still have a next one.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn newest(snapshot: &Snapshot, ask: &Ask, limit: usize) -> Result<Found, AppError> {
    let (mut before, mut looked_at, mut entries) = (ask.before, 0, Vec::new());
    while looked_at < MOST_LOOKED_AT {
        // Where every entry is wanted, no more are read than are shown.
        let size = if ask.wants_all() { limit + 1 } else { BATCH };
        let rows = batch(snapshot, ask, before, size).await?;
        let end = rows.len() < size;
        looked_at += rows.len();
        for row in &rows {
            if ask.wants(row) {
                if entries.len() == limit {
                    return Ok(Found { entries, next: Some(before) });
                }
                entries.push(Shown::of(row)?);
            }
            before = row.entry_index;
        }
        if end {
            return Ok(Found { entries, next: None });
        }
    }
    Ok(Found { entries, next: Some(before) })
}

async fn batch(snapshot: &Snapshot, ask: &Ask, before: u64, size: usize) -> Result<Vec<EntryRow>, AppError> {
    let rows = match &ask.about {
        About::Nothing => Vec::new(),
        About::Anything => {
            let tail = "WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index DESC LIMIT $3";
            snapshot.rows(tail, &values![ask.from, before, size as u64]).await?
        }
        About::Range(from, end) => {
            let tail = "WHERE subject >= $1 AND subject < $2 AND entry_index >= $3 AND entry_index < $4 ORDER BY entry_index DESC LIMIT $5";
            snapshot.rows(tail, &values![*from, *end, ask.from, before, size as u64]).await?
        }
    };
    Ok(rows)
}

/// The entries of a subject before and after one.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn neighbours(snapshot: &Snapshot, subject: &Subject, index: u64) -> Result<(Option<u64>, Option<u64>), AppError> {
    let before = "WHERE subject = $1 AND entry_index < $2 ORDER BY entry_index DESC LIMIT 1";
    let after = "WHERE subject = $1 AND entry_index > $2 ORDER BY entry_index LIMIT 1";
    let parameters = values![subject.to_string(), index];
    let previous = snapshot.rows::<EntryRow>(before, &parameters).await?;
    let next = snapshot.rows::<EntryRow>(after, &parameters).await?;
    let first = |rows: Vec<EntryRow>| rows.first().map(|row| row.entry_index);
    Ok((first(previous), first(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask { about: About::Anything, kind: None, refusals: false, actor: None, door: None, from: 0, before: 10, whole: true }
    }

    fn row(subject: &str, kind: &str) -> EntryRow {
        let bytes = format!(
            r#"{{"actor":"anonymous","at":"2026-05-03T12:00:00Z","data":{{"kind":"x"}},"door":"pages","index":1,"kind":"{kind}","subject":"{subject}","v":1}}"#
        );
        EntryRow { entry_index: 1, bytes: bytes.into_bytes(), leaf_hash: Vec::new(), subject: subject.to_owned(), request: None }
    }

    #[test]
    fn a_filter_takes_a_kind_or_its_family() {
        let entry = row("registry", "version.registered");
        for (kind, expected) in [("version.registered", true), ("version", true), ("vers", false), ("version.registered.x", false), ("x", false)] {
            assert_eq!(Ask { kind: Some(kind.to_owned()), ..ask() }.wants(&entry), expected, "{kind}");
        }
        assert!(Ask { door: Some(Door::Pages), ..ask() }.wants(&entry) && !Ask { door: Some(Door::Api), ..ask() }.wants(&entry));
        assert!(!Ask { refusals: true, ..ask() }.wants(&entry) && Ask { refusals: true, ..ask() }.wants(&row("registry", "refused")));
    }

    #[test]
    fn who_may_not_read_entries_is_shown_those_about_models() {
        let reader = Ask { whole: false, ..ask() };
        for (subject, expected) in
            [("model/m1", true), ("promotion/p1", true), ("actor/u1", false), ("token/t1", false), ("registry", false), ("models", false)]
        {
            assert_eq!(reader.wants(&row(subject, "refused")), expected, "{subject}");
        }
    }
}
