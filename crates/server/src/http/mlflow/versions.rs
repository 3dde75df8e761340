//! Model versions: create, get, update, delete, search, where to download them.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::Response;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::{ModelId, ModelName, VersionNumber};
use chancery_core::version::Command;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::caller::MlflowAllowed;
use super::download::Base;
use super::error::MlflowError;
use super::names::{known_model, new_model, no_version, tag, version_number};
use super::search::{self, Target};
use super::source::Said;
use super::view::ModelVersion;
use super::wire::Fields;
use super::{Nothing, artifacts, download, prompt, reserved, source, view};
use crate::app::current::{self, Question};
use crate::app::register::NewVersion;
use crate::fault::Fault;
use crate::http::caller::{self, Permit};
use crate::http::extract;
use crate::ids;
use crate::store::Snapshot;

/// `{"model_version": …}`.
#[derive(Debug, Serialize)]
pub(super) struct VersionAnswer {
    model_version: ModelVersion,
}

impl VersionAnswer {
    /// The answer about a version.
    pub(super) fn json(model_version: ModelVersion) -> Json<Self> {
        Json(Self { model_version })
    }
}

type Answer = Result<Json<VersionAnswer>, MlflowError>;

/// POST `model-versions/create`.
pub(super) async fn create(allowed: MlflowAllowed<caller::Register>, base: Base, fields: Fields) -> Answer {
    let (given, source) = (fields.required("name")?, fields.required("source")?);
    let said = Said { source, run_id: fields.text("run_id")?, model_id: fields.text("model_id")?, run_link: fields.text_or_empty("run_link")? };
    let description = fields.text_or_empty("description")?.to_owned();
    let tags = fields.tags()?.into_iter().map(|(key, value)| tag(&key, value)).collect::<Result<Vec<_>, _>>()?;
    let is_prompt = prompt::is_prompt(&tags);
    let sourced = if is_prompt { prompt::sealed(&allowed, said, &tags).await? } else { source::resolve(&allowed, said, &base).await? };
    let name = new_model(given, "name")?;
    let snapshot = allowed.read().await?;
    let model = view::model_row(&snapshot, &name).await?;
    if !is_prompt && prompt::is_tagged(&snapshot, &model).await? {
        return Err(MlflowError::invalid(format!("'{name}' is a prompt: a version of it needs the tag `mlflow.prompt.is_prompt`")));
    }
    let reserved::Said { mut facts, semver } = reserved::read(&tags)?;
    if is_prompt {
        prompt::facts(&tags, &mut facts);
    }
    add_lineage(&mut facts, said, sourced.parent);
    let origin = sourced.origin;
    let new = NewVersion {
        files: sourced.files,
        facts: Value::Object(facts),
        semver,
        description: description.clone(),
        origin: Some(origin.clone()),
        tags: tags.clone(),
    };
    let command = allowed.0.app.registration(snapshot, &model, new).await?;
    let entry = allowed.execute(command).await?.first()?;
    let Subject::Version(_, number) = entry.subject else {
        return Err(Fault::Config("the entry of a registration is about no version".to_owned()).into());
    };
    Ok(VersionAnswer::json(view::registered(&name, number, entry.at, description, origin, tags)))
}

/// The version that this one is a copy of, and the logged model that the caller names, as facts.
fn add_lineage(facts: &mut Map<String, Value>, said: Said<'_>, parent: Option<String>) {
    if let Some(parent) = parent
        && let Value::Array(parents) = facts.entry("parents").or_insert_with(|| json!([]))
    {
        parents.push(json!({"reference": parent, "relation": "copy"}));
    }
    if let Some(id) = said.model_id.filter(|id| !id.is_empty())
        && let Value::Object(claims) = facts.entry("claims").or_insert_with(|| json!({}))
    {
        claims.insert("logged_model".to_owned(), json!(id));
    }
}

async fn shown<P: Permit>(allowed: &MlflowAllowed<P>, name: &ModelName, number: VersionNumber) -> Answer {
    let found = view::version(&allowed.read().await?, name, number).await?;
    found.map(|(_, version)| VersionAnswer::json(version)).ok_or_else(|| no_version(name.as_str(), number))
}

/// Name and number of the version that a request is about.
fn asked(fields: &Fields) -> Result<(ModelName, VersionNumber), MlflowError> {
    let (name, version) = (fields.required("name")?, fields.required("version")?);
    let missing = || no_version(name, version);
    let number = version_number(version)?.ok_or_else(missing)?;
    Ok((known_model(name).map_err(|_| missing())?, number))
}

/// GET `model-versions/get`.
pub(super) async fn get(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Result<Response, MlflowError> {
    let (name, number) = asked(&fields)?;
    let question = Question::MlflowVersion(name.clone(), number);
    if let Some(kept) = allowed.0.kept(&question) {
        return Ok(extract::shown(kept));
    }
    let snapshot = allowed.read().await?;
    let (model, model_version) = view::version(&snapshot, &name, number).await?.ok_or_else(|| no_version(name.as_str(), number))?;
    kept(&allowed, question, model, &snapshot, model_version).await
}

/// The answer about a version, which is kept from now on.
pub(super) async fn kept<P: Permit>(
    allowed: &MlflowAllowed<P>,
    question: Question,
    model: ModelId,
    snapshot: &Snapshot,
    model_version: ModelVersion,
) -> Result<Response, MlflowError> {
    let answer = current::Answer::json(None, &VersionAnswer { model_version })?;
    Ok(extract::shown(allowed.0.app.keep(question, model, snapshot, answer).await?))
}

/// PATCH `model-versions/update`: no description clears it.
pub(super) async fn update(allowed: MlflowAllowed<caller::Register>, fields: Fields) -> Answer {
    let (name, number) = asked(&fields)?;
    let description = fields.text_or_empty("description")?.to_owned();
    let row = view::version_row(&allowed.read().await?, &name, number).await?.ok_or_else(|| no_version(name.as_str(), number))?;
    allowed.execute(Command::Describe { model: row.model_id, number, description, expected: None }).await?;
    shown(&allowed, &name, number).await
}

/// DELETE `model-versions/delete`: the version is hidden; its entries, number and bytes stay.
pub(super) async fn delete(allowed: MlflowAllowed<caller::Retire>, fields: Fields) -> Result<Json<Nothing>, MlflowError> {
    let (name, number) = asked(&fields)?;
    let row = view::version_row(&allowed.read().await?, &name, number).await?.ok_or_else(|| no_version(name.as_str(), number))?;
    let reason = PrivateText::new("reason", "deleted through MLflow", ids::random()?)?;
    allowed.0.app.hide_version(&allowed.0.caller, &row.model_id, number, &reason, &allowed.options()).await?;
    Ok(Json(Nothing {}))
}

/// A page of versions.
#[derive(Debug, Serialize)]
pub(super) struct SearchAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<ModelVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// GET `model-versions/search`.
pub(super) async fn search(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Result<Json<SearchAnswer>, MlflowError> {
    let query = fields.search(Target::Versions, search::MAX_VERSIONS, search::MAX_VERSIONS)?;
    let snapshot = allowed.read().await?;
    let (found, next_page_token) = search::versions(&snapshot, &query).await?;
    Ok(Json(SearchAnswer { model_versions: view::versions(&snapshot, found).await?, next_page_token }))
}

/// GET `/model-versions/get-artifact`: a file of a version, for MLflow's web page.
pub(super) async fn artifact(allowed: MlflowAllowed<caller::Read>, headers: HeaderMap, fields: Fields) -> Result<Response, MlflowError> {
    let (name, number) = asked(&fields)?;
    let path = fields.required("path")?;
    let row = view::version_row(&allowed.read().await?, &name, number).await?.ok_or_else(|| no_version(name.as_str(), number))?;
    artifacts::sealed_file(&allowed, &row, path, &headers).await
}

/// `{"artifact_uri": …}`.
#[derive(Debug, Serialize)]
pub(super) struct DownloadAnswer {
    artifact_uri: String,
}

/// GET `model-versions/get-download-uri`.
pub(super) async fn download_uri(allowed: MlflowAllowed<caller::Read>, base: Base, fields: Fields) -> Result<Json<DownloadAnswer>, MlflowError> {
    let (name, version) = (fields.text_or_empty("name")?, fields.text_or_empty("version")?);
    let missing = || no_version(name, version);
    let number = version_number(version)?.ok_or_else(missing)?;
    let known = known_model(name).map_err(|_| missing())?;
    let snapshot = allowed.read().await?;
    let row = view::version_row(&snapshot, &known, number).await?.ok_or_else(missing)?;
    Ok(Json(DownloadAnswer { artifact_uri: download::uri(&snapshot, &base, &row).await? }))
}
