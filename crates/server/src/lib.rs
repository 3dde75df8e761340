//! The Chancery server: one binary over the rules of `chancery-core`.
//!
//! Dependencies go one way: `http, cli, jobs → app → store, blobs → core` (tested in `tests/it/architecture.rs`).

pub mod app;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod fault;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod secret;
pub mod sentence;
pub mod serve;
pub mod store;
pub mod token;

pub(crate) fn schema() -> store::Schema {
    store::Schema::product()
}
