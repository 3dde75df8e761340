//! `chancery promotion break-glass`: releases in an emergency what only waivable rules hold back.

use serde_json::{Value, json};

use super::Outcome;
use super::exit::ExitCode;
use super::output::{items, text};
use super::session::Session;

/// Opens an emergency for a promotion.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub(super) async fn break_glass(session: &Session, id: &str, reason: &str) -> Outcome {
    let answer = session.client.post(session.client.url(&["promotions", id, "break-glass"]), &json!({"reason": reason})).await?;
    session.output.show(&answer, || lines(id, &answer.value));
    Ok(if executed(&answer.value) { ExitCode::Done } else { ExitCode::Waits })
}

fn executed(view: &Value) -> bool {
    view.get("executed").and_then(Value::as_bool) == Some(true)
}

fn lines(id: &str, view: &Value) -> Vec<String> {
    let entries = view.pointer("/receipt/entries").map_or(&[][..], items);
    let waived = entries.iter().filter(|entry| text(entry, "/kind") == "exception.requested");
    let mut lines: Vec<String> =
        waived.map(|entry| format!("waived until {}: {} ({})", text(entry, "/data/expires_at"), text(entry, "/data/rule"), text(entry, "/subject"))).collect();
    if executed(view) {
        lines.push("the version is in production; a review of what was waived is due by then".to_owned());
        return lines;
    }
    let missing: Vec<String> = view.get("missing").map_or(&[][..], items).iter().map(|finding| text(finding, "/rule")).collect();
    lines.push(format!("the emergency is open and the version waits for: {}", missing.join(", ")));
    lines.push(format!("next, by the release pipeline: execute promotion {id}"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_waived_and_who_goes_on() {
        let entry = json!({"kind": "exception.requested", "subject": "exception/x1", "data": {"rule": "approval.complete", "expires_at": "T"}});
        let waiting = json!({"executed": false, "missing": [{"rule": "promoter.pipeline"}], "receipt": {"entries": [entry]}});
        assert_eq!(
            lines("p1", &waiting),
            [
                "waived until T: approval.complete (exception/x1)",
                "the emergency is open and the version waits for: promoter.pipeline",
                "next, by the release pipeline: execute promotion p1",
            ]
        );
        let done = lines("p1", &json!({"executed": true, "receipt": {"entries": []}}));
        assert_eq!(done, ["the version is in production; a review of what was waived is due by then"]);
    }
}
