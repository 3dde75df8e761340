//! What the entries of a promotion do to the rows.

use super::{DecisionKind, Event, Status, condition};
use crate::command::record;
use crate::entry::{Entry, Subject};
use crate::names::ModelId;
use crate::rows::{Missing, Rows};
use crate::tables::{ApprovalRow, CommentRow, DecisionRow, ModelRow, OpenPromotionRow, PromotionRow};
use crate::version;

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    match (event, &entry.subject) {
        (Event::Opened { version, target, environment, evidence_set, risk_tier, verdict, failed, .. }, Subject::Promotion(id)) => {
            let Subject::Version(model_id, number) = version else { return Ok(()) };
            let tier_index = tier_index(rows, model_id)?;
            rows.put(&OpenPromotionRow { model_id: model_id.clone(), number: *number, target: *target, promotion_id: id.clone() });
            rows.put(&PromotionRow {
                promotion_id: id.clone(),
                model_id: model_id.clone(),
                number: *number,
                target: *target,
                environment: environment.clone(),
                status: Status::Open,
                evidence_set: *evidence_set,
                risk_tier: *risk_tier,
                tier_index,
                opened_by: entry.actor.clone(),
                opened_at: entry.at,
                opened_index: entry.index,
                opened_run: entry.run.clone(),
                executed_run: None,
                verdict: *verdict,
                missing: serde_json::Value::from(failed.clone()),
                decision: None,
                completed: None,
                conditions: 0,
                comments: 0,
                revision: entry.index,
            });
            record(rows, entry, &entry.subject, "status", Some(Status::Open.as_str()))
        }
        (Event::DecisionRecorded { id, decision, envelope, promotion, target, environment, expires_at }, Subject::Version(model_id, number)) => {
            rows.put(&DecisionRow {
                digest: *envelope,
                decision_id: id.clone(),
                decision: *decision,
                promotion_id: promotion.clone(),
                model_id: model_id.clone(),
                number: *number,
                target: *target,
                environment: environment.clone(),
                expires_at: *expires_at,
                entry_index: entry.index,
            });
            if let Some(promotion) = promotion
                && let Some(row) = rows.get::<PromotionRow>(&[promotion])?
            {
                // A rejection or an execution is a decision too, and not the one that approves.
                let (approves, completed) = if *decision == DecisionKind::Approved { (Some(*envelope), None) } else { (row.decision, row.completed) };
                rows.put(&PromotionRow { decision: approves, completed, revision: entry.index, ..row });
            }
            version::touch_subject(rows, entry)
        }
        (_, Subject::Promotion(id)) => match rows.get::<PromotionRow>(&[id])? {
            Some(row) => apply_change(rows, entry, event, row),
            None => Ok(()),
        },
        (
            _,
            Subject::Registry
            | Subject::Model(_)
            | Subject::Version(..)
            | Subject::Actor(_)
            | Subject::Token(_)
            | Subject::Exception(_)
            | Subject::Risk(_)
            | Subject::Review(_)
            | Subject::Bundle(_)
            | Subject::Template(_)
            | Subject::Team(_)
            | Subject::AccessPolicy(_),
        ) => Ok(()),
    }
}

/// The entry that set the tier of a model.
fn tier_index(rows: &mut Rows, model: &ModelId) -> Result<u64, Missing> {
    Ok(rows.get::<ModelRow>(&[model])?.map_or(0, |row| row.tier_index))
}

fn apply_change(rows: &mut Rows, entry: &Entry, event: &Event, row: PromotionRow) -> Result<(), Missing> {
    let row = PromotionRow { revision: entry.index, ..row };
    match event {
        Event::Opened { .. } | Event::DecisionRecorded { .. } => {}
        Event::Refreshed { evidence_set, risk_tier, verdict, failed, lapsed } => {
            let (decision, completed) = if *lapsed { (None, None) } else { (row.decision, row.completed) };
            let missing = serde_json::Value::from(failed.clone());
            let tier_index = tier_index(rows, &row.model_id)?;
            rows.put(&PromotionRow { evidence_set: *evidence_set, risk_tier: *risk_tier, tier_index, verdict: *verdict, missing, decision, completed, ..row });
        }
        Event::Completed { verdict, failed, .. } => {
            rows.put(&PromotionRow { verdict: *verdict, missing: serde_json::Value::from(failed.clone()), completed: Some(entry.index), ..row });
        }
        Event::Commented { text } => {
            let comment_number = row.comments + 1;
            rows.put(&CommentRow { promotion_id: row.promotion_id.clone(), comment_number, actor: entry.actor.clone(), at: entry.at, text: *text });
            rows.put(&PromotionRow { comments: comment_number, ..row });
        }
        Event::ConditionMet { number, note, .. } => condition::met(rows, entry, row, *number, note)?,
        Event::ApprovalRecorded {
            role,
            delegated_by,
            verdict,
            version_digest,
            target,
            environment,
            risk_tier,
            evidence_set,
            ticket,
            conditions,
            envelope,
            signed_with,
            expires_at,
            ..
        } => {
            rows.put(&ApprovalRow {
                promotion_id: row.promotion_id.clone(),
                role: role.clone(),
                actor: entry.actor.clone(),
                delegated_by: delegated_by.clone(),
                through: entry.through.clone(),
                verdict: *verdict,
                version_digest: *version_digest,
                target: *target,
                environment: environment.clone(),
                risk_tier: *risk_tier,
                tier_index: row.tier_index,
                evidence_set: *evidence_set,
                ticket: ticket.clone(),
                conditions: serde_json::to_value(conditions).unwrap_or_default(),
                envelope: *envelope,
                signed_with: *signed_with,
                at: entry.at,
                expires_at: *expires_at,
                withdrawn: false,
                entry_index: entry.index,
            });
            condition::set(rows, entry, row, role, conditions);
        }
        Event::ApprovalWithdrawn { role, given_by, .. } => {
            let person = given_by.as_ref().unwrap_or(&entry.actor);
            if let Some(approval) = rows.get::<ApprovalRow>(&[&row.promotion_id, role, person])? {
                rows.put(&ApprovalRow { withdrawn: true, ..approval });
            }
            rows.put(&PromotionRow { decision: None, completed: None, ..row });
        }
        Event::Executed { verdict } => {
            condition::bind(rows, entry, &row)?;
            let executed_run = entry.run.clone();
            close(rows, entry, PromotionRow { verdict: *verdict, executed_run, missing: serde_json::Value::Array(Vec::new()), ..row }, Status::Executed)?;
        }
        Event::Rejected { .. } => close(rows, entry, row, Status::Rejected)?,
        Event::Cancelled { .. } => close(rows, entry, row, Status::Cancelled)?,
    }
    Ok(())
}

fn close(rows: &mut Rows, entry: &Entry, row: PromotionRow, status: Status) -> Result<(), Missing> {
    rows.remove::<OpenPromotionRow>(&[&row.model_id, &row.number, &row.target]);
    rows.put(&PromotionRow { status, ..row });
    record(rows, entry, &entry.subject, "status", Some(status.as_str()))
}
