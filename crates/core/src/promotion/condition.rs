//! Conditions of approvals (APR-6): set with an approval, binding once the version moved under it, met by somebody in the same role.

use super::{Command, Event, MAX_CONDITIONS, existing};
use crate::approval::{ApprovalVerdict, Condition};
use crate::command::{Context, Stop};
use crate::delegation;
use crate::entry::{Draft, Entry, Subject};
use crate::names::{Digest, Label};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Key, Missing, Row, Rows, ToValue};
use crate::tables::{ApprovalRow, ConditionRow, PromotionRow};

/// Refuses an approval whose conditions would be too many for one promotion.
pub(super) fn check_room(row: &PromotionRow, more: usize) -> Result<(), Refusal> {
    if row.conditions + more as u64 <= MAX_CONDITIONS {
        return Ok(());
    }
    Err(Refusal::new(Code::TooLarge, &format!("the approvals of a promotion carry at most {MAX_CONDITIONS} conditions"))
        .field("conditions")
        .remedy("approve with fewer conditions, or open a new promotion"))
}

pub(super) fn meet(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::MeetCondition { promotion, number, role, delegated_by, note, authors } = command else { return Ok(Vec::new()) };
    let model = existing(rows, promotion)?.model_id;
    let row = rows.get::<ConditionRow>(&[promotion, number])?.ok_or_else(|| Refusal::not_found("condition", &number.to_string()))?;
    if row.role != *role {
        return Err(Refusal::new(Code::AccessDenied, &format!("condition {number} was set by role `{}`", row.role))
            .field("role")
            .remedy("somebody in that role says that it is met")
            .into());
    }
    if let Some(giver) = delegated_by {
        delegation::check_in_force(rows, giver, role, &context.actor, &model, context.now)?;
    }
    let own = Refusal::new(Code::SeparationOfDuties, "an author does not say that a condition of his version is met");
    let own = own.remedy(&format!("ask somebody else in role `{role}`"));
    if delegated_by.as_ref().is_some_and(|giver| authors.made.contains(giver)) {
        return Err(own.into());
    }
    context.check_no_author(authors, own)?;
    if row.met_at.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("condition {number} is met already")).field("number").into());
    }
    let event = Event::ConditionMet { number: *number, role: role.clone(), delegated_by: delegated_by.clone(), note: note.digest };
    Ok(vec![Draft::new(Subject::Promotion(promotion.clone()), event).private(Some(note))])
}

/// Stores the conditions of an approval that this entry records.
pub(super) fn set(rows: &mut Rows, entry: &Entry, row: PromotionRow, role: &Label, conditions: &[Condition]) {
    for (condition, condition_number) in conditions.iter().zip(row.conditions + 1..) {
        rows.put(&ConditionRow {
            promotion_id: row.promotion_id.clone(),
            condition_number,
            model_id: row.model_id.clone(),
            number: row.number,
            role: role.clone(),
            actor: entry.actor.clone(),
            approval_index: entry.index,
            text: condition.text.clone(),
            owner: condition.owner.clone(),
            due: condition.due,
            effect: condition.effect,
            binding_index: None,
            met_at: None,
            met_by: None,
            note: None,
        });
    }
    rows.put(&PromotionRow { conditions: row.conditions + conditions.len() as u64, ..row });
}

pub(super) fn met(rows: &mut Rows, entry: &Entry, row: PromotionRow, number: u64, note: &Digest) -> Result<(), Missing> {
    if let Some(condition) = rows.get::<ConditionRow>(&[&row.promotion_id, &number])? {
        rows.put(&ConditionRow { met_at: Some(entry.at), met_by: Some(entry.actor.clone()), note: Some(*note), ..condition });
    }
    // The gates of every version of the model read its conditions.
    registry::move_releases(rows, entry, &row.model_id);
    rows.put(&row);
    Ok(())
}

/// Makes the conditions binding whose approvals count at this entry, by which the version moves.
pub(super) fn bind(rows: &mut Rows, entry: &Entry, row: &PromotionRow) -> Result<(), Missing> {
    for number in 1..=row.conditions {
        rows.want(&Key { table: ConditionRow::TABLE, values: vec![row.promotion_id.value(), number.value()] });
    }
    for number in 1..=row.conditions {
        let Some(condition) = rows.get::<ConditionRow>(&[&row.promotion_id, &number])? else { continue };
        let approval = rows.get::<ApprovalRow>(&[&row.promotion_id, &condition.role, &condition.actor])?;
        if approval.is_some_and(|approval| approval.entry_index == condition.approval_index && stands(&approval, row, entry)) {
            rows.put(&ConditionRow { binding_index: Some(entry.index), ..condition });
        }
    }
    if row.conditions > 0 {
        registry::move_releases(rows, entry, &row.model_id);
    }
    Ok(())
}

fn stands(approval: &ApprovalRow, row: &PromotionRow, entry: &Entry) -> bool {
    approval.verdict == ApprovalVerdict::Approve
        && !approval.withdrawn
        && approval.evidence_set == row.evidence_set
        && approval.tier_index == row.tier_index
        && approval.expires_at > entry.at
}
