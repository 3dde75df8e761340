//! Filters of the templates: the small parts that every page is made of. `{{ version.state|stamp }}`, `{{ entry.at|when }}`.
//!
//! INVARIANT: what makes markup ([`Html`]) escapes every text that it takes.

use std::fmt::{self, Display, Write as _};

use askama::filters::{Escaper as _, Html as HtmlEscaper, HtmlSafe};
use chancery_core::names::Timestamp;

/// Markup that is made of our tags and escaped text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html(String);

impl Display for Html {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

impl Html {
    /// Takes markup whose maker escaped everything foreign in it.
    pub(super) fn made(markup: String) -> Self {
        Self(markup)
    }
}

/// Text as HTML shows it.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let _ = HtmlEscaper.write_escaped_str(&mut out, text);
    out
}

/// The shape that goes with a state, so that nothing is said by colour alone.
fn shape(state: &str) -> &'static str {
    match state {
        "draft" => r#"<circle cx="6" cy="6" r="4" stroke-dasharray="2 2"/>"#,
        "candidate" => r#"<circle cx="6" cy="6" r="4"/>"#,
        "approved" | "executed" | "granted" => r#"<path d="M2 6.5 5 9.5 10.5 3"/>"#,
        "production" => r#"<path d="M6 1.5 11 10.5H1z"/>"#,
        "deprecated" => r#"<path d="M1 6h10M8 3l3 3-3 3"/>"#,
        "retired" => r#"<path d="M2 2h8v8H2zM2 6h8"/>"#,
        "ungated" | "refused" | "rejected" => r#"<path d="M2 10 10 2M2 2l8 8"/>"#,
        _ => r#"<circle cx="6" cy="6" r="4"/><path d="M6 3.5V6l2 1"/>"#,
    }
}

/// The class that goes with a state.
fn class(state: &str) -> &'static str {
    match state {
        "draft" => "st-draft",
        "candidate" => "st-candidate",
        "approved" => "st-approved",
        "production" | "executed" => "st-production",
        "deprecated" => "st-deprecated",
        "retired" | "cancelled" | "withdrawn" | "expired" => "st-retired",
        "ungated" => "st-ungated",
        "refused" | "rejected" => "st-refused",
        _ => "st-waiting",
    }
}

/// The stamp of a state: a lifecycle state, `ungated`, `refused`, or the status of a promotion or an exception.
#[askama::filter_fn]
pub(super) fn stamp<T: Display>(state: T, _: &dyn askama::Values) -> askama::Result<Html> {
    let state = state.to_string();
    Ok(stamped(&state, &state))
}

/// The stamp of a state with words of its own.
#[askama::filter_fn]
pub(super) fn stamp_of<T: Display>(words: T, _: &dyn askama::Values, state: &str) -> askama::Result<Html> {
    Ok(stamped(state, &words.to_string()))
}

fn stamped(state: &str, words: &str) -> Html {
    Html(format!(r#"<span class="stamp {}"><svg viewBox="0 0 12 12" aria-hidden="true">{}</svg>{}</span>"#, class(state), shape(state), escaped(words)))
}

/// An outcome: `{{ "27 pass"|outcome("pass") }}`. Kinds: pass, fail, waived, wait, and others that do not apply.
#[askama::filter_fn]
pub(super) fn outcome<T: Display>(words: T, _: &dyn askama::Values, kind: &str) -> askama::Result<Html> {
    let class = match kind {
        "pass" => "oc-pass",
        "fail" | "error" => "oc-fail",
        "waived" | "warn" => "oc-waived",
        "wait" => "oc-wait",
        _ => "oc-na",
    };
    Ok(Html(format!(r#"<span class="oc {class}">{}</span>"#, escaped(&words.to_string()))))
}

/// How well a fact is known: `claimed`, `read` or `attested`.
#[askama::filter_fn]
pub(super) fn grade<T: Display>(grade: T, _: &dyn askama::Values) -> askama::Result<Html> {
    let grade = grade.to_string();
    let (class, shape) = match grade.as_str() {
        "attested" => ("g-attested", r#"<circle class="on" cx="6" cy="6" r="4.5"/>"#),
        "read" => ("g-read", r#"<circle cx="6" cy="6" r="4.5"/><path class="on" d="M6 1.5a4.5 4.5 0 0 0 0 9z"/>"#),
        _ => ("g-claimed", r#"<circle cx="6" cy="6" r="4.5"/>"#),
    };
    Ok(Html(format!(r#"<span class="grade {class}"><svg viewBox="0 0 12 12" aria-hidden="true">{shape}</svg>{}</span>"#, escaped(&grade))))
}

/// A risk tier.
#[askama::filter_fn]
pub(super) fn tier<T: Display>(tier: T, _: &dyn askama::Values) -> askama::Result<Html> {
    let tier = tier.to_string();
    let class = if matches!(tier.as_str(), "high" | "unclassified") { "tier tier-high" } else { "tier" };
    Ok(Html(format!(r#"<span class="{class}">{}</span>"#, escaped(&tier))))
}

/// A moment, to the minute: a time of ours, or RFC 3339 text; other text is shown as it is.
#[askama::filter_fn]
pub(super) fn when<T: Display>(moment: T, _: &dyn askama::Values) -> askama::Result<Html> {
    Ok(time(&moment.to_string(), "%-d %b %Y, %H:%M UTC"))
}

/// A moment, as a day.
#[askama::filter_fn]
pub(super) fn day<T: Display>(moment: T, _: &dyn askama::Values) -> askama::Result<Html> {
    Ok(time(&moment.to_string(), "%-d %b %Y"))
}

fn time(text: &str, format: &str) -> Html {
    let words = Timestamp::parse(text).ok().and_then(|moment| jiff::Timestamp::from_microsecond(moment.micros()).ok());
    match words.map(|moment| moment.strftime(format).to_string()) {
        Some(words) => Html(format!(r#"<time datetime="{}">{words}</time>"#, escaped(text))),
        None => Html(escaped(text)),
    }
}

/// The first twelve digits of a digest; the whole is on the page of what it names.
#[askama::filter_fn]
pub(super) fn short<T: Display>(digest: T, _: &dyn askama::Values) -> askama::Result<String> {
    let text = digest.to_string();
    let digits = text.strip_prefix("sha256:").unwrap_or(&text);
    let cut: String = digits.chars().take(12).collect();
    Ok(if cut.len() < digits.len() { format!("{cut}…") } else { cut })
}

/// A number with its thousands apart.
#[askama::filter_fn]
pub(super) fn count<T: Display>(number: T, _: &dyn askama::Values) -> askama::Result<String> {
    let text = number.to_string();
    let mut out = String::new();
    for (position, digit) in text.chars().enumerate() {
        if position > 0 && digit.is_ascii_digit() && (text.chars().count() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    Ok(out)
}

/// A size in bytes, in the unit that people read.
#[askama::filter_fn]
pub(super) fn size<T: Display>(bytes: T, _: &dyn askama::Values) -> askama::Result<String> {
    let text = bytes.to_string();
    let Ok(bytes) = text.parse::<f64>() else { return Ok(text) };
    let mut rest = bytes;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if rest < 1_000.0 {
            return Ok(if unit == "bytes" { format!("{rest} {unit}") } else { format!("{rest:.1} {unit}") });
        }
        rest /= 1_000.0;
    }
    Ok(format!("{rest:.1} TB"))
}

/// Text as one segment of a path.
#[askama::filter_fn]
pub(super) fn segment<T: Display>(text: T, _: &dyn askama::Values) -> askama::Result<String> {
    let mut out = String::new();
    let _ = write!(out, "{}", crate::http::file::encode(&text.to_string()));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use crate::http::ui::filters;

    #[derive(askama::Template)]
    #[template(
        source = "{{ state|stamp }} {{ moment|when }} {{ digest|short }} {{ 1234567|count }} {{ 123|count }} {{ 48300000|size }} {{ state|segment }} {{ state|outcome(\"fail\") }}",
        ext = "html"
    )]
    struct All {
        state: &'static str,
        moment: &'static str,
        digest: &'static str,
    }

    #[test]
    fn foreign_text_stays_text_in_every_part() {
        use askama::Template as _;
        let html = All { state: "<b>", moment: "<i>", digest: "sha256:0123456789abcdef" }.render().unwrap();
        assert!(!html.contains("<b>") && !html.contains("<i>"), "{html}");
        for expected in ["0123456789ab…", "1,234,567", " 123 ", "48.3 MB", "%3Cb%3E"] {
            assert!(html.contains(expected), "{expected}: {html}");
        }
        let html = All { state: "production", moment: "2026-11-21T10:41:07Z", digest: "" }.render().unwrap();
        assert!(html.contains(r#"<time datetime="2026-11-21T10:41:07Z">21 Nov 2026, 10:41 UTC</time>"#), "{html}");
        assert!(html.contains("st-production"), "{html}");
    }
}
