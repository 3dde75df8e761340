//! Aliases: read, set, move, remove.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::alias::{Command, Expected};
use chancery_core::names::{AliasName, ModelName, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{AliasRow, NameRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::as_of::{self, AsOfQuery};
use crate::app::current::{Answer, Question};
use crate::app::{App, AppError, view};
use crate::http::extract::{ReceiptView, receipt, shown};
use crate::http::{Allowed, IfMatch, Json, Path, Problem, Query, Requested, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, set, delete))
}

/// An alias.
#[derive(Serialize, ToSchema)]
struct AliasView {
    /// The alias.
    alias: String,
    /// The version that it names.
    number: u64,
    /// Entry that set it: the ETag.
    revision: u64,
}

/// Read an alias
#[utoipa::path(get, path = "/api/v1/models/{name}/aliases/{alias}", operation_id = "alias_show", tag = "aliases", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("alias" = String, Path, description = "Alias"), AsOfQuery),
    responses((status = 200, description = "The alias", body = AliasView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(
    allowed: Allowed<caller::Read>,
    Path((name, alias)): Path<(ModelName, AliasName)>,
    Query(moment): Query<AsOfQuery>,
) -> Result<Response, AppError> {
    let question = Question::Alias(name.clone(), alias.clone());
    if moment.is_now()
        && let Some(answer) = allowed.kept(&question)
    {
        return Ok(shown(answer));
    }
    let snapshot = allowed.read().await?;
    let not_found = || Refusal::not_found("alias", alias.as_str());
    if let Some(cut) = as_of::cut(&snapshot, moment).await? {
        let past = crate::app::as_of::model_named(&snapshot, &name, cut).await?;
        let row = past.alias(&alias).ok_or_else(not_found)?;
        return Ok(shown(Answer::json(Some(row.revision), &AliasView::from(row))?));
    }
    let row = named(&snapshot, &name, &alias).await?.ok_or_else(not_found)?;
    let answer = Answer::json(Some(row.revision), &AliasView::from(&row))?;
    Ok(shown(allowed.app.keep(question, row.model_id, &snapshot, answer).await?))
}

impl From<&AliasRow> for AliasView {
    fn from(row: &AliasRow) -> Self {
        Self { alias: row.alias.to_string(), number: row.number.get(), revision: row.revision }
    }
}

/// The alias of the model that has `name` now.
async fn named(snapshot: &Snapshot, name: &ModelName, alias: &AliasName) -> Result<Option<AliasRow>, AppError> {
    let tail = "names JOIN aliases ON aliases.model_id = names.model_id WHERE names.name = $1 AND aliases.alias = $2";
    if let Some((_, row)) = snapshot.pairs::<NameRow, AliasRow>(tail, &values![*name, *alias]).await?.into_iter().next() {
        return Ok(Some(row));
    }
    // Is it the alias or the model that is not there?
    view::model_named(snapshot, name).await.map(|_| None)
}

/// Which version an alias names.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetAlias {
    /// Number of the version.
    #[schema(value_type = u64)]
    version: VersionNumber,
}

/// Set or move an alias
#[utoipa::path(put, path = "/api/v1/models/{name}/aliases/{alias}", operation_id = "alias_set", tag = "aliases", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("alias" = String, Path, description = "Alias"), ("If-Match" = Option<String>, Header, description = "ETag that was seen; needed to move an alias")),
    request_body = SetAlias,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set(
    allowed: Allowed<caller::SetAlias>,
    Path((name, alias)): Path<(ModelName, AliasName)>,
    IfMatch(seen): IfMatch,
    body: Json<SetAlias>,
) -> Result<Response, AppError> {
    let model = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let expected = seen.map_or(Expected::Absent, Expected::Revision);
    let made = allowed.execute(Command::Set { model, alias, number: body.value.version, expected }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Remove an alias
#[utoipa::path(delete, path = "/api/v1/models/{name}/aliases/{alias}", operation_id = "alias_delete", tag = "aliases", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("alias" = String, Path, description = "Alias"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn delete(
    allowed: Allowed<caller::SetAlias>,
    Path((name, alias)): Path<(ModelName, AliasName)>,
    IfMatch(seen): IfMatch,
    requested: Requested,
) -> Result<Response, AppError> {
    let model = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let expected = seen.map_or(Expected::Anything, Expected::Revision);
    let made = allowed.execute(Command::Delete { model, alias, expected }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
