//! Templates of written documents: add, approve, withdraw, list, show (DOC-8).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::entry::{Payload, PrivateText};
use chancery_core::evidence::EvidenceType;
use chancery_core::names::{ActorId, Label};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{TemplateNameRow, TemplateRow};
use chancery_core::template::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError, models, view};
use crate::fault::Fault;
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show)).routes(routes!(show_version)).routes(routes!(approve)).routes(routes!(withdraw))
}

/// The next version of a template.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTemplate {
    /// Name.
    #[schema(value_type = String)]
    name: Label,
    /// Type of the documents that are written by it, such as `model-card`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    evidence_type: EvidenceType,
    /// Markdown.
    text: String,
    /// Ids of the sections that a document must fill in; every heading that is not marked `[optional]` unless given.
    sections: Option<Vec<String>>,
}

/// Add a version of a template
#[utoipa::path(post, path = "/api/v1/templates", operation_id = "template_add", tag = "templates", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewTemplate,
    responses((status = 201, description = "Added", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(allowed: Allowed<caller::ManageTemplates>, body: Json<NewTemplate>) -> Result<Response, AppError> {
    let NewTemplate { name, evidence_type, text, sections } = body.value;
    let location = format!("/api/v1/templates/{name}");
    let text = Payload::new("text", text.into_bytes())?;
    let made = allowed.execute(Command::Add { name, evidence_type, text, sections }, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&location)))
}

/// A version of a template.
#[derive(Serialize, ToSchema)]
struct TemplateView {
    /// Name.
    name: String,
    /// Version.
    version: u64,
    /// Type of the documents.
    #[serde(rename = "type")]
    evidence_type: String,
    /// `proposed`, `approved` or `withdrawn`.
    status: String,
    /// Whether it is the newest approved version.
    in_force: bool,
    /// Ids of the sections that a document must fill in.
    #[schema(value_type = Vec<String>)]
    sections: serde_json::Value,
    /// Who added it.
    added_by: String,
    /// His name, or his id when it was erased.
    added_by_name: String,
    /// When (RFC 3339).
    added_at: String,
    /// Who approved it.
    approved_by: Option<String>,
    /// His name, or his id when it was erased.
    approved_by_name: Option<String>,
    /// When (RFC 3339).
    approved_at: Option<String>,
    /// SHA-256 of the Markdown.
    text_digest: String,
    /// Index of the last entry that changed it.
    revision: u64,
    /// The Markdown; a list leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// The names of who added and approved these.
async fn people<'a>(snapshot: &Snapshot, rows: impl Iterator<Item = &'a TemplateRow>) -> Result<BTreeMap<ActorId, String>, AppError> {
    let mut actors = Vec::new();
    for row in rows {
        actors.push(row.added_by.clone());
        actors.extend(row.approved_by.clone());
    }
    models::names(snapshot, actors).await
}

fn shown(row: &TemplateRow, in_force: Option<u64>, people: &BTreeMap<ActorId, String>) -> TemplateView {
    let named = |actor: &ActorId| people.get(actor).cloned().unwrap_or_else(|| actor.to_string());
    TemplateView {
        name: row.name.to_string(),
        version: row.version,
        evidence_type: row.evidence_type.to_string(),
        status: row.status.to_string(),
        in_force: in_force == Some(row.version),
        sections: row.sections.clone(),
        added_by: row.added_by.to_string(),
        added_by_name: named(&row.added_by),
        added_at: row.added_at.to_string(),
        approved_by: row.approved_by.as_ref().map(ToString::to_string),
        approved_by_name: row.approved_by.as_ref().map(named),
        approved_at: row.approved_at.map(|at| at.to_string()),
        text_digest: row.text.to_string(),
        revision: row.revision,
        text: None,
    }
}

/// List the versions of all templates
#[utoipa::path(get, path = "/api/v1/templates", operation_id = "template_list", tag = "templates", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<TemplateView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<TemplateView>>, AppError> {
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let (name, version) = position(&after)?;
    let snapshot = allowed.read().await?;
    let tail = "templates JOIN template_names ON template_names.name = templates.name
        WHERE templates.name > $1 OR (templates.name = $1 AND templates.version > $2) ORDER BY templates.name, templates.version LIMIT $3";
    let rows = snapshot.pairs::<TemplateRow, TemplateNameRow>(tail, &values![name.to_owned(), version, i64::from(limit) + 1]).await?;
    let people = people(&snapshot, rows.iter().map(|(row, _)| row)).await?;
    let items = rows.iter().map(|(row, whole)| shown(row, whole.in_force, &people)).collect();
    Ok(axum::Json(Page::new(items, limit, |item: &TemplateView| format!("{}@{}", item.name, item.version))))
}

/// Name and version that the page before ended with.
fn position(after: &str) -> Result<(&str, u64), Refusal> {
    if after.is_empty() {
        return Ok(("", 0));
    }
    let parts = after.rsplit_once('@').and_then(|(name, version)| Some((name, version.parse().ok()?)));
    parts.ok_or_else(|| Refusal::invalid("after", "after must be the `next` of a page"))
}

/// Show the version of a template that is in force; the last one when none is approved
#[utoipa::path(get, path = "/api/v1/templates/{name}", operation_id = "template_show", tag = "templates", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the template")),
    responses((status = 200, description = "The template with its text", body = TemplateView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(name): Path<Label>) -> Result<axum::Json<TemplateView>, AppError> {
    let snapshot = allowed.read().await?;
    let whole = whole(&snapshot, &name).await?;
    full(&snapshot, &name, whole.in_force.unwrap_or(whole.latest), whole.in_force).await
}

/// Show a version of a template
#[utoipa::path(get, path = "/api/v1/templates/{name}/{version}", operation_id = "template_version", tag = "templates", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the template"), ("version" = u64, Path, description = "Version")),
    responses((status = 200, description = "The template with its text", body = TemplateView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show_version(allowed: Allowed<caller::Read>, Path((name, version)): Path<(Label, u64)>) -> Result<axum::Json<TemplateView>, AppError> {
    let snapshot = allowed.read().await?;
    let whole = whole(&snapshot, &name).await?;
    full(&snapshot, &name, version, whole.in_force).await
}

async fn whole(snapshot: &Snapshot, name: &Label) -> Result<TemplateNameRow, AppError> {
    let row = snapshot.get::<TemplateNameRow>(values![*name]).await?;
    Ok(row.ok_or_else(|| Refusal::not_found("template", name.as_str()))?)
}

async fn full(snapshot: &Snapshot, name: &Label, version: u64, in_force: Option<u64>) -> Result<axum::Json<TemplateView>, AppError> {
    let row = snapshot.get::<TemplateRow>(values![*name, version]).await?;
    let row = row.ok_or_else(|| Refusal::not_found("template", &format!("{name}@{version}")))?;
    let text = String::from_utf8(view::payload(snapshot, &row.text).await?).map_err(|error| Fault::database("read a template", error))?;
    let people = people(snapshot, std::iter::once(&row)).await?;
    Ok(axum::Json(TemplateView { text: Some(text), ..shown(&row, in_force, &people) }))
}

/// Approve a version of a template that another person added
#[utoipa::path(post, path = "/api/v1/templates/{name}/{version}/approve", operation_id = "template_approve", tag = "templates", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the template"), ("version" = u64, Path, description = "Version")),
    responses((status = 200, description = "Approved", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn approve(allowed: Allowed<caller::ManageTemplates>, Path((name, version)): Path<(Label, u64)>, requested: Requested) -> Result<Response, AppError> {
    let made = allowed.execute(Command::Approve { name, version }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    /// Why. Goes into the record.
    reason: String,
}

/// Withdraw a version of a template
#[utoipa::path(post, path = "/api/v1/templates/{name}/{version}/withdraw", operation_id = "template_withdraw", tag = "templates", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the template"), ("version" = u64, Path, description = "Version")), request_body = Withdrawal,
    responses((status = 200, description = "Withdrawn", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::ManageTemplates>, Path((name, version)): Path<(Label, u64)>, body: Json<Withdrawal>) -> Result<Response, AppError> {
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    let made = allowed.execute(Command::Withdraw { name, version, reason }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
