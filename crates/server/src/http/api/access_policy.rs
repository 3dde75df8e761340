//! Access policies of the organisation.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::policies::{schema_text, shipped_files};
use chancery_core::names::Digest;
use chancery_core::refusal::Refusal;
use chancery_core::tables::AccessPolicyRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bundle::Because;
use crate::app::access_policy::access_policy_files;
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, install)).routes(routes!(shipped)).routes(routes!(show)).routes(routes!(activate)).routes(routes!(withdraw))
}

/// Access policies that the organisation installed.
#[derive(Serialize, ToSchema)]
struct AccessPolicyView {
    /// SHA-256 of their document: canonical JSON of an object from path to text.
    digest: String,
    /// `uploaded`, `active` or `withdrawn`.
    status: String,
    /// How many policies.
    policies: u64,
    /// Who installed them.
    installed_by: String,
    /// When (RFC 3339).
    installed_at: String,
    /// Who activated them last.
    activated_by: Option<String>,
    /// When (RFC 3339).
    activated_at: Option<String>,
}

impl From<AccessPolicyRow> for AccessPolicyView {
    fn from(row: AccessPolicyRow) -> Self {
        Self {
            digest: row.digest.to_string(),
            status: row.status.to_string(),
            policies: row.policies,
            installed_by: row.installed_by.to_string(),
            installed_at: row.installed_at.to_string(),
            activated_by: row.activated_by.map(|actor| actor.to_string()),
            activated_at: row.activated_at.map(|at| at.to_string()),
        }
    }
}

/// List access policies
#[utoipa::path(get, path = "/api/v1/access-policies", operation_id = "access_policy_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page, oldest first", body = Page<AccessPolicyView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::ManageAccess>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<AccessPolicyView>>, AppError> {
    let limit = page.limit()?;
    let bad = |_| Refusal::invalid("after", "after must be the `next` of a page");
    let after = page.after()?.map(|text| text.parse::<i64>().map_err(bad)).transpose()?.unwrap_or(-1);
    let snapshot = allowed.read().await?;
    let rows = snapshot.rows::<AccessPolicyRow>("WHERE installed_index > $1 ORDER BY installed_index LIMIT $2", &values![after, u64::from(limit) + 1]).await?;
    let page = Page::new(rows, limit, |row| row.installed_index.to_string());
    Ok(axum::Json(Page { items: page.items.into_iter().map(AccessPolicyView::from).collect(), next: page.next }))
}

/// New access policies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccessPolicy {
    /// Texts of Cedar by path, which ends with `.cedar`; at most 64 KiB and 200 policies, each with an `@id`.
    files: BTreeMap<String, String>,
    /// Why.
    reason: Option<String>,
}

/// Install access policies
///
/// They have to fit the schema; they have no effect until another person activates them.
#[utoipa::path(post, path = "/api/v1/access-policies", operation_id = "access_policy_install", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewAccessPolicy,
    responses((status = 201, description = "Kept; `Location` names them", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn install(allowed: Allowed<caller::ManageAccess>, body: Json<NewAccessPolicy>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let NewAccessPolicy { files, reason } = body.value;
    let (made, digest) = allowed.app.install_access_policy(&allowed.caller, files, reason.as_deref(), &options).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&format!("/api/v1/access-policies/{digest}"))))
}

/// Access policies with their files.
#[derive(Serialize, ToSchema)]
struct AccessPolicyFiles {
    /// The policies; null for those that ship with the program.
    access_policy: Option<AccessPolicyView>,
    /// Texts by path.
    files: BTreeMap<String, String>,
}

/// Read the shipped access policies
///
/// With the schema that policies of an organisation are checked against.
#[utoipa::path(get, path = "/api/v1/access-policies/shipped", operation_id = "access_policy_shipped", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "The files", body = AccessPolicyFiles), (status = "4XX", description = "Refused", body = Problem)))]
async fn shipped(_allowed: Allowed<caller::Read>) -> Result<axum::Json<AccessPolicyFiles>, AppError> {
    let mut files: BTreeMap<String, String> = shipped_files().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    files.insert("schema.cedarschema".to_owned(), schema_text().to_owned());
    Ok(axum::Json(AccessPolicyFiles { access_policy: None, files }))
}

/// Read access policies
#[utoipa::path(get, path = "/api/v1/access-policies/{digest}", operation_id = "access_policy_show", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "Digest of the policies")),
    responses((status = 200, description = "The policies", body = AccessPolicyFiles), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::ManageAccess>, Path(digest): Path<Digest>) -> Result<axum::Json<AccessPolicyFiles>, AppError> {
    let snapshot = allowed.read().await?;
    let not_found = || Refusal::not_found("access policy", &digest.to_string()).field("digest");
    let row = snapshot.get::<AccessPolicyRow>(values![digest]).await?.ok_or_else(not_found)?;
    let files = access_policy_files(&snapshot, digest).await?;
    Ok(axum::Json(AccessPolicyFiles { access_policy: Some(row.into()), files }))
}

/// Put access policies in force
///
/// By another person than the one who installed them. Refused when no administrator could take them out again.
#[utoipa::path(post, path = "/api/v1/access-policies/{digest}/activate", operation_id = "access_policy_activate", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("digest" = String, Path, description = "Digest of the policies")), request_body = Because,
    responses((status = 200, description = "In force", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn activate(allowed: Allowed<caller::ManageAccess>, Path(digest): Path<Digest>, body: Json<Because>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.activate_access_policy(&allowed.caller, digest, &body.value.reason, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Take access policies out of force
///
/// By another person than the one who activated them.
#[utoipa::path(post, path = "/api/v1/access-policies/{digest}/withdraw", operation_id = "access_policy_withdraw", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("digest" = String, Path, description = "Digest of the policies")), request_body = Because,
    responses((status = 200, description = "Out of force", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::ManageAccess>, Path(digest): Path<Digest>, body: Json<Because>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.withdraw_access_policy(&allowed.caller, digest, &body.value.reason, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
