//! The view of a promotion: what is missing for it, who has spoken, and what the version is compared with.
//!
//! An open promotion shows its gates as they are now. A closed one shows the verdict that was stored when it closed; approvals
//! are then counted as of that moment.

use std::collections::BTreeMap;

use chancery_core::Event;
use chancery_core::entry::Entry;
use chancery_core::names::{Digest, PromotionId};
use chancery_core::policy::{self, Finding, Input, Verdict};
use chancery_core::promotion::{self, Status};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ApprovalRow, DecisionRow, EntryRow, ModelRow, PrivateRow, PromotionRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::gate::{Subjects, gates};
use super::signed::counts;
use super::view::{self, ModelReference};
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
    /// Who opened it.
    pub opened_by: String,
    /// When (RFC 3339).
    pub opened_at: String,
    /// One finding for each rule.
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Finding>,
    /// The findings that failed.
    #[schema(value_type = Vec<Object>)]
    pub missing: Vec<Finding>,
    /// Roles whose approval is needed.
    pub required_roles: Vec<String>,
    /// Roles of these without an approval that counts.
    pub missing_roles: Vec<String>,
    /// Every verdict that was given.
    pub approvals: Vec<ApprovalView>,
    /// The signed decision in force, or the one that rejected it.
    pub decision: Option<DecisionReference>,
    /// What an open promotion's version is compared with.
    pub reference: Option<ReferenceView>,
    /// Metrics of the evaluations, beside those of the reference.
    pub metrics: Vec<MetricView>,
    /// Index of the last entry that changed it: the ETag.
    pub revision: u64,
}

/// A person's verdict in a role.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalView {
    /// Role.
    pub role: String,
    /// Who.
    pub actor: String,
    /// Name for people.
    pub actor_name: Option<String>,
    /// `approve` or `reject`.
    pub verdict: String,
    /// When (RFC 3339).
    pub at: String,
    /// Until when it counts (RFC 3339).
    pub expires_at: String,
    /// Whether it counts for what the promotion shows.
    pub counts: bool,
    /// Ticket reference.
    pub ticket: Option<String>,
    /// Comment; null when there is none or it was erased.
    pub comment: Option<String>,
    /// Conditions {text, owner, due, effect}.
    #[schema(value_type = Vec<Object>)]
    pub conditions: serde_json::Value,
    /// Whether it was taken back.
    pub withdrawn: bool,
    /// Digest of the signed approval.
    pub envelope: String,
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

/// A metric of a version and of its reference.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct MetricView {
    /// Metric.
    pub name: String,
    /// Slice of the dataset; null for the whole.
    pub slice: Option<String>,
    /// Newest value of the version; null when only the reference reports it.
    pub value: Option<f64>,
    /// Newest value of the reference.
    pub reference: Option<f64>,
}

impl App {
    /// The view of a promotion, open or closed.
    ///
    /// # Errors
    /// `not_found`; a fault.
    pub async fn promotion_view(&self, caller: &Caller, id: &PromotionId) -> Result<PromotionView, AppError> {
        let not_found = || Refusal::not_found("promotion", id.as_str());
        let _turn = self.turn().await?;
        let snapshot = self.store().read().await?;
        let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(not_found)?;
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(not_found)?;
        let version = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await?.ok_or_else(not_found)?;
        let mut subjects = self.subjects(&snapshot, caller, model, version, row.target, &row.environment, Some(row.clone())).await?;
        let verdict = match live_gates(&row, &subjects) {
            Some(gates) => self.evaluate(gates, &subjects.input).await?.verdict,
            None => {
                let verdict = stored_verdict(&snapshot, &row.verdict).await?;
                as_of(&mut subjects, &row, &verdict);
                verdict
            }
        };
        let required_roles = self.required_roles(&subjects.input)?;
        view_of(&snapshot, &row, &subjects, verdict, required_roles).await
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
fn as_of(subjects: &mut Subjects, row: &PromotionRow, verdict: &Verdict) {
    subjects.model.risk_tier = row.risk_tier;
    subjects.model.tier_index = row.tier_index;
    subjects.input.model.risk.tier = row.risk_tier;
    subjects.input.evidence_set_digest = row.evidence_set;
    subjects.input.mode = verdict.mode;
    subjects.input.now = verdict.evaluated_at;
    subjects.input.reference = None;
}

async fn stored_verdict(snapshot: &Snapshot, digest: &Digest) -> Result<Verdict, AppError> {
    let bytes = view::payload(snapshot, digest).await?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| Fault::database("read a stored verdict", error))?)
}

async fn view_of(
    snapshot: &Snapshot,
    row: &PromotionRow,
    subjects: &Subjects,
    verdict: Verdict,
    required_roles: Vec<String>,
) -> Result<PromotionView, AppError> {
    let counted: Vec<&str> = subjects.approvals.iter().filter(|approval| counts(approval, subjects)).map(|approval| approval.role.as_str()).collect();
    let mut approvals = Vec::with_capacity(subjects.approvals.len());
    for approval in &subjects.approvals {
        approvals.push(approval_view(snapshot, approval, subjects).await?);
    }
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
        opened_by: row.opened_by.to_string(),
        opened_at: row.opened_at.to_string(),
        missing: verdict.failed().cloned().collect(),
        findings: verdict.findings,
        missing_roles: required_roles.iter().filter(|role| !counted.contains(&role.as_str())).cloned().collect(),
        required_roles,
        approvals,
        decision: decision(snapshot, row).await?,
        reference: reference.map(|reference| ReferenceView { number: reference.number.get(), why: reference.why.clone() }),
        metrics: metrics(&subjects.input),
        revision: row.revision,
    })
}

async fn approval_view(snapshot: &Snapshot, row: &ApprovalRow, subjects: &Subjects) -> Result<ApprovalView, AppError> {
    Ok(ApprovalView {
        role: row.role.to_string(),
        actor: row.actor.to_string(),
        actor_name: view::display_name(snapshot, &row.actor).await?,
        verdict: row.verdict.to_string(),
        at: row.at.to_string(),
        expires_at: row.expires_at.to_string(),
        counts: counts(row, subjects),
        ticket: row.ticket.clone(),
        comment: comment(snapshot, row.entry_index).await?,
        conditions: row.conditions.clone(),
        withdrawn: row.withdrawn,
        envelope: row.envelope.to_string(),
    })
}

/// The comment of an approval, from the vault, where it can be erased.
async fn comment(snapshot: &Snapshot, index: u64) -> Result<Option<String>, AppError> {
    let Some(row) = snapshot.get::<EntryRow>(values![index]).await? else { return Ok(None) };
    let entry = Entry::from_bytes(&row.bytes).map_err(|error| Fault::database("read an approval", error))?;
    let Event::Promotion(promotion::Event::ApprovalRecorded { comment: Some(digest), .. }) = entry.event else { return Ok(None) };
    Ok(snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text))
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

/// Metrics of the version beside those of its reference, by name and slice; a later evaluation replaces an earlier one.
fn metrics(input: &Input) -> Vec<MetricView> {
    let ours = reported(&input.evidence);
    let theirs = input.reference.as_ref().map(|reference| reported(&reference.evidence)).unwrap_or_default();
    let keys: std::collections::BTreeSet<&(String, Option<String>)> = ours.keys().chain(theirs.keys()).collect();
    let view = |key: &(String, Option<String>)| MetricView {
        name: key.0.clone(),
        slice: key.1.clone(),
        value: ours.get(key).copied(),
        reference: theirs.get(key).copied(),
    };
    keys.into_iter().map(view).collect()
}

/// What evaluations report: metrics of the format {metrics: [{name, value, slice?}]}. Anything else in a document is passed over.
fn reported(evidence: &[policy::Evidence]) -> BTreeMap<(String, Option<String>), f64> {
    let documents = evidence.iter().filter(|piece| piece.kind == "evaluation").filter_map(|piece| piece.document.as_ref());
    let lists = documents.filter_map(|document| document.get("metrics")?.as_array());
    let metric = |entry: &serde_json::Value| {
        let slice = entry.get("slice").and_then(serde_json::Value::as_str).filter(|slice| !slice.is_empty()).map(str::to_owned);
        Some(((entry.get("name")?.as_str()?.to_owned(), slice), entry.get("value")?.as_f64()?))
    };
    lists.flatten().filter_map(metric).collect()
}

#[cfg(test)]
mod tests {
    use chancery_core::names::{ActorId, Grade, Timestamp};
    use chancery_core::policy::{Binding, BindingKind};
    use serde_json::json;

    use super::*;

    fn evidence(kind: &str, document: serde_json::Value) -> policy::Evidence {
        policy::Evidence {
            digest: Digest::of(kind.as_bytes()),
            kind: kind.to_owned(),
            grade: Grade::Claimed,
            binds_to: Binding { kind: BindingKind::Content, digest: Digest::of(b"content") },
            actor: ActorId::parse("system").unwrap(),
            at: Timestamp::from_micros(0),
            document: Some(document),
            format: String::new(),
            summary: None,
            signed_by: Vec::new(),
        }
    }

    #[test]
    fn the_newest_evaluation_counts_and_what_is_no_metric_is_passed_over() {
        let found = reported(&[
            evidence("evaluation", json!({"metrics": [{"name": "auc_roc", "value": 0.7}, {"name": "auc_roc", "slice": "women", "value": 0.6}]})),
            evidence("evaluation", json!({"metrics": [{"name": "auc_roc", "slice": "", "value": 0.8}, {"name": "f1", "value": "high"}, 7]})),
            evidence("evaluation", json!("no document")),
            evidence("sbom", json!({"metrics": [{"name": "packages", "value": 3}]})),
        ]);
        let whole = ("auc_roc".to_owned(), None);
        let slice = ("auc_roc".to_owned(), Some("women".to_owned()));
        assert_eq!(found, BTreeMap::from([(whole, 0.8), (slice, 0.6)]));
    }
}
