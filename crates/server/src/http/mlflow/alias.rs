//! Aliases: set or moved whatever they named before, as MLflow does; what they promise is checked by the core.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use chancery_core::alias::{Command, Expected};
use chancery_core::names::{AliasName, ModelName};
use chancery_core::refusal::Code;

use super::caller::MlflowAllowed;
use super::error::{MlflowError, clipped};
use super::names::{is_latest, known_model, new_alias, no_version, version_number};
use super::versions::{self, VersionAnswer};
use super::wire::Fields;
use super::{Nothing, view};
use crate::app::AppError;
use crate::app::current::Question;
use crate::http::{caller, extract};

/// POST `registered-models/alias`.
pub(super) async fn set(allowed: MlflowAllowed<caller::SetAlias>, fields: Fields) -> Result<Json<Nothing>, MlflowError> {
    let (name, alias, version) = (fields.required("name")?, fields.required("alias")?, fields.required("version")?);
    let alias = new_alias(alias)?;
    let missing = || no_version(name, version);
    let number = version_number(version)?.ok_or_else(missing)?;
    let known = known_model(name).map_err(|_| missing())?;
    let row = view::version_row(&allowed.read().await?, &known, number).await?.ok_or_else(missing)?;
    allowed.execute(Command::Set { model: row.model_id, alias, number, expected: Expected::Anything }).await?;
    Ok(Json(Nothing {}))
}

/// GET `registered-models/alias`.
pub(super) async fn get(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Result<Response, MlflowError> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let known = known_model(name)?;
    if is_latest(alias) {
        return newest(&allowed, &known).await;
    }
    let question = AliasName::parse(alias).ok().map(|alias| Question::MlflowAlias(known.clone(), alias));
    if let Some(kept) = question.as_ref().and_then(|question| allowed.0.kept(question)) {
        return Ok(extract::shown(kept));
    }
    let snapshot = allowed.read().await?;
    if let Some(question @ Question::MlflowAlias(_, alias)) = &question
        && let Some((model, version)) = view::aliased(&snapshot, &known, alias).await?
    {
        return versions::kept(&allowed, question.clone(), model, &snapshot, version).await;
    }
    // Is it the alias or the model that is not there?
    view::model_row(&snapshot, &known).await?;
    Err(MlflowError::invalid(format!("Registered model alias {} not found.", clipped(alias))))
}

/// The version with the highest number.
async fn newest(allowed: &MlflowAllowed<caller::Read>, name: &ModelName) -> Result<Response, MlflowError> {
    let snapshot = allowed.read().await?;
    let model = view::model_row(&snapshot, name).await?;
    let none = || MlflowError::missing(format!("Latest version not found for model {}.", clipped(name.as_str())));
    let number = view::highest(&snapshot, &model).await?.ok_or_else(none)?;
    let (_, version) = view::version(&snapshot, name, number).await?.ok_or_else(none)?;
    Ok(VersionAnswer::json(version).into_response())
}

/// DELETE `registered-models/alias`. An alias that is not there is gone, which is what was asked.
pub(super) async fn delete(allowed: MlflowAllowed<caller::SetAlias>, fields: Fields) -> Result<Json<Nothing>, MlflowError> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let model = view::model_row(&allowed.read().await?, &known_model(name)?).await?;
    let Ok(alias) = AliasName::parse(alias) else { return Ok(Json(Nothing {})) };
    let command = Command::Delete { model: model.model_id, alias, expected: Expected::Anything };
    let authorized = allowed.0.app.allow_command(&allowed.0.caller, command).await?;
    match allowed.0.app.execute(authorized, &allowed.options()).await {
        Ok(_) => Ok(Json(Nothing {})),
        Err(AppError::Refused(refusal, _)) if refusal.code == Code::NotFound => Ok(Json(Nothing {})),
        Err(other) => Err(other.into()),
    }
}
