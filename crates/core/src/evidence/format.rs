//! The formats that documents come in, one file each. Every reader is `read(bytes) -> Result<Reading, Refusal>` and pure.

pub mod card;
pub mod change_summary;
pub mod cvss;
pub mod evaluation;
pub mod explainability;
mod harness;
mod measures;
pub mod member;
mod mlflow;
mod model_index;
pub mod model_signature;
pub mod plain;
pub mod plan;
pub mod provenance;
pub mod reproducibility;
pub mod review;
pub mod risk_assessment;
pub mod sbom;
pub mod scan;
pub mod vex;
pub mod vulnerability;
pub mod written;

#[cfg(test)]
mod tests;
