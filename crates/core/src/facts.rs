//! Sealed facts of a version: their shape (JSON Schema 2020-12 in `docs/facts.schema.json`) and the check of it.
//!
//! One table says what facts look like; the check and the published schema are both made from it, so they cannot differ.
//! A member that is null counts as absent. Members that the table does not name are refused, except in free-form objects.

use serde_json::{Map, Value, json};

use crate::lineage::{MAX_PARENTS, Relation};
use crate::names::{Grade, Timestamp};
use crate::refusal::{Code, Refusal};
use crate::version::{MAX_ADDRESS_BYTES, MAX_COMPONENTS, MAX_RUN_BYTES};

/// Largest whole number: exact in every reader of JSON (RFC 7493, section 2.2).
const MAX_INTEGER: u64 = 9_007_199_254_740_991;

/// What a value must be.
#[derive(Debug)]
enum Shape {
    /// Text of at most so many characters.
    Text(usize),
    Number,
    /// A whole number from 0.
    Count,
    /// A whole number.
    Integer,
    Bool,
    /// SHA-256 in lower case hexadecimal digits, with or without `sha256:`.
    Digest,
    /// 40 or 64 lower case hexadecimal digits.
    Commit,
    /// RFC 3339 date, or date and time.
    Date,
    /// A grade that a caller may give.
    Grade,
    /// How a version comes from another one.
    Relation,
    /// At most so many of a shape.
    List(&'static Shape, usize),
    /// These members and no others.
    Object(&'static [Member]),
    /// Any names, with values of one shape.
    Map(&'static Shape),
    /// Text, or the shape.
    TextOr(&'static Shape),
    /// Any JSON.
    Any,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    shape: Shape,
    need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, need: Need::Required }
}

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, need: Need::Optional }
}

const WORD: Shape = Shape::Text(500);
const PROSE: Shape = Shape::Text(20_000);

const LIBRARY: Shape = Shape::Object(&[
    required("name", WORD),
    optional("version", WORD),
    optional("specifier", WORD),
    optional("pinned_version", WORD),
    optional("source", Shape::Text(1024)),
    optional("purpose", WORD),
    optional("reason", WORD),
]);

const COLUMN: Shape = Shape::Object(&[
    optional("name", WORD),
    required("type", Shape::Text(10_000)),
    optional("shape", Shape::List(&Shape::Integer, 64)),
    optional("required", Shape::Bool),
]);

const CODE: Shape = Shape::Object(&[
    optional("repository", Shape::Text(2048)),
    optional("commit", Shape::Commit),
    optional("branch", WORD),
    optional("dirty", Shape::Bool),
    optional("author", WORD),
]);

const TRAINING: Shape = Shape::Object(&[
    optional("date", Shape::Date),
    optional("run_id", WORD),
    optional("run_user", WORD),
    optional("pipeline_run", WORD),
    optional("code", CODE),
    optional("hyperparameters", Shape::Map(&Shape::Any)),
    optional("reproducible", Shape::Bool),
    optional("seed", Shape::Integer),
]);

const DATASET: Shape = Shape::Object(&[
    optional("role", WORD),
    required("name", WORD),
    optional("version", WORD),
    optional("digest", Shape::Digest),
    optional("rows", Shape::Count),
    optional("time_window", Shape::Object(&[optional("from", Shape::Date), optional("to", Shape::Date)])),
    optional("quality_score", Shape::Number),
    optional("uri", Shape::Text(2048)),
    optional("datasheet", Shape::Text(2048)),
    optional("licence", WORD),
    optional("classification", WORD),
    optional("personal_data", Shape::Bool),
]);

const METRIC: Shape = Shape::Object(&[
    required("name", WORD),
    required("value", Shape::Number),
    optional("unit", WORD),
    optional("slice", WORD),
    optional("dataset", WORD),
    optional("higher_is_better", Shape::Bool),
    optional("lower", Shape::Number),
    optional("upper", Shape::Number),
    optional("step", Shape::Integer),
]);

const PARENT: Shape = Shape::Object(&[
    required("reference", Shape::Text(2048)),
    optional("relation", Shape::Relation),
    optional("digest", Shape::Digest),
    optional("method", WORD),
    optional("resolved", PINNED),
]);

/// A version of the registry, found and written by the registry.
const PINNED: Shape = Shape::Object(&[required("model", WORD), required("number", Shape::Count), required("version_digest", Shape::Digest)]);

/// A part of a system: the caller gives role and reference, the registry what they mean.
const COMPONENT: Shape = Shape::Object(&[
    required("role", WORD),
    required("reference", Shape::Text(2048)),
    optional("kind", WORD),
    optional("model", WORD),
    optional("number", Shape::Count),
    optional("version_digest", Shape::Digest),
]);

/// Written by the registry, from what the caller says beside the facts.
const ORIGIN: Shape = Shape::Object(&[
    required("source", Shape::Text(MAX_ADDRESS_BYTES)),
    optional("run_id", Shape::Text(MAX_RUN_BYTES)),
    optional("run_link", Shape::Text(MAX_ADDRESS_BYTES)),
    optional("download_uri", Shape::Text(MAX_ADDRESS_BYTES)),
]);

/// The facts, whole.
const FACTS: &[Member] = &[
    optional(
        "framework",
        Shape::Object(&[required("name", WORD), optional("version", WORD), optional("libraries", Shape::List(&Shape::TextOr(&LIBRARY), 5_000))]),
    ),
    optional("flavour", WORD),
    optional("model_type", WORD),
    optional("training", TRAINING),
    optional("pipeline", Shape::Object(&[optional("name", WORD), optional("run", WORD), optional("actor", WORD)])),
    optional("datasets", Shape::List(&DATASET, 1_000)),
    optional(
        "features",
        Shape::Object(&[
            optional("engineering_version", WORD),
            optional("feature_store", Shape::Text(2048)),
            optional("inputs", Shape::List(&WORD, 20_000)),
            optional("targets", Shape::List(&WORD, 1_000)),
        ]),
    ),
    optional("metrics", Shape::List(&METRIC, 10_000)),
    optional("validation_gate", Shape::Object(&[optional("name", WORD), optional("result", WORD), optional("details", Shape::Any)])),
    optional(
        "signature",
        Shape::Object(&[
            optional("inputs", Shape::List(&COLUMN, 20_000)),
            optional("outputs", Shape::List(&COLUMN, 20_000)),
            optional("params", Shape::List(&COLUMN, 20_000)),
        ]),
    ),
    optional(
        "environment",
        Shape::Object(&[
            optional("pinned", Shape::Bool),
            optional("unpinned", Shape::List(&Shape::TextOr(&LIBRARY), 20_000)),
            optional("packages", Shape::List(&Shape::TextOr(&LIBRARY), 20_000)),
            optional("python", WORD),
        ]),
    ),
    optional("parents", Shape::List(&Shape::TextOr(&PARENT), MAX_PARENTS)),
    optional("composition", Shape::List(&COMPONENT, MAX_COMPONENTS)),
    optional("origin", ORIGIN),
    optional("intended_use", PROSE),
    optional("limitations", PROSE),
    optional("ethical_considerations", PROSE),
    optional("formats", Shape::Map(&Shape::Count)),
    optional("inspection", Shape::Map(&Shape::Any)),
    optional("claims", Shape::Map(&Shape::Any)),
    optional("grades", Shape::Map(&Shape::Grade)),
];

/// Checks the facts that a caller gives.
///
/// # Errors
/// `invalid_field` that names the member by its path (`facts.metrics[2].value`), `too_large` for text or a list over its limit.
/// The grade `attested` is refused: only the registry gives it, to what a trusted pipeline signed.
pub fn check(facts: &Value) -> Result<(), Refusal> {
    check_integers("facts", facts)?;
    check_object("facts", facts, FACTS)
}

/// The published schema (JSON Schema, draft 2020-12).
pub fn schema() -> Value {
    let mut schema = object_schema(FACTS);
    if let Some(members) = schema.as_object_mut() {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("$id".to_owned(), json!("https://chancery.dev/schemas/facts.schema.json"));
        members.insert("title".to_owned(), json!("Sealed facts of a version"));
    }
    schema
}

fn check_shape(path: &str, value: &Value, shape: &Shape) -> Result<(), Refusal> {
    let holds = match (shape, value) {
        (Shape::Text(limit), Value::String(text)) => return check_length(path, text.chars().count(), *limit, "characters"),
        (Shape::Digest, Value::String(text)) => is_hex(text.strip_prefix("sha256:").unwrap_or(text), &[64]),
        (Shape::Commit, Value::String(text)) => is_hex(text, &[40, 64]),
        (Shape::Date, Value::String(text)) => is_date(text),
        (Shape::Grade, Value::String(text)) => return check_grade(path, text),
        (Shape::Relation, Value::String(text)) => return Relation::of_parent(text).map(drop).map_err(|refusal| refusal.field(path)),
        (Shape::Number, Value::Number(number)) => number.as_f64().is_some_and(f64::is_finite),
        (Shape::Count, Value::Number(number)) => number.is_u64(),
        (Shape::Integer, Value::Number(number)) => number.is_u64() || number.is_i64(),
        (Shape::Bool, Value::Bool(_)) | (Shape::Any, _) | (Shape::TextOr(_), Value::String(_)) => true,
        (Shape::TextOr(other), value) => return check_shape(path, value, other),
        (Shape::List(item, limit), Value::Array(items)) => {
            check_length(path, items.len(), *limit, "items")?;
            return items.iter().enumerate().try_for_each(|(at, value)| check_shape(&format!("{path}[{at}]"), value, item));
        }
        (Shape::Map(item), Value::Object(members)) => return members.iter().try_for_each(|(name, value)| check_shape(&format!("{path}.{name}"), value, item)),
        (Shape::Object(members), value) => return check_object(path, value, members),
        (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => false,
    };
    if holds { Ok(()) } else { Err(Refusal::invalid(path, &format!("`{path}` must be {}", expectation(shape)))) }
}

fn check_object(path: &str, value: &Value, members: &[Member]) -> Result<(), Refusal> {
    let Value::Object(given) = value else { return Err(Refusal::invalid(path, &format!("`{path}` must be an object"))) };
    if let Some(name) = given.keys().find(|name| members.iter().all(|member| member.name != name.as_str())) {
        let known: Vec<&str> = members.iter().map(|member| member.name).collect();
        let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(
            Refusal::invalid(&format!("{path}.{name}"), &format!("`{path}` has no member `{name}`")).remedy(&format!("use one of: {}", known.join(", ")))
        );
    }
    for member in members {
        let place = format!("{path}.{}", member.name);
        match given.get(member.name) {
            Some(Value::Null) | None if member.need == Need::Required => return Err(Refusal::invalid(&place, &format!("`{place}` is missing"))),
            Some(Value::Null) | None => {}
            Some(value) => check_shape(&place, value, &member.shape)?,
        }
    }
    Ok(())
}

fn check_length(path: &str, length: usize, limit: usize, unit: &str) -> Result<(), Refusal> {
    if length <= limit {
        return Ok(());
    }
    Err(Refusal::new(Code::TooLarge, &format!("`{path}` has {length} {unit}; at most {limit} are accepted")).field(path))
}

fn check_grade(path: &str, text: &str) -> Result<(), Refusal> {
    match Grade::parse(text) {
        Ok(Grade::Claimed | Grade::Read) => Ok(()),
        Ok(Grade::Attested) => Err(Refusal::invalid(path, &format!("`{path}` must not be `attested`: nobody attests his own facts"))
            .remedy("leave grades out; the registry finds them out")),
        Err(refusal) => Err(refusal.field(path)),
    }
}

/// Whole numbers over 2^53 − 1 are not the same number for every reader, so they cannot be sealed.
fn check_integers(path: &str, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_some_and(|size| size > MAX_INTEGER) {
                return Err(Refusal::invalid(path, &format!("`{path}` is over 2^53 − 1, which readers round")).remedy("write it as text"));
            }
            Ok(())
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, value)| check_integers(&format!("{path}[{at}]"), value)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| check_integers(&format!("{path}.{name}"), value)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn is_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_date(text: &str) -> bool {
    if text.len() == 10 { text.parse::<jiff::civil::Date>().is_ok() } else { Timestamp::parse(text).is_ok() }
}

fn expectation(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text(_) => "text",
        Shape::Number => "a finite number",
        Shape::Count => "a whole number, not negative",
        Shape::Integer => "a whole number",
        Shape::Bool => "true or false",
        Shape::Digest => "64 lower case hexadecimal digits (SHA-256)",
        Shape::Commit => "a full commit: 40 or 64 lower case hexadecimal digits",
        Shape::Date => "an RFC 3339 date or time, such as 2026-05-03 or 2026-05-03T12:00:00Z",
        Shape::Grade => "a grade",
        Shape::Relation => "a relation",
        Shape::List(..) => "a list",
        Shape::Object(_) | Shape::Map(_) => "an object",
        Shape::TextOr(_) => "text or an object",
        Shape::Any => "any JSON",
    }
}

fn shape_schema(shape: &Shape) -> Value {
    match shape {
        Shape::Text(limit) => json!({"type": "string", "maxLength": limit}),
        Shape::Number => json!({"type": "number"}),
        Shape::Count => json!({"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}),
        Shape::Integer => json!({"type": "integer"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Digest => json!({"type": "string", "pattern": "^(sha256:)?[0-9a-f]{64}$"}),
        Shape::Commit => json!({"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}),
        Shape::Date => json!({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}),
        Shape::Grade => json!({"enum": ["claimed", "read"]}),
        Shape::Relation => json!({"enum": Relation::PARENTS}),
        Shape::List(item, limit) => json!({"type": "array", "items": shape_schema(item), "maxItems": limit}),
        Shape::Object(members) => object_schema(members),
        Shape::Map(item) => json!({"type": "object", "additionalProperties": shape_schema(item)}),
        Shape::TextOr(other) => json!({"anyOf": [{"type": "string"}, shape_schema(other)]}),
        Shape::Any => json!(true),
    }
}

fn object_schema(members: &[Member]) -> Value {
    let property = |member: &Member| match member.need {
        Need::Required => shape_schema(&member.shape),
        Need::Optional => json!({"anyOf": [shape_schema(&member.shape), {"type": "null"}]}),
    };
    let properties: Map<String, Value> = members.iter().map(|member| (member.name.to_owned(), property(member))).collect();
    let needed: Vec<&str> = members.iter().filter(|member| member.need == Need::Required).map(|member| member.name).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties, "required": needed})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_facts_are_accepted() {
        for facts in [
            json!({}),
            json!({"training": null}),
            json!({"framework": {"name": "scikit-learn", "version": "1.9.1", "libraries": ["numpy", {"name": "scipy", "version": "1.17.1"}]}}),
            json!({"training": {"date": "2026-05-01", "code": {"commit": "a".repeat(40), "dirty": false}, "hyperparameters": {"C": 0.1}, "seed": -1}}),
            json!({"training": {"date": "2026-11-21T12:05:10Z"}, "datasets": [{"name": "d", "digest": format!("sha256:{}", "0".repeat(64))}]}),
            json!({"metrics": [{"name": "auc", "value": 0.7, "slice": "sex=female"}], "grades": {"metrics": "claimed", "framework.libraries": "read"}}),
            json!({"signature": {"inputs": [{"name": "x", "type": "double", "required": true}], "outputs": []}}),
            json!({"environment": {"pinned": false, "unpinned": ["numpy"], "packages": ["numpy>=2"], "python": "3.13"}, "parents": ["chancery:a/1"]}),
        ] {
            assert_eq!(check(&facts), Ok(()), "{facts}");
        }
    }

    #[test]
    fn bad_facts_name_the_member() {
        for (facts, field) in [
            (json!([]), "facts"),
            (json!({"colour": 1}), "facts.colour"),
            (json!({"flavour": 1}), "facts.flavour"),
            (json!({"flavour": "x".repeat(501)}), "facts.flavour"),
            (json!({"framework": {"version": "1"}}), "facts.framework.name"),
            (json!({"metrics": [{"name": "a", "value": 1}, {"name": "b", "value": "1"}]}), "facts.metrics[1].value"),
            (json!({"metrics": [{"name": "a", "value": null}]}), "facts.metrics[0].value"),
            (json!({"training": {"date": "yesterday"}}), "facts.training.date"),
            (json!({"training": {"date": "2026-13-01"}}), "facts.training.date"),
            (json!({"training": {"code": {"commit": "abc"}}}), "facts.training.code.commit"),
            (json!({"training": {"code": {"commit": "A".repeat(40)}}}), "facts.training.code.commit"),
            (json!({"training": {"hyperparameters": {"n": 9_007_199_254_740_992_u64}}}), "facts.training.hyperparameters.n"),
            (json!({"datasets": [{"name": "d", "rows": -1}]}), "facts.datasets[0].rows"),
            (json!({"grades": {"training": "attested"}}), "facts.grades.training"),
            (json!({"parents": [{"reference": "base/1", "relation": "cousin-of"}]}), "facts.parents[0].relation"),
            (json!({"parents": vec!["base/1"; 101]}), "facts.parents"),
            (json!({"composition": [{"role": "model"}]}), "facts.composition[0].reference"),
            (json!({"grades": {"training": "certain"}}), "facts.grades.training"),
        ] {
            assert_eq!(check(&facts).unwrap_err().field.as_deref(), Some(field), "{facts}");
        }
    }

    #[test]
    fn the_published_schema_is_that_of_the_check() {
        let published: Value = serde_json::from_str(include_str!("../../../docs/facts.schema.json")).unwrap();
        assert_eq!(published, schema(), "write this to docs/facts.schema.json:\n{:#}", schema());
    }
}
