//! How a promotion ended: who ended it, when, by which entry, in which run, and what was signed about it.

use chancery_core::entry::Subject;
use chancery_core::names::{PromotionId, Timestamp};
use chancery_core::tables::{DecisionRow, EntryRow};

use crate::app::promotions::PromotionView;
use crate::app::{AppError, entries, view};
use crate::http::ui::open;
use crate::store::Snapshot;
use crate::values;

/// The kinds of the entries that end a promotion, with what somebody did.
const KINDS: [(&str, &str); 3] = [("promotion.executed", "executed it"), ("promotion.rejected", "rejected it"), ("promotion.cancelled", "cancelled it")];
/// Entries of a promotion that are looked at: only comments follow its end.
const MOST: i64 = 100;

/// How it ended.
pub(super) struct Ending {
    pub(super) who: String,
    pub(super) did: &'static str,
    pub(super) at: Timestamp,
    pub(super) index: u64,
    /// Address of the pipeline run, as it said itself; a text, for it leads elsewhere.
    pub(super) run: Option<String>,
    pub(super) started_by: Option<String>,
    /// Signed decisions: what each says, and where its envelope is.
    pub(super) decisions: Vec<(String, String)>,
}

impl Ending {
    /// Of a promotion that is closed.
    pub(super) async fn of(snapshot: &Snapshot, id: &PromotionId, promotion: &PromotionView) -> Result<Option<Self>, AppError> {
        if promotion.status == "open" {
            return Ok(None);
        }
        let tail = "WHERE subject = $1 ORDER BY entry_index DESC LIMIT $2";
        for row in snapshot.rows::<EntryRow>(tail, &values![Subject::Promotion(id.clone()).to_string(), MOST]).await? {
            let entry = entries::Shown::of(&row)?;
            let Some((_, did)) = KINDS.iter().find(|(kind, _)| *kind == entry.kind) else { continue };
            let decisions = snapshot.rows::<DecisionRow>("WHERE promotion_id = $1 ORDER BY entry_index", &values![*id]).await?;
            let link = |row: &DecisionRow| (row.decision.to_string(), open::path(&format!("/api/v1/decisions/{}", row.digest)));
            let run = promotion.executed_by_run.as_ref();
            return Ok(Some(Self {
                who: view::display_name(snapshot, &entry.actor).await?.unwrap_or_else(|| entry.actor.to_string()),
                did,
                at: entry.at,
                index: entry.index,
                run: run.and_then(|run| run.run_url.clone()),
                started_by: run.and_then(|run| run.started_by.clone()),
                decisions: decisions.iter().map(link).collect(),
            }));
        }
        Ok(None)
    }
}
