//! A version on one screen: what it is, where it comes from, how good it is, and the command that is next.
//!
//! Each fact ends with its source, so that nobody takes a claim for something that was read or attested.

use chancery_core::names::State;
use serde_json::Value;

use super::output::{labelled, list, moment, number, short, size, text};
use crate::sentence::who;

/// Most metrics in the summary, and how many go on one line.
const MAX_METRICS: usize = 8;
const METRICS_A_LINE: usize = 4;

type Row = (&'static str, String);

/// The summary of the server's VersionView. `history` is the version's history; names and moments come from it.
#[must_use]
pub fn lines(view: &Value, history: &[Value]) -> Vec<String> {
    let label = label(view);
    let mut lines = vec![format!("{label} ({}) is {}{}", text(view, "/semver"), state_words(view), if flag(view, "/hidden") { ", hidden" } else { "" })];
    lines.extend(view.get("description").and_then(Value::as_str).filter(|words| !words.is_empty()).map(str::to_owned));
    let mut rows: Vec<Row> = vec![
        ("composite id", text(view, "/composite_id")),
        ("registered", registered(view, history)),
        ("in production", in_production(view, history)),
        ("aliases", words(view, "/aliases")),
        ("tags", tags(view)),
        ("source", view.get("source").and_then(Value::as_str).unwrap_or_default().to_owned()),
        ("run", view.get("run_id").and_then(Value::as_str).unwrap_or_default().to_owned()),
        ("content digest", format!("{} ({})", text(view, "/content_digest"), files(view))),
        ("facts digest", text(view, "/facts_digest")),
    ];
    rows.retain(|(name, words)| !(matches!(*name, "source" | "run") && words.is_empty()));
    rows.extend(under("made of", list(view, "/composition").iter().map(part)));
    rows.extend(fact_rows(view));
    rows.push(("next", next(view, &label)));
    rows.push(("every fact", format!("chancery version show {label} --facts")));
    lines.extend(labelled(&rows));
    lines
}

/// `name/number`.
pub(super) fn label(view: &Value) -> String {
    format!("{}/{}", text(view, "/model/name"), text(view, "/number"))
}

/// A part of a system, and whether there is a newer version of it.
fn part(part: &Value) -> String {
    let newer = part.get("newer").and_then(Value::as_u64).map(|newer| format!("; version {newer} is newer")).unwrap_or_default();
    format!(
        "{} {}/{}, {}, digest {}{newer}",
        text(part, "/role"),
        text(part, "/model/name"),
        text(part, "/number"),
        text(part, "/state"),
        short(part, "/version_digest")
    )
}

/// `7 files, 3.80 KiB`.
pub(super) fn files(view: &Value) -> String {
    if view.get("held") == Some(&Value::Bool(false)) {
        return "bytes not held".to_owned();
    }
    format!("{} files, {}", text(view, "/files"), size(view.get("size").and_then(Value::as_u64).unwrap_or_default()))
}

/// When, by whom and in which entry it was registered.
pub(super) fn registered(view: &Value, history: &[Value]) -> String {
    let by = entry(view, "/registered_index", history).map_or_else(|| text(view, "/registered_by"), who);
    format!("{} by {by} (entry {})", moment(view, "/registered_at"), text(view, "/registered_index"))
}

/// The training code: repository, commit and whether it was committed at all.
pub(super) fn code(code: &Value) -> String {
    match code.pointer("/commit") {
        Some(Value::String(commit)) => {
            let changes = if flag(code, "/dirty") { "with uncommitted changes" } else { "no uncommitted changes" };
            format!("{} at commit {commit}, {changes}", text(code, "/repository"))
        }
        Some(_) | None => "not said".to_owned(),
    }
}

/// One line for each dataset.
pub(super) fn datasets(found: &[Value]) -> Vec<String> {
    let one = |set: &Value| {
        format!("{} {}, {}, {} rows, digest {}", text(set, "/name"), text(set, "/version"), text(set, "/role"), text(set, "/rows"), short(set, "/digest"))
    };
    found.iter().map(one).collect()
}

/// Python and how many packages, pinned or not.
pub(super) fn environment(found: &Value) -> String {
    let unpinned = list(found, "/unpinned").len();
    let pinned = if flag(found, "/pinned") { "all pinned".to_owned() } else { format!("{unpinned} not pinned") };
    format!("python {}, {} packages, {pinned}", text(found, "/python"), list(found, "/packages").len())
}

fn fact_rows(view: &Value) -> Vec<Row> {
    let graded = |fact: &str, words: String| format!("{words} [{}]", grade(view, fact));
    let has = |fact: &str| view.pointer(&format!("/facts/{fact}")).is_some_and(|value| !value.is_null());
    let at = |fact: &str| view.pointer(&format!("/facts/{fact}")).unwrap_or(&Value::Null);
    let mut rows: Vec<Row> = Vec::new();
    if has("model_type") {
        rows.push(("model type", graded("model_type", text(view, "/facts/model_type"))));
    }
    if has("framework") {
        let framework = format!("{} {}, flavour {}", text(view, "/facts/framework/name"), text(view, "/facts/framework/version"), text(view, "/facts/flavour"));
        rows.push(("framework", graded("framework", framework)));
    }
    if has("signature") {
        rows.push(("signature", graded("signature", signature(at("signature")))));
    }
    if has("environment") {
        rows.push(("environment", graded("environment", environment(at("environment")))));
    }
    rows.extend(under("data", datasets(list(view, "/facts/datasets")).into_iter().map(|line| graded("datasets", line))));
    if has("training") {
        rows.push(("code", graded("training", code(view.pointer("/facts/training/code").unwrap_or(&Value::Null)))));
    }
    rows.extend(under("metrics", metrics(list(view, "/facts/metrics")).into_iter().map(|line| graded("metrics", line))));
    rows
}

/// The rows of a list: the name once, before the first.
pub(super) fn under(name: &'static str, lines: impl Iterator<Item = String>) -> Vec<Row> {
    lines.enumerate().map(|(at, line)| (if at == 0 { name } else { "" }, line)).collect()
}

/// The first metrics of the whole dataset; those of slices only fill up.
fn metrics(found: &[Value]) -> Vec<String> {
    let (whole, slices): (Vec<&Value>, Vec<&Value>) = found.iter().partition(|metric| metric.get("slice").is_none_or(Value::is_null));
    let one = |metric: &&Value| {
        let slice = metric.get("slice").and_then(Value::as_str).map(|slice| format!(" ({slice})")).unwrap_or_default();
        format!("{}{slice} {}", text(metric, "/name"), number(metric, "/value"))
    };
    let shown: Vec<String> = whole.iter().chain(&slices).take(MAX_METRICS).map(one).collect();
    let mut lines: Vec<String> = shown.chunks(METRICS_A_LINE).map(|part| part.join(", ")).collect();
    if let (Some(last), Some(rest)) = (lines.last_mut(), found.len().checked_sub(shown.len()).filter(|rest| *rest > 0)) {
        last.push_str(&format!(", and {rest} more"));
    }
    lines
}

fn signature(found: &Value) -> String {
    let names = |list: &[Value]| list.iter().map(|field| format!("{} {}", text(field, "/name"), text(field, "/type"))).collect::<Vec<_>>();
    let inputs = names(list(found, "/inputs"));
    let shown: Vec<&str> = inputs.iter().take(6).map(String::as_str).collect();
    let rest = if inputs.len() > shown.len() { format!(" and {} more", inputs.len() - shown.len()) } else { String::new() };
    format!("{}{rest} -> {}", shown.join(", "), names(list(found, "/outputs")).join(", "))
}

/// The source of a fact, in words.
fn grade(view: &Value, fact: &str) -> String {
    match text(view, &format!("/grades/{fact}")).as_str() {
        "claimed" => "claimed by the author".to_owned(),
        "read" => "read from the files".to_owned(),
        other => other.to_owned(),
    }
}

fn state_words(view: &Value) -> String {
    let state = text(view, "/state");
    let article = match State::parse(&state) {
        Ok(State::Draft | State::Candidate) => "a ",
        Ok(State::Production) => "in ",
        Ok(State::Approved | State::Deprecated | State::Retired) | Err(_) => "",
    };
    let ungated = if flag(view, "/ungated") { ", released although rules failed" } else { "" };
    format!("{article}{state}{ungated}")
}

fn in_production(view: &Value, history: &[Value]) -> String {
    match (State::parse(&text(view, "/state")), view.get("production_index").and_then(Value::as_u64)) {
        (_, None) => "never".to_owned(),
        (state, Some(index)) => {
            let word = if matches!(state, Ok(State::Production)) { "since" } else { "last from" };
            let at = entry(view, "/production_index", history).map_or_else(|| "-".to_owned(), |item| moment(item, "/at"));
            format!("{word} {at} (entry {index})")
        }
    }
}

fn next(view: &Value, label: &str) -> String {
    match State::parse(&text(view, "/state")) {
        Ok(State::Draft | State::Candidate | State::Approved) => format!("chancery check {label} --to production"),
        Ok(State::Production) => format!("chancery trace {}", text(view, "/composite_id")),
        Ok(State::Deprecated) => format!("chancery reinstate {label}, or chancery rollback {} --to {}", text(view, "/model/name"), text(view, "/number")),
        Ok(State::Retired) | Err(_) => format!("nothing; chancery history {label} says how it ended"),
    }
}

fn tags(view: &Value) -> String {
    let tags = view.get("tags").and_then(Value::as_object);
    let pairs: Vec<String> = tags.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("-"))).collect();
    if pairs.is_empty() { "none".to_owned() } else { pairs.join(", ") }
}

fn words(view: &Value, pointer: &str) -> String {
    if list(view, pointer).is_empty() { "none".to_owned() } else { text(view, pointer) }
}

fn flag(view: &Value, pointer: &str) -> bool {
    view.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

fn entry<'a>(view: &Value, pointer: &str, history: &'a [Value]) -> Option<&'a Value> {
    let index = view.pointer(pointer)?;
    history.iter().find(|item| item.get("index") == Some(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn view() -> Value {
        let metric = |at: u32| json!({"name": format!("m{at}"), "value": 0.5});
        let mut metrics = vec![json!({"name": "sliced", "slice": "sex=male", "value": 0.1})];
        metrics.extend((1..=9).map(metric));
        json!({
            "model": {"name": "loan"}, "number": 1, "semver": "1.0.0", "state": "production", "composite_id": "chancery:loan/1@sha256:aa", "aliases": ["champion"],
            "tags": {"team": "risk"}, "content_digest": "cc", "facts_digest": "ff", "files": 7, "size": 2048, "registered_at": "2026-11-21T13:02:17.6Z",
            "registered_by": "u1", "registered_index": 18, "production_index": 32, "hidden": false, "ungated": false, "description": "Six inputs.",
            "grades": {"datasets": "claimed", "framework": "read", "signature": "read", "training": "claimed", "metrics": "claimed"},
            "facts": {
                "framework": {"name": "scikit-learn", "version": "1.9.1"}, "flavour": "scikit-learn", "metrics": metrics,
                "signature": {"inputs": [{"name": "a", "type": "double"}], "outputs": [{"name": "y", "type": "long"}]},
                "datasets": [{"name": "train", "version": "v1", "role": "training", "rows": 9, "digest": "0123456789abcdef"}],
                "training": {"code": {"repository": "git", "commit": "abc", "dirty": false}},
            },
        })
    }

    #[test]
    fn a_version_fits_on_one_screen_and_names_its_sources() {
        let history = [
            json!({"index": 18, "actor_name": "ann", "at": "2026-11-21T13:02:17.6Z"}),
            json!({"index": 32, "actor_name": "pipeline", "at": "2026-11-22T08:00:00.1Z"}),
        ];
        let found = lines(&view(), &history);
        let expected = [
            "loan/1 (1.0.0) is in production",
            "Six inputs.",
            "composite id:   chancery:loan/1@sha256:aa",
            "registered:     2026-11-21 13:02:17Z by ann (entry 18)",
            "in production:  since 2026-11-22 08:00:00Z (entry 32)",
            "aliases:        champion",
            "tags:           team=risk",
            "content digest: cc (7 files, 2.00 KiB)",
            "facts digest:   ff",
            "framework:      scikit-learn 1.9.1, flavour scikit-learn [read from the files]",
            "signature:      a double -> y long [read from the files]",
            "data:           train v1, training, 9 rows, digest 0123456789ab [claimed by the author]",
            "code:           git at commit abc, no uncommitted changes [claimed by the author]",
            "metrics:        m1 0.5, m2 0.5, m3 0.5, m4 0.5 [claimed by the author]",
            "                m5 0.5, m6 0.5, m7 0.5, m8 0.5, and 2 more [claimed by the author]",
            "next:           chancery trace chancery:loan/1@sha256:aa",
            "every fact:     chancery version show loan/1 --facts",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_system_says_what_it_is_made_of() {
        let part = |role: &str, newer: Value| json!({"role": role, "model": {"name": "base"}, "number": 3, "state": "approved", "version_digest": "0123456789abcdef", "newer": newer});
        let system =
            json!({"model": {"name": "assistant"}, "number": 1, "state": "draft", "composition": [part("model", json!(null)), part("judge", json!(5))]});
        let found = lines(&system, &[]);
        assert!(found.contains(&"made of:        model base/3, approved, digest 0123456789ab".to_owned()), "{found:?}");
        assert!(found.contains(&"                judge base/3, approved, digest 0123456789ab; version 5 is newer".to_owned()), "{found:?}");
    }

    #[test]
    fn a_version_without_facts_or_history_says_what_it_can() {
        let bare = json!({"model": {"name": "loan"}, "number": 2, "state": "draft", "registered_by": "u1", "registered_index": 4, "files": 1, "size": 1});
        let found = lines(&bare, &[]);
        assert!(found.contains(&"registered:     - by u1 (entry 4)".to_owned()), "{found:?}");
        assert!(found.contains(&"in production:  never".to_owned()), "{found:?}");
        assert!(found.contains(&"next:           chancery check loan/2 --to production".to_owned()), "{found:?}");
    }
}
