//! Tokens: whose they are, to what they are limited, when they were used last.

use askama::Template;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::actor::Command;
use chancery_core::actor::key::Whose;
use chancery_core::names::{Label, Timestamp, TokenId};
use chancery_core::refusal::Refusal;
use serde::Deserialize;

use super::person::Secret;
use super::{LINES, Tab, may, tabs};
use crate::app::AppError;
use crate::http::api::token::rotate_token;
use crate::http::api::token::view::{self, TokenView};
use crate::http::api::user::named_or_id;
use crate::http::caller;
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};

const PATH: &str = "/admin/tokens";

#[derive(Template)]
#[template(path = "admin-tokens.html")]
struct Tokens {
    frame: Frame,
    tabs: Vec<Tab>,
    user: String,
    tokens: Vec<Line>,
    more: Option<String>,
    administers: bool,
    secret: Option<Secret>,
}

struct Line {
    view: TokenView,
    state: &'static str,
}

impl Line {
    fn of(view: TokenView, now: Timestamp) -> Self {
        let over = Timestamp::parse(&view.expires_at).is_ok_and(|until| until <= now);
        let state = match (view.revoked, over) {
            (true, _) => "revoked",
            (false, true) => "expired",
            (false, false) => "valid",
        };
        Self { view, state }
    }

    fn is_valid(&self) -> bool {
        self.state == "valid"
    }

    fn limits(&self) -> String {
        let limits = &self.view.limits;
        let words = |what: &str, items: Vec<String>| if items.is_empty() { None } else { Some(format!("{what} {}", items.join(", "))) };
        let parts = [
            words("actions", limits.actions.iter().map(ToString::to_string).collect()),
            words("teams", limits.teams.iter().map(ToString::to_string).collect()),
            words("models", limits.models.iter().map(ToString::to_string).collect()),
        ];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        if text.is_empty() { "none".to_owned() } else { text }
    }
}

async fn shown(
    own: &Shown<caller::ReadEntries>,
    user: &str,
    (status, note): (StatusCode, Option<Note>),
    secret: Option<Secret>,
) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let (actor, note, status) = match whose(&snapshot, user).await {
        Ok(actor) => (actor, note, status),
        Err(error) => {
            let (status, wrong) = Note::of(&error);
            (None, Some(note.unwrap_or(wrong)), status)
        }
    };
    let list = view::page(&snapshot, actor.as_ref(), &own.list_page(LINES)).await?;
    let now = own.allowed.app.now();
    let template = Tokens {
        frame: own.frame(&snapshot, Area::Admin, "Tokens").await?.json("/api/v1/tokens").present_only().with(note),
        tabs: tabs(own, PATH),
        user: user.to_owned(),
        tokens: list.items.into_iter().map(|view| Line::of(view, now)).collect(),
        more: list.next.map(|next| own.visit.with("after", Some(&next))),
        administers: may(own, Action::ManageActors),
        secret,
    };
    Ok(page(status, &template))
}

/// Whose tokens are asked for; everybody's when no name is said.
async fn whose(snapshot: &crate::store::Snapshot, user: &str) -> Result<Option<chancery_core::names::ActorId>, AppError> {
    match user {
        "" => Ok(None),
        name => named_or_id(snapshot, &Label::parse(name)?).await.map(Some),
    }
}

/// `GET /admin/tokens`.
pub(super) async fn show(own: Shown<caller::ReadEntries>) -> Result<Response, PageError> {
    let user = own.visit.get("user").unwrap_or_default().to_owned();
    shown(&own, &user, (StatusCode::OK, None), None).await
}

async fn refused(own: Shown<caller::ManageActors>, parts: &Parts, error: &AppError) -> Result<Response, PageError> {
    let (status, note) = Note::of(error);
    shown(&own.again(parts, PATH).await?, "", (status, Some(note)), None).await
}

/// Which token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    token: TokenId,
}

/// `POST /admin/tokens/revoke`.
pub(super) async fn revoke(posted: Posted<caller::ManageActors, Revoke>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, requested, .. } = posted;
    let outcome = async {
        let command = Command::RevokeToken { token: filled(form)?.token, whose: Whose::Other };
        Ok(recorded(PATH, &own.allowed.execute(command, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => refused(own, &parts, &error).await,
    }
}

/// Which token, and how long it is valid beside the new one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    token: TokenId,
    overlap_hours: String,
}

/// `POST /admin/tokens/rotate`.
pub(super) async fn rotate(posted: Posted<caller::ManageActors, Rotate>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, requested, .. } = posted;
    let outcome = async {
        let Rotate { token, overlap_hours } = filled(form)?;
        let wrong = |_| Refusal::invalid("overlap_hours", "overlap_hours must be a number from 0 to 168");
        let hours = overlap_hours.trim().parse::<u16>().map_err(wrong)?;
        rotate_token(&own.allowed, token, hours, Whose::Other, &requested).await
    };
    match outcome.await {
        Ok((made, id, secret)) => {
            let text = (!made.replayed).then_some(secret);
            let what_next = format!("It is the secret of token {id}. The registry keeps its digest only: it cannot be shown again.");
            let secret = Secret { title: "The secret of the new token", text, what_next };
            shown(&own.again(&parts, PATH).await?, "", (StatusCode::OK, Some(Note::recorded(made.index))), Some(secret)).await
        }
        Err(error) => refused(own, &parts, &error).await,
    }
}
