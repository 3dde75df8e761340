//! What the scheduled checks take from a bundle's data: when events ask for a review, when old versions are named, and which fields
//! an entry needs (the list that `entry.complete` reads), for a measure of completeness that costs no evaluation.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::bundle::Bundle;
use super::error::PolicyError;
use crate::names::{ModelKind, PolicyMode, RiskTier, State};

/// Longest time that the data may name, in days.
const MAX_DAYS: u32 = 3_650;

/// Times after which events ask for something, and the required fields.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRules {
    reviews: Reviews,
    archive: Archive,
    required: Vec<Required>,
}

/// `chancery.reviews`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reviews {
    after_release_days: BTreeMap<RiskTier, u32>,
    after_emergency_hours: u32,
    after_tier_raise_days: u32,
    after_dataset_change_days: u32,
}

impl Default for Reviews {
    fn default() -> Self {
        Self { after_release_days: BTreeMap::new(), after_emergency_hours: 72, after_tier_raise_days: 14, after_dataset_change_days: 30 }
    }
}

/// `chancery.archive`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Archive {
    after_days: Option<u32>,
}

/// An item of `chancery.entry_complete.required`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Required {
    field: String,
    from: State,
    kinds: Option<Vec<ModelKind>>,
    tiers: Option<Vec<RiskTier>>,
}

/// Which of the required fields an entry has.
#[derive(Clone, Debug, PartialEq)]
pub struct Completeness {
    /// Share of the fields that kind and tier need on the whole way to production, 0 to 1.
    pub share: f64,
    /// Fields that the state needs and that are empty, in order.
    pub missing: Vec<String>,
}

impl ScheduleRules {
    /// Reads them from the data of a bundle.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] for data of another shape, or a time that is not from 1 to 3,650 days.
    pub(super) fn of(bundle: &Bundle) -> Result<Self, PolicyError> {
        let data: Value = serde_json::from_str(bundle.data()?).map_err(|error| error_of("data.json", &error.to_string()))?;
        let reviews: Reviews = read(&data, "reviews")?;
        let archive: Archive = read(&data, "archive")?;
        let required = data.pointer("/chancery/entry_complete/required").map(Vec::<Required>::deserialize).transpose();
        let required = required.map_err(|error| error_of("data.json: chancery.entry_complete.required", &error.to_string()))?.unwrap_or_default();
        let hours = reviews.after_emergency_hours;
        if !(1..=MAX_DAYS * 24).contains(&hours) {
            return Err(error_of("data.json: chancery.reviews.after_emergency_hours", "must be from 1 to 87600"));
        }
        let days = [reviews.after_tier_raise_days, reviews.after_dataset_change_days].into_iter();
        let mut days = days.chain(reviews.after_release_days.values().copied()).chain(archive.after_days);
        if days.any(|days| !(1..=MAX_DAYS).contains(&days)) {
            return Err(error_of("data.json: chancery.reviews and chancery.archive", "name days from 1 to 3650"));
        }
        Ok(Self { reviews, archive, required })
    }

    /// Days after a release at which the entry is reviewed; none when the tier needs no review.
    pub fn after_release_days(&self, tier: RiskTier) -> Option<u32> {
        let known = &self.reviews.after_release_days;
        // Nobody profits from not classifying.
        let fallback = if tier == RiskTier::Unclassified { known.get(&RiskTier::High) } else { None };
        known.get(&tier).or(fallback).copied()
    }

    /// Hours after a rollback or a broken glass at which it is reviewed.
    pub fn after_emergency_hours(&self) -> u32 {
        self.reviews.after_emergency_hours
    }

    /// Days after the risk tier rose at which the risks are reviewed.
    pub fn after_tier_raise_days(&self) -> u32 {
        self.reviews.after_tier_raise_days
    }

    /// Days after a new version of a dataset at which it is reviewed.
    pub fn after_dataset_change_days(&self) -> u32 {
        self.reviews.after_dataset_change_days
    }

    /// Days after which a candidate or approved version that was overtaken is named; none when that is off.
    pub fn archive_after_days(&self) -> Option<u32> {
        self.archive.after_days
    }

    /// Which required fields an entry of this kind and tier has. `document` has the members `model` and `version` of a policy input;
    /// the measure is the one of `entry.complete`.
    pub fn completeness(&self, kind: ModelKind, tier: RiskTier, mode: PolicyMode, state: State, document: &Value) -> Completeness {
        let tier = read_as(tier, mode);
        let asked: Vec<&Required> = self.required.iter().filter(|required| required.applies(kind, tier)).collect();
        let filled = asked.iter().filter(|required| required.is_filled(document)).count();
        let needed = asked.iter().filter(|required| rank(required.from) <= rank(state) && !required.is_filled(document));
        let mut missing: Vec<String> = needed.map(|required| required.field.clone()).collect();
        missing.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "a bundle names no 2^52 fields")]
        let share = if asked.is_empty() { 1.0 } else { filled as f64 / asked.len() as f64 };
        // In hundredths, as a verdict says it.
        Completeness { share: (share * 100.0).round() / 100.0, missing }
    }
}

fn read<T: Default + serde::de::DeserializeOwned>(data: &Value, name: &str) -> Result<T, PolicyError> {
    let given = data.pointer(&format!("/chancery/{name}")).cloned();
    given.map_or_else(
        || Ok(T::default()),
        |given| serde_json::from_value(given).map_err(|error| error_of(&format!("data.json: chancery.{name}"), &error.to_string())),
    )
}

fn error_of(place: &str, message: &str) -> PolicyError {
    PolicyError::Bundle(format!("{place}: {message}"))
}

/// The tier that requirement lists go by (`lib.rego`).
fn read_as(tier: RiskTier, mode: PolicyMode) -> RiskTier {
    match (tier, mode) {
        (RiskTier::High | RiskTier::Prohibited, _) | (RiskTier::Unclassified, PolicyMode::Enforce) => RiskTier::High,
        (RiskTier::Unclassified, PolicyMode::Warn) => RiskTier::Minimal,
        (RiskTier::Minimal | RiskTier::Limited, _) => tier,
    }
}

/// How far a state is on the way to production.
fn rank(state: State) -> u8 {
    match state {
        State::Draft => 0,
        State::Candidate => 1,
        State::Approved => 2,
        State::Production | State::Deprecated | State::Retired => 3,
    }
}

impl Required {
    fn applies(&self, kind: ModelKind, tier: RiskTier) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind)) && self.tiers.as_ref().is_none_or(|tiers| tiers.contains(&tier))
    }

    fn is_filled(&self, document: &Value) -> bool {
        let found = self.field.split('.').try_fold(document, |value, name| value.get(name));
        match found {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Bool(_) | Value::Number(_)) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Engine, Gate, sample};

    fn rules(data: &str) -> Result<ScheduleRules, PolicyError> {
        let mut bundle = Bundle::baseline();
        bundle.files.insert("data.json".to_owned(), data.as_bytes().to_vec());
        ScheduleRules::of(&bundle)
    }

    #[test]
    fn completeness_is_what_the_rule_says() {
        let bundle = Bundle::baseline();
        let (rules, engine) = (ScheduleRules::of(&bundle).unwrap(), Engine::compile(&bundle).unwrap());
        for tier in RiskTier::ALL {
            for mode in PolicyMode::ALL {
                let mut input = sample::input();
                (input.model.risk.tier, input.mode, input.target) = (*tier, *mode, State::Candidate);
                for round in 0..4 {
                    if round == 1 {
                        input.model.description = "  ".to_owned();
                    }
                    if round == 2 {
                        input.model.intended_users.clear();
                        input.version.facts = serde_json::json!({});
                    }
                    if round == 3 {
                        input.model.personal_data = None;
                    }
                    let document = serde_json::to_value(&input).unwrap();
                    let ours = rules.completeness(input.model.kind, *tier, *mode, State::Candidate, &document);
                    let verdict = engine.evaluate(&[Gate::Candidate], &input).unwrap();
                    assert!((verdict.completeness.unwrap() - ours.share).abs() < 1e-9, "{tier} {mode} {round}: {ours:?}");
                    let finding = verdict.findings.iter().find(|finding| finding.rule == "entry.complete").unwrap();
                    for field in &ours.missing {
                        assert!(finding.message.contains(field.as_str()), "{tier} {mode} {round} {field}: {}", finding.message);
                    }
                    assert_eq!(finding.outcome == crate::policy::Outcome::Pass, ours.missing.is_empty(), "{tier} {mode} {round}: {}", finding.message);
                }
            }
        }
    }

    #[test]
    fn data_of_another_shape_is_refused() {
        assert_eq!(rules(r#"{"chancery": {}}"#).unwrap().after_emergency_hours(), 72);
        let given = rules(r#"{"chancery": {"reviews": {"after_release_days": {"high": 90, "limited": 365}}, "archive": {"after_days": 200}}}"#).unwrap();
        let days: Vec<Option<u32>> = RiskTier::ALL.iter().map(|tier| given.after_release_days(*tier)).collect();
        assert_eq!(days.iter().flatten().count(), 3, "unclassified counts as high");
        assert_eq!(given.archive_after_days(), Some(200));
        for bad in [
            r#"{"chancery": {"reviews": {"after_release_days": {"huge": 90}}}}"#,
            r#"{"chancery": {"reviews": {"after_release_days": {"high": 0}}}}"#,
            r#"{"chancery": {"reviews": {"after_emergency_hours": 0}}}"#,
            r#"{"chancery": {"reviews": {"colour": 1}}}"#,
            r#"{"chancery": {"archive": {"after_days": 100000}}}"#,
            r#"{"chancery": {"entry_complete": {"required": [{"from": "candidate"}]}}}"#,
        ] {
            assert!(rules(bad).is_err(), "{bad}");
        }
    }
}
