//! Who is at the other end of a page: the cookie, the host that the browser asked for, and the extractors of handlers that show something.
//!
//! INVARIANT: no page is answered for a host that is not ours. A page of a stranger whose name was pointed at this server's address (DNS
//! rebinding) is of another host than we are.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::DirectoryRow;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::frame::{Person, Visit};
use super::layout::{Note, NoteKind, message};
use crate::app::{App, AppError, LoggedIn, WebConfig};
use crate::http::{Allowed, Permit, whence};
use crate::secret::Secret;
use crate::values;

/// Why a page is not shown.
#[derive(Debug)]
pub enum PageError {
    /// Nobody is logged in: to the login page, and back here after it.
    LogIn(String),
    /// The host is not ours.
    Misdirected,
    /// The rules say no, or something broke. [`framed`] makes a page of it.
    App(AppError),
}

impl<E: Into<AppError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

/// An error that waits for its frame.
#[derive(Clone, Debug)]
struct Unframed(Arc<AppError>);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn(next) => Redirect::to(&login_path(&next)).into_response(),
            Self::Misdirected => {
                let lines = vec!["Ask the operator for the address, or to set `public_url`.".to_owned()];
                let note = Note { lines, ..Note::new(NoteKind::Refused, "This server is not known by the name in your address bar") };
                message(StatusCode::MISDIRECTED_REQUEST, "Wrong address", None, note)
            }
            Self::App(error) => {
                let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
                response.extensions_mut().insert(Unframed(Arc::new(error)));
                response
            }
        }
    }
}

/// Shows the error of a handler as a page, in the frame of whoever is logged in.
pub async fn framed(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let seen = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(Unframed(error)) = response.extensions_mut().remove::<Unframed>() else { return response };
    let person = match whose(&seen, &app).await {
        Ok(Some(session)) => person(&app, &session).await.ok(),
        Ok(None) | Err(_) => None,
    };
    let (status, note) = Note::of(&error);
    let title = if status == StatusCode::NOT_FOUND { "Nothing here" } else { "Refused" };
    message(status, title, person, note)
}

/// The login page that comes back to `next`.
pub fn login_path(next: &str) -> String {
    let mut query = Url::parse("http://x/login").ok();
    if let Some(url) = query.as_mut().filter(|_| !next.is_empty() && next != "/") {
        url.query_pairs_mut().append_pair("next", next);
    }
    query.and_then(|url| url.query().map(|query| format!("/login?{query}"))).unwrap_or_else(|| "/login".to_owned())
}

/// A path of this server to go to, or the inbox: never an address of somebody else.
pub fn local(next: &str) -> &str {
    let strange = |letter: char| letter.is_control() || letter == '\\' || letter.is_whitespace();
    if next.starts_with('/') && !next.starts_with("//") && !next.contains(strange) && next.len() <= 2_000 { next } else { "/" }
}

/// Name of the session cookie. The prefix makes browsers refuse one that came without TLS, for another path, or from a sibling domain.
fn cookie_name(web: &WebConfig) -> &'static str {
    if web.is_secure() { "__Host-chancery" } else { "chancery-session" }
}

/// The value of a cookie that the browser sent once.
pub(super) fn cookie(parts: &Parts, name: &str) -> Option<Secret> {
    let pairs = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut found = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() && value.len() <= 200 => Some(Secret::new(value.to_owned())),
        // Two of one name: somebody planted one of them.
        (Some(_) | None, _) => None,
    }
}

/// The secret of the session that the browser has.
pub(super) fn session_cookie(parts: &Parts, web: &WebConfig) -> Option<Secret> {
    cookie(parts, cookie_name(web))
}

/// `Set-Cookie` for a value of `seconds`, or to forget it.
pub(super) fn set_cookie(web: &WebConfig, name: &str, value: &str, seconds: i64) -> HeaderValue {
    let secure = if web.is_secure() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `Set-Cookie` of a session that begins.
pub(super) fn session_begins(app: &App, secret: &Secret) -> HeaderValue {
    set_cookie(app.web(), cookie_name(app.web()), secret.expose(), app.logins().session_seconds())
}

/// `Set-Cookie` of a session that ends.
pub(super) fn session_ends(web: &WebConfig) -> HeaderValue {
    set_cookie(web, cookie_name(web), "", 0)
}

/// Host and port that the browser asked for.
fn asked(parts: &Parts) -> Option<Url> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().ok()?),
        (None, None) => None,
        (Some(_) | None, _) => return None,
    };
    let authority = parts.uri.authority().map(ToString::to_string).or_else(|| header.map(ToOwned::to_owned))?;
    if authority.contains(['@', '/', '?', '#', '\\']) {
        return None;
    }
    Url::parse(&format!("http://{authority}")).ok()
}

/// The origin of this server, as the browser must know it.
///
/// # Errors
/// [`PageError::Misdirected`] when the host is not that of the public URL, or, without one, neither an address nor `localhost`: a name can be
/// pointed here by anybody, an address cannot.
pub(super) fn own_origin(parts: &Parts, web: &WebConfig) -> Result<String, PageError> {
    let asked = asked(parts).ok_or(PageError::Misdirected)?;
    if let Some(public) = web.public_url.as_deref().and_then(|url| Url::parse(url).ok()) {
        // The scheme of what was asked is not known here, so the port is compared with the default of the public one.
        let port = asked.port().or_else(|| if public.scheme() == "https" { Some(443) } else { Some(80) });
        let ours = asked.host_str() == public.host_str() && port == public.port_or_known_default();
        return if ours { Ok(public.origin().ascii_serialization()) } else { Err(PageError::Misdirected) };
    }
    let host = asked.host_str().unwrap_or_default();
    let numeric = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if !numeric && host != "localhost" {
        return Err(PageError::Misdirected);
    }
    let scheme = if web.tls { "https" } else { "http" };
    let port = asked.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{host}{port}"))
}

/// Whether a request that changes something was sent by a page of ours.
///
/// # Errors
/// `access_denied` for one that was sent by somebody else's page, or by something that does not say.
pub(super) fn check_origin(parts: &Parts, own: &str) -> Result<(), Refusal> {
    // Two of one name are none of ours.
    let header = |name: &str| {
        let mut values = parts.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap_or("?"))?;
        Some(if values.next().is_none() { first } else { "?" })
    };
    let ours = match (header(ORIGIN.as_str()), header("sec-fetch-site")) {
        (Some(origin), site) => origin == own && site.is_none_or(|site| site == "same-origin"),
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    };
    if ours {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, "this form was not sent by a page of this server")
        .remedy("open the page here and send it again; programs use the API"))
}

/// Who is logged in, if somebody is.
///
/// # Errors
/// [`PageError`].
pub(super) async fn whose(parts: &Parts, app: &App) -> Result<Option<LoggedIn>, PageError> {
    own_origin(parts, app.web())?;
    if let Some(anyone) = app.session_of_anyone().await? {
        return Ok(Some(anyone));
    }
    match session_cookie(parts, app.web()) {
        Some(secret) => Ok(app.session(&secret).await?),
        None => Ok(None),
    }
}

/// The person of a session, for the frame.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn person(app: &App, session: &LoggedIn) -> Result<Person, AppError> {
    let row = app.store().read().await?.get::<DirectoryRow>(values![session.caller.actor.id]).await?;
    let name =
        row.map_or_else(|| session.caller.actor.id.to_string(), |row| if row.display_name.is_empty() { row.handle.to_string() } else { row.display_name });
    Ok(Person { name, csrf: session.csrf.clone(), anyone: app.is_open(), reads_entries: app.reads_entries(&session.caller) })
}

/// Somebody who is logged in and was allowed the action of `P`: what a handler that shows a page takes.
#[derive(Clone, Debug)]
pub struct Shown<P: Permit> {
    /// What he was allowed.
    pub allowed: Allowed<P>,
    /// His session.
    pub session: LoggedIn,
    /// For the frame.
    pub person: Person,
    /// What was asked for.
    pub visit: Visit,
    permit: PhantomData<P>,
}

impl<P: Permit> Shown<P> {
    pub(super) async fn to(session: LoggedIn, parts: &Parts, app: &App) -> Result<Self, PageError> {
        let person = person(app, &session).await?;
        let allowed = Allowed::to(session.caller.clone(), whence::of(parts), app).await?;
        Ok(Self { allowed, session, person, visit: Visit::of(parts), permit: PhantomData })
    }
}

impl<P: Permit + Send> FromRequestParts<App> for Shown<P> {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let session = whose(parts, app).await?.ok_or(PageError::LogIn(here))?;
        Self::to(session, parts, app).await
    }
}

/// Parameters of the path of a page.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = PageError;

    /// What no record is called has no page. Whoever is not logged in learns nothing of it.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        if let Ok(path) = crate::http::Path::<T>::from_request_parts(parts, app).await {
            return Ok(Self(path.0));
        }
        let own = own_origin(parts, app.web())?;
        if !parts.method.is_safe() {
            check_origin(parts, &own)?;
        }
        if whose(parts, app).await?.is_none() {
            return Err(PageError::LogIn(String::new()));
        }
        Err(Refusal::not_found("page", parts.uri.path()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder().uri("/account");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_our_own_host_is_answered() {
        let open = WebConfig::default();
        let public = WebConfig { public_url: Some("https://registry.example.org".to_owned()), tls: false };
        for (web, host, expected) in [
            (&open, "127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            (&open, "[::1]:8080", Some("http://[::1]:8080")),
            (&open, "LOCALHOST", Some("http://localhost")),
            (&open, "attacker.example", None),
            (&open, "127.0.0.1.attacker.example:8080", None),
            (&open, "localhost.attacker.example", None),
            (&open, "user@127.0.0.1", None),
            (&open, "", None),
            (&public, "registry.example.org", Some("https://registry.example.org")),
            (&public, "registry.example.org:443", Some("https://registry.example.org")),
            (&public, "registry.example.org:8443", None),
            (&public, "127.0.0.1", None),
            (&public, "registry.example.org.attacker.example", None),
        ] {
            assert_eq!(own_origin(&parts(&[("host", host)]), web).ok().as_deref(), expected, "{host}");
        }
        assert!(own_origin(&parts(&[("host", "localhost"), ("host", "x")]), &open).is_err());
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let own = "http://localhost:1";
        for (headers, expected) in [
            (vec![("origin", own)], true),
            (vec![("origin", own), ("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("origin", own), ("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "null")], false),
            (vec![("origin", own), ("origin", "http://attacker.example")], false),
            (vec![("origin", "http://localhost:2")], false),
            (vec![("origin", "https://localhost:1")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![], false),
        ] {
            assert_eq!(check_origin(&parts(&headers), own).is_ok(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_login_leads_to_this_server_only() {
        for (next, expected) in [
            ("/account?x=1", "/account?x=1"),
            ("//attacker.example", "/"),
            ("/\\attacker.example", "/"),
            ("https://attacker.example", "/"),
            ("/\t/attacker.example", "/"),
            ("", "/"),
            ("account", "/"),
        ] {
            assert_eq!(local(next), expected, "{next}");
        }
        assert_eq!(login_path("/a?b=c&d"), "/login?next=%2Fa%3Fb%3Dc%26d");
        assert_eq!(login_path("/"), "/login");
    }

    #[test]
    fn a_cookie_is_taken_when_there_is_one_of_its_name() {
        let find = |headers: &[(&str, &str)]| cookie(&parts(headers), "a").map(Secret::into_exposed);
        assert_eq!(find(&[("cookie", "b=1; a=2")]).as_deref(), Some("2"));
        assert_eq!(find(&[("cookie", "a=1; a=2")]), None);
        assert_eq!(find(&[("cookie", "a=1"), ("cookie", "a=2")]), None);
        assert_eq!(find(&[("cookie", "aa=1")]), None);
        let web = WebConfig { public_url: Some("https://x".to_owned()), tls: false };
        assert_eq!(set_cookie(&web, cookie_name(&web), "v", 5), "__Host-chancery=v; Path=/; Max-Age=5; HttpOnly; SameSite=Lax; Secure");
    }
}
