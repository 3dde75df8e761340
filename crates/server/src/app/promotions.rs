//! The view of a promotion: what is missing for it and who can supply it, who has spoken, and what the version is compared with.
//!
//! An open promotion shows its gates as they are now. A closed one shows the verdict that was stored when it closed; approvals
//! are then counted as of that moment.

mod approvals;
mod changes;
mod documents;
mod ending;
mod metrics;
mod people;
mod summary;
mod talk;
mod without;

use chancery_core::names::{Digest, PromotionId};
use chancery_core::policy::{self, Finding, Verdict};
use chancery_core::promotion::{APPROVAL_RULE, PROMOTER_RULE, Status, rests_on_approvals, waits_for_others};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{DecisionRow, EvidenceRow, ModelRow, PromotionRow, VersionRow};
use chancery_core::wording::counted;
use serde::Serialize;
use utoipa::ToSchema;

pub use approvals::{ApprovalView, RoleView};
pub use changes::ChangesView;
pub use documents::DocumentView;
pub use ending::Ending;
pub use metrics::MetricView;
pub use people::{MissingView, PersonView};
pub use summary::PromotionSummary;
pub use talk::{CommentView, ConditionView};

use super::access::Caller;
use super::gate::{Subjects, authors, evidence_set, gates};
use super::view::{self, ModelReference};
use super::workload::{PipelineRunView, run_view};
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// A promotion.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromotionView {
    /// Identifier.
    pub id: String,
    /// Its model.
    pub model: ModelReference,
    /// Number of the version.
    pub version: u64,
    /// What approvals and decisions are about.
    pub version_digest: String,
    /// Target state.
    pub target: String,
    /// Environment.
    pub environment: String,
    /// `open`, `executed`, `rejected` or `cancelled`.
    pub status: String,
    /// Risk tier when the evidence was frozen.
    pub risk_tier: String,
    /// Digest of the frozen evidence set: give it back with an approval.
    pub evidence_set: String,
    /// Digest of the evidence set of the version as it is now; another one when evidence came after the set was frozen.
    pub current_evidence_set: String,
    /// Number of documents of the version.
    pub document_count: u64,
    /// The newest documents, at most 200, in the order in which they were added.
    pub documents: Vec<DocumentView>,
    /// For how many days an approval counts.
    pub approval_days: u32,
    /// Who opened it.
    pub opened_by: String,
    /// Name for people; null when it was erased.
    pub opened_by_name: Option<String>,
    /// When (RFC 3339).
    pub opened_at: String,
    /// The pipeline run that opened it; null when it was no pipeline, or one without workload identity.
    pub opened_by_run: Option<PipelineRunView>,
    /// The pipeline run that executed it.
    pub executed_by_run: Option<PipelineRunView>,
    /// Whether nothing but the execution is missing.
    pub ready: bool,
    /// What it waits for, in words; empty when it is closed.
    pub waiting_for: Vec<String>,
    /// Entry that said that nothing but the execution is missing; null when none did, or when that was undone.
    pub completed: Option<u64>,
    /// Share of required fields that are filled, 0 to 1; null when no rule asked.
    pub completeness: Option<f64>,
    /// One finding for each rule.
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Finding>,
    /// The findings that failed, each with the people who can supply what is missing.
    pub missing: Vec<MissingView>,
    /// Roles whose approval is needed.
    pub required_roles: Vec<String>,
    /// Roles of these without enough approvals that count.
    pub missing_roles: Vec<String>,
    /// For each required role how many approvals it needs and has, and who could give one.
    pub roles: Vec<RoleView>,
    /// Who made the version or asked for its promotion, and so does not approve it.
    pub authors: Vec<PersonView>,
    /// Every verdict that was given.
    pub approvals: Vec<ApprovalView>,
    /// Conditions of the approvals.
    pub conditions: Vec<ConditionView>,
    /// Number of comments.
    pub comment_count: u64,
    /// The newest comments, at most 100, in the order in which they were made.
    pub comments: Vec<CommentView>,
    /// Exceptions in force for the version.
    #[schema(value_type = Vec<Object>)]
    pub exceptions: Vec<policy::Exception>,
    /// The signed decision in force, or the one that rejected it.
    pub decision: Option<DecisionReference>,
    /// What an open promotion's version is compared with.
    pub reference: Option<ReferenceView>,
    /// What changed against the reference.
    pub changes: Option<ChangesView>,
    /// Metrics of the evaluations, beside those of the reference and their limits.
    pub metrics: Vec<MetricView>,
    /// Index of the last entry that changed it: the ETag.
    pub revision: u64,
}

/// A signed decision, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionReference {
    /// Id inside the envelope.
    pub id: String,
    /// Digest of the envelope.
    pub digest: String,
    /// `APPROVED`, `REJECTED` or `EXECUTED`.
    pub decision: String,
}

/// The version that another one is compared with.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReferenceView {
    /// Number.
    pub number: u64,
    /// `champion`, `production` or `newest release`.
    pub why: String,
}

impl App {
    /// The view of a promotion, open or closed.
    ///
    /// # Errors
    /// `not_found`; a fault.
    pub async fn promotion_view(&self, caller: &Caller, id: &PromotionId) -> Result<PromotionView, AppError> {
        let not_found = || Refusal::not_found("promotion", id.as_str());
        let _turn = self.turn().await?;
        let snapshot = self.seen_by(caller).await?;
        let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(not_found)?;
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(not_found)?;
        let version = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await?.ok_or_else(not_found)?;
        let mut subjects = self.subjects(&snapshot, caller, model, version, row.target, &row.environment, Some(row.clone())).await?;
        let verdict = match live_gates(&row, &subjects) {
            Some(gates) => self.evaluate(gates, &subjects).await?.verdict,
            None => {
                let verdict = stored_verdict(&snapshot, &row.verdict).await?;
                as_of(&snapshot, &mut subjects, &row, &verdict).await?;
                verdict
            }
        };
        let required_roles = self.required_roles(&subjects)?;
        self.view_of(&snapshot, row, &subjects, verdict, required_roles).await
    }

    async fn view_of(
        &self,
        snapshot: &Snapshot,
        row: PromotionRow,
        subjects: &Subjects,
        verdict: Verdict,
        required_roles: Vec<String>,
    ) -> Result<PromotionView, AppError> {
        let expected = subjects.policy.engine.expected();
        let roles = approvals::roles(snapshot, subjects, &required_roles, expected).await?;
        let missing_roles: Vec<String> = roles.iter().filter(|role| role.given < role.needed).map(|role| role.role.clone()).collect();
        let mut verdict = verdict.about(&subjects.label());
        if let [role] = missing_roles.as_slice() {
            let named = |finding: Finding| if finding.rule == APPROVAL_RULE { finding.in_role(role) } else { finding };
            verdict.findings = verdict.findings.into_iter().map(named).collect();
        }
        let missing = people::missing(snapshot, &subjects.model, &verdict, &roles).await?;
        let open = row.status == Status::Open;
        let reference = subjects.input.reference.as_ref();
        Ok(PromotionView {
            id: row.promotion_id.to_string(),
            model: ModelReference { id: subjects.model.model_id.to_string(), name: subjects.model.name.to_string() },
            version: row.number.get(),
            version_digest: subjects.version.version_digest.to_string(),
            target: row.target.to_string(),
            environment: row.environment.to_string(),
            status: row.status.to_string(),
            risk_tier: row.risk_tier.to_string(),
            evidence_set: row.evidence_set.to_string(),
            current_evidence_set: evidence_set(&subjects.version, &subjects.evidence).to_string(),
            document_count: subjects.evidence.len() as u64,
            documents: documents::of(&subjects.version, &subjects.evidence, &row.evidence_set),
            approval_days: subjects.policy.engine.approval_lifetime_days(),
            opened_by: row.opened_by.to_string(),
            opened_by_name: view::display_name(snapshot, &row.opened_by).await?,
            opened_at: row.opened_at.to_string(),
            opened_by_run: run_view(snapshot, row.opened_run.as_ref()).await?,
            executed_by_run: run_view(snapshot, row.executed_run.as_ref()).await?,
            ready: open && ready(&verdict),
            waiting_for: if open { waiting_for(&verdict, &roles) } else { Vec::new() },
            completed: row.completed,
            completeness: verdict.completeness,
            missing,
            findings: verdict.findings,
            required_roles,
            missing_roles,
            roles,
            authors: people::named(snapshot, &subjects.input.authors).await?,
            approvals: approvals::given(snapshot, subjects).await?,
            conditions: talk::conditions(snapshot, subjects, &row).await?,
            comment_count: row.comments,
            comments: talk::comments(snapshot, &row).await?,
            exceptions: subjects.input.exceptions.clone(),
            decision: decision(snapshot, &row).await?,
            reference: reference.map(|reference| ReferenceView { number: reference.number.get(), why: reference.why.clone() }),
            changes: changes::against_reference(snapshot, subjects).await?,
            metrics: metrics::beside_reference(&subjects.input, expected),
            revision: row.revision,
        })
    }
}

/// The gates that an open promotion waits for. None when it is closed, and when its version went elsewhere meanwhile.
fn live_gates(row: &PromotionRow, subjects: &Subjects) -> Option<Vec<policy::Gate>> {
    match row.status {
        Status::Open => gates(subjects.version.state, row.target).ok(),
        Status::Executed | Status::Rejected | Status::Cancelled => None,
    }
}

/// Turns subjects that were read now into those of the moment of a stored verdict, as far as approvals depend on them.
async fn as_of(snapshot: &Snapshot, subjects: &mut Subjects, row: &PromotionRow, verdict: &Verdict) -> Result<(), AppError> {
    // Who added evidence later was no author then.
    let before: Vec<EvidenceRow> = subjects.evidence.iter().filter(|piece| piece.at <= verdict.evaluated_at).cloned().collect();
    subjects.input.authors = authors::authors(snapshot, &subjects.version, &subjects.input.version.facts, Some(row), &before).await?;
    subjects.model.risk_tier = row.risk_tier;
    subjects.model.tier_index = row.tier_index;
    subjects.input.model.risk.tier = row.risk_tier;
    subjects.input.evidence_set_digest = row.evidence_set;
    subjects.input.mode = verdict.mode;
    subjects.input.now = verdict.evaluated_at;
    subjects.input.reference = None;
    Ok(())
}

async fn stored_verdict(snapshot: &Snapshot, digest: &Digest) -> Result<Verdict, AppError> {
    let bytes = view::payload(snapshot, digest).await?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| Fault::database("read a stored verdict", error))?)
}

/// Whether nothing but the execution is missing.
fn ready(verdict: &Verdict) -> bool {
    !verdict.blocks() || verdict.failed().all(|finding| finding.rule == PROMOTER_RULE)
}

/// Rules that failed when a promotion was last recorded, as it keeps them, without those that wait for others.
pub fn recorded_failures(missing: &serde_json::Value) -> Vec<String> {
    let rules = missing.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    rules.filter(|rule| !waits_for_others(rule)).map(ToOwned::to_owned).collect()
}

/// Whether rules failed then, and all of them wait for others.
pub fn waits_for_others_alone(missing: &serde_json::Value) -> bool {
    missing.as_array().is_some_and(|rules| !rules.is_empty()) && recorded_failures(missing).is_empty()
}

/// What an open promotion waits for, the next steps first.
fn waiting_for(verdict: &Verdict, roles: &[RoleView]) -> Vec<String> {
    if ready(verdict) {
        let by_pipeline = verdict.failed().any(|finding| finding.rule == PROMOTER_RULE);
        return vec![if by_pipeline { "execution by a pipeline".to_owned() } else { "execution".to_owned() }];
    }
    let lacking = roles.iter().filter(|role| role.given < role.needed);
    let approvals: Vec<String> =
        lacking.map(|role| format!("{} of {} as {}", role.needed - role.given, counted(role.needed, "approval", "approvals"), role.role)).collect();
    let follows = |rule: &str| !approvals.is_empty() && rests_on_approvals(rule);
    let rules = verdict.failed().filter(|finding| finding.rule != PROMOTER_RULE && !follows(&finding.rule));
    let rules: Vec<String> = rules.map(|finding| format!("rule {}", finding.rule)).collect();
    rules.into_iter().chain(approvals).collect()
}

/// The decision in force; a rejected promotion has none in force, and shows the one that rejected it.
async fn decision(snapshot: &Snapshot, row: &PromotionRow) -> Result<Option<DecisionReference>, AppError> {
    let found = match row.decision {
        Some(digest) => snapshot.get::<DecisionRow>(values![digest]).await?,
        None if row.status == Status::Rejected => {
            let tail = "WHERE model_id = $1 AND number = $2 AND promotion_id = $3 ORDER BY entry_index DESC LIMIT 1";
            snapshot.rows::<DecisionRow>(tail, &values![row.model_id, row.number, row.promotion_id]).await?.into_iter().next()
        }
        None => None,
    };
    Ok(found.map(|row| DecisionReference { id: row.decision_id, digest: row.digest.to_string(), decision: row.decision.to_string() }))
}
