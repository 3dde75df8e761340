//! The formats that documents come in, one file each. Every reader is `read(bytes) -> Result<Reading, Refusal>` and pure.

pub mod cvss;
pub mod member;
pub mod model_signature;
pub mod plain;
pub mod provenance;
pub mod sbom;
pub mod scan;
pub mod vex;
pub mod vulnerability;
