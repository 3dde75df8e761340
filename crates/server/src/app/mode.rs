//! Changing a policy mode, of the registry or of one model: enforce only when nothing ungated is in production that no exceptions
//! cover, not even since a moment ago.

use chancery_core::access::Action;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::{ModelId, ModelName, PolicyMode, State, VersionNumber};
use chancery_core::policy::Verdict;
use chancery_core::registry::{self, POLICY_MODE, UNGATED};
use chancery_core::tables::{EntryRow, ModelRow, SettingRow, VersionRow};
use chancery_core::{Command, Event, model, version};
use futures_util::FutureExt as _;

use super::access::Caller;
use super::execute::{Options, Prepared, Receipt};
use super::sequence::Noted;
use super::{App, AppError, as_of, exceptions, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

/// Rules about the act of a release, which is over: no exception brings it back, and the stamp `ungated` says how it went.
const OF_THE_RELEASE: [&str; 2] = ["decision.signed", "promoter.pipeline"];

impl App {
    /// Changes the policy mode of the registry.
    ///
    /// # Errors
    /// `transition_refused` (recorded) when ungated versions are in production and the mode would be enforce.
    pub async fn set_policy_mode(&self, caller: &Caller, mode: PolicyMode, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.store().read().await?;
                let (names, mut noted) = self.ungated_of_registry(&snapshot).await?;
                noted.extend(settings(&snapshot).await?);
                drop(snapshot);
                let command = registry::Command::SetPolicyMode { mode, reason: PrivateText::new("reason", reason, ids::random()?)?, ungated: names };
                self.change_of_mode(&caller, command, noted, Subject::Registry).await
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::ManageSettings, options, prepare).await?.0)
    }

    /// Ungated versions in production, as `name/number`, because of which the registry cannot go to enforce; of models in sight.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn ungated_in_production(&self, snapshot: &Snapshot) -> Result<Vec<String>, AppError> {
        Ok(self.ungated_of_registry(snapshot).await?.0)
    }

    /// Gives a model a policy mode of its own, or takes it away.
    ///
    /// # Errors
    /// `transition_refused` (recorded) for mode `warn` with a tier that demands `enforce`, and for `enforce` while an ungated version of the
    /// model is in production.
    pub async fn set_model_mode(
        &self,
        caller: &Caller,
        name: &ModelName,
        mode: Option<PolicyMode>,
        reason: &str,
        options: &Options,
    ) -> Result<Receipt, AppError> {
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.seen_by(&caller).await?;
                let model = view::model_named(&snapshot, name).await?;
                let (ungated, mut noted) = self.ungated_of(&snapshot, &model.model_id).await?;
                noted.push(Noted::Model(model.model_id.clone(), model.revision));
                noted.extend(settings(&snapshot).await?);
                drop(snapshot);
                let reason = PrivateText::new("reason", reason, ids::random()?)?;
                let subject = Subject::Model(model.model_id.clone());
                self.change_of_mode(&caller, model::Command::SetPolicyMode { id: model.model_id, mode, reason, ungated }, noted, subject).await
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::SetPolicyMode, options, prepare).await?.0)
    }

    async fn change_of_mode(&self, caller: &Caller, command: impl Into<Command>, noted: Vec<Noted>, subject: Subject) -> Result<(Prepared, ()), AppError> {
        let command = self.authorized(caller, command).await?;
        Ok((Prepared { command, noted, evaluated_at: None, gate: None, subject }, ()))
    }

    /// Ungated versions in production, as `name/number`, of the models that have no mode of their own.
    async fn ungated_of_registry(&self, snapshot: &Snapshot) -> Result<(Vec<String>, Vec<Noted>), AppError> {
        let tail = "WHERE policy_mode IS NULL AND model_id IN (SELECT model_id FROM versions WHERE state = $1 AND ungated = 1) ORDER BY model_id";
        let (mut names, mut noted) = (Vec::new(), Vec::new());
        for model in snapshot.rows::<ModelRow>(tail, &values![State::Production]).await? {
            let (numbers, of_model) = self.ungated_of(snapshot, &model.model_id).await?;
            names.extend(numbers.into_iter().map(|number| format!("{}/{number}", model.name)));
            noted.push(Noted::Model(model.model_id.clone(), model.revision));
            noted.extend(of_model);
        }
        Ok((names, noted))
    }

    /// The ungated versions of a model that are in production and that no exceptions cover, with what was read for it.
    async fn ungated_of(&self, snapshot: &Snapshot, model: &ModelId) -> Result<(Vec<VersionNumber>, Vec<Noted>), AppError> {
        let revision = async |name: String| -> Result<u64, AppError> { Ok(snapshot.get::<SettingRow>(values![name]).await?.map_or(0, |row| row.revision)) };
        let noted = vec![
            Noted::Releases(model.clone(), revision(registry::releases(model)).await?),
            Noted::Exceptions(model.clone(), revision(registry::exceptions(model)).await?),
        ];
        let rows =
            snapshot.rows::<VersionRow>("WHERE model_id = $1 AND state = $2 AND ungated = 1 ORDER BY number", &values![*model, State::Production]).await?;
        let mut numbers = Vec::new();
        for row in rows {
            if !self.is_covered(snapshot, &row).await? {
                numbers.push(row.number);
            }
        }
        Ok((numbers, noted))
    }

    /// Whether an exception is in force for every rule that an ungated version failed when it was released. A rule about the version that
    /// nobody may waive is never covered.
    async fn is_covered(&self, snapshot: &Snapshot, version: &VersionRow) -> Result<bool, AppError> {
        let Some(failed) = failed_at_release(snapshot, version).await? else { return Ok(false) };
        let rows = exceptions::of_version(snapshot, version, None, self.now()).await?;
        let waives = |rule: &String| rows.iter().any(|row| row.rule == *rule);
        Ok(!failed.is_empty() && failed.iter().all(waives))
    }
}

/// The rules about a version that failed when it was released; none when that cannot be said.
async fn failed_at_release(snapshot: &Snapshot, version: &VersionRow) -> Result<Option<Vec<String>>, AppError> {
    let Some(index) = version.production_index else { return Ok(None) };
    let Some(row) = snapshot.get::<EntryRow>(values![index]).await? else { return Ok(None) };
    let Event::Version(version::Event::Transitioned { verdict: Some(digest), .. }) = as_of::entry(&row)?.event else { return Ok(None) };
    let bytes = view::payload(snapshot, &digest).await?;
    let verdict: Verdict = serde_json::from_slice(&bytes).map_err(|error| Fault::database("read the verdict of a release", error))?;
    let lasting = verdict.failed().filter(|finding| !OF_THE_RELEASE.contains(&finding.rule.as_str()));
    Ok(Some(lasting.map(|finding| finding.rule.clone()).collect()))
}

async fn settings(snapshot: &Snapshot) -> Result<Vec<Noted>, AppError> {
    let mut noted = Vec::new();
    for name in [POLICY_MODE, UNGATED] {
        noted.push(Noted::Setting(name, snapshot.get::<SettingRow>(values![name]).await?.map_or(0, |row| row.revision)));
    }
    Ok(noted)
}
