//! Limits of a token: what its holder may do with it, of all that he may do.
//!
//! INVARIANT: limits only take away. They are checked beside the rights of the actor, never instead of them.

use serde::{Deserialize, Serialize};

use super::Action;
use crate::names::{Label, ModelId};
use crate::refusal::{Code, Refusal};

/// Most members of each list.
pub const MAX_LISTED: usize = 50;

/// What a token is limited to. An empty list limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Models of these teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Label>,
    /// These models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelId>,
}

impl Limits {
    /// Limits with every member once, in order.
    ///
    /// # Errors
    /// `too_large` above [`MAX_LISTED`] members of a list.
    pub fn new(mut actions: Vec<Action>, mut teams: Vec<Label>, mut models: Vec<ModelId>) -> Result<Self, Refusal> {
        for (field, members) in [("actions", actions.len()), ("teams", teams.len()), ("models", models.len())] {
            if members > MAX_LISTED {
                return Err(Refusal::new(Code::TooLarge, &format!("{field} has {members} members; a token has at most {MAX_LISTED}")).field(field));
            }
        }
        actions.sort();
        actions.dedup();
        teams.sort();
        teams.dedup();
        models.sort();
        models.dedup();
        Ok(Self { actions, teams, models })
    }

    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.actions.is_empty() && self.teams.is_empty() && self.models.is_empty()
    }

    /// Whether the action is among those of the token, on whatever.
    pub fn permits(&self, action: Action) -> bool {
        self.actions.is_empty() || self.actions.contains(&action)
    }

    /// Whether the token is for this model, owned by this team.
    pub fn reaches(&self, model: &ModelId, team: Option<&Label>) -> bool {
        !self.limits_models() || self.models.contains(model) || team.is_some_and(|team| self.teams.contains(team))
    }

    /// Whether the token is for an action that is on no model. A token of some models or teams changes nothing else; it may look around
    /// (lists show its models only) and send bytes, which are nothing until a version has them.
    pub fn reaches_registry(&self, action: Action) -> bool {
        !self.limits_models() || matches!(action, Action::Read | Action::Upload)
    }

    /// Whether models are limited at all.
    pub fn limits_models(&self) -> bool {
        !self.teams.is_empty() || !self.models.is_empty()
    }

    /// The refusal for what the token does not reach.
    pub fn refusal(&self, action: Action, token: &str) -> Refusal {
        Refusal::new(Code::AccessDenied, &format!("token `{token}` is not for `{action}` here"))
            .remedy("use a token that is for it, or ask whoever issued this one for wider limits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(digit: char) -> ModelId {
        ModelId::parse(&format!("m{}", digit.to_string().repeat(32))).unwrap()
    }

    #[test]
    fn limits_take_away_and_an_empty_list_takes_nothing() {
        let team = Label::parse("credit").unwrap();
        let none = Limits::default();
        assert!(none.is_none() && none.permits(Action::Retire) && none.reaches(&model('1'), None) && none.reaches_registry(Action::ManageActors));
        let read = Limits::new(vec![Action::Read, Action::Read], vec![], vec![]).unwrap();
        assert_eq!(read.actions.len(), 1);
        assert!(read.permits(Action::Read) && !read.permits(Action::Register) && read.reaches(&model('1'), None));
        let some = Limits::new(vec![], vec![team.clone()], vec![model('1')]).unwrap();
        assert!(some.permits(Action::Register) && some.reaches(&model('1'), None) && some.reaches(&model('2'), Some(&team)));
        assert!(!some.reaches(&model('2'), None) && !some.reaches(&model('2'), Some(&Label::parse("other").unwrap())));
        assert!(some.reaches_registry(Action::Upload) && !some.reaches_registry(Action::ManageActors) && !some.reaches_registry(Action::EditModel));
        assert!(Limits::new(vec![], vec![team; 51], vec![]).is_err());
    }
}
