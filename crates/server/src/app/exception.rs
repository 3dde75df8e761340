//! Exceptions that somebody asks for: what the policy says about a rule is read here, the rest is decided in the core (POL-4).

use std::collections::BTreeSet;

use chancery_core::access::Action;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::exception::Command;
use chancery_core::names::{ActorId, ExceptionId, Label, ModelId, ModelName, Timestamp, VersionNumber};
use chancery_core::policy::{self, Finding, Outcome, Scope, Verdict};
use chancery_core::promotion::DecisionKind;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::speakers::Authors;
use chancery_core::tables::{EvidenceRow, ExceptionRow, ModelRow, VersionRow};
use futures_util::FutureExt;

use super::access::Caller;
use super::execute::{Options, Receipt};
use super::gate::{self, Subjects};
use super::signed::DecisionText;
use super::{App, AppError, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct ExceptionAsk {
    /// Model.
    pub model: ModelName,
    /// Version; for the whole model the newest one stands in the signed record unless one is named.
    pub number: Option<VersionNumber>,
    /// Rule.
    pub rule: String,
    /// How far it reaches.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires_at: Timestamp,
}

impl App {
    /// Asks for a waiver of a rule.
    ///
    /// # Errors
    /// `non_waivable` (recorded); `invalid_field` for a rule that the policy does not know or a time that it does not allow.
    pub async fn request_exception(&self, caller: &Caller, ask: &ExceptionAsk, options: &Options) -> Result<(Receipt, ExceptionId), AppError> {
        let snapshot = self.seen_by(caller).await?;
        let policy = self.policy_for(&snapshot).await?;
        let engine = &policy.engine;
        if !engine.rules().iter().any(|rule| rule.id == ask.rule) {
            let shown: String = ask.rule.chars().filter(|letter| !letter.is_control()).take(100).collect();
            let refusal = Refusal::invalid("rule", &format!("rule `{shown}` is not known to the policy in force"));
            return Err(refusal.remedy("list the rules with `chancery policy show`").into());
        }
        let (model, version) = match ask.number {
            Some(number) => view::version_named(&snapshot, &ask.model, number).await?,
            None => newest(&snapshot, &ask.model, ask.scope).await?,
        };
        drop(snapshot);
        let id = ids::exception()?;
        let command = Command::Request {
            id: id.clone(),
            rule: ask.rule.clone(),
            scope: ask.scope,
            model: model.model_id,
            number: version.number,
            reason: PrivateText::new("reason", &ask.reason, ids::random()?)?,
            expires_at: ask.expires_at,
            longest_days: engine.exception_rules().longest_days(),
        };
        let receipt = self.execute(self.allow_command(caller, command).await?, options).await?;
        // A repeated request names the exception that it made the first time.
        let made = if let Subject::Exception(made) = receipt.first()?.subject { made } else { id };
        Ok((receipt, made))
    }

    /// Grants an exception: the signed record EXCEPTION_GRANTED names the version, the rule and the exception.
    ///
    /// # Errors
    /// `separation_of_duties` and `access_denied` (recorded), `transition_refused` for one that is closed or ran out.
    pub async fn grant_exception(&self, caller: &Caller, id: &ExceptionId, role: Option<&Label>, options: &Options) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.seen_by(&caller).await?;
                let row = exception_row(&snapshot, id).await?;
                let (model, version) = subject_rows(&snapshot, &row).await?;
                let state = version.state;
                let subjects = self.subjects(&snapshot, &caller, model, version, state, &Label::parse("production")?, None).await?;
                let grantors = subjects.policy.engine.exception_rules().grantors(&row.rule).to_vec();
                let text = DecisionText {
                    decision: DecisionKind::ExceptionGranted,
                    from: state,
                    to: state,
                    decided_by: &caller.actor.id,
                    run: caller.credential.run(),
                    requested: (&row.requested_by, row.requested_at),
                    verdict: &self.waived(&row, &subjects),
                    expires_at: Some(row.expires_at),
                };
                let decision = self.sign_decision(&snapshot, &subjects, text).await?;
                let authors = authors(&snapshot, &row, &subjects).await?;
                drop(snapshot);
                let role = spoken(&caller, role, &grantors, &subjects.model)?;
                let command = Command::Grant { id: id.clone(), role, grantors, authors, decision };
                Ok((self.ready(&caller, command.into(), &subjects, None).await?, ()))
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::GrantException, options, prepare).await?.0)
    }

    /// Says no to a request.
    ///
    /// # Errors
    /// `access_denied` (recorded), `transition_refused` for one that is closed.
    pub async fn refuse_exception(
        &self,
        caller: &Caller,
        id: &ExceptionId,
        role: Option<&Label>,
        reason: &str,
        options: &Options,
    ) -> Result<Receipt, AppError> {
        let snapshot = self.seen_by(caller).await?;
        let row = exception_row(&snapshot, id).await?;
        let grantors = self.policy_for(&snapshot).await?.engine.exception_rules().grantors(&row.rule).to_vec();
        let (model, _) = subject_rows(&snapshot, &row).await?;
        drop(snapshot);
        let role = spoken(caller, role, &grantors, &model)?;
        let command = Command::Refuse { id: id.clone(), role, grantors, reason: PrivateText::new("reason", reason, ids::random()?)? };
        self.execute(self.allow_command(caller, command).await?, options).await
    }

    /// Takes a request or a granted exception back.
    ///
    /// # Errors
    /// `access_denied` (recorded) for anybody but who asked, an owner or a grantor; `transition_refused` for one that is closed.
    pub async fn revoke_exception(&self, caller: &Caller, id: &ExceptionId, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        let snapshot = self.seen_by(caller).await?;
        let row = exception_row(&snapshot, id).await?;
        let grantors = self.policy_for(&snapshot).await?.engine.exception_rules().grantors(&row.rule).to_vec();
        drop(snapshot);
        let command = Command::Revoke { id: id.clone(), grantors, reason: PrivateText::new("reason", reason, ids::random()?)? };
        self.execute(self.allow_command(caller, command).await?, options).await
    }

    /// What the signed record of an exception says was checked: the one rule, waived.
    fn waived(&self, row: &ExceptionRow, subjects: &Subjects) -> Verdict {
        let known = subjects.policy.engine.rules().into_iter().find(|rule| rule.id == row.rule);
        let gates = known.as_ref().map(|rule| rule.gates.clone()).unwrap_or_default();
        let reach = match row.scope {
            Scope::Version => "this version",
            Scope::Model => "every version of the model",
        };
        let finding = Finding {
            rule: row.rule.clone(),
            outcome: Outcome::Waived,
            message: format!("waived for {reach} until {}", row.expires_at),
            remedy: known.as_ref().map(|rule| rule.remedy.clone()),
            gate: gates.first().map(|gate| gate.as_str().to_owned()).unwrap_or_default(),
            non_waivable: false,
            who: Vec::new(),
            references: known.map(|rule| rule.references).unwrap_or_default(),
            waiver: Some(row.exception_id.to_string()),
        };
        Verdict {
            passed: true,
            mode: subjects.input.mode,
            gates,
            findings: vec![finding],
            bundle_digest: subjects.policy.engine.bundle_digest(),
            input_digest: subjects.input.evidence_set_digest,
            engine: policy::ENGINE.to_owned(),
            evaluated_at: subjects.input.now,
            completeness: None,
        }
    }
}

/// The exception.
///
/// # Errors
/// `not_found`.
pub(super) async fn exception_row(snapshot: &Snapshot, id: &ExceptionId) -> Result<ExceptionRow, AppError> {
    Ok(snapshot.get::<ExceptionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("exception", id.as_str()))?)
}

/// The model and the version that an exception was asked for.
async fn subject_rows(snapshot: &Snapshot, row: &ExceptionRow) -> Result<(ModelRow, VersionRow), AppError> {
    let gone = || Fault::Config(format!("exception {} names a version that is not there", row.exception_id));
    let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(gone)?;
    let version = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await?.ok_or_else(gone)?;
    Ok((model, version))
}

/// The newest version of a model, for an exception of the whole model.
async fn newest(snapshot: &Snapshot, name: &ModelName, scope: Scope) -> Result<(ModelRow, VersionRow), AppError> {
    if scope == Scope::Version {
        return Err(Refusal::invalid("version", "version is missing").remedy("name a version, or ask with scope `model`").into());
    }
    let model = view::model_named(snapshot, name).await?;
    let tail = "WHERE model_id = $1 AND hidden = 0 ORDER BY number DESC LIMIT 1";
    let found = snapshot.rows::<VersionRow>(tail, &values![model.model_id]).await?.into_iter().next();
    let none = || Refusal::new(Code::NotFound, &format!("model `{name}` has no version")).remedy("register a version first");
    Ok((model, found.ok_or_else(none)?))
}

/// The role in which the caller speaks: the one that was said, else the first one of the grantors' that the caller holds.
fn spoken(caller: &Caller, said: Option<&Label>, grantors: &[Label], model: &ModelRow) -> Result<Label, Refusal> {
    let holds = |role: &&Label| caller.speaks_for(role, model) == Some(None);
    let role = said.or_else(|| grantors.iter().find(holds)).or_else(|| grantors.first());
    role.cloned().ok_or_else(|| Refusal::new(Code::AccessDenied, "the policy names nobody who could grant an exception from this rule").field("role"))
}

/// Who may not grant: the authors of the version, and for the whole model those of all its versions.
async fn authors(snapshot: &Snapshot, row: &ExceptionRow, subjects: &Subjects) -> Result<Authors, AppError> {
    let of_version = subjects.authors(snapshot).await?;
    match row.scope {
        Scope::Version => Ok(of_version),
        Scope::Model => with_those_of_model(snapshot, &row.model_id, of_version).await,
    }
}

async fn with_those_of_model(snapshot: &Snapshot, model: &ModelId, of_version: Authors) -> Result<Authors, AppError> {
    let versions = snapshot.rows::<VersionRow>("WHERE model_id = $1", &values![*model]).await?;
    let evidence = snapshot.rows::<EvidenceRow>("WHERE model_id = $1", &values![*model]).await?;
    let (mut made, mut behind): (BTreeSet<ActorId>, BTreeSet<ActorId>) = (of_version.made.into_iter().collect(), of_version.behind.into_iter().collect());
    let mut entries = Vec::new();
    for (people, by) in versions.iter().map(gate::authors::makers) {
        made.extend(people);
        entries.extend(by);
    }
    for row in evidence.into_iter().filter(|row| row.role.is_none()) {
        entries.push(row.entry_index);
        made.insert(row.actor);
    }
    behind.extend(gate::authors::behind(snapshot, &entries).await?);
    Ok(Authors { made: made.into_iter().collect(), behind: behind.into_iter().collect() })
}
