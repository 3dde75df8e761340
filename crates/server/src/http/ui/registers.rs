//! The registers of exceptions and risks: what was allowed, until when; what can go wrong, and what is done about it.

mod exception;
mod exceptions;
mod risk;
mod risk_forms;
mod risks;

use axum::routing::{get, post};
use chancery_core::names::Timestamp;
use chancery_core::refusal::{Code, Refusal};

use super::Page;
use super::Visitor::Person;

/// Lines of a list.
const LINES: u32 = 50;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![
        (("GET", "/exceptions", Person), get(exceptions::show)),
        (("POST", "/exceptions", Person), post(exceptions::ask)),
        (("GET", "/exceptions/{id}", Person), get(exception::show)),
        (("POST", "/exceptions/{id}/grant", Person), post(exception::grant)),
        (("POST", "/exceptions/{id}/refuse", Person), post(exception::refuse)),
        (("POST", "/exceptions/{id}/revoke", Person), post(exception::revoke)),
        (("GET", "/risks", Person), get(risks::show)),
        (("POST", "/risks", Person), post(risks::add)),
        (("GET", "/risks/{id}", Person), get(risk::show)),
        (("POST", "/risks/{id}", Person), post(risk_forms::change)),
        (("POST", "/risks/{id}/status", Person), post(risk_forms::set_status)),
        (("POST", "/risks/{id}/models", Person), post(risk_forms::change_models)),
        (("POST", "/risks/{id}/mitigations", Person), post(risk_forms::mitigate)),
        (("POST", "/risks/{id}/mitigations/done", Person), post(risk_forms::finish)),
    ]
}

/// A day as a date field gives it, to its end; or a time.
fn moment(field: &str, text: &str) -> Result<Timestamp, Refusal> {
    Timestamp::parse_due(text.trim()).map_err(|_| Refusal::invalid(field, &format!("{field} must be a day such as 2026-12-01, or an RFC 3339 time")))
}

/// A day that may be left empty.
pub(super) fn some_moment(field: &str, text: &str) -> Result<Option<Timestamp>, Refusal> {
    if text.trim().is_empty() { Ok(None) } else { moment(field, text).map(Some) }
}

/// The day of a time, as a date field shows it.
fn day_of(time: Option<&str>) -> String {
    time.map(|time| time.chars().take(10).collect()).unwrap_or_default()
}

/// What somebody filled in about a record that changed meanwhile.
fn moved(what: &str, now: &str) -> Refusal {
    Refusal::new(Code::PreconditionFailed, &format!("the {what} changed while you looked at it: {now}"))
        .field("revision")
        .remedy("look at it below and send the form again; your text is kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end() {
        assert_eq!(moment("due", "2026-12-01").unwrap(), Timestamp::parse("2026-12-01T23:59:59Z").unwrap());
        assert_eq!(moment("due", " 2026-12-01T10:00:00Z ").unwrap(), Timestamp::parse("2026-12-01T10:00:00Z").unwrap());
        assert_eq!(some_moment("due", " ").unwrap(), None);
        assert_eq!(moment("due", "tomorrow").unwrap_err().field.as_deref(), Some("due"));
        assert_eq!(day_of(Some("2026-12-01T23:59:59Z")), "2026-12-01");
    }
}
