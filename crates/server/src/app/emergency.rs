//! Break-glass: releasing in an emergency what only waivable rules hold back (`docs/emergency.md`).
//!
//! Opening the emergency is one transaction: the exceptions and the signed decision that approves the promotion. The release that
//! follows is an ordinary execution with every gate evaluated again. Where only a pipeline may release, it stays with the pipeline.

use chancery_core::access::Action;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::exception::{BreakGlass, Command, EMERGENCY_SECONDS, Status as ExceptionStatus};
use chancery_core::names::{ExceptionId, PromotionId, Timestamp};
use chancery_core::policy::{self, Finding, Gate, Input, Scope, Verdict};
use chancery_core::promotion::{DecisionKind, SignedDecision, Status};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ExceptionRow, PromotionRow};
use futures_util::FutureExt;

use super::access::Caller;
use super::execute::{Options, Prepared, Receipt};
use super::gate::{Evaluated, Subjects};
use super::signed::DecisionText;
use super::{App, AppError, view};
use crate::crash::{CrashPoint, reach};
use crate::store::Snapshot;
use crate::{ids, values};

/// Rules that nobody can waive and that the opening of an emergency does not ask: the first is satisfied by the decision that the
/// opening signs, the second is about who executes. The release asks both.
const LATER: [&str; 2] = ["decision.signed", "promoter.pipeline"];

/// What became of an emergency.
#[derive(Clone, Debug)]
pub struct Emergency {
    /// Whether the version is in production.
    pub executed: bool,
    /// Rules that keep it from being released by this caller.
    pub missing: Vec<Finding>,
    /// The entries that opened the emergency.
    pub receipt: Receipt,
}

impl App {
    /// Opens an emergency for a promotion to production, and releases its version unless that is for a pipeline alone.
    ///
    /// # Errors
    /// `non_waivable` (recorded, with the findings) when a rule fails that nobody can waive; `separation_of_duties`; `transition_refused`
    /// when nothing holds the promotion back.
    pub async fn break_glass(&self, caller: &Caller, id: &PromotionId, reason: &str, options: &Options) -> Result<Emergency, AppError> {
        let receipt = match self.replayed(options).await? {
            Some(receipt) => receipt,
            None => self.open_emergency(caller, id, reason, options).await?,
        };
        // A crash here leaves the promotion open with its exceptions: whoever repeats the call, or executes it, releases the version.
        reach(self.inner.crash, CrashPoint::AfterEmergency);
        let (executed, missing) = self.release(caller, id, &options.plain()).await?;
        Ok(Emergency { executed, missing, receipt })
    }

    async fn open_emergency(&self, caller: &Caller, id: &PromotionId, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        let reason = PrivateText::new("reason", reason, ids::random()?)?;
        let prepare = |caller: Caller| self.emergency(caller, id, reason.clone()).boxed();
        Ok(self.prepared(caller, Action::BreakGlass, options, prepare).await?.0)
    }

    async fn emergency(&self, caller: Caller, id: &PromotionId, reason: PrivateText) -> Result<(Prepared, ()), AppError> {
        let (subjects, gates) = self.promotion_subjects(&caller, id).await?;
        let found = self.evaluate(gates.clone(), &subjects).await?;
        self.check_openable(&caller, id, &found).await?;
        let rules = found.verdict.failed().filter(|finding| !finding.non_waivable).map(|finding| Ok((ids::exception()?, finding.rule.clone())));
        let rules: Vec<(ExceptionId, String)> = rules.collect::<Result<_, AppError>>()?;
        let expires_at = subjects.input.now.plus_seconds(EMERGENCY_SECONDS);
        let waived = with_exceptions(&subjects.input, &caller, &rules, &reason, expires_at);
        let whole = self.judge(&subjects.policy, gates.clone(), &waived).await?;
        let before = self.judge(&subjects.policy, gates.into_iter().filter(|gate| *gate != Gate::Production).collect(), &waived).await?;
        let left = whole.verdict.failed().filter(|finding| !LATER.contains(&finding.rule.as_str()));
        let left: Vec<Finding> = left.cloned().map(|finding| finding.about(&subjects.label())).collect();
        if !left.is_empty() {
            let refusal = Refusal::new(Code::GateFailed, "rules fail that an exception does not help: they could not be evaluated");
            return Err(self.refuse(&caller, Subject::Promotion(id.clone()), "break-glass", refusal.findings(left), Some(&whole.record)).await);
        }
        let snapshot = self.store().read().await?;
        let sign = |decision, verdict| emergency_text(&caller, &subjects, decision, verdict, expires_at);
        let granted = self.sign_decision(&snapshot, &subjects, sign(DecisionKind::ExceptionGranted, &whole.verdict)).await?;
        let standing = subjects.input.decision.as_ref().is_some_and(|decision| decision.expires_at > subjects.input.now);
        let approved: Option<SignedDecision> = match standing {
            true => None,
            false => Some(self.sign_decision(&snapshot, &subjects, sign(DecisionKind::Approved, &before.verdict)).await?),
        };
        let authors = subjects.authors(&snapshot).await?;
        drop(snapshot);
        let command = Command::BreakGlass(Box::new(BreakGlass { promotion: id.clone(), rules, reason, expires_at, authors, granted, approved }));
        Ok((self.ready(&caller, command.into(), &subjects, None).await?, ()))
    }

    /// Refuses an emergency where nothing blocks, or where something blocks that nobody can waive.
    async fn check_openable(&self, caller: &Caller, id: &PromotionId, found: &Evaluated) -> Result<(), AppError> {
        let Evaluated { verdict, record } = found;
        let hard: Vec<Finding> = record.failed.iter().filter(|finding| finding.non_waivable && !LATER.contains(&finding.rule.as_str())).cloned().collect();
        let refusal = if !hard.is_empty() {
            let rules: Vec<&str> = hard.iter().map(|finding| finding.rule.as_str()).collect();
            let message = format!("not even an emergency waives {}", rules.join(", "));
            Refusal::new(Code::NonWaivable, &message).remedy("do what the remedy of each finding says, or roll back to an earlier release").findings(hard)
        } else if !verdict.blocks() {
            let refusal = Refusal::new(Code::TransitionRefused, "no rule holds the promotion back that an emergency could waive");
            refusal.field("promotion").remedy("execute the promotion the ordinary way")
        } else {
            return Ok(());
        };
        Err(self.refuse(caller, Subject::Promotion(id.clone()), "break-glass", refusal, Some(record)).await)
    }

    /// Releases the version of a promotion whose emergency the caller has opened, if its gates let a person do so.
    async fn release(&self, caller: &Caller, id: &PromotionId, options: &Options) -> Result<(bool, Vec<Finding>), AppError> {
        let snapshot = self.seen_by(caller).await?;
        let status = snapshot.get::<PromotionRow>(values![*id]).await?.map(|row| row.status);
        let opened = exception_of(&snapshot, caller, id).await?;
        drop(snapshot);
        let (Some(Status::Open), Some(exception)) = (status, opened) else { return Ok((status == Some(Status::Executed), Vec::new())) };
        let turn = self.turn().await?;
        let (subjects, gates) = self.promotion_subjects(caller, id).await?;
        let found = self.evaluate(gates, &subjects).await?;
        drop(turn);
        if found.verdict.blocks() {
            return Ok((false, found.record.failed));
        }
        let prepare = |caller: Caller| self.emergency_release(caller, id, exception.clone()).boxed();
        self.prepared(caller, Action::BreakGlass, options, prepare).await?;
        Ok((true, Vec::new()))
    }

    async fn emergency_release(&self, caller: Caller, id: &PromotionId, exception: ExceptionId) -> Result<(Prepared, ()), AppError> {
        let (subjects, gates) = self.promotion_subjects(&caller, id).await?;
        let evaluated = self.evaluate(gates, &subjects).await?;
        let snapshot = self.store().read().await?;
        let decision = self.decision_of(&snapshot, &caller, &subjects, &evaluated, DecisionKind::Executed, None).await?;
        let replaced = view::replaced(&snapshot, &subjects.version, subjects.input.target).await?;
        drop(snapshot);
        let attestation = self.attest(&subjects, &evaluated, &decision)?;
        let command = Command::Release { promotion: id.clone(), exception, gate: evaluated.record.clone(), decision, replaced, attestation };
        Ok((self.ready(&caller, command.into(), &subjects, Some(evaluated)).await?, ()))
    }
}

/// What the signed records of an emergency say.
fn emergency_text<'a>(caller: &'a Caller, subjects: &'a Subjects, decision: DecisionKind, verdict: &'a Verdict, expires_at: Timestamp) -> DecisionText<'a> {
    let requested = subjects.promotion.as_ref().map_or((&caller.actor.id, subjects.input.now), |row| (&row.opened_by, row.opened_at));
    let (from, to) = (subjects.version.state, subjects.input.target);
    DecisionText { decision, from, to, decided_by: &caller.actor.id, run: caller.credential.run(), requested, verdict, expires_at: Some(expires_at) }
}

/// The input document as it will be once the exceptions are granted.
fn with_exceptions(input: &Input, caller: &Caller, rules: &[(ExceptionId, String)], reason: &PrivateText, expires_at: Timestamp) -> Input {
    let mut input = input.clone();
    input.exceptions.extend(rules.iter().map(|(id, rule)| policy::Exception {
        id: id.clone(),
        rule: rule.clone(),
        expires_at,
        scope: Scope::Version,
        reason_digest: reason.digest,
        granted_by: caller.actor.id.clone(),
    }));
    input
}

/// An exception of the emergency that the caller opened for a promotion.
async fn exception_of(snapshot: &Snapshot, caller: &Caller, id: &PromotionId) -> Result<Option<ExceptionId>, AppError> {
    let tail = "WHERE promotion_id = $1 AND granted_by = $2 AND status = $3 ORDER BY entry_index DESC LIMIT 1";
    let rows = snapshot.rows::<ExceptionRow>(tail, &values![*id, caller.actor.id, ExceptionStatus::Granted]).await?;
    Ok(rows.into_iter().next().map(|row| row.exception_id))
}
