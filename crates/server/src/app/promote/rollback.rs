//! Rollback: back to a version that was in production.

use chancery_core::access::Action;
use chancery_core::entry::PrivateText;
use chancery_core::names::{AliasName, Label, ModelName, State, VersionNumber};
use chancery_core::policy::non_waivable::ROLLBACK_ACTOR_RULE;
use chancery_core::policy::{Gate, Verdict};
use chancery_core::promotion::{Command, DecisionKind, check_deprecated};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{AliasRow, ModelRow, VersionRow};
use futures_util::FutureExt;

use crate::app::access::Caller;
use crate::app::execute::{Options, Receipt};
use crate::app::gate::{Evaluated, Subjects};
use crate::app::{App, AppError, view};
use crate::store::Snapshot;
use crate::{ids, values};

/// How long a rollback waives what else the production gate lacks, in seconds: 72 hours.
const ROLLBACK_EXCEPTION_SECONDS: i64 = 72 * 3600;

/// A rollback.
#[derive(Clone, Debug)]
pub struct RollbackAsk {
    /// Model.
    pub model: ModelName,
    /// Version to go back to; without it the newest that was in production.
    pub to: Option<VersionNumber>,
    /// Why.
    pub reason: String,
}

/// What a rollback would do.
#[derive(Clone, Debug)]
pub struct Drill {
    /// Version to go back to.
    pub to: VersionNumber,
    /// Versions in production that it would replace.
    pub replaces: Vec<VersionNumber>,
    /// What the rollback gate says.
    pub verdict: Verdict,
    /// Rules of the production gate that would be waived for 72 hours.
    pub exceptions: Vec<String>,
}

impl Drill {
    /// Whether nothing is against the rollback but who asks for it.
    pub fn refuses_the_asker_alone(&self) -> bool {
        self.verdict.blocks() && self.verdict.failed().all(|finding| finding.rule == ROLLBACK_ACTOR_RULE)
    }
}

impl App {
    /// Goes back to a version that was in production.
    ///
    /// # Errors
    /// `non_waivable` (recorded) when the rollback gate fails; `transition_refused` when there is nothing to go back to.
    pub async fn rollback(&self, caller: &Caller, ask: &RollbackAsk, options: &Options) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let (receipt, ()) = self
            .prepared(caller, Action::Rollback, options, |caller| {
                async move {
                    let caller = &caller;
                    let (plan, subjects, evaluated) = self.rollback_plan(caller, ask).await?;
                    let snapshot = self.store().read().await?;
                    let decision = self.decision_of(&snapshot, caller, &subjects, &evaluated, DecisionKind::Executed, None).await?;
                    let aliases = follow(&snapshot, &subjects.model, &plan.replaces).await?;
                    drop(snapshot);
                    let exceptions = plan.exceptions.into_iter().map(|rule| Ok((ids::exception()?, rule))).collect::<Result<_, AppError>>()?;
                    let command = Command::Rollback {
                        model: subjects.model.model_id.clone(),
                        to: plan.to,
                        replaced: plan.replaces,
                        reason: PrivateText::new("reason", &ask.reason, ids::random()?)?,
                        gate: evaluated.record.clone(),
                        exceptions,
                        exceptions_end: self.now().plus_seconds(ROLLBACK_EXCEPTION_SECONDS),
                        aliases,
                        decision,
                    };
                    Ok((self.ready(caller, command.into(), &subjects, Some(evaluated)).await?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    /// Says what a rollback would do, without effect (LIF-5).
    ///
    /// # Errors
    /// As [`App::rollback`].
    pub async fn rollback_drill(&self, caller: &Caller, ask: &RollbackAsk) -> Result<Drill, AppError> {
        let _turn = self.turn().await?;
        Ok(self.rollback_plan(caller, ask).await?.0)
    }

    async fn rollback_plan(&self, caller: &Caller, ask: &RollbackAsk) -> Result<(Drill, Subjects, Evaluated), AppError> {
        let snapshot = self.seen_by(caller).await?;
        let environment = Label::parse("production")?;
        let (model, version) = match ask.to {
            Some(number) => view::version_named(&snapshot, &ask.model, number).await?,
            None => {
                let model = view::model_named(&snapshot, &ask.model).await?;
                let nothing = || {
                    Refusal::new(Code::TransitionRefused, &format!("model `{}` has no deprecated version that was in production", ask.model))
                        .remedy("a rollback needs a release before the present one; promote another version, or demote this one")
                };
                let version = before_the_present(&snapshot, &model).await?.ok_or_else(nothing)?;
                (model, version)
            }
        };
        check_deprecated(version.number, version.state)?;
        let replaces: Vec<VersionNumber> = view::production(&snapshot, &model).await?.into_iter().map(|row| row.number).collect();
        let subjects = self.subjects(&snapshot, caller, model, version, State::Production, &environment, None).await?;
        drop(snapshot);
        let evaluated = self.evaluate(vec![Gate::Rollback], &subjects).await?;
        // What the ordinary way would have asked for beside the rollback gate; waivable rules of it become exceptions.
        let ordinary = self.evaluate(vec![Gate::Candidate, Gate::Approved, Gate::Production], &subjects).await?;
        let exceptions = ordinary.verdict.failed().filter(|finding| !finding.non_waivable).map(|finding| finding.rule.clone()).collect();
        let drill = Drill { to: subjects.version.number, replaces, verdict: evaluated.verdict.clone().about(&subjects.label()), exceptions };
        Ok((drill, subjects, evaluated))
    }
}

/// The version that a rollback goes back to unless it names another: the deprecated one that was the last in production.
///
/// # Errors
/// [`AppError::Fault`].
async fn before_the_present(snapshot: &Snapshot, model: &ModelRow) -> Result<Option<VersionRow>, AppError> {
    let tail = "WHERE model_id = $1 AND state = $2 AND production_index IS NOT NULL ORDER BY production_index DESC LIMIT 1";
    Ok(snapshot.rows::<VersionRow>(tail, &values![model.model_id, State::Deprecated]).await?.into_iter().next())
}

/// The version that a rollback goes back to, for who looks at one: at a version in production it is the one before it, at a deprecated one that
/// was in production itself.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn way_back(snapshot: &Snapshot, model: &ModelRow, version: &VersionRow) -> Result<Option<VersionNumber>, AppError> {
    Ok(match version.state {
        State::Production => before_the_present(snapshot, model).await?.map(|row| row.number),
        State::Deprecated => version.production_index.map(|_| version.number),
        State::Draft | State::Candidate | State::Approved | State::Retired => None,
    })
}

/// Aliases that promise production and name a version that a rollback replaces: they follow.
async fn follow(snapshot: &Snapshot, model: &ModelRow, replaced: &[VersionNumber]) -> Result<Vec<AliasName>, AppError> {
    let rows = snapshot.rows::<AliasRow>("WHERE model_id = $1 ORDER BY alias", &values![model.model_id]).await?;
    let promises = |alias: &AliasName| {
        chancery_core::alias::check_state(alias, State::Draft).is_err() && chancery_core::alias::check_state(alias, State::Production).is_ok()
    };
    Ok(rows.into_iter().filter(|row| replaced.contains(&row.number) && promises(&row.alias)).map(|row| row.alias).collect())
}
