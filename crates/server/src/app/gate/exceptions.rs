//! The exceptions that a gate knows, and what makes a verdict on them old.

use chancery_core::exception::{Status, in_force};
use chancery_core::names::{ModelId, Timestamp};
use chancery_core::policy::{self, Scope};
use chancery_core::registry;
use chancery_core::tables::{ExceptionRow, PromotionRow, SettingRow, VersionRow};

use crate::app::AppError;
use crate::app::sequence::Noted;
use crate::store::Snapshot;
use crate::values;

/// What a gate notes: an exception of the model that is granted or taken back moves it.
pub(super) async fn noted(snapshot: &Snapshot, model: &ModelId) -> Result<Noted, AppError> {
    let row = snapshot.get::<SettingRow>(values![registry::exceptions(model)]).await?;
    Ok(Noted::Exceptions(model.clone(), row.map_or(0, |row| row.revision)))
}

/// The exceptions in force for a version: its own and those of its model.
pub(super) async fn input(
    snapshot: &Snapshot,
    version: &VersionRow,
    promotion: Option<&PromotionRow>,
    now: Timestamp,
) -> Result<Vec<policy::Exception>, AppError> {
    let tail = "WHERE model_id = $1 AND status = $2 AND expires_at > $3 AND (number = $4 OR scope = $5) ORDER BY entry_index";
    let rows = snapshot.rows::<ExceptionRow>(tail, &values![version.model_id, Status::Granted, now, version.number, Scope::Model]).await?;
    let promotion = promotion.map(|row| &row.promotion_id);
    let counting = rows.into_iter().filter(|row| in_force(row, version.state, promotion, now));
    Ok(counting
        .filter_map(|row| {
            Some(policy::Exception {
                id: row.exception_id,
                granted_by: row.granted_by?,
                rule: row.rule,
                expires_at: row.expires_at,
                scope: row.scope,
                reason_digest: row.reason,
            })
        })
        .collect())
}
