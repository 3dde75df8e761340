//! One rule's result.

use serde::{Deserialize, Serialize};

crate::words! {
    /// What a rule says about a version.
    Outcome, "outcome" {
        /// The rule holds.
        Pass = "pass",
        /// The rule does not hold.
        Fail = "fail",
        /// It does not hold, and an exception waives it.
        Waived = "waived",
        /// The rule does not ask anything of this version.
        NotApplicable = "not-applicable",
    }
}

/// One rule's result (`design.md` section 1, *Finding*).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Identifier of the rule, such as `metric.no-regression`.
    pub rule: String,
    /// Result.
    pub outcome: Outcome,
    /// What was found: one line, lower case.
    pub message: String,
    /// What to do, when the rule fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Gate that the rule belongs to, such as `candidate`.
    pub gate: String,
    /// Whether nobody can waive the rule.
    #[serde(default)]
    pub non_waivable: bool,
    /// Who can supply what is missing: roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// Requirement ids and outside controls behind the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Exception that waives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
}
