//! What waits for one person, derived from the records: verdicts to give, things to mend, dates that come near. Nothing is kept: an item goes
//! away when the duty is done.

mod decisions;
mod duties;
mod seconds;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use chancery_core::access::Role;
use chancery_core::names::{ActorId, Timestamp};
use chancery_core::tables::DirectoryRow;

pub use decisions::{Decision, Question};
pub use duties::{Duties, Duty, What};

use super::access::Caller;
use super::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// For how long a count is kept although nothing was recorded, in seconds: approvals expire without an entry.
const KEPT_SECONDS: i64 = 60;
/// Most people whose count is kept.
const MOST_KEPT: usize = 10_000;

/// How much waits for people, by the size of the ledger that it was counted at.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<HashMap<ActorId, (u64, Timestamp, u64)>>);

impl App {
    /// How many decisions wait for the caller: for every page, so it is counted again only when the ledger grew.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn count_waiting(&self, caller: &Caller, snapshot: &Snapshot) -> Result<u64, AppError> {
        let (size, now) = (snapshot.head().size, self.now());
        let known = self.inner.waiting.0.lock().unwrap_or_else(PoisonError::into_inner).get(&caller.actor.id).copied();
        if let Some((at, until, count)) = known
            && at == size
            && until > now
        {
            return Ok(count);
        }
        let count = self.decisions(caller, snapshot).await?.len() as u64;
        let mut kept = self.inner.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(caller.actor.id.clone(), (size, now.plus_seconds(KEPT_SECONDS), count));
        Ok(count)
    }
}

/// Whether the caller speaks in any role of approval.
fn decides(caller: &Caller) -> bool {
    !caller.actor.delegated.is_empty() || caller.actor.roles.iter().any(|grant| matches!(grant.role, Role::Approver(_)))
}

/// By what words a record may say that the caller owes something: his name, his teams, his roles.
async fn words(caller: &Caller, snapshot: &Snapshot) -> Result<BTreeSet<String>, AppError> {
    let mut words: BTreeSet<String> = caller.actor.teams.iter().map(ToString::to_string).collect();
    if let Some(row) = snapshot.get::<DirectoryRow>(values![caller.actor.id]).await? {
        words.extend([row.handle.to_string(), row.display_name.to_lowercase()]);
    }
    for grant in &caller.actor.roles {
        match &grant.role {
            Role::Approver(role) => words.insert(role.to_string()),
            // The calendar names the owner of a model so when the model has no team.
            Role::Owner => words.insert("model-owner".to_owned()),
            role @ (Role::Viewer | Role::Contributor | Role::Deployer | Role::Incident | Role::Auditor | Role::Administrator) => words.insert(role.to_string()),
        };
    }
    words.remove("");
    Ok(words)
}
