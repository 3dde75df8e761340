//! The gated calls: check, promote, review, execute, roll back, reinstate. Each prepares from one snapshot and is sequenced after.

use chancery_core::access::{Action, authorize};
use chancery_core::approval::{ApprovalVerdict, Condition};
use chancery_core::entry::{Entry, PrivateText, Subject};
use chancery_core::lifecycle::{Move, transition};
use chancery_core::names::{AliasName, Digest, Label, ModelName, PromotionId, State, Timestamp, VersionNumber};
use chancery_core::policy::{Finding, Gate, Input, Verdict};
use chancery_core::promotion::{Command, DecisionKind, Status};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{AliasRow, ModelRow, OpenPromotionRow, PromotionRow, VersionRow};
use chancery_core::{Event, promotion, registry, version};
use futures_util::FutureExt;

use super::access::Caller;
use super::execute::{ATTEMPTS, Options, Prepared, Receipt, contended};
use super::gate::{Evaluated, Subjects, gates};
use super::signed::{ApprovalText, DecisionText, counts};
use super::{App, AppError, view};
use crate::crash::{CrashPoint, reach};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

/// How long a rollback waives what else the production gate lacks, in seconds: 72 hours.
const ROLLBACK_EXCEPTION_SECONDS: i64 = 72 * 3600;
/// How long a decision that approves a promotion may wait for its execution, when no approval ends sooner.
const DAY_SECONDS: i64 = 86_400;

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

/// A reviewer's verdict.
#[derive(Clone, Debug)]
pub struct ReviewAsk {
    /// Role.
    pub role: Label,
    /// Yes or no.
    pub verdict: ApprovalVerdict,
    /// The evidence set that was shown.
    pub evidence_set: Digest,
    /// Comment.
    pub comment: Option<String>,
    /// Ticket reference.
    pub ticket: Option<String>,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

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

impl App {
    /// Evaluates every gate between a version's state and `to`. Changes nothing.
    ///
    /// # Errors
    /// The refusal that no gate leads there; `not_found`.
    pub async fn check(&self, caller: &Caller, model: &ModelName, number: VersionNumber, to: State, environment: &Label) -> Result<(Verdict, Input), AppError> {
        let _turn = self.turn().await?;
        let (evaluated, subjects) = self.checked(caller, model, number, to, environment).await?;
        Ok((evaluated.verdict, subjects.input))
    }

    async fn checked(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        to: State,
        environment: &Label,
    ) -> Result<(Evaluated, Subjects), AppError> {
        let snapshot = self.store().read().await?;
        let (model, version) = view::version_named(&snapshot, model, number).await?;
        let open = open_promotion(&snapshot, &version, to).await?;
        let gates = gates(version.state, to)?;
        let subjects = self.subjects(&snapshot, caller, model, version, to, environment, open).await?;
        drop(snapshot);
        let evaluated = self.evaluate(gates, &subjects.input).await?;
        Ok((evaluated, subjects))
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
                Ok((self.ready(caller, command.into(), &subjects, None)?, evaluated.verdict))
            }
            .boxed()
        })
        .await
    }

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
        let plain = Options::at(options.door);
        let Some(promotion) = &subjects.promotion else {
            let (receipt, promotion) = match self.open_promotion(caller, ask, options).await {
                Err(AppError::Refused(refusal, _)) if refusal.code == Code::AlreadyExists => return Ok(None),
                opened => opened?,
            };
            self.decide_if_complete(caller, &promotion, &plain).await?;
            let outcome = self.execute_if_complete(caller, &promotion, ask.others, receipt, &plain).await?;
            return Ok(Some(PromoteOutcome { opening: Opening::New, ..outcome }));
        };
        let id = promotion.promotion_id.clone();
        let changed = promotion.evidence_set != subjects.input.evidence_set_digest || promotion.tier_index != subjects.model.tier_index;
        if changed {
            let receipt = self.refresh(caller, &id, options).await?;
            self.decide_if_complete(caller, &id, &plain).await?;
            return self.execute_if_complete(caller, &id, ask.others, receipt, &plain).await.map(Some);
        }
        self.decide_if_complete(caller, &id, &plain).await?;
        let receipt = self.execute_promotion(caller, &id, ask.others, options).await?;
        Ok(Some(PromoteOutcome { promotion: id, executed: true, opening: Opening::Known, missing: Vec::new(), receipt }))
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

    async fn refresh(&self, caller: &Caller, id: &PromotionId, options: &Options) -> Result<Receipt, AppError> {
        let (receipt, ()) = self
            .prepared(caller, Action::AskPromotion, options, |caller| {
                async move {
                    let caller = &caller;
                    let (subjects, gates) = self.promotion_subjects(caller, id).await?;
                    let evaluated = self.evaluate(gates, &subjects.input).await?;
                    let command = Command::Refresh { promotion: id.clone(), evidence_set: subjects.input.evidence_set_digest, gate: evaluated.record };
                    Ok((self.ready(caller, command.into(), &subjects, None)?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    /// Reads an open promotion with everything that its gates read.
    pub(super) async fn promotion_subjects(&self, caller: &Caller, id: &PromotionId) -> Result<(Subjects, Vec<Gate>), AppError> {
        let snapshot = self.store().read().await?;
        let row = open_by_id(&snapshot, id).await?;
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
        let version = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
        let gates = gates(version.state, row.target)?;
        let (target, environment) = (row.target, row.environment.clone());
        let subjects = self.subjects(&snapshot, caller, model, version, target, &environment, Some(row)).await?;
        Ok((subjects, gates))
    }

    /// What an open promotion shows: its input document and the verdict of its gates now.
    ///
    /// # Errors
    /// `not_found`; the refusal that it is closed.
    pub async fn promotion_check(&self, caller: &Caller, id: &PromotionId) -> Result<(Verdict, Input, Vec<String>), AppError> {
        let _turn = self.turn().await?;
        let (subjects, gates) = self.promotion_subjects(caller, id).await?;
        let roles = self.required_roles(&subjects.input)?;
        let evaluated = self.evaluate(gates, &subjects.input).await?;
        Ok((evaluated.verdict, subjects.input, roles))
    }

    /// Roles whose approval the policy asks for.
    ///
    /// # Errors
    /// A fault when the policy cannot say.
    pub fn required_roles(&self, input: &Input) -> Result<Vec<String>, AppError> {
        Ok(self.engine().required_approvals(input).map_err(|error| Fault::database("ask the policy for the roles of approval", error))?)
    }

    /// Gives a verdict; when it completes the promotion, the decision is signed and recorded.
    ///
    /// # Errors
    /// `separation_of_duties` (recorded), `precondition_failed` when other evidence was shown, `access_denied`.
    pub async fn review(&self, caller: &Caller, id: &PromotionId, ask: &ReviewAsk, options: &Options) -> Result<Receipt, AppError> {
        let receipt = match self.replayed(options).await? {
            Some(receipt) => receipt,
            None => self.record_review(caller, id, ask, options).await?,
        };
        if ask.verdict == ApprovalVerdict::Approve {
            // A crash between the approval and this loses nothing: whoever repeats the approval under its idempotency key, or
            // promotes next, has the decision signed.
            self.decide_if_complete(caller, id, &Options::at(options.door)).await?;
        }
        Ok(receipt)
    }

    async fn record_review(&self, caller: &Caller, id: &PromotionId, ask: &ReviewAsk, options: &Options) -> Result<Receipt, AppError> {
        let (receipt, ()) = self
            .prepared(caller, Action::Review, options, |caller| {
                async move {
                    let caller = &caller;
                    let (subjects, gates) = self.promotion_subjects(caller, id).await?;
                    let expires_at = self.now().plus_seconds(i64::from(self.engine().approval_lifetime_days()) * DAY_SECONDS);
                    let comment = private("comment", ask.comment.as_deref())?;
                    let text = ApprovalText {
                        role: &ask.role,
                        verdict: ask.verdict,
                        comment: comment.as_ref().map(|comment| comment.digest),
                        ticket: ask.ticket.as_deref(),
                        conditions: &ask.conditions,
                        expires_at,
                    };
                    let snapshot = self.store().read().await?;
                    let envelope = self.sign_approval(&snapshot, caller, &subjects, text).await?;
                    let decision = match ask.verdict {
                        ApprovalVerdict::Approve => None,
                        ApprovalVerdict::Reject => {
                            let evaluated = self.evaluate(gates, &subjects.input).await?;
                            Some(self.decision_of(&snapshot, caller, &subjects, &evaluated, DecisionKind::Rejected, None).await?)
                        }
                    };
                    let mine = subjects.approvals.iter().filter(|row| row.actor == caller.actor.id && row.role != ask.role && counts(row, &subjects));
                    let command = Command::Review {
                        promotion: id.clone(),
                        role: ask.role.clone(),
                        verdict: ask.verdict,
                        evidence_set: ask.evidence_set,
                        comment,
                        ticket: ask.ticket.clone(),
                        conditions: ask.conditions.clone(),
                        expires_at,
                        envelope,
                        authors: subjects.input.authors.clone(),
                        other_roles: mine.map(|row| row.role.clone()).collect(),
                        decision,
                    };
                    Ok((self.ready(caller, command.into(), &subjects, None)?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    /// Signs and records the decision APPROVED once every gate before execution holds and no decision is there yet. Of a promotion
    /// that was closed there is nothing to decide.
    async fn decide_if_complete(&self, caller: &Caller, id: &PromotionId, options: &Options) -> Result<(), AppError> {
        let turn = self.turn().await?;
        let (subjects, gates) = match self.promotion_subjects(caller, id).await {
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::TransitionRefused => return Ok(()),
            other => other?,
        };
        let before: Vec<Gate> = gates.into_iter().filter(|gate| *gate != Gate::Production).collect();
        let decided = subjects.input.decision.as_ref().is_some_and(|decision| decision.expires_at > subjects.input.now);
        if decided || subjects.input.target == State::Candidate || !caller.actor.may(Action::Decide) {
            return Ok(());
        }
        let evaluated = self.evaluate(before, &subjects.input).await?;
        if !evaluated.verdict.passed {
            return Ok(());
        }
        let ends = subjects.approvals.iter().filter(|row| counts(row, &subjects)).map(|row| row.expires_at).min();
        let lifetime = i64::from(self.engine().approval_lifetime_days()) * DAY_SECONDS;
        let expires_at = ends.unwrap_or_else(|| self.now().plus_seconds(lifetime));
        let snapshot = self.store().read().await?;
        let decision = self.decision_of(&snapshot, caller, &subjects, &evaluated, DecisionKind::Approved, Some(expires_at)).await?;
        drop(snapshot);
        let command = Command::Decide { promotion: id.clone(), decision };
        let prepared = self.ready(caller, command.into(), &subjects, None)?;
        drop(turn);
        reach(self.inner.crash, CrashPoint::BeforeDecision);
        match self.attempt(prepared, options).await {
            // Somebody else changed the promotion meanwhile: the next call decides.
            Ok(_) => Ok(()),
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::AlreadyExists => Ok(()),
            Err(other) => Err(other),
        }
    }

    pub(super) async fn decision_of(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        subjects: &Subjects,
        evaluated: &Evaluated,
        decision: DecisionKind,
        expires_at: Option<Timestamp>,
    ) -> Result<chancery_core::promotion::SignedDecision, AppError> {
        let last = subjects.approvals.iter().rfind(|row| counts(row, subjects));
        let decided_by = match (decision, last) {
            (DecisionKind::Approved, Some(row)) => &row.actor,
            (DecisionKind::Approved | DecisionKind::Rejected | DecisionKind::Executed | DecisionKind::ExceptionGranted, _) => &caller.actor.id,
        };
        let requested = subjects.promotion.as_ref().map_or((&caller.actor.id, self.now()), |row| (&row.opened_by, row.opened_at));
        let text =
            DecisionText { decision, from: subjects.version.state, to: subjects.input.target, decided_by, requested, verdict: &evaluated.verdict, expires_at };
        self.sign_decision(snapshot, subjects, text).await
    }

    async fn execute_if_complete(
        &self,
        caller: &Caller,
        id: &PromotionId,
        others: Others,
        receipt: Receipt,
        options: &Options,
    ) -> Result<PromoteOutcome, AppError> {
        let (verdict, _, _) = self.promotion_check(caller, id).await?;
        if verdict.blocks() || !caller.actor.may(Action::Execute) && verdict.gates != [Gate::Candidate] {
            let missing = verdict.failed().cloned().collect();
            return Ok(PromoteOutcome { promotion: id.clone(), executed: false, opening: Opening::Known, missing, receipt });
        }
        if !caller.actor.may(Action::Execute) {
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
                    let evaluated = self.evaluate(gates, &subjects.input).await?;
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
                    let command = Command::Execute { promotion: id.clone(), gate: evaluated.record.clone(), decision, replaced };
                    Ok((self.ready(caller, command.into(), &subjects, Some(evaluated))?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

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
                    Ok((self.ready(caller, command.into(), &subjects, Some(evaluated))?, ()))
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
        let snapshot = self.store().read().await?;
        let environment = Label::parse("production")?;
        let (model, version) = match ask.to {
            Some(number) => view::version_named(&snapshot, &ask.model, number).await?,
            None => {
                let model = view::model_named(&snapshot, &ask.model).await?;
                let previous = snapshot
                    .rows::<VersionRow>(
                        "WHERE model_id = $1 AND state = $2 AND production_index IS NOT NULL ORDER BY production_index DESC LIMIT 1",
                        &values![model.model_id, State::Deprecated],
                    )
                    .await?;
                let nothing = || {
                    Refusal::new(Code::TransitionRefused, &format!("model `{}` has no deprecated version that was in production", ask.model))
                        .remedy("a rollback needs a release before the present one; promote another version, or demote this one")
                };
                let version = previous.into_iter().next().ok_or_else(nothing)?;
                (model, version)
            }
        };
        if transition(version.state, State::Production) != Move::Rollback {
            let message = format!("version {} is {}: only a deprecated version can be rolled back to", version.number, version.state);
            return Err(Refusal::new(Code::TransitionRefused, &message).field("to").remedy("promote it through its gates").into());
        }
        let replaces: Vec<VersionNumber> = view::production(&snapshot, &model).await?.into_iter().map(|row| row.number).collect();
        let subjects = self.subjects(&snapshot, caller, model, version, State::Production, &environment, None).await?;
        drop(snapshot);
        let evaluated = self.evaluate(vec![Gate::Rollback], &subjects.input).await?;
        // What the ordinary way would have asked for beside the rollback gate; waivable rules of it become exceptions.
        let ordinary = self.evaluate(vec![Gate::Candidate, Gate::Approved, Gate::Production], &subjects.input).await?;
        let exceptions = ordinary.verdict.failed().filter(|finding| !finding.non_waivable).map(|finding| finding.rule.clone()).collect();
        let drill = Drill { to: subjects.version.number, replaces, verdict: evaluated.verdict.clone(), exceptions };
        Ok((drill, subjects, evaluated))
    }

    /// Demotes, deprecates, reinstates or retires a version.
    ///
    /// # Errors
    /// `transition_refused` (recorded); `gate_failed` for a reinstatement to candidate.
    pub async fn transition(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        ask: &TransitionAsk,
        options: &Options,
    ) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let action = match version::move_kind(ask.to) {
            version::DirectMove::Demotion => Action::Demote,
            version::DirectMove::End => Action::Retire,
        };
        let (receipt, ()) = self
            .prepared(caller, action, options, |caller| {
                async move {
                    let caller = &caller;
                    let snapshot = self.store().read().await?;
                    let (model, version) = view::version_named(&snapshot, model, number).await?;
                    let gated = transition(version.state, ask.to) == Move::Reinstate && ask.to == State::Candidate;
                    let environment = Label::parse("production")?;
                    let subjects = self.subjects(&snapshot, caller, model, version, ask.to, &environment, None).await?;
                    drop(snapshot);
                    let evaluated = if gated { Some(self.evaluate(vec![Gate::Candidate], &subjects.input).await?) } else { None };
                    let command = version::Command::Transition {
                        model: subjects.model.model_id.clone(),
                        number,
                        to: ask.to,
                        reason: PrivateText::new("reason", &ask.reason, ids::random()?)?,
                        successor: ask.successor,
                        sunset: ask.sunset,
                        gate: evaluated.as_ref().map(|evaluated| evaluated.record.clone()),
                        expected: ask.expected,
                    };
                    Ok((self.ready(caller, command.into(), &subjects, evaluated)?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    /// A command with everything that was noted for it, authorised at the caller's access revision.
    pub(super) fn ready(&self, caller: &Caller, command: chancery_core::Command, subjects: &Subjects, evaluated: Option<Evaluated>) -> Result<Prepared, AppError> {
        Ok(Prepared {
            command: authorize(&caller.actor, command)?,
            noted: subjects.noted.clone(),
            evaluated_at: Some(subjects.input.now),
            gate: evaluated.map(|evaluated| evaluated.record),
            subject: Subject::Version(subjects.model.model_id.clone(), subjects.version.number),
        })
    }
}

/// A transition by reason.
#[derive(Clone, Debug)]
pub struct TransitionAsk {
    /// New state.
    pub to: State,
    /// Why.
    pub reason: String,
    /// Version that replaces it.
    pub successor: Option<VersionNumber>,
    /// When running use must end.
    pub sunset: Option<Timestamp>,
    /// Revision that the caller saw.
    pub expected: Option<u64>,
}

fn private(field: &'static str, text: Option<&str>) -> Result<Option<PrivateText>, AppError> {
    text.map(|text| Ok(PrivateText::new(field, text, ids::random()?)?)).transpose()
}

async fn open_promotion(snapshot: &Snapshot, version: &VersionRow, target: State) -> Result<Option<PromotionRow>, AppError> {
    let Some(open) = snapshot.get::<OpenPromotionRow>(values![version.model_id, version.number, target]).await? else { return Ok(None) };
    Ok(snapshot.get::<PromotionRow>(values![open.promotion_id]).await?)
}

async fn open_by_id(snapshot: &Snapshot, id: &PromotionId) -> Result<PromotionRow, AppError> {
    let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
    if row.status == Status::Open {
        return Ok(row);
    }
    Err(Refusal::new(Code::TransitionRefused, &format!("the promotion is {} already", row.status))
        .field("promotion")
        .remedy("open a new one with `promote`")
        .into())
}

/// Aliases that promise production and name a version that a rollback replaces: they follow.
async fn follow(snapshot: &Snapshot, model: &ModelRow, replaced: &[VersionNumber]) -> Result<Vec<AliasName>, AppError> {
    let rows = snapshot.rows::<AliasRow>("WHERE model_id = $1 ORDER BY alias", &values![model.model_id]).await?;
    let promises = |alias: &AliasName| {
        chancery_core::alias::check_state(alias, State::Draft).is_err() && chancery_core::alias::check_state(alias, State::Production).is_ok()
    };
    Ok(rows.into_iter().filter(|row| replaced.contains(&row.number) && promises(&row.alias)).map(|row| row.alias).collect())
}
