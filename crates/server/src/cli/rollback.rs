//! `chancery rollback`: puts an earlier release back into production.

use serde_json::{Value, json};

use super::Outcome;
use super::check::findings;
use super::exit::ExitCode;
use super::output::{items, list, text};
use super::session::Session;

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery rollback loan-approval --to 2 --reason \"parity fell in production\"")]
pub struct Args {
    /// Name of the model.
    model: String,
    /// Number of the version. Otherwise the newest deprecated one that was in production.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// Why. Goes into the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only say what would happen.
    #[arg(long)]
    drill: bool,
}

/// Runs `rollback`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let mut body = json!({"reason": args.reason, "drill": args.drill});
    if let (Some(body), Some(to)) = (body.as_object_mut(), args.to) {
        body.insert("to".to_owned(), json!(to));
    }
    let answer = session.client.post(session.client.url(&["models", &args.model, "rollback"]), &body).await?;
    if !args.drill {
        session.output.receipt(&answer, &done(&args.model, &answer.value));
        return Ok(ExitCode::Done);
    }
    session.output.show(&answer, || drill_lines(&args.model, &answer.value));
    Ok(if would_pass(&answer.value) { ExitCode::Done } else { ExitCode::Waits })
}

/// Which version is back, as the receipt's entries say.
fn done(model: &str, receipt: &Value) -> String {
    let back = items(receipt.get("entries").unwrap_or(&Value::Null)).iter().find(|entry| text(entry, "/data/to") == "production");
    match back.map(|entry| text(entry, "/subject")).as_deref().and_then(|subject| subject.rsplit_once('/')) {
        Some((_, number)) => format!("{model}/{number} is back in production"),
        None => format!("{model} is rolled back"),
    }
}

fn would_pass(view: &Value) -> bool {
    view.get("would_pass").and_then(Value::as_bool) == Some(true)
}

fn drill_lines(model: &str, view: &Value) -> Vec<String> {
    let word = if would_pass(view) { "would pass" } else { "would be refused" };
    let replaced = if list(view, "/replaces").is_empty() { "no version, for none is in production".to_owned() } else { text(view, "/replaces") };
    let mut lines = vec![format!("drill: a rollback of {model} to {} {word}; it replaces {replaced}", text(view, "/to"))];
    lines.extend(findings(view.get("findings").map_or(&[], items), &format!("{model}/{}", text(view, "/to"))));
    let waived: Vec<String> = items(view.get("exceptions").unwrap_or(&Value::Null)).iter().map(|rule| rule.as_str().unwrap_or_default().to_owned()).collect();
    if !waived.is_empty() {
        lines.push(format!("it would waive for 72 hours, and schedule a review: {}", waived.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_says_which_version_is_back() {
        let receipt = json!({"entries": [
            {"subject": "model/m1/3", "data": {"from": "production", "to": "deprecated"}},
            {"subject": "model/m1/1", "data": {"from": "deprecated", "to": "production"}},
        ]});
        assert_eq!(done("loan", &receipt), "loan/1 is back in production");
        assert_eq!(done("loan", &json!({})), "loan is rolled back");
    }

    #[test]
    fn a_drill_says_what_it_would_waive() {
        let view = json!({"drill": true, "to": 1, "replaces": [3], "findings": [], "would_pass": true, "exceptions": ["a.b", "c.d"]});
        assert_eq!(
            drill_lines("loan", &view),
            ["drill: a rollback of loan to 1 would pass; it replaces 3", "it would waive for 72 hours, and schedule a review: a.b, c.d"]
        );
        let nothing = json!({"drill": true, "to": 1, "replaces": [], "findings": [], "would_pass": true, "exceptions": []});
        assert_eq!(drill_lines("loan", &nothing), ["drill: a rollback of loan to 1 would pass; it replaces no version, for none is in production"]);
    }
}
