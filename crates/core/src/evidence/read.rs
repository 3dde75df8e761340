//! Which reader a document gets: one line for each type of evidence.

use super::EvidenceType;
use super::format::{
    card, change_summary, evaluation, explainability, model_signature, plain, plan, provenance, reproducibility, review, risk_assessment, sbom, scan, vex,
    vulnerability,
};
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
        EvidenceType::Evaluation => evaluation::read(bytes).map(Some),
        EvidenceType::Sbom => sbom::read(bytes).map(Some),
        EvidenceType::Provenance => provenance::read(bytes).map(Some),
        EvidenceType::ArtifactScan => scan::read(bytes).map(Some),
        EvidenceType::VulnerabilityReport => vulnerability::read(bytes).map(Some),
        EvidenceType::Vex => vex::read(bytes).map(Some),
        EvidenceType::Signature => model_signature::read(bytes).map(Some),
        EvidenceType::ModelCard => card::read_model_card(bytes).map(Some),
        EvidenceType::Datasheet => card::read_datasheet(bytes).map(Some),
        EvidenceType::Explainability => explainability::read(bytes).map(Some),
        EvidenceType::RiskAssessment => risk_assessment::read(bytes).map(Some),
        EvidenceType::Review => review::read(bytes).map(Some),
        EvidenceType::Reproducibility => reproducibility::read(bytes).map(Some),
        EvidenceType::Plan => plan::read(bytes).map(Some),
        EvidenceType::ChangeSummary => change_summary::read(bytes).map(Some),
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
