//! One connection for a task at a time. The pool of PostgreSQL is small: as many requests as it has connections, each holding one and
//! waiting for a second, would all wait until their time is up.
//!
//! INVARIANT: whoever holds a [`super::Snapshot`] reads through it or drops it first. Builds with debug assertions, and so all tests, panic
//! where a task asks for a second connection.

#[cfg(debug_assertions)]
use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The tasks that have a connection.
#[cfg(debug_assertions)]
static HOLDERS: LazyLock<Mutex<HashSet<tokio::task::Id>>> = LazyLock::new(Mutex::default);

/// A task's right to one connection, until it is dropped. Costs nothing in a release.
#[derive(Debug)]
pub(super) struct Turn {
    #[cfg(debug_assertions)]
    task: Option<tokio::task::Id>,
}

impl Turn {
    /// Takes the turn of the task that runs. Code of a test that runs in no task shares the pool with nobody.
    pub(super) fn take() -> Self {
        #[cfg(debug_assertions)]
        {
            let task = tokio::task::try_id();
            let first = task.is_none_or(|task| HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(task));
            assert!(first, "this task holds a snapshot and asks for another: read through the one it has, or drop that first");
            Self { task }
        }
        #[cfg(not(debug_assertions))]
        Self {}
    }
}

#[cfg(debug_assertions)]
impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_has_one_connection_at_a_time() {
        let one_after_another = tokio::spawn(async {
            drop(Turn::take());
            drop(Turn::take());
        });
        one_after_another.await.unwrap();
        let both = tokio::spawn(async { (Turn::take(), Turn::take()) });
        assert!(both.await.unwrap_err().is_panic());
    }
}
