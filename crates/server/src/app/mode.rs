//! Changing the policy mode: enforce only when nothing ungated is in production, not even since a moment ago.

use chancery_core::access::{Action, authorize};
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::{PolicyMode, State};
use chancery_core::registry::{Command, POLICY_MODE, UNGATED};
use chancery_core::tables::{ModelRow, SettingRow, VersionRow};
use futures_util::FutureExt as _;

use super::access::Caller;
use super::execute::{Options, Prepared, Receipt};
use super::sequence::Noted;
use super::{App, AppError};
use crate::store::Snapshot;
use crate::{ids, values};

impl App {
    /// Changes the policy mode.
    ///
    /// # Errors
    /// `transition_refused` (recorded) when ungated versions are in production and the mode would be enforce.
    pub async fn set_policy_mode(&self, caller: &Caller, mode: PolicyMode, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.store().read().await?;
                let ungated = ungated(&snapshot).await?;
                let mut noted = Vec::new();
                for name in [POLICY_MODE, UNGATED] {
                    noted.push(Noted::Setting(name, snapshot.get::<SettingRow>(values![name]).await?.map_or(0, |row| row.revision)));
                }
                let command = Command::SetPolicyMode { mode, reason: PrivateText::new("reason", reason, ids::random()?)?, ungated };
                let command = authorize(&caller.actor, command.into())?;
                Ok((Prepared { command, noted, evaluated_at: None, gate: None, subject: Subject::Registry }, ()))
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::ManageSettings, options, prepare).await?.0)
    }
}

/// The ungated versions that are in production, as `name/number`.
async fn ungated(snapshot: &Snapshot) -> Result<Vec<String>, AppError> {
    let rows = snapshot.rows::<VersionRow>("WHERE state = $1 AND ungated = 1 ORDER BY model_id, number", &values![State::Production]).await?;
    let mut names = Vec::with_capacity(rows.len());
    for row in rows {
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?;
        names.push(format!("{}/{}", model.map_or_else(|| row.model_id.to_string(), |model| model.name.to_string()), row.number));
    }
    Ok(names)
}
