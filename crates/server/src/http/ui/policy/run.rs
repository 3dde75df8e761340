//! A dry run: what the gates on the way to a state say about a version, and the document that they read. Nothing is recorded.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{Label, ModelName, State, VersionNumber, clipped};
use chancery_core::policy::Input;
use chancery_core::refusal::Refusal;
use serde_json::Value;

use super::super::filters;
use super::super::frame::{Area, Frame, Visit, query_path};
use super::super::layout::{Note, page};
use super::super::session::{PageError, Shown};
use super::rule::clip;
use crate::app::AppError;
use crate::http::caller;
use crate::http::file::encode;

/// Where a version would go, as it was filled in.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `name/number`.
    pub(super) version: String,
    /// A state.
    pub(super) to: String,
}

impl Target {
    pub(super) fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.get(name).unwrap_or_default().trim().to_owned();
        let version = match visit.get("model") {
            Some(model) => format!("{}/{}", model.trim(), text("version")),
            None => text("version"),
        };
        Self { version, to: visit.get("to").unwrap_or("production").to_owned() }
    }

    /// The states that gates lead to.
    pub(super) fn states(&self) -> Vec<(State, bool)> {
        [State::Candidate, State::Approved, State::Production].into_iter().map(|state| (state, state.as_str() == self.to)).collect()
    }

    /// The version and the state that are meant.
    ///
    /// # Errors
    /// `invalid_field`.
    pub(super) fn version(&self) -> Result<(ModelName, VersionNumber, State), Refusal> {
        let bad = || Refusal::invalid("version", &format!("`{}` is no version", clipped(&self.version))).remedy("write name and number, such as `loans/3`");
        let (name, number) = self.version.rsplit_once('/').ok_or_else(bad)?;
        let number = number.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(bad)?;
        Ok((ModelName::parse(name)?, number, State::parse(&self.to)?))
    }
}

#[derive(Template)]
#[template(path = "policy-try.html")]
struct Try {
    frame: Frame,
    target: Target,
    verdict: Option<VerdictHere>,
}

struct VerdictHere {
    version: String,
    path: String,
    passed: bool,
    mode: String,
    gates: String,
    failed: Vec<Line>,
    others: Vec<Line>,
    input: String,
    bundle: String,
    digest: String,
}

/// One rule in a verdict.
struct Line {
    rule: String,
    outcome: String,
    message: String,
    remedy: Option<String>,
    who: String,
}

/// `GET /policy/try`.
pub(super) async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let target = Target::of(&own.visit);
    let (status, note, verdict) = match tried(&own, &target).await {
        Ok(verdict) => (StatusCode::OK, None, verdict),
        Err(error) => {
            let (status, note) = Note::of(&error);
            (status, Some(note), None)
        }
    };
    let snapshot = own.allowed.read().await?;
    let frame = own.frame(&snapshot, Area::Policy, "Try the policy").await?.present_only().under("/policy", "Policy").with(note);
    let frame = match target.version() {
        Ok((name, number, to)) => {
            let path = format!("/api/v1/models/{}/versions/{number}/check", encode(name.as_str()));
            frame.json(query_path(&path, [("to", to.as_str())].into_iter()))
        }
        Err(_) => frame,
    };
    Ok(page(status, &Try { frame, target, verdict }))
}

async fn tried(own: &Shown<caller::Read>, target: &Target) -> Result<Option<VerdictHere>, AppError> {
    if target.version.is_empty() {
        return Ok(None);
    }
    let (name, number, to) = target.version()?;
    let allowed = &own.allowed;
    let (verdict, input) = allowed.app.check(&allowed.caller, &name, number, to, &Label::parse("production")?).await?;
    let (passed, mode, bundle, digest) = (verdict.passed, verdict.mode.to_string(), verdict.bundle_digest.to_string(), verdict.input_digest.to_string());
    let gates = verdict.gates.iter().map(|gate| gate.as_str()).collect::<Vec<_>>().join(", ");
    let findings = value(&allowed.shown(&name, &[number], verdict.findings).await?);
    let input = value(&allowed.shown::<Input>(&name, &[number], input).await?);
    let lines: Vec<Line> = findings.as_array().into_iter().flatten().map(line).collect();
    let (failed, others) = lines.into_iter().partition(|line| line.outcome == "fail");
    Ok(Some(VerdictHere {
        path: format!("/models/{}/{number}", encode(name.as_str())),
        version: format!("{name}/{number}"),
        input: clip(&serde_json::to_string_pretty(&input).unwrap_or_default()),
        passed,
        mode,
        gates,
        failed,
        others,
        bundle,
        digest,
    }))
}

fn value<T: serde::Serialize>(shown: &T) -> Value {
    serde_json::to_value(shown).unwrap_or_default()
}

fn line(finding: &Value) -> Line {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).map(str::to_owned);
    let who = finding.get("who").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    Line {
        rule: text("rule").unwrap_or_default(),
        outcome: text("outcome").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        remedy: text("remedy"),
        who: who.join(", "),
    }
}
