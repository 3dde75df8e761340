//! Execution: every gate is evaluated again, and the version moves.

use chancery_core::access::{About, Action};
use chancery_core::names::{PromotionId, State};
use chancery_core::policy::Gate;
use chancery_core::promotion::{Command, DecisionKind};
use futures_util::FutureExt;

use super::open::{Opening, PromoteOutcome};
use crate::app::access::Caller;
use crate::app::execute::{Options, Receipt};
use crate::app::{App, AppError, view};
use crate::crash::{CrashPoint, reach};

/// What happens to other versions in the state that a promotion leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// In production they are deprecated, with the new one as successor; elsewhere they stay.
    Replace,
    /// They are deprecated, with the new one as successor, also when it becomes a candidate.
    Archive,
    /// They stay.
    Keep,
}

impl App {
    pub(super) async fn execute_if_complete(
        &self,
        caller: &Caller,
        id: &PromotionId,
        others: Others,
        receipt: Receipt,
        options: &Options,
    ) -> Result<PromoteOutcome, AppError> {
        let (verdict, _, _) = self.promotion_check(caller, id).await?;
        let may_execute = self.may_for(caller, Action::Execute, &About::Promotion(id.clone())).await?;
        if verdict.blocks() || !may_execute && verdict.gates != [Gate::Candidate] {
            let missing = verdict.failed().cloned().collect();
            return Ok(PromoteOutcome { promotion: id.clone(), executed: false, opening: Opening::Known, missing, receipt });
        }
        if !may_execute {
            return Ok(PromoteOutcome { promotion: id.clone(), executed: false, opening: Opening::Known, missing: Vec::new(), receipt });
        }
        // A crash here leaves the promotion open with all that it needs: whoever promotes next executes it.
        reach(self.inner.crash, CrashPoint::BeforeExecution);
        let receipt = self.execute_promotion(caller, id, others, options).await?;
        Ok(PromoteOutcome { promotion: id.clone(), executed: true, opening: Opening::Known, missing: Vec::new(), receipt })
    }

    /// Moves the version of an open promotion to its target. All gates are evaluated again.
    ///
    /// # Errors
    /// `gate_failed` or `non_waivable` (recorded, with the findings).
    pub async fn execute_promotion(&self, caller: &Caller, id: &PromotionId, others: Others, options: &Options) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let (receipt, ()) = self
            .prepared(caller, Action::Execute, options, |caller| {
                async move {
                    let caller = &caller;
                    let (subjects, gates) = self.promotion_subjects(caller, id).await?;
                    let evaluated = self.evaluate(gates, &subjects).await?;
                    let snapshot = self.store().read().await?;
                    let decision = self.decision_of(&snapshot, caller, &subjects, &evaluated, DecisionKind::Executed, None).await?;
                    let replaced = match (others, subjects.input.target) {
                        (Others::Archive, target) | (Others::Replace, target @ State::Production) => {
                            view::replaced(&snapshot, &subjects.version, target).await?
                        }
                        (Others::Replace, State::Draft | State::Candidate | State::Approved | State::Deprecated | State::Retired) | (Others::Keep, _) => {
                            Vec::new()
                        }
                    };
                    drop(snapshot);
                    let attestation = self.attest(&subjects, &evaluated, &decision)?;
                    let command = Command::Execute { promotion: id.clone(), gate: evaluated.record.clone(), decision, replaced, attestation };
                    Ok((self.ready(caller, command.into(), &subjects, Some(evaluated)).await?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }
}
