//! One rule: what it asks and why, its thresholds and its text, who fails it, and what it says about one version.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::entry::Subject;
use chancery_core::names::{Label, Timestamp};
use chancery_core::tables::{ExceptionRow, FindingRow};
use serde_json::Value;

use super::super::filters;
use super::super::frame::{Area, Frame, Visit};
use super::super::layout::{Link, Note, page};
use super::super::ledger::names::Names;
use super::super::session::{PageError, Path, Shown};
use super::run::Target;
use crate::app::AppError;
use crate::app::explain::ExplainView;
use crate::http::api::policy::{RuleText, rule_text};
use crate::http::caller;
use crate::store::Snapshot;
use crate::values;

/// Findings and exceptions that are listed.
const LISTED: u64 = 20;
/// Characters of a text or document that are shown.
const SHOWN: usize = 12_000;

#[derive(Template)]
#[template(path = "policy-rule.html")]
struct Rule {
    frame: Frame,
    text: RuleText,
    data: Option<String>,
    failing: Vec<Failing>,
    waived: Vec<Waived>,
    target: Target,
    said: Option<SaidHere>,
}

/// Somebody who fails it.
struct Failing {
    subject: Link,
    message: String,
    since: Timestamp,
}

/// An exception from it.
struct Waived {
    id: String,
    version: Link,
    until: Timestamp,
}

/// What it says about a version.
struct SaidHere {
    outcome: String,
    message: String,
    remedy: Option<String>,
    input: String,
}

/// `GET /policy/rules/{id}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(id): Path<String>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let text = rule_text(&own.allowed.app, &snapshot, &id).await?;
    let id = text.rule.id.clone();
    let frame = own.frame(&snapshot, Area::Policy, &id).await?.present_only().under("/policy", "Policy").json(format!("/api/v1/policy/rules/{id}"));
    let (failing, waived) = standing(&snapshot, &id).await?;
    drop(snapshot);
    let target = Target::of(&own.visit);
    let (status, note, said) = match said(&own, &id, &target, &own.visit).await {
        Ok(said) => (StatusCode::OK, None, said),
        Err(error) => {
            let (status, note) = Note::of(&error);
            (status, Some(note), None)
        }
    };
    let data = Some(&text.data).filter(|data| !data.is_null()).map(|data| clip(&lines(data)));
    let text = RuleText { text: text.text.map(|text| clip(&text)), ..text };
    Ok(page(status, &Rule { frame: frame.with(note), text, data, failing, waived, target, said }))
}

/// Data of a rule, with each element of a list on a line.
fn lines(data: &Value) -> String {
    let Some(members) = data.as_object() else { return data.to_string() };
    let member = |(name, value): (&String, &Value)| match value.as_array() {
        Some(items) if items.iter().any(Value::is_object) => items.iter().fold(format!("{name}:\n"), |text, item| format!("{text}  {item}\n")),
        Some(_) | None => format!("{name}: {value}\n"),
    };
    members.iter().map(member).collect()
}

/// Text of which no more is shown than a page holds.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}\n…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The open findings of the rule, and the exceptions from it that were granted: the newest of each.
async fn standing(snapshot: &Snapshot, rule: &str) -> Result<(Vec<Failing>, Vec<Waived>), AppError> {
    let tail = "WHERE status = 'open' AND rule = $1 ORDER BY opened_index DESC LIMIT $2";
    let findings = snapshot.rows::<FindingRow>(tail, &values![rule, LISTED]).await?;
    let tail = "WHERE rule = $1 AND status = 'granted' ORDER BY expires_at DESC LIMIT $2";
    let exceptions = snapshot.rows::<ExceptionRow>(tail, &values![rule, LISTED]).await?;
    let versions = exceptions.iter().map(|row| Subject::Version(row.model_id.clone(), row.number));
    let subjects = findings.iter().filter_map(|row| Subject::try_from(row.subject.clone()).ok()).chain(versions).collect::<Vec<_>>();
    let names = Names::of_subjects(snapshot, &subjects, &[]).await?;
    let mut named = subjects.iter().map(|subject| names.subject(subject));
    let failing = findings.into_iter().zip(named.by_ref()).map(|(row, subject)| Failing { subject, message: row.message, since: row.opened_at }).collect();
    let waived = exceptions.into_iter().zip(named).map(|(row, version)| Waived { id: row.exception_id.to_string(), version, until: row.expires_at }).collect();
    Ok((failing, waived))
}

/// What the rule says about the version that the address names.
async fn said(own: &Shown<caller::Read>, rule: &str, target: &Target, visit: &Visit) -> Result<Option<SaidHere>, AppError> {
    if visit.get("version").is_none() {
        return Ok(None);
    }
    let (name, number, to) = target.version()?;
    let view: ExplainView = own.allowed.app.explain(&own.allowed.caller, rule, &name, number, to, &Label::parse("production")?).await?;
    let shown = own.allowed.shown(&name, &[number], view).await?;
    let value = serde_json::to_value(&shown).unwrap_or_default();
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let input = value.get("input").map(|input| clip(&serde_json::to_string_pretty(input).unwrap_or_default())).unwrap_or_default();
    Ok(Some(SaidHere {
        outcome: text("/finding/outcome").unwrap_or_default(),
        message: text("/finding/message").unwrap_or_default(),
        remedy: text("/finding/remedy"),
        input,
    }))
}
