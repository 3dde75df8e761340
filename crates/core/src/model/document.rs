//! Document control of an entry (ENT-15): who wrote and reviewed it, how much depends on it, and when it is looked at again.

use serde::{Deserialize, Deserializer, Serialize};

use super::MAX_LIST_ITEMS;
use crate::names::{Timestamp, check_text};
use crate::refusal::{Code, Refusal};

/// Longest text of one field, in bytes.
const MAX_TEXT_BYTES: usize = 2_000;
/// Longest description of the business context, in bytes.
const MAX_CONTEXT_BYTES: usize = 10_000;

crate::words! {
    /// Where the review of an entry's documentation stands, in the words of who keeps it.
    ReviewStatus, "review_status" {
        /// Being written.
        Draft = "draft",
        /// Being reviewed.
        InReview = "in-review",
        /// Reviewed and found good.
        Approved = "approved",
        /// Reviewed and sent back.
        Rejected = "rejected",
    }
}

crate::words! {
    /// How much depends on the entry.
    Criticality, "criticality" {
        /// Little.
        Low = "low",
        /// A part of the business.
        Medium = "medium",
        /// The business.
        High = "high",
        /// Nothing goes on without it.
        MissionCritical = "mission-critical",
    }
}

crate::words! {
    /// How much an error of it would weigh in what is reported.
    Materiality, "materiality" {
        /// Nobody would notice.
        Low = "low",
        /// It would be noticed.
        Medium = "medium",
        /// It would change decisions of others.
        High = "high",
    }
}

/// Document control of an entry. Names in it are teams, roles or titles of documents, never erasable persons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentControl {
    /// Identifier in a system of documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// Who contributed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<String>,
    /// Who reviewed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    /// Who validated it independently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// Where the review stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_status: Option<ReviewStatus>,
    /// When it must be reviewed again: RFC 3339, or a date, which means its beginning in UTC.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "moment_or_date")]
    pub next_review: Option<Timestamp>,
    /// What it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_context: Option<String>,
    /// Documents that belong to it: titles or addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_documents: Vec<String>,
    /// How much depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<Criticality>,
    /// How much an error weighs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub materiality: Option<Materiality>,
}

impl DocumentControl {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks lengths and counts.
    ///
    /// # Errors
    /// A refusal that names the field over its limit.
    pub fn check(&self) -> Result<(), Refusal> {
        let texts = [("document_id", &self.document_id, MAX_TEXT_BYTES), ("validator", &self.validator, MAX_TEXT_BYTES)];
        for (field, text, limit) in texts.into_iter().chain([("business_context", &self.business_context, MAX_CONTEXT_BYTES)]) {
            check_text(field, text.as_deref().unwrap_or_default(), limit)?;
        }
        let lists = [("contributors", &self.contributors), ("reviewers", &self.reviewers), ("related_documents", &self.related_documents)];
        for (field, list) in lists {
            if list.len() > MAX_LIST_ITEMS {
                return Err(Refusal::new(Code::TooLarge, &format!("{field} has {} items; at most {MAX_LIST_ITEMS} are accepted", list.len())).field(field));
            }
            list.iter().try_for_each(|item| check_text(field, item, MAX_TEXT_BYTES))?;
        }
        Ok(())
    }
}

/// A moment, or a date such as `2026-12-01`.
///
/// # Errors
/// `invalid_field` for anything else.
pub fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let is_date = text.len() == 10 && text.split('-').count() == 3;
    if is_date { Timestamp::parse(&format!("{text}T00:00:00Z")) } else { Timestamp::parse(text) }
}

fn moment_or_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.as_deref().map(moment).transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_beginning() {
        let read = |text: &str| serde_json::from_value::<DocumentControl>(serde_json::json!({"next_review": text})).map(|read| read.next_review);
        let day = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
        assert_eq!(read("2026-12-01").unwrap(), Some(day));
        assert_eq!(read("2026-12-01T00:00:00Z").unwrap(), Some(day));
        for bad in ["tomorrow", "2026-13-01", "2026-12-1", "01-12-2026", ""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_field_has_a_limit() {
        let long = || Some("x".repeat(MAX_CONTEXT_BYTES + 1));
        let many = || vec!["x".to_owned(); MAX_LIST_ITEMS + 1];
        for (field, control) in [
            ("document_id", DocumentControl { document_id: long(), ..DocumentControl::default() }),
            ("validator", DocumentControl { validator: long(), ..DocumentControl::default() }),
            ("business_context", DocumentControl { business_context: long(), ..DocumentControl::default() }),
            ("contributors", DocumentControl { contributors: many(), ..DocumentControl::default() }),
            ("reviewers", DocumentControl { reviewers: many(), ..DocumentControl::default() }),
            ("related_documents", DocumentControl { related_documents: vec!["x".repeat(MAX_TEXT_BYTES + 1)], ..DocumentControl::default() }),
        ] {
            let refusal = control.check().unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TooLarge, Some(field)));
        }
        assert!(DocumentControl::default().is_empty());
    }
}
