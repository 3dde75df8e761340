//! What every page has: notes, the stylesheet, and the headers that keep foreign code out.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chancery_core::refusal::Code;

use super::filters;
use super::frame::{Frame, Person};
use crate::app::AppError;
use crate::http::error::{log_fault, status};

/// Where the stylesheet is.
pub const STYLE_PATH: &str = "/assets/chancery.css";
const STYLE: &str = include_str!("../../../assets/chancery.css");
/// Where the picture of a page's tab is.
pub const ICON_PATH: &str = "/assets/icon.svg";
const ICON: &str = include_str!("../../../assets/icon.svg");

/// Our own script and style files alone, nothing inline, nothing from elsewhere, in no frame; forms go to this server only.
const POLICY: &str =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What kind of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// Something was refused or failed.
    Refused,
    /// Something changed meanwhile: nothing was recorded.
    Changed,
    /// Something to know.
    Told,
    /// Something was done.
    Done,
}

impl NoteKind {
    /// Class in the stylesheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Refused => "n-fail",
            Self::Changed => "n-warn",
            Self::Told => "n-info",
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
    /// Where to read more.
    pub links: Vec<Link>,
}

/// Words that lead somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Path on this server.
    pub path: String,
    /// The words; they make sense alone.
    pub words: String,
}

impl Link {
    /// Words that lead to a path.
    pub fn new(path: impl Into<String>, words: impl Into<String>) -> Self {
        Self { path: path.into(), words: words.into() }
    }
}

impl Note {
    /// A note of one sentence.
    pub fn new(kind: NoteKind, title: &str) -> Self {
        Self { kind, title: title.to_owned(), lines: Vec::new(), links: Vec::new() }
    }

    /// Something was done.
    pub fn done(title: &str) -> Self {
        Self::new(NoteKind::Done, title)
    }

    /// What a form did is in the ledger.
    pub fn recorded(index: u64) -> Self {
        Self {
            links: vec![Link::new(format!("/ledger/{index}"), format!("Read entry {index}"))],
            ..Self::done(&format!("Recorded as entry {index} of the ledger."))
        }
    }

    /// An error as a note, with the status of the answer. A fault goes to the log and shows its request id only.
    pub fn of(error: &AppError) -> (StatusCode, Self) {
        match error {
            AppError::Refused(refusal, entry) => {
                let mut lines: Vec<String> = refusal.findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.message)).collect();
                lines.push("Nothing was changed.".to_owned());
                lines.extend(refusal.remedy.iter().map(|remedy| format!("What you can do: {}", sentence(remedy))));
                let mut links: Vec<Link> = entry.iter().map(|index| Link::new(format!("/ledger/{index}"), format!("Your attempt is entry {index}"))).collect();
                if refusal.code == Code::AccessDenied {
                    links.push(Link::new("/can-i", "See what you may do, and which rule says so"));
                }
                let kind = if matches!(refusal.code, Code::Contended | Code::PreconditionFailed) { NoteKind::Changed } else { NoteKind::Refused };
                (status(refusal.code), Self { kind, title: sentence(&refusal.message), lines, links })
            }
            AppError::Fault(fault) => {
                let (status, request) = log_fault(fault);
                let lines = vec![format!("Nothing was recorded unless a later page shows it. Request {request}: give it to your operator.")];
                (status, Self { lines, ..Self::new(NoteKind::Refused, "Something broke on our side") })
            }
        }
    }
}

/// A message of the rules as a sentence: they begin in lower case and end without a full stop. A name at the beginning stays as it is.
pub fn sentence(message: &str) -> String {
    if message.split_whitespace().next().is_some_and(|word| word.contains(['_', '.', '/'])) {
        return format!("{}.", message.trim_end_matches('.'));
    }
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Whether a character shows nothing itself, or changes the direction in which what follows is read. The joiners and the marks that languages
/// need are none of them.
fn deceives(letter: char) -> bool {
    matches!(letter, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The page with a visible sign in the place of characters that deceive: no foreign text changes how the words beside it are read. Fields of
/// forms keep what was typed. Foreign text is escaped, so that every `<` and `>` is ours.
fn undeceived(html: String) -> String {
    if !html.contains(deceives) {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    for (number, piece) in html.split('<').enumerate() {
        let (tag, text) = piece.split_once('>').filter(|_| number > 0).unwrap_or(("", piece));
        if number > 0 {
            out.extend(["<", tag, ">"]);
        }
        if tag.starts_with("textarea") {
            out.push_str(text);
        } else {
            out.extend(text.chars().map(|letter| if deceives(letter) { '\u{fffd}' } else { letter }));
        }
    }
    out
}

/// Renders a page.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => with_headers((status, [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], undeceived(html)).into_response()),
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
    page(status, &Message { frame: Frame::bare(title, person).with(Some(note)) })
}

/// The stylesheet.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

/// The picture of a page's tab.
pub async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

/// A file of the program that every page may use.
pub fn asset(media_type: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=3600"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_policy_allows_nothing_unsafe_and_nothing_foreign() {
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("http") && !POLICY.contains('*'));
        for origin in ["http://", "https://", "url(", "@import"] {
            assert!(!STYLE.contains(origin), "the stylesheet asks for {origin}");
        }
    }

    #[test]
    fn text_that_changes_the_direction_of_writing_is_made_visible() {
        let html = "<p title=\"\u{202e}\">a\u{202e}b\u{200d}c</p><textarea name=\"x\">\u{202e}</textarea>\u{feff}";
        let expected = "<p title=\"\u{202e}\">a\u{fffd}b\u{200d}c</p><textarea name=\"x\">\u{202e}</textarea>\u{fffd}";
        assert_eq!(undeceived(html.to_owned()), expected);
        assert_eq!(undeceived("<p>a</p>".to_owned()), "<p>a</p>");
    }

    #[test]
    fn what_is_shown_is_escaped() {
        let lines = vec!["\"><img src=x onerror=y>".to_owned()];
        let links = vec![Link::new("\"><script>", "<b>")];
        let note = Note { lines, links, ..Note::new(NoteKind::Refused, "<script>alert(1)</script>") };
        let person = Person { name: "<b>".to_owned(), csrf: Secret::new("\"x".to_owned()), anyone: false, reads_entries: false };
        let html = Message { frame: Frame::bare("</title><script>", Some(person)).with(Some(note)) }.render().unwrap();
        for bad in ["<script", "<img", "<b>", "value=\"\"x"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert_eq!(sentence("name `x` is taken"), "Name `x` is taken.");
        assert_eq!(sentence("equal_opportunity is worse"), "equal_opportunity is worse.");
    }
}
