//! Verification summaries: those of a version, the signed bytes of one, revocation, and the signed list of what was revoked.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use chancery_core::attestation::{Command, RevocationReason};
use chancery_core::entry::PrivateText;
use chancery_core::names::{Digest, ModelName, Timestamp, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::tables::AttestationRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppError, view};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(revocations)).routes(routes!(show)).routes(routes!(revoke))
}

/// An attestation of a version.
#[derive(Serialize, ToSchema)]
struct AttestationView {
    /// Digest of the signed envelope.
    digest: String,
    /// State that the version was let into.
    target: String,
    /// Environment.
    environment: String,
    /// `valid`, `expired` or `revoked`.
    status: &'static str,
    /// When it was signed (RFC 3339).
    issued_at: String,
    /// Until when it counts (RFC 3339).
    expires_at: String,
    /// Why it was revoked.
    reason: Option<String>,
    /// When it was revoked (RFC 3339).
    revoked_at: Option<String>,
    /// Entry that recorded it.
    index: u64,
}

fn shown(row: &AttestationRow, now: Timestamp) -> AttestationView {
    let status = match (row.revoked, row.expires_at > now) {
        (Some(_), _) => "revoked",
        (None, true) => "valid",
        (None, false) => "expired",
    };
    AttestationView {
        digest: row.digest.to_string(),
        target: row.target.to_string(),
        environment: row.environment.to_string(),
        status,
        issued_at: row.issued_at.to_string(),
        expires_at: row.expires_at.to_string(),
        reason: row.revoked.map(|reason| reason.to_string()),
        revoked_at: row.revoked_at.map(|at| at.to_string()),
        index: row.issued_index,
    }
}

/// List the attestations of a version, oldest first
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/attestations", operation_id = "attestation_list", tag = "decisions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), PageQuery),
    responses((status = 200, description = "A page", body = Page<AttestationView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::Read>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<AttestationView>>, AppError> {
    let limit = page.limit()?;
    let after = super::number_cursor(&page)?.unwrap_or(0);
    let snapshot = allowed.read().await?;
    let (_, version) = view::version_named(&snapshot, &name, number).await?;
    let tail = "WHERE model_id = $1 AND number = $2 AND issued_index > $3 ORDER BY issued_index LIMIT $4";
    let rows = snapshot.rows::<AttestationRow>(tail, &values![version.model_id, version.number, after, i64::from(limit) + 1]).await?;
    let now = allowed.app.now();
    Ok(axum::Json(Page::new(rows.iter().map(|row| shown(row, now)).collect(), limit, |attestation| attestation.index.to_string())))
}

/// Read a signed attestation: a SLSA verification summary in a DSSE envelope
#[utoipa::path(get, path = "/api/v1/attestations/{digest}", operation_id = "attestation_show", tag = "decisions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "Digest of the envelope")),
    responses((status = 200, description = "The DSSE envelope, byte for byte", body = Object), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(digest): Path<Digest>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let row = snapshot.get::<AttestationRow>(values![digest]).await?.ok_or_else(|| Refusal::not_found("attestation", &digest.to_string()))?;
    let bytes = view::payload(&snapshot, &row.digest).await?;
    Ok(([(CONTENT_TYPE, "application/json".to_owned()), (ETAG, format!("\"{digest}\""))], bytes).into_response())
}

/// The signed list of attestations that were revoked before they expired
#[utoipa::path(get, path = "/api/v1/attestations/revocations", operation_id = "attestation_revocations", tag = "decisions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "A DSSE envelope, signed now", body = Object), (status = "4XX", description = "Refused", body = Problem)))]
async fn revocations(allowed: Allowed<caller::Read>) -> Result<Response, AppError> {
    let bytes = allowed.app.revocation_list().await?;
    Ok(([(CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// Why an attestation no longer counts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revoke {
    /// `vulnerable`, `incident`, `evidence-distrusted` or `other`; machines read it.
    #[schema(value_type = String)]
    reason: RevocationReason,
    /// Why, for people.
    comment: String,
}

/// Say that an attestation no longer counts
#[utoipa::path(post, path = "/api/v1/attestations/{digest}/revoke", operation_id = "attestation_revoke", tag = "decisions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("digest" = String, Path, description = "Digest of the envelope")), request_body = Revoke,
    responses((status = 200, description = "Revoked", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn revoke(allowed: Allowed<caller::RevokeAttestation>, Path(digest): Path<Digest>, body: Json<Revoke>) -> Result<Response, AppError> {
    let Revoke { reason, comment } = body.value;
    let comment = PrivateText::new("comment", &comment, ids::random()?)?;
    let made = allowed.execute(Command::Revoke { digest, reason, comment }, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
