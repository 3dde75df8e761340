//! Opening: whoever promotes opens the promotion or finds the open one, and executes it when nothing is missing.

use chancery_core::access::Action;
use chancery_core::entry::{Entry, Subject};
use chancery_core::names::{Label, ModelName, PromotionId, State, VersionNumber};
use chancery_core::policy::Finding;
use chancery_core::promotion::{Command, Status};
use chancery_core::refusal::Code;
use chancery_core::tables::PromotionRow;
use chancery_core::{Event, promotion};
use futures_util::FutureExt;

use super::execute::Others;
use super::private;
use crate::app::access::Caller;
use crate::app::execute::{ATTEMPTS, Options, Receipt, contended};
use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::{ids, values};

/// What somebody who promotes asks for.
#[derive(Clone, Debug)]
pub struct PromoteAsk {
    /// Model.
    pub model: ModelName,
    /// Version.
    pub number: VersionNumber,
    /// Target state.
    pub to: State,
    /// Environment.
    pub environment: Label,
    /// Why.
    pub comment: Option<String>,
    /// Whether other versions stay in production.
    pub others: Others,
}

/// What became of a promotion.
#[derive(Clone, Debug)]
pub struct PromoteOutcome {
    /// The promotion.
    pub promotion: PromotionId,
    /// Whether the version reached the target.
    pub executed: bool,
    /// Whether this call opened it.
    pub opening: Opening,
    /// Rules that still fail.
    pub missing: Vec<Finding>,
    /// The entries of the last step; none when nothing had to be written.
    pub receipt: Receipt,
}

/// Whether a call opened the promotion that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It did.
    New,
    /// The promotion was open before.
    Known,
}

impl App {
    /// Opens the promotion of a version, or finds the open one, and executes it when nothing is missing.
    ///
    /// # Errors
    /// `gate_failed` (recorded) when the promotion was open already, nothing changed and rules still fail.
    pub async fn promote(&self, caller: &Caller, ask: &PromoteAsk, options: &Options) -> Result<PromoteOutcome, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return self.promoted_before(receipt).await;
        }
        for _ in 0..ATTEMPTS {
            if let Some(outcome) = self.promote_once(caller, ask, options).await? {
                return Ok(outcome);
            }
        }
        Err(contended().into())
    }

    /// One attempt at [`App::promote`]: none when somebody else opened the promotion meanwhile, which is then the one to go on with.
    async fn promote_once(&self, caller: &Caller, ask: &PromoteAsk, options: &Options) -> Result<Option<PromoteOutcome>, AppError> {
        let turn = self.turn().await?;
        let subjects = match self.checked(caller, &ask.model, ask.number, ask.to, &ask.environment).await {
            Ok((_, subjects)) => subjects,
            Err(error) => return Err(self.refused_while_prepared(caller, Action::AskPromotion, error).await),
        };
        drop(turn);
        let plain = options.plain();
        let Some(promotion) = &subjects.promotion else {
            let (receipt, promotion) = match self.open_promotion(caller, ask, options).await {
                Err(AppError::Refused(refusal, _)) if refusal.code == Code::AlreadyExists => return Ok(None),
                opened => opened?,
            };
            let outcome = self.go_on(caller, &promotion, ask.others, receipt, &plain).await?;
            return Ok(Some(PromoteOutcome { opening: Opening::New, ..outcome }));
        };
        let id = promotion.promotion_id.clone();
        let changed = promotion.evidence_set != subjects.input.evidence_set_digest || promotion.tier_index != subjects.model.tier_index;
        if changed {
            let receipt = self.refresh(caller, &id, options).await?;
            return self.go_on(caller, &id, ask.others, receipt, &plain).await.map(Some);
        }
        if !caller.actor.may(Action::Execute) {
            // Asking again is no attempt to execute: it is answered with what is missing, and nothing is recorded.
            let unwritten = Receipt { index: promotion.revision, entries: Vec::new(), replayed: false };
            return self.go_on(caller, &id, ask.others, unwritten, &plain).await.map(Some);
        }
        self.decide_if_complete(caller, &id, &plain).await?;
        let receipt = self.execute_promotion(caller, &id, ask.others, options).await?;
        Ok(Some(PromoteOutcome { promotion: id, executed: true, opening: Opening::Known, missing: Vec::new(), receipt }))
    }

    /// Has the decision signed and the version moved as far as nothing is missing; what only waits for its execution is said to be complete.
    async fn go_on(&self, caller: &Caller, id: &PromotionId, others: Others, receipt: Receipt, options: &Options) -> Result<PromoteOutcome, AppError> {
        self.decide_if_complete(caller, id, options).await?;
        let outcome = self.execute_if_complete(caller, id, others, receipt, options).await?;
        if !outcome.executed && outcome.missing.iter().all(|finding| finding.rule == promotion::PROMOTER_RULE) {
            self.complete_if_ready(caller, id, options).await?;
        }
        Ok(outcome)
    }

    /// What became of a promotion that was asked for before under the same idempotency key.
    async fn promoted_before(&self, receipt: Receipt) -> Result<PromoteOutcome, AppError> {
        let unreadable = || Fault::Config("the receipt of a promotion names no promotion".to_owned());
        let (mut found, mut opening) = (None, Opening::Known);
        for bytes in &receipt.entries {
            let entry = Entry::from_bytes(bytes).map_err(|error| Fault::database("read a receipt", error))?;
            let Subject::Promotion(id) = entry.subject else { continue };
            found = Some(id);
            if matches!(entry.event, Event::Promotion(promotion::Event::Opened { .. })) {
                opening = Opening::New;
            }
        }
        let id = found.ok_or_else(unreadable)?;
        let snapshot = self.store().read().await?;
        let row = snapshot.get::<PromotionRow>(values![id]).await?.ok_or_else(unreadable)?;
        Ok(PromoteOutcome { promotion: id, executed: row.status == Status::Executed, opening, missing: Vec::new(), receipt })
    }

    async fn open_promotion(&self, caller: &Caller, ask: &PromoteAsk, options: &Options) -> Result<(Receipt, PromotionId), AppError> {
        self.prepared(caller, Action::AskPromotion, options, |caller| {
            async move {
                let caller = &caller;
                let (evaluated, subjects) = self.checked(caller, &ask.model, ask.number, ask.to, &ask.environment).await?;
                let id = ids::promotion()?;
                let command = Command::Open {
                    id: id.clone(),
                    model: subjects.model.model_id.clone(),
                    number: subjects.version.number,
                    target: ask.to,
                    environment: ask.environment.clone(),
                    evidence_set: subjects.input.evidence_set_digest,
                    gate: evaluated.record,
                    comment: private("comment", ask.comment.as_deref())?,
                };
                Ok((self.ready(caller, command.into(), &subjects, None)?, id))
            }
            .boxed()
        })
        .await
    }

    pub(super) async fn refresh(&self, caller: &Caller, id: &PromotionId, options: &Options) -> Result<Receipt, AppError> {
        let (receipt, ()) = self
            .prepared(caller, Action::AskPromotion, options, |caller| {
                async move {
                    let caller = &caller;
                    let (subjects, gates) = self.promotion_subjects(caller, id).await?;
                    let evaluated = self.evaluate(gates, &subjects).await?;
                    let command = Command::Refresh { promotion: id.clone(), evidence_set: subjects.input.evidence_set_digest, gate: evaluated.record };
                    Ok((self.ready(caller, command.into(), &subjects, None)?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }
}
