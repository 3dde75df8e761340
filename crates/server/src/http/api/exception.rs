//! Exceptions: ask for a waiver of a rule, grant, refuse and revoke it, look.

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chancery_core::exception::{Standing, Status, standing};
use chancery_core::names::{ExceptionId, Label, ModelName, Timestamp, VersionNumber};
use chancery_core::policy::Scope;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ExceptionRow, ModelRow, PrivateRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use super::promotion::before;
use crate::app::view::{self, ModelReference};
use crate::app::{App, AppError, ExceptionAsk, exceptions};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Queries, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, request)).routes(routes!(show)).routes(routes!(grant)).routes(routes!(refuse)).routes(routes!(revoke))
}

/// An exception.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ExceptionView {
    /// Identifier.
    pub(in crate::http) id: String,
    /// Rule that it waives.
    pub(in crate::http) rule: String,
    /// `version` or `model`.
    pub(in crate::http) scope: String,
    /// Its model.
    pub(in crate::http) model: ModelReference,
    /// Number of the version that it was asked for.
    pub(in crate::http) version: u64,
    /// `asked`, `rollback` or `emergency`.
    pub(in crate::http) origin: String,
    /// `requested`, `granted`, `refused`, `revoked` or `expired`.
    pub(in crate::http) status: String,
    /// Whether it waives its rule now. What a rollback or an emergency waived counts while the version is in production; of an emergency also for its
    /// promotion.
    pub(in crate::http) counts: bool,
    /// Why; null when the text was erased.
    pub(in crate::http) reason: Option<String>,
    /// Who asked.
    pub(in crate::http) requested_by: String,
    /// Name for people.
    pub(in crate::http) requested_by_name: Option<String>,
    /// When (RFC 3339).
    pub(in crate::http) requested_at: String,
    /// Who granted it.
    pub(in crate::http) granted_by: Option<String>,
    /// Name for people.
    pub(in crate::http) granted_by_name: Option<String>,
    /// When (RFC 3339).
    pub(in crate::http) granted_at: Option<String>,
    /// In which role.
    pub(in crate::http) role: Option<String>,
    /// Approval roles of which one grants it.
    pub(in crate::http) grantors: Vec<String>,
    /// Until when it counts (RFC 3339).
    pub(in crate::http) expires_at: String,
    /// The promotion whose emergency it belongs to.
    pub(in crate::http) promotion: Option<String>,
    /// By when people must look at what was waived in a hurry (RFC 3339).
    pub(in crate::http) review_due: Option<String>,
    /// Index of the last entry that changed it: the ETag.
    pub(in crate::http) revision: u64,
}

async fn view_of(app: &App, snapshot: &Snapshot, row: ExceptionRow) -> Result<ExceptionView, AppError> {
    let name = snapshot.get::<ModelRow>(values![row.model_id]).await?.map(|model| model.name.to_string()).unwrap_or_default();
    let granted_by_name = match &row.granted_by {
        Some(actor) => view::display_name(snapshot, actor).await?,
        None => None,
    };
    let policy = app.policy_for(snapshot).await?;
    Ok(ExceptionView {
        counts: exceptions::counts(snapshot, &row, app.now()).await?,
        status: standing(&row, app.now()).to_string(),
        reason: snapshot.get::<PrivateRow>(values![row.reason]).await?.map(|row| row.text),
        requested_by_name: view::display_name(snapshot, &row.requested_by).await?,
        granted_by_name,
        grantors: policy.engine.exception_rules().grantors(&row.rule).iter().map(Label::to_string).collect(),
        id: row.exception_id.to_string(),
        rule: row.rule,
        scope: row.scope.to_string(),
        model: ModelReference { id: row.model_id.to_string(), name },
        version: row.number.get(),
        origin: row.origin.to_string(),
        requested_by: row.requested_by.to_string(),
        requested_at: row.requested_at.to_string(),
        granted_by: row.granted_by.map(|actor| actor.to_string()),
        granted_at: row.granted_at.map(|at| at.to_string()),
        role: row.role.map(|role| role.to_string()),
        expires_at: row.expires_at.to_string(),
        promotion: row.promotion_id.map(|id| id.to_string()),
        review_due: row.review_due.map(|at| at.to_string()),
        revision: row.revision,
    })
}

/// What to waive, for what, until when and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Name of the model.
    #[schema(value_type = String)]
    model: ModelName,
    /// Number of the version; with scope `model` the newest one unless given.
    #[schema(value_type = Option<u64>)]
    version: Option<VersionNumber>,
    /// Id of the rule.
    rule: String,
    /// `version` (as a rule) or `model`: every version of it.
    #[serde(default = "one_version")]
    #[schema(value_type = String)]
    scope: Scope,
    /// Until when (RFC 3339); the policy says how long is allowed.
    #[schema(value_type = String)]
    expires_at: Timestamp,
    /// Why.
    reason: String,
}

fn one_version() -> Scope {
    Scope::Version
}

/// Ask for a waiver of a rule
#[utoipa::path(post, path = "/api/v1/exceptions", operation_id = "exception_request", tag = "exceptions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = Request,
    responses((status = 201, description = "Asked", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn request(allowed: Allowed<caller::RequestException>, body: Json<Request>) -> Result<Response, AppError> {
    let Request { model, version, rule, scope, expires_at, reason } = body.value;
    let ask = ExceptionAsk { model, number: version, rule, scope, reason, expires_at };
    let (made, id) = allowed.app.request_exception(&allowed.caller, &ask, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&format!("/api/v1/exceptions/{id}"))))
}

/// Which exceptions.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExceptionFilter {
    /// Only of this model.
    pub(in crate::http) model: Option<String>,
    /// Only from this rule.
    pub(in crate::http) rule: Option<String>,
    /// Only `requested`, `granted`, `refused`, `revoked` or `expired`.
    pub(in crate::http) status: Option<String>,
}

/// List exceptions, newest first
#[utoipa::path(get, path = "/api/v1/exceptions", operation_id = "exception_list", tag = "exceptions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(ExceptionFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<ExceptionView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::Read>,
    Queries((filter, page)): Queries<(ExceptionFilter, PageQuery)>,
) -> Result<axum::Json<Page<ExceptionView>>, AppError> {
    Ok(axum::Json(exceptions(&allowed.app, &allowed.read().await?, &filter, &page).await?))
}

/// A page of exceptions.
pub(in crate::http) async fn exceptions(app: &App, snapshot: &Snapshot, filter: &ExceptionFilter, page: &PageQuery) -> Result<Page<ExceptionView>, AppError> {
    let limit = page.limit()?;
    let rows = chosen(app, snapshot, filter, before(page)?, limit).await?;
    let Page { items, next } = Page::new(rows, limit, |row| row.entry_index.to_string());
    let mut views = Vec::with_capacity(items.len());
    for row in items {
        views.push(view_of(app, snapshot, row).await?);
    }
    Ok(Page { items: views, next })
}

async fn chosen(app: &App, snapshot: &Snapshot, filter: &ExceptionFilter, before: u64, limit: u32) -> Result<Vec<ExceptionRow>, AppError> {
    let status = filter.status.as_deref().map(Standing::parse).transpose()?;
    let model = match filter.model.as_deref().map(ModelName::parse).transpose()? {
        Some(name) => view::model_named(snapshot, &name).await?.model_id.to_string(),
        None => "%".to_owned(),
    };
    let rule = filter.rule.as_deref().map_or_else(|| "%".to_owned(), super::escape_like);
    if rule.len() > 200 || rule.contains('\0') {
        return Err(Refusal::invalid("rule", "rule is no id of a rule").into());
    }
    let at_most = i64::from(limit) + 1;
    let head = "WHERE entry_index < $1 AND model_id LIKE $2 AND rule LIKE $3 ESCAPE '\\'";
    let tail = "ORDER BY entry_index DESC LIMIT";
    let (requested, granted, now) = (Status::Requested, Status::Granted, app.now());
    Ok(match status {
        None => snapshot.rows(&format!("{head} {tail} $4"), &values![before, model, rule, at_most]).await?,
        Some(Standing::Expired) => {
            let sql = format!("{head} AND status IN ($4, $5) AND expires_at <= $6 {tail} $7");
            snapshot.rows(&sql, &values![before, model, rule, requested, granted, now, at_most]).await?
        }
        Some(word @ (Standing::Requested | Standing::Granted)) => {
            let sql = format!("{head} AND status = $4 AND expires_at > $5 {tail} $6");
            snapshot.rows(&sql, &values![before, model, rule, word, now, at_most]).await?
        }
        Some(word @ (Standing::Refused | Standing::Revoked)) => {
            snapshot.rows(&format!("{head} AND status = $4 {tail} $5"), &values![before, model, rule, word, at_most]).await?
        }
    })
}

/// Read an exception
#[utoipa::path(get, path = "/api/v1/exceptions/{id}", operation_id = "exception_show", tag = "exceptions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the exception")),
    responses((status = 200, description = "The exception", body = ExceptionView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(id): Path<ExceptionId>) -> Result<Response, AppError> {
    let view = exception(&allowed.app, &allowed.read().await?, &id).await?;
    Ok(([(ETAG, format!("\"{}\"", view.revision))], axum::Json(view)).into_response())
}

/// The view of an exception.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn exception(app: &App, snapshot: &Snapshot, id: &ExceptionId) -> Result<ExceptionView, AppError> {
    let row = snapshot.get::<ExceptionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("exception", id.as_str()))?;
    view_of(app, snapshot, row).await
}

/// In which role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// Approval role in which it is granted; otherwise the first one that you hold and that the policy names.
    #[schema(value_type = Option<String>)]
    role: Option<Label>,
}

/// Grant an exception
#[utoipa::path(post, path = "/api/v1/exceptions/{id}/grant", operation_id = "exception_grant", tag = "exceptions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the exception")), request_body = Grant,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn grant(allowed: Allowed<caller::GrantException>, Path(id): Path<ExceptionId>, body: Json<Grant>) -> Result<Response, AppError> {
    let made = allowed.app.grant_exception(&allowed.caller, &id, body.value.role.as_ref(), &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// In which role, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refuse {
    /// Approval role in which it is refused; otherwise the first one that you hold and that the policy names.
    #[schema(value_type = Option<String>)]
    role: Option<Label>,
    /// Why.
    reason: String,
}

/// Refuse an exception that was asked for
#[utoipa::path(post, path = "/api/v1/exceptions/{id}/refuse", operation_id = "exception_refuse", tag = "exceptions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the exception")), request_body = Refuse,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn refuse(allowed: Allowed<caller::GrantException>, Path(id): Path<ExceptionId>, body: Json<Refuse>) -> Result<Response, AppError> {
    let Refuse { role, reason } = body.value;
    let made = allowed.app.refuse_exception(&allowed.caller, &id, role.as_ref(), &reason, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Take an exception back: who asked for it, an owner, or a grantor
#[utoipa::path(post, path = "/api/v1/exceptions/{id}/revoke", operation_id = "exception_revoke", tag = "exceptions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the exception")), request_body = Reason,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn revoke(allowed: Allowed<caller::RequestException>, Path(id): Path<ExceptionId>, body: Json<Reason>) -> Result<Response, AppError> {
    let made = allowed.app.revoke_exception(&allowed.caller, &id, &body.value.reason, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
