//! The rules of Chancery: names, entries, lifecycle, policy, approvals, and how entries become rows.
//!
//! No I/O, no async, no clock, no randomness: the time, the actor and new ids are arguments. The server calls [`decide`] and
//! [`apply`]; nothing here knows of HTTP or SQL. One file per capability holds its commands, events, `decide` and `apply`.

pub mod access;
pub mod access_log;
pub mod access_policy;
pub mod actor;
pub mod alias;
pub mod approval;
pub mod attestation;
pub mod bundle;
pub mod calendar;
pub mod command;
pub mod delegation;
pub mod entry;
pub mod erasure;
pub mod evidence;
pub mod exception;
pub mod facts;
pub mod finding;
pub mod grant;
pub mod group;
pub mod identity;
pub mod ledger;
pub mod lifecycle;
pub mod lineage;
pub mod manifest;
pub mod model;
pub mod names;
pub mod policy;
pub mod promotion;
pub mod refusal;
pub mod registry;
pub mod risk;
pub mod rows;
pub mod semver;
pub mod signing;
pub mod speakers;
pub mod tables;
pub mod tag;
pub mod team;
pub mod template;
pub mod version;
pub mod wording;

#[cfg(test)]
mod testing;

pub use command::{Command, Context, Event, Stop, apply, decide, want};
