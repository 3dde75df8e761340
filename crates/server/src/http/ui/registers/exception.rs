//! One exception: what it waives, until when, who said so; and the verdict of whoever may give one.

use askama::Template;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::access::{Action, Role};
use chancery_core::exception::Standing;
use chancery_core::names::{ExceptionId, Label, ModelId, clipped};
use chancery_core::tables::ModelRow;
use serde::Deserialize;

use super::exceptions::PATH;
use super::moved;
use crate::app::{AppError, Receipt};
use crate::http::api::exception::{ExceptionView, exception};
use crate::http::ui::admin::several::Revision;
use crate::http::ui::again::Answered;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Path, Shown};
use crate::http::{Permit, caller};
use crate::store::Snapshot;
use crate::values;

#[derive(Template)]
#[template(path = "registers-exception.html")]
struct Exception {
    frame: Frame,
    exception: ExceptionView,
    standing: Standing,
    /// Roles that the policy names for the rule and that whoever looks has.
    roles: Vec<String>,
    may_revoke: bool,
    asked_himself: bool,
    fields: Fields,
}

impl Exception {
    fn is_waiting(&self) -> bool {
        self.standing == Standing::Requested
    }

    fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Requested | Standing::Granted)
    }

    fn grantors(&self) -> String {
        self.exception.grantors.join(" or ")
    }

    fn title(&self) -> &str {
        &self.exception.rule
    }
}

async fn model(snapshot: &Snapshot, view: &ExceptionView) -> Result<Option<ModelRow>, AppError> {
    Ok(snapshot.get::<ModelRow>(values![ModelId::parse(&view.model.id)?]).await?)
}

async fn shown(own: &Shown<caller::Read>, id: &ExceptionId, (status, note): (StatusCode, Option<Note>), fields: Fields) -> Result<Response, PageError> {
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    let snapshot = own.allowed.read().await?;
    let view = exception(app, &snapshot, id).await?;
    let model = model(&snapshot, &view).await?;
    let may = |action: Action| model.as_ref().is_some_and(|model| app.may(caller, action, model));
    let holds = |role: &&String| caller.actor.roles.iter().any(|grant| matches!(&grant.role, Role::Approver(held) if held.as_str() == role.as_str()));
    let roles = if may(Action::GrantException) { view.grantors.iter().filter(holds).cloned().collect() } else { Vec::new() };
    let frame = own.frame(&snapshot, Area::Exceptions, &clipped(&view.rule)).await?.under(PATH, "Exceptions").json(format!("/api/v1/exceptions/{id}"));
    let template = Exception {
        frame: frame.present_only().with(note),
        standing: Standing::parse(&view.status)?,
        may_revoke: may(Action::RequestException) || !roles.is_empty(),
        asked_himself: view.requested_by == caller.actor.id.as_str(),
        roles,
        exception: view,
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /exceptions/{id}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(id): Path<ExceptionId>) -> Result<Response, PageError> {
    shown(&own, &id, (StatusCode::OK, None), Fields::default()).await
}

/// Refuses what was filled in about another standing than the one that there is.
async fn check_unchanged<P: Permit>(own: &Shown<P>, id: &ExceptionId, seen: Revision) -> Result<(), AppError> {
    let view = exception(&own.allowed.app, &own.allowed.read().await?, id).await?;
    if view.revision == seen.0 { Ok(()) } else { Err(moved("exception", &format!("now it is {}", view.status)).into()) }
}

async fn answered<P: Permit>(
    own: Shown<P>,
    parts: &Parts,
    id: &ExceptionId,
    fields: Fields,
    outcome: Result<Receipt, AppError>,
) -> Result<Response, PageError> {
    match own.answered(parts, &format!("{PATH}/{id}"), outcome).await? {
        Answered::Recorded(response) => Ok(response),
        Answered::Refused(own, status, note) => shown(&own, id, (status, Some(note)), fields).await,
    }
}

/// In which role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    revision: Revision,
    role: Label,
}

/// `POST /exceptions/{id}/grant`.
pub(super) async fn grant(Path(id): Path<ExceptionId>, posted: Posted<caller::GrantException, Grant>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Grant { revision, role } = filled(form)?;
        check_unchanged(&own, &id, revision).await?;
        own.allowed.app.grant_exception(&own.allowed.caller, &id, Some(&role), &own.allowed.options(&requested)).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}

/// In which role, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    revision: Revision,
    role: Label,
    reason: String,
}

/// `POST /exceptions/{id}/refuse`.
pub(super) async fn refuse(Path(id): Path<ExceptionId>, posted: Posted<caller::GrantException, Refuse>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Refuse { revision, role, reason } = filled(form)?;
        check_unchanged(&own, &id, revision).await?;
        own.allowed.app.refuse_exception(&own.allowed.caller, &id, Some(&role), &reason, &own.allowed.options(&requested)).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}

/// Why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    revision: Revision,
    why: String,
}

/// `POST /exceptions/{id}/revoke`.
pub(super) async fn revoke(Path(id): Path<ExceptionId>, posted: Posted<caller::RequestException, Revoke>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Revoke { revision, why } = filled(form)?;
        check_unchanged(&own, &id, revision).await?;
        own.allowed.app.revoke_exception(&own.allowed.caller, &id, &why, &own.allowed.options(&requested)).await
    };
    let outcome = outcome.await;
    answered(own, &parts, &id, fields, outcome).await
}
