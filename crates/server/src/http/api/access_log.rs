//! The access log: who logged in, downloaded and exported, and whether its days are what was anchored.

use chancery_core::access_log::{AccessKind, Day};
use chancery_core::names::{ActorId, Label, Timestamp};
use chancery_core::refusal::Refusal;
use chancery_core::tables::AccessLogRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::{handle, named};
use crate::app::access_log::{DayState, MAX_DAYS, VerifiedDay};
use crate::app::{App, AppError};
use crate::http::{Allowed, Page, PageQuery, Problem, Queries, Query, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// Which lines.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct AccessFilter {
    /// Only of this kind: `login`, `login-failed`, `download`, `export` or `report`.
    pub(in crate::http) kind: Option<String>,
    /// Only of this user, by name or id.
    pub(in crate::http) user: Option<String>,
    /// Not before this day (`YYYY-MM-DD`, UTC).
    pub(in crate::http) since: Option<String>,
    /// Not after this day.
    pub(in crate::http) until: Option<String>,
}

/// A line of the access log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AccessView {
    /// Identifier; the line's place in the digest of its day is by time and this.
    pub(in crate::http) id: String,
    /// When (RFC 3339).
    pub(in crate::http) at: String,
    /// The day to which it counts.
    pub(in crate::http) day: String,
    /// What somebody did.
    pub(in crate::http) kind: String,
    /// Id of who did it; null for a failed login.
    pub(in crate::http) actor: Option<String>,
    /// His name for commands; null when it was erased.
    pub(in crate::http) user: Option<String>,
    /// To what.
    pub(in crate::http) what: String,
    /// Whether address, program and claimed name were erased.
    pub(in crate::http) erased: bool,
    /// Address of the peer of the connection.
    pub(in crate::http) address: Option<String>,
    /// What the program calls itself.
    pub(in crate::http) user_agent: Option<String>,
    /// Name that was claimed and not proved.
    pub(in crate::http) claimed: Option<String>,
    /// Salted digest that stands for the last three in the digest of the day.
    pub(in crate::http) whence: String,
}

/// List the access log, newest first
#[utoipa::path(get, path = "/api/v1/access-log", operation_id = "access_log_list", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(AccessFilter, PageQuery),
    responses((status = 200, description = "A page", body = Page<AccessView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::ReadAccessLog>,
    Queries((filter, page)): Queries<(AccessFilter, PageQuery)>,
) -> Result<axum::Json<Page<AccessView>>, AppError> {
    Ok(axum::Json(lines(&allowed, &filter, &page).await?))
}

/// A page of the access log.
pub(in crate::http) async fn lines(allowed: &Allowed<caller::ReadAccessLog>, filter: &AccessFilter, page: &PageQuery) -> Result<Page<AccessView>, AppError> {
    let limit = page.limit()?;
    let (day, at, id) = place(page)?;
    let kind = filter.kind.as_deref().map(AccessKind::parse).transpose()?.map_or("%", AccessKind::as_str);
    let since = bound(filter.since.as_deref(), "0")?;
    let until = bound(filter.until.as_deref(), "9999-99-99")?;
    // What was done a moment ago is shown.
    allowed.app.flush_access_log().await;
    let snapshot = allowed.read().await?;
    let actor = match filter.user.as_deref() {
        Some(user) => who(&snapshot, user).await?.to_string(),
        None => "%".to_owned(),
    };
    let tail = "WHERE (day, at, log_id) < ($1, $2, $3) AND day >= $4 AND day <= $5 AND kind LIKE $6 AND ($7 = '%' OR actor = $7)
        ORDER BY day DESC, at DESC, log_id DESC LIMIT $8";
    let rows = snapshot.rows::<AccessLogRow>(tail, &values![day, at, id, since, until, kind, actor, i64::from(limit) + 1]).await?;
    let Page { items, next } = Page::new(rows, limit, |row| format!("{} {} {}", row.day, row.at.micros(), row.log_id));
    let mut views = Vec::with_capacity(items.len());
    for row in items {
        views.push(view(&snapshot, row).await?);
    }
    Ok(Page { items: views, next })
}

/// The place that a page goes on from.
fn place(page: &PageQuery) -> Result<(String, i64, String), Refusal> {
    let Some(text) = page.after()? else { return Ok(("9999-99-99".to_owned(), i64::MAX, String::new())) };
    let bad = || Refusal::invalid("after", "after must be the `next` of a page");
    let mut parts = text.splitn(3, ' ').map(str::to_owned);
    let (Some(day), Some(at), Some(id)) = (parts.next(), parts.next(), parts.next()) else { return Err(bad()) };
    Ok((day, at.parse().map_err(|_| bad())?, id))
}

fn bound(day: Option<&str>, otherwise: &str) -> Result<String, Refusal> {
    Ok(day.map(Day::parse).transpose()?.map_or_else(|| otherwise.to_owned(), |day| day.to_string()))
}

/// A user by name, or by id when the name was erased.
async fn who(snapshot: &Snapshot, user: &str) -> Result<ActorId, AppError> {
    match ActorId::parse(user) {
        Ok(id) => Ok(id),
        Err(_) => named(snapshot, &Label::parse(user)?).await,
    }
}

async fn view(snapshot: &Snapshot, row: AccessLogRow) -> Result<AccessView, AppError> {
    let whence = row.whence();
    let user = match &row.actor {
        Some(actor) => handle(snapshot, actor).await?,
        None => None,
    };
    let AccessLogRow { day, at, log_id, kind, actor, what, private_digest, private_text, .. } = row;
    let erased = private_text.is_none();
    let (address, user_agent, claimed) = whence.map(|whence| (whence.address, whence.user_agent, whence.claimed)).unwrap_or_default();
    Ok(AccessView {
        id: log_id,
        at: Timestamp::to_string(&at),
        day: day.to_string(),
        kind: kind.to_string(),
        actor: actor.map(|actor| actor.to_string()),
        user,
        what,
        erased,
        address,
        user_agent,
        claimed,
        whence: private_digest.to_string(),
    })
}

/// Which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Days {
    /// Not before this day (`YYYY-MM-DD`, UTC).
    since: Option<String>,
}

/// A day of the access log.
#[derive(Serialize, ToSchema)]
struct DayView {
    /// The day.
    day: String,
    /// `same`, `different`, or `open` while it is not anchored.
    state: &'static str,
    /// Lines that there are.
    count: u64,
    /// Digest over them.
    digest: String,
    /// Lines when it was anchored.
    anchored_count: Option<u64>,
    /// Digest over them.
    anchored_digest: Option<String>,
    /// Entry that anchored it.
    index: Option<u64>,
    /// Lines whose private text is not the one that they name.
    altered: u64,
}

/// The days of the access log.
#[derive(Serialize, ToSchema)]
struct VerifyView {
    /// Whether no day differs.
    intact: bool,
    /// Days, oldest first, at most 500.
    items: Vec<DayView>,
    /// Give it as `since` for more; null at the end.
    next: Option<String>,
}

/// Recompute the days of the access log and compare them with the ledger
#[utoipa::path(get, path = "/api/v1/access-log/verify", operation_id = "access_log_verify", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(Days),
    responses((status = 200, description = "Day by day", body = VerifyView), (status = "4XX", description = "Refused", body = Problem)))]
async fn verify(allowed: Allowed<caller::ReadAccessLog>, Query(Days { since }): Query<Days>) -> Result<axum::Json<VerifyView>, AppError> {
    let since = since.as_deref().map(Day::parse).transpose()?;
    allowed.app.flush_access_log().await;
    let mut days = allowed.app.verify_access_log(since.as_ref(), MAX_DAYS + 1).await?;
    let next = if days.len() > MAX_DAYS as usize { days.pop().map(|day| day.day.to_string()) } else { None };
    let intact = days.iter().all(|day| day.state != DayState::Different);
    Ok(axum::Json(VerifyView { intact, items: days.into_iter().map(day_view).collect(), next }))
}

fn day_view(day: VerifiedDay) -> DayView {
    let VerifiedDay { day, anchor, found, altered, state } = day;
    DayView {
        day: day.to_string(),
        state: match state {
            DayState::Same => "same",
            DayState::Different => "different",
            DayState::Open => "open",
        },
        count: found.count,
        digest: found.digest.to_string(),
        anchored_count: anchor.as_ref().map(|anchor| anchor.count),
        anchored_digest: anchor.as_ref().map(|anchor| anchor.digest.to_string()),
        index: anchor.map(|anchor| anchor.entry_index),
        altered,
    }
}
