//! The blast radius of a version: what comes from it, what of that is in use, and who has to hear of it.

use std::collections::BTreeMap;

use chancery_core::model::Profile;
use chancery_core::names::{ModelId, State};
use chancery_core::tables::{ModelRow, VersionRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::graph::{NodeView, versions};
use super::{MAX_DEPTH, Way, reach};
use crate::app::AppError;
use crate::fault::Fault;
use crate::store::Snapshot;

/// What a recall of a version would touch.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImpactView {
    /// The version that was asked about, such as `loan/3`.
    pub subject: String,
    /// Versions that come from it, however indirectly.
    pub descendants: u64,
    /// Those of them, and of the version itself, that are in production: `name/number`.
    pub production: Vec<String>,
    /// Aliases that name one of them: `name@alias` and the version.
    pub aliases: BTreeMap<String, u64>,
    /// Who answers for the models and systems that are touched; those with something in production first.
    pub owners: Vec<OwnerView>,
    /// The versions, nearest first; the version itself is the first.
    pub versions: Vec<NodeView>,
    /// Whether there are more than are counted.
    pub truncated: bool,
}

/// Who answers for a model or system that is touched.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerView {
    /// Name of the model or system.
    pub model: String,
    /// Its kind.
    pub kind: String,
    /// Its risk tier.
    pub risk_tier: String,
    /// Team.
    pub owning_team: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Stand-in.
    pub backup_owner: Option<String>,
    /// Whom to call when it fails.
    pub escalation_contact: Option<String>,
    /// Versions of it that are touched.
    pub versions: u64,
    /// Versions of it that are touched and in production.
    pub production: Vec<u64>,
}

/// What a recall of a version would touch.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn impact(snapshot: &Snapshot, model: &ModelRow, version: &VersionRow) -> Result<ImpactView, AppError> {
    let reached = reach(snapshot, &(version.model_id.clone(), version.number), Way::Down, MAX_DEPTH).await?;
    let mut touched: BTreeMap<&ModelId, OwnerView> = BTreeMap::new();
    let (mut production, mut aliases) = (Vec::new(), BTreeMap::new());
    for ((id, number), found) in &reached.versions {
        let Some(row) = reached.models.get(id) else { continue };
        let owner = match touched.entry(id) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => place.insert(owner(row)?),
        };
        owner.versions += 1;
        if found.state == State::Production {
            owner.production.push(number.get());
            production.push(format!("{}/{number}", row.name));
        }
        aliases.extend(found.aliases.iter().map(|alias| (format!("{}@{alias}", row.name), number.get())));
    }
    let mut owners: Vec<OwnerView> = touched.into_values().collect();
    owners.sort_by(|one, other| (one.production.is_empty(), &one.model).cmp(&(other.production.is_empty(), &other.model)));
    let mut nodes: Vec<NodeView> = versions(&reached).collect();
    nodes.sort_by(|one, other| (one.distance, &one.id).cmp(&(other.distance, &other.id)));
    Ok(ImpactView {
        subject: format!("{}/{}", model.name, version.number),
        descendants: (reached.versions.len() as u64).saturating_sub(1),
        production,
        aliases,
        owners,
        versions: nodes,
        truncated: reached.is_truncated,
    })
}

fn owner(row: &ModelRow) -> Result<OwnerView, AppError> {
    let profile: Profile = serde_json::from_value(row.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
    Ok(OwnerView {
        model: row.name.to_string(),
        kind: row.kind.to_string(),
        risk_tier: row.risk_tier.to_string(),
        owning_team: profile.ownership.owning_team.map(|team| team.to_string()),
        owner: profile.ownership.owner,
        backup_owner: profile.ownership.backup_owner,
        escalation_contact: profile.ownership.escalation_contact,
        versions: 0,
        production: Vec::new(),
    })
}
