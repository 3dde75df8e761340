//! History: the entries about a model or a version with its promotions and exceptions, or about an exception, newest first, with the names and texts
//! that the vault still has.

use std::collections::BTreeMap;

use chancery_core::entry::Subject;
use chancery_core::names::{ActorId, Digest, ExceptionId, ModelId, ModelName, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{EntryRow, ExceptionRow, PrivateRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::as_of::{self, AsOfQuery};
use crate::app::as_of::Cut;
use crate::app::{App, AppError, view};
use crate::fault::Fault;
use crate::http::{Allowed, Page, PageQuery, Path, Problem, Queries, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(of_model)).routes(routes!(of_version)).routes(routes!(of_exception))
}

/// One entry of a history.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct HistoryView {
    /// Index in the ledger.
    pub(in crate::http) index: u64,
    /// When (RFC 3339).
    pub(in crate::http) at: String,
    /// Who.
    pub(in crate::http) actor: String,
    /// His name, unless it was erased.
    pub(in crate::http) actor_name: Option<String>,
    /// Through which surface.
    pub(in crate::http) door: String,
    /// What happened.
    pub(in crate::http) kind: String,
    /// About what.
    pub(in crate::http) subject: String,
    /// The details.
    #[schema(value_type = Object)]
    pub(in crate::http) data: serde_json::Value,
    /// The reason that was given, unless it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) reason: Option<String>,
    /// The comment that was given, unless it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) comment: Option<String>,
}

/// The history of a model, its versions, and their promotions and exceptions, newest first
#[utoipa::path(get, path = "/api/v1/models/{name}/history", operation_id = "model_history", tag = "history", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), PageQuery, AsOfQuery),
    responses((status = 200, description = "A page", body = Page<HistoryView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn of_model(
    allowed: Allowed<caller::Read>,
    Path(name): Path<ModelName>,
    Queries((page, moment)): Queries<(PageQuery, AsOfQuery)>,
) -> Result<axum::Json<Page<HistoryView>>, AppError> {
    let snapshot = allowed.read().await?;
    let model = view::model_named(&snapshot, &name).await?.model_id;
    let cut = as_of::cut(&snapshot, moment).await?;
    history_of_model(&snapshot, &model, &page, cut).await.map(axum::Json)
}

/// A page of the history of a model, its versions, and their promotions and exceptions, up to a cut.
///
/// # Errors
/// [`AppError::Fault`].
pub(in crate::http) async fn history_of_model(snapshot: &Snapshot, model: &ModelId, page: &PageQuery, cut: Option<Cut>) -> Result<Page<HistoryView>, AppError> {
    let subject = Subject::Model(model.clone()).to_string();
    // `0` follows `/`: the range holds the model and its versions, and no other model, for ids have one length.
    let end = format!("{subject}0");
    history(snapshot, &subject, &end, Some(Moves { model, number: None }), page, cut).await
}

/// The history of a version with its promotions and exceptions, newest first
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/history", operation_id = "version_history", tag = "history", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), PageQuery, AsOfQuery),
    responses((status = 200, description = "A page", body = Page<HistoryView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn of_version(
    allowed: Allowed<caller::Read>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Queries((page, moment)): Queries<(PageQuery, AsOfQuery)>,
) -> Result<axum::Json<Page<HistoryView>>, AppError> {
    let snapshot = allowed.read().await?;
    let (model, _) = view::version_named(&snapshot, &name, number).await?;
    let cut = as_of::cut(&snapshot, moment).await?;
    history_of_version(&snapshot, &model.model_id, number, &page, cut).await.map(axum::Json)
}

/// A page of the history of a version with its promotions and exceptions, up to a cut.
///
/// # Errors
/// [`AppError::Fault`].
pub(in crate::http) async fn history_of_version(
    snapshot: &Snapshot,
    model: &ModelId,
    number: VersionNumber,
    page: &PageQuery,
    cut: Option<Cut>,
) -> Result<Page<HistoryView>, AppError> {
    let subject = Subject::Version(model.clone(), number).to_string();
    // A space is before every digit: the range holds this subject alone.
    let end = format!("{subject} ");
    history(snapshot, &subject, &end, Some(Moves { model, number: Some(number) }), page, cut).await
}

/// The history of an exception, newest first: who asked, granted, refused or revoked it, and why
#[utoipa::path(get, path = "/api/v1/exceptions/{id}/history", operation_id = "exception_history", tag = "history", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the exception"), PageQuery, AsOfQuery),
    responses((status = 200, description = "A page", body = Page<HistoryView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn of_exception(
    allowed: Allowed<caller::Read>,
    Path(id): Path<ExceptionId>,
    Queries((page, moment)): Queries<(PageQuery, AsOfQuery)>,
) -> Result<axum::Json<Page<HistoryView>>, AppError> {
    let snapshot = allowed.read().await?;
    let row = snapshot.get::<ExceptionRow>(values![id]).await?.ok_or_else(|| Refusal::not_found("exception", id.as_str()))?;
    let subject = Subject::Exception(row.exception_id).to_string();
    let end = format!("{subject} ");
    let cut = as_of::cut(&snapshot, moment).await?;
    history(&snapshot, &subject, &end, None, &page, cut).await.map(axum::Json)
}

/// Whose promotions and exceptions belong to a history: those of a model, or of one of its versions.
struct Moves<'a> {
    model: &'a ModelId,
    number: Option<VersionNumber>,
}

impl Moves<'_> {
    /// The newest entries about them.
    async fn rows(&self, snapshot: &Snapshot, before: u64, limit: i64) -> Result<Vec<EntryRow>, AppError> {
        let (of_version, parameters) = match self.number {
            Some(number) => ("AND number = $4", values![*self.model, before, limit, number]),
            None => ("", values![*self.model, before, limit]),
        };
        let tail = format!(
            "WHERE subject IN (SELECT 'promotion/' || promotion_id FROM promotions WHERE model_id = $1 {of_version}
                UNION ALL SELECT 'exception/' || exception_id FROM exceptions WHERE model_id = $1 {of_version})
            AND entry_index < $2 ORDER BY entry_index DESC LIMIT $3"
        );
        Ok(snapshot.rows(&tail, &parameters).await?)
    }
}

/// A page of entries whose subject is from one text to before another, and of those about moves.
async fn history(
    snapshot: &Snapshot,
    from: &str,
    end: &str,
    moves: Option<Moves<'_>>,
    page: &PageQuery,
    cut: Option<Cut>,
) -> Result<Page<HistoryView>, AppError> {
    let limit = page.limit()?;
    let most = i64::from(limit) + 1;
    let cursor = super::number_cursor(page)?.unwrap_or(i64::MAX as u64);
    let before = cut.map_or(cursor, |cut| cursor.min(cut.index() + 1));
    let tail = "WHERE subject >= $1 AND subject < $2 AND entry_index < $3 ORDER BY entry_index DESC LIMIT $4";
    let mut rows = snapshot.rows::<EntryRow>(tail, &values![from, end, before, most]).await?;
    if let Some(moves) = moves {
        rows.extend(moves.rows(snapshot, before, most).await?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.entry_index));
        rows.truncate(limit as usize + 1);
    }
    let mut names = BTreeMap::new();
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(item(snapshot, row, &mut names).await?);
    }
    Ok(Page::new(items, limit, |item| item.index.to_string()))
}

/// What happened, as the entry writes it.
#[derive(Deserialize)]
struct Tagged {
    kind: String,
    data: serde_json::Value,
}

async fn item(snapshot: &Snapshot, row: &EntryRow, names: &mut BTreeMap<ActorId, Option<String>>) -> Result<HistoryView, AppError> {
    let entry = crate::app::as_of::entry(row)?;
    let Tagged { kind, data } = serde_json::from_slice(&row.bytes).map_err(|error| Fault::database("show an entry", error))?;
    if !names.contains_key(&entry.actor) {
        names.insert(entry.actor.clone(), view::display_name(snapshot, &entry.actor).await?);
    }
    Ok(HistoryView {
        index: entry.index,
        at: entry.at.to_string(),
        actor_name: names.get(&entry.actor).cloned().flatten(),
        actor: entry.actor.to_string(),
        door: entry.door.to_string(),
        kind,
        subject: entry.subject.to_string(),
        reason: private(snapshot, data.get("reason")).await?,
        comment: private(snapshot, data.get("comment")).await?,
        data,
    })
}

/// The private text that a member of an entry names by digest.
async fn private(snapshot: &Snapshot, member: Option<&serde_json::Value>) -> Result<Option<String>, AppError> {
    let Some(digest) = member.and_then(|value| value.as_str()).and_then(|text| Digest::parse(text).ok()) else { return Ok(None) };
    Ok(snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text))
}
