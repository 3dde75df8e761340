//! Metrics of a version beside those of its reference, with the limits that evaluation and policy give them.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::policy::{self, Expected, Input, MetricLimits};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A metric of a version and of its reference.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct MetricView {
    /// Metric.
    pub name: String,
    /// Slice of the dataset; null for the whole.
    pub slice: Option<String>,
    /// Newest value of the version; null when only the reference reports it.
    pub value: Option<f64>,
    /// Newest value of the reference.
    pub reference: Option<f64>,
    /// Value minus reference.
    pub difference: Option<f64>,
    /// Smallest value that passes; null when nobody set one.
    pub minimum: Option<f64>,
    /// Largest value that passes; null when nobody set one.
    pub maximum: Option<f64>,
    /// Whether a higher value is better; null when nobody said.
    pub higher_is_better: Option<bool>,
}

/// Name and slice.
type Key = (String, Option<String>);

/// What evaluations report about a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reported {
    value: f64,
    limits: MetricLimits,
}

/// Metrics of the version beside those of its reference, by name and slice; a later evaluation replaces an earlier one.
pub(super) fn beside_reference(input: &Input, expected: &Expected) -> Vec<MetricView> {
    let ours = reported(&input.evidence);
    let theirs = input.reference.as_ref().map(|reference| reported(&reference.evidence)).unwrap_or_default();
    let stated = directions(&input.version.facts);
    let keys: BTreeSet<&Key> = ours.keys().chain(theirs.keys()).collect();
    let view = |key: &Key| {
        let (mine, other) = (ours.get(key), theirs.get(key));
        let (value, reference) = (mine.map(|metric| metric.value), other.map(|metric| metric.value));
        // The policy sets limits for the whole, not for slices of it.
        let asked = if key.1.is_none() { expected.metric(input, &key.0) } else { MetricLimits::default() };
        let said = mine.map(|metric| metric.limits).unwrap_or_default();
        let of_reference = other.and_then(|metric| metric.limits.higher_is_better);
        MetricView {
            name: key.0.clone(),
            slice: key.1.clone(),
            value,
            reference,
            difference: value.zip(reference).map(|(value, reference)| value - reference),
            minimum: asked.minimum.or(said.minimum),
            maximum: asked.maximum.or(said.maximum),
            higher_is_better: asked.higher_is_better.or(said.higher_is_better).or(of_reference).or_else(|| stated.get(&key.0).copied()),
        }
    };
    keys.into_iter().map(view).collect()
}

/// What evaluations report: the metrics of their summaries. Anything else is passed over.
fn reported(evidence: &[policy::Evidence]) -> BTreeMap<Key, Reported> {
    let summaries = evidence.iter().filter(|piece| piece.kind == "evaluation").filter_map(|piece| piece.summary.as_ref());
    let lists = summaries.filter_map(|summary| summary.get("metrics")?.as_array());
    let metric = |entry: &Value| {
        let slice = entry.get("slice").and_then(Value::as_str).filter(|slice| !slice.is_empty()).map(str::to_owned);
        let number = |member: &str| entry.get(member).and_then(Value::as_f64);
        let higher_is_better = entry.get("higher_is_better").and_then(Value::as_bool);
        let limits = MetricLimits { minimum: number("minimum"), maximum: number("maximum"), higher_is_better };
        Some(((entry.get("name")?.as_str()?.to_owned(), slice), Reported { value: number("value")?, limits }))
    };
    lists.flatten().filter_map(metric).collect()
}

/// For each metric of the sealed facts whether higher is better, where they say it.
fn directions(facts: &Value) -> BTreeMap<String, bool> {
    let metrics = facts.get("metrics").and_then(Value::as_array).into_iter().flatten();
    let direction = |metric: &Value| Some((metric.get("name")?.as_str()?.to_owned(), metric.get("higher_is_better")?.as_bool()?));
    metrics.filter_map(direction).collect()
}

#[cfg(test)]
mod tests {
    use chancery_core::names::{ActorId, Digest, Grade, Timestamp};
    use chancery_core::policy::{Binding, BindingKind};
    use serde_json::json;

    use super::*;

    fn evidence(kind: &str, summary: Value) -> policy::Evidence {
        policy::Evidence {
            digest: Digest::of(kind.as_bytes()),
            kind: kind.to_owned(),
            grade: Grade::Claimed,
            binds_to: Binding { kind: BindingKind::Content, digest: Digest::of(b"content") },
            actor: ActorId::parse("system").unwrap(),
            at: Timestamp::from_micros(0),
            format: String::new(),
            summary: Some(summary),
            signed_by: Vec::new(),
            role: None,
        }
    }

    #[test]
    fn the_newest_evaluation_counts_and_what_is_no_metric_is_passed_over() {
        let found = reported(&[
            evidence(
                "evaluation",
                json!({"metrics": [{"name": "auc_roc", "value": 0.7}, {"name": "auc_roc", "slice": "women", "value": 0.6, "minimum": 0.5}]}),
            ),
            evidence("evaluation", json!({"metrics": [{"name": "auc_roc", "slice": "", "value": 0.8}, {"name": "f1", "value": "high"}, 7]})),
            evidence("evaluation", json!("no document")),
            evidence("sbom", json!({"metrics": [{"name": "packages", "value": 3}]})),
        ]);
        let whole = ("auc_roc".to_owned(), None);
        let slice = ("auc_roc".to_owned(), Some("women".to_owned()));
        let limits = MetricLimits { minimum: Some(0.5), ..MetricLimits::default() };
        let expected = [(whole, Reported { value: 0.8, limits: MetricLimits::default() }), (slice, Reported { value: 0.6, limits })];
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn facts_say_which_direction_is_better() {
        let facts = json!({"metrics": [{"name": "auc", "value": 1, "higher_is_better": true}, {"name": "loss", "value": 1}]});
        assert_eq!(directions(&facts), BTreeMap::from([("auc".to_owned(), true)]));
    }
}
