//! Two versions side by side: what is different, and is it better?

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chancery_core::names::{State, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::tables::VersionRow;
use chancery_core::wording::counted;
use serde_json::Value;

use super::super::filters;
use super::super::frame::{Area, Frame};
use super::super::layout::page;
use super::super::session::{PageError, Path, Shown};
use super::parts::{beginning, model_name};
use crate::app::AppError;
use crate::app::view;
use crate::fault::Fault;
use crate::http::api::compare::comparison;
use crate::http::caller;

/// Most differences of one kind that a page shows, so that it keeps within its size; the JSON has all.
const MAX_ROWS: usize = 60;

#[derive(Template)]
#[template(path = "models-compare.html")]
struct Compare {
    frame: Frame,
    name: String,
    lede: String,
    old: Side,
    new: Side,
    metrics: Vec<MetricLine>,
    metrics_left: usize,
    facts: Vec<FactLine>,
    facts_left: usize,
    signature: Option<Signature>,
    bump: String,
    files: Vec<FileLine>,
    files_left: usize,
    same_files: u64,
    same_bytes: bool,
    hidden: bool,
}

/// One of the two versions.
struct Side {
    number: u64,
    semver: String,
    state: State,
}

struct MetricLine {
    name: String,
    slice: String,
    old: String,
    new: String,
    delta: String,
    /// Why the values cannot be compared, or that there are not two.
    no_delta: String,
    /// `better`, `worse`, or nothing when nobody said which way is better.
    verdict: &'static str,
}

struct FactLine {
    path: String,
    old: String,
    new: String,
    old_grade: String,
    new_grade: String,
}

struct Signature {
    change: String,
    reasons: Vec<(String, String)>,
}

struct FileLine {
    path: String,
    change: String,
    old: String,
    new: String,
}

/// `GET /models/{name}/compare?old=1&new=2`: the address of the comparison.
pub(in super::super) async fn choose(own: Shown<caller::Read>, Path(name): Path<String>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let number = |field: &str| own.visit.get(field).and_then(|text| text.trim().parse::<u64>().ok()).ok_or_else(|| missing(field));
    let path = format!("/models/{}/compare/{}...{}", crate::http::file::encode(name.as_str()), number("old")?, number("new")?);
    Ok(Redirect::to(&path).into_response())
}

fn missing(field: &str) -> Refusal {
    Refusal::invalid(field, "a comparison needs the numbers of two versions").remedy("open /models/NAME/compare/1...2")
}

/// `GET /models/{name}/compare/{pair}`.
pub(in super::super) async fn show(own: Shown<caller::Read>, Path((name, pair)): Path<(String, String)>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let (old, new) = numbers(&pair)?;
    let snapshot = own.allowed.read().await?;
    let shown = comparison(&snapshot, &name, old, new).await?;
    let (model, old_row) = view::version_named(&snapshot, &name, old).await?;
    let (_, new_row) = view::version_named(&snapshot, &name, new).await?;
    // Whole or in part: what the caller may not read is left out of it already.
    let value = serde_json::to_value(&shown).map_err(|error| AppError::from(Fault::database("write a comparison", error)))?;
    let said = (view::facts(&snapshot, &old_row).await?, view::facts(&snapshot, &new_row).await?);
    let path = format!("/models/{}", crate::http::file::encode(model.name.as_str()));
    let frame = own.frame(&snapshot, Area::Models, &format!("{old} and {new}")).await?.present_only();
    let frame = frame.under("/models", "Models").under(&path, model.name.as_str()).json(format!("/api/v1{path}/compare/{old}/{new}"));
    Ok(page(StatusCode::OK, &filled(frame, model.name.to_string(), (&old_row, &new_row), &value, &said)))
}

/// `1...2`.
fn numbers(pair: &str) -> Result<(VersionNumber, VersionNumber), Refusal> {
    let wrong = || Refusal::invalid("pair", "two versions are compared by their numbers, such as `1...2`");
    let (old, new) = pair.split_once("...").ok_or_else(wrong)?;
    let number = |text: &str| text.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(wrong);
    Ok((number(old)?, number(new)?))
}

fn filled(frame: Frame, name: String, (old, new): (&VersionRow, &VersionRow), value: &Value, said: &(Value, Value)) -> Compare {
    let directions = directions(&said.1);
    let list = |member: &str| value.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    let (facts, files) = (list("facts"), list("files"));
    let metrics: Vec<MetricLine> = list("metrics").iter().filter_map(|metric| metric_line(metric, &directions)).collect();
    let touched = files.iter().filter(|file| text(file, "change") != "removed").count() as u64;
    let bump = text(value, "suggested_bump");
    let side = |row: &VersionRow| Side { number: row.number.get(), semver: row.semver.clone(), state: row.state };
    Compare {
        lede: lede((old.number, new.number), &metrics, facts.len(), files.len(), &bump),
        old: side(old),
        new: side(new),
        metrics_left: metrics.len().saturating_sub(MAX_ROWS),
        facts_left: facts.len().saturating_sub(MAX_ROWS),
        files_left: files.len().saturating_sub(MAX_ROWS),
        hidden: facts.iter().chain(&files).any(|item| item.get("readable").is_some()),
        facts: facts.iter().filter(|fact| fact.get("path").is_some()).take(MAX_ROWS).map(|fact| fact_line(fact, said)).collect(),
        files: files.iter().filter(|file| file.get("path").is_some()).take(MAX_ROWS).map(file_line).collect(),
        signature: value.get("signature").filter(|signature| !signature.is_null()).map(signature),
        same_files: new.files.saturating_sub(touched),
        same_bytes: old.content_digest == new.content_digest,
        bump,
        metrics: metrics.into_iter().take(MAX_ROWS).collect(),
        name,
        frame,
    }
}

/// The answer in words.
fn lede((old, new): (VersionNumber, VersionNumber), metrics: &[MetricLine], facts: usize, files: usize, bump: &str) -> String {
    if facts == 0 && files == 0 && metrics.iter().all(|metric| metric.old == metric.new) {
        return format!("Version {new} says and holds the same as version {old}: nothing differs.");
    }
    let of = |verdict: &str| metrics.iter().filter(|metric| metric.verdict == verdict).count() as u64;
    let mut parts = vec![counted(facts as u64, "fact differs", "facts differ"), counted(files as u64, "file differs", "files differ")];
    if !metrics.is_empty() {
        parts.push(format!("{} better, {} worse", counted(of("better"), "metric is", "metrics are"), of("worse")));
    }
    format!("Version {new} beside version {old}: {}. For whoever calls it, it is a {bump} change.", parts.join(", "))
}

fn text(value: &Value, member: &str) -> String {
    match value.get(member) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// For each metric of the sealed facts whether higher is better, where they say it.
fn directions(facts: &Value) -> BTreeMap<String, bool> {
    let metrics = facts.get("metrics").and_then(Value::as_array).into_iter().flatten();
    metrics.filter_map(|metric| Some((metric.get("name")?.as_str()?.to_owned(), metric.get("higher_is_better")?.as_bool()?))).collect()
}

fn metric_line(metric: &Value, directions: &BTreeMap<String, bool>) -> Option<MetricLine> {
    let name = metric.get("name")?.as_str()?.to_owned();
    let (old, new) = (metric.get("old").and_then(Value::as_f64), metric.get("new").and_then(Value::as_f64));
    let difference = metric.get("difference").and_then(Value::as_f64).filter(|difference| *difference != 0.0);
    let verdict = match (difference, directions.get(&name)) {
        (Some(difference), Some(higher)) if (difference > 0.0) == *higher => "better",
        (Some(_), Some(_)) => "worse",
        (None, _) | (Some(_), None) => "",
    };
    let digits = [old, new].into_iter().flatten().map(digits).max().unwrap_or(0);
    let shown = |value: Option<f64>| value.map_or_else(|| "not reported".to_owned(), |value| format!("{value:.digits$}"));
    let sign = |value: f64| if value > 0.0 { format!("+{value:.digits$}") } else { format!("\u{2212}{:.digits$}", value.abs()) };
    Some(MetricLine {
        slice: beginning(&text(metric, "slice")),
        old: shown(old),
        new: shown(new),
        delta: difference.map(sign).unwrap_or_default(),
        no_delta: match (text(metric, "not_comparable"), old.zip(new)) {
            (why, _) if !why.is_empty() => beginning(&format!("not comparable: {why}")),
            (_, Some(_)) => "no change".to_owned(),
            (_, None) => "in one of them".to_owned(),
        },
        verdict,
        name: beginning(&name),
    })
}

/// Digits after the point that a value is written with, at most six.
fn digits(value: f64) -> usize {
    format!("{value}").split_once('.').map_or(0, |(_, digits)| digits.len().min(6))
}

/// How well a fact is known: what is said of it, or of what it is a part of.
fn grade(facts: &Value, path: &str) -> String {
    let grades = facts.get("grades").and_then(Value::as_object);
    let mut part = path;
    loop {
        if let Some(grade) = grades.and_then(|grades| grades.get(part)).and_then(Value::as_str) {
            return grade.to_owned();
        }
        match part.rsplit_once('.') {
            Some((whole, _)) => part = whole,
            None => return "claimed".to_owned(),
        }
    }
}

fn fact_line(fact: &Value, (old, new): &(Value, Value)) -> FactLine {
    let path = text(fact, "path");
    let known = |facts: &Value, member: &str| if fact.get(member).is_none_or(Value::is_null) { String::new() } else { grade(facts, &path) };
    let shown = |member: &str| match fact.get(member) {
        None | Some(Value::Null) => "not stated".to_owned(),
        Some(Value::String(text)) => beginning(text),
        Some(other) => beginning(&other.to_string()),
    };
    FactLine { old: shown("old"), new: shown("new"), old_grade: known(old, "old"), new_grade: known(new, "new"), path: beginning(&path) }
}

fn file_line(file: &Value) -> FileLine {
    FileLine { path: text(file, "path"), change: text(file, "change"), old: text(file, "old"), new: text(file, "new") }
}

fn signature(value: &Value) -> Signature {
    let reasons = value.get("reasons").and_then(Value::as_array).into_iter().flatten().take(MAX_ROWS);
    Signature { change: text(value, "change"), reasons: reasons.map(|reason| (text(reason, "change"), beginning(&text(reason, "text")))).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pair_is_two_numbers() {
        assert!(numbers("1...2").is_ok());
        for wrong in ["", "1", "1..2", "0...1", "a...b", "1...2...3"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_of_a_fact_is_known_as_well_as_the_whole() {
        let facts = json!({"grades": {"training": "read", "training.code": "attested"}});
        assert_eq!(["training.code.commit", "training.seed", "flavour"].map(|path| grade(&facts, path)), ["attested", "read", "claimed"]);
    }

    #[test]
    fn a_metric_is_better_by_its_own_direction() {
        let directions = directions(&json!({"metrics": [{"name": "auc", "higher_is_better": true}, {"name": "loss", "higher_is_better": false}]}));
        let line = |name: &str, old: f64, new: f64| {
            let line = metric_line(&json!({"name": name, "old": old, "new": new, "difference": new - old}), &directions).unwrap();
            (line.delta, line.verdict)
        };
        assert_eq!(line("auc", 0.5, 0.75), ("+0.25".to_owned(), "better"));
        assert_eq!(line("loss", 0.5, 0.75), ("+0.25".to_owned(), "worse"));
        assert_eq!(line("loss", 0.5, 0.25), ("\u{2212}0.25".to_owned(), "better"));
        assert_eq!(line("other", 1.0, 2.0), ("+1".to_owned(), ""));
        assert_eq!(line("auc", 0.5, 0.5), (String::new(), ""));
        let words = |metric: serde_json::Value| metric_line(&metric, &directions).unwrap().no_delta;
        assert_eq!(
            words(json!({"name": "auc", "old": 0.5, "new": 0.75, "not_comparable": "measured on `a` and `b`"})),
            "not comparable: measured on `a` and `b`"
        );
        assert_eq!(words(json!({"name": "auc", "old": null, "new": 0.75})), "in one of them");
    }
}
