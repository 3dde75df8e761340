//! The lineage of one version as nodes and edges, with what vouches for the version itself.

use std::collections::BTreeMap;

use chancery_core::lineage::Relation;
use chancery_core::names::State;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{EnvironmentRow, LineageRow, ModelRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Detail, MAX_DEPTH, Place, Reached, Way, reach, target};
use crate::app::AppError;
use crate::app::view::{self, DecisionView, EvidenceView, column};
use crate::store::Snapshot;
use crate::values;

/// Which way to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what the version comes from.
    Up,
    /// To what comes from the version.
    Down,
    /// Both.
    Both,
}

impl Direction {
    /// Parses `up`, `down` or `both`.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "both" => Ok(Self::Both),
            _ => Err(Refusal::unknown_word("direction", text, &["up", "down", "both"])),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
        }
    }
}

/// The lineage of a version.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineageView {
    /// Node of the version.
    pub subject: String,
    /// `up`, `down` or `both`.
    pub direction: &'static str,
    /// How many edges were followed.
    pub depth: u64,
    /// Versions, datasets, commits, runs and environments, the version itself among them.
    pub nodes: Vec<NodeView>,
    /// What comes from what.
    pub edges: Vec<EdgeView>,
    /// Evidence about the version, oldest first.
    pub evidence: Vec<EvidenceView>,
    /// Approvals of the version, oldest first.
    pub approvals: Vec<ApprovedView>,
    /// Signed decisions about the version, oldest first.
    pub decisions: Vec<DecisionView>,
    /// Whether there is more than one answer shows.
    pub truncated: bool,
}

/// A node of the lineage.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// Identifier in this answer, such as `version:loan/3`.
    pub id: String,
    /// `version`, `dataset`, `commit`, `run`, `pipeline`, `environment` or `external` (a parent that the registry does not have).
    pub kind: &'static str,
    /// Whether the caller may read it; only where he may not, and then nothing else is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readable: Option<bool>,
    /// Name of the model or dataset; commit, run or reference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Edges to the version that was asked about, by the shortest way; an impact does not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<u64>,
    /// Number of a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Semantic version of a version; the version of a dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Version digest, digest of a dataset, or digest of the pinned packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Kind of the entry that a version belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_kind: Option<String>,
    /// Risk tier of the entry that a version belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_tier: Option<String>,
    /// State of a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether a version is in production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production: Option<bool>,
    /// Whether a version is out of listings.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Aliases of a version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Pinned packages of an environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<u64>,
}

/// An edge: `from` comes from `to`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EdgeView {
    /// Node that comes from the other.
    pub from: String,
    /// Node that it comes from.
    pub to: String,
    /// How, such as `dataset`, `adapter-of` or `component`.
    pub relation: String,
    /// Role of a dataset or part, method of a parent, repository of a commit; empty when nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// `claimed`, `read` or `attested`.
    pub grade: String,
    /// Digest of the facts or of the addendum that says so.
    pub source: String,
}

/// An approval, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApprovedView {
    /// Promotion.
    pub promotion: String,
    /// Role.
    pub role: String,
    /// `approve` or `reject`.
    pub verdict: String,
    /// Digest of the signed approval.
    pub envelope: String,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// Entry that recorded it.
    pub index: u64,
}

/// The lineage of a version, with what vouches for the version itself.
///
/// # Errors
/// `invalid_field` for a depth outside of 1 to 1,000; a fault.
pub async fn graph(snapshot: &Snapshot, model: &ModelRow, version: &VersionRow, direction: Direction, depth: u64) -> Result<LineageView, AppError> {
    let picture = drawn(snapshot, model, version, direction, depth).await?;
    Ok(LineageView {
        evidence: view::evidence_views(snapshot, version, &view::evidence(snapshot, version).await?).await?,
        approvals: approvals(snapshot, version).await?,
        decisions: view::decisions(snapshot, version).await?,
        ..picture
    })
}

/// The nodes and edges of a lineage alone: without evidence, approvals and decisions.
///
/// # Errors
/// As [`graph`].
pub async fn drawn(snapshot: &Snapshot, model: &ModelRow, version: &VersionRow, direction: Direction, depth: u64) -> Result<LineageView, AppError> {
    if depth == 0 || depth > MAX_DEPTH {
        return Err(Refusal::invalid("depth", &format!("depth must be from 1 to {MAX_DEPTH}")).into());
    }
    let start = (version.model_id.clone(), version.number);
    let mut picture = Picture::default();
    if direction != Direction::Down {
        picture.draw(&reach(snapshot, &start, Way::Up, Detail::Edges(depth)).await?);
    }
    if direction != Direction::Up {
        picture.draw(&reach(snapshot, &start, Way::Down, Detail::Edges(depth)).await?);
    }
    for (digest, node) in picture.nodes.values_mut().filter_map(|node| Some((node.digest.clone().filter(|_| node.kind == "environment")?, node))) {
        node.packages = snapshot.get::<EnvironmentRow>(values![digest]).await?.map(|row| row.packages);
    }
    let mut nodes: Vec<NodeView> = picture.nodes.into_values().collect();
    nodes.sort_by(|one, other| (one.distance, one.kind != "version", &one.id).cmp(&(other.distance, other.kind != "version", &other.id)));
    Ok(LineageView {
        subject: id(model.name.as_str(), &start),
        direction: direction.as_str(),
        depth,
        nodes,
        edges: picture.edges,
        evidence: Vec::new(),
        approvals: Vec::new(),
        decisions: Vec::new(),
        truncated: picture.is_truncated,
    })
}

fn id(name: &str, place: &Place) -> String {
    format!("version:{name}/{}", place.1)
}

#[derive(Debug, Default)]
struct Picture {
    nodes: BTreeMap<String, NodeView>,
    edges: Vec<EdgeView>,
    is_truncated: bool,
}

impl Picture {
    fn draw(&mut self, reached: &Reached) {
        self.is_truncated |= reached.is_truncated;
        for node in versions(reached) {
            self.nodes.entry(node.id.clone()).or_insert(node);
        }
        for edge in &reached.edges {
            let from = (edge.model_id.clone(), edge.number);
            let from_id = id(&reached.name(&from.0), &from);
            let distance = reached.versions.get(&from).map_or(0, |found| found.distance) + 1;
            let to = match target(edge) {
                Some(to) if let Some(number) = reached.unreadable.get(&to) => {
                    let id = format!("unreadable:{number}");
                    self.nodes.entry(id.clone()).or_insert_with(|| unreadable(&id, distance));
                    id
                }
                Some(to) => id(&reached.name(&to.0), &to),
                None => {
                    let node = leaf(edge, distance);
                    let id = node.id.clone();
                    self.nodes.entry(id.clone()).and_modify(|known| known.distance = known.distance.min(Some(distance))).or_insert(node);
                    id
                }
            };
            self.edges.push(EdgeView {
                from: from_id,
                to,
                relation: edge.relation.to_string(),
                detail: edge.detail.clone(),
                grade: edge.grade.to_string(),
                source: edge.source.to_string(),
            });
        }
    }
}

/// The versions that were reached, as nodes.
pub(super) fn versions(reached: &Reached) -> impl Iterator<Item = NodeView> {
    reached.versions.iter().map(|(place, found)| {
        let model = reached.models.get(&place.0);
        NodeView {
            id: id(&reached.name(&place.0), place),
            kind: "version",
            readable: None,
            name: reached.name(&place.0),
            distance: Some(found.distance).filter(|distance| *distance != u64::MAX),
            number: Some(place.1.get()),
            version: Some(found.semver.clone()),
            digest: Some(found.version_digest.clone()),
            model_kind: model.map(|row| row.kind.to_string()),
            risk_tier: model.map(|row| row.risk_tier.to_string()),
            state: Some(found.state.to_string()),
            production: Some(found.state == State::Production),
            hidden: found.is_hidden,
            aliases: found.aliases.iter().map(ToString::to_string).collect(),
            packages: None,
        }
    })
}

impl NodeView {
    /// A node of which nothing is known but what it is called.
    pub(crate) fn named(id: &str, kind: &'static str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            readable: None,
            name: name.to_owned(),
            distance: None,
            number: None,
            version: None,
            digest: None,
            model_kind: None,
            risk_tier: None,
            state: None,
            production: None,
            hidden: false,
            aliases: Vec::new(),
            packages: None,
        }
    }
}

/// A version that may not be read: that it is there, and how far.
fn unreadable(id: &str, distance: u64) -> NodeView {
    NodeView { readable: Some(false), distance: Some(distance), ..NodeView::named(id, "version", "") }
}

/// What an edge leads to that is no version of the registry.
fn leaf(edge: &LineageRow, distance: u64) -> NodeView {
    let digest = edge.digest.map(|digest| digest.to_string());
    let kind = kind(edge.relation);
    let hash = digest.as_deref().unwrap_or_default();
    let id = match kind {
        "dataset" => format!("dataset:{}@{}#{hash}", edge.name, edge.version),
        "commit" => format!("commit:{}@{}", edge.detail, edge.name),
        "environment" => format!("environment:{hash}"),
        kind => format!("{kind}:{}", edge.name),
    };
    NodeView {
        distance: Some(distance),
        version: Some(edge.version.clone()).filter(|version| !version.is_empty()),
        digest,
        ..NodeView::named(&id, kind, &edge.name)
    }
}

/// The kind of node that a relation leads to outside of the registry.
fn kind(relation: Relation) -> &'static str {
    match relation {
        Relation::Dataset => "dataset",
        Relation::Code => "commit",
        Relation::Run => "run",
        Relation::Pipeline => "pipeline",
        Relation::Environment => "environment",
        Relation::Component
        | Relation::AdapterOf
        | Relation::FineTunedFrom
        | Relation::DistilledFrom
        | Relation::QuantisedFrom
        | Relation::MergedFrom
        | Relation::PromptUsedBy
        | Relation::CopyOf
        | Relation::DerivedFrom => "external",
    }
}

async fn approvals(snapshot: &Snapshot, version: &VersionRow) -> Result<Vec<ApprovedView>, AppError> {
    const GIVEN: &str = "SELECT approvals.promotion_id, approvals.role, approvals.verdict, approvals.envelope, approvals.withdrawn, approvals.entry_index
        FROM promotions JOIN approvals ON approvals.promotion_id = promotions.promotion_id
        WHERE promotions.model_id = $1 AND promotions.number = $2 ORDER BY approvals.entry_index";
    let mut all = Vec::new();
    for row in snapshot.query(GIVEN, &values![version.model_id, version.number]).await? {
        all.push(ApprovedView {
            promotion: column(&row, 0)?,
            role: column(&row, 1)?,
            verdict: column(&row, 2)?,
            envelope: column(&row, 3)?,
            withdrawn: column(&row, 4)?,
            index: column(&row, 5)?,
        });
    }
    Ok(all)
}
