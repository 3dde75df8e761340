//! Chancery.

pub mod blobs;
