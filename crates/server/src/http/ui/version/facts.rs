//! The sealed facts as lines that people read, each with how well it is known, and where what was claimed contradicts the file.

use chancery_core::wording::counted;
use serde_json::Value;

use super::subject::Version;
use super::words::{capital, cut, label, line, listed};

/// Most lines of one fact.
const LINES: usize = 8;
/// Letters of all facts together: beyond them a line is cut short, so that no page outgrows its size.
const BUDGET: usize = 4_000;
/// Letters of a line beyond the budget.
const SHORT: usize = 60;

/// Facts in the order in which they are asked for; all others come after them.
const ORDER: &[&str] = &[
    "framework",
    "flavour",
    "model_type",
    "signature",
    "datasets",
    "training",
    "pipeline",
    "environment",
    "features",
    "metrics",
    "parents",
    "composition",
    "intended_use",
    "limitations",
    "ethical_considerations",
];
/// Facts that are shown elsewhere on the page, or that only say how the inspection went.
const ELSEWHERE: &[&str] = &["claims", "inspection"];

/// A fact.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) lines: Vec<String>,
    pub(super) grade: String,
    /// What was claimed and is not so: where, the claim, what the file says.
    pub(super) claims: Vec<(String, String, String)>,
}

/// The facts of a version.
pub(super) fn facts(version: &Version) -> Vec<Fact> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut names: Vec<&String> = version.facts.keys().filter(|name| !ELSEWHERE.contains(&name.as_str())).collect();
    names.sort_by_key(|name| (place(name), (*name).clone()));
    let mut left = BUDGET;
    let fact = |name: &String| {
        let value = version.facts.get(name).unwrap_or(&Value::Null);
        let grade = version.grades.get(name).cloned().unwrap_or_default();
        Fact { lines: lines(name, value), name: title(name), grade, claims: claims(version, name) }
    };
    let mut facts: Vec<Fact> = names.into_iter().map(fact).filter(|fact| !fact.lines.is_empty()).collect();
    for line in facts.iter_mut().flat_map(|fact| fact.lines.iter_mut()) {
        *line = cut(line, left.max(SHORT));
        left = left.saturating_sub(line.chars().count());
    }
    facts
}

/// What the inspection could not read, by file.
pub(super) fn problems(version: &Version) -> Vec<String> {
    let problems = version.facts.get("inspection").and_then(|inspection| inspection.get("problems")).and_then(Value::as_array);
    let words = |problem: &Value| format!("{}: {}", text(problem, "path"), text(problem, "message"));
    problems.into_iter().flatten().take(LINES).map(|problem| cut(&words(problem), 200)).collect()
}

fn title(name: &str) -> String {
    let words = match name {
        "datasets" => "Data",
        "signature" => "Inputs and outputs",
        "model_type" => "Kind of model",
        "formats" => "File formats",
        "parents" => "Based on",
        "composition" => "Made of",
        name => return capital(&label(name)),
    };
    words.to_owned()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Words that are there, by a separator.
fn joined(parts: &[String], by: &str) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(by)
}

fn lines(name: &str, value: &Value) -> Vec<String> {
    let mut lines = match (name, value) {
        (_, Value::Null) => Vec::new(),
        ("framework", Value::Object(_)) => vec![named(value), listed(items(value, "libraries").iter().map(named))],
        ("signature", Value::Object(_)) => vec![columns(items(value, "inputs"), "input"), columns(items(value, "outputs"), "output")],
        ("datasets", Value::Array(datasets)) => datasets.iter().map(dataset).collect(),
        ("metrics", Value::Array(metrics)) => metrics.iter().map(metric).collect(),
        ("environment", Value::Object(_)) => environment(value),
        ("training", Value::Object(_)) => training(value),
        ("parents" | "composition", Value::Array(parts)) => parts.iter().map(line).collect(),
        (_, value) => vec![line(value)],
    };
    let rest = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    lines.retain(|line| !line.is_empty() && line != "none");
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    lines
}

/// Name and version of a library.
fn named(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            joined(&[text(value, "name").to_owned(), text(value, "version").to_owned()], " ")
        }
    }
}

fn columns(columns: &[Value], word: &str) -> String {
    let count = counted(columns.len(), word, &format!("{word}s"));
    let names = columns.iter().map(|column| joined(&[text(column, "name").to_owned(), text(column, "type").to_owned()], " "));
    if columns.is_empty() { String::new() } else { format!("{count}: {}", listed(names)) }
}

fn dataset(value: &Value) -> String {
    let rows = value.get("rows").and_then(Value::as_u64).map(|rows| format!("{rows} rows")).unwrap_or_default();
    let window = value.get("time_window").map(|window| joined(&[text(window, "from").to_owned(), text(window, "to").to_owned()], " to ")).unwrap_or_default();
    let digest = text(value, "digest");
    let digest = if digest.is_empty() { String::new() } else { format!("sha256:{}", cut(digest.trim_start_matches("sha256:"), 12)) };
    let role = text(value, "role");
    let name = if role.is_empty() { text(value, "name").to_owned() } else { format!("{role}: {}", text(value, "name")) };
    joined(&[name, text(value, "version").to_owned(), rows, window, digest], ", ")
}

fn metric(value: &Value) -> String {
    let number = value.get("value").map(line).unwrap_or_default();
    let unit = match text(value, "unit") {
        "" | "1" => String::new(),
        unit => format!(" {unit}"),
    };
    let on = text(value, "dataset");
    let slice = text(value, "slice");
    let on = if on.is_empty() { String::new() } else { format!(" on {on}") };
    let slice = if slice.is_empty() { String::new() } else { format!(", {slice}") };
    format!("{} {number}{unit}{on}{slice}", text(value, "name"))
}

fn environment(value: &Value) -> Vec<String> {
    let python = text(value, "python");
    let python = if python.is_empty() { String::new() } else { format!("Python {python}") };
    let packages = items(value, "packages");
    let pinned = match value.get("pinned").and_then(Value::as_bool) {
        Some(true) => "all pinned",
        Some(false) => "not all pinned",
        None => "",
    };
    let count = counted(packages.len(), "package", "packages");
    vec![joined(&[python, count, pinned.to_owned()], ", "), listed(packages.iter().map(line))]
}

fn training(value: &Value) -> Vec<String> {
    let code = value.get("code").map(|code| {
        let dirty = if code.get("dirty") == Some(&Value::Bool(true)) { "with changes that were not committed" } else { "" };
        let commit = text(code, "commit");
        let commit = if commit.is_empty() { String::new() } else { format!("at {commit}") };
        format!("code {}", joined(&[text(code, "repository").to_owned(), commit, dirty.to_owned()], " "))
    });
    let members = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "code");
    code.into_iter().chain(members.map(|(name, member)| format!("{} {}", label(name), line(member)))).collect()
}

/// What was claimed of this fact and is not so.
fn claims(version: &Version, name: &str) -> Vec<(String, String, String)> {
    let Some(claims) = version.facts.get("claims").and_then(Value::as_object) else { return Vec::new() };
    let mine = claims.iter().filter(|(path, _)| path.split('.').next() == Some(name));
    mine.take(LINES)
        .map(|(path, claim)| {
            let read = path.split('.').skip(1).try_fold(version.facts.get(name)?, |value, member| value.get(member));
            Some((label(path), cut(&line(claim), 200), cut(&read.map(line).unwrap_or_default(), 200)))
        })
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// The commit of the training code, when the facts say it.
pub(super) fn commit(version: &Version) -> Option<String> {
    version.facts.get("training").and_then(|training| training.get("code")).map(|code| text(code, "commit").to_owned()).filter(|commit| !commit.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_lines() {
        for (name, value, expected) in [
            ("framework", json!({"name": "xgboost", "version": "2.1.4", "libraries": [{"name": "numpy", "version": "2"}]}), vec!["xgboost 2.1.4", "numpy 2"]),
            ("signature", json!({"inputs": [{"name": "a", "type": "double"}], "outputs": []}), vec!["1 input: a double"]),
            (
                "datasets",
                json!([{"role": "training", "name": "d", "version": "1", "rows": 5, "digest": "0123456789abcdef"}]),
                vec!["training: d, 1, 5 rows, sha256:0123456789ab…"],
            ),
            ("metrics", json!([{"name": "auc", "value": 0.5, "unit": "1", "dataset": "t"}]), vec!["auc 0.5 on t"]),
            (
                "training",
                json!({"code": {"repository": "r", "commit": "c", "dirty": true}, "seed": 0}),
                vec!["code r at c with changes that were not committed", "seed 0"],
            ),
            ("parents", json!([]), vec![]),
            ("environment", json!({"pinned": true, "packages": ["a==1"], "python": "3.12"}), vec!["Python 3.12, 1 package, all pinned", "a==1"]),
        ] {
            assert_eq!(lines(name, &value), expected, "{name}");
        }
    }
}
