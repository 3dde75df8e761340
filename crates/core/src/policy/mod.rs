//! Gates: what a rule says about a version, and how the results of all rules become a verdict.

mod finding;

pub use finding::{Finding, Outcome};
