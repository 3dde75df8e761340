//! The formats that documents come in, one file each. Every reader is `read(bytes) -> Result<Reading, Refusal>` and pure.

pub mod plain;
