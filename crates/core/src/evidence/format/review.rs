//! Reviews by people: of what kind, with which verdict, about which files, under which conditions.
//!
//! Summary: `{kind, verdict, date?, subjects:[file digests], conditions?:[{text, owner, due}], notes?, sections, template?}`. Who
//! reviewed, and in which role, is what the registry recorded with the document, never what the document says.

use serde_json::{Map, Value, json};

use super::super::member::{MAX_TEXT, Member, put};
use super::super::reading::{Claim, Reading};
use super::written::Written;
use crate::refusal::Refusal;

/// JSON form.
pub const FORMAT: &str = "chancery.review/v1";
/// What a review looks at.
pub const KINDS: &[&str] = &["peer", "stakeholder", "architecture", "security", "compliance", "legal", "ethical"];
/// What it comes to.
pub const VERDICTS: &[&str] = &["approve", "reject", "conditional"];

/// Reads a review.
///
/// # Errors
/// `invalid_field` that names the member.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let review = Written::parse(bytes, FORMAT)?;
    let whole = review.whole();
    let mut summary = Map::new();
    summary.insert("kind".to_owned(), json!(whole.need("kind")?.one_of(KINDS)?));
    let verdict = whole.need("verdict")?.one_of(VERDICTS)?;
    summary.insert("verdict".to_owned(), json!(verdict));
    put(&mut summary, "date", whole.get("date").map(|date| date.time()).transpose()?);
    let subjects = whole.get("subjects").map_or_else(|| Ok(Vec::new()), |subjects| subjects.items())?;
    let subjects = subjects.iter().map(Member::digest).collect::<Result<Vec<_>, _>>()?;
    summary.insert("subjects".to_owned(), json!(subjects.iter().map(ToString::to_string).collect::<Vec<_>>()));
    let conditions = whole.get("conditions").map_or_else(|| Ok(Vec::new()), |conditions| conditions.items())?;
    if verdict == "conditional" && conditions.is_empty() {
        return Err(Refusal::invalid("conditions", "a conditional verdict names its conditions").remedy("add `conditions` with text, owner and due"));
    }
    if !conditions.is_empty() {
        summary.insert("conditions".to_owned(), conditions.iter().map(condition).collect::<Result<Vec<_>, _>>()?.into());
    }
    put(&mut summary, "notes", whole.get("notes").map(|notes| notes.text(MAX_TEXT)).transpose()?);
    let mut claims = review.claims()?;
    claims.extend(subjects.into_iter().map(Claim::File));
    review.reading(summary, claims)
}

fn condition(item: &Member<'_>) -> Result<Value, Refusal> {
    Ok(json!({"text": item.need("text")?.text(MAX_TEXT)?, "owner": item.need("owner")?.name()?, "due": item.need("due")?.time()?}))
}
