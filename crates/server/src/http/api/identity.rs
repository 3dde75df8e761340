//! Workload identities of pipelines: register, list, remove, and try claims on them.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::actor::Command;
use chancery_core::actor::identity::Added;
use chancery_core::identity::Rule;
use chancery_core::names::{ActorId, IdentityId, Label};
use chancery_core::tables::IdentityRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::named;
use crate::app::workload::{self, Tried};
use crate::app::{App, AppError, Receipt};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Path, Problem, caller};
use crate::ids;
use crate::store::Snapshot;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(remove)).routes(routes!(test))
}

/// A new workload identity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewIdentity {
    /// `iss` of the tokens: one that the operator configured, byte for byte.
    issuer: String,
    /// What the claims must be: {claim, match, value}, `match` being `exact` or `prefix`. One rule says exactly who runs, another one which
    /// of its runs.
    #[schema(value_type = Vec<Object>)]
    rules: Vec<Rule>,
}

/// A workload identity.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct IdentityView {
    /// Identifier.
    pub(in crate::http) id: String,
    /// `iss` of the tokens.
    pub(in crate::http) issuer: String,
    /// `aud` of the tokens.
    pub(in crate::http) audience: String,
    /// `github`, `gitlab`, `kubernetes` or `other`.
    pub(in crate::http) shape: String,
    /// What the claims must be.
    #[schema(value_type = Vec<Object>)]
    pub(in crate::http) rules: Vec<Rule>,
    /// When it was registered (RFC 3339).
    pub(in crate::http) added_at: String,
    /// Entry that registered it.
    pub(in crate::http) index: u64,
}

impl IdentityView {
    fn of(row: &IdentityRow) -> Result<Self, AppError> {
        Ok(Self {
            id: row.identity_id.to_string(),
            issuer: row.issuer.clone(),
            audience: row.audience.clone(),
            shape: row.shape.to_string(),
            rules: workload::rules(row)?,
            added_at: row.added_at.to_string(),
            index: row.added_index,
        })
    }
}

/// The identities of a pipeline.
#[derive(Serialize, ToSchema)]
struct Identities {
    /// At most 20, oldest first.
    items: Vec<IdentityView>,
}

/// List the workload identities of a pipeline
#[utoipa::path(get, path = "/api/v1/users/{name}/identities", operation_id = "identity_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the pipeline")),
    responses((status = 200, description = "The identities", body = Identities), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::ReadEntries>, Path(name): Path<Label>) -> Result<axum::Json<Identities>, AppError> {
    let snapshot = allowed.read().await?;
    let actor = named(&snapshot, &name).await?;
    Ok(axum::Json(Identities { items: identities(&snapshot, &actor).await? }))
}

/// The identities of a pipeline.
pub(in crate::http) async fn identities(snapshot: &Snapshot, actor: &ActorId) -> Result<Vec<IdentityView>, AppError> {
    workload::held(snapshot, actor).await?.iter().map(IdentityView::of).collect()
}

/// Register a workload identity of a pipeline
#[utoipa::path(post, path = "/api/v1/users/{name}/identities", operation_id = "identity_add", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the pipeline")), request_body = NewIdentity,
    responses((status = 201, description = "Registered", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>, body: Json<NewIdentity>) -> Result<Response, AppError> {
    let NewIdentity { issuer, rules } = body.value;
    let (made, id) = add_identity(&allowed, &name, issuer, rules, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&format!("/api/v1/users/{name}/identities/{id}"))))
}

/// Registers an identity of a pipeline.
pub(in crate::http) async fn add_identity(
    allowed: &Allowed<caller::ManageActors>,
    name: &Label,
    issuer: String,
    rules: Vec<Rule>,
    requested: &Requested,
) -> Result<(Receipt, IdentityId), AppError> {
    let snapshot = allowed.read().await?;
    let actor = named(&snapshot, name).await?;
    let held = workload::held(&snapshot, &actor).await?.len() as u64;
    drop(snapshot);
    let (shape, audience) = allowed.app.workload_issuer(&issuer)?;
    let id = ids::identity()?;
    let identity = Box::new(Added { id: id.clone(), issuer, audience, shape, rules });
    let made = allowed.execute(Command::AddIdentity { actor, identity, held }, requested).await?;
    Ok((made, id))
}

/// End a workload identity; tokens that runs have by it end within a quarter of an hour, or when they are revoked
#[utoipa::path(delete, path = "/api/v1/users/{name}/identities/{id}", operation_id = "identity_remove", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the pipeline"), ("id" = String, Path, description = "Id of the identity")),
    responses((status = 200, description = "Ended", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn remove(allowed: Allowed<caller::ManageActors>, Path((name, id)): Path<(Label, IdentityId)>, requested: Requested) -> Result<Response, AppError> {
    let actor = named(&allowed.read().await?, &name).await?;
    let made = allowed.execute(Command::RemoveIdentity { actor, id }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Claims to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Claims {
    /// The claims of a token, as an object. They are not verified, and nothing is issued for them.
    #[schema(value_type = Object)]
    claims: serde_json::Map<String, serde_json::Value>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
struct Tries {
    /// Every identity of the pipeline, with what does not fit.
    items: Vec<Tried>,
}

/// Try claims on the identities of a pipeline: which would fit, and why the others do not
#[utoipa::path(post, path = "/api/v1/users/{name}/identities/test", operation_id = "identity_test", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the pipeline")), request_body = Claims,
    responses((status = 200, description = "What came of it", body = Tries), (status = "4XX", description = "Refused", body = Problem)))]
async fn test(allowed: Allowed<caller::ReadEntries>, Path(name): Path<Label>, body: Json<Claims>) -> Result<axum::Json<Tries>, AppError> {
    let snapshot = allowed.read().await?;
    let actor = named(&snapshot, &name).await?;
    Ok(axum::Json(Tries { items: workload::try_claims(&snapshot, &actor, &body.value.claims).await? }))
}
