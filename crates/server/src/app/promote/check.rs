//! Checks: what the gates say, without effect.

use chancery_core::access::Action;
use chancery_core::names::{Label, ModelName, State, VersionNumber};
use chancery_core::policy::{Gate, Input, Verdict};
use chancery_core::refusal::Refusal;
use chancery_core::registry;
use chancery_core::tables::{OpenPromotionRow, PromotionRow, VersionRow};
use futures_util::FutureExt;

use crate::app::access::Caller;
use crate::app::execute::{Options, Receipt};
use crate::app::gate::{Evaluated, Subjects, gates};
use crate::app::{App, AppError, view};
use crate::store::Snapshot;
use crate::values;

impl App {
    /// Evaluates every gate between a version's state and `to`. Changes nothing.
    ///
    /// # Errors
    /// The refusal that no gate leads there; `not_found`.
    pub async fn check(&self, caller: &Caller, model: &ModelName, number: VersionNumber, to: State, environment: &Label) -> Result<(Verdict, Input), AppError> {
        let _turn = self.turn().await?;
        let (gates, subjects) = self.looked_at(caller, model, number, to, environment).await?;
        Ok((self.verdict(gates?, &subjects).await?, subjects.input))
    }

    /// What every gate between a version's state and `to` says, when some stand there, and the document that they read: also of a version
    /// that is there already, or past it.
    ///
    /// # Errors
    /// `not_found`; a fault.
    pub async fn examined(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        to: State,
        environment: &Label,
    ) -> Result<(Option<Verdict>, Input), AppError> {
        let _turn = self.turn().await?;
        let (gates, subjects) = self.looked_at(caller, model, number, to, environment).await?;
        let verdict = match gates {
            Ok(gates) => Some(self.verdict(gates, &subjects).await?),
            Err(_) => None,
        };
        Ok((verdict, subjects.input))
    }

    pub(super) async fn checked(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        to: State,
        environment: &Label,
    ) -> Result<(Evaluated, Subjects), AppError> {
        let (gates, subjects) = self.looked_at(caller, model, number, to, environment).await?;
        let evaluated = self.evaluate(gates?, &subjects).await?;
        Ok((evaluated, subjects))
    }

    /// The gates between a version's state and `to`, or the refusal that none leads there, and what they read.
    async fn looked_at(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        to: State,
        environment: &Label,
    ) -> Result<(Result<Vec<Gate>, Refusal>, Subjects), AppError> {
        let snapshot = self.seen_by(caller).await?;
        let (model, version) = view::version_named(&snapshot, model, number).await?;
        let open = open_promotion(&snapshot, &version, to).await?;
        let gates = gates(version.state, to);
        let subjects = self.subjects(&snapshot, caller, model, version, to, environment, open).await?;
        Ok((gates, subjects))
    }

    /// Evaluates the gates and keeps the verdict as an entry.
    ///
    /// # Errors
    /// As [`App::check`].
    pub async fn record_check(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        to: State,
        environment: &Label,
        options: &Options,
    ) -> Result<(Receipt, Verdict), AppError> {
        self.prepared(caller, Action::Register, options, |caller| {
            async move {
                let caller = &caller;
                let (evaluated, subjects) = self.checked(caller, model, number, to, environment).await?;
                let command = registry::Command::RecordCheck { model: subjects.model.model_id.clone(), number, target: to, gate: evaluated.record };
                Ok((self.ready(caller, command.into(), &subjects, None).await?, evaluated.verdict))
            }
            .boxed()
        })
        .await
    }
}

pub(in crate::app) async fn open_promotion(snapshot: &Snapshot, version: &VersionRow, target: State) -> Result<Option<PromotionRow>, AppError> {
    let Some(open) = snapshot.get::<OpenPromotionRow>(values![version.model_id, version.number, target]).await? else { return Ok(None) };
    Ok(snapshot.get::<PromotionRow>(values![open.promotion_id]).await?)
}
