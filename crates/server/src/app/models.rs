//! What lists and pages say of models beside their view: the newest version and those in production of many models at once, and when which
//! version was in production. A few statements, however many models or versions there are.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::entry::Subject;
use chancery_core::names::{ActorId, ModelId, PromotionId, State, Timestamp, VersionNumber};
use chancery_core::rows::{Key, Row, Value};
use chancery_core::tables::{DirectoryRow, EntryRow, ModelRow, OPEN, VersionRow};

use super::AppError;
use super::as_of::{Cut, entry};
use super::promotions::{recorded_failures, waits_for_others_alone};
use super::view::column;
use crate::store::Snapshot;
use crate::values;

/// Most versions whose times in production are shown, and most such times.
const MAX_WINDOWS: i64 = 24;
/// Among so many of the newest versions those are looked for that were in production; those that are in production now are always found.
const LOOKED_AT: u64 = 2_000;
/// Most open promotions of one model that are shown.
const MAX_PROMOTIONS: i64 = 50;

/// What a list says of the versions of a model.
#[derive(Debug, Default)]
pub struct Standing {
    /// The versions in production, newest first, with when they entered it.
    pub production: Vec<(VersionRow, Option<Timestamp>)>,
    /// The newest version.
    pub newest: Option<VersionRow>,
    /// How many findings are open.
    pub findings: u64,
}

/// How models stand.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn standing(snapshot: &Snapshot, models: &[ModelRow]) -> Result<BTreeMap<ModelId, Standing>, AppError> {
    if models.is_empty() {
        return Ok(BTreeMap::new());
    }
    let parameters: Vec<Value> = models.iter().flat_map(|row| values![row.model_id]).collect();
    let list: Vec<String> = (1..=models.len()).map(|at| format!("${at}")).collect();
    let list = list.join(", ");
    let versions = format!(
        "JOIN (SELECT model_id AS of_model, number AS of_number FROM versions WHERE model_id IN ({list}) AND state = 'production' AND hidden = 0
            UNION SELECT listed.model_id, (SELECT max(newest.number) FROM versions AS newest WHERE newest.model_id = listed.model_id AND newest.hidden = 0)
            FROM models AS listed WHERE listed.model_id IN ({list})) AS wanted
        ON versions.model_id = wanted.of_model AND versions.number = wanted.of_number ORDER BY versions.number DESC"
    );
    let findings = format!("SELECT model_id, count(*) FROM findings WHERE status = 'open' AND model_id IN ({list}) GROUP BY model_id");
    let (versions, findings) = tokio::try_join!(snapshot.rows::<VersionRow>(&versions, &parameters), snapshot.query(&findings, &parameters))?;
    let entered = moments(snapshot, versions.iter().filter_map(|row| row.production_index).collect()).await?;
    let mut found: BTreeMap<ModelId, Standing> = BTreeMap::new();
    for row in versions {
        let standing = found.entry(row.model_id.clone()).or_default();
        if row.state == chancery_core::names::State::Production {
            standing.production.push((row.clone(), row.production_index.and_then(|index| entered.get(&index).copied())));
        }
        if standing.newest.is_none() {
            standing.newest = Some(row);
        }
    }
    for row in findings {
        found.entry(column(&row, 0)?).or_default().findings = column(&row, 1)?;
    }
    Ok(found)
}

/// When entries were made, of those that are in sight.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn moments(snapshot: &Snapshot, mut indices: Vec<u64>) -> Result<BTreeMap<u64, Timestamp>, AppError> {
    indices.sort_unstable();
    indices.dedup();
    let keys = indices.into_iter().map(|index| Key { table: EntryRow::TABLE, values: values![index] }).collect();
    let mut found = BTreeMap::new();
    for values in snapshot.load(keys).await?.into_iter().filter_map(|(_, values)| values) {
        let entry = entry(&EntryRow::from_values(values).map_err(crate::fault::Fault::from)?)?;
        found.insert(entry.index, entry.at);
    }
    Ok(found)
}

/// The states of versions of a model, of those that are in sight.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn states(snapshot: &Snapshot, model: &ModelId, numbers: BTreeSet<VersionNumber>) -> Result<BTreeMap<VersionNumber, State>, AppError> {
    let keys = numbers.into_iter().map(|number| Key { table: VersionRow::TABLE, values: values![*model, number] }).collect();
    let mut found = BTreeMap::new();
    for values in snapshot.load(keys).await?.into_iter().filter_map(|(_, values)| values) {
        let row = VersionRow::from_values(values).map_err(crate::fault::Fault::from)?;
        found.insert(row.number, row.state);
    }
    Ok(found)
}

/// The names of actors for people; the id of one whose name is gone.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn names(snapshot: &Snapshot, actors: Vec<ActorId>) -> Result<BTreeMap<ActorId, String>, AppError> {
    let mut found: BTreeMap<ActorId, String> = actors.into_iter().map(|actor| (actor.clone(), actor.to_string())).collect();
    let keys = found.keys().map(|actor| Key { table: DirectoryRow::TABLE, values: values![*actor] }).collect();
    for values in snapshot.load(keys).await?.into_iter().filter_map(|(_, values)| values) {
        let row = DirectoryRow::from_values(values).map_err(crate::fault::Fault::from)?;
        let name = if row.display_name.is_empty() { row.handle.to_string() } else { row.display_name };
        found.insert(row.actor_id, name);
    }
    Ok(found)
}

/// A time in which a version was in production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Version.
    pub number: u64,
    /// Its semantic version.
    pub semver: String,
    /// Entry by which it entered production, and when.
    pub from: (u64, Option<Timestamp>),
    /// Entry by which it left production, and when; none while it is there.
    pub to: Option<(u64, Option<Timestamp>)>,
}

/// When which version of a model was in production, newest first, as of a cut.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn windows(snapshot: &Snapshot, model: &ModelRow, cut: Option<Cut>) -> Result<Vec<Window>, AppError> {
    // CROSS JOIN, so that SQLite begins with the few versions: it would go through the whole timeline for the sake of the order.
    const WINDOWS: &str = "SELECT wanted.number, wanted.semver, timeline.from_index, timeline.to_index FROM (
            SELECT number, semver FROM versions WHERE model_id = $1 AND number > $2 AND production_index IS NOT NULL
            UNION SELECT number, semver FROM versions WHERE model_id = $1 AND state = 'production' AND hidden = 0
            ORDER BY number DESC LIMIT $3) AS wanted
        CROSS JOIN timeline WHERE timeline.subject = $4 || CAST(wanted.number AS TEXT) AND timeline.attribute = 'state'
            AND timeline.value = 'production' AND timeline.from_index <= $5 ORDER BY timeline.from_index DESC LIMIT $3";
    let last = cut.map_or(OPEN - 1, Cut::index);
    let subject = format!("{}/", Subject::Model(model.model_id.clone()));
    let parameters = values![model.model_id, model.last_number.saturating_sub(LOOKED_AT), MAX_WINDOWS, subject, last];
    let mut found = Vec::new();
    for row in snapshot.query(WINDOWS, &parameters).await? {
        let to: u64 = column(&row, 3)?;
        found.push(Window { number: column(&row, 0)?, semver: column(&row, 1)?, from: (column(&row, 2)?, None), to: (to <= last).then_some((to, None)) });
    }
    let mut indices: Vec<u64> = found.iter().map(|window| window.from.0).collect();
    indices.extend(found.iter().filter_map(|window| window.to.map(|to| to.0)));
    let times = moments(snapshot, indices).await?;
    for window in &mut found {
        window.from.1 = times.get(&window.from.0).copied();
        if let Some(to) = &mut window.to {
            to.1 = times.get(&to.0).copied();
        }
    }
    Ok(found)
}

/// An open promotion of a model, in short.
#[derive(Clone, Debug)]
pub struct OpenPromotion {
    /// Promotion.
    pub id: PromotionId,
    /// Version that it is about.
    pub number: VersionNumber,
    /// Where the version is to go.
    pub target: String,
    /// How many rules failed when its gates were last recorded, without those that wait for others.
    pub missing: usize,
    /// Whether rules failed then, and all of them wait for others.
    pub waits: bool,
}

/// The open promotions of a model.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn open_promotions(snapshot: &Snapshot, model: &ModelRow) -> Result<Vec<OpenPromotion>, AppError> {
    let sql = "SELECT promotions.promotion_id, promotions.number, promotions.target, promotions.missing FROM open_promotions
        JOIN promotions ON promotions.promotion_id = open_promotions.promotion_id
        WHERE open_promotions.model_id = $1 ORDER BY promotions.opened_index DESC LIMIT $2";
    let mut found = Vec::new();
    for row in snapshot.query(sql, &values![model.model_id, MAX_PROMOTIONS]).await? {
        let missing: serde_json::Value = column(&row, 3)?;
        let (waits, missing) = (waits_for_others_alone(&missing), recorded_failures(&missing).len());
        found.push(OpenPromotion { id: column(&row, 0)?, number: column(&row, 1)?, target: column(&row, 2)?, missing, waits });
    }
    Ok(found)
}

/// The entries about a model just before and just after a cut: its changes, one step away.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn neighbours(snapshot: &Snapshot, model: &ModelId, cut: Cut) -> Result<(Option<u64>, Option<u64>), AppError> {
    let subject = Subject::Model(model.clone()).to_string();
    // `0` follows `/`: the range holds the model and its versions, and no other model, for ids have one length.
    let end = format!("{subject}0");
    // The last change before the one that the cut shows, and the first after it.
    let sql = "SELECT (SELECT max(entry_index) FROM entries WHERE subject >= $1 AND subject < $2 AND entry_index < (SELECT max(entry_index) FROM entries
            WHERE subject >= $1 AND subject < $2 AND entry_index <= $3)),
        (SELECT min(entry_index) FROM entries WHERE subject >= $1 AND subject < $2 AND entry_index > $3)";
    let rows = snapshot.query(sql, &values![subject, end, cut.index()]).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok((column(&row, 0)?, column(&row, 1)?))
}
