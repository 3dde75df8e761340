//! How a promotion ended: who ended it, when, by which entry, and what was signed about it.

use chancery_core::entry::Subject;
use chancery_core::names::{PromotionId, Timestamp};
use chancery_core::tables::{DecisionRow, EntryRow};

use crate::app::{AppError, entries, view};
use crate::store::Snapshot;
use crate::values;

/// The kinds of the entries that end a promotion.
const KINDS: [&str; 3] = ["promotion.executed", "promotion.rejected", "promotion.cancelled"];
/// Newest entries of a promotion that are looked at: only comments and conditions that are met follow its end.
const MOST: i64 = 1_500;

/// How a promotion ended.
#[derive(Debug)]
pub struct Ending {
    /// Name of who ended it, or the id when the name was erased.
    pub who: String,
    /// Kind of the entry.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The entry.
    pub index: u64,
    /// The signed decisions about the promotion, oldest first.
    pub decisions: Vec<DecisionRow>,
}

impl Ending {
    /// Of a promotion; none as long as it is open.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn of(snapshot: &Snapshot, id: &PromotionId) -> Result<Option<Self>, AppError> {
        let tail = "WHERE subject = $1 ORDER BY entry_index DESC LIMIT $2";
        for row in snapshot.rows::<EntryRow>(tail, &values![Subject::Promotion(id.clone()).to_string(), MOST]).await? {
            let entry = entries::Shown::of(&row)?;
            if KINDS.contains(&entry.kind.as_str()) {
                return Ok(Some(Self {
                    who: view::display_name(snapshot, &entry.actor).await?.unwrap_or_else(|| entry.actor.to_string()),
                    kind: entry.kind,
                    at: entry.at,
                    index: entry.index,
                    decisions: snapshot.rows("WHERE promotion_id = $1 ORDER BY entry_index", &values![*id]).await?,
                }));
            }
        }
        Ok(None)
    }
}
