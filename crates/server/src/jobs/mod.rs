//! Work that nobody waits for. Each job has a function that does it once.

pub mod checkpoint;
pub mod checks;
