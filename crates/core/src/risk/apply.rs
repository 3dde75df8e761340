//! What an entry about a risk does to the rows.

use super::{Assessment, Event, Mitigation, Status};
use crate::command::{begin, record};
use crate::entry::{Entry, Subject};
use crate::names::{ModelId, RiskId};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::tables::{RiskLinkRow, RiskRow};

impl RiskRow {
    /// Mitigations, by number.
    pub fn mitigations(&self) -> Vec<Mitigation> {
        serde_json::from_value(self.mitigations.clone()).unwrap_or_default()
    }

    /// Models that it is linked to.
    pub fn models(&self) -> Vec<ModelId> {
        serde_json::from_value(self.models.clone()).unwrap_or_default()
    }

    /// Requirement references.
    pub fn requirements(&self) -> Vec<String> {
        serde_json::from_value(self.requirements.clone()).unwrap_or_default()
    }

    /// What is said about it.
    pub fn assessment(&self) -> Assessment {
        Assessment {
            title: self.title.clone(),
            category: self.category.clone(),
            severity: self.severity,
            likelihood: self.likelihood,
            description: self.description.clone(),
            requirements: self.requirements(),
            review_date: self.review_date,
        }
    }

    /// Mitigations that are not done.
    pub fn open_mitigations(&self) -> u64 {
        self.mitigations().iter().filter(|mitigation| mitigation.done_at.is_none()).count() as u64
    }
}

fn json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Risk(id) = &entry.subject else { return Ok(()) };
    if let Event::Added(assessment) = event {
        rows.put(&added(entry, id, assessment));
        begin(rows, entry, "status", Status::Open.as_str());
        begin(rows, entry, "level", assessment.level().as_str());
        return Ok(());
    }
    let Some(risk) = rows.get::<RiskRow>(&[id])? else { return Ok(()) };
    let mut models = risk.models();
    let risk = match event {
        Event::Added(_) => risk,
        Event::Changed(assessment) => {
            record(rows, entry, &entry.subject, "level", Some(assessment.level().as_str()))?;
            assessed(risk, entry, assessment)
        }
        Event::Linked { model } => {
            rows.put(&RiskLinkRow { model_id: model.clone(), risk_id: id.clone(), entry_index: entry.index });
            models.push(model.clone());
            RiskRow { models: json(&models), ..risk }
        }
        Event::Unlinked { model, .. } => {
            rows.remove::<RiskLinkRow>(&[model, id]);
            let rest: Vec<&ModelId> = models.iter().filter(|linked| *linked != model).collect();
            RiskRow { models: json(&rest), ..risk }
        }
        Event::MitigationAdded { number, mitigation } => {
            let mut all = risk.mitigations();
            let (text, owner, due) = (mitigation.text.clone(), mitigation.owner.clone(), mitigation.due);
            all.push(Mitigation { number: *number, text, owner, due, done_at: None, done_by: None });
            RiskRow { mitigations: json(&all), ..risk }
        }
        Event::MitigationFinished { number, .. } => {
            let mut all = risk.mitigations();
            for mitigation in all.iter_mut().filter(|mitigation| mitigation.number == *number) {
                mitigation.done_at = Some(entry.at);
                mitigation.done_by = Some(entry.actor.clone());
            }
            RiskRow { mitigations: json(&all), ..risk }
        }
        Event::StatusChanged { to, .. } => {
            record(rows, entry, &entry.subject, "status", Some(to.as_str()))?;
            let decided_by = (*to != Status::Open).then(|| entry.actor.clone());
            RiskRow { status: *to, decided_by, ..risk }
        }
    };
    rows.put(&RiskRow { updated_at: entry.at, revision: entry.index, ..risk });
    for model in &models {
        registry::move_attached(rows, entry, model);
    }
    Ok(())
}

fn added(entry: &Entry, id: &RiskId, assessment: &Assessment) -> RiskRow {
    RiskRow {
        risk_id: id.clone(),
        title: assessment.title.clone(),
        category: assessment.category.clone(),
        severity: assessment.severity,
        likelihood: assessment.likelihood,
        level: assessment.level(),
        description: assessment.description.clone(),
        requirements: json(&assessment.requirements),
        review_date: assessment.review_date,
        status: Status::Open,
        mitigations: serde_json::Value::Array(Vec::new()),
        models: serde_json::Value::Array(Vec::new()),
        authors: vec![entry.actor.clone()],
        behind: entry.through.clone(),
        decided_by: None,
        created_by: entry.actor.clone(),
        created_at: entry.at,
        created_index: entry.index,
        updated_at: entry.at,
        revision: entry.index,
    }
}

fn assessed(risk: RiskRow, entry: &Entry, assessment: &Assessment) -> RiskRow {
    let mut authors = risk.authors.clone();
    if !authors.contains(&entry.actor) {
        authors.push(entry.actor.clone());
    }
    let mut behind = risk.behind.clone();
    behind.extend(entry.through.iter().filter(|maker| !risk.behind.contains(maker)).cloned());
    RiskRow {
        title: assessment.title.clone(),
        category: assessment.category.clone(),
        severity: assessment.severity,
        likelihood: assessment.likelihood,
        level: assessment.level(),
        description: assessment.description.clone(),
        requirements: json(&assessment.requirements),
        review_date: assessment.review_date,
        authors,
        behind,
        ..risk
    }
}
