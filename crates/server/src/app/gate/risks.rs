//! What a gate reads of the risk register and of the review calendar, and the risk score.

use std::collections::BTreeSet;

use chancery_core::model::Profile;
use chancery_core::names::{ModelId, PolicyMode};
use chancery_core::policy::{OpenReview, RegisteredRisk, RiskScore};
use chancery_core::registry;
use chancery_core::risk::score::risk_score;
use chancery_core::tables::{ModelRow, ReviewRow, RiskRow, SettingRow, VersionRow};

use crate::app::sequence::Noted;
use crate::app::view::{VersionView, column};
use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Most risks, and most reviews, that a gate reads; one that has more is beyond any rule's help, and the worst come first.
const MAX_ITEMS: i64 = 1_000;

/// Systems whose newest version contains a model.
const SYSTEMS: &str = "SELECT DISTINCT components.model_id FROM components
    JOIN models ON models.model_id = components.model_id AND models.last_number = components.number
    WHERE components.part_model = $1 AND models.hidden = 0 ORDER BY components.model_id LIMIT $2";

/// Risks and reviews of a model.
pub(crate) struct Attached {
    pub(crate) risks: Vec<RegisteredRisk>,
    pub(crate) reviews: Vec<OpenReview>,
}

/// The risks of a model and of the systems whose newest version contains it, and the open reviews of the model. The revision that every
/// change of them moves is noted for each: a registered system moves it for its parts.
pub(crate) async fn attached(snapshot: &Snapshot, model: &ModelRow, noted: &mut Vec<Noted>) -> Result<Attached, AppError> {
    let id = &model.model_id;
    let mut all = Attached { risks: Vec::new(), reviews: Vec::new() };
    if note(snapshot, id, noted).await? > 0 {
        all.risks = risks(snapshot, id).await?;
        let tail = "WHERE status = 'open' AND (model_id = $1 OR subject IN (SELECT 'risk/' || risk_id FROM risk_links WHERE model_id = $1))
            ORDER BY due, review_id LIMIT $2";
        all.reviews = snapshot.rows::<ReviewRow>(tail, &values![*id, MAX_ITEMS]).await?.into_iter().map(review).collect();
    }
    for row in snapshot.query(SYSTEMS, &values![*id, MAX_ITEMS]).await? {
        let system: ModelId = column(&row, 0)?;
        if note(snapshot, &system, noted).await? > 0 {
            all.risks.extend(risks(snapshot, &system).await?);
        }
    }
    // A risk may be linked to a model and to its system.
    let mut seen = BTreeSet::new();
    all.risks.retain(|risk| seen.insert(risk.id.clone()));
    Ok(all)
}

/// Notes the revision of what is attached to a model, and gives it; 0 when nothing ever was.
async fn note(snapshot: &Snapshot, id: &ModelId, noted: &mut Vec<Noted>) -> Result<u64, AppError> {
    let revision = snapshot.get::<SettingRow>(values![registry::attached(id)]).await?.map_or(0, |row| row.revision);
    noted.push(Noted::Attached(id.clone(), revision));
    Ok(revision)
}

/// The risks of a model: open ones first, the worst of them first.
async fn risks(snapshot: &Snapshot, id: &ModelId) -> Result<Vec<RegisteredRisk>, AppError> {
    let tail = "WHERE risk_id IN (SELECT risk_id FROM risk_links WHERE model_id = $1)
        ORDER BY CASE status WHEN 'open' THEN 0 ELSE 1 END, CASE level WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, risk_id LIMIT $2";
    Ok(snapshot.rows::<RiskRow>(tail, &values![*id, MAX_ITEMS]).await?.iter().map(risk).collect())
}

fn risk(row: &RiskRow) -> RegisteredRisk {
    RegisteredRisk {
        id: row.risk_id.clone(),
        title: row.title.clone(),
        category: row.category.to_string(),
        severity: row.severity.to_string(),
        likelihood: row.likelihood.to_string(),
        level: row.level.to_string(),
        status: row.status.to_string(),
        review_date: row.review_date,
        open_mitigations: row.open_mitigations(),
    }
}

fn review(row: ReviewRow) -> OpenReview {
    OpenReview { id: row.review_id, about: row.about.to_string(), owner: row.owner.to_string(), due: row.due }
}

/// The risk score of a model, from what is declared about it.
///
/// # Errors
/// A fault when the stored profile cannot be read.
pub(crate) fn score(model: &ModelRow) -> Result<RiskScore, AppError> {
    let profile: Profile = serde_json::from_value(model.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
    Ok(risk_score(model.risk_tier, &profile))
}

impl App {
    /// Fills the completeness of a view of this version, as it stands (ENT-13). Without a tier the fields of a high one are asked for,
    /// whatever the mode: so it depends on entries about the model and on the bundle only.
    ///
    /// # Errors
    /// A fault when what is stored cannot be read.
    pub fn measure(&self, model: &ModelRow, version: &VersionRow, view: &mut VersionView) -> Result<(), AppError> {
        let unreadable = |error| Fault::database("read what a version says", error);
        let facts = serde_json::to_value(&view.facts).map_err(unreadable)?;
        let model = super::model_input(model)?;
        let (kind, tier) = (model.kind, model.risk.tier);
        let stated =
            serde_json::json!({"number": version.number, "semver": version.semver, "source": version.source, "bytes_held": version.held, "facts": facts});
        let document = serde_json::json!({"model": serde_json::to_value(model).map_err(unreadable)?, "version": stated});
        view.completeness = Some(self.engine().schedule_rules().completeness(kind, tier, PolicyMode::Enforce, version.state, &document).share);
        Ok(())
    }
}
