//! Versions that a version comes from or is made of, and that the caller may not read. Views say that something is there
//! (`{"readable": false}`), and nothing of it: no name, digest, tier or team.
//!
//! What comes *from* a version and may not be read is not shown and not counted: it is no part of the version that is read.

use serde::Serialize;
use serde_json::{Value, json};

use chancery_core::names::ModelId;
use chancery_core::rows::{Key, Row};
use chancery_core::tables::{ModelRow, VersionRow};

use super::{MAX_EDGES, MAX_VERSIONS, UP};
use crate::app::AppError;
use crate::app::view::column;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// What stands in a text where something was left out.
const NOT_READABLE: &str = "[not readable]";

/// What tells of the versions behind one that the caller may not read: their ids, digests, names and references.
#[derive(Debug, Default)]
pub struct Unreadable {
    words: Vec<String>,
}

/// A view, whole or without what it says of others.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Shown<T> {
    /// As it is.
    Whole(T),
    /// With `{"readable": false}` in some places.
    Part(Value),
}

impl Unreadable {
    /// What is behind a version, as far as the snapshot does not show it.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn behind(snapshot: &Snapshot, version: &VersionRow) -> Result<Self, AppError> {
        if !snapshot.is_limited() {
            return Ok(Self::default());
        }
        let everything = snapshot.everything();
        let mut parameters = values![version.model_id, version.number, MAX_VERSIONS + 2];
        let versions = format!(
            "{UP} SELECT bounded.model_id, models.name, versions.number, versions.version_digest FROM bounded
            JOIN models ON models.model_id = bounded.model_id JOIN versions ON versions.model_id = bounded.model_id AND versions.number = bounded.number"
        );
        let mut found: Vec<(ModelId, Vec<String>)> = Vec::new();
        for row in everything.query(&versions, &parameters).await? {
            let (model, name, number): (ModelId, String, u64) = (column(&row, 0)?, column(&row, 1)?, column(&row, 2)?);
            found.push((model, vec![format!("{name}/{number}"), column(&row, 3)?]));
        }
        parameters.extend(values![MAX_EDGES]);
        let references = format!(
            "{UP} SELECT lineage.to_model, lineage.name FROM bounded JOIN lineage ON lineage.model_id = bounded.model_id AND lineage.number = bounded.number
            WHERE lineage.to_model IS NOT NULL LIMIT $4"
        );
        for row in everything.query(&references, &parameters).await? {
            found.push((column(&row, 0)?, vec![column(&row, 1)?]));
        }
        let mut models: Vec<ModelId> = found.iter().map(|(model, _)| model.clone()).collect();
        models.sort();
        models.dedup();
        let keys = models.iter().map(|model| Key { table: ModelRow::TABLE, values: values![*model] }).collect();
        let hidden: Vec<ModelId> =
            models.iter().zip(snapshot.load(keys).await?).filter(|(_, (_, row))| row.is_none()).map(|(model, _)| model.clone()).collect();
        let mut words: Vec<String> = hidden.iter().map(ToString::to_string).collect();
        words.extend(found.into_iter().filter(|(model, _)| hidden.contains(model)).flat_map(|(_, words)| words));
        words.retain(|word| !word.is_empty());
        // The longest first, so that no part of a word stays.
        words.sort_by_key(|word| (std::cmp::Reverse(word.len()), word.clone()));
        words.dedup();
        Ok(Self { words })
    }

    /// What is behind either of two versions.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.words.extend(other.words);
        self.words.sort_by_key(|word| (std::cmp::Reverse(word.len()), word.clone()));
        self.words.dedup();
        self
    }

    /// Whether all of it may be read.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A view without what it says of them.
    ///
    /// # Errors
    /// A fault when the view cannot be written, which would be a defect.
    pub fn shown<T: Serialize>(&self, view: T) -> Result<Shown<T>, AppError> {
        if self.words.is_empty() {
            return Ok(Shown::Whole(view));
        }
        let mut value = serde_json::to_value(view).map_err(|error| Fault::database("write a view", error))?;
        self.leave_out(&mut value);
        Ok(Shown::Part(value))
    }

    /// A text without what names one of them.
    pub fn text(&self, text: &mut String) {
        if !self.words.is_empty() {
            *text = self.without(text);
        }
    }

    /// A document without what it says of them.
    pub fn document(&self, value: &mut Value) {
        if self.words.iter().any(|word| value.as_str() == Some(word)) {
            *value = NOT_READABLE.into();
        }
        self.leave_out(value);
    }

    /// Replaces elements of lists that are about one of them, and what names one in a text.
    fn leave_out(&self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => *text = self.without(text),
            Value::Object(members) => members.values_mut().for_each(|member| self.leave_out(member)),
            Value::Array(items) => {
                for item in items {
                    if self.is_about(item) {
                        *item = match item.get("role").and_then(Value::as_str) {
                            Some(role) => json!({"readable": false, "role": role}),
                            None => json!({"readable": false}),
                        };
                    } else {
                        self.leave_out(item);
                    }
                }
            }
        }
    }

    /// Whether an element of a list is one of them: it is its reference, or has its id, digest or reference as a member.
    fn is_about(&self, item: &Value) -> bool {
        let word = |value: &Value| value.as_str().is_some_and(|text| self.words.iter().any(|word| word == text) || self.is_composite(text));
        match item {
            Value::String(_) => word(item),
            Value::Object(members) => members.iter().any(|(name, member)| ["reference", "model", "version_digest"].contains(&name.as_str()) && word(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
        }
    }

    fn is_composite(&self, text: &str) -> bool {
        text.starts_with("chancery:") && self.without(text) != text
    }

    fn without(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, word| replaced(&text, word))
    }
}

/// The access classes of the models of a version and of everything behind it, each once.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn classes_behind(snapshot: &Snapshot, version: &VersionRow) -> Result<Vec<String>, AppError> {
    let sql = format!("{UP} SELECT DISTINCT models.access_class FROM bounded JOIN models ON models.model_id = bounded.model_id");
    let rows = snapshot.everything().query(&sql, &values![version.model_id, version.number, MAX_VERSIONS + 2]).await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// The text without a word, where that stands for itself: `a/1` is not in `data/12`.
fn replaced(text: &str, word: &str) -> String {
    let joins = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(word) {
        let stands_alone = !before.ends_with(joins) && !after.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        done.push_str(before);
        done.push_str(if stands_alone { NOT_READABLE } else { word });
        rest = after;
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(words: &[&str]) -> Unreadable {
        Unreadable { words: words.iter().map(|word| (*word).to_owned()).collect() }
    }

    #[test]
    fn what_may_not_be_read_is_left_out_of_a_view() {
        let digest = "a".repeat(64);
        let hidden = unreadable(&[&digest, "base/1"]);
        let view = json!({
            "parents": [{"reference": "base/1", "digest": digest}, "base/1", {"reference": "other/1"}],
            "components": [{"role": "scorer", "name": "base", "tier": "high", "version_digest": digest}, {"role": "prompt", "name": "greeting"}],
            "findings": [{"rule": "components.approved", "message": "scorer base/1 is draft"}],
            "files": [{"path": "database/1"}, {"path": "base/12"}],
        });
        let Shown::Part(shown) = hidden.shown(view).unwrap() else { panic!("it is whole") };
        assert_eq!(
            shown,
            json!({
                "parents": [{"readable": false}, {"readable": false}, {"reference": "other/1"}],
                "components": [{"readable": false, "role": "scorer"}, {"role": "prompt", "name": "greeting"}],
                "findings": [{"rule": "components.approved", "message": "scorer [not readable] is draft"}],
                "files": [{"path": "database/1"}, {"path": "base/12"}],
            })
        );
    }

    #[test]
    fn a_view_stays_whole_when_all_may_be_read() {
        assert!(matches!(unreadable(&[]).shown(json!({"reference": "base/1"})).unwrap(), Shown::Whole(_)));
    }
}
