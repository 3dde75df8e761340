//! What follows from a condition of an approval that was missed, where the approver asked for it: the version is deprecated (APR-6).

use std::collections::BTreeMap;

use chancery_core::approval::Effect;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::{ModelId, State, VersionNumber};
use chancery_core::{Command, version};

use crate::app::{App, AppError};
use crate::ids;

/// A version whose approval carried a condition that was missed.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    model: ModelId,
    number: VersionNumber,
    reason: String,
}

impl Broken {
    /// The version.
    pub(super) fn subject(&self) -> Subject {
        Subject::Version(self.model.clone(), self.number)
    }
}

impl App {
    /// The versions that a missed condition deprecates, each once.
    pub(super) async fn broken_promises(&self) -> Result<Vec<Broken>, AppError> {
        let mut found = BTreeMap::new();
        for row in self.missed_conditions(Effect::Deprecate).await? {
            let reason = format!("condition {} of promotion {} was due on {} and is not met", row.condition_number, row.promotion_id, row.due);
            found.entry((row.model_id.clone(), row.number)).or_insert(Broken { model: row.model_id, number: row.number, reason });
        }
        Ok(found.into_values().collect())
    }

    /// Deprecates versions; one that moved meanwhile is looked at again in the next run.
    pub(super) async fn deprecate(&self, broken: &[Broken]) -> Result<(), AppError> {
        let mut commands: Vec<Command> = Vec::with_capacity(broken.len());
        for Broken { model, number, reason } in broken.iter().cloned() {
            let reason = PrivateText::new("reason", &reason, ids::random()?)?;
            let to = State::Deprecated;
            // Attestations outlive a deprecation, so that what runs until the sunset goes on running.
            let attestations = Vec::new();
            let command = version::Command::Transition { model, number, to, reason, successor: None, sunset: None, gate: None, expected: None, attestations };
            commands.push(command.into());
        }
        self.write_all(commands).await
    }
}
