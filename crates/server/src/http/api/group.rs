//! Groups of the identity provider: what they give.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Grant;
use chancery_core::group::Command;
use chancery_core::tables::{DirectoryRow, GroupRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(map, unmap))
}

/// A group and what it gives.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct GroupView {
    /// Name of the group, as the provider says it.
    pub(in crate::http) group: String,
    /// Roles.
    #[schema(value_type = Vec<String>)]
    pub(in crate::http) roles: serde_json::Value,
    /// Name of who mapped it, to whom it gives nothing; null when it was erased.
    pub(in crate::http) mapped_by: Option<String>,
    /// When (RFC 3339).
    pub(in crate::http) mapped_at: String,
}

/// List the groups that give roles
#[utoipa::path(get, path = "/api/v1/groups", operation_id = "group_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<GroupView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::ReadEntries>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<GroupView>>, AppError> {
    Ok(axum::Json(groups(&allowed.read().await?, &page).await?))
}

/// A page of groups.
pub(in crate::http) async fn groups(snapshot: &Snapshot, page: &PageQuery) -> Result<Page<GroupView>, AppError> {
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let rows = snapshot.rows::<GroupRow>("WHERE group_name > $1 ORDER BY group_name LIMIT $2", &values![after, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let mapped_by = snapshot.get::<DirectoryRow>(values![row.mapped_by]).await?.map(|row| row.handle.to_string());
        items.push(GroupView { group: row.group_name, roles: row.roles, mapped_by, mapped_at: row.mapped_at.to_string() });
    }
    Ok(Page::new(items, limit, |item| item.group.clone()))
}

/// What a group gives, whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupRoles {
    /// Roles with their scopes; never `administrator` or `approver:…`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Grant>,
}

/// Say which roles a group gives
///
/// They are given at the next login of each person in it. To whoever maps a group it gives nothing.
#[utoipa::path(put, path = "/api/v1/groups/{group}", operation_id = "group_map", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("group" = String, Path, description = "Name of the group, as the provider says it")), request_body = GroupRoles,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn map(allowed: Allowed<caller::ManageActors>, Path(group): Path<String>, body: Json<GroupRoles>) -> Result<Response, AppError> {
    let made = allowed.execute(Command::Map { group, roles: body.value.roles }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// End what a group gives
///
/// The roles are taken back at the next login of each person in it.
#[utoipa::path(delete, path = "/api/v1/groups/{group}", operation_id = "group_unmap", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("group" = String, Path, description = "Name of the group, as the provider says it")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn unmap(allowed: Allowed<caller::ManageActors>, Path(group): Path<String>, requested: Requested) -> Result<Response, AppError> {
    let made = allowed.execute(Command::Unmap { group }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
