//! Which exceptions are in force: those that a gate knows, and what pages and lists say of them. What makes a verdict on them old.

use chancery_core::exception::{Status, in_force};
use chancery_core::names::{ModelId, PromotionId, Timestamp};
use chancery_core::policy::{self, Scope};
use chancery_core::tables::{ExceptionRow, PromotionRow, SettingRow, VersionRow};
use chancery_core::{promotion, registry};

use crate::app::AppError;
use crate::app::sequence::Noted;
use crate::store::Snapshot;
use crate::values;

/// What a gate notes: an exception of the model that is granted or taken back moves it.
pub(super) async fn noted(snapshot: &Snapshot, model: &ModelId) -> Result<Noted, AppError> {
    let row = snapshot.get::<SettingRow>(values![registry::exceptions(model)]).await?;
    Ok(Noted::Exceptions(model.clone(), row.map_or(0, |row| row.revision)))
}

/// The exceptions in force for a version, its own and those of its model, when a gate is evaluated for `promotion`. Oldest first.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn of_version(snapshot: &Snapshot, version: &VersionRow, promotion: Option<&PromotionId>, now: Timestamp) -> Result<Vec<ExceptionRow>, AppError> {
    let tail = "WHERE model_id = $1 AND status = $2 AND expires_at > $3 AND (number = $4 OR scope = $5) ORDER BY entry_index";
    let rows = snapshot.rows::<ExceptionRow>(tail, &values![version.model_id, Status::Granted, now, version.number, Scope::Model]).await?;
    Ok(rows.into_iter().filter(|row| in_force(row, version.state, promotion, now)).collect())
}

/// Whether an exception waives its rule now: for its version, or for the promotion that it belongs to as long as that is open.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn counts(snapshot: &Snapshot, row: &ExceptionRow, now: Timestamp) -> Result<bool, AppError> {
    let Some(version) = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await? else { return Ok(false) };
    let promotion = match &row.promotion_id {
        Some(id) => snapshot.get::<PromotionRow>(values![*id]).await?.filter(|row| row.status == promotion::Status::Open),
        None => None,
    };
    Ok(in_force(row, version.state, promotion.as_ref().map(|row| &row.promotion_id), now))
}

/// How many exceptions are in force for their versions, at most `most`; those of an emergency count from its release on.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn count(snapshot: &Snapshot, now: Timestamp, most: i64) -> Result<u64, AppError> {
    let tail = "exceptions JOIN versions ON versions.model_id = exceptions.model_id AND versions.number = exceptions.number
        WHERE exceptions.status = $1 AND exceptions.expires_at > $2 LIMIT $3";
    let rows = snapshot.pairs::<ExceptionRow, VersionRow>(tail, &values![Status::Granted, now, most]).await?;
    Ok(rows.iter().filter(|(row, version)| in_force(row, version.state, None, now)).count() as u64)
}

/// The exceptions in force for a version, as the rules read them.
pub(super) async fn input(
    snapshot: &Snapshot,
    version: &VersionRow,
    promotion: Option<&PromotionRow>,
    now: Timestamp,
) -> Result<Vec<policy::Exception>, AppError> {
    let counting = of_version(snapshot, version, promotion.map(|row| &row.promotion_id), now).await?;
    let read = |row: ExceptionRow| {
        Some(policy::Exception {
            id: row.exception_id,
            granted_by: row.granted_by?,
            rule: row.rule,
            expires_at: row.expires_at,
            scope: row.scope,
            reason_digest: row.reason,
        })
    };
    Ok(counting.into_iter().filter_map(read).collect())
}
