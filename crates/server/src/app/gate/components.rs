//! The parts of a system as they stand now, for the rules about them.

use std::collections::BTreeMap;

use chancery_core::model::Profile;
use chancery_core::names::{ModelId, ModelKind};
use chancery_core::policy::Component;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ComponentRow, ModelRow, VersionRow};

use super::super::AppError;
use super::super::sequence::Noted;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// The parts of a version, by role; empty for everything but systems. What each part and its model were at is noted, because a verdict
/// must not be older than the parts that it speaks of.
pub(super) async fn input(snapshot: &Snapshot, model: &ModelRow, version: &VersionRow, noted: &mut Vec<Noted>) -> Result<Vec<Component>, AppError> {
    if model.kind != ModelKind::System {
        return Ok(Vec::new());
    }
    let tail = "components JOIN versions ON versions.model_id = components.part_model AND versions.number = components.part_number
        WHERE components.model_id = $1 AND components.number = $2 ORDER BY components.role, components.part_model, components.part_number";
    let parts = snapshot.pairs::<ComponentRow, VersionRow>(tail, &values![version.model_id, version.number]).await?;
    let mut models: BTreeMap<ModelId, ModelRow> = BTreeMap::new();
    let mut all = Vec::with_capacity(parts.len());
    for (part, row) in parts {
        if !models.contains_key(&part.part_model) {
            let found = snapshot.get::<ModelRow>(values![part.part_model]).await?;
            let found = found.ok_or_else(|| Refusal::not_found("model", part.part_model.as_str()))?;
            noted.push(Noted::Model(found.model_id.clone(), found.revision));
            models.insert(found.model_id.clone(), found);
        }
        let Some(model) = models.get(&part.part_model) else { continue };
        noted.push(Noted::Version(row.model_id.clone(), row.number, row.revision));
        let profile: Profile = serde_json::from_value(model.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
        all.push(Component {
            role: part.role.to_string(),
            model: part.part_model,
            name: model.name.clone(),
            kind: model.kind,
            number: part.part_number,
            version_digest: part.version_digest,
            state: row.state,
            tier: model.risk_tier,
            licence: profile.licence.unwrap_or_default(),
            ungated: row.ungated,
        });
    }
    Ok(all)
}
