//! The gates, and which of them stand between two states.

use crate::names::State;

crate::words! {
    /// A set of rules that a version must satisfy at one point of its life (`design.md` section 2), in the order in
    /// which findings are listed.
    Gate, "gate" {
        /// Baseline checks of an entry.
        Candidate = "candidate",
        /// Authorised for production.
        Approved = "approved",
        /// Released.
        Production = "production",
        /// Back to a version that was in production before.
        Rollback = "rollback",
        /// Served at an endpoint.
        Deploy = "deploy",
        /// What the scheduled checks evaluate on approved and released versions; it blocks nothing.
        Schedule = "schedule",
    }
}

/// The gates that a version passes on its way from one state to another, in order.
///
/// Gates are cumulative: whoever asks for `production` passes `candidate` and `approved` again, whatever happened
/// before. A move that is not a promotion (demotion, deprecation, retirement, reinstatement to draft) has no gate here;
/// the lifecycle asks for role and reason. `deprecated` → `production` is a rollback.
pub fn gates_between(from: State, to: State) -> Vec<Gate> {
    match (from, to) {
        (State::Deprecated, State::Production) => vec![Gate::Rollback],
        (State::Draft | State::Deprecated, State::Candidate) => vec![Gate::Candidate],
        (State::Draft | State::Candidate, State::Approved) => vec![Gate::Candidate, Gate::Approved],
        (State::Draft | State::Candidate | State::Approved, State::Production) => vec![Gate::Candidate, Gate::Approved, Gate::Production],
        (State::Draft | State::Candidate | State::Approved | State::Production | State::Deprecated | State::Retired, State::Draft)
        | (State::Candidate | State::Approved | State::Production | State::Retired, State::Candidate)
        | (State::Approved | State::Production | State::Deprecated | State::Retired, State::Approved)
        | (State::Production | State::Retired, State::Production)
        | (_, State::Deprecated | State::Retired) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_cumulative_and_going_back_has_none() {
        use Gate::{Approved, Candidate, Production, Rollback};
        for (from, to, gates) in [
            (State::Draft, State::Candidate, vec![Candidate]),
            (State::Draft, State::Production, vec![Candidate, Approved, Production]),
            (State::Candidate, State::Approved, vec![Candidate, Approved]),
            (State::Approved, State::Production, vec![Candidate, Approved, Production]),
            (State::Deprecated, State::Candidate, vec![Candidate]),
            (State::Deprecated, State::Production, vec![Rollback]),
            (State::Production, State::Approved, vec![]),
            (State::Production, State::Deprecated, vec![]),
            (State::Retired, State::Production, vec![]),
        ] {
            assert_eq!(gates_between(from, to), gates, "{from} to {to}");
        }
    }

    #[test]
    fn every_way_into_production_has_a_gate() {
        for from in [State::Draft, State::Candidate, State::Approved, State::Deprecated] {
            assert!(!gates_between(from, State::Production).is_empty(), "{from}");
        }
    }
}
