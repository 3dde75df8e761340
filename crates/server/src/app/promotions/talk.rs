//! What people said about a promotion beside their verdicts: conditions with where they stand, and comments.

use chancery_core::approval::ApprovalVerdict;
use chancery_core::tables::{CommentRow, ConditionRow, PrivateRow, PromotionRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::people::{self, PersonView};
use crate::app::AppError;
use crate::app::gate::{Subjects, conditions};
use crate::store::Snapshot;
use crate::values;

/// Most comments that are shown.
const MOST_COMMENTS: u64 = 100;

/// A condition of an approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConditionView {
    /// Number in the promotion, by which it is met.
    pub number: u64,
    /// Role that set it.
    pub role: String,
    /// Who set it.
    pub set_by: Option<PersonView>,
    /// What must be done.
    pub text: String,
    /// Who owes it.
    pub owner: String,
    /// By when (RFC 3339).
    pub due: String,
    /// What happens otherwise: `finding`, `block` or `deprecate`.
    pub effect: String,
    /// `open`, `met` or `missed`.
    pub status: String,
    /// Whether the version moved under the approval that carries it.
    pub binding: bool,
    /// When it was met (RFC 3339).
    pub met_at: Option<String>,
    /// Who said so.
    pub met_by: Option<PersonView>,
    /// By what; null when it was erased.
    pub note: Option<String>,
}

/// A comment.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommentView {
    /// Number in the promotion.
    pub number: u64,
    /// Who; null when nobody is known.
    pub by: Option<PersonView>,
    /// When (RFC 3339).
    pub at: String,
    /// The comment; null when it was erased.
    pub text: Option<String>,
}

/// The conditions of approvals that stand, and those that bind.
pub(super) async fn conditions(snapshot: &Snapshot, subjects: &Subjects, row: &PromotionRow) -> Result<Vec<ConditionView>, AppError> {
    let rows = snapshot.rows::<ConditionRow>("WHERE promotion_id = $1 ORDER BY condition_number", &values![row.promotion_id]).await?;
    let stands = |condition: &ConditionRow| {
        let mut approvals = subjects.approvals.iter();
        approvals.any(|given| given.entry_index == condition.approval_index && !given.withdrawn && given.verdict == ApprovalVerdict::Approve)
    };
    let mut all = Vec::new();
    for condition in rows.into_iter().filter(|condition| condition.binding_index.is_some() || stands(condition)) {
        let met_by: Vec<_> = condition.met_by.iter().cloned().collect();
        let note = match condition.note {
            Some(digest) => snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text),
            None => None,
        };
        all.push(ConditionView {
            number: condition.condition_number,
            role: condition.role.to_string(),
            set_by: people::named(snapshot, std::slice::from_ref(&condition.actor)).await?.pop(),
            status: conditions::status(&condition, subjects.input.now).to_string(),
            text: condition.text,
            owner: condition.owner,
            due: condition.due.to_string(),
            effect: condition.effect.to_string(),
            binding: condition.binding_index.is_some(),
            met_at: condition.met_at.map(|at| at.to_string()),
            met_by: people::named(snapshot, &met_by).await?.pop(),
            note,
        });
    }
    Ok(all)
}

/// The newest comments, in the order in which they were made.
pub(super) async fn comments(snapshot: &Snapshot, row: &PromotionRow) -> Result<Vec<CommentView>, AppError> {
    let tail = "WHERE promotion_id = $1 AND comment_number > $2 ORDER BY comment_number";
    let rows = snapshot.rows::<CommentRow>(tail, &values![row.promotion_id, row.comments.saturating_sub(MOST_COMMENTS)]).await?;
    let mut all = Vec::with_capacity(rows.len());
    for comment in rows {
        all.push(CommentView {
            number: comment.comment_number,
            by: people::named(snapshot, std::slice::from_ref(&comment.actor)).await?.pop(),
            at: comment.at.to_string(),
            text: snapshot.get::<PrivateRow>(values![comment.text]).await?.map(|row| row.text),
        });
    }
    Ok(all)
}
