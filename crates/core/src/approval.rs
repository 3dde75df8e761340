//! Approvals: the verdict of a named person in a role, bound to what was shown (APR-2, APR-3).

use serde::{Deserialize, Serialize};

use crate::names::{Timestamp, check_text};
use crate::refusal::{Code, Refusal};

crate::words! {
    /// What a person said.
    ApprovalVerdict, "verdict" {
        /// Yes.
        Approve = "approve",
        /// No; the promotion ends.
        Reject = "reject",
    }
}

crate::words! {
    /// What happens when a condition is missed.
    Effect, "effect" {
        /// A finding opens.
        Finding = "finding",
        /// Further promotions are blocked.
        Block = "block",
        /// The version is deprecated.
        Deprecate = "deprecate",
    }
}

/// A condition of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What must be done.
    pub text: String,
    /// Who owes it.
    pub owner: String,
    /// By when.
    pub due: Timestamp,
    /// What happens otherwise.
    pub effect: Effect,
}

/// Checks the conditions of an approval.
///
/// # Errors
/// A refusal that names the field.
pub fn check_conditions(conditions: &[Condition]) -> Result<(), Refusal> {
    if conditions.len() > 20 {
        return Err(Refusal::new(Code::TooLarge, "an approval has at most 20 conditions").field("conditions"));
    }
    for condition in conditions {
        check_text("conditions.text", &condition.text, 1000)?;
        check_text("conditions.owner", &condition.owner, 200)?;
    }
    Ok(())
}
