//! What a person does with a version: open a promotion, move it by reason, set a tag. Whoever may not is told who may.

use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::lifecycle::{Move, transition as kind_of};
use chancery_core::names::{Label, ModelName, State, TagKey, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tag::Command;
use serde::Deserialize;

use super::show::{Said, shown};
use super::subject::{Subject, path_of, version_at};
use crate::app::can_i::Question;
use crate::app::{AppError, Others, PromoteAsk, Receipt, TransitionAsk};
use crate::http::ui::again::recorded;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::layout::Note;
use crate::http::ui::registers::some_moment;
use crate::http::ui::session::{PageError, Path, Shown};
use crate::http::{Permit, caller};

/// Something that could be done.
pub(super) struct Act {
    /// States that it leads to; empty when there is nothing to do.
    pub(super) targets: Vec<Target>,
    /// Who may do it, when this person may not.
    pub(super) refused: Option<String>,
}

/// A state that a form offers.
pub(super) struct Target {
    pub(super) state: State,
    /// What going there is called.
    pub(super) words: &'static str,
    /// Whether the form chose it before.
    pub(super) chosen: bool,
}

/// What could be done with a version.
pub(super) struct Acts {
    pub(super) promote: Act,
    pub(super) transition: Act,
    /// Who may retire it, when this person moves it otherwise and may not do that.
    pub(super) retire: Option<String>,
    /// Who may set tags, when this person may not.
    pub(super) tag: Option<String>,
    /// What was filled in.
    pub(super) kept: Fields,
}

impl Acts {
    /// What this person could do with a version.
    pub(super) async fn of<P: Permit>(own: &Shown<P>, subject: &Subject, kept: Fields) -> Result<Self, AppError> {
        let from = subject.row.state;
        let targets = |wanted: &dyn Fn(Move) -> Option<&'static str>| -> Vec<Target> {
            let words = State::ALL.iter().filter_map(|state| Some((*state, wanted(kind_of(from, *state))?)));
            words.map(|(state, words)| Target { state, words, chosen: kept.get("to") == state.as_str() }).collect()
        };
        let retire = refused(own, subject, Action::Retire).await?;
        let promote = targets(&|kind| (kind == Move::Promote).then_some("promote"));
        let transition = targets(&|kind| match kind {
            Move::Demote => Some("demote"),
            Move::Deprecate => Some("deprecate"),
            Move::Reinstate => Some("reinstate"),
            Move::Retire => retire.is_none().then_some("retire"),
            Move::Same | Move::Promote | Move::Rollback | Move::Refused(_) => None,
        });
        Ok(Self {
            promote: Act { targets: promote, refused: refused(own, subject, Action::AskPromotion).await? },
            transition: Act { targets: transition, refused: refused(own, subject, Action::Demote).await? },
            retire: retire.filter(|_| from != State::Retired),
            tag: refused(own, subject, Action::Register).await?,
            kept,
        })
    }
}

/// Who may do something, when this person may not.
async fn refused<P: Permit>(own: &Shown<P>, subject: &Subject, action: Action) -> Result<Option<String>, AppError> {
    let question = Question { action, model: Some(subject.model.clone()), environment: None, who: None };
    let answer = own.allowed.app.can_i(&own.allowed.caller, question).await?;
    let who = if answer.roles_that_would.is_empty() { "nobody, by the policies in force".to_owned() } else { answer.roles_that_would.join(", ") };
    Ok((!answer.allowed).then_some(who))
}

/// The page again, with what was wrong and what was filled in.
async fn answered<P: Permit>(
    own: &Shown<P>,
    name: &ModelName,
    number: VersionNumber,
    outcome: Result<Response, AppError>,
    fields: Fields,
) -> Result<Response, PageError> {
    match outcome {
        Ok(response) => Ok(response),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(own, name, number, Said { status, note: Some(note), kept: fields }).await
        }
    }
}

fn back(name: &ModelName, number: VersionNumber, receipt: &Receipt) -> Response {
    recorded(&path_of(name.as_str(), number.get()), receipt)
}

/// Where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promote {
    to: State,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    keep_others: String,
}

/// `POST /models/{name}/{number}/promotions`.
pub(super) async fn promote(Path(place): Path<(String, String)>, posted: Posted<caller::AskPromotion, Promote>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let Promote { to, comment, keep_others } = filled(form)?;
        let others = if keep_others.is_empty() { Others::Replace } else { Others::Keep };
        let comment = Some(comment).filter(|text| !text.trim().is_empty());
        let ask = PromoteAsk { model: name.clone(), number, to, environment: Label::parse("production")?, comment, others };
        let made = own.allowed.app.promote(&own.allowed.caller, &ask, &own.allowed.options(&requested)).await?;
        if made.executed {
            return Ok(back(&name, number, &made.receipt));
        }
        if made.receipt.entries.is_empty() {
            let again = Refusal::new(Code::AlreadyExists, &format!("the promotion of this version to {to} is open already, and nothing was recorded"));
            return Err(again.remedy(&format!("its page takes a comment: /promotions/{}", made.promotion)).into());
        }
        Ok(recorded(&format!("/promotions/{}", made.promotion), &made.receipt))
    };
    let outcome = outcome.await;
    answered(&own, &name, number, outcome, fields).await
}

/// Where to, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewState {
    to: State,
    reason: String,
    #[serde(default)]
    successor: String,
    #[serde(default)]
    sunset: String,
    revision: String,
}

impl NewState {
    fn ask(self) -> Result<TransitionAsk, Refusal> {
        let number = |text: &str, field: &str| text.trim().parse::<u64>().map_err(|_| Refusal::invalid(field, &format!("{field} must be a number")));
        let successor = Some(self.successor.trim()).filter(|text| !text.is_empty());
        Ok(TransitionAsk {
            to: self.to,
            reason: self.reason,
            successor: successor.map(|text| number(text, "successor").and_then(VersionNumber::new)).transpose()?,
            sunset: some_moment("sunset", &self.sunset)?,
            expected: Some(number(&self.revision, "revision")?),
        })
    }
}

/// `POST /models/{name}/{number}/transitions`.
pub(super) async fn transition(Path(place): Path<(String, String)>, posted: Posted<caller::Demote, NewState>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let ask = filled(form)?.ask()?;
        let made = own.allowed.app.transition(&own.allowed.caller, &name, number, &ask, &own.allowed.options(&requested)).await?;
        Ok(back(&name, number, &made))
    };
    let outcome = outcome.await;
    answered(&own, &name, number, outcome, fields).await
}

/// A tag, or which one to remove.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTag {
    /// Its key; `key` is that of idempotency.
    tag: TagKey,
    value: Option<String>,
}

/// `POST /models/{name}/{number}/tags`.
pub(super) async fn tag(Path(place): Path<(String, String)>, posted: Posted<caller::Register, NewTag>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let NewTag { tag: key, value } = filled(form)?;
        let model = own.allowed.model_of_version(&name, number).await?;
        let command = match value {
            Some(value) => Command::Set { model, number: Some(number), key, value },
            None => Command::Delete { model, number: Some(number), key },
        };
        let made = own.allowed.execute(command, &requested).await?;
        Ok(back(&name, number, &made))
    };
    let outcome = outcome.await;
    answered(&own, &name, number, outcome, fields).await
}
