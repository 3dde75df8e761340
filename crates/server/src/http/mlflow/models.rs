//! Registered models: create, get, update, rename, delete, search, latest versions.

use axum::Json;
use chancery_core::entry::PrivateText;
use chancery_core::model::{Command, Ownership, Profile};
use chancery_core::names::{ModelKind, ModelName, RiskTier};
use chancery_core::refusal::Code;
use chancery_core::tables::ModelRow;
use serde::Serialize;

use super::caller::MlflowAllowed;
use super::error::MlflowError;
use super::names::{known_model, new_model, tag};
use super::search::{self, Target};
use super::stage::Stage;
use super::view::{ModelVersion, RegisteredModel};
use super::wire::Fields;
use super::{Nothing, prompt, view};
use crate::app::AppError;
use crate::fault::Fault;
use crate::http::caller;
use crate::ids;

/// Models of a page unless asked otherwise.
const DEFAULT_PAGE: i64 = 100;
/// How often a description is written when others change the model meanwhile.
const ATTEMPTS: usize = 4;

/// `{"registered_model": …}`.
#[derive(Debug, Serialize)]
pub(super) struct ModelAnswer {
    registered_model: RegisteredModel,
}

/// `{"model_versions": […]}`, `{}` when there are none.
#[derive(Debug, Serialize)]
pub(super) struct VersionsAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<ModelVersion>,
}

type Answer = Result<Json<ModelAnswer>, MlflowError>;

/// POST `registered-models/create`.
pub(super) async fn create(allowed: MlflowAllowed<caller::EditModel>, fields: Fields) -> Answer {
    let given = fields.required("name")?;
    let tags = fields.tags()?.into_iter().map(|(key, value)| tag(&key, value)).collect::<Result<Vec<_>, _>>()?;
    let name = new_model(given, "name")?;
    let is_prompt = prompt::is_prompt(&tags);
    let kind = if is_prompt { ModelKind::Prompt } else { ModelKind::Model };
    // Clients of MLflow cannot say which team owns a model: for who works in one team it is that team.
    let owning_team = allowed.0.app.team_for_new(&allowed.0.caller, kind, RiskTier::Unclassified);
    let ownership = Ownership { owning_team, ..Ownership::default() };
    let command = Command::Create {
        id: ids::model()?,
        name: name.clone(),
        kind,
        risk_tier: RiskTier::Unclassified,
        profile: Box::new(Profile { description: fields.text("description")?.map(str::to_owned), ownership, ..Profile::default() }),
        tags,
    };
    let authorized = allowed.0.app.allow_command(&allowed.0.caller, command).await?;
    match allowed.0.app.execute(authorized, &allowed.options()).await {
        Ok(_) => shown(&allowed, &name).await,
        Err(AppError::Refused(refusal, _)) if refusal.code == Code::AlreadyExists => Err(taken(&allowed, &name, is_prompt).await?),
        Err(other) => Err(other.into()),
    }
}

/// Says what has the name: clients show it, and tests match on it.
async fn taken(allowed: &MlflowAllowed<caller::EditModel>, name: &ModelName, is_prompt: bool) -> Result<MlflowError, MlflowError> {
    let snapshot = allowed.read().await?;
    let row = view::model_row(&snapshot, name).await?;
    let other = prompt::is_tagged(&snapshot, &row).await?;
    let message = match (is_prompt, other) {
        (false, false) => format!("Registered Model (name={name}) already exists."),
        (true, true) => format!("Prompt (name={name}) already exists."),
        (true, false) => format!(
            "Tried to create a prompt with name '{name}', but the name is already taken by a registered model. MLflow does not allow creating a model and a \
             prompt with the same name."
        ),
        (false, true) => format!(
            "Tried to create a registered model with name '{name}', but the name is already taken by a prompt. MLflow does not allow creating a model and a \
             prompt with the same name."
        ),
    };
    Ok(MlflowError::already_exists(message))
}

async fn shown<P: caller::Permit>(allowed: &MlflowAllowed<P>, name: &ModelName) -> Answer {
    let snapshot = allowed.read().await?;
    let row = view::model_row(&snapshot, name).await?;
    Ok(Json(ModelAnswer { registered_model: view::model(&snapshot, row).await? }))
}

/// GET `registered-models/get`.
pub(super) async fn get(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Answer {
    shown(&allowed, &known_model(fields.required("name")?)?).await
}

/// PATCH `registered-models/update`: no description, or an empty one, clears it. The rest of the profile stays as it is.
pub(super) async fn update(allowed: MlflowAllowed<caller::EditModel>, fields: Fields) -> Answer {
    let name = known_model(fields.required("name")?)?;
    let description = fields.text("description")?.filter(|text| !text.is_empty()).map(str::to_owned);
    for attempt in 1..=ATTEMPTS {
        let row = view::model_row(&allowed.read().await?, &name).await?;
        let command = describe(row, description.clone())?;
        let authorized = allowed.0.app.allow_command(&allowed.0.caller, command).await?;
        match allowed.0.app.execute(authorized, &allowed.options()).await {
            Ok(_) => break,
            // Somebody changed the model: its new profile gets the description.
            Err(AppError::Refused(refusal, _)) if refusal.code == Code::PreconditionFailed && attempt < ATTEMPTS => {}
            Err(other) => return Err(other.into()),
        }
    }
    shown(&allowed, &name).await
}

fn describe(row: ModelRow, description: Option<String>) -> Result<Command, MlflowError> {
    let profile: Profile = serde_json::from_value(row.profile).map_err(|error| Fault::database("read a profile", error))?;
    Ok(Command::Update { id: row.model_id, profile: Box::new(Profile { description, ..profile }), expected: Some(row.revision) })
}

/// POST `registered-models/rename`. To the name that it has is fine.
pub(super) async fn rename(allowed: MlflowAllowed<caller::ManageModel>, fields: Fields) -> Answer {
    let (given, new_name) = (fields.required("name")?, fields.required("new_name")?);
    let to = new_model(new_name, "new_name")?;
    let row = view::model_row(&allowed.read().await?, &known_model(given)?).await?;
    if row.name == to {
        return shown(&allowed, &to).await;
    }
    let command = Command::Rename { id: row.model_id, to: to.clone() };
    let authorized = allowed.0.app.allow_command(&allowed.0.caller, command).await?;
    match allowed.0.app.execute(authorized, &allowed.options()).await {
        Ok(_) => shown(&allowed, &to).await,
        Err(AppError::Refused(refusal, _)) if refusal.code == Code::AlreadyExists => match view::model_row(&allowed.read().await?, &to).await {
            Ok(_) => Err(MlflowError::already_exists(format!("Registered Model (name={to}) already exists"))),
            Err(_) => Err((*refusal).into()),
        },
        Err(other) => Err(other.into()),
    }
}

/// DELETE `registered-models/delete`: the model is hidden; its entries, versions and bytes stay.
pub(super) async fn delete(allowed: MlflowAllowed<caller::ManageModel>, fields: Fields) -> Result<Json<Nothing>, MlflowError> {
    let name = known_model(fields.required("name")?)?;
    let row = view::model_row(&allowed.read().await?, &name).await?;
    let reason = PrivateText::new("reason", "deleted through MLflow", ids::random()?)?;
    allowed.0.app.hide_model(&allowed.0.caller, &row.model_id, &reason, &allowed.options()).await?;
    Ok(Json(Nothing {}))
}

/// A page of models.
#[derive(Debug, Serialize)]
pub(super) struct SearchAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<RegisteredModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// GET `registered-models/search`.
pub(super) async fn search(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Result<Json<SearchAnswer>, MlflowError> {
    let query = fields.search(Target::Models, DEFAULT_PAGE, search::MAX_MODELS)?;
    let snapshot = allowed.read().await?;
    let (rows, next_page_token) = search::models(&snapshot, &query).await?;
    Ok(Json(SearchAnswer { registered_models: view::models(&snapshot, rows).await?, next_page_token }))
}

/// POST or GET `registered-models/get-latest-versions`.
pub(super) async fn latest(allowed: MlflowAllowed<caller::Read>, fields: Fields) -> Result<Json<VersionsAnswer>, MlflowError> {
    let name = fields.required("name")?;
    let mut stages = fields.texts("stages")?.iter().map(|stage| Stage::parse(stage)).collect::<Result<Vec<_>, _>>()?;
    if stages.is_empty() {
        stages = Stage::ALL.to_vec();
    }
    let snapshot = allowed.read().await?;
    let row = view::model_row(&snapshot, &known_model(name)?).await?;
    Ok(Json(VersionsAnswer { model_versions: view::latest_of(&snapshot, &row, &stages).await? }))
}
