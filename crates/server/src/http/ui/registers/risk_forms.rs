//! What somebody does to a risk: assess it again, decide it, link it, plan and finish mitigations.

use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::entry::PrivateText;
use chancery_core::names::{Label, ModelName, RiskId};
use chancery_core::refusal::Refusal;
use chancery_core::risk::{Command, Likelihood, NewMitigation, Severity, Status};
use serde::Deserialize;

use super::risk::shown;
use super::risks::{NewRisk, PATH, assessment};
use super::some_moment;
use crate::app::{AppError, Receipt, view};
use crate::http::caller;
use crate::http::ui::admin::several::Revision;
use crate::http::ui::again::Answered;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::session::{PageError, Path, Shown};
use crate::ids;

type Form<F> = Posted<caller::ManageRisks, F>;

async fn answered(
    own: Shown<caller::ManageRisks>,
    parts: &Parts,
    id: &RiskId,
    fields: Fields,
    outcome: Result<Receipt, AppError>,
) -> Result<Response, PageError> {
    match own.answered(parts, &format!("{PATH}/{id}"), outcome).await? {
        Answered::Recorded(response) => Ok(response),
        Answered::Refused(own, status, note) => shown(&own, id, (status, Some(note)), fields).await,
    }
}

/// The assessment, whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    revision: Revision,
    title: String,
    category: Label,
    severity: Severity,
    likelihood: Likelihood,
    description: String,
    requirements: String,
    review: String,
}

/// `POST /risks/{id}`.
pub(super) async fn change(Path(id): Path<RiskId>, posted: Form<Change>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Change { revision, title, category, severity, likelihood, description, requirements, review } = filled(form)?;
        let models = String::new();
        let (assessment, _) = assessment(NewRisk { title, category, severity, likelihood, description, requirements, review, models })?;
        let command = Command::Change { id: id.clone(), assessment: Box::new(assessment), expected: Some(revision.0) };
        own.allowed.execute(command, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}

/// A status, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStatus {
    revision: Revision,
    status: Status,
    reason: String,
}

/// `POST /risks/{id}/status`.
pub(super) async fn set_status(Path(id): Path<RiskId>, posted: Form<SetStatus>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let SetStatus { revision, status: to, reason } = filled(form)?;
        let reason = PrivateText::new("reason", &reason, ids::random()?)?;
        own.allowed.execute(Command::SetStatus { id: id.clone(), to, reason, expected: Some(revision.0) }, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}

/// Which model comes or goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeModels {
    model: ModelName,
    change: Way,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Link,
    Unlink,
}

/// `POST /risks/{id}/models`.
pub(super) async fn change_models(Path(id): Path<RiskId>, posted: Form<ChangeModels>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let ChangeModels { model, change } = filled(form)?;
        let model = view::model_named(&own.allowed.read().await?, &model).await?.model_id;
        let id = id.clone();
        let command = match change {
            Way::Link => Command::Link { id, model },
            Way::Unlink => Command::Unlink { id, model },
        };
        own.allowed.execute(command, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}

/// A mitigation that is planned.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mitigate {
    text: String,
    owner: Label,
    due: String,
}

/// `POST /risks/{id}/mitigations`.
pub(super) async fn mitigate(Path(id): Path<RiskId>, posted: Form<Mitigate>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Mitigate { text, owner, due } = filled(form)?;
        let mitigation = NewMitigation { text: text.replace("\r\n", "\n"), owner, due: some_moment("due", &due)? };
        own.allowed.execute(Command::Mitigate { id: id.clone(), mitigation }, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}

/// Which mitigation is done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    number: String,
    note: String,
}

/// `POST /risks/{id}/mitigations/done`.
pub(super) async fn finish(Path(id): Path<RiskId>, posted: Form<Finish>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Finish { number, note } = filled(form)?;
        let number = number.parse().map_err(|_| Refusal::invalid("number", "number must be the number of a mitigation"))?;
        let note = match note.trim() {
            "" => None,
            text => Some(PrivateText::new("note", text, ids::random()?)?),
        };
        own.allowed.execute(Command::Finish { id: id.clone(), number, note }, &requested).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}
