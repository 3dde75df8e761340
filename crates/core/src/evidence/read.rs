//! Which reader a document gets: one line for each type of evidence.

use super::EvidenceType;
use super::format::{model_signature, plain, provenance, sbom, scan, vex, vulnerability};
use super::reading::Reading;
use crate::refusal::{Code, Refusal};

/// Largest document of a type that people write, in bytes.
pub const MAX_WRITTEN_BYTES: u64 = 1024 * 1024;
/// Largest document of a type that tools write, in bytes.
pub const MAX_TOOL_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a document of this type; `None` for one that is kept and not read.
///
/// # Errors
/// `invalid_field` that names the member of a malformed document, `too_large` above [`limit`].
pub fn read(evidence_type: EvidenceType, bytes: &[u8]) -> Result<Option<Reading>, Refusal> {
    check_size(evidence_type, bytes.len() as u64)?;
    match evidence_type {
        EvidenceType::Evaluation => plain::read(bytes),
        EvidenceType::Sbom => sbom::read(bytes).map(Some),
        EvidenceType::Provenance => provenance::read(bytes).map(Some),
        EvidenceType::ArtifactScan => scan::read(bytes).map(Some),
        EvidenceType::VulnerabilityReport => vulnerability::read(bytes).map(Some),
        EvidenceType::Vex => vex::read(bytes).map(Some),
        EvidenceType::Signature => model_signature::read(bytes).map(Some),
        EvidenceType::ModelCard => plain::read(bytes),
        EvidenceType::Datasheet => plain::read(bytes),
        EvidenceType::Explainability => plain::read(bytes),
        EvidenceType::RiskAssessment => plain::read(bytes),
        EvidenceType::Review => plain::read(bytes),
        EvidenceType::Reproducibility => plain::read(bytes),
        EvidenceType::Plan => plain::read(bytes),
        EvidenceType::ChangeSummary => plain::read(bytes),
        EvidenceType::DriftReport | EvidenceType::Addendum | EvidenceType::Other => plain::read(bytes),
    }
}

/// Largest document of this type that is read, in bytes; `None` when a larger one is kept and not read.
pub fn limit(evidence_type: EvidenceType) -> Option<u64> {
    match evidence_type {
        EvidenceType::Evaluation
        | EvidenceType::Sbom
        | EvidenceType::Provenance
        | EvidenceType::ArtifactScan
        | EvidenceType::VulnerabilityReport
        | EvidenceType::Vex
        | EvidenceType::Signature => Some(MAX_TOOL_BYTES),
        EvidenceType::ModelCard
        | EvidenceType::Datasheet
        | EvidenceType::Explainability
        | EvidenceType::RiskAssessment
        | EvidenceType::Review
        | EvidenceType::Reproducibility
        | EvidenceType::Plan
        | EvidenceType::ChangeSummary => Some(MAX_WRITTEN_BYTES),
        EvidenceType::DriftReport | EvidenceType::Addendum | EvidenceType::Other => None,
    }
}

/// Refuses a document that is too large for its reader, before its bytes are fetched.
///
/// # Errors
/// `too_large`.
pub fn check_size(evidence_type: EvidenceType, size: u64) -> Result<(), Refusal> {
    match limit(evidence_type) {
        Some(limit) if size > limit => {
            Err(Refusal::new(Code::TooLarge, &format!("the document has {size} bytes; of type {evidence_type} at most {limit} are read"))
                .field("document")
                .remedy("split it, or attach the whole as type `other` beside a shorter one"))
        }
        Some(_) | None => Ok(()),
    }
}
