//! Reading the lineage: from a version to everything that it comes from, and to everything that comes from it (LIN-1).
//!
//! The database walks the graph in one recursive query that visits each version once, nearest first, and stops at a limit. How far
//! each version is follows from the edges, in a loop. Nothing here recurses, whatever a caller registered.

mod graph;
mod impact;
mod unreadable;
mod uses;

pub use graph::{Direction, EdgeView, LineageView, NodeView, drawn, graph};
pub use impact::{ImpactView, OwnerView, impact};
pub use unreadable::{Shown, Unreadable, classes_behind};
pub use uses::{UseView, Used, uses};

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use chancery_core::lineage::Relation;
use chancery_core::names::{AliasName, ModelId, State, VersionNumber};
use chancery_core::rows::{Key, Row};
use chancery_core::tables::{LineageRow, ModelRow};

use super::AppError;
use super::view::column;
use crate::store::Snapshot;
use crate::values;

/// Most versions that one answer shows beside the one that was asked about.
pub const MAX_VERSIONS: u64 = 10_000;
/// Most edges that one answer shows.
pub const MAX_EDGES: u64 = 50_000;
/// How many edges away a version may be.
pub const MAX_DEPTH: u64 = 1_000;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To what a version comes from.
    Up,
    /// To what comes from a version.
    Down,
}

/// The versions that can be reached from `$1`, `$2`, at most `$3` of them, nearest first: both databases give what a recursive query
/// finds in the order of breadth, and stop when enough was asked for. The start comes from a table, so that its column has the
/// collation of the others.
const UP: &str = "WITH RECURSIVE reach(model_id, number) AS (
        SELECT versions.model_id, versions.number FROM versions WHERE versions.model_id = $1 AND versions.number = $2
        UNION SELECT lineage.to_model, lineage.to_number FROM reach
            JOIN lineage ON lineage.model_id = reach.model_id AND lineage.number = reach.number WHERE lineage.to_model IS NOT NULL
    ), bounded AS (SELECT model_id, number FROM reach LIMIT $3)";
const DOWN: &str = "WITH RECURSIVE reach(model_id, number) AS (
        SELECT versions.model_id, versions.number FROM versions WHERE versions.model_id = $1 AND versions.number = $2
        UNION SELECT lineage.model_id, lineage.number FROM reach
            JOIN lineage ON lineage.to_model = reach.model_id AND lineage.to_number = reach.number
    ), bounded AS (SELECT model_id, number FROM reach LIMIT $3)";

/// A version by model and number.
type Place = (ModelId, VersionNumber);

/// What is shown of a version in a graph.
#[derive(Clone, Debug)]
struct Found {
    semver: String,
    state: State,
    version_digest: String,
    is_hidden: bool,
    distance: u64,
    aliases: Vec<AliasName>,
}

/// The versions that can be reached, and the edges between them (going up also those that leave the registry).
#[derive(Debug, Default)]
struct Reached {
    versions: BTreeMap<Place, Found>,
    edges: Vec<LineageRow>,
    models: HashMap<ModelId, ModelRow>,
    /// Versions that some of these come from and that are out of sight, each with its number in this answer.
    unreadable: BTreeMap<Place, usize>,
    is_truncated: bool,
}

impl Reached {
    fn name(&self, model: &ModelId) -> String {
        self.models.get(model).map_or_else(|| model.to_string(), |row| row.name.to_string())
    }
}

/// How much is read on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// The versions alone, however far they are.
    Versions,
    /// The versions at most so many edges away, and the edges.
    Edges(u64),
}

/// Walks from one version.
async fn reach(snapshot: &Snapshot, start: &Place, way: Way, detail: Detail) -> Result<Reached, AppError> {
    let (walk, near, far) = match way {
        Way::Up => (UP, "lineage.model_id", "lineage.number"),
        Way::Down => (DOWN, "lineage.to_model", "lineage.to_number"),
    };
    // The start, and one more than is shown.
    let mut parameters = values![start.0, start.1, MAX_VERSIONS + 2];
    let mut versions = versions(snapshot, walk, &parameters).await?;
    let is_over = versions.len() as u64 > MAX_VERSIONS + 1;
    let mut edges = Vec::new();
    let mut out_of_sight = BTreeSet::new();
    if let Detail::Edges(depth) = detail {
        parameters.extend(values![MAX_EDGES + 1]);
        let columns: Vec<String> = LineageRow::TABLE.columns.iter().map(|column| format!("lineage.{}", column.name)).collect();
        let join = format!("{near} = bounded.model_id AND {far} = bounded.number");
        let sql = format!("{walk} SELECT {} FROM bounded JOIN lineage ON {join} LIMIT $4", columns.join(", "));
        for row in snapshot.query(&sql, &parameters).await? {
            edges.push(LineageRow::from_values(row)?);
        }
        measure(&mut versions, &edges, start, way);
        if way == Way::Up && snapshot.is_limited() && !is_over {
            // What was not cut off and is not there is out of sight.
            out_of_sight = edges.iter().filter_map(target).filter(|place| !versions.contains_key(place)).collect();
        }
        versions.retain(|_, found| found.distance <= depth);
    }
    let is_truncated = is_over || edges.len() as u64 > MAX_EDGES;
    let farthest = versions.iter().max_by_key(|(place, found)| (*place != start, found.distance)).map(|(place, _)| place.clone());
    if let Some(farthest) = farthest.filter(|_| versions.len() as u64 > MAX_VERSIONS + 1) {
        versions.remove(&farthest);
    }
    edges.truncate(usize::try_from(MAX_EDGES).unwrap_or(usize::MAX));
    edges.retain(|edge| {
        let from = versions.contains_key(&(edge.model_id.clone(), edge.number));
        let to = target(edge).is_none_or(|to| versions.contains_key(&to) || out_of_sight.contains(&to));
        from && to
    });
    edges.sort_by(|one, other| (&one.model_id, one.number, one.source, one.place).cmp(&(&other.model_id, other.number, other.source, other.place)));
    let models = models(snapshot, versions.keys().map(|(model, _)| model)).await?;
    let mut unreadable = BTreeMap::new();
    for place in edges.iter().filter_map(target).filter(|place| out_of_sight.contains(place)) {
        let next = unreadable.len() + 1;
        unreadable.entry(place).or_insert(next);
    }
    Ok(Reached { versions, edges, models, unreadable, is_truncated })
}

/// A version has a row for each of its aliases.
async fn versions(snapshot: &Snapshot, walk: &str, parameters: &[chancery_core::rows::Value]) -> Result<BTreeMap<Place, Found>, AppError> {
    let sql = format!(
        "{walk} SELECT versions.model_id, versions.number, versions.semver, versions.state, versions.version_digest, versions.hidden, aliases.alias
        FROM bounded JOIN versions ON versions.model_id = bounded.model_id AND versions.number = bounded.number
        LEFT JOIN aliases ON aliases.model_id = bounded.model_id AND aliases.number = bounded.number"
    );
    let mut found: BTreeMap<Place, Found> = BTreeMap::new();
    for row in snapshot.query(&sql, parameters).await? {
        let alias: Option<AliasName> = column(&row, 6)?;
        let place = (column(&row, 0)?, column(&row, 1)?);
        if let Some(known) = found.get_mut(&place) {
            known.aliases.extend(alias);
            known.aliases.sort();
            continue;
        }
        let version = Found {
            semver: column(&row, 2)?,
            state: column(&row, 3)?,
            version_digest: column(&row, 4)?,
            is_hidden: column(&row, 5)?,
            distance: u64::MAX,
            aliases: alias.into_iter().collect(),
        };
        found.insert(place, version);
    }
    Ok(found)
}

/// The version that an edge leads to, when it is one of the registry.
fn target(edge: &LineageRow) -> Option<Place> {
    let number = edge.to_number.and_then(|number| VersionNumber::new(number).ok())?;
    edge.to_model.clone().map(|model| (model, number))
}

/// Counts the edges from the start to each version, by the shortest way.
fn measure(versions: &mut BTreeMap<Place, Found>, edges: &[LineageRow], start: &Place, way: Way) {
    let mut next: HashMap<Place, Vec<Place>> = HashMap::new();
    for edge in edges {
        let Some(to) = target(edge) else { continue };
        let from = (edge.model_id.clone(), edge.number);
        match way {
            Way::Up => next.entry(from).or_default().push(to),
            Way::Down => next.entry(to).or_default().push(from),
        }
    }
    let mut queue = VecDeque::from([(start.clone(), 0)]);
    while let Some((place, distance)) = queue.pop_front() {
        let Some(found) = versions.get_mut(&place).filter(|found| found.distance == u64::MAX) else { continue };
        found.distance = distance;
        queue.extend(next.remove(&place).into_iter().flatten().map(|place| (place, distance + 1)));
    }
}

/// The models of these versions, each once.
async fn models(snapshot: &Snapshot, ids: impl Iterator<Item = &ModelId>) -> Result<HashMap<ModelId, ModelRow>, AppError> {
    let mut ids: Vec<&ModelId> = ids.collect();
    ids.dedup();
    let keys = ids.into_iter().map(|id| Key { table: ModelRow::TABLE, values: values![*id] }).collect();
    let mut models = HashMap::new();
    for (_, values) in snapshot.load(keys).await? {
        if let Some(row) = values.map(ModelRow::from_values).transpose()? {
            models.insert(row.model_id.clone(), row);
        }
    }
    Ok(models)
}

/// Whether an edge leads to another version, be it in the registry or elsewhere.
fn is_of_versions(relation: Relation) -> bool {
    match relation {
        Relation::Dataset | Relation::Code | Relation::Run | Relation::Pipeline | Relation::Environment => false,
        Relation::Component
        | Relation::AdapterOf
        | Relation::FineTunedFrom
        | Relation::DistilledFrom
        | Relation::QuantisedFrom
        | Relation::MergedFrom
        | Relation::PromptUsedBy
        | Relation::CopyOf
        | Relation::DerivedFrom => true,
    }
}

#[cfg(test)]
mod tests;
