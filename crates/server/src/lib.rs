//! Chancery.

pub mod fault;
pub mod store;
