//! `GET /models/{name}/{number}/rollback`: what will serve afterwards, and why may I do this now?

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::{Action, Resource};
use chancery_core::names::{ModelName, VersionNumber};
use chancery_core::policy::Outcome;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::ModelRow;
use serde::Deserialize;

use super::super::again::recorded;
use super::super::filters;
use super::super::form::{Fields, Posted, filled};
use super::super::frame::{Area, Frame};
use super::super::layout::{Note, NoteKind, page, sentence};
use super::super::session::{PageError, Path, Shown};
use super::words::{clip, joined};
use crate::app::lineage::Unreadable;
use crate::app::{AppError, Drill, Receipt, RollbackAsk, view};
use crate::http::{Allowed, Permit, Requested, caller};

/// A finding of the rollback gate.
struct Line {
    kind: &'static str,
    rule: String,
    message: String,
    remedy: Option<String>,
}

#[derive(Template)]
#[template(path = "promotion-rollback.html")]
struct Rollback {
    frame: Frame,
    model: String,
    number: u64,
    semver: String,
    released: Option<u64>,
    state: String,
    /// None when there is no way back to the version, with the reason.
    plan: Result<Plan, String>,
    allowed: bool,
    reason: String,
    wrong: Option<String>,
}

/// What the rollback would do.
struct Plan {
    replaces: Vec<u64>,
    shown: String,
    passes: bool,
    /// What alone is against it is who asks.
    only_for_others: bool,
    failed: Vec<Line>,
    passed: usize,
    exceptions: Vec<String>,
    until: chancery_core::names::Timestamp,
}

impl Plan {
    fn passed_words(&self) -> String {
        format!("{} pass", self.passed)
    }

    fn replaced(&self) -> String {
        let words: Vec<String> = self.replaces.iter().map(|number| format!("version {number}")).collect();
        joined(&words)
    }
}

/// Versions in production as a form says them.
fn numbers(drill: &Drill) -> String {
    drill.replaces.iter().map(|number| number.get().to_string()).collect::<Vec<_>>().join(" ")
}

fn parsed(name: &str, number: &str) -> Result<(ModelName, VersionNumber), Refusal> {
    let number = number.parse().ok().and_then(|number| VersionNumber::new(number).ok());
    Ok((ModelName::parse(name)?, number.ok_or_else(|| Refusal::invalid("number", "the number of a version is a positive integer"))?))
}

/// What became of a form, to be said on the page.
#[derive(Default)]
struct Said {
    note: Option<Note>,
    reason: String,
    wrong: Option<String>,
}

/// `GET /models/{name}/{number}/rollback`.
pub(super) async fn show(mut own: Shown<caller::Read>, Path((name, number)): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = parsed(&name, &number)?;
    let note = own.visit.get("as_of").map(|_| Note::new(NoteKind::Told, "A rollback is about the present: this page shows no past"));
    own.visit.query.retain(|(name, _)| name != "as_of");
    shown(&own, name, number, StatusCode::OK, Said { note, ..Said::default() }).await
}

async fn shown<P: Permit>(own: &Shown<P>, name: ModelName, number: VersionNumber, status: StatusCode, said: Said) -> Result<Response, PageError> {
    let ask = RollbackAsk { model: name.clone(), to: Some(number), reason: String::new() };
    let drill = own.allowed.app.rollback_drill(&own.allowed.caller, &ask).await;
    let snapshot = own.allowed.read().await?;
    let (model, version) = view::version_named(&snapshot, &name, number).await?;
    let unreadable = Unreadable::behind(&snapshot, &version).await?;
    let plan = match drill {
        Ok(drill) => Ok(plan(own, drill, &unreadable)),
        Err(AppError::Refused(refusal, _)) if refusal.code == Code::TransitionRefused => Err(sentence(&refusal.message)),
        Err(error) => return Err(error.into()),
    };
    let title = format!("Go back to {name}/{number}");
    let place = crate::http::file::encode(name.as_str());
    let frame = own.frame(&snapshot, Area::Models, &title).await?.present_only().json(format!("/api/v1/models/{place}/versions/{number}"));
    let frame =
        frame.under("/models", "Models").under(format!("/models/{place}"), name.as_str()).under(format!("/models/{place}/{number}"), number.to_string());
    let rollback = Rollback {
        frame: frame.with(said.note),
        model: name.to_string(),
        number: number.get(),
        semver: version.semver.clone(),
        released: version.production_index,
        state: version.state.to_string(),
        plan,
        allowed: may(&own.allowed, &model),
        reason: said.reason,
        wrong: said.wrong,
    };
    Ok(page(status, &rollback))
}

fn may<P: Permit>(allowed: &Allowed<P>, model: &ModelRow) -> bool {
    let resource = model.class().map(Resource::Model);
    resource.is_some_and(|resource| allowed.app.decision(&allowed.caller, Action::Rollback, &resource, None).allowed)
}

fn plan<P: Permit>(own: &Shown<P>, drill: Drill, unreadable: &Unreadable) -> Plan {
    let shown = numbers(&drill);
    let passes = !drill.verdict.blocks();
    let passed = drill.verdict.findings.iter().filter(|finding| finding.outcome == Outcome::Pass).count();
    let said = |mut text: String| {
        unreadable.text(&mut text);
        clip(&text, 600)
    };
    let only_for_others = drill.refuses_the_asker_alone();
    let notable = drill.verdict.findings.into_iter().filter(|finding| matches!(finding.outcome, Outcome::Fail | Outcome::Waived));
    let line = |finding: chancery_core::policy::Finding| Line {
        kind: finding.outcome.as_str(),
        rule: finding.rule,
        message: said(finding.message),
        remedy: finding.remedy.map(said).map(|text| sentence(&text)),
    };
    Plan {
        replaces: drill.replaces.iter().map(|number| number.get()).collect(),
        shown,
        passes,
        only_for_others,
        failed: notable.map(line).collect(),
        passed,
        exceptions: drill.exceptions,
        until: own.allowed.app.now().plus_seconds(72 * 3_600),
    }
}

/// A rollback, or its drill.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    /// Versions in production that were shown.
    replaces: String,
    #[serde(default)]
    reason: String,
    /// `drill` or `rollback`.
    act: String,
}

/// `POST /models/{name}/{number}/rollback`.
pub(super) async fn roll_back(Path((name, number)): Path<(String, String)>, posted: Posted<caller::Rollback, Form>) -> Result<Response, PageError> {
    let (name, number) = parsed(&name, &number)?;
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let place = format!("/models/{}/{number}", crate::http::file::encode(name.as_str()));
    let outcome = acted(&own, &name, number, form, &requested).await;
    let (status, note, wrong) = match outcome {
        Ok(Some(made)) => return Ok(recorded(&place, &made)),
        Ok(None) => {
            (StatusCode::OK, Note { lines: vec!["Nothing was changed.".to_owned()], ..Note::done("The drill passes: the rollback would be done.") }, None)
        }
        Err(error) => {
            let (status, note) = Note::of(&error);
            (status, note, wrong_field(&error, "reason"))
        }
    };
    shown(&own, name, number, status, kept(&fields, note, wrong)).await
}

fn kept(fields: &Fields, note: Note, wrong: Option<String>) -> Said {
    Said { note: Some(note), reason: fields.get("reason").to_owned(), wrong }
}

fn wrong_field(error: &AppError, field: &str) -> Option<String> {
    match error {
        AppError::Refused(refusal, _) if refusal.field.as_deref() == Some(field) => Some(sentence(&refusal.message)),
        AppError::Refused(..) | AppError::Fault(_) => None,
    }
}

/// The receipt of a rollback; none of a drill that passes.
async fn acted(
    own: &Shown<caller::Rollback>,
    name: &ModelName,
    number: VersionNumber,
    form: Result<Form, Refusal>,
    requested: &Requested,
) -> Result<Option<Receipt>, AppError> {
    let Form { replaces, reason, act } = filled(form)?;
    let reason = reason.trim().to_owned();
    let ask = RollbackAsk { model: name.clone(), to: Some(number), reason };
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    match act.as_str() {
        "drill" => {
            let drill = app.rollback_drill(caller, &ask).await?;
            if drill.verdict.blocks() {
                let refusal = Refusal::new(Code::GateFailed, "the drill fails: the rollback would be refused");
                return Err(refusal.findings(drill.verdict.failed().cloned().collect()).remedy("see what each rule asks below").into());
            }
            Ok(None)
        }
        "rollback" if ask.reason.is_empty() => Err(Refusal::invalid("reason", "give a reason").into()),
        "rollback" => {
            check_shown(own, name, &replaces).await?;
            Ok(Some(app.rollback(caller, &ask, &own.allowed.options(requested)).await?))
        }
        _ => Err(Refusal::unknown_word("act", &act, &["drill", "rollback"]).into()),
    }
}

/// Refuses when other versions serve than those that the form showed.
async fn check_shown(own: &Shown<caller::Rollback>, name: &ModelName, replaces: &str) -> Result<(), AppError> {
    let snapshot = own.allowed.read().await?;
    let model = view::model_named(&snapshot, name).await?;
    let now: Vec<String> = view::production(&snapshot, &model).await?.iter().map(|row| row.number.get().to_string()).collect();
    if now.join(" ") == replaces {
        return Ok(());
    }
    let serving = if now.is_empty() { "no version is".to_owned() } else { format!("{} is", joined(&now)) };
    Err(Refusal::new(Code::PreconditionFailed, &format!("{serving} in production now; another was when the page was shown"))
        .field("replaces")
        .remedy("look at what would be replaced now, then send the form again")
        .into())
}
