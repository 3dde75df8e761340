//! Login with the organisation's identity provider: there, and back.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chancery_core::tables::SessionMethod;
use serde::Deserialize;

use super::layout::Note;
use super::login::{begun, shown};
use super::session::{PageError, cookie, local, own_origin, set_cookie};
use crate::app::login::oidc::{FLOW_SECONDS, Flow, Returned};
use crate::app::{App, WebConfig};
use crate::http::caller::origin;
use crate::secret::Secret;

/// Longest page to come back to: it travels in the cookie.
const MAX_NEXT: usize = 100;

fn flow_cookie(web: &WebConfig) -> &'static str {
    if web.is_secure() { "__Host-chancery-login" } else { "chancery-login" }
}

/// What the page is opened with.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Opened {
    next: String,
}

/// `GET /login/oidc`: to the provider. A link, for a form that leads elsewhere would be stopped by our own policy.
pub(super) async fn begin(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {
    own_origin(&parts, app.web())?;
    let next = axum::extract::Query::<Opened>::try_from_uri(&parts.uri).map(|query| query.0.next).unwrap_or_default();
    let next = local(&next).to_owned();
    let next = if next.len() > MAX_NEXT { "/".to_owned() } else { next };
    let flow = Flow::new().map_err(crate::app::AppError::from)?;
    match app.oidc_begin(&flow).await {
        Ok(url) => {
            let mut response = Redirect::to(url.as_str()).into_response();
            let value = format!("{}.{}", flow.secret().expose(), BASE64_URL_SAFE_NO_PAD.encode(&next));
            response.headers_mut().append(SET_COOKIE, set_cookie(app.web(), flow_cookie(app.web()), &value, FLOW_SECONDS));
            Ok(response)
        }
        Err(error) => {
            let (status, note) = Note::of(&error);
            Ok(shown(&app, status, "", &next, Some(note)))
        }
    }
}

/// The login that this browser began, and where it goes after it.
fn under_way(parts: &Parts, web: &WebConfig) -> Option<(Flow, String)> {
    let value = cookie(parts, flow_cookie(web))?;
    let (secret, next) = value.expose().split_once('.')?;
    let next = BASE64_URL_SAFE_NO_PAD.decode(next).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
    Some((Flow::of(Secret::new(secret.to_owned())), local(&next).to_owned()))
}

/// `GET /login/oidc/callback`: back from the provider.
pub(super) async fn finish(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {
    own_origin(&parts, app.web())?;
    let returned = axum::extract::Query::<Returned>::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
    // Without the cookie there is no login under way: a secret that nobody has stands for it, so that nothing fits.
    let (flow, next) = match under_way(&parts, app.web()) {
        Some(found) => found,
        None => (Flow::new().map_err(crate::app::AppError::from)?, "/".to_owned()),
    };
    let outcome = async {
        let proved = app.oidc_finish(&flow, &returned, &origin(&parts)).await?;
        begun(&app, &parts, &proved, SessionMethod::Oidc, &next).await
    };
    let mut response = match outcome.await {
        Ok(response) => response,
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&app, status, "", &next, Some(note))
        }
    };
    // It serves once.
    response.headers_mut().append(SET_COOKIE, set_cookie(app.web(), flow_cookie(app.web()), "", 0));
    Ok(response)
}
