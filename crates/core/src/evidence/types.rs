//! What each type of evidence is, in which formats it is read, and its JSON Schema (2020-12), which lies in `docs/evidence/`.
//!
//! The schema of a type says what the JSON form of our own format must look like; the formats of others have schemas of their own.

use super::EvidenceType;

/// One type of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The type.
    pub evidence_type: EvidenceType,
    /// Formats that are read, as `format` of a document names them.
    pub formats: &'static [&'static str],
    /// JSON Schema of the JSON form.
    pub schema: &'static str,
}

macro_rules! schema {
    ($name:literal) => {
        include_str!(concat!("../../../../docs/evidence/", $name, ".schema.json"))
    };
}

/// Describes a type.
pub fn describe(evidence_type: EvidenceType) -> Described {
    let (formats, schema): (&[&str], &str) = match evidence_type {
        EvidenceType::Evaluation => {
            (&["chancery.evaluation/v1", "mlflow.metrics", "mlflow.table", "lm-evaluation-harness", "huggingface.model-index"], schema!("evaluation"))
        }
        EvidenceType::Sbom => (&["cyclonedx", "spdx"], schema!("sbom")),
        EvidenceType::Provenance => (&["slsa-provenance"], schema!("provenance")),
        EvidenceType::ArtifactScan => (&["chancery.scan/v1", "picklescan", "modelscan"], schema!("artifact-scan")),
        EvidenceType::VulnerabilityReport => (&["grype", "trivy", "osv-scanner"], schema!("vulnerability-report")),
        EvidenceType::Vex => (&["cyclonedx"], schema!("vex")),
        EvidenceType::ModelCard => (&["markdown", "chancery.model-card/v1"], schema!("model-card")),
        EvidenceType::Datasheet => (&["markdown", "chancery.datasheet/v1"], schema!("datasheet")),
        EvidenceType::Explainability => (&["markdown", "chancery.explainability/v1"], schema!("explainability")),
        EvidenceType::RiskAssessment => (&["markdown", "chancery.risk-assessment/v1"], schema!("risk-assessment")),
        EvidenceType::Review => (&["markdown", "chancery.review/v1"], schema!("review")),
        EvidenceType::Signature => (&["oms", "dsse"], schema!("signature")),
        EvidenceType::Reproducibility => (&["markdown", "chancery.reproducibility/v1"], schema!("reproducibility")),
        EvidenceType::DriftReport => (&["json"], schema!("drift-report")),
        EvidenceType::Plan => (&["markdown", "chancery.plan/v1"], schema!("plan")),
        EvidenceType::ChangeSummary => (&["markdown", "chancery.change-summary/v1"], schema!("change-summary")),
        EvidenceType::Addendum => (&["json"], schema!("addendum")),
        EvidenceType::Other => (&["json"], schema!("other")),
    };
    Described { evidence_type, formats, schema }
}

#[cfg(test)]
mod tests;
