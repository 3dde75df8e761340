//! The form that changes the policy mode.

use axum::response::Response;
use chancery_core::names::PolicyMode;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::SettingRow;
use serde::Deserialize;

use super::super::again::recorded;
use super::super::form::{Posted, filled};
use super::super::layout::Note;
use super::super::session::{PageError, Shown};
use super::shown;
use crate::app::{AppError, Options};
use crate::http::caller;
use crate::values;

/// A mode and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[serde(default)]
    mode: String,
    reason: String,
    /// The entry that set the mode which the form showed.
    revision: String,
}

/// `POST /policy/mode`.
pub(super) async fn change(posted: Posted<caller::ManageSettings, Form>) -> Result<Response, PageError> {
    let Posted { shown: own, form, fields, requested, .. } = posted;
    let outcome = async {
        let form = filled(form)?;
        if form.mode.is_empty() {
            return Err(Refusal::invalid("mode", "no mode is chosen").remedy("choose enforce or warn").into());
        }
        let mode = PolicyMode::parse(&form.mode)?;
        let options = own.allowed.options(&requested);
        unmoved(&own, &form.revision, &options).await?;
        own.allowed.app.set_policy_mode(&own.allowed.caller, mode, &form.reason, &options).await
    };
    let outcome: Result<_, AppError> = outcome.await;
    match outcome {
        Ok(made) => Ok(recorded("/policy", &made)),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own, status, Some(note), &fields).await
        }
    }
}

/// Refuses a form that showed another mode than the one in force.
async fn unmoved(own: &Shown<caller::ManageSettings>, revision: &str, options: &Options) -> Result<(), AppError> {
    if own.allowed.app.replayed(options).await?.is_some() {
        // The same form once more: it is answered as the first time.
        return Ok(());
    }
    let snapshot = own.allowed.read().await?;
    let row = snapshot.get::<SettingRow>(values![POLICY_MODE]).await?;
    let (now, mode) = row.map_or((0, PolicyMode::Enforce.to_string()), |row| (row.revision, row.value));
    if revision == now.to_string() {
        return Ok(());
    }
    let message = format!("the mode was changed while you read: it is {mode} since entry {now}");
    Err(Refusal::new(Code::PreconditionFailed, &message).remedy("look at what is in force now, and send the form again if you still mean it").into())
}
