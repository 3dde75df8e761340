//! MLflow's stages over the lifecycle (`design.md` section 1): None is draft, Staging is candidate or approved, Production is
//! production, Archived is deprecated or retired.
//!
//! A move forward is a promotion through every gate. Under `enforce` one that fails leaves the promotion open, where approvers see
//! it, and the answer says which rules failed. Under `warn` it passes, and the version is stamped.

use axum::Json;
use chancery_core::entry::Subject;
use chancery_core::lifecycle::{Move, transition as move_to};
use chancery_core::names::{Label, ModelName, PolicyMode, PromotionId, State, VersionNumber};
use chancery_core::policy::Finding;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::{ModelRow, OpenPromotionRow, SettingRow, VersionRow};

use super::caller::MlflowAllowed;
use super::error::{MlflowError, clipped};
use super::names::{known_model, no_version, version_number};
use super::versions::VersionAnswer;
use super::view;
use super::wire::Fields;
use crate::app::{AppError, Others, PromoteAsk, RollbackAsk, TransitionAsk};
use crate::http::caller;
use crate::store::Snapshot;
use crate::values;

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Registered, no more.
    None,
    /// Being tried.
    Staging,
    /// Released.
    Production,
    /// Replaced or ended.
    Archived,
}

impl Stage {
    /// Every stage.
    pub(super) const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The stage that a state is shown as.
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Draft => Self::None,
            State::Candidate | State::Approved => Self::Staging,
            State::Production => Self::Production,
            State::Deprecated | State::Retired => Self::Archived,
        }
    }

    /// MLflow's name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// Reads a name in any case.
    pub(super) fn parse(text: &str) -> Result<Self, MlflowError> {
        let unknown = || format!("Invalid Model Version stage: {}. Value must be one of None, Staging, Production, Archived.", clipped(text));
        Self::ALL.into_iter().find(|stage| stage.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| MlflowError::invalid(unknown()))
    }

    /// The state that a version in `from` gets by a transition to this stage: none for one that is there already.
    fn target(self, from: State) -> Option<State> {
        if Self::of(from) == self {
            return None;
        }
        Some(match self {
            Self::None => State::Draft,
            Self::Staging => State::Candidate,
            Self::Production => State::Production,
            Self::Archived => State::Deprecated,
        })
    }

    /// States that are shown as this stage.
    pub(super) fn states(self) -> impl Iterator<Item = State> {
        State::ALL.iter().copied().filter(move |state| Self::of(*state) == self)
    }
}

/// A transition that was asked for.
struct Ask<'a> {
    allowed: &'a MlflowAllowed<caller::Read>,
    name: ModelName,
    number: VersionNumber,
    stage: Stage,
    others: Others,
}

/// `transition-stage`. What the caller must be allowed depends on the move: the application asks for it.
pub(super) async fn transition(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Result<Json<VersionAnswer>, MlflowError> {
    let (name, version, stage) = (fields.required("name")?, fields.required("version")?, fields.required("stage")?);
    let archive = fields.flag("archive_existing_versions")?;
    let stage = Stage::parse(stage)?;
    if archive && !matches!(stage, Stage::Staging | Stage::Production) {
        return Err(MlflowError::invalid(format!(
            "Model version transition cannot archive existing model versions because '{}' is not an Active stage. Valid stages are ['Staging', 'Production']",
            stage.as_str()
        )));
    }
    let missing = || no_version(name, version);
    let number = version_number(version)?.ok_or_else(missing)?;
    let name = known_model(name).map_err(|_| missing())?;
    let others = if archive { Others::Archive } else { Others::Keep };
    let ask = Ask { allowed: &allowed, name, number, stage, others };
    ask.run().await?;
    let view = view::version(&allowed.read().await?, &ask.name, number).await?;
    view.map(|(_, version)| VersionAnswer::json(version)).ok_or_else(|| no_version(ask.name.as_str(), number))
}

impl Ask<'_> {
    async fn run(&self) -> Result<(), MlflowError> {
        let snapshot = self.allowed.read().await?;
        let missing = || no_version(self.name.as_str(), self.number);
        let row = view::version_row(&snapshot, &self.name, self.number).await?.ok_or_else(missing)?;
        let mode = mode(&snapshot, &row).await?;
        drop(snapshot);
        let Some(target) = self.stage.target(row.state) else { return self.archive_others().await };
        match move_to(row.state, target) {
            // The others are replaced in the same command.
            Move::Promote => self.promote(&row, target).await,
            Move::Rollback => self.back_to_production(&row, mode).await,
            Move::Demote | Move::Deprecate | Move::Reinstate => {
                self.change(self.number, target, None).await?;
                self.archive_others().await
            }
            Move::Refused(remedy) => Err(self.refuse(&row, &format!("version {} is {} and stays so", self.number, row.state), remedy).await),
            Move::Same | Move::Retire => Ok(()),
        }
    }

    /// Asks for the promotion, and says what is missing when it could not be executed.
    async fn promote(&self, row: &VersionRow, target: State) -> Result<(), MlflowError> {
        let MlflowAllowed(allowed) = self.allowed;
        let environment = Label::parse("production")?;
        let ask = PromoteAsk { model: self.name.clone(), number: self.number, to: target, environment, comment: None, others: self.others };
        let (id, missing) = match allowed.app.promote(&allowed.caller, &ask, &self.allowed.options()).await {
            Ok(outcome) if outcome.executed => return Ok(()),
            Ok(outcome) => (outcome.promotion, outcome.missing),
            // The promotion was open before, and nothing has changed since.
            Err(AppError::Refused(refusal, entry)) if matches!(refusal.code, Code::GateFailed | Code::NonWaivable) => {
                let open = self.allowed.read().await?.get::<OpenPromotionRow>(values![row.model_id, row.number, target]).await?;
                let Some(open) = open else { return Err(AppError::Refused(refusal, entry).into()) };
                (open.promotion_id, refusal.findings)
            }
            Err(other) => return Err(other.into()),
        };
        Err(self.not_moved(&id, missing).into())
    }

    /// Why the version stays where it is although a promotion was asked for.
    fn not_moved(&self, promotion: &PromotionId, missing: Vec<Finding>) -> Refusal {
        let what = format!("version {} of `{}` was not moved to {}", self.number, self.name, self.stage.as_str());
        match missing.len() {
            0 => Refusal::new(Code::AccessDenied, &format!("{what}: you may not execute promotions"))
                .remedy(&format!("promotion {promotion} is open and complete: ask somebody who may, or let the pipeline execute it")),
            count => Refusal::new(Code::GateFailed, &format!("{what}: {count} {} failed", if count == 1 { "rule" } else { "rules" }))
                .remedy(&format!("promotion {promotion} is open, where approvers see it; repair what is listed and ask again"))
                .findings(missing),
        }
    }

    /// From Archived to Production. For a version that was there it is a rollback, which replaces what is there now.
    async fn back_to_production(&self, row: &VersionRow, mode: PolicyMode) -> Result<(), MlflowError> {
        let was_there = row.production_index.is_some();
        if was_there && (self.others != Others::Keep || self.in_stage(Stage::Production).await?.is_empty()) {
            let MlflowAllowed(allowed) = self.allowed;
            let ask = RollbackAsk { model: self.name.clone(), to: Some(self.number), reason: self.reason() };
            allowed.app.rollback(&allowed.caller, &ask, &self.allowed.options()).await?;
            return Ok(());
        }
        match mode {
            PolicyMode::Warn => {
                self.change(self.number, State::Draft, None).await?;
                self.promote(row, State::Production).await
            }
            PolicyMode::Enforce => {
                let what = format!("version {} is archived", self.number);
                let (what, remedy) = if was_there {
                    (format!("{what}: going back to it replaces what is in production"), "ask with archive_existing_versions=True, or use `chancery rollback`")
                } else {
                    (format!("{what} and was never in production"), "move it to None, then to Staging, then to Production, through the gates of each")
                };
                Err(self.refuse(row, &what, remedy).await)
            }
        }
    }

    /// Archives every other version in the stage, when that was asked for.
    async fn archive_others(&self) -> Result<(), MlflowError> {
        if self.others == Others::Keep {
            return Ok(());
        }
        for number in self.in_stage(self.stage).await? {
            self.change(number, State::Deprecated, Some(self.number)).await?;
        }
        Ok(())
    }

    /// The other versions in a stage.
    async fn in_stage(&self, stage: Stage) -> Result<Vec<VersionNumber>, MlflowError> {
        let snapshot = self.allowed.read().await?;
        let mut found = Vec::new();
        for state in stage.states() {
            let tail = "JOIN names ON names.model_id = versions.model_id WHERE names.name = $1 AND versions.state = $2 AND versions.hidden = 0";
            found.extend(snapshot.rows::<VersionRow>(tail, &values![self.name, state]).await?.into_iter().map(|row| row.number));
        }
        found.retain(|number| *number != self.number);
        Ok(found)
    }

    /// A move by reason instead of a gate.
    async fn change(&self, number: VersionNumber, to: State, successor: Option<VersionNumber>) -> Result<(), MlflowError> {
        let MlflowAllowed(allowed) = self.allowed;
        let ask = TransitionAsk { to, reason: self.reason(), successor, sunset: None, expected: None };
        allowed.app.transition(&allowed.caller, &self.name, number, &ask, &self.allowed.options()).await?;
        Ok(())
    }

    /// MLflow's API has no place for a reason.
    fn reason(&self) -> String {
        format!("through MLflow: version {} to {}", self.number, self.stage.as_str())
    }

    async fn refuse(&self, row: &VersionRow, what: &str, remedy: &str) -> MlflowError {
        let MlflowAllowed(allowed) = self.allowed;
        let refusal = Refusal::new(Code::TransitionRefused, what).field("stage").remedy(remedy);
        let subject = Subject::Version(row.model_id.clone(), row.number);
        allowed.app.refuse(&allowed.caller, subject, "transition", refusal, None).await.into()
    }
}

/// The policy mode in force for a version: that of its model, else the registry's.
async fn mode(snapshot: &Snapshot, version: &VersionRow) -> Result<PolicyMode, MlflowError> {
    let own = snapshot.get::<ModelRow>(values![version.model_id]).await?.and_then(|model| model.policy_mode);
    if let Some(mode) = own {
        return Ok(mode);
    }
    let row = snapshot.get::<SettingRow>(values![POLICY_MODE]).await?;
    Ok(row.and_then(|row| PolicyMode::parse(&row.value).ok()).unwrap_or(PolicyMode::Enforce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_change_has_the_move_of_the_design() {
        use State::{Approved, Candidate, Deprecated, Draft, Production, Retired};
        let table = [
            // from, to None, Staging, Production, Archived; a state that is shown as the stage stays what it is
            (Draft, [None, Some(Candidate), Some(Production), Some(Deprecated)]),
            (Candidate, [Some(Draft), None, Some(Production), Some(Deprecated)]),
            (Approved, [Some(Draft), None, Some(Production), Some(Deprecated)]),
            (Production, [Some(Draft), Some(Candidate), None, Some(Deprecated)]),
            (Deprecated, [Some(Draft), Some(Candidate), Some(Production), None]),
            (Retired, [Some(Draft), Some(Candidate), Some(Production), None]),
        ];
        for (from, targets) in table {
            assert_eq!(Stage::ALL.map(|stage| stage.target(from)), targets, "{from}");
        }
    }

    #[test]
    fn stages_are_read_in_any_case() {
        for text in ["production", "PRODUCTION", "pROduction"] {
            assert_eq!(Stage::parse(text).unwrap(), Stage::Production);
        }
        let expected = "Invalid Model Version stage: unknown. Value must be one of None, Staging, Production, Archived.";
        assert_eq!(Stage::parse("unknown").unwrap_err().message, expected);
    }
}
