//! One's own page: roles, sessions, tokens, keys, password, and how the pages look.

pub(super) mod own_keys;

use askama::Template;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use chancery_core::actor::{self, password};
use chancery_core::entry::Door;
use chancery_core::names::{Digest, TokenId};
use chancery_core::tables::{DirectoryRow, SessionMethod, TokenRow};
use serde::Deserialize;

use super::admin::grants::{self, GrantLine};
use super::admin::person::Secret;
use super::filters;
use super::form::{Fields, Posted, filled};
use super::frame::{Area, Frame};
use super::layout::{Note, page};
use super::login::{NewPassword, begun};
use super::session::{PageError, Shown};
use crate::app::login::SessionView;
use crate::app::{AppError, Options};
use crate::http::PageQuery;
use crate::http::api::key::{KeyView, keys_of};
use crate::http::caller::{self, origin};
use crate::values;

type Own = Shown<caller::ManageOwnAccount>;
type Form<F> = Posted<caller::ManageOwnAccount, F>;

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    name: String,
    display_name: String,
    roles: Vec<GrantLine>,
    teams: Vec<String>,
    sessions: Vec<SessionLine>,
    tokens: Vec<TokenRow>,
    keys: Vec<KeyView>,
    theme: &'static str,
    fields: Fields,
    secret: Option<Secret>,
}

struct SessionLine {
    id: String,
    browser: String,
    method: &'static str,
    created_at: String,
    used_at: String,
    this: bool,
}

fn session_line(view: SessionView, this: &Digest) -> SessionLine {
    let method = match view.method {
        SessionMethod::Password => "password",
        SessionMethod::Oidc => "your organisation",
    };
    SessionLine {
        this: view.id == *this,
        id: view.id.to_string(),
        browser: view.browser,
        method,
        created_at: view.created_at.to_string(),
        used_at: view.used_at.to_string(),
    }
}

async fn account(own: &Own, note: Option<Note>, fields: Fields, secret: Option<Secret>) -> Result<Account, AppError> {
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    let sessions = app.sessions(caller).await?;
    let snapshot = own.allowed.read().await?;
    let directory = snapshot.get::<DirectoryRow>(values![caller.actor.id]).await?;
    let tail = "WHERE actor_id = $1 AND revoked = 0 AND expires_at > $2 ORDER BY created_index DESC LIMIT 100";
    let tokens = snapshot.rows::<TokenRow>(tail, &values![caller.actor.id, app.now()]).await?;
    let keys = keys_of(&snapshot, &caller.actor.id, &PageQuery { limit: Some(50), after: None }).await?;
    let mut roles = Vec::with_capacity(caller.actor.roles.len());
    for grant in &caller.actor.roles {
        roles.push(grants::line(&snapshot, grant).await?);
    }
    let name = directory.map_or_else(|| caller.actor.id.to_string(), |row| row.handle.to_string());
    Ok(Account {
        frame: own.frame(&snapshot, Area::Elsewhere, "Your page").await?.present_only().with(note),
        display_name: own.person.name.clone(),
        name,
        roles,
        teams: caller.actor.teams.iter().map(ToString::to_string).collect(),
        sessions: sessions.into_iter().map(|view| session_line(view, &own.session.session)).collect(),
        tokens,
        keys: keys.items.into_iter().filter(|key| key.removed_at.is_none()).collect(),
        theme: own.visit.theme,
        fields,
        secret,
    })
}

async fn shown(own: &Own, status: StatusCode, note: Option<Note>, fields: Fields, secret: Option<Secret>) -> Result<Response, PageError> {
    Ok(page(status, &account(own, note, fields, secret).await?))
}

/// Back to the page with what was done, or the page with what was wrong.
async fn answered(own: &Own, outcome: Result<Response, AppError>, fields: Fields) -> Result<Response, PageError> {
    match outcome {
        Ok(response) => Ok(response),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(own, status, Some(note), fields, None).await
        }
    }
}

fn done(what: &str) -> Response {
    Redirect::to(&format!("/account?done={what}")).into_response()
}

/// `GET /account`.
pub(super) async fn show(own: Own, parts: Parts) -> Result<Response, PageError> {
    let note = match parts.uri.query().unwrap_or_default() {
        "done=password" => Some(Note::done("Your password is changed. Your other sessions and login tokens have ended.")),
        "done=session" => Some(Note::done("The session has ended.")),
        "done=token" => Some(Note::done("The token is revoked.")),
        "done=theme" => Some(Note::done("This browser remembers how the pages look.")),
        "done=key" => Some(Note::done("The key is registered. What you sign with it counts from now on.")),
        "done=key-removed" => Some(Note::done("The key is removed. What it signed stays signed.")),
        _ => None,
    };
    shown(&own, StatusCode::OK, note, Fields::default(), None).await
}

/// `POST /account/password`.
pub(super) async fn set_password(posted: Form<NewPassword>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, .. } = posted;
    let outcome = async {
        let form = filled(form)?;
        form.check()?;
        let (app, actor) = (&own.allowed.app, &own.allowed.caller.actor.id);
        // His own name, whatever the form says.
        let name = app.handle_of(actor).await?;
        let made = app.set_password(name.as_str(), form.current, form.new, &origin(&parts), Door::Pages).await?;
        // This session ended with the old password, like all others.
        let proved = app.proved_anew(actor, made.first()?.index).await?;
        begun(app, &parts, &proved, SessionMethod::Password, "/account?done=password").await
    };
    let outcome = outcome.await;
    answered(&own, outcome, Fields::default()).await
}

/// Which session; all without one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    session: Option<Digest>,
}

/// `POST /account/sessions`.
pub(super) async fn end_sessions(posted: Form<End>) -> Result<Response, PageError> {
    let Posted { shown: own, form, .. } = posted;
    let outcome = async {
        let End { session } = filled(form)?;
        own.allowed.app.end_sessions(&own.allowed.caller, session.as_ref()).await?;
        Ok(done("session"))
    };
    let outcome = outcome.await;
    answered(&own, outcome, Fields::default()).await
}

/// Which token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    token: TokenId,
}

/// `POST /account/tokens`.
pub(super) async fn revoke_token(posted: Form<Revoke>) -> Result<Response, PageError> {
    let Posted { shown: own, form, .. } = posted;
    let outcome = async {
        let command = actor::Command::Password(password::Command::RevokeOwnToken { token: filled(form)?.token });
        let (app, caller) = (&own.allowed.app, &own.allowed.caller);
        let authorized = app.allow_command(caller, command).await?;
        app.execute(authorized, &Options::of(caller)).await?;
        Ok(done("token"))
    };
    let outcome = outcome.await;
    answered(&own, outcome, Fields::default()).await
}
