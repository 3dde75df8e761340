//! Work that nobody waits for. Each job has a function that does it once.

pub mod access_log;
pub mod checkpoint;
pub mod checks;
pub mod senders;
