//! Fields of a form that can come once, more often or not at all.

use chancery_core::refusal::Refusal;
use serde::Deserialize;

/// What fields of one name say.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub(in crate::http::ui) struct Several(pub(in crate::http::ui) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Several {
    fn from(fields: OneOrMany) -> Self {
        match fields {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

/// The revision that a page was made from, as its form carries it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::http::ui) struct Revision(pub(in crate::http::ui) u64);

impl TryFrom<String> for Revision {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| Refusal::invalid("revision", "revision must be the number that the page gave"))
    }
}

/// The words of a text, between commas.
pub(in crate::http::ui) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty())
}
