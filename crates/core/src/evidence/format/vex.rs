//! Exploitability: CycloneDX VEX as JSON (standards.md e).
//!
//! A statement suppresses a vulnerability only when it says `not_affected` or `false_positive`, why, who says so, and when. A rule may ask
//! for more, such as that the document is signed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::json;
use super::super::reading::Reading;
use super::member::{Member, check_items, put};
use super::plain;
use crate::refusal::Refusal;

/// States of an analysis (CycloneDX `impactAnalysisState`).
const STATES: [&str; 6] = ["resolved", "resolved_with_pedigree", "exploitable", "in_triage", "false_positive", "not_affected"];
/// Property with the end of the document's validity (RFC 3339).
const EXPIRES_AT: &str = "chancery:expires-at";

/// Reads a VEX document.
///
/// # Errors
/// `invalid_field` that names the member; `too_large`.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let document = json::parse(bytes)?;
    let root = Member::document(&document)?;
    if root.text_of("bomFormat")? != Some("CycloneDX") {
        return Err(root.refuse("this is no CycloneDX document").remedy("send CycloneDX VEX as JSON"));
    }
    let metadata = root.get("metadata");
    let author = metadata.as_ref().map(author).transpose()?.flatten();
    let timestamp = match &metadata {
        Some(metadata) => metadata.time_of("timestamp")?,
        None => None,
    };
    let packages = packages(&root)?;
    let mut statements = Vec::new();
    for vulnerability in root.need("vulnerabilities")?.items()? {
        let Some(analysis) = vulnerability.get("analysis") else { continue };
        let statement = statement(&vulnerability, &analysis, &packages, author.is_some() && timestamp.is_some())?;
        statements.push(statement);
    }
    check_items("statements", statements.len())?;
    let mut summary = Map::new();
    put(&mut summary, "author", author);
    put(&mut summary, "timestamp", timestamp);
    put(&mut summary, "expires_at", metadata.as_ref().map(expires_at).transpose()?.flatten());
    put(&mut summary, "statements", Some(statements));
    Ok(Reading { format: "cyclonedx", summary: Value::Object(summary), claims: plain::claims(&document)? })
}

fn statement(vulnerability: &Member<'_>, analysis: &Member<'_>, packages: &BTreeMap<&str, String>, is_signed_off: bool) -> Result<Value, Refusal> {
    let state = analysis.need_text("state")?;
    if !STATES.contains(&state) {
        return Err(analysis.need("state")?.refuse("this state is not known").remedy(&format!("use one of: {}", STATES.join(", "))));
    }
    // CycloneDX has words for why something is not affected; why it is no finding at all can only be told in prose.
    let justification = match analysis.text_of("justification")? {
        Some(word) => Some(word),
        None => analysis.text_of("detail")?,
    };
    let mut affects = Vec::new();
    for target in vulnerability.list("affects")? {
        let reference = target.need_text("ref")?;
        affects.push(packages.get(reference).cloned().unwrap_or_else(|| reference.to_owned()));
    }
    check_items("affected packages", affects.len())?;
    let suppresses = matches!(state, "not_affected" | "false_positive") && justification.is_some() && is_signed_off && !affects.is_empty();
    let mut one = Map::new();
    put(&mut one, "id", Some(vulnerability.need_text("id")?));
    put(&mut one, "state", Some(state));
    put(&mut one, "justification", justification);
    put(&mut one, "affects", Some(affects));
    put(&mut one, "suppresses", Some(suppresses));
    Ok(Value::Object(one))
}

/// What a reference stands for: a package URL, or name@version.
fn packages<'a>(root: &Member<'a>) -> Result<BTreeMap<&'a str, String>, Refusal> {
    let mut all = BTreeMap::new();
    let mut open = root.list("components")?;
    while let Some(component) = open.pop() {
        if let Some(reference) = component.text_of("bom-ref")? {
            let name = component.need_text("name")?;
            let version = component.text_of("version")?;
            let plain = version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"));
            all.insert(reference, component.text_of("purl")?.map_or(plain, str::to_owned));
        }
        open.extend(component.list("components")?);
    }
    Ok(all)
}

/// Who says so: the first author, else the manufacturer or supplier.
fn author(metadata: &Member<'_>) -> Result<Option<String>, Refusal> {
    for person in metadata.list("authors")? {
        if let Some(name) = person.text_of("name")?.or(person.text_of("email")?) {
            return Ok(Some(name.to_owned()));
        }
    }
    for role in ["manufacturer", "supplier"] {
        if let Some(organisation) = metadata.get(role)
            && let Some(name) = organisation.text_of("name")?
        {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

fn expires_at(metadata: &Member<'_>) -> Result<Option<String>, Refusal> {
    for property in metadata.list("properties")? {
        if property.text_of("name")? == Some(EXPIRES_AT) {
            return property.time_of("value");
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
