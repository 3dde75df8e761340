//! Transfers: another team shall own a model, and both sides must want it.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::entry::PrivateText;
use chancery_core::model::Command;
use chancery_core::names::{Label, ModelId, ModelName};
use chancery_core::tables::{ModelRow, PrivateRow, TransferProposalRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use super::promotion::before;
use super::user::handle;
use crate::app::view::{self, ModelReference};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(propose)).routes(routes!(accept)).routes(routes!(reject)).routes(routes!(withdraw)).routes(routes!(list))
}

/// To which team, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Propose {
    /// The team that shall own the model.
    #[schema(value_type = String)]
    to: Label,
    /// Why.
    reason: String,
}

/// The team, as it was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Accept {
    /// The team that was proposed.
    #[schema(value_type = String)]
    to: Label,
}

async fn id_of(allowed: &Allowed<caller::TransferModel>, name: &ModelName) -> Result<ModelId, AppError> {
    Ok(view::model_named(&allowed.read().await?, name).await?.model_id)
}

/// Propose that a team owns a model
///
/// An owner in the owning team proposes, an owner in the receiving team accepts. A model without a team is claimed: an owner of the team
/// and an administrator, or an owner in the whole registry, agree.
#[utoipa::path(post, path = "/api/v1/models/{name}/transfer", operation_id = "transfer_propose", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Propose,
    responses((status = 201, description = "Proposed", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn propose(allowed: Allowed<caller::TransferModel>, Path(name): Path<ModelName>, body: Json<Propose>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    let made = allowed.execute(Command::ProposeTransfer { id, to: body.value.to, reason }, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, None))
}

/// Accept a proposed transfer for the other side
#[utoipa::path(post, path = "/api/v1/models/{name}/transfer/accept", operation_id = "transfer_accept", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Accept,
    responses((status = 200, description = "Transferred", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn accept(allowed: Allowed<caller::TransferModel>, Path(name): Path<ModelName>, body: Json<Accept>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    let made = allowed.execute(Command::AcceptTransfer { id, to: body.value.to }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Reject a proposed transfer, on either side
#[utoipa::path(post, path = "/api/v1/models/{name}/transfer/reject", operation_id = "transfer_reject", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Reason,
    responses((status = 200, description = "Rejected", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn reject(allowed: Allowed<caller::TransferModel>, Path(name): Path<ModelName>, body: Json<Reason>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::RejectTransfer { id, reason }, &body.requested).await?, None))
}

/// Take one's own proposal of a transfer back
#[utoipa::path(post, path = "/api/v1/models/{name}/transfer/withdraw", operation_id = "transfer_withdraw", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Reason,
    responses((status = 200, description = "Withdrawn", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::TransferModel>, Path(name): Path<ModelName>, body: Json<Reason>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    let reason = PrivateText::new("reason", &body.value.reason, ids::random()?)?;
    Ok(receipt(StatusCode::OK, &allowed.execute(Command::WithdrawTransfer { id, reason }, &body.requested).await?, None))
}

/// A transfer that waits for the other side.
#[derive(Serialize, ToSchema)]
struct TransferView {
    /// The model.
    model: ModelReference,
    /// The team that owns it; null for a claim.
    from: Option<String>,
    /// The team that shall own it.
    to: String,
    /// Id of who proposed it.
    proposed_by: String,
    /// His name for commands; null when it was erased.
    proposed_by_name: Option<String>,
    /// When (RFC 3339).
    proposed_at: String,
    /// Why; null when it was erased.
    reason: Option<String>,
    /// Entry that proposed it.
    index: u64,
}

/// List the transfers that wait for the other side, newest first
#[utoipa::path(get, path = "/api/v1/transfers", operation_id = "transfer_list", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<TransferView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<TransferView>>, AppError> {
    let limit = page.limit()?;
    let snapshot = allowed.read().await?;
    let tail = "WHERE entry_index < $1 ORDER BY entry_index DESC LIMIT $2";
    let rows = snapshot.rows::<TransferProposalRow>(tail, &values![before(&page)?, i64::from(limit) + 1]).await?;
    let Page { items, next } = Page::new(rows, limit, |row| row.entry_index.to_string());
    let mut views = Vec::with_capacity(items.len());
    for row in items {
        let Some(model) = snapshot.get::<ModelRow>(values![row.model_id]).await? else { continue };
        views.push(TransferView {
            model: ModelReference { id: model.model_id.to_string(), name: model.name.to_string() },
            from: row.from_team.map(|team| team.to_string()),
            to: row.to_team.to_string(),
            proposed_by_name: handle(&snapshot, &row.proposed_by).await?,
            proposed_by: row.proposed_by.to_string(),
            proposed_at: row.proposed_at.to_string(),
            reason: snapshot.get::<PrivateRow>(values![row.reason]).await?.map(|row| row.text),
            index: row.entry_index,
        });
    }
    Ok(axum::Json(Page { items: views, next }))
}
