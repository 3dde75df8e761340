//! One entry: what it says in words, its members, its stored bytes, and the block with which a browser checks it.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{ActorId, Digest, Timestamp};
use chancery_core::refusal::Refusal;
use chancery_core::rows::{Key, Row};
use chancery_core::tables::{EntryRow, PrivateRow};
use serde_json::Value;

use super::super::filters;
use super::super::frame::{Area, Frame, query_path};
use super::super::layout::{Link, page};
use super::super::open;
use super::super::session::{PageError, Path, Shown};
use super::names::Names;
use super::{door, strftime};
use crate::app::AppError;
use crate::app::entries;
use crate::http::caller;
use crate::ledger::newest_checkpoint;
use crate::sentence::words::{Said, said};
use crate::store::Snapshot;
use crate::values;

/// Characters of a value, and of the stored bytes, that the page shows; the whole is in the file.
const VALUE_SHOWN: usize = 2_000;
const BYTES_SHOWN: usize = 8_000;
/// Members of the data that are shown one by one.
const MEMBERS_SHOWN: usize = 60;

#[derive(Template)]
#[template(path = "ledger-entry.html")]
struct OneEntry {
    frame: Frame,
    entry: entries::Shown,
    said: Said,
    subject: Link,
    /// The entries about the same.
    about: String,
    who: String,
    by: String,
    door: &'static str,
    time: String,
    members: Vec<Member>,
    /// Whether a gate stands behind it, which can be evaluated again.
    gate: bool,
    whole: bool,
    bytes: String,
    size: usize,
    cut: bool,
    previous: Option<u64>,
    following: Option<u64>,
    /// Size of the newest checkpoint; none before the first.
    covered: Option<u64>,
}

/// A member of the data.
struct Member {
    name: String,
    kind: MemberKind,
    text: String,
    /// Where the document is that a digest names.
    path: Option<String>,
}

/// How a member is shown.
enum MemberKind {
    /// As text.
    Text,
    /// As a moment.
    Time,
    /// As a digest.
    Digest,
    /// As what a person wrote.
    Private,
    /// As what a person wrote and was erased.
    Erased,
    /// As JSON.
    Json,
}

/// `GET /ledger/{index}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(index): Path<u64>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let whole = own.allowed.app.reads_entries(&own.allowed.caller);
    let frame = own.frame(&snapshot, Area::Ledger, &format!("Entry {index}")).await?.under("/ledger", "Ledger").present_only();
    // An entry that may not be read is not told from one that is not there.
    let missing = || Refusal::not_found("entry", &index.to_string()).remedy("it may be one that only an auditor may read");
    let row =
        snapshot.get::<EntryRow>(values![index]).await.map_err(AppError::from)?.filter(|row| whole || entries::may_read(&row.subject)).ok_or_else(missing)?;
    let mut entry = entries::Shown::of(&row)?;
    entry.data = entries::masked(&snapshot, entry.data).await?;
    let (previous, following) = entries::neighbours(&snapshot, &entry.subject, index).await?;
    let covered = newest_checkpoint(&snapshot).await.map_err(AppError::from)?.map(|checkpoint| checkpoint.size).filter(|size| index < *size);
    let names = Names::of(&snapshot, std::slice::from_ref(&entry), &actors(&entry.data)).await?;
    let text = String::from_utf8_lossy(&row.bytes).into_owned();
    let (bytes, cut) = shortened(&text, BYTES_SHOWN);
    let subject = entry.subject.to_string();
    let template = OneEntry {
        said: said(&entry.kind, &entry.data),
        subject: names.subject(&entry.subject),
        about: query_path("/ledger", [("subject", subject.as_str())].into_iter()),
        who: names.actor(&entry.actor),
        by: query_path("/ledger", [("actor", entry.actor.as_str())].into_iter()),
        door: door(&entry),
        time: strftime(entry.at, "%-d %b %Y, %H:%M:%S%.3f UTC"),
        members: members(&snapshot, &entry, &names).await?,
        gate: entry.data.get("verdict").and_then(Value::as_str).is_some_and(|text| Digest::parse(text).is_ok()),
        size: row.bytes.len(),
        frame: if whole { frame.json(format!("/api/v1/ledger/entries/{index}")) } else { frame },
        whole,
        bytes,
        cut,
        previous,
        following,
        covered,
        entry,
    };
    Ok(page(StatusCode::OK, &template))
}

/// The actors that the data name.
fn actors(data: &Value) -> Vec<ActorId> {
    let texts = data.as_object().into_iter().flat_map(|members| members.values()).filter_map(Value::as_str);
    texts.filter_map(|text| ActorId::parse(text).ok()).take(MEMBERS_SHOWN).collect()
}

/// The members of the data, with what people wrote where the vault still has it.
async fn members(snapshot: &Snapshot, entry: &entries::Shown, names: &Names) -> Result<Vec<Member>, AppError> {
    let Some(fields) = entry.data.as_object() else { return Ok(Vec::new()) };
    let private = private(snapshot, &entry.data).await?;
    let shown = fields.iter().take(MEMBERS_SHOWN).map(|(name, value)| {
        let (kind, text) = member(name, value, &private, names);
        Member { name: label(name), kind, path: document(&entry.kind, name, value), text: shortened(&text, VALUE_SHOWN).0 }
    });
    Ok(shown.collect())
}

/// Where the document is that a member names by its digest.
fn document(kind: &str, name: &str, value: &Value) -> Option<String> {
    let digest = value.as_str().and_then(|text| Digest::parse(text).ok())?;
    match (kind, name) {
        ("decision.recorded", "envelope") => Some(open::path(&format!("/api/v1/decisions/{digest}"))),
        ("attestation.issued", "digest") => Some(open::path(&format!("/api/v1/attestations/{digest}"))),
        ("evidence.added", "digest") => Some(format!("/evidence/{digest}")),
        (_, _) => None,
    }
}

/// The name of a member, for people.
fn label(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}", letters.as_str().replace('_', " "))
}

/// Members that name what a person wrote by a salted digest.
fn is_private(name: &str, value: &Value) -> Option<Digest> {
    let text = value.as_str().filter(|_| matches!(name, "reason" | "comment" | "note" | "text"))?;
    Digest::parse(text).ok()
}

async fn private(snapshot: &Snapshot, data: &Value) -> Result<BTreeMap<Digest, String>, AppError> {
    let fields = data.as_object().into_iter().flatten();
    let keys: Vec<Key> =
        fields.filter_map(|(name, value)| is_private(name, value)).map(|digest| Key { table: PrivateRow::TABLE, values: values![digest] }).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = snapshot.load(keys).await?.into_iter().filter_map(|(_, values)| values);
    found.map(|values| PrivateRow::from_values(values).map(|row| (row.digest, row.text)).map_err(AppError::from)).collect()
}

fn member(name: &str, value: &Value, private: &BTreeMap<Digest, String>, names: &Names) -> (MemberKind, String) {
    if let Some(digest) = is_private(name, value) {
        return match private.get(&digest) {
            Some(text) => (MemberKind::Private, text.clone()),
            None => (MemberKind::Erased, digest.to_string()),
        };
    }
    match value {
        Value::String(text) if Timestamp::parse(text).is_ok() => (MemberKind::Time, text.clone()),
        Value::String(text) if Digest::parse(text).is_ok() => (MemberKind::Digest, text.clone()),
        Value::String(text) => (MemberKind::Text, ActorId::parse(text).map_or_else(|_| text.clone(), |id| names.actor(&id))),
        Value::Null => (MemberKind::Text, "none".to_owned()),
        Value::Bool(true) => (MemberKind::Text, "yes".to_owned()),
        Value::Bool(false) => (MemberKind::Text, "no".to_owned()),
        Value::Number(number) => (MemberKind::Text, number.to_string()),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            (MemberKind::Text, if words.is_empty() { "none".to_owned() } else { words.join(", ") })
        }
        Value::Array(_) | Value::Object(_) => (MemberKind::Json, serde_json::to_string_pretty(value).unwrap_or_default()),
    }
}

/// The beginning of a text, and whether it is not the whole.
fn shortened(text: &str, most: usize) -> (String, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (format!("{}…", text.get(..end).unwrap_or_default()), true),
        None => (text.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(shortened("éé", 2), ("éé".to_owned(), false));
        assert_eq!(shortened("ééé", 2), ("éé…".to_owned(), true));
    }

    #[test]
    fn what_people_wrote_is_told_from_other_digests() {
        let digest = Value::from(Digest::of(b"x").to_string());
        assert!(
            is_private("reason", &digest).is_some() && is_private("verdict", &digest).is_none() && is_private("reason", &Value::from("vulnerable")).is_none()
        );
    }
}
