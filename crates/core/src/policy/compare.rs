//! Two policies side by side: which rules and data differ, and which rules can answer differently because of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::bundle::Bundle;
use super::engine::Engine;
use super::rule::Source;

/// Most differences in data that are listed.
const MAX_DATA: usize = 500;

/// How two policies differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Rules that only the second has.
    pub added: Vec<String>,
    /// Rules that only the first has.
    pub removed: Vec<String>,
    /// Rules of both whose text differs.
    pub changed: Vec<Changed>,
    /// Other Rego files (functions, tests) that differ, by path.
    pub files: Vec<String>,
    /// Members of the data that differ, the first 500.
    pub data: Vec<ChangedData>,
}

/// A rule whose text differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The rule.
    pub rule: String,
    /// Its text in the first.
    pub before: String,
    /// Its text in the second.
    pub after: String,
}

/// A member of the data that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangedData {
    /// JSON pointer.
    pub path: String,
    /// Its value in the first; null when it is not there.
    pub before: Value,
    /// Its value in the second; null when it is not there.
    pub after: Value,
}

/// Compares two policies.
pub fn difference(first: (&Bundle, &Engine), second: (&Bundle, &Engine)) -> Difference {
    let (before, after) = (rules(first), rules(second));
    let mut found = Difference::default();
    for (rule, text) in &before {
        match after.get(rule) {
            None => found.removed.push(rule.clone()),
            Some(other) if other != text => found.changed.push(Changed { rule: rule.clone(), before: text.clone(), after: other.clone() }),
            Some(_) => {}
        }
    }
    found.added = after.keys().filter(|rule| !before.contains_key(*rule)).cloned().collect();
    let rule_files: BTreeSet<&str> = [first, second].into_iter().flat_map(|(_, engine)| engine.rule_files()).collect();
    let paths: BTreeSet<&String> = first.0.files.keys().chain(second.0.files.keys()).filter(|path| path.ends_with(".rego")).collect();
    let other = paths.into_iter().filter(|path| !rule_files.contains(path.as_str()) && first.0.files.get(*path) != second.0.files.get(*path));
    found.files = other.cloned().collect();
    data(&data_of(first.0), &data_of(second.0), &mut String::new(), &mut found.data);
    found
}

/// Rules that can answer differently under the second policy; none that is the same in text, functions and data.
pub fn affected(first: (&Bundle, &Engine), second: (&Bundle, &Engine)) -> BTreeSet<String> {
    let found = difference(first, second);
    let mut own: BTreeSet<String> = found.added.iter().chain(&found.removed).chain(found.changed.iter().map(|changed| &changed.rule)).cloned().collect();
    let names: BTreeSet<String> = own.iter().map(|rule| rule.replace(['.', '-'], "_")).collect();
    let reads_own =
        |changed: &ChangedData| changed.path.strip_prefix("/chancery/").and_then(|path| path.split('/').next()).is_some_and(|name| names.contains(name));
    let functions = found.files.iter().any(|path| !path.ends_with("_test.rego"));
    if functions || found.data.len() == MAX_DATA || !found.data.iter().all(reads_own) {
        own.extend([first, second].into_iter().flat_map(|policy| rules(policy).into_keys()));
    }
    own
}

/// The Rego rules of a policy with their texts.
fn rules((bundle, engine): (&Bundle, &Engine)) -> BTreeMap<String, String> {
    let rego = engine.rules().into_iter().filter(|rule| rule.source == Source::Rego);
    let text = |rule: &str| engine.file_of(rule).and_then(|file| bundle.files.get(file)).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    rego.filter_map(|rule| text(&rule.id).map(|text| (rule.id, text))).collect()
}

fn data_of(bundle: &Bundle) -> Value {
    bundle.data().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn data(before: &Value, after: &Value, path: &mut String, found: &mut Vec<ChangedData>) {
    if before == after || found.len() >= MAX_DATA {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let length = path.len();
            path.push('/');
            path.push_str(&name.replace('~', "~0").replace('/', "~1"));
            data(old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), path, found);
            path.truncate(length);
        }
        return;
    }
    found.push(ChangedData { path: path.clone(), before: before.clone(), after: after.clone() });
}

/// The members of an input document that a text of Rego mentions (`input.model.name`), with their values.
///
/// Only paths of plain names are seen: what is behind a variable is part of the member before it.
pub fn mentioned(text: &str, input: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for after in line.split("input.").skip(1) {
            let end = after.find(|character: char| !character.is_ascii_alphanumeric() && character != '_' && character != '.').unwrap_or(after.len());
            let path = after.get(..end).unwrap_or_default().trim_end_matches('.');
            if let Some(value) = input.pointer(&format!("/{}", path.replace('.', "/"))) {
                found.insert(path.to_owned(), value.clone());
            }
        }
    }
    // A member that is shown whole needs no mention of its parts.
    let whole: Vec<String> = found.keys().cloned().collect();
    found.retain(|path, _| !whole.iter().any(|other| path.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.'))));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Effective;

    fn policy(files: &[(&str, &str)]) -> (Bundle, Engine) {
        let own = Bundle { files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect() };
        let made = Effective::new(&Bundle::baseline(), &own).unwrap();
        (made.bundle, made.engine)
    }

    const RULE: &str = "package chancery.rules.mine\nmetadata := {\"id\": \"mine\", \"title\": \"t\", \"gates\": [\"candidate\"], \"references\": [], \"who\": [], \"remedy\": \"r\"}\nresult := {\"outcome\": \"pass\", \"message\": \"m\"}\n";

    fn both<T>(first: &(Bundle, Engine), second: &(Bundle, Engine), of: impl Fn((&Bundle, &Engine), (&Bundle, &Engine)) -> T) -> T {
        of((&first.0, &first.1), (&second.0, &second.1))
    }

    #[test]
    fn rules_files_and_data_are_compared() {
        let alone = (Bundle::baseline(), Engine::compile(&Bundle::baseline()).unwrap());
        let one = policy(&[("mine.rego", RULE), ("data.json", r#"{"chancery": {"mine": {"n": 1}}}"#)]);
        let other_text = RULE.replace("\"m\"", "\"n\"");
        let two = policy(&[
            ("mine.rego", &other_text),
            ("f.rego", "package chancery.organisation\nf(x) := x"),
            ("data.json", r#"{"chancery": {"approvals": {"lifetime_days": 30}}}"#),
        ]);
        let added = both(&alone, &one, difference);
        assert_eq!((added.added.as_slice(), added.files.len()), (&["mine".to_owned()][..], 0));
        assert_eq!(added.data, [ChangedData { path: "/chancery/mine".to_owned(), before: Value::Null, after: json!({"n": 1}) }]);
        let found = both(&one, &two, difference);
        assert_eq!((found.changed.len(), found.files.as_slice(), found.data.len()), (1, &["f.rego".to_owned()][..], 2));
        assert_eq!(both(&one, &one, difference), Difference::default());
        assert_eq!(both(&alone, &one, affected).into_iter().collect::<Vec<_>>(), ["mine"], "its own data move no other rule");
        assert!(both(&one, &two, affected).contains("metric.threshold"), "functions and data of others may move every rule");
        assert!(both(&one, &one, affected).is_empty());
    }

    #[test]
    fn mentioned_members_come_with_their_values() {
        let input = json!({"model": {"name": "x", "risk": {"tier": "high"}}, "evidence": [1]});
        let text = "# input.target\na if input.model.name == \"x\"\nb := input.model.risk.tier\nc if some e in input.evidence\nd := input.model.risk\ne := input.absent.x";
        let found = mentioned(text, &input);
        let paths: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(paths, ["evidence", "model.name", "model.risk"]);
    }
}
