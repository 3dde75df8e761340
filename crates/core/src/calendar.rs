//! The review calendar (REV-1): reviews that are scheduled by people, by a rhythm or by what happened, and what came of them.
//!
//! INVARIANT: one cause schedules one review, however often and on however many servers the scheduled checks run.
//! INVARIANT: whose act is reviewed does not say that the review is done.

mod apply;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub(crate) use apply::models_of;

use crate::command::{Context, Stop};
use crate::entry::{Draft, PrivateText, Subject};
use crate::names::{ActorId, Digest, Label, ReviewId, Timestamp, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::tables::{ExceptionRow, ReviewCauseRow, ReviewRow};
use crate::{model, risk, version};

/// Longest rhythm, in days: ten years.
pub const MAX_EVERY_DAYS: u64 = 3_650;
/// Longest name of a cause, in bytes.
pub const MAX_CAUSE_BYTES: usize = 200;

crate::words! {
    /// What is reviewed.
    About, "about" {
        /// The entry of a model, or a version.
        Entry = "entry",
        /// Its model card or datasheet.
        Card = "card",
        /// A risk of the register, or the risk tier of a model.
        Risk = "risk",
        /// The policy of the registry.
        Policy = "policy",
        /// An exception.
        Exception = "exception",
        /// Something that was done in an emergency: a rollback, a broken glass.
        Emergency = "emergency",
        /// A dataset.
        Dataset = "dataset",
    }
}

crate::words! {
    /// Where a review stands.
    Status, "status" {
        /// It is owed.
        Open = "open",
        /// It was done.
        Done = "done",
    }
}

crate::words! {
    /// What came of a review.
    Outcome, "outcome" {
        /// It stands as it is.
        Confirmed = "confirmed",
        /// Something was changed.
        Changed = "changed",
        /// It was handed on to somebody who decides.
        Escalated = "escalated",
        /// It is not needed any more; no next one follows.
        Obsolete = "obsolete",
    }
}

/// Commands on reviews.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Schedules a review.
    Schedule {
        /// New identifier.
        id: ReviewId,
        /// The review.
        review: Box<Plan>,
        /// Why.
        reason: Option<PrivateText>,
    },
    /// Says that a review is done.
    Done {
        /// The review.
        id: ReviewId,
        /// What came of it.
        outcome: Outcome,
        /// More words.
        note: Option<PrivateText>,
        /// Identifier of the next one, when there is a rhythm.
        next: ReviewId,
    },
}

impl Command {
    /// The review that it is about.
    pub fn id(&self) -> &ReviewId {
        match self {
            Self::Schedule { id, .. } | Self::Done { id, .. } => id,
        }
    }
}

/// A review that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What kind of thing is reviewed.
    pub about: About,
    /// The thing: a model, version, risk, exception, or the registry for its policy.
    pub subject: Subject,
    /// Who owes it: a team, a role or a handle.
    pub owner: Label,
    /// By when.
    pub due: Timestamp,
    /// Days after which the next one is due, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u64>,
    /// What happened that scheduled it, such as `released/m…/3/17`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whose act is reviewed; somebody else must do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_by: Option<ActorId>,
}

/// What happened to a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was scheduled.
    #[serde(rename = "review.scheduled")]
    Scheduled {
        /// The review.
        review: Box<Plan>,
        /// Why, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
        /// The review that it follows in the rhythm.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ReviewId>,
    },
    /// It was done.
    #[serde(rename = "review.done")]
    Done {
        /// What came of it.
        outcome: Outcome,
        /// More words, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Digest>,
    },
}

/// Decides a command on a review.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Schedule { id, review, reason } => {
            check(rows, context, review)?;
            if rows.get::<ReviewRow>(&[id])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("review `{id}` exists already")).field("id").into());
            }
            let event = Event::Scheduled { review: review.clone(), reason: reason.as_ref().map(|reason| reason.digest), after: None };
            Ok(vec![Draft::new(Subject::Review(id.clone()), event).private(reason.as_ref())])
        }
        Command::Done { id, outcome, note, next } => done(rows, context, id, *outcome, note.as_ref(), next),
    }
}

fn done(rows: &mut Rows, context: &Context, id: &ReviewId, outcome: Outcome, note: Option<&PrivateText>, next: &ReviewId) -> Result<Vec<Draft>, Stop> {
    let row = rows.get::<ReviewRow>(&[id])?.ok_or_else(|| Refusal::not_found("review", id.as_str()))?;
    if row.status == Status::Done {
        return Err(Refusal::new(Code::AlreadyExists, &format!("review `{id}` is done already")).field("id").into());
    }
    if let Some(other) = &row.not_by {
        let own = Refusal::new(Code::SeparationOfDuties, "this review is about what you did; somebody else must do it");
        context.check_not_for_himself(other, own.remedy("ask its owner"))?;
    }
    let event = Event::Done { outcome, note: note.map(|note| note.digest) };
    let mut drafts = vec![Draft::new(Subject::Review(id.clone()), event).private(note)];
    if let Some(days) = row.every_days.filter(|_| outcome != Outcome::Obsolete) {
        if rows.get::<ReviewRow>(&[next])?.is_some() {
            return Err(Refusal::new(Code::AlreadyExists, &format!("review `{next}` exists already")).field("next").into());
        }
        let due = context.now.plus_seconds(seconds(days));
        let subject = Subject::try_from(row.subject)?;
        // Whoever acted in the emergency that began a rhythm may do the later ones.
        let review = Plan { about: row.about, subject, owner: row.owner, due, every_days: Some(days), cause: None, not_by: None };
        let event = Event::Scheduled { review: Box::new(review), reason: None, after: Some(id.clone()) };
        drafts.push(Draft::new(Subject::Review(next.clone()), event));
    }
    Ok(drafts)
}

/// Seconds of days.
fn seconds(days: u64) -> i64 {
    i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400)
}

fn check(rows: &mut Rows, context: &Context, review: &Plan) -> Result<(), Stop> {
    match review.every_days {
        Some(days) if !(1..=MAX_EVERY_DAYS).contains(&days) => {
            return Err(Refusal::invalid("every_days", &format!("every_days must be from 1 to {MAX_EVERY_DAYS}")).into());
        }
        Some(_) | None => {}
    }
    match &review.cause {
        Some(cause) => {
            check_text("cause", cause, MAX_CAUSE_BYTES)?;
            if rows.get::<ReviewCauseRow>(&[cause])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("a review was scheduled for `{cause}` already")).field("cause").into());
            }
        }
        // What happened may be long ago; what a person schedules for the past is a slip.
        None if review.due <= context.now => return Err(Refusal::invalid("due", &format!("due `{}` is in the past", review.due)).into()),
        None => {}
    }
    check_subject(rows, review.about, &review.subject)
}

/// Whether the subject exists and can be reviewed so.
fn check_subject(rows: &mut Rows, about: About, subject: &Subject) -> Result<(), Stop> {
    match (about, subject) {
        (About::Entry | About::Card | About::Risk | About::Dataset | About::Emergency | About::Exception, Subject::Model(model)) => {
            model::existing(rows, model).map(drop)
        }
        (About::Entry | About::Card | About::Dataset | About::Emergency | About::Exception, Subject::Version(model, number)) => {
            version::existing(rows, model, *number).map(drop)
        }
        (About::Risk, Subject::Risk(id)) => risk::existing(rows, id).map(drop),
        (About::Exception | About::Emergency, Subject::Exception(id)) => match rows.get::<ExceptionRow>(&[id])? {
            Some(_) => Ok(()),
            None => Err(Refusal::not_found("exception", id.as_str()).into()),
        },
        (About::Policy, Subject::Registry) => Ok(()),
        (_, _) => Err(Refusal::invalid("subject", &format!("`{subject}` is nothing that a review about `{about}` can look at"))
            .remedy("entry, card and dataset need a model or version, risk a risk or model, exception an exception, policy nothing")
            .into()),
    }
}

#[cfg(test)]
mod tests;
