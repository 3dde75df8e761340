//! A trace: from this inference, which bytes, data, code and people?

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::wording::counted;
use serde_json::Value;

use super::super::filters;
use super::super::frame::{Area, Frame};
use super::super::layout::page;
use super::super::session::{PageError, Path, Shown};
use super::parts::beginning;
use crate::app::AppError;
use crate::fault::Fault;
use crate::http::api::trace::traced;
use crate::http::caller;

/// Most lines of a block; the JSON has all.
const MAX_LINES: usize = 60;

#[derive(Template)]
#[template(path = "models-trace.html")]
struct Trace {
    frame: Frame,
    name: String,
    number: String,
    semver: String,
    state: String,
    composite: String,
    manifest: String,
    version_digest: String,
    files: String,
    size: String,
    lede: String,
    blocks: Vec<Block>,
    datasets: Vec<Line>,
    evidence: Vec<Document>,
    approvals: Vec<Approval>,
    decisions: Vec<Decision>,
    entries: Vec<u64>,
    entries_left: usize,
}

/// A block of facts, such as the code.
struct Block {
    id: &'static str,
    title: &'static str,
    none: &'static str,
    lines: Vec<(String, String)>,
    left: usize,
}

/// A dataset, or that there is one which may not be read.
struct Line {
    role: String,
    name: String,
    version: String,
    digest: String,
}

struct Document {
    kind: String,
    title: String,
    grade: String,
    digest: String,
    at: String,
    index: String,
}

struct Approval {
    verdict: String,
    role: String,
    by: String,
    at: String,
    promotion: String,
    withdrawn: bool,
}

struct Decision {
    decision: String,
    target: String,
    environment: String,
    digest: String,
    at: String,
    index: String,
}

/// `GET /trace/{composite}`.
pub(in super::super) async fn show(own: Shown<caller::Read>, Path(composite): Path<String>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let shown = traced(&own.allowed.app, &snapshot, &composite).await?;
    let trace = serde_json::to_value(&shown).map_err(|error| AppError::from(Fault::database("write a trace", error)))?;
    let json = format!("/api/v1/trace/{}", composite.split('/').map(crate::http::file::encode).collect::<Vec<_>>().join("/"));
    let title = format!("Trace of {}/{}", at(&trace, "/version/model/name"), at(&trace, "/version/number"));
    let path = format!("/models/{}", crate::http::file::encode(&at(&trace, "/version/model/name")));
    let frame = own.frame(&snapshot, Area::Models, &title).await?.present_only().json(json);
    let frame = frame.under("/models", "Models").under(path, at(&trace, "/version/model/name"));
    Ok(page(StatusCode::OK, &filled(frame, &trace)))
}

fn filled(frame: Frame, trace: &Value) -> Trace {
    let version = |member: &str| at(trace, &format!("/version/{member}"));
    let entries: Vec<u64> = list(trace, "/entries").iter().filter_map(Value::as_u64).collect();
    let (evidence, approvals) = (list(trace, "/evidence"), list(trace, "/approvals"));
    Trace {
        lede: lede(trace, evidence.len(), approvals),
        name: version("model/name"),
        number: version("number"),
        semver: version("semver"),
        state: version("state"),
        composite: version("composite_id"),
        version_digest: version("version_digest"),
        files: version("files"),
        size: version("size"),
        manifest: at(trace, "/manifest"),
        blocks: vec![
            block("code", "Code", "No commit is stated.", trace.get("code")),
            block("environment", "Environment", "No environment is stated.", trace.get("environment")),
            block("training", "Training", "Nothing is stated about the training.", trace.get("training")),
        ],
        datasets: list(trace, "/datasets").iter().take(MAX_LINES).map(dataset).collect(),
        evidence: evidence.iter().take(MAX_LINES).map(document).collect(),
        approvals: approvals.iter().take(MAX_LINES).map(approval).collect(),
        decisions: list(trace, "/decisions").iter().take(MAX_LINES).map(decision).collect(),
        entries_left: entries.len().saturating_sub(MAX_LINES),
        entries: entries.into_iter().take(MAX_LINES).collect(),
        frame,
    }
}

/// The answer in words.
fn lede(trace: &Value, evidence: usize, approvals: &[Value]) -> String {
    let stands = approvals.iter().filter(|item| at(item, "/verdict") == "approve" && at(item, "/withdrawn") != "true").count() as u64;
    let commit = at(trace, "/code/commit");
    let code = if commit.is_empty() { "no stated commit".to_owned() } else { format!("commit {}", commit.chars().take(12).collect::<String>()) };
    format!(
        "Behind this id stands version {} of {}, now {}: {code}, {}, {}, {}.",
        at(trace, "/version/number"),
        at(trace, "/version/model/name"),
        at(trace, "/version/state"),
        counted(list(trace, "/datasets").len() as u64, "dataset", "datasets"),
        counted(evidence as u64, "document", "documents"),
        counted(stands, "approval", "approvals"),
    )
}

/// The text at a pointer; nothing when it is not there.
fn at(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn block(id: &'static str, title: &'static str, none: &'static str, value: Option<&Value>) -> Block {
    let mut lines = Vec::new();
    flatten("", value.unwrap_or(&Value::Null), &mut lines);
    let left = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    Block { id, title, none, lines, left }
}

/// Members by their paths. The depth of facts is bounded where they come in.
fn flatten(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, member) in members {
                flatten(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, member, lines);
            }
        }
        Value::String(text) => lines.push((beginning(path), beginning(text))),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            lines.push((beginning(path), if texts.is_empty() { "none".to_owned() } else { beginning(&texts.join(", ")) }));
        }
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => lines.push((beginning(path), beginning(&value.to_string()))),
    }
}

fn dataset(item: &Value) -> Line {
    let unreadable = item.get("readable").is_some();
    let name = if unreadable { "one that you may not read".to_owned() } else { beginning(&at(item, "/name")) };
    Line { role: at(item, "/role"), name, version: beginning(&at(item, "/version")), digest: at(item, "/digest") }
}

fn document(item: &Value) -> Document {
    let text = |pointer: &str| at(item, pointer);
    Document { kind: text("/type"), title: beginning(&text("/title")), grade: text("/grade"), digest: text("/digest"), at: text("/at"), index: text("/index") }
}

fn approval(item: &Value) -> Approval {
    let named = at(item, "/actor_name");
    Approval {
        verdict: at(item, "/verdict"),
        role: at(item, "/role"),
        by: if named.is_empty() { at(item, "/actor") } else { named },
        at: at(item, "/at"),
        promotion: at(item, "/promotion"),
        withdrawn: at(item, "/withdrawn") == "true",
    }
}

fn decision(item: &Value) -> Decision {
    let text = |pointer: &str| at(item, pointer);
    Decision {
        decision: text("/decision"),
        target: text("/target"),
        environment: text("/environment"),
        digest: text("/digest"),
        at: text("/at"),
        index: text("/index"),
    }
}
