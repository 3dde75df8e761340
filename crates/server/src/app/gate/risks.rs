//! What a gate reads of the risk register and of the review calendar, and the risk score.

use chancery_core::model::Profile;
use chancery_core::names::PolicyMode;
use chancery_core::policy::{OpenReview, RegisteredRisk, RiskScore};
use chancery_core::registry;
use chancery_core::risk::score::risk_score;
use chancery_core::tables::{ModelRow, ReviewRow, RiskRow, SettingRow, VersionRow};

use crate::app::sequence::Noted;
use crate::app::view::VersionView;
use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Most risks, and most reviews, that a gate reads; one that has more is beyond any rule's help, and the worst come first.
const MAX_ITEMS: i64 = 1_000;

/// Risks and reviews of a model.
pub(crate) struct Attached {
    pub(crate) risks: Vec<RegisteredRisk>,
    pub(crate) reviews: Vec<OpenReview>,
    pub(crate) noted: Noted,
}

/// The risks and open reviews of a model, with the revision that every change of them moves.
pub(crate) async fn attached(snapshot: &Snapshot, model: &ModelRow) -> Result<Attached, AppError> {
    let id = &model.model_id;
    let revision = snapshot.get::<SettingRow>(values![registry::attached(id)]).await?.map_or(0, |row| row.revision);
    let noted = Noted::Attached(id.clone(), revision);
    if revision == 0 {
        return Ok(Attached { risks: Vec::new(), reviews: Vec::new(), noted });
    }
    // Open ones first, the worst of them first.
    let tail = "WHERE risk_id IN (SELECT risk_id FROM risk_links WHERE model_id = $1)
        ORDER BY CASE status WHEN 'open' THEN 0 ELSE 1 END, CASE level WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, risk_id LIMIT $2";
    let risks = snapshot.rows::<RiskRow>(tail, &values![*id, MAX_ITEMS]).await?;
    let tail = "WHERE status = 'open' AND (model_id = $1 OR subject IN (SELECT 'risk/' || risk_id FROM risk_links WHERE model_id = $1))
        ORDER BY due, review_id LIMIT $2";
    let reviews = snapshot.rows::<ReviewRow>(tail, &values![*id, MAX_ITEMS]).await?;
    Ok(Attached { risks: risks.iter().map(risk).collect(), reviews: reviews.into_iter().map(review).collect(), noted })
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
