//! Delegations: an approver lets somebody stand in for one role, until a date.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::delegation::Command;
use chancery_core::entry::PrivateText;
use chancery_core::names::{Label, Timestamp};
use chancery_core::tables::{ActorRow, DelegationRow, DirectoryRow, PrivateRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::promotion::before;
use super::user::named;
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Queries, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, give)).routes(routes!(end))
}

/// Who stands in, for which role, until when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Give {
    /// Role of approval, one of your own.
    #[schema(value_type = String)]
    role: Label,
    /// Name of the person who stands in.
    #[schema(value_type = String)]
    to: Label,
    /// Until when (RFC 3339), at most 90 days from now.
    #[schema(value_type = String)]
    until: Timestamp,
    /// Why.
    reason: String,
}

/// Let somebody stand in for one of your roles of approval; given again, it changes until when
#[utoipa::path(post, path = "/api/v1/delegations", operation_id = "delegation_give", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = Give,
    responses((status = 201, description = "Given", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn give(allowed: Allowed<caller::Delegate>, body: Json<Give>) -> Result<Response, AppError> {
    let Give { role, to, until, reason } = body.value;
    let reason = PrivateText::new("reason", &reason, ids::random()?)?;
    let to = named(&allowed.read().await?, &to).await?;
    let made = allowed.execute(Command::Give { role, to, until, reason }, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, None))
}

/// End a delegation that you gave; verdicts that were given under it stay
#[utoipa::path(delete, path = "/api/v1/delegations/{role}/{user}", operation_id = "delegation_end", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("role" = String, Path, description = "Role of approval"), ("user" = String, Path, description = "Name of the person who stands in")),
    responses((status = 200, description = "Ended", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn end(allowed: Allowed<caller::Delegate>, Path((role, user)): Path<(Label, Label)>, requested: Requested) -> Result<Response, AppError> {
    let to = named(&allowed.read().await?, &user).await?;
    let made = allowed.execute(Command::End { role, to }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Which delegations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DelegationFilter {
    /// Only of this role.
    role: Option<String>,
}

/// A delegation.
#[derive(Serialize, ToSchema)]
struct DelegationView {
    /// Role of approval.
    role: String,
    /// Id of who gave it.
    by: String,
    /// Name for commands of who gave it; null when it was erased.
    by_name: Option<String>,
    /// Id of who stands in.
    to: String,
    /// Name for commands of who stands in; null when it was erased.
    to_name: Option<String>,
    /// When it was given (RFC 3339).
    given_at: String,
    /// Until when (RFC 3339).
    until: String,
    /// When it was ended before (RFC 3339).
    ended_at: Option<String>,
    /// Whether it works now: it lasts, and its giver still has the role.
    in_force: bool,
    /// Why; null when it was erased.
    reason: Option<String>,
    /// Entry that gave it.
    index: u64,
}

/// List delegations, newest first, also those that ended
#[utoipa::path(get, path = "/api/v1/delegations", operation_id = "delegation_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(DelegationFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<DelegationView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::Read>,
    Queries((filter, page)): Queries<(DelegationFilter, PageQuery)>,
) -> Result<axum::Json<Page<DelegationView>>, AppError> {
    let limit = page.limit()?;
    let role = filter.role.as_deref().map(Label::parse).transpose()?.map_or_else(|| "%".to_owned(), |role| role.to_string());
    let snapshot = allowed.read().await?;
    let tail = "WHERE entry_index < $1 AND (role = $2 OR $2 = '%') ORDER BY entry_index DESC LIMIT $3";
    let rows = snapshot.rows::<DelegationRow>(tail, &values![before(&page)?, role, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(view(&snapshot, row, allowed.app.now()).await?);
    }
    Ok(axum::Json(Page::new(items, limit, |item| item.index.to_string())))
}

async fn view(snapshot: &Snapshot, row: DelegationRow, now: Timestamp) -> Result<DelegationView, AppError> {
    let giver = snapshot.get::<ActorRow>(values![row.giver]).await?;
    let by_name = snapshot.get::<DirectoryRow>(values![row.giver]).await?.map(|row| row.handle.to_string());
    let to_name = snapshot.get::<DirectoryRow>(values![row.delegate]).await?.map(|row| row.handle.to_string());
    Ok(DelegationView {
        in_force: giver.is_some_and(|giver| row.in_force(&giver, now)),
        role: row.role.to_string(),
        by: row.giver.to_string(),
        by_name,
        to: row.delegate.to_string(),
        to_name,
        given_at: row.given_at.to_string(),
        until: row.until.to_string(),
        ended_at: row.ended_at.map(|at| at.to_string()),
        reason: snapshot.get::<PrivateRow>(values![row.reason]).await?.map(|row| row.text),
        index: row.entry_index,
    })
}
