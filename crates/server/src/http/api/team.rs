//! Teams: they own models, and roles are given for what they own.

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chancery_core::entry::PrivateText;
use chancery_core::names::Label;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ActorRow, TeamMemberRow, TeamRow};
use chancery_core::team::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use super::user::{handle, named};
use crate::app::{App, AppError, view};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, IfMatch, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change))
        .routes(routes!(dissolve))
        .routes(routes!(members))
        .routes(routes!(add, remove))
}

/// A new team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTeam {
    /// Its name, for ever.
    #[schema(value_type = String)]
    name: Label,
    /// What it is for.
    #[serde(default)]
    description: String,
}

/// Create a team
#[utoipa::path(post, path = "/api/v1/teams", operation_id = "team_create", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewTeam,
    responses((status = 201, description = "Created", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn create(allowed: Allowed<caller::ManageTeams>, body: Json<NewTeam>) -> Result<Response, AppError> {
    let NewTeam { name, description } = body.value;
    let location = format!("/api/v1/teams/{name}");
    let made = allowed.execute(Command::Create { team: name, description }, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&location)))
}

/// A team.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TeamView {
    /// Its name.
    pub(in crate::http) name: String,
    /// What it is for.
    pub(in crate::http) description: String,
    /// How many are in it.
    pub(in crate::http) members: u64,
    /// How many models it owns.
    pub(in crate::http) models: u64,
    /// Whether it is no more.
    pub(in crate::http) dissolved: bool,
    /// Index of the last entry that changed it; the ETag.
    pub(in crate::http) revision: u64,
}

impl TeamView {
    /// The view of a team; it counts the models that the caller may read.
    async fn of(snapshot: &Snapshot, row: TeamRow) -> Result<Self, AppError> {
        let TeamRow { team, description, members, models, dissolved, revision, .. } = row;
        let models = if snapshot.is_limited() { view::models_of_team(snapshot, &team).await? } else { models };
        Ok(Self { name: team.to_string(), description, members, models, dissolved, revision })
    }
}

/// List teams by name, also those that were dissolved
#[utoipa::path(get, path = "/api/v1/teams", operation_id = "team_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<TeamView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<TeamView>>, AppError> {
    Ok(axum::Json(teams(&allowed.read().await?, &page).await?))
}

/// A page of teams.
pub(in crate::http) async fn teams(snapshot: &Snapshot, page: &PageQuery) -> Result<Page<TeamView>, AppError> {
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let rows = snapshot.rows::<TeamRow>("WHERE team > $1 ORDER BY team LIMIT $2", &values![after, i64::from(limit) + 1]).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(TeamView::of(snapshot, row).await?);
    }
    Ok(Page::new(views, limit, |team| team.name.clone()))
}

/// Read a team
#[utoipa::path(get, path = "/api/v1/teams/{name}", operation_id = "team_show", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the team")),
    responses((status = 200, description = "The team", body = TeamView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(name): Path<Label>) -> Result<Response, AppError> {
    let view = team(&allowed.read().await?, &name).await?;
    Ok(([(ETAG, format!("\"{}\"", view.revision))], axum::Json(view)).into_response())
}

/// The view of a team.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn team(snapshot: &Snapshot, name: &Label) -> Result<TeamView, AppError> {
    let row = snapshot.get::<TeamRow>(values![*name]).await?.ok_or_else(|| Refusal::not_found("team", name.as_str()))?;
    TeamView::of(snapshot, row).await
}

/// What is said about a team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TeamText {
    /// What it is for.
    description: String,
}

/// Replace what is said about a team
#[utoipa::path(put, path = "/api/v1/teams/{name}", operation_id = "team_change", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the team"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")), request_body = TeamText,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn change(
    allowed: Allowed<caller::ManageTeams>,
    Path(team): Path<Label>,
    IfMatch(expected): IfMatch,
    body: Json<TeamText>,
) -> Result<Response, AppError> {
    let command = Command::Change { team, description: body.value.description, expected };
    Ok(receipt(StatusCode::OK, &allowed.execute(command, &body.requested).await?, None))
}

/// End a team that owns no model and has no members; its name is not given again
#[utoipa::path(post, path = "/api/v1/teams/{name}/dissolve", operation_id = "team_dissolve", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the team")), request_body = Reason,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn dissolve(allowed: Allowed<caller::ManageTeams>, Path(team): Path<Label>, body: Json<Reason>) -> Result<Response, AppError> {
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::Dissolve { team, reason }, &body.requested).await?, None))
}

/// Who is in a team.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MemberView {
    /// Id of the actor.
    pub(in crate::http) id: String,
    /// His name for commands; null when it was erased.
    pub(in crate::http) name: Option<String>,
    /// `person`, `pipeline` or `service`.
    pub(in crate::http) kind: Option<String>,
    /// Whether he has access.
    pub(in crate::http) active: bool,
    /// Since when (RFC 3339).
    pub(in crate::http) added_at: String,
    /// Entry that says so.
    pub(in crate::http) index: u64,
}

/// List the members of a team
#[utoipa::path(get, path = "/api/v1/teams/{name}/members", operation_id = "team_members", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the team"), PageQuery),
    responses((status = 200, description = "A page", body = Page<MemberView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn members(allowed: Allowed<caller::Read>, Path(name): Path<Label>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<MemberView>>, AppError> {
    let snapshot = allowed.read().await?;
    snapshot.get::<TeamRow>(values![name]).await?.ok_or_else(|| Refusal::not_found("team", name.as_str()))?;
    Ok(axum::Json(team_members(&snapshot, &name, &page).await?))
}

/// A page of the members of a team.
pub(in crate::http) async fn team_members(snapshot: &Snapshot, name: &Label, page: &PageQuery) -> Result<Page<MemberView>, AppError> {
    let limit = page.limit()?;
    let after = page.after()?.unwrap_or_default();
    let tail = "WHERE team = $1 AND actor_id > $2 ORDER BY actor_id LIMIT $3";
    let rows = snapshot.rows::<TeamMemberRow>(tail, &values![*name, after, i64::from(limit) + 1]).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let actor = snapshot.get::<ActorRow>(values![row.actor_id]).await?;
        views.push(MemberView {
            name: handle(snapshot, &row.actor_id).await?,
            kind: actor.as_ref().map(|actor| actor.kind.to_string()),
            active: actor.is_some_and(|actor| actor.active),
            id: row.actor_id.to_string(),
            added_at: row.added_at.to_string(),
            index: row.entry_index,
        });
    }
    Ok(Page::new(views, limit, |member| member.id.clone()))
}

/// Add a person, pipeline or service to a team
#[utoipa::path(put, path = "/api/v1/teams/{name}/members/{user}", operation_id = "team_member_add", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the team"), ("user" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(allowed: Allowed<caller::ManageTeams>, Path((team, user)): Path<(Label, Label)>, requested: Requested) -> Result<Response, AppError> {
    let member = named(&allowed.read().await?, &user).await?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::AddMember { team, member }, &requested).await?, None))
}

/// Take somebody out of a team
#[utoipa::path(delete, path = "/api/v1/teams/{name}/members/{user}", operation_id = "team_member_remove", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the team"), ("user" = String, Path, description = "Name of the user, or id when the name was erased")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn remove(allowed: Allowed<caller::ManageTeams>, Path((team, user)): Path<(Label, Label)>, requested: Requested) -> Result<Response, AppError> {
    let member = super::user::named_or_id(&allowed.read().await?, &user).await?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::RemoveMember { team, member }, &requested).await?, None))
}
