//! The metrics of an evaluation, whatever format they came in: each value once, no contradictions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::member::{MAX_ITEMS, put, too_many};
use crate::refusal::Refusal;

/// What an evaluation can be about.
pub(crate) const DIMENSIONS: &[&str] = &["quality", "toxicity", "jailbreak", "bias", "latency", "cost", "robustness"];

/// One value of a metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: Option<String>,
    pub(crate) slice: Option<String>,
    /// Dataset of this value, in an evaluation over several.
    pub(crate) dataset: Option<String>,
    pub(crate) dimension: Option<String>,
    pub(crate) higher_is_better: Option<bool>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
}

/// The metrics of one evaluation.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    found: Vec<Measure>,
    /// Index by name, slice and dataset.
    places: BTreeMap<(String, Option<String>, Option<String>), usize>,
    units: BTreeMap<String, String>,
}

impl Measures {
    /// Adds a value that stands at `path`. The same value again changes nothing.
    ///
    /// # Errors
    /// `invalid_field`: another value or unit for the same metric, slice and dataset; an interval or thresholds the wrong way round;
    /// `too_large` above 2,000.
    pub(crate) fn add(&mut self, path: &str, measure: Measure) -> Result<(), Refusal> {
        check(path, &measure)?;
        if let Some(unit) = &measure.unit {
            let known = self.units.entry(measure.name.clone()).or_insert_with(|| unit.clone());
            if known != unit {
                let message = format!("metric `{}` is given in `{known}` and in `{unit}`", measure.name);
                return Err(Refusal::invalid(&format!("{path}.unit"), &message).remedy("give a metric in one unit, or name it for its unit"));
            }
        }
        let key = (measure.name.clone(), measure.slice.clone(), measure.dataset.clone());
        if let Some(before) = self.places.get(&key).and_then(|place| self.found.get(*place)) {
            if *before == measure {
                return Ok(());
            }
            let slice = measure.slice.as_ref().map(|slice| format!(" of slice `{slice}`")).unwrap_or_default();
            let message = format!("metric `{}`{slice} is given twice: {} and {}", measure.name, before.value, measure.value);
            return Err(Refusal::invalid(path, &message).remedy("give it once, or with the slice or dataset that tells the values apart"));
        }
        self.places.insert(key, self.found.len());
        self.found.push(measure);
        if self.found.len() > MAX_ITEMS {
            return Err(too_many("metrics", self.found.len()));
        }
        Ok(())
    }

    /// The list of a summary.
    ///
    /// # Errors
    /// `invalid_field` when there is none: an evaluation without a value says nothing.
    pub(crate) fn list(self) -> Result<Value, Refusal> {
        if self.found.is_empty() {
            return Err(Refusal::invalid("metrics", "the evaluation has no metric with a number"));
        }
        Ok(Value::Array(self.found.into_iter().map(written).collect()))
    }

    /// The dimensions of the metrics.
    pub(crate) fn dimensions(&self) -> impl Iterator<Item = &str> {
        self.found.iter().filter_map(|measure| measure.dimension.as_deref())
    }
}

fn check(path: &str, measure: &Measure) -> Result<(), Refusal> {
    for (low, high, low_name, high_name) in [(measure.lower, measure.upper, "lower", "upper"), (measure.minimum, measure.maximum, "minimum", "maximum")] {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            let message = format!("{low_name} {low} of metric `{}` is above {high_name} {high}", measure.name);
            return Err(Refusal::invalid(&format!("{path}.{low_name}"), &message));
        }
    }
    Ok(())
}

fn written(measure: Measure) -> Value {
    let Measure { name, value, unit, slice, dataset, dimension, higher_is_better, lower, upper, minimum, maximum } = measure;
    let mut members = Map::new();
    members.insert("name".to_owned(), json!(name));
    members.insert("value".to_owned(), json!(value));
    put(&mut members, "unit", unit);
    put(&mut members, "slice", slice);
    put(&mut members, "dataset", dataset);
    put(&mut members, "dimension", dimension);
    put(&mut members, "higher_is_better", higher_is_better);
    for (name, value) in [("lower", lower), ("upper", upper), ("minimum", minimum), ("maximum", maximum)] {
        put(&mut members, name, value);
    }
    Value::Object(members)
}
