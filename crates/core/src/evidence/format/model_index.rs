//! Hugging Face's `model-index`: in the front matter of a README.md, or as JSON.
//!
//! `model-index: [{name, results: [{task: {type}, dataset: {type, name, config, split, revision}, metrics: [{type, value, …}]}]}]`.

use serde_json::{Map, Value, json};

use super::super::markdown;
use super::super::member::{MAX_NAME, Member, put};
use super::super::reading::Reading;
use super::measures::{Measure, Measures};
use crate::refusal::Refusal;

/// Reads a README.md with a model-index in its front matter.
pub(super) fn read_card(bytes: &[u8]) -> Result<Reading, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::invalid("document", "the document is not UTF-8 text"))?;
    let front = Value::Object(markdown::parse(text)?.front);
    read(&Member::whole(&front))
}

/// Reads an object with the member `model-index`.
pub(super) fn read(whole: &Member<'_>) -> Result<Reading, Refusal> {
    let index = whole.need("model-index")?;
    let results = results(&index)?;
    let mut names: Vec<String> = Vec::new();
    let mut datasets: Vec<Value> = Vec::new();
    for result in &results {
        let found = dataset(result)?;
        names.push(found.get("name").and_then(Value::as_str).unwrap_or_default().to_owned());
        if !datasets.contains(&found) {
            datasets.push(found);
        }
    }
    let mut summary = Map::new();
    summary.insert("suite".to_owned(), json!({"name": "huggingface.model-index"}));
    let several = datasets.len() > 1;
    if let [only] = &datasets[..] {
        summary.insert("dataset".to_owned(), only.clone());
    }
    summary.insert("dimensions".to_owned(), json!([]));
    summary.insert("metrics".to_owned(), measures(&results, several.then_some(&names[..]))?.list()?);
    Ok(Reading { format: "huggingface.model-index", summary: Value::Object(summary), claims: Vec::new() })
}

/// The metrics of a card whose front matter has a model-index; for the summary of a model card.
pub(super) fn of_card(front: &Value) -> Result<Option<Value>, Refusal> {
    let whole = Member::whole(front);
    if whole.get("model-index").is_none() {
        return Ok(None);
    }
    let mut reading = read(&whole)?;
    Ok(reading.summary.get_mut("metrics").map(Value::take))
}

fn results<'a>(index: &Member<'a>) -> Result<Vec<Member<'a>>, Refusal> {
    let mut all = Vec::new();
    for model in index.items()? {
        all.extend(model.need("results")?.items()?);
    }
    Ok(all)
}

/// The dataset of a result: its name, with configuration and split, and its revision.
fn dataset(result: &Member<'_>) -> Result<Value, Refusal> {
    let dataset = result.need("dataset")?;
    let name = match dataset.either(&["name", "type"]) {
        Some(name) => name.name()?,
        None => dataset.need("type")?.name()?,
    };
    let parts = ["config", "split"].iter().filter_map(|part| dataset.get(part)).map(|part| part.word()).collect::<Result<Vec<_>, _>>()?;
    let full = std::iter::once(name).chain(parts).collect::<Vec<_>>().join("/");
    let mut members = Map::new();
    members.insert("name".to_owned(), json!(full));
    put(&mut members, "version", dataset.get("revision").map(|revision| revision.word()).transpose()?);
    Ok(Value::Object(members))
}

fn measures(results: &[Member<'_>], datasets: Option<&[String]>) -> Result<Measures, Refusal> {
    let mut measures = Measures::default();
    for (at, result) in results.iter().enumerate() {
        for metric in result.need("metrics")?.items()? {
            let measure = Measure {
                name: metric.need("type")?.name()?,
                value: value(&metric.need("value")?)?,
                slice: metric.get("config").map(|config| config.word()).transpose()?,
                dataset: datasets.and_then(|names| names.get(at)).cloned(),
                ..Measure::default()
            };
            measures.add(metric.path(), measure)?;
        }
    }
    Ok(measures)
}

/// A number, or a text that is one.
fn value(given: &Member<'_>) -> Result<f64, Refusal> {
    if !given.value().is_string() {
        return given.number();
    }
    let number = given.text(MAX_NAME)?.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| given.refused("a finite number"))
}
