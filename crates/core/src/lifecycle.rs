//! The lifecycle of a version: a total table of 36 cells (`design.md` section 1, LIF-1). Printed in `docs/lifecycle.md`.

use crate::names::State;

/// What moving from one state to another is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing changes.
    Same,
    /// Forward, through every gate on the way; needs a promotion.
    Promote,
    /// Back from candidate, approved or production; needs a role and a reason.
    Demote,
    /// Replaced: new use is blocked.
    Deprecate,
    /// From deprecated back to draft, or to candidate through its gate.
    Reinstate,
    /// From deprecated to production through the rollback gate.
    Rollback,
    /// The end.
    Retire,
    /// Not possible.
    Refused(&'static str),
}

/// The transition table.
pub fn transition(from: State, to: State) -> Move {
    use State::{Approved, Candidate, Deprecated, Draft, Production, Retired};
    match (from, to) {
        (Draft, Draft) | (Candidate, Candidate) | (Approved, Approved) | (Production, Production) | (Deprecated, Deprecated) | (Retired, Retired) => Move::Same,
        (Draft, Candidate | Approved | Production) | (Candidate, Approved | Production) | (Approved, Production) => Move::Promote,
        (Candidate, Draft) | (Approved, Draft | Candidate) | (Production, Draft | Candidate | Approved) => Move::Demote,
        (Draft | Candidate | Approved | Production, Deprecated) => Move::Deprecate,
        (Deprecated, Draft | Candidate) => Move::Reinstate,
        (Deprecated, Approved) => Move::Refused("reinstate it to candidate and promote it from there"),
        (Deprecated, Production) => Move::Rollback,
        (Draft | Candidate | Approved | Production | Deprecated, Retired) => Move::Retire,
        (Retired, Draft | Candidate | Approved | Production | Deprecated) => Move::Refused("nothing leaves `retired`; register the artifact as a new version"),
    }
}

/// The states that a promotion passes, the target last. Empty when it is no promotion.
pub fn steps(from: State, to: State) -> Vec<State> {
    if transition(from, to) != Move::Promote {
        return Vec::new();
    }
    [State::Candidate, State::Approved, State::Production].into_iter().filter(|step| from < *step && *step <= to).collect()
}

/// Whether an endpoint may serve a version in this state to a new user.
pub fn servable(state: State) -> bool {
    match state {
        State::Production => true,
        State::Draft | State::Candidate | State::Approved | State::Deprecated | State::Retired => false,
    }
}

/// The table as Markdown, for `docs/lifecycle.md`.
pub fn markdown() -> String {
    let mut text = String::from("| from \\ to |");
    for to in State::ALL {
        text.push_str(&format!(" {to} |"));
    }
    text.push_str("\n| --- |");
    text.push_str(&" --- |".repeat(State::ALL.len()));
    for from in State::ALL {
        text.push_str(&format!("\n| **{from}** |"));
        for to in State::ALL {
            let cell = match transition(*from, *to) {
                Move::Same => "·",
                Move::Promote => "promote",
                Move::Demote => "demote",
                Move::Deprecate => "deprecate",
                Move::Reinstate => "reinstate",
                Move::Rollback => "rollback",
                Move::Retire => "retire",
                Move::Refused(_) => "refused",
            };
            text.push_str(&format!(" {cell} |"));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_pass_every_state_on_the_way() {
        use State::{Approved, Candidate, Draft, Production};
        assert_eq!(steps(Draft, Production), [Candidate, Approved, Production]);
        assert_eq!(steps(Candidate, Production), [Approved, Production]);
        assert_eq!(steps(Approved, Production), [Production]);
        assert_eq!(steps(Production, Draft), []);
    }

    #[test]
    fn production_is_entered_by_promotion_or_rollback_only_and_retired_is_the_end() {
        for from in State::ALL {
            let into = transition(*from, State::Production);
            assert!(matches!(into, Move::Same | Move::Promote | Move::Rollback | Move::Refused(_)), "{from}: {into:?}");
            if *from != State::Retired {
                assert_eq!(transition(*from, State::Retired), Move::Retire);
            }
        }
        for to in State::ALL {
            assert!(matches!(transition(State::Retired, *to), Move::Same | Move::Refused(_)));
        }
    }

    #[test]
    fn the_documentation_prints_this_table() {
        let page = include_str!("../../../docs/lifecycle.md");
        assert!(page.contains(&markdown()), "docs/lifecycle.md must contain:\n{}", markdown());
    }
}
