//! The rules of Chancery: names, entries, lifecycle, policy, approvals, and how entries become rows.
//!
//! No I/O, no async, no clock, no randomness: the time, the actor and new ids are arguments. The server calls
//! `decide` and `apply` of each capability; nothing here knows of HTTP or SQL.

pub mod names;
pub mod policy;
pub mod refusal;
pub mod rows;
