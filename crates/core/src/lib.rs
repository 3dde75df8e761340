//! Chancery.

pub mod ledger;
pub mod signing;
