//! Users, pipelines and services: create, list, roles, end of access. Commands name them; entries know ids only.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Grant;
use chancery_core::actor::{ActorKind, Command};
use chancery_core::names::{ActorId, Label};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ActorRow, DirectoryRow, HandleRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(set_roles)).routes(routes!(deactivate))
}

/// A new user, pipeline or service.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// Name for commands.
    #[schema(value_type = String)]
    name: Label,
    /// Name for people.
    #[serde(default)]
    display_name: String,
    /// `person`, `pipeline` or `service`.
    #[schema(value_type = String)]
    kind: ActorKind,
    /// Roles; approvers as `approver:ROLE`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Grant>,
}

/// Create a user, pipeline or service
#[utoipa::path(post, path = "/api/v1/users", operation_id = "user_create", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewUser,
    responses((status = 201, description = "Created", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn create(allowed: Allowed<caller::ManageActors>, body: Json<NewUser>) -> Result<Response, AppError> {
    let NewUser { name, display_name, kind, roles } = body.value;
    let location = format!("/api/v1/users/{name}");
    let command = Command::Create { id: ids::actor(kind)?, kind, handle: name, display_name, roles };
    let made = allowed.execute(command, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&location)))
}

/// A user, pipeline or service.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UserView {
    /// Identifier, as in entries.
    pub(in crate::http) id: String,
    /// Name for commands; null when it was erased.
    pub(in crate::http) name: Option<String>,
    /// Name for people.
    pub(in crate::http) display_name: Option<String>,
    /// `person`, `pipeline` or `service`.
    pub(in crate::http) kind: String,
    /// Roles.
    #[schema(value_type = Vec<String>)]
    pub(in crate::http) roles: serde_json::Value,
    /// Whether it has access.
    pub(in crate::http) active: bool,
    /// Whether the name was erased.
    pub(in crate::http) erased: bool,
}

/// List users, pipelines and services
#[utoipa::path(get, path = "/api/v1/users", operation_id = "user_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<UserView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::ReadEntries>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<UserView>>, AppError> {
    Ok(axum::Json(users(&allowed.read().await?, &page).await?))
}

/// A page of users.
pub(in crate::http) async fn users(snapshot: &Snapshot, page: &PageQuery) -> Result<Page<UserView>, AppError> {
    users_of(snapshot, None, page).await
}

/// A page of the users of a kind.
pub(in crate::http) async fn users_of(snapshot: &Snapshot, kind: Option<ActorKind>, page: &PageQuery) -> Result<Page<UserView>, AppError> {
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let kind = kind.map_or("%", ActorKind::as_str);
    let tail = "WHERE actor_id > $1 AND kind LIKE $2 ORDER BY actor_id LIMIT $3";
    let rows = snapshot.rows::<ActorRow>(tail, &values![after, kind, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(user(snapshot, row).await?);
    }
    Ok(Page::new(items, limit, |user| user.id.clone()))
}

/// The view of a user.
pub(in crate::http) async fn user(snapshot: &Snapshot, row: ActorRow) -> Result<UserView, AppError> {
    let directory = snapshot.get::<DirectoryRow>(values![row.actor_id]).await?;
    let (name, display_name) = directory.map(|row| (row.handle.to_string(), row.display_name)).unzip();
    Ok(UserView {
        id: row.actor_id.to_string(),
        name,
        display_name,
        kind: row.kind.to_string(),
        roles: row.roles,
        active: row.active,
        erased: row.erased_index.is_some(),
    })
}

/// Who has a name.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn named(snapshot: &Snapshot, name: &Label) -> Result<ActorId, AppError> {
    let row = snapshot.get::<HandleRow>(values![*name]).await?;
    Ok(row.ok_or_else(|| Refusal::not_found("user", name.as_str()))?.actor_id)
}

/// Who has a name, or the id itself: of somebody whose name was erased.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn named_or_id(snapshot: &Snapshot, user: &Label) -> Result<ActorId, AppError> {
    match ActorId::parse(user.as_str()) {
        Ok(id) if snapshot.get::<ActorRow>(values![id]).await?.is_some() => Ok(id),
        Ok(_) | Err(_) => named(snapshot, user).await,
    }
}

/// The name of an actor for commands, when the directory has it.
///
/// # Errors
/// [`AppError::Fault`].
pub(in crate::http) async fn handle(snapshot: &Snapshot, actor: &ActorId) -> Result<Option<String>, AppError> {
    Ok(snapshot.get::<DirectoryRow>(values![*actor]).await?.map(|row| row.handle.to_string()))
}

/// Roles, whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserRoles {
    /// Roles; approvers as `approver:ROLE`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Grant>,
}

/// Replace the roles of a user
#[utoipa::path(put, path = "/api/v1/users/{name}/roles", operation_id = "user_roles", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the user")), request_body = UserRoles,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_roles(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>, body: Json<UserRoles>) -> Result<Response, AppError> {
    let id = named(&allowed.read().await?, &name).await?;
    let made = allowed.execute(Command::SetRoles { id, roles: body.value.roles }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// End all access of a user
#[utoipa::path(delete, path = "/api/v1/users/{name}", operation_id = "user_deactivate", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn deactivate(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>, requested: Requested) -> Result<Response, AppError> {
    let id = named(&allowed.read().await?, &name).await?;
    let made = allowed.execute(Command::Deactivate { id }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
