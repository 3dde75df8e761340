//! Policy bundles of the organisation.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::Digest;
use chancery_core::policy::Bundle;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{BundleRow, PayloadRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, upload)).routes(routes!(show)).routes(routes!(activate)).routes(routes!(withdraw))
}

/// A policy bundle.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BundleView {
    /// SHA-256 of its document: canonical JSON of an object from path to text.
    pub(in crate::http) digest: String,
    /// `uploaded`, `active` or `withdrawn`.
    pub(in crate::http) status: String,
    /// Files.
    pub(in crate::http) files: u64,
    /// Bytes of all files.
    pub(in crate::http) size: u64,
    /// Who uploaded it.
    pub(in crate::http) uploaded_by: String,
    /// When (RFC 3339).
    pub(in crate::http) uploaded_at: String,
    /// Who activated it last.
    pub(in crate::http) activated_by: Option<String>,
    /// When (RFC 3339).
    pub(in crate::http) activated_at: Option<String>,
    /// Digest of baseline and bundle together, which verdicts name, when it was activated last.
    pub(in crate::http) effective: Option<String>,
}

impl From<BundleRow> for BundleView {
    fn from(row: BundleRow) -> Self {
        Self {
            digest: row.digest.to_string(),
            status: row.status.to_string(),
            files: row.files,
            size: row.size,
            uploaded_by: row.uploaded_by.to_string(),
            uploaded_at: row.uploaded_at.to_string(),
            activated_by: row.activated_by.map(|actor| actor.to_string()),
            activated_at: row.activated_at.map(|at| at.to_string()),
            effective: row.effective.map(|digest| digest.to_string()),
        }
    }
}

/// List policy bundles
#[utoipa::path(get, path = "/api/v1/policy/bundles", operation_id = "policy_bundle_list", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(PageQuery),
    responses((status = 200, description = "A page, oldest first", body = Page<BundleView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(page): Query<PageQuery>) -> Result<axum::Json<Page<BundleView>>, AppError> {
    let limit = page.limit()?;
    let bad = |_| Refusal::invalid("after", "after must be the `next` of a page");
    let after = page.after()?.map(|text| text.parse::<i64>().map_err(bad)).transpose()?.unwrap_or(-1);
    let snapshot = allowed.read().await?;
    let rows = snapshot.rows::<BundleRow>("WHERE uploaded_index > $1 ORDER BY uploaded_index LIMIT $2", &values![after, u64::from(limit) + 1]).await?;
    let page = Page::new(rows, limit, |row| row.uploaded_index.to_string());
    Ok(axum::Json(Page { items: page.items.into_iter().map(BundleView::from).collect(), next: page.next }))
}

/// A new bundle.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBundle {
    /// Texts by path: `*.rego`, `*_test.rego`, and `data.json` at the root.
    files: BTreeMap<String, String>,
    /// Why.
    reason: Option<String>,
}

/// Upload a policy bundle
///
/// It has to fit the baseline; it has no effect until another person activates it.
#[utoipa::path(post, path = "/api/v1/policy/bundles", operation_id = "policy_bundle_upload", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewBundle,
    responses((status = 201, description = "Kept; `Location` names it", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn upload(allowed: Allowed<caller::ManagePolicy>, body: Json<NewBundle>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let NewBundle { files, reason } = body.value;
    let (made, digest) = allowed.app.upload_bundle(&allowed.caller, files, reason.as_deref(), &options).await?;
    Ok(receipt(StatusCode::CREATED, &made, Some(&format!("/api/v1/policy/bundles/{digest}"))))
}

/// A bundle with its files.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BundleFiles {
    /// The bundle; null for a baseline.
    pub(in crate::http) bundle: Option<BundleView>,
    /// Texts by path.
    pub(in crate::http) files: BTreeMap<String, String>,
}

/// Read a policy bundle
#[utoipa::path(get, path = "/api/v1/policy/bundles/{digest}", operation_id = "policy_bundle_show", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "Digest of a bundle, or of the baseline in force")),
    responses((status = 200, description = "The bundle", body = BundleFiles), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(digest): Path<Digest>) -> Result<axum::Json<BundleFiles>, AppError> {
    files_of(&allowed.app, &allowed.read().await?, digest).await.map(axum::Json)
}

/// A bundle, or the baseline in force, with its files.
///
/// # Errors
/// `not_found`.
pub(in crate::http) async fn files_of(app: &App, snapshot: &Snapshot, digest: Digest) -> Result<BundleFiles, AppError> {
    let not_found = || Refusal::not_found("bundle", &digest.to_string()).field("digest");
    let row = snapshot.get::<BundleRow>(values![digest]).await?;
    let baseline = app.policy_for(snapshot).await?.baseline;
    if row.is_none() && digest != baseline {
        return Err(not_found().into());
    }
    let document = snapshot.get::<PayloadRow>(values![digest]).await?.ok_or_else(not_found)?;
    let bundle = Bundle::from_document(&document.bytes).map_err(|_| not_found())?;
    let files = bundle.files.into_iter().map(|(path, bytes)| (path, String::from_utf8_lossy(&bytes).into_owned())).collect();
    Ok(BundleFiles { bundle: row.map(BundleView::from), files })
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    /// Why.
    pub(super) reason: String,
}

/// Put a policy bundle in force
///
/// By another person than the one who uploaded it, after its own tests passed.
#[utoipa::path(post, path = "/api/v1/policy/bundles/{digest}/activate", operation_id = "policy_bundle_activate", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("digest" = String, Path, description = "Digest of the bundle")), request_body = Because,
    responses((status = 200, description = "In force", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn activate(allowed: Allowed<caller::ManagePolicy>, Path(digest): Path<Digest>, body: Json<Because>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.activate_bundle(&allowed.caller, digest, &body.value.reason, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Take a policy bundle out of force
///
/// By another person than the one who activated it.
#[utoipa::path(post, path = "/api/v1/policy/bundles/{digest}/withdraw", operation_id = "policy_bundle_withdraw", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("digest" = String, Path, description = "Digest of the bundle")), request_body = Because,
    responses((status = 200, description = "Out of force", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn withdraw(allowed: Allowed<caller::ManagePolicy>, Path(digest): Path<Digest>, body: Json<Because>) -> Result<Response, AppError> {
    let options = allowed.options(&body.requested);
    let made = allowed.app.withdraw_bundle(&allowed.caller, digest, &body.value.reason, &options).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
