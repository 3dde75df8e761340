//! A promotion in a list: what is stored about it. No gate is evaluated for a list.

use chancery_core::tables::{ModelRow, PromotionRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppError;
use crate::app::view::{self, ModelReference};
use crate::app::workload::{PipelineRunView, run_view};
use crate::store::Snapshot;
use crate::values;

/// A promotion in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromotionSummary {
    /// Identifier.
    pub id: String,
    /// Its model.
    pub model: ModelReference,
    /// Number of the version.
    pub version: u64,
    /// Target state.
    pub target: String,
    /// Environment.
    pub environment: String,
    /// `open`, `executed`, `rejected` or `cancelled`.
    pub status: String,
    /// Risk tier when the evidence was frozen.
    pub risk_tier: String,
    /// Digest of the frozen evidence set.
    pub evidence_set: String,
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
    /// Rules that failed when its gates were last recorded; reading the promotion evaluates them now.
    #[schema(value_type = Vec<String>)]
    pub missing_rules: serde_json::Value,
    /// Entry that said that nothing but the execution is missing; null when none did, or when that was undone.
    pub completed: Option<u64>,
    /// Index of the last entry that changed it.
    pub revision: u64,
}

impl PromotionSummary {
    /// The newest promotions of a version, at most so many.
    ///
    /// # Errors
    /// A fault.
    pub async fn of_version(snapshot: &Snapshot, version: &VersionRow, most: u32) -> Result<Vec<Self>, AppError> {
        let tail = "WHERE model_id = $1 AND number = $2 ORDER BY opened_index DESC LIMIT $3";
        let mut found = Vec::new();
        for row in snapshot.rows::<PromotionRow>(tail, &values![version.model_id, version.number, i64::from(most)]).await? {
            found.push(Self::of(snapshot, row).await?);
        }
        Ok(found)
    }

    /// The summary of a stored promotion.
    ///
    /// # Errors
    /// A fault.
    pub async fn of(snapshot: &Snapshot, row: PromotionRow) -> Result<Self, AppError> {
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?;
        let name = model.map(|model| model.name.to_string()).unwrap_or_default();
        Ok(Self {
            id: row.promotion_id.to_string(),
            model: ModelReference { id: row.model_id.to_string(), name },
            version: row.number.get(),
            target: row.target.to_string(),
            environment: row.environment.to_string(),
            status: row.status.to_string(),
            risk_tier: row.risk_tier.to_string(),
            evidence_set: row.evidence_set.to_string(),
            opened_by: row.opened_by.to_string(),
            opened_by_name: view::display_name(snapshot, &row.opened_by).await?,
            opened_at: row.opened_at.to_string(),
            opened_by_run: run_view(snapshot, row.opened_run.as_ref()).await?,
            executed_by_run: run_view(snapshot, row.executed_run.as_ref()).await?,
            missing_rules: row.missing,
            completed: row.completed,
            revision: row.revision,
        })
    }
}
