//! The risk register: add, list, show and change risks, link them to models, mitigate, accept and close them (RSK-1).

mod transfer;

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chancery_core::entry::PrivateText;
use chancery_core::names::{ActorId, Label, ModelId, ModelName, RiskId, Timestamp};
use chancery_core::refusal::Refusal;
use chancery_core::risk::{Assessment, Command, Level, Likelihood, Mitigation, NewMitigation, Severity, Status};
use chancery_core::tables::RiskRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::promotion::before;
use crate::app::view::{self, column};
use crate::app::{App, AppError, models};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, IfMatch, Json, Page, PageQuery, Path, Problem, Query, Requested, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change))
        .routes(routes!(link, unlink))
        .routes(routes!(mitigate))
        .routes(routes!(finish))
        .routes(routes!(set_status))
        .merge(transfer::routes())
}

/// A risk.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RiskView {
    /// Identifier.
    pub(in crate::http) id: String,
    /// One line.
    pub(in crate::http) title: String,
    /// Category.
    pub(in crate::http) category: String,
    /// `low`, `medium`, `high` or `critical`.
    pub(in crate::http) severity: String,
    /// `rare`, `possible`, `likely` or `certain`.
    pub(in crate::http) likelihood: String,
    /// What follows from both: `low`, `medium`, `high` or `critical`.
    pub(in crate::http) level: String,
    /// `open`, `mitigated`, `accepted` or `closed`.
    pub(in crate::http) status: String,
    /// More words.
    pub(in crate::http) description: String,
    /// Requirement references.
    pub(in crate::http) requirements: Vec<String>,
    /// When it must be looked at again (RFC 3339).
    pub(in crate::http) review_date: Option<String>,
    /// Mitigations {number, text, owner, due, done_at, done_by, done_by_name}.
    #[schema(value_type = Vec<Object>)]
    pub(in crate::http) mitigations: Vec<MitigationView>,
    /// Names of the models that it is linked to.
    pub(in crate::http) models: Vec<String>,
    /// Who decided that it is not open.
    pub(in crate::http) decided_by: Option<String>,
    /// His name, or his id when it was erased.
    pub(in crate::http) decided_by_name: Option<String>,
    /// Who added it.
    pub(in crate::http) created_by: String,
    /// His name, or his id when it was erased.
    pub(in crate::http) created_by_name: String,
    /// When (RFC 3339).
    pub(in crate::http) created_at: String,
    /// Entry that added it.
    pub(in crate::http) created_index: u64,
    /// When it last changed (RFC 3339).
    pub(in crate::http) updated_at: String,
    /// Index of the last entry that changed it: the ETag.
    pub(in crate::http) revision: u64,
}

/// A mitigation, with the name of who said that it is done.
#[derive(Clone, Serialize)]
pub(in crate::http) struct MitigationView {
    /// The mitigation.
    #[serde(flatten)]
    pub(in crate::http) mitigation: Mitigation,
    /// Name of who said so, or his id when it was erased.
    pub(in crate::http) done_by_name: Option<String>,
}

async fn view(snapshot: &Snapshot, row: RiskRow) -> Result<RiskView, AppError> {
    let mitigations = row.mitigations();
    let actors = mitigations.iter().filter_map(|known| known.done_by.clone()).chain(row.decided_by.clone()).chain([row.created_by.clone()]);
    let people = models::names(snapshot, actors.collect()).await?;
    let named = |actor: &ActorId| people.get(actor).cloned().unwrap_or_else(|| actor.to_string());
    let names = snapshot
        .query(
            "SELECT models.name FROM risk_links JOIN models ON models.model_id = risk_links.model_id WHERE risk_links.risk_id = $1 ORDER BY models.name",
            &values![row.risk_id],
        )
        .await?;
    Ok(RiskView {
        requirements: row.requirements(),
        mitigations: mitigations.into_iter().map(|mitigation| MitigationView { done_by_name: mitigation.done_by.as_ref().map(named), mitigation }).collect(),
        models: names.iter().map(|name| column(name, 0)).collect::<Result<_, _>>()?,
        id: row.risk_id.to_string(),
        title: row.title,
        category: row.category.to_string(),
        severity: row.severity.to_string(),
        likelihood: row.likelihood.to_string(),
        level: row.level.to_string(),
        status: row.status.to_string(),
        description: row.description,
        review_date: row.review_date.map(|date| date.to_string()),
        decided_by_name: row.decided_by.as_ref().map(named),
        decided_by: row.decided_by.map(|actor| actor.to_string()),
        created_by_name: named(&row.created_by),
        created_by: row.created_by.to_string(),
        created_at: row.created_at.to_string(),
        created_index: row.created_index,
        updated_at: row.updated_at.to_string(),
        revision: row.revision,
    })
}

/// The view of a risk.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn risk(snapshot: &Snapshot, id: &RiskId) -> Result<RiskView, AppError> {
    view(snapshot, existing(snapshot, id).await?).await
}

async fn existing(snapshot: &Snapshot, id: &RiskId) -> Result<RiskRow, AppError> {
    Ok(snapshot.get::<RiskRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("risk", id.as_str()))?)
}

/// The ids of models by their names.
pub(in crate::http) async fn model_ids(snapshot: &Snapshot, names: &[ModelName]) -> Result<Vec<ModelId>, AppError> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(view::model_named(snapshot, name).await?.model_id);
    }
    Ok(found)
}

/// A new risk.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRisk {
    /// One line.
    title: String,
    /// Category, a word of the organisation.
    #[schema(value_type = String)]
    category: Label,
    /// `low`, `medium`, `high` or `critical`.
    #[schema(value_type = String)]
    severity: Severity,
    /// `rare`, `possible`, `likely` or `certain`.
    #[schema(value_type = String)]
    likelihood: Likelihood,
    /// More words.
    #[serde(default)]
    description: String,
    /// Requirement references.
    #[serde(default)]
    requirements: Vec<String>,
    /// When it must be looked at again (RFC 3339).
    #[schema(value_type = Option<String>)]
    review_date: Option<Timestamp>,
    /// Names of the models that it is linked to from the start.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    models: Vec<ModelName>,
    /// Mitigations {text, owner, due} that it has from the start.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    mitigations: Vec<NewMitigation>,
}

/// Add a risk to the register
#[utoipa::path(post, path = "/api/v1/risks", operation_id = "risk_add", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewRisk,
    responses((status = 201, description = "Added", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(allowed: Allowed<caller::ManageRisks>, body: Json<NewRisk>) -> Result<Response, AppError> {
    let NewRisk { title, category, severity, likelihood, description, requirements, review_date, models, mitigations } = body.value;
    let models = model_ids(&allowed.read().await?, &models).await?;
    let assessment = Box::new(Assessment { title, category, severity, likelihood, description, requirements, review_date });
    let id = ids::risk()?;
    let made = allowed.execute(Command::Add { id, assessment, models, mitigations }, &body.requested).await?;
    let location = made.first()?.subject.to_string().replace("risk/", "/api/v1/risks/");
    Ok(receipt(StatusCode::CREATED, &made, Some(&location)))
}

/// Which risks.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RiskFilter {
    /// Only risks that are linked to this model.
    pub(in crate::http) model: Option<String>,
    /// Only this status.
    pub(in crate::http) status: Option<String>,
    /// Only this level.
    pub(in crate::http) level: Option<String>,
    /// Items, 1 to 500; 50 unless given.
    pub(in crate::http) limit: Option<u32>,
    /// `next` of the page before.
    pub(in crate::http) after: Option<String>,
}

/// List risks, newest first
#[utoipa::path(get, path = "/api/v1/risks", operation_id = "risk_list", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(RiskFilter),
    responses((status = 200, description = "A page", body = Page<RiskView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(filter): Query<RiskFilter>) -> Result<axum::Json<Page<RiskView>>, AppError> {
    Ok(axum::Json(risks(&allowed.read().await?, &filter).await?))
}

/// A page of risks.
pub(in crate::http) async fn risks(snapshot: &Snapshot, filter: &RiskFilter) -> Result<Page<RiskView>, AppError> {
    let page = PageQuery { limit: filter.limit, after: filter.after.clone() };
    let limit = page.limit()?;
    let rows = chosen(snapshot, filter, before(&page)?, i64::from(limit) + 1).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(view(snapshot, row).await?);
    }
    Ok(Page::new(items, limit, |risk| risk.created_index.to_string()))
}

async fn chosen(snapshot: &Snapshot, filter: &RiskFilter, before: u64, limit: i64) -> Result<Vec<RiskRow>, AppError> {
    let status = filter.status.as_deref().map(Status::parse).transpose()?.map_or("%", Status::as_str);
    let level = filter.level.as_deref().map(Level::parse).transpose()?.map_or("%", Level::as_str);
    let Some(name) = filter.model.as_deref().map(ModelName::parse).transpose()? else {
        let tail = "WHERE created_index < $1 AND status LIKE $2 AND level LIKE $3 ORDER BY created_index DESC LIMIT $4";
        return Ok(snapshot.rows(tail, &values![before, status, level, limit]).await?);
    };
    let model = view::model_named(snapshot, &name).await?.model_id;
    let tail = "WHERE created_index < $1 AND status LIKE $2 AND level LIKE $3 AND risk_id IN (SELECT risk_id FROM risk_links WHERE model_id = $5)
        ORDER BY created_index DESC LIMIT $4";
    Ok(snapshot.rows(tail, &values![before, status, level, limit, model]).await?)
}

/// Read a risk
#[utoipa::path(get, path = "/api/v1/risks/{id}", operation_id = "risk_show", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the risk")),
    responses((status = 200, description = "The risk", body = RiskView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(id): Path<RiskId>) -> Result<Response, AppError> {
    let view = risk(&allowed.read().await?, &id).await?;
    Ok(([(ETAG, format!("\"{}\"", view.revision))], axum::Json(view)).into_response())
}

/// Replace what is said about a risk
#[utoipa::path(put, path = "/api/v1/risks/{id}", operation_id = "risk_change", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the risk"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")),
    request_body(content = Object, description = "title, category, severity, likelihood, description, requirements, review_date: whole"),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn change(
    allowed: Allowed<caller::ManageRisks>,
    Path(id): Path<RiskId>,
    IfMatch(expected): IfMatch,
    body: Json<Assessment>,
) -> Result<Response, AppError> {
    let made = allowed.execute(Command::Change { id, assessment: Box::new(body.value), expected }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Link a risk to a model
#[utoipa::path(put, path = "/api/v1/risks/{id}/models/{name}", operation_id = "risk_link", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the risk"), ("name" = String, Path, description = "Name of the model")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn link(allowed: Allowed<caller::ManageRisks>, Path((id, name)): Path<(RiskId, ModelName)>, requested: Requested) -> Result<Response, AppError> {
    let model = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let made = allowed.execute(Command::Link { id, model }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Take the link of a risk to a model away
#[utoipa::path(delete, path = "/api/v1/risks/{id}/models/{name}", operation_id = "risk_unlink", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the risk"), ("name" = String, Path, description = "Name of the model")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn unlink(allowed: Allowed<caller::ManageRisks>, Path((id, name)): Path<(RiskId, ModelName)>, requested: Requested) -> Result<Response, AppError> {
    let model = view::model_named(&allowed.read().await?, &name).await?.model_id;
    let made = allowed.execute(Command::Unlink { id, model }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Plan a mitigation of a risk
#[utoipa::path(post, path = "/api/v1/risks/{id}/mitigations", operation_id = "risk_mitigate", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the risk")),
    request_body(content = Object, description = "text, owner, due (RFC 3339, may be absent)"),
    responses((status = 201, description = "Planned", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn mitigate(allowed: Allowed<caller::ManageRisks>, Path(id): Path<RiskId>, body: Json<NewMitigation>) -> Result<Response, AppError> {
    let made = allowed.execute(Command::Mitigate { id, mitigation: body.value }, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, None))
}

/// What was done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Finished {
    /// More words.
    note: Option<String>,
}

/// Say that a mitigation is done
#[utoipa::path(post, path = "/api/v1/risks/{id}/mitigations/{number}/done", operation_id = "risk_mitigation_done", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the risk"), ("number" = u64, Path, description = "Number of the mitigation")), request_body = Finished,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn finish(allowed: Allowed<caller::ManageRisks>, Path((id, number)): Path<(RiskId, u64)>, body: Json<Finished>) -> Result<Response, AppError> {
    let note = match body.value.note {
        Some(text) => Some(PrivateText::new("note", &text, ids::random()?)?),
        None => None,
    };
    let made = allowed.execute(Command::Finish { id, number, note }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// A status and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetStatus {
    /// `open`, `mitigated`, `accepted` or `closed`.
    #[schema(value_type = String)]
    status: Status,
    /// Why.
    reason: String,
}

/// Accept, close or reopen a risk, or say that it is mitigated
#[utoipa::path(post, path = "/api/v1/risks/{id}/status", operation_id = "risk_status", tag = "risks", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the risk"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")), request_body = SetStatus,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_status(
    allowed: Allowed<caller::ManageRisks>,
    Path(id): Path<RiskId>,
    IfMatch(expected): IfMatch,
    body: Json<SetStatus>,
) -> Result<Response, AppError> {
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    let made = allowed.execute(Command::SetStatus { id, to: body.value.status, reason, expected }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
