//! Model cards and datasheets: which sections say something, the flat front matter, the licence, the metrics of a model-index.
//!
//! Summary: `{title?, sections:[ids], template?, front_matter?:{name: text}, licence?, metrics?}`.

use serde_json::{Map, Value};

use super::super::member::{MAX_NAME, Member, put};
use super::super::reading::Reading;
use super::model_index;
use super::written::Written;
use crate::refusal::Refusal;

/// JSON of a model card.
pub const MODEL_CARD: &str = "chancery.model-card/v1";
/// JSON of a datasheet.
pub const DATASHEET: &str = "chancery.datasheet/v1";
/// Most members of front matter that the summary shows.
const MAX_FLAT: usize = 100;
/// Members that are read by themselves.
const OWN: &[&str] = &["schema", "title", "sections", "template", "subject", "model-index", "license", "licence"];

/// Reads a model card.
///
/// # Errors
/// `invalid_field` that names the member, `too_large`.
pub fn read_model_card(bytes: &[u8]) -> Result<Reading, Refusal> {
    read(bytes, MODEL_CARD)
}

/// Reads a datasheet.
///
/// # Errors
/// As [`read_model_card`].
pub fn read_datasheet(bytes: &[u8]) -> Result<Reading, Refusal> {
    read(bytes, DATASHEET)
}

fn read(bytes: &[u8], schema: &'static str) -> Result<Reading, Refusal> {
    let card = Written::parse(bytes, schema)?;
    let mut summary = Map::new();
    put(&mut summary, "title", card.title()?);
    let licence = card.whole().either(&["licence", "license"]).map(|licence| licence.texts(MAX_NAME)).transpose()?;
    put(&mut summary, "licence", licence.map(|names| names.join(", ")));
    put(&mut summary, "metrics", model_index::of_card(&card.members)?);
    let flat = flat(&card.whole());
    put(&mut summary, "front_matter", (!flat.is_empty()).then_some(flat));
    card.reading(summary, card.claims()?)
}

/// Members that are words or lists of words, as text.
fn flat(whole: &Member<'_>) -> Map<String, Value> {
    let Some(members) = whole.value().as_object() else { return Map::new() };
    let named = members.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    named.filter_map(|(name, value)| Some((name.clone(), Value::from(words(value)?)))).take(MAX_FLAT).collect()
}

fn words(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) if items.len() <= MAX_FLAT && items.iter().all(|item| item.is_string() || item.is_number()) => {
            items.iter().filter_map(words).collect::<Vec<_>>().join(", ")
        }
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (text.chars().count() <= MAX_NAME).then_some(text)
}

#[cfg(test)]
mod tests;
