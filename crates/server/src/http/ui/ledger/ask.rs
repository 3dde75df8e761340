//! The filters of the list: what was filled in, and what it asks of the ledger.

use chancery_core::entry::{Door, Subject};
use chancery_core::names::{ActorId, Label, ModelName, Timestamp, VersionNumber, clipped};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::HandleRow;

use super::super::frame::Visit;
use crate::app::as_of::Cut;
use crate::app::entries::{About, Ask};
use crate::app::{AppError, view};
use crate::sentence::words::FAMILIES;
use crate::store::Snapshot;
use crate::values;

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// The filters as they were filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// A name, `name/3`, or a subject as entries have it.
    pub(super) subject: String,
    pub(super) kind: String,
    pub(super) actor: String,
    pub(super) door: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) refusals: bool,
    before: String,
}

/// One of the kinds to choose from.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) words: String,
    pub(super) chosen: bool,
}

impl Filters {
    pub(super) fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.get(name).unwrap_or_default().trim().to_owned();
        Self {
            subject: text("subject"),
            kind: text("kind"),
            actor: text("actor"),
            door: text("door"),
            from: text("from"),
            until: text("until"),
            refusals: visit.get("refusals").is_some(),
            before: text("before"),
        }
    }

    /// Whether there is one.
    pub(super) fn any(&self) -> bool {
        self.refusals || [&self.subject, &self.kind, &self.actor, &self.door, &self.from, &self.until].iter().any(|text| !text.is_empty())
    }

    /// The kinds to choose from; the one in the address too, when it is exact.
    pub(super) fn kinds(&self) -> Vec<Choice> {
        let choice = |value: &str, words: &str| Choice { value: value.to_owned(), words: words.to_owned(), chosen: value == self.kind };
        let known = FAMILIES.iter().any(|(family, _)| *family == self.kind);
        let exact = Some(choice(&self.kind, &clipped(&self.kind))).filter(|_| !known && !self.kind.is_empty());
        exact.into_iter().chain(FAMILIES.iter().map(|(family, words)| choice(family, words))).collect()
    }

    /// The surfaces to choose from.
    pub(super) fn doors(&self) -> Vec<Choice> {
        let words = |door: &Door| match door {
            Door::Api => "API",
            Door::Mlflow => "MLflow",
            Door::Pages => "web",
            Door::Schedule => "scheduled job",
            Door::System => "the program itself",
        };
        Door::ALL.iter().map(|door| Choice { value: door.to_string(), words: words(door).to_owned(), chosen: door.as_str() == self.door }).collect()
    }

    /// What they ask of the first `size` entries, and the subject that they name.
    ///
    /// # Errors
    /// `invalid_field` that names the filter.
    pub(super) async fn ask(&self, snapshot: &Snapshot, size: u64, whole: bool) -> Result<(Ask, Option<Subject>), AppError> {
        let (actor, nobody) = self.actor(snapshot).await?;
        let subject = if self.subject.is_empty() { None } else { Some(named(snapshot, &self.subject).await?) };
        let about = if nobody { About::Nothing } else { subject.as_ref().map_or(About::Anything, About::subject) };
        let door = Some(&self.door).filter(|text| !text.is_empty()).map(|text| Door::parse(text)).transpose()?;
        let from = match moment("from", &self.from, 0)? {
            Some(first) => entries_before(snapshot, first).await?,
            None => 0,
        };
        let until = match moment("until", &self.until, DAY)? {
            Some(end) => entries_before(snapshot, end).await?,
            None => size,
        };
        let page =
            if self.before.is_empty() { size } else { self.before.parse().map_err(|_| Refusal::invalid("before", "before must be the number of an entry"))? };
        let kind = Some(self.kind.clone()).filter(|kind| !kind.is_empty());
        let ask = Ask { about, kind, refusals: self.refusals, actor, door, from, before: size.min(until).min(page), whole };
        Ok((ask, subject))
    }

    /// Who is meant, or that nobody is called so: nothing is found then, whoever asks.
    async fn actor(&self, snapshot: &Snapshot) -> Result<(Option<ActorId>, bool), AppError> {
        if self.actor.is_empty() {
            return Ok((None, false));
        }
        if let Ok(id) = ActorId::parse(&self.actor) {
            return Ok((Some(id), false));
        }
        let Ok(handle) = Label::parse(&self.actor) else { return Ok((None, true)) };
        let row = snapshot.get::<HandleRow>(values![handle]).await?;
        Ok((row.as_ref().map(|row| row.actor_id.clone()), row.is_none()))
    }
}

/// The subject that a text names, as entries write it, or as the name of a model or version.
async fn named(snapshot: &Snapshot, text: &str) -> Result<Subject, AppError> {
    if let Ok(subject) = Subject::try_from(text.to_owned()) {
        return Ok(subject);
    }
    // As in entries, but with the name instead of the id.
    let named = text.strip_prefix("model/").unwrap_or(text);
    let (name, number) = match named.split_once('/') {
        Some((name, number)) => (name, Some(number)),
        None => (named, None),
    };
    let unknown = || {
        let message = format!("no model or version is called `{}`", clipped(text));
        Refusal::invalid("subject", &message).remedy("write a name such as `loans`, a version such as `loans/3`, or a subject such as `promotion/ID`")
    };
    let name = ModelName::parse(name).map_err(|_| unknown())?;
    let model = match view::model_named(snapshot, &name).await {
        Ok(model) => model,
        Err(AppError::Refused(refusal, _)) if refusal.code == Code::NotFound => return Err(unknown().into()),
        Err(error) => return Err(error),
    };
    match number {
        None => Ok(Subject::Model(model.model_id)),
        Some(number) => {
            let number = number.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(unknown)?;
            Ok(Subject::Version(model.model_id, number))
        }
    }
}

/// A day or a moment; of a day its first moment and `more`.
fn moment(field: &str, text: &str, more: i64) -> Result<Option<Timestamp>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(day) = Timestamp::parse(&format!("{text}T00:00:00Z")) {
        return Ok(Some(Timestamp::from_micros(day.micros().saturating_add(more))));
    }
    let bad = || Refusal::invalid(field, &format!("{field} must be a day such as 2026-11-21, or a time such as 2026-11-21T10:00:00Z"));
    Timestamp::parse(text).map(Some).map_err(|_| bad())
}

/// How many entries are before a moment.
async fn entries_before(snapshot: &Snapshot, moment: Timestamp) -> Result<u64, AppError> {
    let last = Timestamp::from_micros(moment.micros().saturating_sub(1));
    match Cut::at_time(snapshot, last).await {
        Ok(cut) => Ok(cut.index() + 1),
        // The ledger did not exist then.
        Err(AppError::Refused(..)) => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let micros = |text: &str| Timestamp::parse(text).unwrap().micros();
        let at = |text: &str, more| moment("until", text, more).unwrap().map(Timestamp::micros);
        assert_eq!(at("2026-11-21", 0), Some(micros("2026-11-21T00:00:00Z")));
        assert_eq!(at("2026-11-21", DAY), Some(micros("2026-11-22T00:00:00Z")));
        assert_eq!(at("2026-11-21T10:00:00Z", DAY), Some(micros("2026-11-21T10:00:00Z")));
        assert_eq!(at("", DAY), None);
        assert_eq!(moment("from", "yesterday", 0).unwrap_err().field.as_deref(), Some("from"));
    }

    #[test]
    fn a_kind_of_the_address_can_be_chosen_again() {
        let filters = Filters { kind: "tag.set".to_owned(), ..Filters::default() };
        let chosen: Vec<String> = filters.kinds().into_iter().filter(|choice| choice.chosen).map(|choice| choice.value).collect();
        assert_eq!(chosen, ["tag.set"]);
        assert_eq!(Filters::default().kinds().len(), FAMILIES.len());
    }
}
