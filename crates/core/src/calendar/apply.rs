//! What an entry about a review does to the rows.

use super::{Event, Plan, Status};
use crate::entry::{Entry, Subject};
use crate::names::{Digest, ModelId, ReviewId};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::tables::{ExceptionRow, ReviewCauseRow, ReviewRow, RiskRow};

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Review(id) = &entry.subject else { return Ok(()) };
    let subject = match event {
        Event::Scheduled { review, reason, .. } => {
            let models = models_of(rows, &review.subject)?;
            rows.put(&scheduled(entry, id, review, *reason, models.first().filter(|_| !matches!(review.subject, Subject::Risk(_)))));
            if let Some(cause) = &review.cause {
                rows.put(&ReviewCauseRow { cause: cause.clone(), review_id: id.clone() });
            }
            review.subject.clone()
        }
        Event::Done { outcome, note } => {
            let Some(row) = rows.get::<ReviewRow>(&[id])? else { return Ok(()) };
            let Ok(subject) = Subject::try_from(row.subject.clone()) else { return Ok(()) };
            rows.put(&ReviewRow {
                status: Status::Done,
                outcome: Some(*outcome),
                note: *note,
                done_by: Some(entry.actor.clone()),
                done_at: Some(entry.at),
                revision: entry.index,
                ..row
            });
            subject
        }
    };
    for model in models_of(rows, &subject)? {
        registry::move_attached(rows, entry, &model);
    }
    Ok(())
}

fn scheduled(entry: &Entry, id: &ReviewId, review: &Plan, reason: Option<Digest>, model: Option<&ModelId>) -> ReviewRow {
    ReviewRow {
        review_id: id.clone(),
        about: review.about,
        subject: review.subject.to_string(),
        model_id: model.cloned(),
        owner: review.owner.clone(),
        due: review.due,
        every_days: review.every_days,
        cause: review.cause.clone(),
        not_by: review.not_by.clone(),
        reason,
        status: Status::Open,
        outcome: None,
        note: None,
        done_by: None,
        done_at: None,
        scheduled_by: entry.actor.clone(),
        scheduled_at: entry.at,
        scheduled_index: entry.index,
        revision: entry.index,
    }
}

/// The models whose gates read a review or risk of this subject.
pub(crate) fn models_of(rows: &mut Rows, subject: &Subject) -> Result<Vec<ModelId>, Missing> {
    Ok(match subject {
        Subject::Model(model) | Subject::Version(model, _) => vec![model.clone()],
        Subject::Risk(id) => rows.get::<RiskRow>(&[id])?.map(|risk| risk.models()).unwrap_or_default(),
        Subject::Exception(id) => rows.get::<ExceptionRow>(&[id])?.map(|row| row.model_id).into_iter().collect(),
        Subject::Registry
        | Subject::Promotion(_)
        | Subject::Actor(_)
        | Subject::Token(_)
        | Subject::Review(_)
        | Subject::Bundle(_)
        | Subject::Template(_)
        | Subject::Team(_)
        | Subject::AccessPolicy(_) => Vec::new(),
    })
}
