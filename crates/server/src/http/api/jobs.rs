//! The scheduled checks, on demand.

use axum::response::{IntoResponse, Response};
use chancery_core::entry::Subject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::checks::{Checked, Run};
use crate::app::view::{self, SubjectView};
use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::http::extract::ReceiptView;
use crate::http::{Allowed, Json, Problem, caller};

/// Findings and reviews that an answer lists; the counts say how many there are.
const MAX_LISTED: usize = 500;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(run))
}

/// How to run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RunJobs {
    /// Only say what would be written.
    #[serde(default)]
    dry_run: bool,
}

/// What a run found and did.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RunView {
    /// Whether nothing was written.
    pub(in crate::http) dry_run: bool,
    /// How many versions were evaluated, findings opened and closed, reviews scheduled, …
    #[schema(value_type = Object)]
    pub(in crate::http) counts: chancery_core::finding::Counts,
    /// Findings that are new; the first 500.
    pub(in crate::http) opened: Vec<OpenedView>,
    /// Findings that do not hold any more; the first 500.
    pub(in crate::http) closed: Vec<ClosedView>,
    /// Reviews that events asked for {about, subject, owner, due, cause}; the first 500.
    #[schema(value_type = Vec<Object>)]
    pub(in crate::http) scheduled: Vec<chancery_core::calendar::Plan>,
    /// Versions that were deprecated because a condition of their approval was missed; the first 500.
    pub(in crate::http) deprecated: Vec<SubjectView>,
    /// The entry that says that the checks ran; null for a dry run.
    pub(in crate::http) receipt: Option<ReceiptView>,
}

/// A new finding.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OpenedView {
    /// What it is about.
    pub(in crate::http) subject: SubjectView,
    /// Rule.
    pub(in crate::http) rule: String,
    /// What is wrong.
    pub(in crate::http) message: String,
    /// When it becomes, or became, pressing (RFC 3339).
    pub(in crate::http) due: Option<String>,
}

/// A finding that does not hold any more.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ClosedView {
    /// What it was about.
    pub(in crate::http) subject: SubjectView,
    /// Rule.
    pub(in crate::http) rule: String,
}

/// Run the scheduled checks now
#[utoipa::path(post, path = "/api/v1/jobs/run", operation_id = "jobs_run", tag = "reviews", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = RunJobs,
    responses((status = 200, description = "What it did", body = RunView), (status = "4XX", description = "Refused", body = Problem)))]
async fn run(allowed: Allowed<caller::RunChecks>, body: Json<RunJobs>) -> Result<Response, AppError> {
    Ok(axum::Json(run_now(&allowed, body.value.dry_run).await?).into_response())
}

/// Runs the checks.
pub(in crate::http) async fn run_now(allowed: &Allowed<caller::RunChecks>, dry_run: bool) -> Result<RunView, AppError> {
    let (app, caller) = (allowed.app.clone(), allowed.caller.clone());
    // A run goes on when the caller does not wait for its end.
    let running = tokio::spawn(async move { app.run_checks(Some(&caller), if dry_run { Run::Dry } else { Run::Write }).await });
    let checked = running.await.map_err(|error| Fault::database("run the checks", error))??;
    shown(allowed, checked, dry_run).await
}

async fn shown(allowed: &Allowed<caller::RunChecks>, checked: Checked, dry_run: bool) -> Result<RunView, AppError> {
    let snapshot = allowed.read().await?;
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    for wrong in checked.opened.into_iter().take(MAX_LISTED) {
        let subject = view::subject(&snapshot, &wrong.subject).await?;
        opened.push(OpenedView { subject, rule: wrong.rule, message: wrong.message, due: wrong.due.map(|due| due.to_string()) });
    }
    for (subject, rule) in checked.closed.into_iter().take(MAX_LISTED) {
        closed.push(ClosedView { subject: view::subject(&snapshot, &Subject::try_from(subject)?).await?, rule });
    }
    let mut deprecated = Vec::new();
    for subject in checked.deprecated.iter().take(MAX_LISTED) {
        deprecated.push(view::subject(&snapshot, subject).await?);
    }
    let scheduled = checked.scheduled.into_iter().take(MAX_LISTED).collect();
    Ok(RunView { dry_run, counts: checked.counts, opened, closed, scheduled, deprecated, receipt: checked.receipt.as_ref().map(ReceiptView::from) })
}
