//! A role and where it holds: in the whole registry, for the models of a team, or for one model.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Role;
use crate::names::{Label, ModelId};
use crate::refusal::Refusal;
use crate::tables::ActorRow;

/// Where a role holds. Each contains the next: the registry its teams, a team the models that it owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Registry,
    /// For the models that a team owns, and the team itself.
    Team(Label),
    /// For one model.
    Model(ModelId),
}

/// A role in a scope. Written `viewer`, `contributor@team:credit-risk` or `approver:security@model:ID`; without a scope it holds everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Where it holds.
    pub scope: Scope,
}

impl Scope {
    /// Parses `team:NAME` or `model:ID`.
    ///
    /// # Errors
    /// A refusal that shows both forms.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text.split_once(':') {
            Some(("team", team)) => Label::parse(team).map(Self::Team),
            Some(("model", model)) => ModelId::parse(model).map(Self::Model),
            Some(_) | None => Err(Refusal::unknown_word("scope", text, &["team:NAME", "model:ID"])),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => formatter.write_str("registry"),
            Self::Team(team) => write!(formatter, "team:{team}"),
            Self::Model(model) => write!(formatter, "model:{model}"),
        }
    }
}

impl Grant {
    /// Parses the written form.
    ///
    /// # Errors
    /// A refusal that lists the known roles, or shows how a scope is written.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text.split_once('@') {
            None => Ok(Role::parse(text)?.into()),
            Some((role, scope)) => Ok(Self { role: Role::parse(role)?, scope: Scope::parse(scope)? }),
        }
    }
}

impl From<Role> for Grant {
    /// Everywhere.
    fn from(role: Role) -> Self {
        Self { role, scope: Scope::Registry }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Registry => write!(formatter, "{}", self.role),
            scope @ (Scope::Team(_) | Scope::Model(_)) => write!(formatter, "{}@{scope}", self.role),
        }
    }
}

impl TryFrom<String> for Grant {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse(&text)
    }
}

impl From<Grant> for String {
    fn from(grant: Grant) -> String {
        grant.to_string()
    }
}

impl ActorRow {
    /// The roles that the actor has, each with its scope.
    pub fn grants(&self) -> Vec<Grant> {
        let words = self.roles.as_array().map(Vec::as_slice).unwrap_or_default();
        words.iter().filter_map(|word| Grant::parse(word.as_str()?).ok()).collect()
    }

    /// Whether the actor has a role everywhere.
    pub fn holds(&self, role: &Role) -> bool {
        self.grants().iter().any(|grant| grant.role == *role && grant.scope == Scope::Registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_written_as_they_are_read() {
        let model = format!("approver:security@model:m{}", "a".repeat(32));
        for text in ["viewer", "contributor@team:credit-risk", model.as_str()] {
            assert_eq!(Grant::parse(text).unwrap().to_string(), text);
        }
        for bad in ["viewer@", "viewer@everything", "viewer@team:", "viewer@model:loan", "@team:x", "viewer@registry"] {
            assert!(Grant::parse(bad).is_err(), "{bad}");
        }
    }
}
