//! Schema and reader agree: on every example, and on what is made of it by leaving out or spoiling one member at a time.

use serde_json::{Value, json};

use super::*;
use crate::evidence::read::read;

fn schema(evidence_type: EvidenceType) -> Value {
    serde_json::from_str(describe(evidence_type).schema).unwrap()
}

/// The part of JSON Schema 2020-12 that our schemas use; anything else in them fails the test.
fn valid(schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$id" | "title" | "description" | "examples" => true,
        "type" => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            other => panic!("type {other}"),
        },
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "anyOf" => rule.as_array().unwrap().iter().any(|schema| valid(schema, value)),
        "required" => value.as_object().is_none_or(|members| rule.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))),
        "properties" => value.as_object().is_none_or(|members| members.iter().all(|(name, value)| rule.get(name).is_none_or(|schema| valid(schema, value)))),
        "additionalProperties" => value.as_object().is_none_or(|members| members.values().all(|value| valid(rule, value))),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(rule, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
        "minimum" => value.as_u64().is_none_or(|number| number >= rule.as_u64().unwrap()),
        // regorus brings a regular expression engine, but not into our hands: digests, dates and templates are checked by their look.
        "pattern" => value.as_str().is_none_or(|text| looks(rule.as_str().unwrap(), text)),
        other => panic!("keyword {other}"),
    })
}

fn looks(pattern: &str, text: &str) -> bool {
    let all = |text: &str, wanted: fn(char) -> bool| !text.is_empty() && text.chars().all(wanted);
    match pattern {
        "^(sha256:)?[0-9a-f]{64}$" => {
            let digits = text.strip_prefix("sha256:").unwrap_or(text);
            digits.len() == 64 && all(digits, |letter| matches!(letter, '0'..='9' | 'a'..='f'))
        }
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$" => text.len() >= 10 && text.chars().take(4).all(|letter| letter.is_ascii_digit()),
        "^[a-z0-9_.-]{1,64}@[1-9][0-9]*$" => {
            text.split_once('@').is_some_and(|(name, number)| !name.is_empty() && all(number, |letter| letter.is_ascii_digit()))
        }
        other => panic!("pattern {other}"),
    }
}

/// Every place in a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push(format!("{at}/{name}"));
            places(value, &format!("{at}/{name}"), found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
            found.push(format!("{at}/{index}"));
            places(value, &format!("{at}/{index}"), found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The document with one place spoiled; `None` takes it away.
fn spoiled(document: &Value, place: &str, with: Option<Value>) -> Option<Value> {
    let mut document = document.clone();
    match with {
        Some(value) => *document.pointer_mut(place).unwrap() = value,
        None => {
            let (parent, name) = place.rsplit_once('/').unwrap();
            document.pointer_mut(parent).unwrap().as_object_mut()?.remove(name);
        }
    }
    Some(document)
}

#[test]
fn schema_and_reader_agree_on_examples_and_on_spoiled_examples() {
    let mut compared = 0;
    for evidence_type in EvidenceType::ALL {
        let schema = schema(*evidence_type);
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert!(valid(&schema, example), "{evidence_type}: the schema refuses its example");
            let reading = read(*evidence_type, example.to_string().as_bytes()).unwrap().unwrap();
            assert!(describe(*evidence_type).formats.contains(&reading.format), "{evidence_type}: {}", reading.format);
            let mut all = Vec::new();
            places(example, "", &mut all);
            for place in all {
                for with in [None, Some(json!("no such word")), Some(json!(-7)), Some(json!([])), Some(json!({})), Some(json!(true))] {
                    let Some(document) = spoiled(example, &place, with.clone()) else { continue };
                    let (by_schema, by_reader) = (valid(&schema, &document), read(*evidence_type, document.to_string().as_bytes()));
                    // What no schema can say: which values contradict each other.
                    let beyond = by_reader.as_ref().is_err_and(|refusal| refusal.message.contains("above") || refusal.message.contains("conditional"));
                    assert!(
                        by_schema == by_reader.is_ok() || beyond,
                        "{evidence_type}: {place} = {with:?}: the schema says {by_schema}, the reader {by_reader:?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500, "only {compared} documents were compared");
}

#[test]
fn every_schema_says_what_it_is_about() {
    for evidence_type in EvidenceType::ALL {
        let schema = schema(*evidence_type);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], format!("https://chancery.dev/schemas/evidence/{evidence_type}.schema.json"));
        assert!(schema["title"].is_string() && schema["description"].is_string());
    }
}
