//! Answers of rules that were given before. A rule is a function of the bundle and the input document, and most rules do not read the time: they
//! say the same of the same document a minute later, when somebody checks again, looks at the page, or approves.
//!
//! INVARIANT: an answer is given again only by the bundle that gave it, to a document that is equal in everything but its time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bundle::canonical;
use super::error::PolicyError;
use super::input::Input;
use super::rule::RuleResult;
use crate::names::{Digest, Timestamp};

/// Most documents whose answers are kept; then all are forgotten.
const MOST: usize = 512;

/// The answers of the timeless rules of one bundle, by place of the rule.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<Digest, HashMap<usize, RuleResult>>>);

/// What is the same of an input document at any time.
///
/// # Errors
/// [`PolicyError::Input`].
pub(super) fn without_time(input: &Input) -> Result<Digest, PolicyError> {
    Ok(Digest::of(&canonical(&Input { now: Timestamp::from_micros(0), ..input.clone() })?))
}

impl Remembered {
    fn all(&self) -> MutexGuard<'_, HashMap<Digest, HashMap<usize, RuleResult>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the rules said of a document.
    pub(super) fn of(&self, document: &Digest) -> HashMap<usize, RuleResult> {
        self.all().get(document).cloned().unwrap_or_default()
    }

    /// Keeps what the rules said of a document.
    pub(super) fn keep(&self, document: Digest, answers: HashMap<usize, RuleResult>) {
        let mut all = self.all();
        if all.len() >= MOST && !all.contains_key(&document) {
            all.clear();
        }
        all.insert(document, answers);
    }
}
