//! The documents of a version beside its promotion: which of them are in the evidence set that approvers sign.

use chancery_core::names::Digest;
use chancery_core::tables::{EvidenceRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::gate::evidence_set;

/// Most documents that are shown.
const MOST: usize = 200;
/// How many documents may have come after the set was frozen, and the set still be found.
const MOST_LATER: usize = 200;

/// A document of the version.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentView {
    /// Digest of the document.
    pub digest: String,
    /// Type.
    #[serde(rename = "type")]
    pub evidence_type: String,
    /// File name or title.
    pub title: String,
    /// Source grade.
    pub grade: String,
    /// When it was added (RFC 3339).
    pub at: String,
    /// Entry that added it.
    pub index: u64,
    /// Whether it is in the frozen evidence set.
    pub frozen: bool,
}

/// The newest documents, oldest first.
pub(super) fn of(version: &VersionRow, evidence: &[EvidenceRow], frozen: &Digest) -> Vec<DocumentView> {
    let count = frozen_count(version, evidence, frozen);
    let document = |(position, row): (usize, &EvidenceRow)| DocumentView {
        digest: row.digest.to_string(),
        evidence_type: row.evidence_type.to_string(),
        title: row.title.clone(),
        grade: row.grade.to_string(),
        at: row.at.to_string(),
        index: row.entry_index,
        frozen: position < count,
    };
    evidence.iter().enumerate().skip(evidence.len().saturating_sub(MOST)).map(document).collect()
}

/// How many of the documents, from the oldest on, make the frozen set: evidence is only ever added.
fn frozen_count(version: &VersionRow, evidence: &[EvidenceRow], frozen: &Digest) -> usize {
    let fits = |count: &usize| evidence.get(..*count).is_some_and(|first| evidence_set(version, first) == *frozen);
    (0..=evidence.len()).rev().take(MOST_LATER).find(fits).unwrap_or(0)
}
