//! Summaries of a change: what changed against the version before, what it touches, what it may break.
//!
//! Summary: `{summary, changes:[text], impact:{affected:[text], severity, breaking, rollback?}, author?, sections, template?}`.

use serde_json::{Map, Value, json};

use super::super::member::{MAX_TEXT, Member, put};
use super::super::reading::Reading;
use super::written::Written;
use crate::refusal::Refusal;

/// JSON form.
pub const FORMAT: &str = "chancery.change-summary/v1";
/// How much a change matters.
pub const SEVERITIES: &[&str] = &["none", "low", "medium", "high"];

/// Reads a summary. In Markdown, `summary` and `changes` may be sections of these headings.
///
/// # Errors
/// `invalid_field` that names the member.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let change = Written::parse(bytes, FORMAT)?;
    let whole = change.whole();
    let mut summary = Map::new();
    summary.insert("summary".to_owned(), json!(change.text("summary")?));
    let changes = change.list("changes")?;
    if changes.is_empty() {
        return Err(Refusal::invalid("changes", "a change is named"));
    }
    summary.insert("changes".to_owned(), json!(changes));
    summary.insert("impact".to_owned(), impact(&whole.need("impact")?)?);
    put(&mut summary, "author", whole.get("author").map(|author| author.name()).transpose()?);
    change.reading(summary, change.claims()?)
}

fn impact(given: &Member<'_>) -> Result<Value, Refusal> {
    let mut impact = Map::new();
    let affected = given.get("affected").map_or_else(|| Ok(Vec::new()), |affected| affected.texts(MAX_TEXT))?;
    impact.insert("affected".to_owned(), json!(affected));
    impact.insert("severity".to_owned(), json!(given.need("severity")?.one_of(SEVERITIES)?));
    impact.insert("breaking".to_owned(), json!(given.need("breaking")?.flag()?));
    put(&mut impact, "rollback", given.get("rollback").map(|rollback| rollback.text(MAX_TEXT)).transpose()?);
    Ok(Value::Object(impact))
}
