//! Roles of approval and administration that wait for a second administrator.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Grant;
use chancery_core::entry::PrivateText;
use chancery_core::grant::Command;
use chancery_core::names::Label;
use chancery_core::tables::GrantProposalRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use super::promotion::before;
use super::user::{handle, named};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(confirm)).routes(routes!(reject)).routes(routes!(withdraw))
}

/// Roles that wait for a second administrator.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ProposalView {
    /// Id of who gets them.
    pub(in crate::http) id: String,
    /// His name for commands; null when it was erased.
    pub(in crate::http) user: Option<String>,
    /// The roles.
    #[schema(value_type = Vec<String>)]
    pub(in crate::http) roles: Vec<Grant>,
    /// Id of who proposed them.
    pub(in crate::http) proposed_by: String,
    /// His name for commands; null when it was erased.
    pub(in crate::http) proposed_by_name: Option<String>,
    /// When (RFC 3339).
    pub(in crate::http) proposed_at: String,
    /// Entry that proposed them.
    pub(in crate::http) index: u64,
}

/// List the roles that wait for a second administrator, newest first
#[utoipa::path(get, path = "/api/v1/grant-proposals", operation_id = "grant_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<ProposalView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::ReadEntries>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<ProposalView>>, AppError> {
    Ok(axum::Json(proposals(&allowed.read().await?, &page).await?))
}

/// A page of the roles that wait.
pub(in crate::http) async fn proposals(snapshot: &Snapshot, page: &PageQuery) -> Result<Page<ProposalView>, AppError> {
    let limit = page.limit()?;
    let tail = "WHERE entry_index < $1 ORDER BY entry_index DESC LIMIT $2";
    let rows = snapshot.rows::<GrantProposalRow>(tail, &values![before(page)?, i64::from(limit) + 1]).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(proposal(snapshot, row).await?);
    }
    Ok(Page::new(views, limit, |view| view.index.to_string()))
}

/// The view of roles that wait.
pub(in crate::http) async fn proposal(snapshot: &Snapshot, row: GrantProposalRow) -> Result<ProposalView, AppError> {
    Ok(ProposalView {
        user: handle(snapshot, &row.actor_id).await?,
        roles: row.grants(),
        id: row.actor_id.to_string(),
        proposed_by_name: handle(snapshot, &row.proposed_by).await?,
        proposed_by: row.proposed_by.to_string(),
        proposed_at: row.proposed_at.to_string(),
        index: row.entry_index,
    })
}

/// The roles, as they were seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    /// The roles that wait.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Grant>,
}

/// Confirm the roles that another administrator proposed
#[utoipa::path(post, path = "/api/v1/grant-proposals/{user}/confirm", operation_id = "grant_confirm", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("user" = String, Path, description = "Name of the user who gets them")), request_body = Confirm,
    responses((status = 200, description = "Given", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn confirm(allowed: Allowed<caller::ManageActors>, Path(user): Path<Label>, body: Json<Confirm>) -> Result<Response, AppError> {
    let actor = named(&allowed.read().await?, &user).await?;
    let made = allowed.execute(Command::Confirm { actor, grants: body.value.roles }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Reject the roles that another administrator proposed
#[utoipa::path(post, path = "/api/v1/grant-proposals/{user}/reject", operation_id = "grant_reject", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("user" = String, Path, description = "Name of the user")), request_body = Reason,
    responses((status = 200, description = "Rejected", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn reject(allowed: Allowed<caller::ManageActors>, Path(user): Path<Label>, body: Json<Reason>) -> Result<Response, AppError> {
    let actor = named(&allowed.read().await?, &user).await?;
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::Reject { actor, reason }, &body.requested).await?, None))
}

/// Take one's own proposal of roles back
#[utoipa::path(post, path = "/api/v1/grant-proposals/{user}/withdraw", operation_id = "grant_withdraw", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("user" = String, Path, description = "Name of the user")), request_body = Reason,
    responses((status = 200, description = "Withdrawn", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::ManageActors>, Path(user): Path<Label>, body: Json<Reason>) -> Result<Response, AppError> {
    let actor = named(&allowed.read().await?, &user).await?;
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::Withdraw { actor, reason }, &body.requested).await?, None))
}
