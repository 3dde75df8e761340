//! The formats that documents come in, one file each. Every reader is `read(bytes) -> Result<Reading, Refusal>` and pure.

pub mod card;
pub mod change_summary;
pub mod evaluation;
pub mod explainability;
mod harness;
mod measures;
mod mlflow;
mod model_index;
pub mod plain;
pub mod plan;
pub mod reproducibility;
pub mod review;
pub mod risk_assessment;
pub mod written;

#[cfg(test)]
mod tests;
