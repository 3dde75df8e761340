//! May somebody do something, and which rule says so.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::names::{ActorId, Label};

use super::super::filters;
use super::super::frame::{Area, Frame, Visit, query_path};
use super::super::layout::{Note, page};
use super::super::ledger::names::Names;
use super::super::session::{PageError, Shown};
use crate::app::AppError;
use crate::app::can_i::CanI;
use crate::http::api::can_i::{Asked, answered};
use crate::http::caller;

#[derive(Template)]
#[template(path = "can-i.html")]
struct Page {
    frame: Frame,
    question: Question,
    answer: Option<CanI>,
    /// Whom the answer is about.
    who: String,
    /// Whether he asks about himself.
    own: bool,
    may_ask_of_others: bool,
}

/// The question as it was filled in; its fields are called as those of the API.
struct Question {
    action: String,
    who: String,
    model: String,
    environment: String,
}

impl Question {
    fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.get(name).unwrap_or_default().trim().to_owned();
        Self { action: text("action"), who: text("as"), model: text("model"), environment: text("environment") }
    }

    fn actions(&self) -> Vec<(&'static str, bool)> {
        Action::ALL.iter().map(|action| (action.as_str(), action.as_str() == self.action)).collect()
    }

    fn asked(&self) -> Result<Option<Asked>, AppError> {
        if self.action.is_empty() {
            return Ok(None);
        }
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let environment = some(&self.environment).map(|text| Label::parse(&text)).transpose()?;
        Ok(Some(Asked { action: Action::parse(&self.action)?, model: some(&self.model), environment, who: some(&self.who) }))
    }

    /// The same question of a program.
    fn json(&self) -> String {
        let fields = [("action", &self.action), ("as", &self.who), ("model", &self.model), ("environment", &self.environment)];
        query_path("/api/v1/can-i", fields.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())))
    }
}

/// `GET /can-i`.
pub(super) async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let question = Question::of(&own.visit);
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    let may_ask_of_others = app.reads_entries(caller);
    let (status, note, answer) = match answer(&own, &question).await {
        Ok(answer) => (StatusCode::OK, None, answer),
        Err(error) => {
            let (status, note) = Note::of(&error);
            (status, Some(note), None)
        }
    };
    let snapshot = own.allowed.read().await?;
    let mut frame = own.frame(&snapshot, Area::Elsewhere, "Who may do what").await?.present_only().with(note);
    if answer.is_some() {
        frame = frame.json(question.json());
    }
    let asked = answer.as_ref().and_then(|answer| ActorId::parse(&answer.actor).ok());
    let names = Names::of(&snapshot, &[], asked.as_slice()).await?;
    let who = asked.as_ref().map(|id| names.actor(id)).unwrap_or_default();
    let template = Page { frame, question, own: asked.as_ref() == Some(&caller.actor.id), answer, who, may_ask_of_others };
    Ok(page(status, &template))
}

async fn answer(own: &Shown<caller::Read>, question: &Question) -> Result<Option<CanI>, AppError> {
    match question.asked()? {
        Some(asked) => answered(&own.allowed, asked).await.map(Some),
        None => Ok(None),
    }
}
