//! Logging in and out, and setting a password with the secret of a reset.

use askama::Template;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chancery_core::entry::Door;
use chancery_core::refusal::Refusal;
use chancery_core::tables::SessionMethod;
use serde::Deserialize;

use super::filters;
use super::form::{Sent, Signed, filled};
use super::frame::Frame;
use super::layout::{Note, page};
use super::session::{PageError, local, own_origin, session_begins, session_cookie, session_ends, whose};
use crate::app::login::Proved;
use crate::app::{App, AppError};
use crate::http::caller::origin;
use crate::secret::Secret;

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    name: String,
    next: String,
    provider: Option<Provider>,
}

/// Where the organisation logs people in.
struct Provider {
    path: &'static str,
    label: String,
}

/// What the login page is opened with.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Opened {
    next: String,
    done: String,
}

fn opened(parts: &Parts) -> Opened {
    axum::extract::Query::<Opened>::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default()
}

pub(super) fn shown(app: &App, status: StatusCode, name: &str, next: &str, note: Option<Note>) -> Response {
    let provider = app.logins().issuer.is_some().then(|| Provider { path: "/login/oidc", label: app.logins().label.clone() });
    let login = Login { frame: Frame::bare("Log in", None).with(note), name: name.to_owned(), next: local(next).to_owned(), provider };
    page(status, &login)
}

/// `GET /login`.
pub(super) async fn show(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {
    let Opened { next, done } = opened(&parts);
    if whose(&parts, &app).await?.is_some() {
        return Ok(Redirect::to(local(&next)).into_response());
    }
    let note = match done.as_str() {
        "logout" => Some(Note::done("You are logged out.")),
        "password" => Some(Note::done("Your password is set. Log in with it.")),
        _ => None,
    };
    Ok(shown(&app, StatusCode::OK, "", &next, note))
}

/// A name and a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    name: String,
    password: Secret,
    #[serde(default)]
    next: String,
}

/// `POST /login`.
pub(super) async fn log_in(sent: Sent<Credentials>) -> Result<Response, PageError> {
    let Sent { app, parts, form, fields } = sent;
    let (name, next) = (fields.get("name").to_owned(), fields.get("next").to_owned());
    let outcome = async {
        let Credentials { name, password, next } = filled(form)?;
        let proved = app.prove(name.trim(), password, &origin(&parts)).await?;
        begun(&app, &parts, &proved, SessionMethod::Password, local(&next)).await
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => {
            let (status, note) = Note::of(&error);
            Ok(shown(&app, status, &name, &next, Some(note)))
        }
    }
}

/// Begins a session, with a secret that no browser had before, and goes on to a page.
pub(super) async fn begun(app: &App, parts: &Parts, proved: &Proved, method: SessionMethod, next: &str) -> Result<Response, AppError> {
    let browser = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let before = session_cookie(parts, app.web());
    let secret = app.begin_session(proved, method, browser, before.as_ref()).await?;
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().append(SET_COOKIE, session_begins(app, &secret));
    Ok(response)
}

/// Nothing but the token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// `POST /logout`.
pub(super) async fn log_out(signed: Signed<Nothing>) -> Result<Response, PageError> {
    filled(signed.form)?;
    signed.app.end_sessions(&signed.session.caller, Some(&signed.session.session)).await?;
    let mut response = Redirect::to("/login?done=logout").into_response();
    response.headers_mut().append(SET_COOKIE, session_ends(signed.app.web()));
    // What the browser still holds of our pages goes too.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

#[derive(Template)]
#[template(path = "password.html")]
struct Password {
    frame: Frame,
    name: String,
}

/// `GET /password`.
pub(super) async fn show_password(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {
    own_origin(&parts, app.web())?;
    Ok(page(StatusCode::OK, &Password { frame: Frame::bare("Set a password", None), name: String::new() }))
}

/// A new password, twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    pub(super) name: String,
    pub(super) current: Secret,
    pub(super) new: Secret,
    pub(super) again: Secret,
}

impl NewPassword {
    /// Refuses two that are not the same.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.new.expose() == self.again.expose() {
            return Ok(());
        }
        Err(Refusal::invalid("again", "the new password was not the same twice").remedy("type it again"))
    }
}

/// `POST /password`.
pub(super) async fn set_password(sent: Sent<NewPassword>) -> Result<Response, PageError> {
    let Sent { app, parts, form, fields } = sent;
    let outcome = async {
        let form = filled(form)?;
        form.check()?;
        app.set_password(form.name.trim(), form.current, form.new, &origin(&parts), Door::Pages).await
    };
    match outcome.await {
        Ok(_) => Ok(Redirect::to("/login?done=password").into_response()),
        Err(error) => {
            let (status, note) = Note::of(&error);
            Ok(page(status, &Password { frame: Frame::bare("Set a password", None).with(Some(note)), name: fields.get("name").to_owned() }))
        }
    }
}
