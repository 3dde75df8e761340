//! Results of lm-evaluation-harness (`results_*.json`, version 0.4 and later): `results` by task, keys `metric,filter`.
//!
//! A metric is named `task/metric`, with its filter when that is not `none`. The interval is value ± 1.96 standard errors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::member::{Member, put};
use super::super::reading::Reading;
use super::measures::{Measure, Measures};
use crate::names::Timestamp;
use crate::refusal::Refusal;

/// Half the width of a 95 % interval, in standard errors.
const STANDARD_ERRORS: f64 = 1.96;

/// Whether it has the shape: `results` with, for each task, an object, and at least one of the harness's own members.
pub(super) fn is_one(whole: &Member<'_>) -> bool {
    let results = whole.get("results").is_some_and(|results| results.value().is_object());
    results && ["versions", "configs", "config", "n-shot", "lm_eval_version"].iter().any(|name| whole.get(name).is_some())
}

/// Reads results.
pub(super) fn read(whole: &Member<'_>) -> Result<Reading, Refusal> {
    let results = whole.need("results")?;
    let mut measures = Measures::default();
    for task in results.object()?.keys().collect::<BTreeSet<_>>() {
        let Some(of_task) = results.get(task) else { continue };
        // In the order of their names, whatever the order of the document.
        for key in of_task.object()?.keys().collect::<BTreeSet<_>>() {
            if let Some(measure) = measure(whole, &of_task, task, key)? {
                measures.add(&format!("{}.{key}", of_task.path()), measure)?;
            }
        }
    }
    let mut summary = Map::new();
    let mut suite = Map::new();
    suite.insert("name".to_owned(), json!("lm-evaluation-harness"));
    put(&mut suite, "version", whole.either(&["lm_eval_version", "git_hash"]).map(|version| version.word()).transpose()?);
    summary.insert("suite".to_owned(), Value::Object(suite));
    put(&mut summary, "dataset", dataset(whole)?);
    put(&mut summary, "completed_at", whole.get("date").and_then(|date| moment(date.value())));
    summary.insert("dimensions".to_owned(), json!(["quality"]));
    summary.insert("metrics".to_owned(), measures.list()?);
    Ok(Reading { format: "lm-evaluation-harness", summary: Value::Object(summary), claims: Vec::new() })
}

/// A value; `None` for what is no metric: alias, sample counts, standard errors, values that could not be computed (`N/A`).
fn measure(whole: &Member<'_>, of_task: &Member<'_>, task: &str, key: &str) -> Result<Option<Measure>, Refusal> {
    let (metric, filter) = key.split_once(',').unwrap_or((key, "none"));
    let Some(given) = of_task.get(key) else { return Ok(None) };
    if metric.ends_with("_stderr") || matches!(metric, "alias" | "name" | "samples" | "sample_len" | "sample_count") || !given.value().is_number() {
        return Ok(None);
    }
    let value = given.number()?;
    let error = of_task.get(&format!("{metric}_stderr,{filter}")).or_else(|| of_task.get(&format!("{metric}_stderr"))).and_then(|error| error.value().as_f64());
    let half = error.filter(|error| *error >= 0.0).map(|error| error * STANDARD_ERRORS);
    let better = whole.get("higher_is_better").and_then(|all| all.get(task)?.get(metric)).and_then(|flag| flag.value().as_bool());
    Ok(Some(Measure {
        name: if filter == "none" { format!("{task}/{metric}") } else { format!("{task}/{metric},{filter}") },
        value,
        dimension: Some("quality".to_owned()),
        higher_is_better: better,
        lower: half.map(|half| value - half),
        upper: half.map(|half| value + half),
        ..Measure::default()
    }))
}

/// The one task's dataset, with the version of the task; nothing when there are several.
fn dataset(whole: &Member<'_>) -> Result<Option<Value>, Refusal> {
    let Some(configs) = whole.get("configs") else { return Ok(None) };
    let tasks: Vec<&String> = configs.object()?.keys().collect();
    let [task] = tasks[..] else { return Ok(None) };
    let Some(config) = configs.get(task) else { return Ok(None) };
    let mut members = Map::new();
    members.insert("name".to_owned(), json!(config.get("dataset_path").map_or_else(|| Ok(task.clone()), |path| path.name())?));
    put(&mut members, "version", whole.get("versions").and_then(|all| all.get(task)).map(|version| version.word()).transpose()?);
    Ok(Some(Value::Object(members)))
}

/// Seconds since the epoch as a time.
fn moment(date: &Value) -> Option<String> {
    let seconds = date.as_f64().filter(|seconds| (0.0..1e11).contains(seconds))?;
    Some(Timestamp::from_micros((seconds * 1e6) as i64).to_string())
}
