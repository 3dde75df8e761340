//! `chancery check`: may this version move to that state, and what is missing?

use serde_json::{Value, json};

use super::Outcome;
use super::client::Answer;
use super::exit::ExitCode;
use super::failure::finding_lines;
use super::output::{items, text};
use super::reference::Reference;
use super::session::Session;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery check loan-approval/3 --to candidate\n\nExit code 0 only when nothing is missing, otherwise 3.")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// The state: candidate, approved or production.
    #[arg(long, value_name = "STATE")]
    to: String,
    /// The environment that it would run in.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Record the result in the ledger.
    #[arg(long)]
    record: bool,
}

/// Runs `check`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let (name, number) = session.locate(&args.reference).await?;
    let url = session.client.url(&["models", &name, "versions", &number, "check"]);
    if args.record {
        let receipt = session.client.post(url.clone(), &json!({"to": args.to})).await?;
        session.output.line(&format!("recorded as entry {}", text(&receipt.value, "/index")));
    }
    let mut query = url;
    query.query_pairs_mut().append_pair("to", &args.to);
    if let Some(environment) = &args.environment {
        query.query_pairs_mut().append_pair("environment", environment);
    }
    let answer = session.client.get(query).await?;
    session.output.show(&answer, || lines(&format!("{name}/{number}"), &answer));
    Ok(if is_complete(&answer.value) { ExitCode::Done } else { ExitCode::Waits })
}

/// Nothing is missing and the gates passed.
fn is_complete(view: &Value) -> bool {
    missing(view).is_empty() && view.get("passed").and_then(Value::as_bool) == Some(true)
}

/// The failed findings of a check, promotion or drill.
pub(super) fn missing(view: &Value) -> &[Value] {
    view.get("missing").map_or(&[], items)
}

/// Each finding with message, remedy and who can supply what is missing.
pub(super) fn findings(list: &[Value]) -> Vec<String> {
    let known = list.iter().map(|value| serde_json::from_value(value.clone()));
    known.flat_map(|finding| finding.map_or_else(|_| vec!["- a finding that this program cannot read".to_owned()], |finding| finding_lines(&finding))).collect()
}

fn lines(label: &str, answer: &Answer) -> Vec<String> {
    let view = &answer.value;
    let target = text(view, "/target");
    let missing = missing(view);
    let total = view.get("findings").map_or(0, |list| items(list).len());
    if is_complete(view) {
        return vec![format!("{label} may become {target}: all {total} rules hold")];
    }
    let mut lines = vec![format!("{label} is not ready for {target}: {} of {total} rules do not hold", missing.len())];
    if view.get("blocks").and_then(Value::as_bool) == Some(false) {
        lines.push(format!("mode {}: this does not stop a promotion, which is then marked as ungated", text(view, "/mode")));
    }
    lines.extend(findings(missing));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_version_passes() {
        let finding = json!({"rule": "entry.complete", "outcome": "fail", "message": "no owner", "gate": "candidate", "remedy": "name one", "who": ["owner"]});
        let cases = [
            (json!({"passed": true, "missing": [], "findings": [1, 2], "target": "candidate"}), true, vec!["loan/1 may become candidate: all 2 rules hold"]),
            (
                json!({"passed": false, "blocks": false, "mode": "warn", "missing": [finding], "findings": [finding], "target": "candidate"}),
                false,
                vec![
                    "loan/1 is not ready for candidate: 1 of 1 rules do not hold",
                    "mode warn: this does not stop a promotion, which is then marked as ungated",
                    "- entry.complete [fail] no owner",
                    "    remedy: name one",
                    "    who: owner",
                ],
            ),
            (json!({}), false, vec!["loan/1 is not ready for -: 0 of 0 rules do not hold"]),
        ];
        for (value, complete, expected) in cases {
            assert_eq!(is_complete(&value), complete);
            assert_eq!(lines("loan/1", &Answer { text: value.to_string(), value, etag: None }), expected);
        }
    }
}
