//! Standing findings of the scheduled checks.

use chancery_core::entry::Subject;
use chancery_core::finding::Status;
use chancery_core::names::ModelName;
use chancery_core::refusal::Refusal;
use chancery_core::tables::FindingRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::promotion::before;
use crate::app::view::{self, SubjectView};
use crate::app::{App, AppError};
use crate::http::{Allowed, Page, PageQuery, Problem, Query, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A finding: the newest of its rule about its subject.
#[derive(Serialize, ToSchema)]
struct FindingView {
    /// What it is about.
    subject: SubjectView,
    /// Rule.
    rule: String,
    /// What is wrong.
    message: String,
    /// When it becomes, or became, pressing (RFC 3339).
    due: Option<String>,
    /// `open` or `closed`.
    status: String,
    /// Why it was closed: `resolved` or `superseded`.
    reason: Option<String>,
    /// When it was opened (RFC 3339).
    opened_at: String,
    /// Entry that opened it.
    opened_index: u64,
    /// When it was closed (RFC 3339).
    closed_at: Option<String>,
    /// Entry that closed it.
    closed_index: Option<u64>,
}

async fn shown(snapshot: &Snapshot, row: FindingRow) -> Result<FindingView, AppError> {
    Ok(FindingView {
        subject: view::subject(snapshot, &Subject::try_from(row.subject)?).await?,
        rule: row.rule,
        message: row.message,
        due: row.due.map(|due| due.to_string()),
        status: row.status.to_string(),
        reason: row.reason.map(|reason| reason.to_string()),
        opened_at: row.opened_at.to_string(),
        opened_index: row.opened_index,
        closed_at: row.closed_at.map(|at| at.to_string()),
        closed_index: row.closed_index,
    })
}

/// Which findings.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FindingFilter {
    /// `open` (unless given), `closed` or `all`.
    status: Option<String>,
    /// Only this rule.
    rule: Option<String>,
    /// Only those that concern this model.
    model: Option<String>,
    /// Items, 1 to 500; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List standing findings, newest first
#[utoipa::path(get, path = "/api/v1/findings", operation_id = "finding_list", tag = "reviews", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(FindingFilter),
    responses((status = 200, description = "A page", body = Page<FindingView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(filter): Query<FindingFilter>) -> Result<axum::Json<Page<FindingView>>, AppError> {
    let page = PageQuery { limit: filter.limit, after: filter.after.clone() };
    let limit = page.limit()?;
    let before = before(&page)?;
    let status = match filter.status.as_deref().unwrap_or("open") {
        "all" => "%",
        word => Status::parse(word).map_err(|_| Refusal::unknown_word("status", word, &["open", "closed", "all"]))?.as_str(),
    };
    let snapshot = allowed.read().await?;
    let model = match filter.model.as_deref().map(ModelName::parse).transpose()? {
        Some(name) => view::model_named(&snapshot, &name).await?.model_id.to_string(),
        None => String::new(),
    };
    let rule = filter.rule.unwrap_or_default();
    let tail = "WHERE opened_index < $1 AND status LIKE $2 AND ($3 = '' OR rule = $3) AND ($4 = '' OR model_id = $4) ORDER BY opened_index DESC LIMIT $5";
    let rows = snapshot.rows::<FindingRow>(tail, &values![before, status, rule, model, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(shown(&snapshot, row).await?);
    }
    Ok(axum::Json(Page::new(items, limit, |finding| finding.opened_index.to_string())))
}
