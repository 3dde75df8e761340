//! What every page has: the frame, notes, the stylesheet, and the headers that keep foreign code out.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::AppError;
use crate::http::error::{log_fault, status};
use crate::secret::Secret;

/// Version of the program, for the footer.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the stylesheet is.
pub const STYLE_PATH: &str = "/assets/chancery.css";
const STYLE: &str = include_str!("../../../assets/chancery.css");

/// No script, no inline style, nothing from elsewhere, in no frame; forms go to this server only.
const POLICY: &str =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The frame of a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the page is about.
    pub title: String,
    /// Path of the entry of the navigation that this page is.
    pub here: &'static str,
    /// Who is logged in.
    pub person: Option<Person>,
    /// What has to be said first.
    pub note: Option<Note>,
    /// Whether nobody is asked who they are (`--no-auth`).
    pub open: bool,
}

/// Who is logged in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Name to show.
    pub name: String,
    /// What his forms carry.
    pub csrf: Secret,
    /// Whether he is anybody (`--no-auth`).
    pub anyone: bool,
}

/// An entry of the navigation.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Where it leads.
    pub path: &'static str,
    /// What it says.
    pub words: &'static str,
}

/// The pages that there are.
const NAVIGATION: &[Item] = &[Item { path: "/account", words: "Your page" }];

impl Frame {
    /// A frame without a note.
    pub fn new(title: &str, here: &'static str, person: Option<Person>) -> Self {
        let open = person.as_ref().is_some_and(|person| person.anyone);
        Self { title: title.to_owned(), here, person, note: None, open }
    }

    /// With a note.
    #[must_use]
    pub fn with(mut self, note: Option<Note>) -> Self {
        self.note = note;
        self
    }

    /// Entries of the navigation.
    pub fn navigation(&self) -> &'static [Item] {
        NAVIGATION
    }
}

/// What kind of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// Something was refused or failed.
    Refused,
    /// Something was done.
    Done,
}

impl NoteKind {
    /// Class in the stylesheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Refused => "n-fail",
            Self::Done => "n-pass",
        }
    }
}

/// A note at the top of a page.
#[derive(Clone, Debug)]
pub struct Note {
    /// What kind.
    pub kind: NoteKind,
    /// What happened.
    pub title: String,
    /// What else there is to say.
    pub lines: Vec<String>,
}

impl Note {
    /// Something was done.
    pub fn done(title: &str) -> Self {
        Self { kind: NoteKind::Done, title: title.to_owned(), lines: Vec::new() }
    }

    /// An error as a note, with the status of the answer. A fault goes to the log and shows its request id only.
    pub fn of(error: &AppError) -> (StatusCode, Self) {
        match error {
            AppError::Refused(refusal, entry) => {
                let mut lines: Vec<String> = refusal.remedy.iter().map(|remedy| sentence(remedy)).collect();
                lines.extend(entry.map(|index| format!("Your attempt is entry {index} of the ledger.")));
                (status(refusal.code), Self { kind: NoteKind::Refused, title: sentence(&refusal.message), lines })
            }
            AppError::Fault(fault) => {
                let (status, request) = log_fault(fault);
                let lines = vec![format!("Nothing was recorded unless a later page shows it. Request {request}: give it to your operator.")];
                (status, Self { kind: NoteKind::Refused, title: "Something broke on our side".to_owned(), lines })
            }
        }
    }
}

/// A message of the rules as a sentence: they begin in lower case and end without a full stop.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Renders a page.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => with_headers((status, [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], html).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Adds what keeps foreign code out, and pages out of caches.
pub fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    frame: Frame,
}

/// A page that says one thing, such as why there is no other.
pub fn message(status: StatusCode, title: &str, person: Option<Person>, note: Note) -> Response {
    page(status, &Message { frame: Frame::new(title, "", person).with(Some(note)) })
}

/// The stylesheet.
pub async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, STYLE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_nothing_unsafe_and_nothing_foreign() {
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("http") && !POLICY.contains('*'));
        for origin in ["http://", "https://", "url(", "@import"] {
            assert!(!STYLE.contains(origin), "the stylesheet asks for {origin}");
        }
    }

    #[test]
    fn what_is_shown_is_escaped() {
        let note = Note { kind: NoteKind::Refused, title: "<script>alert(1)</script>".to_owned(), lines: vec!["\"><img src=x onerror=y>".to_owned()] };
        let person = Person { name: "<b>".to_owned(), csrf: Secret::new("\"x".to_owned()), anyone: false };
        let html = Message { frame: Frame::new("</title><script>", "", Some(person)).with(Some(note)) }.render().unwrap();
        for bad in ["<script", "<img", "<b>", "value=\"\"x"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert_eq!(sentence("name `x` is taken"), "Name `x` is taken.");
    }
}
