//! Tags of models and versions.

use axum::Json;
use chancery_core::names::{ModelId, TagKey, VersionNumber};
use chancery_core::refusal::Code;
use chancery_core::tables::{TagRow, WHOLE_MODEL};
use chancery_core::tag::Command;

use super::caller::MlflowAllowed;
use super::error::MlflowError;
use super::names::{known_model, no_version, tag, version_number};
use super::wire::Fields;
use super::{Nothing, view};
use crate::app::AppError;
use crate::http::caller;
use crate::store::Snapshot;
use crate::values;

type Answer = Result<Json<Nothing>, MlflowError>;

/// POST `registered-models/set-tag`.
pub(super) async fn set_on_model(allowed: MlflowAllowed<caller::Register>, fields: Fields) -> Answer {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    let (key, value) = tag(key, fields.text_or_empty("value")?.to_owned())?;
    let model = view::model_row(&allowed.read().await?, &known_model(name)?).await?.model_id;
    allowed.execute(Command::Set { model, number: None, key, value }).await?;
    Ok(Json(Nothing {}))
}

/// DELETE `registered-models/delete-tag`.
pub(super) async fn delete_from_model(allowed: MlflowAllowed<caller::Register>, fields: Fields) -> Answer {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    let snapshot = allowed.read().await?;
    let model = view::model_row(&snapshot, &known_model(name)?).await?.model_id;
    delete(&allowed, snapshot, model, None, key).await
}

/// POST `model-versions/set-tag`.
pub(super) async fn set_on_version(allowed: MlflowAllowed<caller::Register>, fields: Fields) -> Answer {
    let (name, version, key) = (fields.required("name")?, fields.required("version")?, fields.required("key")?);
    let (key, value) = tag(key, fields.text_or_empty("value")?.to_owned())?;
    let (model, number) = subject(&allowed.read().await?, name, version).await?;
    allowed.execute(Command::Set { model, number: Some(number), key, value }).await?;
    Ok(Json(Nothing {}))
}

/// DELETE `model-versions/delete-tag`.
pub(super) async fn delete_from_version(allowed: MlflowAllowed<caller::Register>, fields: Fields) -> Answer {
    let (name, version, key) = (fields.required("name")?, fields.required("version")?, fields.required("key")?);
    let snapshot = allowed.read().await?;
    let (model, number) = subject(&snapshot, name, version).await?;
    delete(&allowed, snapshot, model, Some(number), key).await
}

async fn subject(snapshot: &Snapshot, name: &str, version: &str) -> Result<(ModelId, VersionNumber), MlflowError> {
    let missing = || no_version(name, version);
    let number = version_number(version)?.ok_or_else(missing)?;
    let name = known_model(name).map_err(|_| missing())?;
    let row = view::version_row(snapshot, &name, number).await?.ok_or_else(missing)?;
    Ok((row.model_id, number))
}

/// Removes a tag. One that is not there is gone, which is what was asked: nothing is recorded.
async fn delete(allowed: &MlflowAllowed<caller::Register>, snapshot: Snapshot, model: ModelId, number: Option<VersionNumber>, key: &str) -> Answer {
    let Ok(key) = TagKey::parse(key) else { return Ok(Json(Nothing {})) };
    let stored = number.map_or(WHOLE_MODEL, VersionNumber::get);
    if snapshot.get::<TagRow>(values![model, stored, key]).await?.is_none() {
        return Ok(Json(Nothing {}));
    }
    drop(snapshot);
    let authorized = allowed.0.app.allow_command(&allowed.0.caller, Command::Delete { model, number, key }).await?;
    match allowed.0.app.execute(authorized, &allowed.options()).await {
        Ok(_) => Ok(Json(Nothing {})),
        Err(AppError::Refused(refusal, _)) if refusal.code == Code::NotFound => Ok(Json(Nothing {})),
        Err(other) => Err(other.into()),
    }
}
