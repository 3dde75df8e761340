//! Completion: once nothing but the execution is missing, an entry says so, and whoever waits for it can act.

use chancery_core::access::Action;
use chancery_core::names::{PromotionId, State};
use chancery_core::promotion::Command;
use chancery_core::refusal::Code;

use crate::app::access::Caller;
use crate::app::execute::Options;
use crate::app::{App, AppError};

impl App {
    /// Records that nothing but the execution is missing, once for a frozen evidence set.
    ///
    /// A crash before it loses nothing: whoever promotes next says it, or executes.
    pub(super) async fn complete_if_ready(&self, caller: &Caller, id: &PromotionId, options: &Options) -> Result<(), AppError> {
        let turn = self.turn().await?;
        let (subjects, gates) = match self.promotion_subjects(caller, id).await {
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::TransitionRefused => return Ok(()),
            other => other?,
        };
        let said = subjects.promotion.as_ref().is_none_or(|row| row.completed.is_some());
        let decided = subjects.input.decision.is_some() || subjects.input.target == State::Candidate;
        if said || !decided || !self.may(caller, Action::Decide, &subjects.model) {
            return Ok(());
        }
        let evaluated = self.evaluate(gates, &subjects).await?;
        if !evaluated.record.complete() {
            return Ok(());
        }
        let command = Command::Complete { promotion: id.clone(), gate: evaluated.record };
        let prepared = self.ready(caller, command.into(), &subjects, None).await?;
        drop(turn);
        match self.attempt(prepared, options).await {
            // Somebody else said it, or changed the promotion: then the next call looks again.
            Ok(_) => Ok(()),
            Err(AppError::Refused(refusal, _)) if matches!(refusal.code, Code::AlreadyExists | Code::TransitionRefused) => Ok(()),
            Err(other) => Err(other),
        }
    }
}
