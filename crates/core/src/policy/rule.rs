//! What a Rego rule declares (`metadata`) and what it answers (`result`).

use regorus::Value;
use serde::{Deserialize, Serialize};

use super::error::{PolicyError, one_line};
use super::finding::Outcome;
use super::gate::Gate;

/// Largest text in the result of a rule, in bytes. A finding shows the first 2,000 characters of it.
pub const MAX_RESULT_BYTES: usize = 16 * 1024;
/// Most gates, roles or references that a rule names.
const MAX_WORDS: usize = 32;

/// Where a rule lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In a Rego file of the bundle.
    Rego,
    /// In the core, beside every bundle.
    Core,
}

/// What is known about a rule without evaluating it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Identifier, such as `metric.threshold`.
    pub id: String,
    /// Gates that it belongs to.
    pub gates: Vec<Gate>,
    /// Whether nobody can waive it.
    pub non_waivable: bool,
    /// One line that says what it asks.
    pub title: String,
    /// Requirement ids and outside controls.
    pub references: Vec<String>,
    /// What to do in general when it fails; a finding may be more concrete.
    pub remedy: String,
    /// Roles that can supply what is missing.
    pub who: Vec<String>,
    /// Where it lives.
    pub source: Source,
}

/// `metadata` of a Rego rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    id: String,
    title: String,
    gates: Vec<Gate>,
    references: Vec<String>,
    who: Vec<String>,
    remedy: String,
}

/// `result` of a Rego rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RuleResult {
    pub(super) outcome: Outcome,
    pub(super) message: String,
    pub(super) remedy: Option<String>,
    pub(super) completeness: Option<f64>,
}

/// Reads the metadata of the rule in `file`.
///
/// # Errors
/// [`PolicyError::Rule`] names the file and what its metadata lacks.
pub(super) fn info(file: &str, value: &Value) -> Result<RuleInfo, PolicyError> {
    let error = |message: String| PolicyError::Rule { file: file.to_owned(), message };
    let metadata: Metadata = read(value).map_err(|message| error(format!("`metadata`: {message}")))?;
    if !is_rule_id(&metadata.id) {
        return Err(error(format!("rule id `{}` is not made of words in lower case with `.`, `-` or `_` between them", one_line(&metadata.id))));
    }
    if metadata.gates.is_empty() {
        return Err(error(format!("rule `{}` belongs to no gate", metadata.id)));
    }
    let lists = [("gates", metadata.gates.len()), ("references", metadata.references.len()), ("who", metadata.who.len())];
    if let Some((name, count)) = lists.into_iter().find(|(_, count)| *count > MAX_WORDS) {
        return Err(error(format!("`metadata`: {name} has {count} items; at most {MAX_WORDS} are accepted")));
    }
    Ok(RuleInfo {
        id: metadata.id,
        gates: metadata.gates,
        non_waivable: false,
        title: one_line(&metadata.title),
        references: metadata.references,
        remedy: one_line(&metadata.remedy),
        who: metadata.who,
        source: Source::Rego,
    })
}

/// Ids go into entries, file names and paths of the API.
fn is_rule_id(id: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    id.len() <= 64 && id.split(['.', '-', '_']).all(word)
}

/// Reads the result of a rule; the error is the text of the finding.
pub(super) fn result(value: &Value) -> Result<RuleResult, String> {
    if *value == Value::Undefined {
        return Err("it gives no result for this input".to_owned());
    }
    let Ok(object) = value.as_object() else { return Err("invalid type: its result is not an object".to_owned()) };
    let (mut outcome, mut message, mut remedy, mut completeness) = (None, None, None, None);
    for (key, member) in object.iter() {
        match key.as_string().map(AsRef::as_ref).unwrap_or_default() {
            "outcome" => outcome = Some(Outcome::parse(text("outcome", member)?).map_err(|refusal| refusal.message)?),
            "message" => message = Some(text("message", member)?.to_owned()),
            "remedy" if *member == Value::Null => {}
            "remedy" => remedy = Some(text("remedy", member)?.to_owned()),
            "completeness" if *member == Value::Null => {}
            "completeness" => completeness = Some(member.as_f64().map_err(|_| "invalid type: `completeness` is not a number".to_owned())?),
            other => return Err(format!("unknown field `{}` in its result", one_line(other))),
        }
    }
    let missing = |field: &str| format!("missing field `{field}` in its result");
    let result = RuleResult { outcome: outcome.ok_or_else(|| missing("outcome"))?, message: message.ok_or_else(|| missing("message"))?, remedy, completeness };
    match result.outcome {
        Outcome::Pass | Outcome::Fail | Outcome::NotApplicable => Ok(result),
        // Only the core waives, and only against a recorded exception.
        Outcome::Waived => Err("a rule may not waive itself".to_owned()),
    }
}

fn text<'a>(field: &str, value: &'a Value) -> Result<&'a str, String> {
    let Ok(text) = value.as_string() else { return Err(format!("invalid type: `{field}` is not a text")) };
    if text.len() > MAX_RESULT_BYTES {
        return Err(format!("`{field}` has {} bytes; at most {MAX_RESULT_BYTES} are accepted", text.len()));
    }
    Ok(text)
}

/// A small value of a bundle as `T`.
///
/// # Errors
/// One line that says what does not fit.
pub(super) fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    if *value == Value::Undefined {
        return Err("it is not defined".to_owned());
    }
    let json = value.to_json_str().map_err(|error| one_line(&error.to_string()))?;
    if json.len() > 4 * MAX_RESULT_BYTES {
        return Err(format!("it has {} bytes; at most {} are accepted", json.len(), 4 * MAX_RESULT_BYTES));
    }
    serde_json::from_str(&json).map_err(|error| one_line(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_strictly_and_never_in_full_when_it_is_huge() {
        let read = |json: &str| result(&Value::from_json_str(json).unwrap());
        let fine = read(r#"{"outcome": "fail", "message": "m", "remedy": null, "completeness": 0.5}"#).unwrap();
        assert_eq!(fine, RuleResult { outcome: Outcome::Fail, message: "m".to_owned(), remedy: None, completeness: Some(0.5) });
        let huge = format!(r#"{{"outcome": "pass", "message": "{}"}}"#, "x".repeat(MAX_RESULT_BYTES + 1));
        for (json, expected) in [
            ("[]", "is not an object"),
            (r#"{"message": "m"}"#, "missing field `outcome`"),
            (r#"{"outcome": "waived", "message": "m"}"#, "may not waive itself"),
            (r#"{"outcome": "pass", "message": 1}"#, "`message` is not a text"),
            (r#"{"outcome": "pass", "message": "m", "more": 1}"#, "unknown field `more`"),
            (huge.as_str(), "at most 16384"),
        ] {
            assert!(read(json).unwrap_err().contains(expected), "{expected}");
        }
    }

    #[test]
    fn a_rule_id_is_a_plain_word() {
        for (id, fine) in [("metric.no-regression", true), ("a", true), ("A.b", false), ("a..b", false), ("", false), ("a/b", false), ("ä", false)] {
            assert_eq!(is_rule_id(id), fine, "{id}");
        }
    }
}
