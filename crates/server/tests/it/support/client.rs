//! A client with a token, and answers that tests can compare.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::document;
use super::issuer::Runs;

/// A client of one server, with one token or none.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
    /// A pipeline, which exchanges the token of a run when it needs one.
    runs: Option<Runs>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        // No pool: a kept connection would hold up the end of the server.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap();
        Self { http, address: address.to_owned(), token: None, runs: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), runs: None, ..self.clone() }
    }

    /// A pipeline that is known by the tokens of its runs.
    pub(crate) fn with_runs(&self, runs: Runs) -> Self {
        Self { token: None, runs: Some(runs), ..self.clone() }
    }

    /// The token that calls are made with now.
    pub(crate) async fn token(&self) -> String {
        match &self.runs {
            Some(runs) => runs.token(&self.http, &self.address).await,
            None => self.token.clone().unwrap(),
        }
    }

    /// The same caller at another server.
    pub(crate) fn at(&self, other: &Self) -> Self {
        Self { token: self.token.clone(), runs: self.runs.clone(), ..other.clone() }
    }

    /// A request to be filled in.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        let method: Method = method.parse().unwrap();
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let runs = self.runs.clone().map(|runs| (runs, self.http.clone(), self.address.clone()));
        Call { method, path: path.to_owned(), body: None, request, runs }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path).json(&body).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path).json(&body).send().await
    }
}

/// A request.
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    request: RequestBuilder,
    runs: Option<(Runs, reqwest::Client, String)>,
}

impl Call {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self { request: self.request.json(body), body: Some(body.clone()), ..self }
    }

    pub(crate) fn bytes(self, body: impl Into<Vec<u8>>) -> Self {
        Self { request: self.request.body(body.into()), ..self }
    }

    /// The answer, which must be one that the OpenAPI document allows.
    pub(crate) async fn send(self) -> Answer {
        let request = match &self.runs {
            Some((runs, http, address)) => self.request.bearer_auth(runs.token(http, address).await),
            None => self.request,
        };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, bytes: response.bytes().await.unwrap().to_vec() };
        document::check(self.method.as_str(), &self.path, self.body.as_ref(), status, answer.header("content-type"), &answer.bytes);
        answer
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{} {error}: {}", self.status, String::from_utf8_lossy(&self.bytes)))
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        if self.bytes.is_empty() { Value::Null } else { serde_json::from_slice(&self.bytes).unwrap_or_default() }
    }

    /// Everything that was said: status, headers, body. Without the time and the id of the request, which differ from call to call.
    pub(crate) fn said(&self) -> String {
        let mut headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect();
        headers.retain(|header| !["date:", "x-request-id:"].iter().any(|name| header.starts_with(name)));
        headers.sort();
        let mut body = String::from_utf8_lossy(&self.bytes).into_owned();
        if let Ok(Value::Object(mut members)) = serde_json::from_slice(&self.bytes)
            && members.contains_key("request_id")
        {
            members.remove("request_id");
            body = Value::Object(members).to_string();
        }
        format!("{}\n{}\n{body}", self.status, headers.join("\n"))
    }

    /// Status, code and field of a problem, which must be a well-formed one.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        assert!(self.status >= 400, "{} {text}", self.status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {text}", self.status);
        let body = self.json();
        let code = body["code"].as_str().unwrap();
        assert_eq!(body["status"], u64::from(self.status), "{text}");
        assert_eq!(body["type"], format!("https://chancery.dev/problems/{code}"));
        assert!(!body["detail"].as_str().unwrap().is_empty(), "{text}");
        let field = body["field"].as_str().map(|field| format!(" {field}")).unwrap_or_default();
        format!("{} {code}{field}", self.status)
    }

    /// The same, and the attempt must be an entry.
    #[track_caller]
    pub(crate) fn recorded_problem(&self) -> String {
        assert!(self.json()["entry"].is_u64(), "not recorded: {}", String::from_utf8_lossy(&self.bytes));
        self.problem()
    }

    /// Status and body for a snapshot, without what differs from run to run.
    pub(crate) fn snapshot(&self) -> String {
        format!("{} {}", self.status, serde_json::to_string_pretty(&redacted(self.json())).unwrap())
    }

    /// Status and one member of the body for a snapshot.
    pub(crate) fn snapshot_of(&self, pointer: &str) -> String {
        let part = self.json().pointer(pointer).cloned().unwrap_or_default();
        format!("{} {}", self.status, serde_json::to_string_pretty(&redacted(part)).unwrap())
    }

    /// Kinds of the entries of a receipt.
    #[track_caller]
    pub(crate) fn kinds(&self) -> Vec<String> {
        let body = self.json();
        let receipt = if body["receipt"].is_object() { &body["receipt"] } else { &body };
        let entries = receipt["entries"].as_array().unwrap_or_else(|| panic!("no receipt: {} {}", self.status, String::from_utf8_lossy(&self.bytes)));
        entries.iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
    }
}

/// Replaces identifiers, digests and times.
pub(crate) fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redacted_text(&text)),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        // Sorted: in which order members come is no promise.
        Value::Object(members) => {
            let members: std::collections::BTreeMap<_, _> = members.into_iter().map(|(name, value)| (redacted_text(&name), redacted(value))).collect();
            members.into_iter().collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn redacted_text(text: &str) -> String {
    if text.len() >= 20 && chancery_core::names::Timestamp::parse(text).is_ok() {
        return "[time]".to_owned();
    }
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        out.push_str(match word.len() {
            64 if is_hex(&word) => "[digest]",
            33 if word.get(1..).is_some_and(is_hex) => "[id]",
            12 | 16 | 32 if is_hex(&word) && word.bytes().any(|byte| byte.is_ascii_digit()) => "[hex]",
            _ => &word,
        });
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
