//! Results of MLflow's evaluation: `metrics.json` of `EvaluationResult.save` (name to number), and the table of scores that
//! `mlflow.evaluate` logs (`eval_results_table.json`: columns and rows).

use serde_json::{Map, Value, json};

use super::super::member::{MAX_ITEMS, Member, put, too_many};
use super::super::reading::Reading;
use super::measures::{DIMENSIONS, Measure, Measures};
use crate::refusal::{Code, Refusal};

/// Most rows of a table of scores.
const MAX_ROWS: usize = 200_000;

/// Whether every member is a number or null, as in `metrics.json`.
pub(super) fn is_metrics(members: &Map<String, Value>) -> bool {
    !members.is_empty() && members.values().all(|value| value.is_number() || value.is_null()) && members.values().any(Value::is_number)
}

/// Whether it is a table: `{"columns": […], "data": [[…]]}`.
pub(super) fn is_table(whole: &Member<'_>) -> bool {
    [whole.get("columns"), whole.get("data")].iter().all(|member| member.as_ref().is_some_and(|member| member.value().is_array()))
}

/// Reads `metrics.json`. A metric without a value (null) is left out.
pub(super) fn read_metrics(whole: &Member<'_>) -> Result<Reading, Refusal> {
    let members = whole.object()?;
    if members.len() > MAX_ITEMS {
        return Err(too_many("metrics", members.len()));
    }
    let mut measures = Measures::default();
    for name in members.keys().filter(|name| !name.is_empty()) {
        let Some(member) = whole.get(name) else { continue };
        measures.add(name, Measure { name: name.clone(), value: member.number()?, dimension: dimension(name), ..Measure::default() })?;
    }
    reading("mlflow.metrics", measures, None)
}

/// Reads a table of scores: the mean of every column of scores, named as MLflow names it (`toxicity/v1/mean`).
pub(super) fn read_table(whole: &Member<'_>) -> Result<Reading, Refusal> {
    let columns: Vec<String> = whole.need("columns")?.items()?.iter().map(Member::word).collect::<Result<_, _>>()?;
    let data = whole.need("data")?;
    let rows = data.value().as_array().map_or(&[][..], Vec::as_slice);
    if rows.len() > MAX_ROWS {
        return Err(Refusal::new(Code::TooLarge, &format!("the table has {} rows; at most {MAX_ROWS} are read", rows.len())).field("data"));
    }
    for (at, row) in rows.iter().enumerate() {
        if row.as_array().is_none_or(|cells| cells.len() != columns.len()) {
            return Err(Refusal::invalid(&format!("data[{at}]"), &format!("data[{at}] must be a list with a cell for each of the {} columns", columns.len())));
        }
    }
    let mut measures = Measures::default();
    for (at, column) in columns.iter().enumerate() {
        let Some(name) = score(column) else { continue };
        let cells: Vec<f64> = rows.iter().filter_map(|row| row.get(at)?.as_f64()).collect();
        if cells.is_empty() {
            continue;
        }
        let value = cells.iter().sum::<f64>() / cells.len() as f64;
        measures.add(column, Measure { dimension: dimension(&name), name, value, ..Measure::default() })?;
    }
    reading("mlflow.table", measures, Some(rows.len()))
}

/// The name of the mean of a column of scores; `None` for inputs, outputs, justifications.
fn score(column: &str) -> Option<String> {
    match column.strip_suffix("/score") {
        Some(metric) => Some(format!("{metric}/mean")),
        None if matches!(column, "token_count" | "latency") => Some(format!("{column}/mean")),
        None => None,
    }
}

/// What a metric of MLflow's own list is about.
fn dimension(name: &str) -> Option<String> {
    let first = name.split('/').next().unwrap_or_default();
    let known = DIMENSIONS.iter().find(|word| **word == first).copied();
    let of = known.or(match first {
        "token_count" => Some("cost"),
        "accuracy_score" | "f1_score" | "precision_score" | "recall_score" | "roc_auc" | "r2_score" | "mean_squared_error" | "exact_match"
        | "answer_correctness" | "answer_similarity" | "answer_relevance" | "faithfulness" | "rouge1" | "rougeL" => Some("quality"),
        _ => None,
    });
    of.map(str::to_owned)
}

fn reading(format: &'static str, measures: Measures, rows: Option<usize>) -> Result<Reading, Refusal> {
    let dimensions: std::collections::BTreeSet<String> = measures.dimensions().map(str::to_owned).collect();
    let mut summary = Map::new();
    summary.insert("suite".to_owned(), json!({"name": "mlflow.evaluate"}));
    summary.insert("dimensions".to_owned(), json!(dimensions));
    summary.insert("metrics".to_owned(), measures.list()?);
    put(&mut summary, "rows", rows);
    Ok(Reading { format, summary: Value::Object(summary), claims: Vec::new() })
}
