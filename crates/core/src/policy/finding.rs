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

impl Finding {
    /// The same, with a version such as `loan/3` in the commands of its remedy: a rule writes them for every version, and what is stored and
    /// signed stays as the rule says it.
    #[must_use]
    pub fn about(self, version: &str) -> Self {
        Self { remedy: self.remedy.map(|remedy| remedy.replace("NAME/VERSION", version)), ..self }
    }

    /// The same, with a role in the commands of its remedy.
    #[must_use]
    pub fn in_role(self, role: &str) -> Self {
        Self { remedy: self.remedy.map(|remedy| remedy.replace("--role ROLE", &format!("--role {role}"))), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_names_the_version_and_the_role() {
        let text = r#"{"rule": "a.b", "outcome": "fail", "message": "m", "remedy": "`approve NAME/VERSION --role ROLE`", "gate": "approved"}"#;
        let finding: Finding = serde_json::from_str(text).unwrap();
        assert_eq!(finding.clone().about("loan/3").in_role("security").remedy.as_deref(), Some("`approve loan/3 --role security`"));
        assert_eq!(Finding { remedy: None, ..finding }.about("loan/3").remedy, None);
    }
}
