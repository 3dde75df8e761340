//! Gates: what a rule says about a version, and how the results of all rules become a verdict.
//!
//! A gate is evaluated on one pure [`Input`] document. Most rules are Rego files of a [`Bundle`] and run in an
//! [`Engine`]; the rules that nobody may waive are Rust ([`non_waivable`]) and run beside every bundle.
//!
//! INVARIANT: what cannot be evaluated does not pass. A rule that errors, runs out of time or gives no result is a
//! failed finding, and no exception waives it.

/// Stack that a thread needs to evaluate any bundle that is accepted, in bytes.
pub const STACK_BYTES: usize = 64 * 1024 * 1024;

mod bounds;
mod bundle;
mod compare;
mod engine;
mod error;
mod exceptions;
mod expected;
mod finding;
mod gate;
mod input;
mod machine;
pub mod non_waivable;
mod organisation;
mod recursion;
mod remembered;
mod rule;
mod sandbox;
mod schedule;
mod selftest;
mod verdict;

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use bundle::{Bundle, MAX_BUNDLE_BYTES, MAX_FILE_BYTES, MAX_FILES};
pub use compare::{Changed, ChangedData, Difference, affected, difference, mentioned};
pub use engine::{ENGINE, Engine};
pub use error::PolicyError;
pub use exceptions::ExceptionRules;
pub use expected::{Expected, MetricLimits};
pub use finding::{Finding, Outcome};
pub use gate::{Gate, gates_between};
pub use input::{
    Actor, ActorKind, Approval, ApprovalVerdict, Binding, BindingKind, Component, Decision, Evidence, Exception, Fixity, Input, InputFile, Model, Ownership,
    Promotion, Reference, Risk, Scope, Version,
};
pub use input::{Condition, ConditionStatus, Recognised};
pub use input::{OpenReview, RegisteredRisk, RiskFactor, RiskScore};
pub use organisation::Effective;
pub use rule::{MAX_RESULT_BYTES, RuleInfo, Source};
pub use schedule::{Completeness, ScheduleRules};
pub use selftest::{TestResult, run_tests};
pub use verdict::Verdict;
