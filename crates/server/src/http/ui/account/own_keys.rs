//! Keys and tokens of one's own, and how the pages look.

use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Response};
use chancery_core::access::Limits;
use chancery_core::actor::Command;
use chancery_core::actor::key::Whose;
use chancery_core::actor::token::Issuer;
use chancery_core::names::Digest;
use chancery_core::refusal::Refusal;
use serde::Deserialize;

use super::{Form, Secret, answered, done, shown};
use crate::http::api::key::add_key;
use crate::http::api::token::issue_token;
use crate::http::caller;
use crate::http::ui::form::{Posted, filled};
use crate::http::ui::frame::THEME_COOKIE;
use crate::http::ui::layout::Note;
use crate::http::ui::session::{PageError, set_cookie};

/// How long a browser remembers how pages look: a year.
const THEME_SECONDS: i64 = 365 * 86_400;

/// How pages look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::ui) struct Looks {
    theme: Theme,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Theme {
    System,
    Light,
    Dark,
}

/// `POST /account/theme`.
pub(in crate::http::ui) async fn set_theme(posted: Form<Looks>) -> Result<Response, PageError> {
    let Posted { shown: own, form, fields, .. } = posted;
    let theme = match filled(form) {
        Ok(Looks { theme }) => theme,
        Err(error) => return answered(&own, Err(error), fields).await,
    };
    let (value, seconds) = match theme {
        Theme::System => ("", 0),
        Theme::Light => ("light", THEME_SECONDS),
        Theme::Dark => ("dark", THEME_SECONDS),
    };
    let cookie = set_cookie(own.allowed.app.web(), THEME_COOKIE, value, seconds);
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), done("theme")).into_response())
}

/// A public key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::ui) struct NewKey {
    key: String,
}

/// `POST /account/keys`.
pub(in crate::http::ui) async fn add(posted: Posted<caller::ManageOwnKeys, NewKey>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let actor = own.allowed.caller.actor.id.clone();
        add_key(&own.allowed, actor, filled(form)?.key.trim(), &requested).await?;
        Ok(done("key"))
    };
    let outcome = outcome.await;
    answered(&own.again(&parts, "/account").await?, outcome, fields).await
}

/// Which key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::ui) struct Remove {
    key_id: Digest,
}

/// `POST /account/keys/remove`.
pub(in crate::http::ui) async fn remove(posted: Posted<caller::ManageOwnKeys, Remove>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let actor = own.allowed.caller.actor.id.clone();
        let command = Command::RemoveKey { actor, key_id: filled(form)?.key_id, whose: Whose::Own };
        own.allowed.execute(command, &requested).await?;
        Ok(done("key-removed"))
    };
    let outcome = outcome.await;
    answered(&own.again(&parts, "/account").await?, outcome, fields).await
}

/// How long a new token is valid.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::ui) struct NewToken {
    days: String,
}

/// `POST /account/tokens/new`.
pub(in crate::http::ui) async fn issue(posted: Form<NewToken>) -> Result<Response, PageError> {
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let wrong = |_| Refusal::invalid("days", "days must be a number from 1 to 366");
        let days = filled(form)?.days.trim().parse::<u16>().map_err(wrong)?;
        let actor = own.allowed.caller.actor.id.clone();
        issue_token(&own.allowed, actor, days, Limits::default(), Issuer::Self_, &requested).await
    };
    match outcome.await {
        Ok((made, id, secret)) => {
            let text = (!made.replayed).then_some(secret);
            let what_next = format!("It is the secret of token {id}. The registry keeps its digest only: it cannot be shown again.");
            let secret = Secret { title: "The secret of your new token", text, what_next };
            shown(&own, StatusCode::OK, Some(Note::recorded(made.index)), fields, Some(secret)).await
        }
        Err(error) => answered(&own, Err(error), fields).await,
    }
}
