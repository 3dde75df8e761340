//! The review calendar: schedule reviews, list those that are owed, say that one is done (REV-1).

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chancery_core::calendar::{About, Command, Outcome, Plan, Status};
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::{ExceptionId, Label, ModelName, ReviewId, RiskId, Timestamp, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{PrivateRow, ReviewRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::view::{self, SubjectView};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Json, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, schedule)).routes(routes!(show)).routes(routes!(done))
}

/// A review.
#[derive(Serialize, ToSchema)]
struct ReviewView {
    /// Identifier.
    id: String,
    /// What kind of thing is reviewed.
    about: String,
    /// The thing.
    subject: SubjectView,
    /// Who owes it.
    owner: String,
    /// By when (RFC 3339).
    due: String,
    /// Whether it is open past its date.
    overdue: bool,
    /// Days after which the next one is due, once it is done.
    every_days: Option<u64>,
    /// What happened that scheduled it.
    cause: Option<String>,
    /// Why it was scheduled, unless nobody said or it was erased.
    reason: Option<String>,
    /// `open` or `done`.
    status: String,
    /// What came of it.
    outcome: Option<String>,
    /// What was said when it was done, unless it was erased.
    note: Option<String>,
    /// Who did it.
    done_by: Option<String>,
    /// When (RFC 3339).
    done_at: Option<String>,
    /// Who scheduled it.
    scheduled_by: String,
    /// When (RFC 3339).
    scheduled_at: String,
    /// Entry that scheduled it.
    scheduled_index: u64,
    /// Index of the last entry that changed it: the ETag.
    revision: u64,
    #[serde(skip)]
    due_micros: i64,
}

async fn shown(snapshot: &Snapshot, row: ReviewRow, now: Timestamp) -> Result<ReviewView, AppError> {
    let subject = Subject::try_from(row.subject.clone())?;
    Ok(ReviewView {
        subject: view::subject(snapshot, &subject).await?,
        overdue: row.status == Status::Open && row.due <= now,
        reason: text(snapshot, row.reason).await?,
        note: text(snapshot, row.note).await?,
        id: row.review_id.to_string(),
        about: row.about.to_string(),
        owner: row.owner.to_string(),
        due: row.due.to_string(),
        due_micros: row.due.micros(),
        every_days: row.every_days,
        cause: row.cause,
        status: row.status.to_string(),
        outcome: row.outcome.map(|outcome| outcome.to_string()),
        done_by: row.done_by.map(|actor| actor.to_string()),
        done_at: row.done_at.map(|at| at.to_string()),
        scheduled_by: row.scheduled_by.to_string(),
        scheduled_at: row.scheduled_at.to_string(),
        scheduled_index: row.scheduled_index,
        revision: row.revision,
    })
}

async fn text(snapshot: &Snapshot, digest: Option<chancery_core::names::Digest>) -> Result<Option<String>, AppError> {
    let Some(digest) = digest else { return Ok(None) };
    Ok(snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text))
}

/// A review to schedule. What it is about says which of `model`, `version`, `risk` and `exception` it needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReview {
    /// `entry`, `card`, `risk`, `policy`, `exception`, `emergency` or `dataset`.
    #[schema(value_type = String)]
    about: About,
    /// Name of the model.
    #[schema(value_type = Option<String>)]
    model: Option<ModelName>,
    /// Number of the version; needs `model`.
    #[schema(value_type = Option<u64>)]
    version: Option<VersionNumber>,
    /// Id of the risk.
    #[schema(value_type = Option<String>)]
    risk: Option<RiskId>,
    /// Id of the exception.
    #[schema(value_type = Option<String>)]
    exception: Option<ExceptionId>,
    /// Who owes it: a team, a role or a handle.
    #[schema(value_type = String)]
    owner: Label,
    /// By when (RFC 3339).
    #[schema(value_type = String)]
    due: Timestamp,
    /// Days after which the next one is due, once it is done.
    every_days: Option<u64>,
    /// Why.
    reason: Option<String>,
}

impl NewReview {
    async fn subject(&self, snapshot: &Snapshot) -> Result<Subject, AppError> {
        match (&self.model, self.version, &self.risk, &self.exception) {
            (Some(name), None, None, None) => Ok(Subject::Model(view::model_named(snapshot, name).await?.model_id)),
            (Some(name), Some(number), None, None) => {
                let (model, version) = view::version_named(snapshot, name, number).await?;
                Ok(Subject::Version(model.model_id, version.number))
            }
            (None, None, Some(risk), None) => Ok(Subject::Risk(risk.clone())),
            (None, None, None, Some(exception)) => Ok(Subject::Exception(exception.clone())),
            (None, None, None, None) => Ok(Subject::Registry),
            (_, _, _, _) => Err(Refusal::invalid("model", "a review is about one thing: a model, a version of it, a risk, or an exception").into()),
        }
    }
}

/// Schedule a review
#[utoipa::path(post, path = "/api/v1/reviews", operation_id = "review_schedule", tag = "reviews", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    request_body = NewReview,
    responses((status = 201, description = "Scheduled", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn schedule(allowed: Allowed<caller::ScheduleReview>, body: Json<NewReview>) -> Result<Response, AppError> {
    let subject = body.value.subject(&allowed.read().await?).await?;
    let NewReview { about, owner, due, every_days, reason, .. } = body.value;
    let reason = reason.map(|text| Ok::<_, AppError>(PrivateText::new("reason", &text, ids::random()?)?)).transpose()?;
    let review = Box::new(Plan { about, subject, owner, due, every_days, cause: None, not_by: None });
    let made = allowed.execute(Command::Schedule { id: ids::review()?, review, reason }, &body.requested).await?;
    let location = made.first()?.subject.to_string().replace("review/", "/api/v1/reviews/");
    Ok(receipt(StatusCode::CREATED, &made, Some(&location)))
}

/// Which reviews.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReviewFilter {
    /// `open` (unless given), `overdue`, `done` or `all`.
    status: Option<String>,
    /// Only this kind of thing.
    about: Option<String>,
    /// Only reviews of this model and its versions.
    model: Option<String>,
    /// Only those that this owner owes.
    owner: Option<String>,
    /// Items, 1 to 500; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List reviews, the one that is due first in front
#[utoipa::path(get, path = "/api/v1/reviews", operation_id = "review_list", tag = "reviews", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(ReviewFilter),
    responses((status = 200, description = "A page", body = Page<ReviewView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(filter): Query<ReviewFilter>) -> Result<axum::Json<Page<ReviewView>>, AppError> {
    let page = PageQuery { limit: filter.limit, after: filter.after.clone() };
    let limit = page.limit()?;
    let (after_due, after_id) = after(&page)?;
    let now = allowed.app.now();
    let (status, until) = match filter.status.as_deref().unwrap_or("open") {
        "open" => ("open", i64::MAX),
        "overdue" => ("open", now.micros()),
        "done" => ("done", i64::MAX),
        "all" => ("%", i64::MAX),
        other => return Err(Refusal::unknown_word("status", other, &["open", "overdue", "done", "all"]).into()),
    };
    let about = filter.about.as_deref().map(About::parse).transpose()?.map_or("%", About::as_str);
    let owner = filter.owner.as_deref().map(Label::parse).transpose()?.map_or_else(|| "%".to_owned(), |owner| super::escape_like(owner.as_str()));
    let snapshot = allowed.read().await?;
    let model = match filter.model.as_deref().map(ModelName::parse).transpose()? {
        Some(name) => view::model_named(&snapshot, &name).await?.model_id.to_string(),
        None => String::new(),
    };
    let tail = "WHERE (due > $1 OR (due = $1 AND review_id > $2)) AND due <= $3 AND status LIKE $4 AND about LIKE $5 AND owner LIKE $6 ESCAPE '\\'
        AND ($7 = '' OR model_id = $7) ORDER BY due, review_id LIMIT $8";
    let rows = snapshot.rows::<ReviewRow>(tail, &values![after_due, after_id, until, status, about, owner, model, i64::from(limit) + 1]).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(shown(&snapshot, row, now).await?);
    }
    Ok(axum::Json(Page::new(items, limit, |review| format!("{} {}", review.due_micros, review.id))))
}

/// The due time and id after which a page begins.
fn after(page: &PageQuery) -> Result<(i64, String), Refusal> {
    let Some(cursor) = page.after()? else { return Ok((i64::MIN, String::new())) };
    let parts = cursor.split_once(' ').and_then(|(due, id)| Some((due.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Refusal::invalid("after", "after must be the `next` of a page"))
}

/// Read a review
#[utoipa::path(get, path = "/api/v1/reviews/{id}", operation_id = "review_show", tag = "reviews", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("id" = String, Path, description = "Id of the review")),
    responses((status = 200, description = "The review", body = ReviewView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(allowed: Allowed<caller::Read>, Path(id): Path<ReviewId>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let row = snapshot.get::<ReviewRow>(values![id]).await?.ok_or_else(|| Refusal::not_found("review", id.as_str()))?;
    let view = shown(&snapshot, row, allowed.app.now()).await?;
    Ok(([(ETAG, format!("\"{}\"", view.revision))], axum::Json(view)).into_response())
}

/// What came of a review.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Done {
    /// `confirmed`, `changed`, `escalated` or `obsolete`.
    #[schema(value_type = String)]
    outcome: Outcome,
    /// More words.
    note: Option<String>,
}

/// Say that a review is done; one with a rhythm schedules the next
#[utoipa::path(post, path = "/api/v1/reviews/{id}/done", operation_id = "review_done", tag = "reviews", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("id" = String, Path, description = "Id of the review")), request_body = Done,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn done(allowed: Allowed<caller::ScheduleReview>, Path(id): Path<ReviewId>, body: Json<Done>) -> Result<Response, AppError> {
    let note = body.value.note.map(|text| Ok::<_, AppError>(PrivateText::new("note", &text, ids::random()?)?)).transpose()?;
    let command = Command::Done { id, outcome: body.value.outcome, note, next: ids::review()? };
    let made = allowed.execute(command, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
