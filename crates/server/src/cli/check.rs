//! `chancery check`: may this version move to that state, and what is missing?

use chancery_core::names::State;
use chancery_core::policy::Finding;
use chancery_core::promotion::{APPROVAL_RULE, FOLLOW_APPROVAL};
use serde_json::{Value, json};

use super::Outcome;
use super::client::Answer;
use super::exit::ExitCode;
use super::failure::{Failure, finding_lines};
use super::output::{items, text};
use super::promotion::TARGETS;
use super::reference::Reference;
use super::session::{Session, member};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery check loan-approval/3 --to candidate\n\nExit code 0 only when nothing is missing, otherwise 3.")]
pub struct Args {
    /// The version.
    reference: Reference,
    /// The state. Otherwise the one that follows the state of the version.
    #[arg(long, value_name = "STATE", value_parser = TARGETS)]
    to: Option<String>,
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
    let (name, number, to) = match args.to {
        Some(to) => session.locate(&args.reference).await.map(|(name, number)| (name, number, to))?,
        None => {
            let found = session.resolve(&args.reference).await?;
            let to = following(&found.label(), &member(&found.view.value, "/state")?)?;
            (found.name, found.number, to)
        }
    };
    let url = session.client.url(&["models", &name, "versions", &number, "check"]);
    if args.record {
        let receipt = session.client.post(url.clone(), &json!({"to": to})).await?;
        session.output.line(&format!("recorded as entry {}", text(&receipt.value, "/index")));
    }
    let mut query = url;
    query.query_pairs_mut().append_pair("to", &to);
    if let Some(environment) = &args.environment {
        query.query_pairs_mut().append_pair("environment", environment);
    }
    let answer = session.client.get(query).await?;
    session.output.show(&answer, || lines(&format!("{name}/{number}"), &answer));
    Ok(if is_complete(&answer.value) { ExitCode::Done } else { ExitCode::Waits })
}

/// The state that a promotion leads to from this one.
fn following(label: &str, state: &str) -> Result<String, Failure> {
    let next = match State::parse(state) {
        Ok(State::Draft) => State::Candidate,
        Ok(State::Candidate) => State::Approved,
        Ok(State::Approved) => State::Production,
        Ok(State::Production | State::Deprecated | State::Retired) | Err(_) => {
            return Err(Failure::Usage(format!("{label} is {state}, and no promotion leads on from there; name a state with --to")));
        }
    };
    Ok(next.to_string())
}

/// Nothing is missing and the gates passed.
fn is_complete(view: &Value) -> bool {
    missing(view).is_empty() && view.get("passed").and_then(Value::as_bool) == Some(true)
}

/// The failed findings of a check, promotion or drill.
pub(super) fn missing(view: &Value) -> &[Value] {
    view.get("missing").map_or(&[], items)
}

/// Each finding with message, remedy and who can supply what is missing. Commands in it name the version, such as `loan/3`.
pub(super) fn findings(list: &[Value], label: &str) -> Vec<String> {
    let known: Vec<Finding> =
        list.iter().filter_map(|value| serde_json::from_value::<Finding>(value.clone()).ok()).map(|finding| finding.about(label)).collect();
    // What follows from the approvals is told in one line, so that what has to be done stands out.
    let waits = known.iter().any(|finding| finding.rule == APPROVAL_RULE);
    let (follow, mut first): (Vec<&Finding>, Vec<&Finding>) = known.iter().partition(|finding| waits && FOLLOW_APPROVAL.contains(&finding.rule.as_str()));
    // What needs other work comes before the approvals that would be given for it.
    first.sort_by_key(|finding| finding.rule == APPROVAL_RULE);
    let mut lines: Vec<String> = first.into_iter().flat_map(finding_lines).collect();
    if !follow.is_empty() {
        let rules: Vec<&str> = follow.iter().map(|finding| finding.rule.as_str()).collect();
        lines.push(format!("- {}: hold by themselves once every role has approved", rules.join(", ")));
    }
    lines.extend((known.len()..list.len()).map(|_| "- a finding that this program cannot read".to_owned()));
    lines
}

fn lines(label: &str, answer: &Answer) -> Vec<String> {
    let view = &answer.value;
    let target = text(view, "/target");
    let missing = missing(view);
    let all = view.get("findings").map_or(&[][..], |list| items(list));
    let total = all.len();
    if is_complete(view) {
        return std::iter::once(format!("{label} may become {target}: {}", hold(all))).chain(waived(all)).collect();
    }
    let mut lines = vec![format!("{label} is not ready for {target}: {} of {total} rules do not hold", missing.len())];
    if view.get("blocks").and_then(Value::as_bool) == Some(false) {
        lines.push(format!("mode {}: this does not stop a promotion, which is then marked as ungated", text(view, "/mode")));
    }
    lines.extend(findings(missing, label));
    lines.extend(waived(all));
    lines
}

/// How many of these rules hold, when none stops anything; a waived one does not hold.
pub fn hold(findings: &[Value]) -> String {
    match waived(findings).len() {
        0 => format!("all {} rules hold", findings.len()),
        waived => format!("{} of {} rules hold, {waived} waived", findings.len() - waived, findings.len()),
    }
}

/// A line for each rule that fails and is waived by an exception.
pub fn waived(findings: &[Value]) -> Vec<String> {
    let waived = findings.iter().filter(|finding| text(finding, "/outcome") == "waived");
    waived.map(|finding| format!("- {} [waived by {}] {}", text(finding, "/rule"), text(finding, "/waiver"), text(finding, "/message"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_approvals_is_one_line() {
        let finding = |rule: &str| json!({"rule": rule, "outcome": "fail", "message": "missing", "gate": "production", "who": []});
        let both = [finding("decision.signed"), finding("approval.complete"), json!("odd")];
        let folded = [
            "- approval.complete [fail] missing",
            "- decision.signed: hold by themselves once every role has approved",
            "- a finding that this program cannot read",
        ];
        assert_eq!(findings(&both, "loan/1"), folded);
        assert_eq!(findings(&[finding("decision.signed")], "loan/1"), ["- decision.signed [fail] missing"], "alone it is what has to be done");
    }

    #[test]
    fn a_check_without_a_state_asks_for_the_following_one() {
        let cases = [
            ("draft", Some("candidate")),
            ("candidate", Some("approved")),
            ("approved", Some("production")),
            ("production", None),
            ("retired", None),
            ("odd", None),
        ];
        for (state, expected) in cases {
            assert_eq!(following("loan/1", state).ok().as_deref(), expected, "{state}");
        }
    }

    #[test]
    fn only_a_complete_version_passes() {
        let finding = json!({"rule": "entry.complete", "outcome": "fail", "message": "no owner", "gate": "candidate", "remedy": "name one", "who": ["owner"]});
        let cases = [
            (json!({"passed": true, "missing": [], "findings": [1, 2], "target": "candidate"}), true, vec!["loan/1 may become candidate: all 2 rules hold"]),
            (
                json!({"passed": true, "missing": [], "findings": [1, {"rule": "a.b", "outcome": "waived", "waiver": "x1", "message": "no"}], "target": "candidate"}),
                true,
                vec!["loan/1 may become candidate: 1 of 2 rules hold, 1 waived", "- a.b [waived by x1] no"],
            ),
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
