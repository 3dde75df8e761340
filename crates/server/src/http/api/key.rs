//! Public keys of actors: register, list, remove. With them pipelines attest evidence, and people sign approvals with their own hand.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::actor::Command;
use chancery_core::actor::key::{RegisteredKey, Whose, parse_spki};
use chancery_core::names::{ActorId, Digest, Label};
use chancery_core::signing::ForeignKey;
use chancery_core::tables::ActorKeyRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::named;
use crate::app::{App, AppError, Receipt, keys};
use crate::fault::Fault;
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(remove))
}

/// A public key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// SPKI PEM of a P-256 or Ed25519 key, or an OpenSSH line `ssh-ed25519 …` or `ecdsa-sha2-nistp256 …`.
    key: String,
}

/// A registered public key.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct KeyView {
    /// SHA-256 of the SPKI DER, in hexadecimal.
    pub(in crate::http) id: String,
    /// `ecdsa-p256-sha256` or `ed25519`.
    pub(in crate::http) algorithm: String,
    /// SPKI PEM.
    pub(in crate::http) pem: String,
    /// When it was registered (RFC 3339).
    pub(in crate::http) added_at: String,
    /// When it was removed (RFC 3339); null while it is in use.
    pub(in crate::http) removed_at: Option<String>,
    /// Entry that registered it.
    pub(in crate::http) index: u64,
}

/// List the public keys of a user, oldest first
#[utoipa::path(get, path = "/api/v1/users/{name}/keys", operation_id = "key_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the user"), PageQuery),
    responses((status = 200, description = "A page", body = Page<KeyView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Path(name): Path<Label>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<KeyView>>, AppError> {
    let snapshot = allowed.read().await?;
    let actor = named(&snapshot, &name).await?;
    Ok(axum::Json(keys_of(&snapshot, &actor, &page).await?))
}

/// A page of the keys of an actor.
pub(in crate::http) async fn keys_of(snapshot: &Snapshot, actor: &ActorId, page: &PageQuery) -> Result<Page<KeyView>, AppError> {
    let limit = page.limit()?;
    // No entry registers a key before the first, which starts the registry.
    let after = super::number_cursor(page)?.unwrap_or(0);
    let tail = "WHERE actor_id = $1 AND added_index > $2 ORDER BY added_index LIMIT $3";
    let rows = snapshot.rows::<ActorKeyRow>(tail, &values![*actor, after, i64::from(limit) + 1]).await?;
    let views = rows.iter().map(view).collect::<Result<Vec<_>, AppError>>()?;
    Ok(Page::new(views, limit, |key| key.index.to_string()))
}

fn view(row: &ActorKeyRow) -> Result<KeyView, AppError> {
    let unreadable = |error: String| Fault::database("read a registered key", error);
    let key = parse_spki(&row.spki).map_err(|refusal| unreadable(refusal.message))?;
    Ok(KeyView {
        id: row.key_id.to_string(),
        algorithm: row.algorithm.to_string(),
        pem: key.to_spki_pem().map_err(|error| unreadable(error.to_string()))?,
        added_at: row.added_at.to_string(),
        removed_at: row.removed_at.map(|at| at.to_string()),
        index: row.added_index,
    })
}

/// Register a public key: one's own, or as an administrator that of a pipeline or service
#[utoipa::path(post, path = "/api/v1/users/{name}/keys", operation_id = "key_add", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the user")), request_body = NewKey,
    responses((status = 201, description = "Registered", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(allowed: Allowed<caller::ManageOwnKeys>, Path(name): Path<Label>, body: Json<NewKey>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let actor = named(&snapshot, &name).await?;
    drop(snapshot);
    let made = add_key(&allowed, actor, &body.value.key, &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&format!("/api/v1/users/{name}/keys"))))
}

/// Registers a public key of an actor.
pub(in crate::http) async fn add_key(allowed: &Allowed<caller::ManageOwnKeys>, actor: ActorId, text: &str, requested: &Requested) -> Result<Receipt, AppError> {
    let key = RegisteredKey::of(&ForeignKey::parse(text)?)?;
    allowed.app.check_foreign(&allowed.caller, &key.id).await?;
    let held = keys::held(&allowed.read().await?, &actor).await?;
    let whose = whose(allowed, &actor);
    allowed.execute(Command::AddKey { actor, key, whose, held }, requested).await
}

fn whose(allowed: &Allowed<caller::ManageOwnKeys>, actor: &ActorId) -> Whose {
    if allowed.caller.actor.id == *actor { Whose::Own } else { Whose::Other }
}

/// End the use of a public key; what it signed before stays signed
#[utoipa::path(delete, path = "/api/v1/users/{name}/keys/{id}", operation_id = "key_remove", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the user"), ("id" = String, Path, description = "Id of the key")),
    responses((status = 200, description = "Removed", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn remove(allowed: Allowed<caller::ManageOwnKeys>, Path((name, key_id)): Path<(Label, Digest)>, requested: Requested) -> Result<Response, AppError> {
    let actor = named(&allowed.read().await?, &name).await?;
    let whose = whose(&allowed, &actor);
    let made = allowed.execute(Command::RemoveKey { actor, key_id, whose }, &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
