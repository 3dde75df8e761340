//! A gate of the past evaluated again: whether policy, input and findings are the same as then.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::super::filters;
use super::super::frame::{Area, Frame};
use super::super::layout::page;
use super::super::session::{PageError, Path, Shown};
use crate::http::caller;

#[derive(Template)]
#[template(path = "policy-replay.html")]
struct Replay {
    frame: Frame,
    index: u64,
    evaluated_at: String,
    bundle_digest: String,
    same_bundle: bool,
    input_digest: String,
    same_input: bool,
    engine: String,
    engine_now: String,
    identical: bool,
    differences: Vec<Difference>,
}

struct Difference {
    rule: String,
    then: String,
    now: String,
}

/// `GET /policy/replay/{index}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(index): Path<u64>) -> Result<Response, PageError> {
    let view = own.allowed.app.replay(&own.allowed.caller, index).await?;
    let value = serde_json::to_value(&view).unwrap_or_default();
    let snapshot = own.allowed.read().await?;
    let frame = own.frame(&snapshot, Area::Policy, &format!("Gate of entry {index}")).await?.present_only().under("/policy", "Policy");
    let frame = frame.under(format!("/ledger/{index}"), format!("Entry {index}")).json(format!("/api/v1/policy/replay/{index}"));
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or_default();
    let differences = value.get("differences").and_then(Value::as_array).into_iter().flatten();
    let template = Replay {
        index,
        evaluated_at: text("evaluated_at"),
        bundle_digest: text("bundle_digest"),
        same_bundle: is("same_bundle"),
        input_digest: text("input_digest"),
        same_input: is("same_input"),
        engine: text("engine"),
        engine_now: text("engine_now"),
        identical: is("identical"),
        differences: differences.map(difference).collect(),
        frame,
    };
    Ok(page(StatusCode::OK, &template))
}

fn difference(value: &Value) -> Difference {
    let said = |name: &str| match value.get(name) {
        Some(finding) if !finding.is_null() => {
            let text = |member: &str| finding.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{}: {}", text("outcome"), text("message"))
        }
        Some(_) | None => "not asked".to_owned(),
    };
    Difference { rule: value.get("rule").and_then(Value::as_str).unwrap_or_default().to_owned(), then: said("then"), now: said("now") }
}
