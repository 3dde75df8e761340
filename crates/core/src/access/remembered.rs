//! Decisions that were made already. One follows from the policies, the caller, the action, the resource and the circumstances alone, so the same
//! question has the same answer as long as these policies decide.
//!
//! INVARIANT: an answer is given again only to a caller who is equal in everything: kind, roles, teams, delegations, access revision.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::policies::Decision;
use super::resource::{Circumstances, Resource};
use super::{Action, Actor};
use crate::names::ActorId;

/// Most callers, and most answers for one of them, that are kept; then all are forgotten.
const MOST_ACTORS: usize = 256;
const MOST_ANSWERS: usize = 256;

/// What is asked about a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) action: Action,
    pub(super) resource: Resource,
    pub(super) circumstances: Circumstances,
}

#[derive(Debug)]
struct Answers {
    actor: Actor,
    given: HashMap<Question, Decision>,
}

/// The decisions of one set of policies.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<ActorId, Answers>>);

impl Remembered {
    fn all(&self) -> MutexGuard<'_, HashMap<ActorId, Answers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that this caller was given.
    pub(super) fn answer(&self, actor: &Actor, question: &Question) -> Option<Decision> {
        self.all().get(&actor.id).filter(|answers| answers.actor == *actor)?.given.get(question).cloned()
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, actor: &Actor, question: Question, decision: &Decision) {
        let mut all = self.all();
        if all.len() >= MOST_ACTORS && !all.contains_key(&actor.id) {
            all.clear();
        }
        let answers = all.entry(actor.id.clone()).or_insert_with(|| Answers { actor: actor.clone(), given: HashMap::new() });
        if answers.actor != *actor || answers.given.len() >= MOST_ANSWERS {
            *answers = Answers { actor: actor.clone(), given: HashMap::new() };
        }
        answers.given.insert(question, decision.clone());
    }
}
