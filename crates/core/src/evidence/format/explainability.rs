//! Explainability reports: by which method, and whether they explain single answers or the model as a whole.
//!
//! Summary: `{method, scope?: global|local|both, sections, template?}`.

use serde_json::{Map, json};

use super::super::member::put;
use super::super::reading::Reading;
use super::written::Written;
use crate::refusal::Refusal;

/// JSON form.
pub const FORMAT: &str = "chancery.explainability/v1";

/// Reads a report.
///
/// # Errors
/// `invalid_field` that names the member.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let report = Written::parse(bytes, FORMAT)?;
    let whole = report.whole();
    let mut summary = Map::new();
    summary.insert("method".to_owned(), json!(whole.need("method")?.name()?));
    put(&mut summary, "scope", whole.get("scope").map(|scope| scope.one_of(&["global", "local", "both"])).transpose()?);
    report.reading(summary, report.claims()?)
}
