//! Governed facts of a model: a lower risk tier takes two persons, and a policy mode of its own.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::entry::PrivateText;
use chancery_core::model::Command;
use chancery_core::names::{ModelId, ModelName, PolicyMode, RiskTier};
use chancery_core::tables::{ModelRow, TierProposalRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Reason;
use super::promotion::before;
use crate::app::view::{self, ModelReference, TierProposalView};
use crate::app::{App, AppError};
use crate::http::caller::Permit;
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(set_risk_tier))
        .routes(routes!(proposals))
        .routes(routes!(confirm))
        .routes(routes!(reject))
        .routes(routes!(withdraw))
        .routes(routes!(set_mode))
}

/// A risk tier and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetTier {
    /// The tier.
    #[schema(value_type = String)]
    risk_tier: RiskTier,
    /// Why.
    reason: String,
}

fn reason(text: &str) -> Result<PrivateText, AppError> {
    Ok(PrivateText::new("reason", text, ids::random()?)?)
}

async fn id_of<P: Permit>(allowed: &Allowed<P>, name: &ModelName) -> Result<ModelId, AppError> {
    Ok(view::model_named(&allowed.read().await?, name).await?.model_id)
}

async fn done<P: Permit>(allowed: &Allowed<P>, command: Command, requested: &Requested) -> Result<Response, AppError> {
    Ok(receipt(StatusCode::OK, &allowed.execute(command, requested).await?, None))
}

/// Raise the risk tier of a model, or propose a lower one
///
/// A higher tier is in force at once. A lower one is proposed, and another person in the governance role confirms it.
#[utoipa::path(post, path = "/api/v1/models/{name}/risk-tier", operation_id = "model_risk_tier", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = SetTier,
    responses((status = 200, description = "Raised, or proposed", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_risk_tier(allowed: Allowed<caller::SetRiskTier>, Path(name): Path<ModelName>, body: Json<SetTier>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    let SetTier { risk_tier, reason: why } = body.value;
    done(&allowed, Command::SetRiskTier { id, risk_tier, reason: reason(&why)? }, &body.requested).await
}

/// A proposed risk tier with its model.
#[derive(Serialize, ToSchema)]
struct OpenProposal {
    /// The model.
    model: ModelReference,
    /// The tier now.
    from: String,
    /// What is proposed.
    #[serde(flatten)]
    proposal: TierProposalView,
}

/// List the risk tiers that wait for a second person, newest first
#[utoipa::path(get, path = "/api/v1/tier-proposals", operation_id = "tier_proposal_list", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<OpenProposal>), (status = "4XX", description = "Refused", body = Problem)))]
async fn proposals(allowed: Allowed<caller::Read>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<OpenProposal>>, AppError> {
    let limit = page.limit()?;
    let snapshot = allowed.read().await?;
    let rows =
        snapshot.rows::<TierProposalRow>("WHERE entry_index < $1 ORDER BY entry_index DESC LIMIT $2", &values![before(&page)?, i64::from(limit) + 1]).await?;
    let Page { items, next } = Page::new(rows, limit, |row| row.entry_index.to_string());
    let mut views = Vec::with_capacity(items.len());
    for row in items {
        let Some(model) = snapshot.get::<ModelRow>(values![row.model_id]).await? else { continue };
        views.push(OpenProposal {
            model: ModelReference { id: model.model_id.to_string(), name: model.name.to_string() },
            from: model.risk_tier.to_string(),
            proposal: view::tier_proposal(&snapshot, row).await?,
        });
    }
    Ok(axum::Json(Page { items: views, next }))
}

/// Confirm the lower risk tier that somebody else proposed
#[utoipa::path(post, path = "/api/v1/models/{name}/tier-proposal/confirm", operation_id = "tier_proposal_confirm", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = SetTier,
    responses((status = 200, description = "Lowered", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn confirm(allowed: Allowed<caller::SetRiskTier>, Path(name): Path<ModelName>, body: Json<SetTier>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    let SetTier { risk_tier, reason: why } = body.value;
    done(&allowed, Command::ConfirmTier { id, risk_tier, reason: reason(&why)? }, &body.requested).await
}

/// Reject the lower risk tier that somebody proposed
#[utoipa::path(post, path = "/api/v1/models/{name}/tier-proposal/reject", operation_id = "tier_proposal_reject", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Reason,
    responses((status = 200, description = "Rejected", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn reject(allowed: Allowed<caller::SetRiskTier>, Path(name): Path<ModelName>, body: Json<Reason>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    done(&allowed, Command::RejectTier { id, reason: reason(&body.value.reason)? }, &body.requested).await
}

/// Take one's own proposal of a risk tier back
#[utoipa::path(post, path = "/api/v1/models/{name}/tier-proposal/withdraw", operation_id = "tier_proposal_withdraw", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Reason,
    responses((status = 200, description = "Withdrawn", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::EditModel>, Path(name): Path<ModelName>, body: Json<Reason>) -> Result<Response, AppError> {
    let id = id_of(&allowed, &name).await?;
    done(&allowed, Command::WithdrawTier { id, reason: reason(&body.value.reason)? }, &body.requested).await
}

/// A mode and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetModelMode {
    /// `enforce` or `warn`; null for the mode of the registry.
    #[schema(value_type = Option<String>)]
    mode: Option<PolicyMode>,
    /// Why.
    reason: String,
}

/// Give a model a policy mode of its own, or take it away
#[utoipa::path(put, path = "/api/v1/models/{name}/policy-mode", operation_id = "model_policy_mode", tag = "models", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = SetModelMode,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn set_mode(allowed: Allowed<caller::SetPolicyMode>, Path(name): Path<ModelName>, body: Json<SetModelMode>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.set_model_mode(&allowed.caller, &name, body.value.mode, &body.value.reason, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
