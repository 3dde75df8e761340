//! Evaluations: our own format, and those of MLflow, lm-evaluation-harness and Hugging Face (EVD-1).
//!
//! Summary: `{suite:{name,version?}, dataset?:{name,version?,digest?}, completed_at?, dimensions:[…], metrics:[…], reports?:[…], subject?}`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::json;
use super::super::member::{MAX_NAME, Member, put};
use super::super::reading::Reading;
use super::measures::{DIMENSIONS, Measure, Measures};
use super::{harness, mlflow, model_index, plain};
use crate::refusal::Refusal;

/// Our own format.
pub const FORMAT: &str = "chancery.evaluation/v1";

/// Reads an evaluation.
///
/// # Errors
/// `invalid_field` that names the member, `too_large`.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'-') {
        return model_index::read_card(bytes);
    }
    let document = json::parse(bytes)?;
    let whole = Member::whole(&document);
    let members = whole.object().map_err(|_| unknown())?;
    match whole.get("schema") {
        Some(schema) if schema.value() == FORMAT => own(&whole, &document),
        Some(schema) => Err(Refusal::unknown_word("schema", schema.text(MAX_NAME)?, &[FORMAT])),
        None if members.contains_key("model-index") => model_index::read(&whole),
        None if harness::is_one(&whole) => harness::read(&whole),
        None if mlflow::is_table(&whole) => mlflow::read_table(&whole),
        None if mlflow::is_metrics(members) => mlflow::read_metrics(&whole),
        None => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::invalid("schema", "this is no evaluation in a format that is read")
        .remedy(&format!("say `\"schema\": \"{FORMAT}\"`, or attach results of mlflow.evaluate, of lm-evaluation-harness, or a model-index of Hugging Face"))
}

fn own(whole: &Member<'_>, document: &Value) -> Result<Reading, Refusal> {
    let mut summary = Map::new();
    let suite = whole.need("suite")?;
    summary.insert("suite".to_owned(), json!({"name": suite.need("name")?.name()?, "version": suite.need("version")?.name()?}));
    put(&mut summary, "dataset", whole.get("dataset").map(|dataset| read_dataset(&dataset)).transpose()?);
    put(&mut summary, "completed_at", whole.either(&["completed_at", "created_at"]).map(|at| at.time()).transpose()?);
    let mut measures = Measures::default();
    for item in whole.need("metrics")?.items()? {
        measures.add(item.path(), measure(&item)?)?;
    }
    let mut dimensions: BTreeSet<String> = measures.dimensions().map(str::to_owned).collect();
    if let Some(given) = whole.either(&["dimensions", "categories"]) {
        for item in given.items()? {
            dimensions.insert(item.one_of(DIMENSIONS)?.to_owned());
        }
    }
    summary.insert("dimensions".to_owned(), json!(dimensions));
    summary.insert("metrics".to_owned(), measures.list()?);
    put(&mut summary, "reports", whole.get("reports").map(|reports| read_reports(&reports)).transpose()?);
    let claims = plain::claims(document)?;
    put(&mut summary, "subject", subject(document));
    Ok(Reading { format: FORMAT, summary: Value::Object(summary), claims })
}

/// The digests that `subject` names, without prefix.
fn subject(document: &Value) -> Option<Value> {
    let digests = ["version_digest", "content_digest", "composition_digest"].into_iter().filter_map(|name| {
        let digest = document.pointer(&format!("/subject/{name}"))?.as_str()?;
        Some((name.to_owned(), json!(digest.trim_start_matches("sha256:"))))
    });
    let members: Map<String, Value> = digests.collect();
    (!members.is_empty()).then_some(Value::Object(members))
}

fn read_dataset(dataset: &Member<'_>) -> Result<Value, Refusal> {
    let mut members = Map::new();
    members.insert("name".to_owned(), json!(dataset.need("name")?.name()?));
    put(&mut members, "version", dataset.get("version").map(|version| version.word()).transpose()?);
    put(&mut members, "digest", dataset.get("digest").map(|digest| digest.digest()).transpose()?.map(|digest| digest.to_string()));
    Ok(Value::Object(members))
}

fn read_reports(reports: &Member<'_>) -> Result<Value, Refusal> {
    let report =
        |item: &Member<'_>| -> Result<Value, Refusal> { Ok(json!({"name": item.need("name")?.name()?, "digest": item.need("digest")?.digest()?.to_string()})) };
    reports.items()?.iter().map(report).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn measure(item: &Member<'_>) -> Result<Measure, Refusal> {
    let number = |from: &Member<'_>, name: &str| from.get(name).map(|member| member.number()).transpose();
    let name = |name: &str| item.get(name).filter(|member| member.value() != "").map(|member| member.name()).transpose();
    let (mut lower, mut upper) = (number(item, "lower")?, number(item, "upper")?);
    if let Some(interval) = item.get("confidence_interval") {
        (lower, upper) = read_interval(&interval)?;
    }
    let threshold = item.get("threshold");
    let bound = |name: &str| threshold.as_ref().map_or_else(|| number(item, name), |threshold| number(threshold, name));
    Ok(Measure {
        name: item.need("name")?.name()?,
        value: item.need("value")?.number()?,
        unit: name("unit")?,
        slice: name("slice")?,
        dataset: name("dataset")?,
        dimension: item.get("dimension").map(|dimension| dimension.one_of(DIMENSIONS)).transpose()?.map(str::to_owned),
        higher_is_better: item.get("higher_is_better").map(|flag| flag.flag()).transpose()?,
        lower,
        upper,
        minimum: bound("minimum")?,
        maximum: bound("maximum")?,
    })
}

/// `{low, high}`, `{lower, upper}` or `[low, high]`.
fn read_interval(interval: &Member<'_>) -> Result<(Option<f64>, Option<f64>), Refusal> {
    if interval.value().is_array() {
        let [low, high] = &interval.items()?[..] else { return Err(interval.refused("a list of two numbers, or an object with `low` and `high`")) };
        return Ok((Some(low.number()?), Some(high.number()?)));
    }
    interval.object()?;
    let end = |names: &[&str]| interval.either(names).map(|member| member.number()).transpose();
    Ok((end(&["low", "lower"])?, end(&["high", "upper"])?))
}

#[cfg(test)]
mod tests;
