//! `chancery trace`: everything behind a composite id, on one screen.

use serde_json::Value;

use super::Outcome;
use super::exit::ExitCode;
use super::history::entries;
use super::output::{labelled, list, moment, short, text};
use super::session::{Session, member};
use super::summary::{code, datasets, environment, files, label, registered, under};
use crate::sentence::who;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chancery trace chancery:loan-approval/3@sha256:0123456789ab")]
pub struct Args {
    /// The composite id that is stamped on inferences; 12 digits of the digest are enough.
    composite: String,
}

/// Runs `trace`.
///
/// # Errors
/// [`Failure`](super::failure::Failure).
pub async fn run(args: Args, session: &Session) -> Outcome {
    let mut segments = vec!["trace"];
    segments.extend(args.composite.split('/'));
    let answer = session.client.get(session.client.url(&segments)).await?;
    let (name, number) = (member(&answer.value, "/version/model/name")?, member(&answer.value, "/version/number")?);
    let history = entries(session, &name, Some(&number)).await;
    session.output.show(&answer, || lines(&answer.value, &history));
    Ok(ExitCode::Done)
}

fn lines(trace: &Value, history: &[Value]) -> Vec<String> {
    let at = |pointer: &str| trace.pointer(pointer).unwrap_or(&Value::Null);
    let version = at("/version");
    let mut rows = vec![
        ("composite id", text(version, "/composite_id")),
        ("version", format!("{} ({}), {}, {}", label(version), text(version, "/semver"), text(version, "/state"), aliases(version))),
        ("registered", registered(version, history)),
        ("code", code(at("/code"))),
    ];
    rows.extend(under("data", datasets(list(trace, "/datasets")).into_iter()));
    rows.push((
        "pipeline",
        format!("{}, run {}, seed {}", text(trace, "/training/pipeline_run"), text(trace, "/training/run_id"), text(trace, "/training/seed")),
    ));
    rows.push(("environment", environment(at("/environment"))));
    rows.push(("artifact", format!("{}, content digest {}", files(version), text(version, "/content_digest"))));
    rows.extend(section("evidence", list(trace, "/evidence"), |item| evidence(item, history)));
    rows.extend(section("approvals", list(trace, "/approvals"), approval));
    rows.extend(section("decisions", list(trace, "/decisions"), decision));
    rows.extend(section("in use", list(trace, "/deployments"), |item| item.to_string()));
    rows.push(("ledger entries", ranges(list(trace, "/entries"))));
    rows.push(("prove one", format!("chancery ledger prove {}", text(version, "/registered_index"))));
    labelled(&rows)
}

/// The rows of a list, or one that says that there is none.
fn section(name: &'static str, found: &[Value], row: impl Fn(&Value) -> String) -> Vec<(&'static str, String)> {
    if found.is_empty() { vec![(name, "none".to_owned())] } else { under(name, found.iter().map(row)) }
}

fn aliases(version: &Value) -> String {
    if list(version, "/aliases").is_empty() { "no alias".to_owned() } else { format!("alias {}", text(version, "/aliases")) }
}

fn evidence(item: &Value, history: &[Value]) -> String {
    let entry = history.iter().find(|entry| entry.get("index") == item.get("index"));
    let by = entry.map_or_else(|| text(item, "/actor"), who);
    format!(
        "{} `{}` by {by}, {} (entry {}), digest {}",
        text(item, "/type"),
        text(item, "/title"),
        moment(item, "/at"),
        text(item, "/index"),
        short(item, "/digest")
    )
}

fn approval(item: &Value) -> String {
    let by = if item.get("actor_name").is_some_and(|name| !name.is_null()) { "/actor_name" } else { "/actor" };
    let withdrawn = if item.get("withdrawn").and_then(Value::as_bool) == Some(true) { ", withdrawn" } else { "" };
    format!("{} as {} by {}, {} (entry {}){withdrawn}", text(item, "/verdict"), text(item, "/role"), text(item, by), moment(item, "/at"), text(item, "/index"))
}

fn decision(item: &Value) -> String {
    format!(
        "{} for {}, {} (entry {}), digest {}",
        text(item, "/decision"),
        text(item, "/target"),
        moment(item, "/at"),
        text(item, "/index"),
        short(item, "/digest")
    )
}

/// `18 to 21, 28`: runs of neighbours together.
fn ranges(found: &[Value]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for index in found.iter().filter_map(Value::as_u64) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            Some(_) | None => runs.push((index, index)),
        }
    }
    let one = |(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    if runs.is_empty() { "none".to_owned() } else { runs.iter().map(one).collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn runs_of_entries_are_told_together() {
        let cases = [(json!([18, 19, 20, 28, 30, 31]), "18 to 20, 28, 30 to 31"), (json!([7]), "7"), (json!([]), "none")];
        for (entries, expected) in cases {
            assert_eq!(ranges(entries.as_array().unwrap()), expected);
        }
    }

    #[test]
    fn a_trace_leads_from_the_id_to_people_and_entries() {
        let trace = json!({
            "version": {"model": {"name": "loan"}, "number": 1, "semver": "1.0.0", "state": "production", "composite_id": "chancery:loan/1@sha256:aa",
                "aliases": ["champion"], "files": 1, "size": 1, "content_digest": "cc", "registered_at": "2026-11-21T13:02:17.6Z", "registered_by": "u1", "registered_index": 18},
            "code": {"repository": "git", "commit": "abc", "dirty": true}, "datasets": [], "training": {"pipeline_run": "run.py", "run_id": "r1", "seed": 0},
            "environment": {"python": "3.11", "packages": ["a"], "pinned": false, "unpinned": ["a"]},
            "evidence": [{"type": "evaluation", "title": "e.json", "actor": "u1", "at": "2026-11-21T13:02:18.1Z", "index": 19, "digest": "0123456789abcdef"}],
            "approvals": [{"role": "product", "verdict": "approve", "actor": "u2", "actor_name": "bob", "at": "2026-11-21T14:00:00.1Z", "index": 24, "withdrawn": false}],
            "decisions": [], "deployments": [], "entries": [18, 19, 24],
        });
        let expected = [
            "composite id:   chancery:loan/1@sha256:aa",
            "version:        loan/1 (1.0.0), production, alias champion",
            "registered:     2026-11-21 13:02:17Z by u1 (entry 18)",
            "code:           git at commit abc, with uncommitted changes",
            "pipeline:       run.py, run r1, seed 0",
            "environment:    python 3.11, 1 packages, 1 not pinned",
            "artifact:       1 files, 1 B, content digest cc",
            "evidence:       evaluation `e.json` by ann, 2026-11-21 13:02:18Z (entry 19), digest 0123456789ab",
            "approvals:      approve as product by bob, 2026-11-21 14:00:00Z (entry 24)",
            "decisions:      none",
            "in use:         none",
            "ledger entries: 18 to 19, 24",
            "prove one:      chancery ledger prove 18",
        ];
        assert_eq!(lines(&trace, &[json!({"index": 19, "actor_name": "ann"})]), expected);
    }
}
