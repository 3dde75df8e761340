//! Models and versions as MLflow's clients read them, and the reads behind them: few statements, none of which waits for another
//! where it need not.
//!
//! Numbers are numbers, times are milliseconds, versions are text. What is not set is absent.

use std::collections::HashMap;

use chancery_core::names::{AliasName, ModelId, ModelName, State, TagKey, Timestamp, VersionNumber};
use chancery_core::rows::Value;
use chancery_core::tables::{AliasRow, ModelRow, TagRow, VersionRow, WHOLE_MODEL};
use chancery_core::version::Origin;
use serde::Serialize;

use super::error::MlflowError;
use super::names::no_model;
use super::search::Found;
use super::stage::Stage;
use crate::app::view::column;
use crate::store::Snapshot;
use crate::values;

/// Sizes of lists in statements: few, so that few statements are planned. A list is filled up with keys that nothing has.
const LISTS: [usize; 7] = [1, 4, 16, 32, 64, 128, LONGEST];
/// Longest list in a statement.
const LONGEST: usize = 1_024;

/// MLflow's RegisteredModel.
#[derive(Debug, Serialize)]
pub(super) struct RegisteredModel {
    name: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<ModelVersion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias>,
}

/// MLflow's ModelVersion.
#[derive(Debug, Serialize)]
pub(super) struct ModelVersion {
    name: String,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    current_stage: &'static str,
    description: String,
    source: String,
    run_id: String,
    status: &'static str,
    run_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

/// A tag.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Alias {
    alias: String,
    version: String,
}

fn milliseconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000)
}

fn model_version(name: &str, row: VersionRow, tags: Vec<Tag>, aliases: Vec<String>) -> ModelVersion {
    ModelVersion {
        name: name.to_owned(),
        version: row.number.to_string(),
        creation_timestamp: milliseconds(row.registered_at),
        last_updated_timestamp: milliseconds(row.last_updated_at),
        current_stage: Stage::of(row.state).as_str(),
        description: row.description,
        source: row.source,
        run_id: row.run_id,
        status: "READY",
        run_link: row.run_link,
        tags,
        aliases,
    }
}

/// A version as its registration made it: nothing of it has to be read.
pub(super) fn registered(
    name: &ModelName,
    number: VersionNumber,
    at: Timestamp,
    description: String,
    origin: Origin,
    tags: Vec<(TagKey, String)>,
) -> ModelVersion {
    let mut tags: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag { key: key.into(), value }).collect();
    tags.sort_by(|left, right| left.key.cmp(&right.key));
    ModelVersion {
        name: name.to_string(),
        version: number.to_string(),
        creation_timestamp: milliseconds(at),
        last_updated_timestamp: milliseconds(at),
        current_stage: Stage::of(State::Draft).as_str(),
        description,
        source: origin.source,
        run_id: origin.run_id,
        status: "READY",
        run_link: origin.run_link,
        tags,
        aliases: Vec::new(),
    }
}

/// The model that has a name now.
///
/// # Errors
/// RESOURCE_DOES_NOT_EXIST.
pub(super) async fn model_row(snapshot: &Snapshot, name: &ModelName) -> Result<ModelRow, MlflowError> {
    let tail = "JOIN names ON names.model_id = models.model_id WHERE names.name = $1";
    let rows = snapshot.rows::<ModelRow>(tail, &values![*name]).await?;
    rows.into_iter().next().ok_or_else(|| no_model(name.as_str()))
}

/// A version by the name that its model has now, unless it is hidden.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn version_row(snapshot: &Snapshot, name: &ModelName, number: VersionNumber) -> Result<Option<VersionRow>, MlflowError> {
    let tail = "JOIN names ON names.model_id = versions.model_id WHERE names.name = $1 AND versions.number = $2 AND versions.hidden = 0";
    Ok(snapshot.rows::<VersionRow>(tail, &values![*name, number]).await?.into_iter().next())
}

/// A version with its tags and aliases, and its model, if it is there. The statements do not wait for each other.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn version(snapshot: &Snapshot, name: &ModelName, number: VersionNumber) -> Result<Option<(ModelId, ModelVersion)>, MlflowError> {
    let parameters = values![*name, number];
    let tags = "SELECT tags.key, tags.value FROM names JOIN tags ON tags.model_id = names.model_id
        WHERE names.name = $1 AND tags.number = $2 ORDER BY tags.key";
    let aliases = "SELECT aliases.alias FROM names JOIN aliases ON aliases.model_id = names.model_id
        WHERE names.name = $1 AND aliases.number = $2 ORDER BY aliases.alias";
    let (row, tags, aliases) =
        tokio::try_join!(version_row(snapshot, name, number), tags_of(snapshot, tags, &parameters), texts(snapshot, aliases, &parameters))?;
    Ok(row.map(|row| (row.model_id.clone(), model_version(name.as_str(), row, tags, aliases))))
}

/// The version that an alias names, with its tags and aliases, and its model, if the alias is there.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn aliased(snapshot: &Snapshot, name: &ModelName, alias: &AliasName) -> Result<Option<(ModelId, ModelVersion)>, MlflowError> {
    let parameters = values![*name, *alias];
    let row = "JOIN aliases ON aliases.model_id = versions.model_id AND aliases.number = versions.number
        JOIN names ON names.model_id = aliases.model_id WHERE names.name = $1 AND aliases.alias = $2 AND versions.hidden = 0";
    let tags = "SELECT tags.key, tags.value FROM names JOIN aliases ON aliases.model_id = names.model_id
        JOIN tags ON tags.model_id = aliases.model_id AND tags.number = aliases.number
        WHERE names.name = $1 AND aliases.alias = $2 ORDER BY tags.key";
    let all = "SELECT others.alias FROM names JOIN aliases ON aliases.model_id = names.model_id
        JOIN aliases AS others ON others.model_id = aliases.model_id AND others.number = aliases.number
        WHERE names.name = $1 AND aliases.alias = $2 ORDER BY others.alias";
    let row = async { Ok(snapshot.rows::<VersionRow>(row, &parameters).await?.into_iter().next()) };
    let (row, tags, aliases) = tokio::try_join!(row, tags_of(snapshot, tags, &parameters), texts(snapshot, all, &parameters))?;
    Ok(row.map(|row| (row.model_id.clone(), model_version(name.as_str(), row, tags, aliases))))
}

/// The highest number of a model that is not hidden, if it has any.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn highest(snapshot: &Snapshot, model: &ModelRow) -> Result<Option<VersionNumber>, MlflowError> {
    let sql = "SELECT number FROM versions WHERE model_id = $1 AND hidden = 0 ORDER BY number DESC LIMIT 1";
    let rows = snapshot.query(sql, &values![model.model_id]).await?;
    rows.first().map(|row| column(row, 0)).transpose().map_err(Into::into)
}

/// The number that an alias names, if the alias is there.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn aliased_number(snapshot: &Snapshot, name: &ModelName, alias: &AliasName) -> Result<Option<VersionNumber>, MlflowError> {
    let sql = "SELECT aliases.number FROM names JOIN aliases ON aliases.model_id = names.model_id WHERE names.name = $1 AND aliases.alias = $2";
    let rows = snapshot.query(sql, &values![*name, *alias]).await?;
    rows.first().map(|row| column(row, 0)).transpose().map_err(Into::into)
}

/// The newest version of a model in a stage, if it has any.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn newest_in(snapshot: &Snapshot, model: &ModelRow, stage: Stage) -> Result<Option<VersionRow>, MlflowError> {
    let rows = latest(snapshot, std::slice::from_ref(&model.model_id)).await?;
    Ok(newest_of_each_stage(rows).into_iter().find(|row| Stage::of(row.state) == stage))
}

/// One model.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn model(snapshot: &Snapshot, row: ModelRow) -> Result<RegisteredModel, MlflowError> {
    let name = row.name.clone();
    models(snapshot, vec![row]).await?.pop().ok_or_else(|| no_model(name.as_str()))
}

/// Models with tags, aliases and the newest version of each stage; a few statements for all of them.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn models(snapshot: &Snapshot, rows: Vec<ModelRow>) -> Result<Vec<RegisteredModel>, MlflowError> {
    let ids: Vec<ModelId> = rows.iter().map(|row| row.model_id.clone()).collect();
    let (mut aliases, latest) = tokio::try_join!(aliases_of(snapshot, &ids), latest(snapshot, &ids))?;
    let mut subjects: Vec<(ModelId, u64)> = ids.iter().map(|id| (id.clone(), WHOLE_MODEL)).collect();
    subjects.extend(latest.iter().map(|row| (row.model_id.clone(), row.number.get())));
    let mut tags = tags_by_subject(snapshot, &subjects).await?;
    let mut newest: HashMap<ModelId, Vec<VersionRow>> = HashMap::new();
    for row in latest {
        newest.entry(row.model_id.clone()).or_default().push(row);
    }
    let view = |row: ModelRow| {
        let versions = newest.remove(&row.model_id).unwrap_or_default();
        let version = |version: VersionRow| {
            let tags = tags.remove(&(version.model_id.clone(), version.number.get())).unwrap_or_default();
            model_version(row.name.as_str(), version, tags, Vec::new())
        };
        RegisteredModel {
            latest_versions: newest_of_each_stage(versions).into_iter().map(version).collect(),
            name: row.name.to_string(),
            creation_timestamp: milliseconds(row.created_at),
            last_updated_timestamp: milliseconds(row.last_updated_at),
            description: row.profile.get("description").and_then(|text| text.as_str()).map(str::to_owned),
            tags: tags.remove(&(row.model_id.clone(), WHOLE_MODEL)).unwrap_or_default(),
            aliases: aliases.remove(&row.model_id).unwrap_or_default(),
        }
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Versions with their tags and without their aliases, as search shows them.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn versions(snapshot: &Snapshot, found: Vec<Found>) -> Result<Vec<ModelVersion>, MlflowError> {
    let subjects: Vec<(ModelId, u64)> = found.iter().map(|found| (found.version.model_id.clone(), found.version.number.get())).collect();
    let mut tags = tags_by_subject(snapshot, &subjects).await?;
    let view = |Found { name, version: row }: Found| {
        let tags = tags.remove(&(row.model_id.clone(), row.number.get())).unwrap_or_default();
        model_version(name.as_str(), row, tags, Vec::new())
    };
    Ok(found.into_iter().map(view).collect())
}

/// The newest version of each stage of a model, with tags and aliases, by number.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn latest_of(snapshot: &Snapshot, model: &ModelRow, stages: &[Stage]) -> Result<Vec<ModelVersion>, MlflowError> {
    let ids = [model.model_id.clone()];
    let (rows, aliases) = tokio::try_join!(latest(snapshot, &ids), aliases_of(snapshot, &ids))?;
    let mut rows = newest_of_each_stage(rows);
    rows.retain(|row| stages.contains(&Stage::of(row.state)));
    let subjects: Vec<(ModelId, u64)> = rows.iter().map(|row| (row.model_id.clone(), row.number.get())).collect();
    let mut tags = tags_by_subject(snapshot, &subjects).await?;
    let aliases = aliases.into_values().next().unwrap_or_default();
    let view = |row: VersionRow| {
        let number = row.number.to_string();
        let mine = aliases.iter().filter(|alias| alias.version == number).map(|alias| alias.alias.clone()).collect();
        let tags = tags.remove(&(row.model_id.clone(), row.number.get())).unwrap_or_default();
        model_version(model.name.as_str(), row, tags, mine)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Of versions in different states the newest of each stage, by number.
fn newest_of_each_stage(mut rows: Vec<VersionRow>) -> Vec<VersionRow> {
    rows.sort_by_key(|row| std::cmp::Reverse(row.number));
    let mut seen: Vec<Stage> = Vec::new();
    rows.retain(|row| {
        let stage = Stage::of(row.state);
        let new = !seen.contains(&stage);
        seen.push(stage);
        new
    });
    rows.reverse();
    rows
}

/// The newest version of each state of these models. It reads one version a state, however many there are.
async fn latest(snapshot: &Snapshot, models: &[ModelId]) -> Result<Vec<VersionRow>, MlflowError> {
    let newest: Vec<String> = State::ALL
        .iter()
        .map(|state| {
            format!(
                "(SELECT max(newest.number) FROM versions AS newest WHERE newest.model_id = models.model_id AND newest.state = '{state}'
                AND newest.hidden = 0)"
            )
        })
        .collect();
    let mut found = Vec::new();
    for (list, parameters) in lists(models) {
        let tail =
            format!("JOIN models ON versions.model_id = models.model_id AND versions.number IN ({}) WHERE models.model_id IN ({list})", newest.join(", "));
        found.extend(snapshot.rows::<VersionRow>(&tail, &parameters).await?);
    }
    Ok(found)
}

/// The aliases of these models, each in byte order.
async fn aliases_of(snapshot: &Snapshot, models: &[ModelId]) -> Result<HashMap<ModelId, Vec<Alias>>, MlflowError> {
    let mut found: HashMap<ModelId, Vec<Alias>> = HashMap::new();
    for (list, parameters) in lists(models) {
        let tail = format!("WHERE model_id IN ({list}) ORDER BY model_id, alias");
        for row in snapshot.rows::<AliasRow>(&tail, &parameters).await? {
            let alias = Alias { alias: row.alias.to_string(), version: row.number.to_string() };
            found.entry(row.model_id).or_default().push(alias);
        }
    }
    Ok(found)
}

/// The tags of models (number 0) and versions, each in byte order of the keys.
async fn tags_by_subject(snapshot: &Snapshot, subjects: &[(ModelId, u64)]) -> Result<HashMap<(ModelId, u64), Vec<Tag>>, MlflowError> {
    let mut found: HashMap<(ModelId, u64), Vec<Tag>> = HashMap::new();
    for chunk in subjects.chunks(LONGEST) {
        let size = list_size(chunk.len());
        let mut parameters: Vec<Value> = chunk.iter().flat_map(|(id, number)| values![*id, *number]).collect();
        parameters.resize_with(size * 2, || Value::Null);
        let pairs: Vec<String> = (0..size).map(|at| format!("(CAST(${} AS TEXT), CAST(${} AS BIGINT))", at * 2 + 1, at * 2 + 2)).collect();
        let sql = format!(
            "WITH wanted (model_id, number) AS (VALUES {}) SELECT tags.model_id, tags.number, tags.key, tags.value, tags.revision FROM wanted
            CROSS JOIN tags WHERE tags.model_id = wanted.model_id AND tags.number = wanted.number ORDER BY tags.model_id, tags.number, tags.key",
            pairs.join(", ")
        );
        for values in snapshot.query(&sql, &parameters).await? {
            let row = <TagRow as chancery_core::rows::Row>::from_values(values).map_err(crate::fault::Fault::from)?;
            found.entry((row.model_id, row.number)).or_default().push(Tag { key: row.key.to_string(), value: row.value });
        }
    }
    Ok(found)
}

/// Placeholders and parameters for lists of models.
fn lists(models: &[ModelId]) -> impl Iterator<Item = (String, Vec<Value>)> {
    models.chunks(LONGEST).map(|chunk| {
        let size = list_size(chunk.len());
        let mut parameters: Vec<Value> = chunk.iter().flat_map(|id| values![*id]).collect();
        parameters.resize_with(size, || Value::Text(String::new()));
        let places: Vec<String> = (1..=size).map(|at| format!("${at}")).collect();
        (places.join(", "), parameters)
    })
}

fn list_size(length: usize) -> usize {
    LISTS.into_iter().find(|size| *size >= length).unwrap_or(length)
}

async fn tags_of(snapshot: &Snapshot, sql: &str, parameters: &[Value]) -> Result<Vec<Tag>, MlflowError> {
    let rows = snapshot.query(sql, parameters).await?;
    rows.iter().map(|row| Ok(Tag { key: column(row, 0)?, value: column(row, 1)? })).collect()
}

async fn texts(snapshot: &Snapshot, sql: &str, parameters: &[Value]) -> Result<Vec<String>, MlflowError> {
    let rows = snapshot.query(sql, parameters).await?;
    rows.iter().map(|row| Ok(column(row, 0)?)).collect()
}
