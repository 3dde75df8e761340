//! Policies made ready to decide: for each action those that can apply to it, without their heads; and what of a caller they look at.
//!
//! INVARIANT: a decision is the one that all policies would come to with everything about the caller. What is left out cannot change it: a
//! policy whose head names other actions, and scopes of the caller in which the resource does not lie, where policies ask for nothing else.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{EntityUid, Policy, PolicyId, PolicySet};
use serde_json::Value;

use super::Action;
use super::grant::Scope;
use super::source::Source;

/// The policies by action, and the scopes of callers that they look at.
#[derive(Debug)]
pub(super) struct Prepared {
    by_action: HashMap<Action, PolicySet>,
    seen: Seen,
}

/// Which scopes of a caller policies look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Those in which the resource lies, and these, which policies name.
    Near(BTreeSet<Scope>),
    /// Any: some policy does more with them than to ask whether the resource lies in one.
    All,
}

impl Prepared {
    /// Of policies, each with the actions that its head names.
    pub(super) fn of<'a>(sources: impl Iterator<Item = (&'a Source, BTreeSet<Action>)>) -> Option<Self> {
        let mut by_action: HashMap<Action, PolicySet> = Action::ALL.iter().map(|action| (*action, PolicySet::new())).collect();
        let mut near = Some(BTreeSet::new());
        for (source, actions) in sources {
            let mut json = source.policy.to_json().ok()?;
            if !json.get("conditions").is_some_and(asks_only_for_near) {
                near = None;
            }
            if let Some(near) = &mut near {
                near.extend(source.policy.entity_literals().iter().filter_map(scope));
            }
            // An action has no parents, so that its head says of which actions a policy is, and nothing more.
            *json.get_mut("action")? = serde_json::json!({"op": "All"});
            let policy = Policy::from_json(Some(PolicyId::new(&source.id)), json).ok()?;
            for action in actions {
                by_action.get_mut(&action)?.add(policy.clone()).ok()?;
            }
        }
        Some(Self { by_action, seen: near.map_or(Seen::All, Seen::Near) })
    }

    /// The policies that can apply to an action.
    pub(super) fn policies(&self, action: Action) -> Option<&PolicySet> {
        self.by_action.get(&action)
    }

    /// Which scopes of a caller they look at.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }
}

fn scope(uid: &EntityUid) -> Option<Scope> {
    Scope::parse(uid.id().as_ref()).ok()
}

/// Whether conditions look at the attributes of the caller in two ways alone: `resource in principal.owner` and
/// `principal.owner.contains(Chancery::Scope::"registry")`. Their kind is one that is no set.
fn asks_only_for_near(conditions: &Value) -> bool {
    match conditions {
        Value::Array(items) => items.iter().all(asks_only_for_near),
        Value::Object(node) => {
            let part = |operator: &str, side: &str| node.get(operator).and_then(|node| node.get(side));
            let is_near = part("in", "left").is_some_and(is_resource) && part("in", "right").is_some_and(is_attribute);
            let is_named = part("contains", "left").is_some_and(is_attribute) && part("contains", "right").is_some_and(is_entity);
            is_near || is_named || is_kind(conditions) || (!is_attribute(conditions) && node.values().all(asks_only_for_near))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn is_variable(node: &Value, name: &str) -> bool {
    node.get("Var").and_then(Value::as_str) == Some(name)
}

fn is_resource(node: &Value) -> bool {
    is_variable(node, "resource")
}

fn is_attribute(node: &Value) -> bool {
    node.get(".").and_then(|access| access.get("left")).is_some_and(|left| is_variable(left, "principal"))
}

fn is_kind(node: &Value) -> bool {
    is_attribute(node) && node.get(".").and_then(|access| access.get("attr")).and_then(Value::as_str) == Some("kind")
}

fn is_entity(node: &Value) -> bool {
    node.get("Value").and_then(|value| value.get("__entity")).is_some()
}
