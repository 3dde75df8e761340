//! Comparing two versions: facts, files, metrics, signature, and the version number that the difference suggests.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::names::{ModelName, VersionNumber, clipped};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::compare::{self, FactDifference, FileDifference};
use crate::app::lineage::{Shown, Unreadable};
use crate::app::{App, AppError, register, view};
use crate::http::{Allowed, Path, Problem, caller};
use crate::store::Snapshot;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(compare))
}

/// What differs between two versions.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ComparisonView {
    /// Facts that differ, metrics apart.
    facts: Vec<FactDifference>,
    /// Files that differ.
    files: Vec<FileDifference>,
    /// Metrics of either version.
    metrics: Vec<MetricDifference>,
    /// What the new signature means for callers; null when a version does not say its signature.
    #[schema(value_type = Option<Object>)]
    signature: Option<chancery_inspect::SignatureChange>,
    /// `major`, `minor` or `patch`.
    suggested_bump: &'static str,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct MetricDifference {
    /// Name.
    name: String,
    /// Slice of the data.
    slice: Option<String>,
    /// Value in the first version.
    old: Option<f64>,
    /// Value in the second version.
    new: Option<f64>,
    /// New minus old; null when one has no value, and when they are not comparable.
    difference: Option<f64>,
    /// Why the values cannot be compared; null when they can.
    not_comparable: Option<String>,
}

/// Compare two versions
#[utoipa::path(get, path = "/api/v1/models/{name}/compare/{a}/{b}", operation_id = "version_compare", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("a" = u64, Path, description = "Number of the old version"), ("b" = u64, Path, description = "Number of the new version")),
    responses((status = 200, description = "What differs", body = ComparisonView), (status = "4XX", description = "Refused", body = Problem)))]
async fn compare(
    allowed: Allowed<caller::Read>,
    Path((name, old, new)): Path<(ModelName, VersionNumber, VersionNumber)>,
) -> Result<axum::Json<Shown<ComparisonView>>, AppError> {
    comparison(&allowed.read().await?, &name, old, new).await.map(axum::Json)
}

/// What differs between two versions, as far as the snapshot shows what is behind them.
///
/// # Errors
/// `not_found`; a fault.
pub(in crate::http) async fn comparison(
    snapshot: &Snapshot,
    name: &ModelName,
    old: VersionNumber,
    new: VersionNumber,
) -> Result<Shown<ComparisonView>, AppError> {
    let (_, old) = view::version_named(snapshot, name, old).await?;
    let (_, new) = view::version_named(snapshot, name, new).await?;
    let unreadable = Unreadable::behind(snapshot, &old).await?.and(Unreadable::behind(snapshot, &new).await?);
    let (old_facts, new_facts) = (view::facts(snapshot, &old).await?, view::facts(snapshot, &new).await?);
    let (old_files, new_files) = (view::manifest(snapshot, &old).await?, view::manifest(snapshot, &new).await?);
    let signature = register::signature_change(&old_facts, &new_facts);
    let suggested_bump = register::bump(signature.as_ref(), old.content_digest == new.content_digest).as_str();
    let (old_metrics, new_metrics) = (metrics(&old_facts), metrics(&new_facts));
    let view = ComparisonView {
        facts: compare::facts(old_facts, new_facts),
        files: compare::files(&old_files, &new_files),
        metrics: metric_differences(&old_metrics, &new_metrics),
        signature,
        suggested_bump,
    };
    unreadable.shown(view)
}

/// Metrics by name and slice.
type Metrics = BTreeMap<(String, Option<String>), Measured>;

/// A value, and what it was measured on and in.
#[derive(Clone)]
struct Measured {
    value: f64,
    dataset: Option<String>,
    unit: Option<String>,
}

impl Measured {
    /// Why this and a later value say nothing about each other.
    fn unlike(&self, new: &Self) -> Option<String> {
        let differ = |what: &str, old: &Option<String>, new: &Option<String>| match (old, new) {
            (Some(old), Some(new)) if old != new => Some(format!("{what} `{}` and `{}`", clipped(old), clipped(new))),
            (Some(_) | None, _) => None,
        };
        differ("measured on", &self.dataset, &new.dataset).or_else(|| differ("in units", &self.unit, &new.unit))
    }
}

fn metrics(facts: &Value) -> Metrics {
    let text = |metric: &Value, name: &str| metric.get(name).and_then(Value::as_str).map(str::to_owned);
    let measured = |metric: &Value| Some(Measured { value: metric.get("value")?.as_f64()?, dataset: text(metric, "dataset"), unit: text(metric, "unit") });
    let metric = |metric: &Value| Some(((text(metric, "name")?, text(metric, "slice")), measured(metric)?));
    facts.get("metrics").and_then(Value::as_array).into_iter().flatten().filter_map(metric).collect()
}

fn metric_differences(old: &Metrics, new: &Metrics) -> Vec<MetricDifference> {
    let keys: BTreeSet<&(String, Option<String>)> = old.keys().chain(new.keys()).collect();
    let difference = |key: &(String, Option<String>)| {
        let (old, new) = (old.get(key), new.get(key));
        let not_comparable = old.zip(new).and_then(|(old, new)| old.unlike(new));
        let (old, new) = (old.map(|old| old.value), new.map(|new| new.value));
        let difference = old.zip(new).filter(|_| not_comparable.is_none()).map(|(old, new)| new - old);
        MetricDifference { name: key.0.clone(), slice: key.1.clone(), old, new, difference, not_comparable }
    };
    keys.into_iter().map(difference).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metrics_differ_by_name_and_slice() {
        let old = json!({"metrics": [{"name": "auc", "value": 0.5}]});
        let new = json!({"metrics": [{"name": "auc", "value": 0.75}, {"name": "auc", "slice": "a=b", "value": 1}]});
        assert_eq!(
            metric_differences(&metrics(&old), &metrics(&new)),
            vec![
                MetricDifference { name: "auc".into(), slice: None, old: Some(0.5), new: Some(0.75), difference: Some(0.25), not_comparable: None },
                MetricDifference { name: "auc".into(), slice: Some("a=b".into()), old: None, new: Some(1.0), difference: None, not_comparable: None },
            ]
        );
    }

    #[test]
    fn what_was_measured_on_other_data_is_not_compared() {
        let metric = |dataset: Value, unit: Value| json!({"metrics": [{"name": "auc", "value": 0.5, "dataset": dataset, "unit": unit}]});
        for (old, new, expected) in [
            (metric(json!("a"), json!(null)), metric(json!("b"), json!(null)), Some("measured on `a` and `b`")),
            (metric(json!("a"), json!("ms")), metric(json!("a"), json!("s")), Some("in units `ms` and `s`")),
            (metric(json!("a"), json!("s")), metric(json!("a"), json!("s")), None),
            // Who does not say it is believed.
            (metric(json!(null), json!(null)), metric(json!("b"), json!("s")), None),
        ] {
            let found = metric_differences(&metrics(&old), &metrics(&new)).remove(0);
            assert_eq!((found.not_comparable.as_deref(), found.difference.is_none()), (expected, expected.is_some()));
        }
    }
}
