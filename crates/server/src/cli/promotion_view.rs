//! A promotion on one screen, for those who decide: what changed, better or worse, what fails, who approved, what is missing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::{hold, missing, waived};
use super::failure::Failure;
use super::history::entries;
use super::output::{Format, Output, labelled, list, moment, number, text};
use super::promotion::{missing_lines, version};
use super::session::Session;
use crate::sentence::who;

/// What is fetched beside the promotion; everything in it may be absent.
#[derive(Debug, Default)]
struct Context {
    /// Names of actors by id.
    names: BTreeMap<String, String>,
}

/// Shows the promotion with this id; `all` adds the metrics of slices and the rules that hold.
///
/// # Errors
/// [`Failure`].
pub async fn show(session: &Session, id: &str, all: bool) -> Result<(), Failure> {
    let answer = session.client.get(session.client.url(&["promotions", id])).await?;
    let context = match session.output.format() {
        Format::Json => Context::default(),
        Format::Table => context(session, &answer.value).await,
    };
    session.output.show(&answer, || lines(session.output, &answer.value, &context, all));
    Ok(())
}

async fn context(session: &Session, view: &Value) -> Context {
    let name = text(view, "/model/name");
    let names = entries(session, &name, None).await.iter().map(|item| (text(item, "/actor"), who(item))).collect();
    Context { names }
}

/// A pipeline run in one line: its address, or the subject of its token.
fn run_of(run: &Value) -> String {
    let place = [text(run, "/run_url"), text(run, "/subject"), text(run, "/token")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let more = [("commit", "/commit"), ("workflow", "/workflow"), ("started by", "/started_by")];
    let more: Vec<String> = more
        .iter()
        .map(|(word, pointer)| (word, text(run, pointer)))
        .filter(|(_, text)| !text.is_empty())
        .map(|(word, text)| format!("{word} {text}"))
        .collect();
    if more.is_empty() { place } else { format!("{place} ({})", more.join(", ")) }
}

fn lines(output: Output, view: &Value, context: &Context, all: bool) -> Vec<String> {
    let mut lines = vec![format!("{} to {}: promotion {} is {}", version(view), text(view, "/target"), text(view, "/id"), text(view, "/status"))];
    let opener = text(view, "/opened_by");
    let mut rows = vec![
        ("opened", format!("{} by {}", moment(view, "/opened_at"), context.names.get(&opener).unwrap_or(&opener))),
        ("risk tier", format!("{}, environment {}", text(view, "/risk_tier"), text(view, "/environment"))),
        ("version digest", text(view, "/version_digest")),
        ("evidence set", text(view, "/evidence_set")),
    ];
    for (label, pointer) in [("opened in run", "/opened_by_run"), ("executed in run", "/executed_by_run")] {
        rows.extend(view.pointer(pointer).filter(|run| run.is_object()).map(|run| (label, run_of(run))));
    }
    match view.pointer("/reference/number") {
        Some(old) => {
            rows.push(("compared with", format!("version {old} ({})", text(view, "/reference/why"))));
            rows.push(("what changed", changes(view.get("changes").unwrap_or(&Value::Null))));
        }
        None => rows.push(("compared with", "nothing, there was no earlier release".to_owned())),
    }
    if view.pointer("/decision/decision").is_some() {
        rows.push(("decision", format!("{}, digest {}", text(view, "/decision/decision"), text(view, "/decision/digest"))));
    }
    if let Some(share) = view.get("completeness").and_then(Value::as_f64) {
        rows.push(("complete", format!("{:.0} % of the required fields", share * 100.0)));
    }
    if !list(view, "/waiting_for").is_empty() {
        rows.push(("waits for", text(view, "/waiting_for")));
    }
    lines.extend(labelled(&rows));
    lines.extend(metrics(output, view, all));
    lines.extend(approvals(output, view));
    lines.extend(roles(view));
    if !list(view, "/conditions").is_empty() {
        lines.extend(conditions(output, view));
    }
    let exceptions = list(view, "/exceptions").iter();
    lines.extend(exceptions.map(|item| format!("exception in force: {} until {}", text(item, "/rule"), moment(item, "/expires_at"))));
    lines.extend(comments(view));
    let findings = list(view, "/findings");
    match missing(view).len() {
        0 => lines.push(hold(findings)),
        failed => lines.push(format!("rules: {failed} of {} do not hold", findings.len())),
    }
    lines.extend(missing_lines(view));
    lines.extend(waived(findings));
    if all {
        let holding = findings.iter().filter(|finding| text(finding, "/outcome") == "pass");
        lines.extend(holding.map(|finding| format!("- {} [pass] {}", text(finding, "/rule"), text(finding, "/message"))));
    }
    lines
}

/// `4 files, 18 facts; inputs and outputs: major, so …`.
fn changes(comparison: &Value) -> String {
    if comparison.is_null() {
        return "not known".to_owned();
    }
    let reasons = list(comparison, "/signature/reasons");
    let more = if reasons.len() > 1 { format!(" and {} more", reasons.len() - 1) } else { String::new() };
    let first = reasons.first().map(|reason| format!(" ({}{more})", text(reason, "/text"))).unwrap_or_default();
    let (files, facts) = (text(comparison, "/file_count"), text(comparison, "/fact_count"));
    format!("{files} files, {facts} facts; signature: {}{first}", text(comparison, "/signature/change"))
}

/// The metrics of the whole dataset beside those of the reference, the worse ones first.
fn metrics(output: Output, view: &Value, all: bool) -> Vec<String> {
    let found = list(view, "/metrics");
    let is_whole = |metric: &&Value| metric.get("slice").is_none_or(Value::is_null);
    let shown = found.iter().filter(|metric| all || is_whole(metric));
    let mut rows: Vec<Vec<String>> = shown.map(metric_row).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    // Stable: inside each group the server's order stays.
    rows.sort_by_key(|row| row.last().is_none_or(|word| word != "worse"));
    let hidden = found.len() - rows.len();
    let mut lines = vec![output.table(&["metric", "this version", "limits", "reference", "difference", "compared"], &rows)];
    if hidden > 0 {
        lines.push(format!("and {hidden} metrics of slices: add --all"));
    }
    lines
}

fn metric_row(metric: &Value) -> Vec<String> {
    let name = text(metric, "/name");
    let slice = metric.get("slice").and_then(Value::as_str).map(|slice| format!(" ({slice})")).unwrap_or_default();
    let values = metric.pointer("/value").and_then(Value::as_f64).zip(metric.pointer("/reference").and_then(Value::as_f64));
    let word = match (values, metric.get("higher_is_better").and_then(Value::as_bool)) {
        (None, _) => "-",
        (Some((new, old)), _) if new == old => "same",
        (Some(_), None) => "differs",
        (Some((new, old)), Some(higher)) if (new > old) == higher => "better",
        (Some(_), Some(_)) => "worse",
    };
    let limit = |member: &str, word: &str| metric.get(member).and_then(Value::as_f64).map(|limit| format!("{word} {limit}"));
    let limits: Vec<String> = [limit("minimum", "at least"), limit("maximum", "at most")].into_iter().flatten().collect();
    let (value, reference, difference) = (number(metric, "/value"), number(metric, "/reference"), number(metric, "/difference"));
    vec![format!("{name}{slice}"), value, limits.join(", "), reference, difference, word.to_owned()]
}

fn approvals(output: Output, view: &Value) -> Vec<String> {
    let found = list(view, "/approvals");
    if found.is_empty() {
        return Vec::new();
    }
    let row = |item: &Value| {
        let by = if item.get("actor_name").is_some_and(|name| !name.is_null()) { "/actor_name" } else { "/actor" };
        let counts = match (item.get("withdrawn").and_then(Value::as_bool), item.get("counts").and_then(Value::as_bool)) {
            (Some(true), _) => "withdrawn",
            (_, Some(true)) => "yes",
            (_, Some(false) | None) => "no",
        };
        let person = match item.pointer("/delegated_by/name") {
            Some(Value::String(giver)) => format!("{} for {giver}", text(item, by)),
            Some(_) | None => text(item, by),
        };
        vec![text(item, "/role"), text(item, "/verdict"), person, moment(item, "/at"), moment(item, "/expires_at"), counts.to_owned(), text(item, "/comment")]
    };
    vec![output.table(&["role", "verdict", "by", "at", "valid until", "counts", "comment"], &found.iter().map(row).collect::<Vec<_>>())]
}

/// The conditions of the approvals of a promotion.
pub(super) fn conditions(output: Output, view: &Value) -> Vec<String> {
    let found = list(view, "/conditions");
    if found.is_empty() {
        return vec!["no approval carries a condition".to_owned()];
    }
    let row = |item: &Value| {
        let mut cells: Vec<String> = ["/number", "/role", "/status", "/text", "/owner"].iter().map(|pointer| text(item, pointer)).collect();
        cells.push(moment(item, "/due"));
        cells.push(text(item, "/effect"));
        cells
    };
    vec![output.table(&["condition", "set by", "status", "what", "owner", "due", "otherwise"], &found.iter().map(row).collect::<Vec<_>>())]
}

/// For each role that lacks approvals who could give one.
fn roles(view: &Value) -> Vec<String> {
    let lacking = list(view, "/roles").iter().filter(|role| count(role, "/given") < count(role, "/needed"));
    let line = |role: &Value| {
        let people: Vec<String> = list(role, "/people").iter().map(|person| text(person, "/name")).collect();
        let people = if people.is_empty() { "nobody who is no author".to_owned() } else { people.join(", ") };
        format!("role {}: {} of {}; could approve: {people}", text(role, "/role"), text(role, "/given"), text(role, "/needed"))
    };
    lacking.map(line).collect()
}

fn count(role: &Value, pointer: &str) -> u64 {
    role.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn comments(view: &Value) -> Vec<String> {
    let line = |item: &Value| format!("{} {}: {}", moment(item, "/at"), text(item, "/by/name"), text(item, "/text"));
    list(view, "/comments").iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_metric_is_better_worse_or_the_same() {
        let cases = [
            (json!({"name": "auc", "value": 0.8, "reference": 0.7, "higher_is_better": true}), "better"),
            (json!({"name": "auc", "value": 0.7, "reference": 0.8, "higher_is_better": true}), "worse"),
            (json!({"name": "loss", "value": 0.7, "reference": 0.8, "higher_is_better": false}), "better"),
            (json!({"name": "loss", "value": 0.9, "reference": 0.8, "higher_is_better": false}), "worse"),
            (json!({"name": "loss", "value": 0.8, "reference": 0.8, "higher_is_better": false}), "same"),
            (json!({"name": "cost", "value": 1.0, "reference": 2.0}), "differs"),
            (json!({"name": "auc", "value": 0.8, "reference": null}), "-"),
        ];
        for (metric, expected) in cases {
            assert_eq!(metric_row(&metric).last().map(String::as_str), Some(expected), "{metric}");
        }
    }

    #[test]
    fn those_who_decide_see_what_got_worse_first() {
        let view = json!({"id": "p1", "model": {"name": "loan"}, "version": 2, "target": "production", "status": "open", "opened_by": "u1", "opened_at": "2026-11-21T13:02:19.9Z",
            "risk_tier": "high", "environment": "production", "version_digest": "dd", "evidence_set": "ee", "reference": {"number": 1, "why": "champion"},
            "metrics": [{"name": "auc", "value": 0.8, "reference": 0.7, "minimum": 0.6, "higher_is_better": true}, {"name": "parity", "value": 0.7, "reference": 0.8, "higher_is_better": true},
                {"name": "parity", "slice": "sex", "value": 0.7, "reference": 0.8}],
            "changes": {"file_count": 2, "fact_count": 0, "signature": {"change": "major", "reasons": [{"text": "input `bd` is new"}, {"text": "x"}]}},
            "roles": [{"role": "security", "needed": 2, "given": 1, "people": [{"name": "sam"}]}], "waiting_for": ["1 of 2 approvals as security"], "completeness": 0.9,
            "conditions": [{"number": 1, "role": "security", "status": "missed", "text": "watch it", "owner": "ops", "due": "2026-11-21T13:02:19.9Z", "effect": "block"}],
            "comments": [{"at": "2026-11-21T13:02:19.9Z", "by": {"name": "ann"}, "text": "why so late?"}],
            "findings": [{"rule": "a", "outcome": "pass", "message": "fine"}], "missing": [], "missing_roles": ["security"], "approvals": []});
        let context = Context { names: [("u1".to_owned(), "ann".to_owned())].into() };
        let told = lines(Output::new(Format::Table), &view, &context, false).join("\n");
        for expected in [
            "loan/2 to production: promotion p1 is open",
            "opened:         2026-11-21 13:02:19Z by ann",
            "what changed:   2 files, 0 facts; signature: major (input `bd` is new and 1 more)",
            "and 1 metrics of slices: add --all",
            "at least 0.6",
            "role security: 1 of 2; could approve: sam",
            "complete:       90 % of the required fields",
            "waits for:      1 of 2 approvals as security",
            "watch it",
            "2026-11-21 13:02:19Z ann: why so late?",
            "chancery promotion approve loan/2 --role security",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(told.find("parity") < told.find("auc"), "{told}");
        assert!(!told.contains("[pass]"));
        assert!(lines(Output::new(Format::Table), &view, &context, true).contains(&"- a [pass] fine".to_owned()));
    }
}
