//! Second builds: whether building again gave the same bytes.
//!
//! Summary: `{content_digest, same, method?, builder?, date?, sections, template?}`; `content_digest` is that of the second build.

use serde_json::{Map, json};

use super::super::member::{MAX_TEXT, put};
use super::super::reading::{Claim, Reading};
use super::written::Written;
use crate::refusal::Refusal;

/// JSON form.
pub const FORMAT: &str = "chancery.reproducibility/v1";

/// Reads a report. One that says `same` must name the content of the version that it is attached to.
///
/// # Errors
/// `invalid_field` that names the member.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let report = Written::parse(bytes, FORMAT)?;
    let whole = report.whole();
    let digest = whole.need("content_digest")?.digest()?;
    let same = whole.need("same")?.flag()?;
    let mut summary = Map::new();
    summary.insert("content_digest".to_owned(), json!(digest.to_string()));
    summary.insert("same".to_owned(), json!(same));
    put(&mut summary, "method", whole.get("method").map(|method| method.text(MAX_TEXT)).transpose()?);
    put(&mut summary, "builder", whole.get("builder").map(|builder| builder.name()).transpose()?);
    put(&mut summary, "date", whole.get("date").map(|date| date.time()).transpose()?);
    let mut claims = report.claims()?;
    claims.extend(same.then_some(Claim::Content(digest)));
    report.reading(summary, claims)
}
