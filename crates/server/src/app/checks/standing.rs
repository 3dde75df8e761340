//! What a run finds wrong: reviews, risks and mitigations past their date, models that nobody owns, versions whose rules fail.

use chancery_core::entry::Subject;
use chancery_core::model::Profile;
use chancery_core::names::{Label, ModelId, State, Timestamp};
use chancery_core::policy::{ActorKind, Gate, Outcome};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ModelRow, PromotionRow, ReviewRow, RiskRow, VersionRow};

use super::{Seen, Wrong, caller};
use crate::app::gate::Subjects;
use crate::app::{App, AppError};
use crate::fault::{Fault, chain};
use crate::store::Snapshot;
use crate::values;

/// Rows that are read at once; no read transaction outlives a page.
const PAGE: i64 = 500;
/// Rules that speak about the entry of a model, not about one of its versions.
const MODEL_RULES: &[&str] = &["owner.present", "document.review-due"];

impl App {
    /// What is wrong without a rule of the policy.
    pub(super) async fn look_at_standing(&self, now: Timestamp, seen: &mut Seen) -> Result<(), AppError> {
        self.overdue_reviews(now, seen).await?;
        self.risks_past_their_date(now, seen).await?;
        self.models_without_owner(seen).await?;
        let policy = self.policy_for(&self.store().read().await?).await?;
        match policy.engine.schedule_rules().archive_after_days() {
            Some(days) => self.overtaken_versions(now.plus_seconds(-i64::from(days) * 86_400), seen).await,
            None => Ok(()),
        }
    }

    async fn overdue_reviews(&self, now: Timestamp, seen: &mut Seen) -> Result<(), AppError> {
        let mut after = String::new();
        loop {
            let tail = "WHERE status = 'open' AND due <= $1 AND review_id > $2 ORDER BY review_id LIMIT $3";
            let rows = self.store().read().await?.rows::<ReviewRow>(tail, &values![now, after, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.review_id.to_string();
            for row in rows {
                let message = format!("the review of {} `{}` was due on {}; `{}` owes it", row.about, row.subject, row.due, row.owner);
                seen.add(Wrong { subject: Subject::Review(row.review_id), rule: "review.overdue".to_owned(), message, due: Some(row.due) });
            }
        }
    }

    async fn risks_past_their_date(&self, now: Timestamp, seen: &mut Seen) -> Result<(), AppError> {
        let mut after = String::new();
        loop {
            let tail = "WHERE status <> 'closed' AND risk_id > $1 ORDER BY risk_id LIMIT $2";
            let rows = self.store().read().await?.rows::<RiskRow>(tail, &values![after, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.risk_id.to_string();
            rows.iter().for_each(|row| look_at_risk(row, now, seen));
        }
    }

    async fn models_without_owner(&self, seen: &mut Seen) -> Result<(), AppError> {
        let mut after = String::new();
        loop {
            let rows =
                self.store().read().await?.rows::<ModelRow>("WHERE hidden = 0 AND model_id > $1 ORDER BY model_id LIMIT $2", &values![after, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.model_id.to_string();
            for row in rows {
                let profile: Profile = serde_json::from_value(row.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
                let ownership = profile.ownership;
                if ownership.owning_team.is_none() && ownership.owner.is_none_or(|owner| owner.trim().is_empty()) {
                    let message = format!("nobody owns `{}`: it has neither an owning team nor an owner", row.name);
                    seen.add(Wrong { subject: Subject::Model(row.model_id), rule: "owner.present".to_owned(), message, due: None });
                }
            }
        }
    }

    /// Candidates and approved versions that are older than the policy's data allow and were overtaken by a newer release (LIF-6).
    async fn overtaken_versions(&self, before: Timestamp, seen: &mut Seen) -> Result<(), AppError> {
        let mut after = (String::new(), 0);
        loop {
            let tail = "WHERE state IN ('candidate', 'approved') AND hidden = 0 AND registered_at < $1 AND (model_id > $2 OR (model_id = $2 AND number > $3))
                AND EXISTS (SELECT 1 FROM versions AS newer WHERE newer.model_id = versions.model_id AND newer.number > versions.number AND newer.state = 'production')
                ORDER BY model_id, number LIMIT $4";
            let rows = self.store().read().await?.rows::<VersionRow>(tail, &values![before, after.0, after.1, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.model_id.to_string(), last.number.get());
            for row in rows {
                let message = format!("version {} is {} since before a newer one went to production: deprecate or retire it", row.number, row.state);
                let subject = Subject::Version(row.model_id, row.number);
                seen.add(Wrong { subject, rule: "version.archive-due".to_owned(), message, due: None });
            }
        }
    }

    /// Evaluates the gate `schedule` on every version that is approved or in production.
    pub(super) async fn look_at_versions(&self, seen: &mut Seen) -> Result<(), AppError> {
        let mut after = (String::new(), 0);
        loop {
            let tail = "WHERE state IN ('approved', 'production') AND hidden = 0 AND (model_id > $1 OR (model_id = $1 AND number > $2))
                ORDER BY model_id, number LIMIT $3";
            let rows = self.store().read().await?.rows::<VersionRow>(tail, &values![after.0, after.1, PAGE]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.model_id.to_string(), last.number.get());
            for row in rows {
                let (model, subject) = (Subject::Model(row.model_id.clone()), Subject::Version(row.model_id.clone(), row.number));
                seen.versions += 1;
                if let Err(error) = self.look_at_version(row, seen).await {
                    tracing::error!(%subject, error = %said(&error), "the scheduled rules of a version could not be evaluated");
                    seen.failed += 1;
                    seen.unknown.extend([model.to_string(), subject.to_string()]);
                }
            }
        }
    }

    async fn look_at_version(&self, version: VersionRow, seen: &mut Seen) -> Result<(), AppError> {
        let _turn = self.turn().await?;
        let snapshot = self.store().read().await?;
        // It may have moved since the page was read.
        let version = snapshot.get::<VersionRow>(values![version.model_id, version.number]).await?.unwrap_or(version);
        if !matches!(version.state, State::Approved | State::Production) {
            return Ok(());
        }
        let model = model(&snapshot, &version.model_id).await?;
        let promotion = newest_promotion(&snapshot, &version).await?;
        let (subject, target) = (Subject::Version(version.model_id.clone(), version.number), version.state);
        let mut subjects = self.subjects(&snapshot, &caller()?, model, version, target, &Label::parse("production")?, promotion).await?;
        drop(snapshot);
        subjects.input.actor.kind = ActorKind::System;
        incomplete(&subjects, &subject, seen)?;
        let evaluated = self.evaluate(vec![Gate::Schedule], &subjects).await?;
        for finding in evaluated.verdict.findings.into_iter().filter(|finding| finding.outcome == Outcome::Fail) {
            let about_model = MODEL_RULES.contains(&finding.rule.as_str());
            let subject = if about_model { Subject::Model(subjects.input.model.id.clone()) } else { subject.clone() };
            seen.add(Wrong { subject, rule: finding.rule, message: finding.message, due: None });
        }
        Ok(())
    }
}

/// Fields that the policy asks for by now and that a version, or its model, does not have (POL-6).
fn incomplete(subjects: &Subjects, subject: &Subject, seen: &mut Seen) -> Result<(), AppError> {
    let input = &subjects.input;
    let document = serde_json::to_value(input).map_err(|error| Fault::database("write an input", error))?;
    let rules = subjects.policy.engine.schedule_rules();
    let missing = rules.completeness(input.model.kind, input.model.risk.tier, input.mode, input.version.state, &document).missing;
    if !missing.is_empty() {
        let message = format!("required fields are missing: {}", missing.join(", "));
        seen.add(Wrong { subject: subject.clone(), rule: "entry.complete".to_owned(), message, due: None });
    }
    Ok(())
}

fn look_at_risk(row: &RiskRow, now: Timestamp, seen: &mut Seen) {
    let subject = Subject::Risk(row.risk_id.clone());
    if let Some(date) = row.review_date.filter(|date| *date <= now) {
        let message = format!("the risk `{}` was to be looked at again on {date}", row.title);
        seen.add(Wrong { subject: subject.clone(), rule: "risk.review-due".to_owned(), message, due: Some(date) });
    }
    let open = row.mitigations().into_iter().filter(|mitigation| mitigation.done_at.is_none());
    let first = open.filter_map(|mitigation| mitigation.due.filter(|due| *due <= now).map(|due| (due, mitigation))).min_by_key(|(due, _)| *due);
    if let Some((due, mitigation)) = first {
        let message = format!("mitigation {} of the risk `{}` was due on {due}; `{}` owes it", mitigation.number, row.title, mitigation.owner);
        seen.add(Wrong { subject, rule: "risk.mitigation-due".to_owned(), message, due: Some(due) });
    }
}

async fn model(snapshot: &Snapshot, id: &ModelId) -> Result<ModelRow, AppError> {
    Ok(snapshot.get::<ModelRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("model", id.as_str()))?)
}

/// The promotion that brought the version where it is, or the newest that tries to.
async fn newest_promotion(snapshot: &Snapshot, version: &VersionRow) -> Result<Option<PromotionRow>, AppError> {
    let tail = "WHERE model_id = $1 AND number = $2 AND status = 'executed' ORDER BY opened_index DESC LIMIT 1";
    Ok(snapshot.rows::<PromotionRow>(tail, &values![version.model_id, version.number]).await?.into_iter().next())
}

fn said(error: &AppError) -> String {
    match error {
        AppError::Refused(refusal, _) => refusal.to_string(),
        AppError::Fault(fault) => chain(fault),
    }
}
