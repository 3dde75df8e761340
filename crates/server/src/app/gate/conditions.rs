//! Conditions of approvals, as gates and scheduled checks read them (APR-6).
//!
//! A condition binds once its version moved under the approval that carries it. The index of the releases of the model moves when a
//! condition begins to bind or is met; a gate notes it, so that a verdict is never older than the conditions that it read.

use chancery_core::approval::Effect;
use chancery_core::names::{ModelId, State, Timestamp};
use chancery_core::policy::{Condition, ConditionStatus};
use chancery_core::tables::ConditionRow;

use crate::app::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// Most conditions of a model that a gate reads: those that are not met first, then the newest.
const MOST: i64 = 500;

/// Where a condition stands at a moment.
pub(in crate::app) fn status(row: &ConditionRow, now: Timestamp) -> ConditionStatus {
    match row.met_at {
        Some(_) => ConditionStatus::Met,
        None if row.due <= now => ConditionStatus::Missed,
        None => ConditionStatus::Open,
    }
}

/// The binding conditions of all versions of a model, in the order in which they were set.
///
/// # Errors
/// A fault.
pub(super) async fn input(snapshot: &Snapshot, model: &ModelId, now: Timestamp) -> Result<Vec<Condition>, AppError> {
    let tail =
        "WHERE model_id = $1 AND binding_index IS NOT NULL ORDER BY CASE WHEN met_at IS NULL THEN 0 ELSE 1 END, approval_index DESC, condition_number LIMIT $2";
    let mut rows = snapshot.rows::<ConditionRow>(tail, &values![*model, MOST]).await?;
    rows.sort_by_key(|row| (row.approval_index, row.condition_number));
    Ok(rows.into_iter().map(|row| condition(row, now)).collect())
}

fn condition(row: ConditionRow, now: Timestamp) -> Condition {
    let status = status(&row, now);
    Condition { promotion: row.promotion_id, number: row.number, role: row.role, text: row.text, owner: row.owner, due: row.due, effect: row.effect, status }
}

impl App {
    /// Conditions with this effect that are overdue now, see [`missed`].
    ///
    /// # Errors
    /// A fault.
    pub async fn missed_conditions(&self, effect: Effect) -> Result<Vec<ConditionRow>, AppError> {
        missed(&self.store().read().await?, effect, self.now()).await
    }
}

/// Conditions with an effect that are overdue at `now`, of versions that are approved or in production: what the scheduled checks
/// act on. With [`Effect::Deprecate`] each names a version to deprecate; two conditions may name the same.
///
/// # Errors
/// A fault.
pub(in crate::app) async fn missed(snapshot: &Snapshot, effect: Effect, now: Timestamp) -> Result<Vec<ConditionRow>, AppError> {
    let tail = "JOIN versions ON versions.model_id = conditions.model_id AND versions.number = conditions.number \
        WHERE conditions.binding_index IS NOT NULL AND conditions.met_at IS NULL AND conditions.due <= $1 AND conditions.effect = $2 \
        AND (versions.state = $3 OR versions.state = $4) ORDER BY conditions.due, conditions.promotion_id, conditions.condition_number LIMIT 1000";
    Ok(snapshot.rows::<ConditionRow>(tail, &values![now, effect, State::Approved, State::Production]).await?)
}
