//! Verdicts: a person's word is signed and recorded, and the decision with it once nothing is missing.

use chancery_core::access::Action;
use chancery_core::approval::{ApprovalVerdict, Condition};
use chancery_core::entry::PrivateText;
use chancery_core::names::{ActorId, Digest, Label, PromotionId, State, Timestamp};
use chancery_core::policy::Gate;
use chancery_core::promotion::{Command, DecisionKind, Review};
use chancery_core::refusal::Code;
use chancery_core::tables::ApprovalRow;
use futures_util::FutureExt;

use super::own_signature::OwnSignature;
use super::{DAY_SECONDS, private};
use crate::app::access::Caller;
use crate::app::execute::{Options, Receipt};
use crate::app::gate::{Evaluated, Subjects};
use crate::app::signed::{ApprovalText, DecisionText, counts};
use crate::app::{App, AppError};
use crate::crash::{CrashPoint, reach};
use crate::store::Snapshot;

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
    /// The person's own signature.
    pub signed: Option<OwnSignature>,
}

impl App {
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
            let plain = options.plain();
            self.decide_if_complete(caller, id, &plain).await?;
            self.complete_if_ready(caller, id, &plain).await?;
        }
        Ok(receipt)
    }

    async fn record_review(&self, caller: &Caller, id: &PromotionId, ask: &ReviewAsk, options: &Options) -> Result<Receipt, AppError> {
        let (receipt, ()) = self
            .prepared(caller, Action::Review, options, |caller| {
                async move {
                    let caller = &caller;
                    let (subjects, gates) = self.promotion_subjects(caller, id).await?;
                    let at = ask.signed.as_ref().map_or(Ok(self.now()), |own| own.moment(caller, id, ask, self.now()))?;
                    let expires_at = at.plus_seconds(i64::from(subjects.policy.engine.approval_lifetime_days()) * DAY_SECONDS);
                    let comment = match (&ask.signed, ask.comment.as_deref()) {
                        (Some(own), Some(text)) => Some(PrivateText::new("comment", text, own.comment_salt)?),
                        (_, text) => private("comment", text)?,
                    };
                    let delegated_by = caller.speaks_for(&ask.role, &subjects.model).flatten().cloned();
                    let text = ApprovalText {
                        role: &ask.role,
                        delegated_by: delegated_by.as_ref(),
                        verdict: ask.verdict,
                        at,
                        comment: comment.as_ref().map(|comment| comment.digest),
                        ticket: ask.ticket.as_deref(),
                        conditions: &ask.conditions,
                        expires_at,
                    };
                    let snapshot = self.store().read().await?;
                    let envelope = self.sign_approval(&snapshot, caller, &subjects, text, ask.signed.as_ref()).await?;
                    let decision = match ask.verdict {
                        ApprovalVerdict::Approve => None,
                        ApprovalVerdict::Reject => {
                            let evaluated = self.evaluate(gates, &subjects).await?;
                            Some(self.decision_of(&snapshot, caller, &subjects, &evaluated, DecisionKind::Rejected, None).await?)
                        }
                    };
                    let other_roles = other_roles(&subjects, caller, delegated_by.as_ref(), &ask.role);
                    let authors = subjects.authors(&snapshot).await?;
                    drop(snapshot);
                    let command = Command::Review(Box::new(Review {
                        promotion: id.clone(),
                        role: ask.role.clone(),
                        delegated_by,
                        verdict: ask.verdict,
                        evidence_set: ask.evidence_set,
                        comment,
                        ticket: ask.ticket.clone(),
                        conditions: ask.conditions.clone(),
                        expires_at,
                        envelope,
                        signed_with: ask.signed.as_ref().map(|own| own.key_id),
                        authors,
                        other_roles,
                        decision,
                    }));
                    Ok((self.ready(caller, command.into(), &subjects, None).await?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    /// Signs and records the decision APPROVED once every gate before execution holds and no decision is there yet. Of a promotion
    /// that was closed there is nothing to decide.
    pub(super) async fn decide_if_complete(&self, caller: &Caller, id: &PromotionId, options: &Options) -> Result<(), AppError> {
        let turn = self.turn().await?;
        let (subjects, gates) = match self.promotion_subjects(caller, id).await {
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::TransitionRefused => return Ok(()),
            other => other?,
        };
        let before: Vec<Gate> = gates.into_iter().filter(|gate| *gate != Gate::Production).collect();
        let decided = subjects.input.decision.as_ref().is_some_and(|decision| decision.expires_at > subjects.input.now);
        if decided || subjects.input.target == State::Candidate || !self.may(caller, Action::Decide, &subjects.model) {
            return Ok(());
        }
        let evaluated = self.evaluate(before, &subjects).await?;
        if !evaluated.verdict.passed {
            return Ok(());
        }
        let ends = subjects.approvals.iter().filter(|row| counts(row, &subjects)).map(|row| row.expires_at).min();
        let lifetime = i64::from(subjects.policy.engine.approval_lifetime_days()) * DAY_SECONDS;
        let expires_at = ends.unwrap_or_else(|| self.now().plus_seconds(lifetime));
        let snapshot = self.store().read().await?;
        let decision = self.decision_of(&snapshot, caller, &subjects, &evaluated, DecisionKind::Approved, Some(expires_at)).await?;
        drop(snapshot);
        let command = Command::Decide { promotion: id.clone(), decision };
        let prepared = self.ready(caller, command.into(), &subjects, None).await?;
        drop(turn);
        reach(self.inner.crash, CrashPoint::BeforeDecision);
        match self.attempt(prepared, options).await {
            // Somebody else changed the promotion meanwhile: the next call decides.
            Ok(_) => Ok(()),
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::AlreadyExists => Ok(()),
            Err(other) => Err(other),
        }
    }

    pub(in crate::app) async fn decision_of(
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
        let (from, to, verdict) = (subjects.version.state, subjects.input.target, &evaluated.verdict);
        let run = caller.credential.run().filter(|_| *decided_by == caller.actor.id);
        let text = DecisionText { decision, from, to, decided_by, run, requested, verdict, expires_at };
        self.sign_decision(snapshot, subjects, text).await
    }
}

/// Roles in which approvals count already that a person gave, or that were given for him or by a credential that he made: one person
/// approves in one role. An approval that the new one replaces is not among them.
fn other_roles(subjects: &Subjects, caller: &Caller, giver: Option<&ActorId>, role: &Label) -> Vec<Label> {
    let person = &caller.actor.id;
    let mut people: Vec<&ActorId> = caller.made_by.iter().chain(giver).collect();
    people.push(person);
    let concerns = |row: &ApprovalRow| {
        let given = people.contains(&&row.actor) || row.delegated_by.as_ref().is_some_and(|other| people.contains(&other));
        given || row.through.contains(person)
    };
    let replaced = |row: &ApprovalRow| row.actor == *person && row.role == *role;
    let others = subjects.approvals.iter().filter(|row| concerns(row) && !replaced(row) && counts(row, subjects));
    others.map(|row| row.role.clone()).collect()
}
