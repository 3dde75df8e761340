//! Every call that a test makes to the API is held against the OpenAPI document: the status, media type and body of the answer must be in it, and a
//! request that was done must be one that it describes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// An operation: its method, the parts of its path, the schema of its JSON body, and its answers by status.
struct Operation {
    method: String,
    path: Vec<String>,
    body: Option<Value>,
    answers: Map<String, Value>,
}

struct Document {
    operations: Vec<Operation>,
    components: Value,
    /// Compiled schemas, by the text of the schema.
    compiled: Mutex<HashMap<String, &'static Validator>>,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let mut document = serde_json::to_value(chancery::http::api::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(answers) = operation["responses"].as_object() else { continue };
            let path = path.split('/').map(ToOwned::to_owned).collect();
            let body = operation.pointer("/requestBody/content/application~1json/schema").cloned();
            operations.push(Operation { method: method.to_uppercase(), path, body, answers: answers.clone() });
        }
    }
    Document { operations, components: document["components"].take(), compiled: Mutex::default() }
});

impl Operation {
    /// How many parts of the path are written out as they are in the document; nothing where it is another path. The last parameter may hold `/`.
    fn matches(&self, method: &str, parts: &[&str]) -> Option<usize> {
        let last = self.path.last().is_some_and(|part| part.starts_with('{'));
        if self.method != method || parts.len() < self.path.len() || (parts.len() > self.path.len() && !last) {
            return None;
        }
        let pairs = || self.path.iter().zip(parts);
        pairs().all(|(known, part)| known.starts_with('{') || known == part).then(|| pairs().filter(|(known, part)| known == part).count())
    }

    /// What the document says of a status.
    fn answer(&self, status: u16) -> Option<&Value> {
        self.answers.get(&status.to_string()).or_else(|| self.answers.get(&format!("{}XX", status / 100)))
    }
}

impl Document {
    fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = path.split(['?', '#']).next().unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let found = self.operations.iter().filter_map(|operation| Some((operation.matches(method, &parts)?, operation.path.len(), operation)));
        found.max_by_key(|(written, parts, _)| (*written, *parts)).map(|(_, _, operation)| operation)
    }

    /// What is not as a schema says, a line each.
    fn errors(&self, schema: &Value, body: &Value) -> String {
        let mut compiled = self.compiled.lock().unwrap();
        let validator: &'static Validator = compiled.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({"allOf": [schema], "components": self.components});
            Box::leak(Box::new(jsonschema::draft202012::new(&whole).unwrap()))
        });
        drop(compiled);
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect::<Vec<_>>().join("\n")
    }
}

/// Panics when the document does not allow what was asked and done, or what was answered. Paths that it does not name, and faults, are not for it to
/// say.
pub(crate) fn check(method: &str, path: &str, request: Option<&Value>, status: u16, media_type: &str, body: &[u8]) {
    let Some(operation) = DOCUMENT.operation(method, path) else { return };
    if status >= 500 {
        return;
    }
    let shown = || format!("{method} {path}: {status} {media_type} {}", String::from_utf8_lossy(&body[..body.len().min(4000)]));
    let Some(answer) = operation.answer(status) else { panic!("a status that the document does not name: {}", shown()) };
    if let (Some(schema), Some(request), true) = (&operation.body, request, status < 300) {
        let errors = DOCUMENT.errors(schema, request);
        assert!(errors.is_empty(), "done, though the document does not describe it: {errors}\n{request}\n{}", shown());
    }
    let media_type = media_type.split(';').next().unwrap().trim();
    let Some(contents) = answer["content"].as_object().filter(|contents| !contents.is_empty()) else {
        assert!(body.is_empty(), "the document knows no body: {}", shown());
        return;
    };
    let Some(content) = contents.get(media_type) else { panic!("a media type that the document does not name: {}", shown()) };
    if !media_type.ends_with("json") || method == "HEAD" {
        return;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    let errors = DOCUMENT.errors(&content["schema"], &body);
    assert!(errors.is_empty(), "answered, though the document does not describe it: {errors}\n{}", shown());
}

#[test]
fn a_call_that_is_not_in_the_document_is_found() {
    let refused = |status, media_type, body: &str| {
        let answer = body.as_bytes();
        std::panic::catch_unwind(|| check("POST", "/api/v1/teams", Some(&json!({})), status, media_type, answer)).is_err()
    };
    let problem = json!({"type": "t", "title": "t", "status": 404, "code": "not_found", "detail": "d"}).to_string();
    let receipt = json!({"index": 1, "entries": []}).to_string();
    assert!(!refused(404, "application/problem+json", &problem));
    assert!(refused(404, "application/json", &problem));
    assert!(refused(404, "application/problem+json", "{}"));
    assert!(refused(302, "application/problem+json", &problem));
    assert!(refused(200, "application/json", &problem));
    let done =
        |request: Value| std::panic::catch_unwind(|| check("POST", "/api/v1/teams", Some(&request), 201, "application/json", receipt.as_bytes())).is_ok();
    assert!(done(json!({"name": "x"})));
    assert!(!done(json!({"name": 1})));
    assert!(DOCUMENT.operation("GET", "/api/v1/trace/chancery:a/1@sha256:b").is_some());
    assert!(DOCUMENT.operation("GET", "/api/v1/nowhere").is_none());
}
