//! The end-of-life list (LIF-7): versions that are replaced, by what, until when they may be used, and who still points at them.

use chancery_core::names::{ModelName, Timestamp};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{AliasRow, ModelRow, VersionRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::view::{self, ModelReference};
use crate::app::{App, AppError};
use crate::http::{Allowed, Page, PageQuery, Problem, Query, caller};
use crate::store::Snapshot;
use crate::values;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A version that is replaced.
#[derive(Serialize, ToSchema)]
struct EndOfLifeView {
    /// Its model.
    model: ModelReference,
    /// Number.
    number: u64,
    /// Semantic version.
    semver: String,
    /// Version that replaces it.
    successor: Option<u64>,
    /// Until when running use is tolerated (RFC 3339); null when nobody said.
    sunset: Option<String>,
    /// Whole days until then; negative when it is over.
    days_left: Option<i64>,
    /// Aliases that still name it.
    aliases: Vec<String>,
    #[serde(skip)]
    place: String,
}

async fn shown(snapshot: &Snapshot, model: &ModelRow, row: VersionRow, now: Timestamp) -> Result<EndOfLifeView, AppError> {
    let aliases = snapshot.rows::<AliasRow>("WHERE model_id = $1 AND number = $2 ORDER BY alias", &values![row.model_id, row.number]).await?;
    let sunset = row.sunset.map_or(i64::MAX, Timestamp::micros);
    Ok(EndOfLifeView {
        model: ModelReference { id: model.model_id.to_string(), name: model.name.to_string() },
        number: row.number.get(),
        semver: row.semver,
        successor: row.successor,
        sunset: row.sunset.map(|sunset| sunset.to_string()),
        days_left: row.sunset.map(|sunset| (sunset.micros() - now.micros()).div_euclid(DAY)),
        aliases: aliases.into_iter().map(|row| row.alias.to_string()).collect(),
        place: format!("{sunset} {} {}", model.model_id, row.number),
    })
}

/// Which versions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EndFilter {
    /// Only of this model.
    model: Option<String>,
    /// Items, 1 to 500; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List deprecated versions, the one whose sunset is next in front
#[utoipa::path(get, path = "/api/v1/end-of-life", operation_id = "end_of_life", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(EndFilter),
    responses((status = 200, description = "A page", body = Page<EndOfLifeView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(allowed: Allowed<caller::Read>, Query(filter): Query<EndFilter>) -> Result<axum::Json<Page<EndOfLifeView>>, AppError> {
    let page = PageQuery { limit: filter.limit, after: filter.after.clone() };
    let limit = page.limit()?;
    let (sunset, id, number) = after(&page)?;
    let snapshot = allowed.read().await?;
    let model = match filter.model.as_deref().map(ModelName::parse).transpose()? {
        Some(name) => view::model_named(&snapshot, &name).await?.model_id.to_string(),
        None => String::new(),
    };
    let tail = "versions JOIN models ON models.model_id = versions.model_id
        WHERE versions.state = 'deprecated' AND versions.hidden = 0 AND models.hidden = 0 AND ($1 = '' OR versions.model_id = $1)
        AND (COALESCE(versions.sunset, $2) > $3 OR (COALESCE(versions.sunset, $2) = $3 AND (versions.model_id > $4 OR (versions.model_id = $4 AND versions.number > $5))))
        ORDER BY COALESCE(versions.sunset, $2), versions.model_id, versions.number LIMIT $6";
    let parameters = values![model, i64::MAX, sunset, id, number, i64::from(limit) + 1];
    let rows = snapshot.pairs::<ModelRow, VersionRow>(tail, &parameters).await?;
    let now = allowed.app.now();
    let mut items = Vec::with_capacity(rows.len());
    for (model, row) in rows {
        items.push(shown(&snapshot, &model, row, now).await?);
    }
    Ok(axum::Json(Page::new(items, limit, |item| item.place.clone())))
}

/// Sunset, model and number after which a page begins.
fn after(page: &PageQuery) -> Result<(i64, String, u64), Refusal> {
    let Some(cursor) = page.after()? else { return Ok((i64::MIN, String::new(), 0)) };
    let mut parts = cursor.split(' ');
    let parsed = (|| Some((parts.next()?.parse().ok()?, parts.next()?.to_owned(), parts.next()?.parse().ok()?)))();
    parsed.ok_or_else(|| Refusal::invalid("after", "after must be the `next` of a page"))
}
