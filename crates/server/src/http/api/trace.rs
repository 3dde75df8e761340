//! Trace: from the composite id that an inference carries back to code, data, environment, evaluation and approval.

use chancery_core::entry::Subject;
use chancery_core::tables::{ApprovalRow, ExceptionRow, PromotionRow, VersionRow};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::lineage::{Shown, Unreadable};
use crate::app::reference::{self, Reference};
use crate::app::view::{self, DecisionView, EvidenceView, VersionView};
use crate::app::{App, AppError};
use crate::http::{Allowed, Path, Problem, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(trace))
}

/// Everything behind one version.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TraceView {
    /// The version.
    version: VersionView,
    /// Digest of the manifest.
    manifest: String,
    /// Repository, commit, branch; null when not stated.
    #[schema(value_type = Option<Object>)]
    code: Value,
    /// Datasets; null when not stated.
    #[schema(value_type = Option<Vec<Object>>)]
    datasets: Value,
    /// Packages and Python; null when not stated.
    #[schema(value_type = Option<Object>)]
    environment: Value,
    /// Training; null when not stated.
    #[schema(value_type = Option<Object>)]
    training: Value,
    /// Documents, oldest first.
    evidence: Vec<EvidenceView>,
    /// Verdicts of reviewers, oldest first.
    approvals: Vec<TracedApproval>,
    /// Signed decisions, oldest first.
    decisions: Vec<DecisionView>,
    /// Where it runs; nothing reports deployments yet.
    #[schema(value_type = Vec<Object>)]
    deployments: Vec<Value>,
    /// Indices of the entries about it, its promotions and its exceptions.
    entries: Vec<u64>,
}

/// A verdict of a reviewer.
#[derive(Serialize, ToSchema)]
struct TracedApproval {
    /// Promotion.
    promotion: String,
    /// Role.
    role: String,
    /// Who.
    actor: String,
    /// His name, unless it was erased.
    actor_name: Option<String>,
    /// `approve` or `reject`.
    verdict: String,
    /// When (RFC 3339).
    at: String,
    /// Until when it counts (RFC 3339).
    expires_at: String,
    /// Whether it was withdrawn.
    withdrawn: bool,
    /// Digest of the signed approval.
    envelope: String,
    /// Entry that recorded it.
    index: u64,
}

/// Everything behind a composite id
#[utoipa::path(get, path = "/api/v1/trace/{*composite}", operation_id = "trace", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("composite" = String, Path, description = "Composite id, or at least 12 digits of the version digest")),
    responses((status = 200, description = "The trace", body = TraceView), (status = "4XX", description = "Refused", body = Problem)))]
async fn trace(allowed: Allowed<caller::Read>, Path(composite): Path<String>) -> Result<axum::Json<Shown<TraceView>>, AppError> {
    traced(&allowed.app, &allowed.read().await?, &composite).await.map(axum::Json)
}

/// Everything behind a composite id, as far as the snapshot shows it.
///
/// # Errors
/// `invalid_field`; `not_found`; a fault.
pub(in crate::http) async fn traced(app: &App, snapshot: &Snapshot, composite: &str) -> Result<Shown<TraceView>, AppError> {
    let reference = Reference::parse_composite(composite)?;
    let (model, row) = reference::resolve(snapshot, &reference).await?;
    let promotions = promotions(snapshot, &row).await?;
    let facts = view::facts(snapshot, &row).await?;
    let mut version = view::version(snapshot, &model, &row).await?;
    app.measure(snapshot, &model, &row, &mut version).await?;
    let fact = |path: &str| facts.pointer(path).cloned().unwrap_or_default();
    let view = TraceView {
        manifest: row.content_digest.to_string(),
        code: fact("/training/code"),
        datasets: fact("/datasets"),
        environment: fact("/environment"),
        training: fact("/training"),
        evidence: view::evidence_views(snapshot, &row, &view::evidence(snapshot, &row).await?).await?,
        approvals: approvals(snapshot, &promotions).await?,
        decisions: view::decisions(snapshot, &row).await?,
        deployments: Vec::new(),
        entries: entries(snapshot, &row, &promotions).await?,
        version,
    };
    Unreadable::behind(snapshot, &row).await?.shown(view)
}

async fn promotions(snapshot: &Snapshot, version: &VersionRow) -> Result<Vec<PromotionRow>, AppError> {
    let tail = "WHERE model_id = $1 AND number = $2 ORDER BY opened_index";
    Ok(snapshot.rows::<PromotionRow>(tail, &values![version.model_id, version.number]).await?)
}

async fn approvals(snapshot: &Snapshot, promotions: &[PromotionRow]) -> Result<Vec<TracedApproval>, AppError> {
    let mut all = Vec::new();
    for promotion in promotions {
        for row in snapshot.rows::<ApprovalRow>("WHERE promotion_id = $1 ORDER BY entry_index", &values![promotion.promotion_id]).await? {
            all.push(TracedApproval {
                promotion: row.promotion_id.to_string(),
                role: row.role.to_string(),
                actor_name: view::display_name(snapshot, &row.actor).await?,
                actor: row.actor.to_string(),
                verdict: row.verdict.to_string(),
                at: row.at.to_string(),
                expires_at: row.expires_at.to_string(),
                withdrawn: row.withdrawn,
                envelope: row.envelope.to_string(),
                index: row.entry_index,
            });
        }
    }
    all.sort_by_key(|approval| approval.index);
    Ok(all)
}

async fn entries(snapshot: &Snapshot, version: &VersionRow, promotions: &[PromotionRow]) -> Result<Vec<u64>, AppError> {
    let mut subjects = vec![Subject::Version(version.model_id.clone(), version.number)];
    subjects.extend(promotions.iter().map(|row| Subject::Promotion(row.promotion_id.clone())));
    let exceptions = snapshot.rows::<ExceptionRow>("WHERE model_id = $1 AND number = $2", &values![version.model_id, version.number]).await?;
    subjects.extend(exceptions.into_iter().map(|row| Subject::Exception(row.exception_id)));
    let mut indices = Vec::new();
    for subject in subjects {
        for row in snapshot.query("SELECT entry_index FROM entries WHERE subject = $1", &values![subject.to_string()]).await? {
            indices.push(view::column(&row, 0)?);
        }
    }
    indices.sort_unstable();
    Ok(indices)
}
