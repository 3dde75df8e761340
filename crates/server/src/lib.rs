//! Chancery.

pub mod blobs;
pub mod cli;
