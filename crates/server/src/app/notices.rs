//! What an operator should know although the server does its work: shown by `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a notice is about; each has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Certificate and key.
    Tls,
}

/// The notices that stand. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<Mutex<BTreeMap<Topic, String>>>);

impl Notices {
    /// Sets the notice of a topic.
    pub fn set(&self, topic: Topic, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(topic, text.to_owned());
    }

    /// Takes the notice of a topic away.
    pub fn clear(&self, topic: Topic) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&topic);
    }

    /// All of them.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
