//! What several pages about models show: a line of a history, a choice of a form, text that may be long.

use chancery_core::names::{self, ModelName};
use chancery_core::refusal::Refusal;

use crate::http::api::history::HistoryView;
use crate::sentence::sentence;

/// Most characters of foreign text in the middle of a page; the whole is behind a fold or in the JSON.
const MAX_TEXT: usize = 300;

/// A name in a path. A malformed one is a page that says so, like every other refusal.
///
/// # Errors
/// `not_found`: no model has such a name.
pub(super) fn model_name(text: &str) -> Result<ModelName, Refusal> {
    ModelName::parse(text).map_err(|_| Refusal::not_found("model", &names::clipped(text)))
}

/// The beginning of a text.
pub(super) fn beginning(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_TEXT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A value that a form offers.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) words: String,
    pub(super) chosen: bool,
}

/// Choices of a form.
pub(super) fn choices<'a>(offered: impl Iterator<Item = (&'a str, String)>, chosen: &str) -> Vec<Choice> {
    offered.map(|(value, words)| Choice { value: value.to_owned(), words, chosen: value == chosen }).collect()
}

/// An entry of a history.
#[derive(Clone)]
pub(super) struct LogLine {
    pub(super) index: u64,
    pub(super) at: String,
    pub(super) words: String,
    /// `no` for what was refused, `key` for what moved the record.
    pub(super) class: &'static str,
}

impl From<&HistoryView> for LogLine {
    fn from(view: &HistoryView) -> Self {
        let words = serde_json::to_value(view).map(|value| sentence(&value)).unwrap_or_default();
        let class = match view.kind.as_str() {
            "refused" | "promotion.rejected" | "exception.refused" => "no",
            "version.transitioned" | "promotion.executed" | "decision.recorded" => "key",
            _ => "",
        };
        Self { index: view.index, at: view.at.clone(), words: beginning(&words), class }
    }
}
