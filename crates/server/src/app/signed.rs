//! Signed records: approvals and decisions as DSSE envelopes over in-toto statements (APR-4), made before sequencing.

use chancery_core::actor::ActorKind;
use chancery_core::approval::{ApprovalVerdict, Condition, Effect};
use chancery_core::entry::Payload;
use chancery_core::identity::RunFacts;
use chancery_core::names::{ActorId, Label, PolicyMode, RiskTier, State, Timestamp, TokenId};
use chancery_core::policy::{Outcome, Verdict};
use chancery_core::promotion::{DecisionKind, SignedDecision};
use chancery_core::signing::dsse::{Envelope, IN_TOTO_PAYLOAD_TYPE};
use chancery_core::signing::statement::{
    AppliedMode, AppliedPolicy, ApprovalCondition, Check, CheckOutcome, ConditionEffect, DecidedModel, DecidedRiskTier, DecidedRun, DecidedState, Decision,
    DecisionApproval, Digest as Sha256, Principal, PrincipalKind, Registration, Resource, STATEMENT_TYPE, Statement, Transition, Verdict as DecisionVerdict,
};
use chancery_core::speakers;
use chancery_core::tables::{ActorRow, ApprovalRow, DecisionRow, VersionRow};
use serde::Serialize;

use super::access::Caller;
use super::gate::Subjects;
use super::promote::own_signature::OwnSignature;
use super::workload::run_facts;
use super::{App, AppError, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

/// Predicate of a single approval. It never changes.
const APPROVAL_PREDICATE_TYPE: &str = "https://chancery.dev/attestation/approval/v1";
/// Where the policy is named in decisions.
pub(super) const POLICY_URI: &str = "https://chancery.dev/policy/baseline";

/// What a person signs, as a predicate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Approval<'a> {
    promotion: String,
    role: &'a str,
    verdict: ApprovalVerdict,
    by: Principal,
    /// The approver for whom the person stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated_by: Option<Principal>,
    at: String,
    target: State,
    environment: String,
    risk_tier: RiskTier,
    evidence_set_digest: String,
    /// Salted digest of the comment: the text itself can be erased, a signed record cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
    conditions: Vec<ApprovalCondition>,
    expires_at: String,
}

/// What goes into an approval beside what it is bound to.
pub(super) struct ApprovalText<'a> {
    pub(super) role: &'a Label,
    pub(super) delegated_by: Option<&'a ActorId>,
    pub(super) verdict: ApprovalVerdict,
    pub(super) at: Timestamp,
    pub(super) comment: Option<chancery_core::names::Digest>,
    pub(super) ticket: Option<&'a str>,
    pub(super) conditions: &'a [Condition],
    pub(super) expires_at: Timestamp,
}

/// What a decision says beside the subjects.
pub(super) struct DecisionText<'a> {
    pub(super) decision: DecisionKind,
    pub(super) from: State,
    pub(super) to: State,
    pub(super) decided_by: &'a ActorId,
    /// The token of the pipeline run that decided, when one did.
    pub(super) run: Option<&'a TokenId>,
    pub(super) requested: (&'a ActorId, Timestamp),
    pub(super) verdict: &'a Verdict,
    pub(super) expires_at: Option<Timestamp>,
}

impl App {
    /// Signs one person's verdict, beside that person's own signature when there is one.
    pub(super) async fn sign_approval(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        subjects: &Subjects,
        text: ApprovalText<'_>,
        own: Option<&OwnSignature>,
    ) -> Result<Payload, AppError> {
        let statement = self.approval_statement(snapshot, caller, subjects, text).await?;
        let failed = |error: String| Fault::database("sign the approval", error);
        let mut envelope = Envelope::sign(IN_TOTO_PAYLOAD_TYPE, &statement, self.keys().decision()).map_err(|error| failed(error.to_string()))?;
        if let Some(own) = own {
            own.check(snapshot, caller, &statement).await?;
            envelope = envelope.with_signature(&own.key_id.to_string(), own.signature.clone());
        }
        Ok(Payload::json("approval", &envelope)?)
    }

    /// What is signed of one person's verdict, byte for byte.
    pub(super) async fn approval_statement(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        subjects: &Subjects,
        text: ApprovalText<'_>,
    ) -> Result<Vec<u8>, AppError> {
        let predicate = Approval {
            promotion: subjects.promotion.as_ref().map(|row| row.promotion_id.to_string()).unwrap_or_default(),
            role: text.role.as_str(),
            verdict: text.verdict,
            by: principal(snapshot, &caller.actor.id, Some(text.role)).await?,
            delegated_by: match text.delegated_by {
                Some(giver) => Some(principal(snapshot, giver, Some(text.role)).await?),
                None => None,
            },
            at: text.at.to_string(),
            target: subjects.input.target,
            environment: subjects.input.environment.clone(),
            risk_tier: subjects.model.risk_tier,
            evidence_set_digest: subjects.input.evidence_set_digest.to_string(),
            comment_digest: text.comment.map(|digest| digest.to_string()),
            ticket: text.ticket,
            conditions: text.conditions.iter().map(condition).collect(),
            expires_at: text.expires_at.to_string(),
        };
        let statement = Statement {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![subject(subjects)],
            predicate_type: APPROVAL_PREDICATE_TYPE.to_owned(),
            predicate,
        };
        Ok(serde_json::to_vec(&statement).map_err(|error| Fault::database("write the approval", error))?)
    }

    /// Signs a decision.
    pub(super) async fn sign_decision(&self, snapshot: &Snapshot, subjects: &Subjects, text: DecisionText<'_>) -> Result<SignedDecision, AppError> {
        let id = ids::decision()?;
        let version = &subjects.version;
        let opened_run = match &subjects.promotion {
            Some(row) => row.opened_run.as_ref().filter(|_| row.opened_by == *text.requested.0),
            None => text.run.filter(|_| text.requested.0 == text.decided_by),
        };
        let mut approvals = Vec::new();
        for row in subjects.approvals.iter().filter(|row| counts(row, subjects)) {
            approvals.push(approval(snapshot, row).await?);
        }
        let decision = Decision {
            decision_id: id.clone(),
            decision: verdict(text.decision),
            transition: Transition { from: state(text.from), to: state(text.to), environment: Some(subjects.input.environment.clone()) },
            model: DecidedModel {
                id: subjects.model.model_id.to_string(),
                name: subjects.model.name.to_string(),
                version: version.number.get(),
                semver: Some(version.semver.clone()),
                uri: view::composite_id(&subjects.model.name, version),
                content_digest: version.content_digest.to_string(),
                facts_digest: version.facts_digest.to_string(),
                risk_tier: tier(subjects.model.risk_tier),
            },
            registration: Registration {
                log_origin: self.keys().origin().to_owned(),
                index: version.registered_index,
                registered_at: version.registered_at.to_string(),
            },
            requested_by: with_run(snapshot, principal(snapshot, text.requested.0, None).await?, opened_run).await?,
            requested_at: text.requested.1.to_string(),
            decided_by: with_run(snapshot, principal(snapshot, text.decided_by, None).await?, text.run).await?,
            decided_at: self.now().to_string(),
            expires_at: text.expires_at.map(|at| at.to_string()),
            // Reasons and comments are erasable and so never part of what is signed; the entries name their digests.
            comment: None,
            ticket: None,
            policy: AppliedPolicy {
                name: None,
                uri: POLICY_URI.to_owned(),
                digest: Sha256 { sha256: text.verdict.bundle_digest.to_string() },
                mode: match text.verdict.mode {
                    PolicyMode::Enforce => AppliedMode::Enforce,
                    PolicyMode::Warn => AppliedMode::Warn,
                },
            },
            checks: checks(text.verdict),
            evidence: subjects.evidence.iter().map(|row| resource(row.evidence_type.as_str(), &row.digest.to_string())).collect(),
            approvals,
            supersedes: Vec::new(),
        };
        let envelope = self.sign("decision", &Statement::of_decision(subject(subjects), decision))?;
        Ok(SignedDecision { id, decision: text.decision, envelope, expires_at: text.expires_at })
    }

    pub(super) fn sign<T: Serialize>(&self, what: &str, statement: &Statement<T>) -> Result<Payload, AppError> {
        Ok(Payload::json(what, &self.enveloped(what, statement)?)?)
    }

    /// An envelope that is not kept, as JSON; it may be larger than a payload.
    pub(super) fn sign_bytes<T: Serialize>(&self, what: &str, statement: &Statement<T>) -> Result<Vec<u8>, AppError> {
        Ok(serde_json::to_vec(&self.enveloped(what, statement)?).map_err(|error| Fault::database(format!("write the {what}"), error))?)
    }

    fn enveloped<T: Serialize>(&self, what: &str, statement: &Statement<T>) -> Result<Envelope, AppError> {
        let failed = |error: String| Fault::database(format!("sign the {what}"), error);
        let payload = serde_json::to_vec(statement).map_err(|error| failed(error.to_string()))?;
        Ok(Envelope::sign(IN_TOTO_PAYLOAD_TYPE, &payload, self.keys().decision()).map_err(|error| failed(error.to_string()))?)
    }

    /// Whether a stored envelope carries our signature over exactly this decision, about exactly this version.
    pub(super) fn check_decision(&self, envelope: &[u8], row: &DecisionRow, version: &VersionRow) -> bool {
        let Ok(envelope) = serde_json::from_slice::<Envelope>(envelope) else { return false };
        let verified = envelope.verify(IN_TOTO_PAYLOAD_TYPE, self.keys().public().decisions());
        let Some(statement) = verified.ok().and_then(|payload| Statement::parse(payload).ok()) else { return false };
        let said = &statement.predicate;
        let [subject] = statement.subject.as_slice() else { return false };
        subject.digest.sha256 == version.version_digest.to_string()
            && said.decision_id == row.decision_id
            && said.decision == verdict(row.decision)
            && said.transition.to == state(row.target)
            && said.transition.environment.as_deref() == Some(row.environment.as_str())
            && said.expires_at == row.expires_at.map(|at| at.to_string())
    }
}

/// Whether an approval speaks for what the promotion shows now.
pub(super) fn counts(row: &ApprovalRow, subjects: &Subjects) -> bool {
    row.verdict == ApprovalVerdict::Approve
        && !row.withdrawn
        && row.evidence_set == subjects.input.evidence_set_digest
        && row.version_digest == subjects.version.version_digest
        && row.tier_index == subjects.model.tier_index
        && row.target == subjects.input.target
        && row.environment.as_str() == subjects.input.environment
        && speakers::is_apart(&row.actor, &row.through, &subjects.input.authors)
        && row.delegated_by.as_ref().is_none_or(|giver| !subjects.input.authors.contains(giver))
        && row.expires_at > subjects.input.now
}

pub(super) fn resource(name: &str, digest: &str) -> Resource {
    Resource {
        name: Some(name.to_owned()),
        uri: None,
        media_type: None,
        download_location: None,
        digest: Sha256 { sha256: digest.to_owned() },
        annotations: None,
    }
}

fn subject(subjects: &Subjects) -> Resource {
    resource(&view::composite_id(&subjects.model.name, &subjects.version), &subjects.version.version_digest.to_string())
}

async fn principal(snapshot: &Snapshot, actor: &ActorId, role: Option<&Label>) -> Result<Principal, AppError> {
    let row = snapshot.get::<ActorRow>(values![*actor]).await?;
    let kind = match row.map(|row| row.kind) {
        Some(ActorKind::Person) => PrincipalKind::Person,
        Some(ActorKind::Pipeline) => PrincipalKind::Pipeline,
        Some(ActorKind::Service) => PrincipalKind::Service,
        // Under --no-auth nobody is known; a person at the keyboard is the honest reading. The program itself is a schedule.
        None if actor.as_str() == "anonymous" => PrincipalKind::Person,
        None => PrincipalKind::Schedule,
    };
    let display_name = view::display_name(snapshot, actor).await?.or_else(|| Some(actor.to_string()));
    Ok(Principal { id: actor.to_string(), kind, issuer: None, role: role.map(ToString::to_string), display_name, run: None })
}

/// The principal with what the token of the pipeline run said, by which it was recognised.
async fn with_run(snapshot: &Snapshot, principal: Principal, run: Option<&TokenId>) -> Result<Principal, AppError> {
    let Some(token) = run else { return Ok(principal) };
    let Some((_, Some(facts))) = run_facts(snapshot, token).await? else { return Ok(principal) };
    let RunFacts { issuer, subject, run_url, commit, workflow, r#ref: reference, actor: started_by } = facts;
    let run = DecidedRun { token: token.to_string(), subject, run_url, commit, workflow, reference, started_by };
    Ok(Principal { issuer: Some(issuer), run: Some(run), ..principal })
}

async fn approval(snapshot: &Snapshot, row: &ApprovalRow) -> Result<DecisionApproval, AppError> {
    let conditions: Vec<Condition> = serde_json::from_value(row.conditions.clone()).map_err(|error| Fault::database("read conditions", error))?;
    Ok(DecisionApproval {
        role: row.role.to_string(),
        by: principal(snapshot, &row.actor, Some(&row.role)).await?,
        at: row.at.to_string(),
        digest: row.envelope.to_string(),
        conditions: conditions.iter().map(condition).collect(),
        expires_at: Some(row.expires_at.to_string()),
        evidence_set_digest: Some(row.evidence_set.to_string()),
    })
}

fn condition(condition: &Condition) -> ApprovalCondition {
    ApprovalCondition {
        text: condition.text.clone(),
        owner: condition.owner.clone(),
        due: condition.due.to_string(),
        effect: Some(match condition.effect {
            Effect::Finding => ConditionEffect::Finding,
            Effect::Block => ConditionEffect::Block,
            Effect::Deprecate => ConditionEffect::Deprecate,
        }),
    }
}

fn checks(verdict: &Verdict) -> Vec<Check> {
    let outcome = |outcome: Outcome| match (outcome, verdict.mode) {
        (Outcome::Pass, _) => CheckOutcome::Passed,
        (Outcome::Fail, PolicyMode::Enforce) => CheckOutcome::Failed,
        (Outcome::Fail, PolicyMode::Warn) => CheckOutcome::Warned,
        (Outcome::Waived, _) => CheckOutcome::Waived,
        (Outcome::NotApplicable, _) => CheckOutcome::NotApplicable,
    };
    let check = |finding: &chancery_core::policy::Finding| Check {
        id: finding.rule.clone(),
        outcome: outcome(finding.outcome),
        message: Some(finding.message.clone()),
        waiver: finding.waiver.clone(),
        evidence: Vec::new(),
    };
    verdict.findings.iter().map(check).collect()
}

fn verdict(decision: DecisionKind) -> DecisionVerdict {
    match decision {
        DecisionKind::Approved => DecisionVerdict::Approved,
        DecisionKind::Rejected => DecisionVerdict::Rejected,
        DecisionKind::Executed => DecisionVerdict::Executed,
        DecisionKind::ExceptionGranted => DecisionVerdict::ExceptionGranted,
    }
}

fn state(state: State) -> DecidedState {
    match state {
        State::Draft => DecidedState::Draft,
        State::Candidate => DecidedState::Candidate,
        State::Approved => DecidedState::Approved,
        State::Production => DecidedState::Production,
        State::Deprecated => DecidedState::Deprecated,
        State::Retired => DecidedState::Retired,
    }
}

fn tier(tier: RiskTier) -> DecidedRiskTier {
    match tier {
        RiskTier::Prohibited => DecidedRiskTier::Prohibited,
        RiskTier::High => DecidedRiskTier::High,
        RiskTier::Limited => DecidedRiskTier::Limited,
        RiskTier::Minimal => DecidedRiskTier::Minimal,
        RiskTier::Unclassified => DecidedRiskTier::Unclassified,
    }
}
