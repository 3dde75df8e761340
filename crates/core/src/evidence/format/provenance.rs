//! Build provenance: in-toto statements with SLSA provenance v1 or v0.2 (standards.md b).
//!
//! Read plain here; a signed one comes in an envelope that is opened before (`evidence::signed`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::json;
use super::super::reading::{Claim, Reading};
use super::member::{Member, check_items, put};
use crate::names::Digest;
use crate::refusal::Refusal;
use crate::signing::statement::STATEMENT_TYPE;

/// `predicateType` of SLSA provenance v1.
pub const V1: &str = "https://slsa.dev/provenance/v1";
/// `predicateType` of SLSA provenance v0.2.
pub const V0_2: &str = "https://slsa.dev/provenance/v0.2";
/// The `_type` with which builders of v0.2 still write.
const OLD_STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v0.1";

/// Reads a statement.
///
/// # Errors
/// `invalid_field` that names the member; `too_large`.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let document = json::parse(bytes)?;
    let root = Member::document(&document)?;
    let subjects = subjects(&root)?;
    let predicate = root.need("predicate")?;
    predicate.object()?;
    let mut summary = Map::new();
    let format = match root.need_text("predicateType")? {
        V1 => v1(&predicate, &mut summary)?,
        V0_2 => v0_2(&predicate, &mut summary)?,
        _ => return Err(root.need("predicateType")?.refuse("this is no SLSA provenance").remedy("write `https://slsa.dev/provenance/v1`")),
    };
    put(&mut summary, "subjects", Some(subjects.iter().map(ToString::to_string).collect::<Vec<_>>()));
    put(&mut summary, "bound", Some(false));
    Ok(Reading { format, summary: Value::Object(summary), claims: subjects.into_iter().map(Claim::Any).collect() })
}

/// The SHA-256 digests that a statement is about; each subject has at least one digest, of whatever algorithm.
///
/// # Errors
/// `invalid_field` when this is no statement; `too_large`.
pub fn subjects(root: &Member<'_>) -> Result<BTreeSet<Digest>, Refusal> {
    let kind = root.need_text("_type")?;
    if kind != STATEMENT_TYPE && kind != OLD_STATEMENT_TYPE {
        return Err(root.need("_type")?.refuse("this is no in-toto statement").remedy("write `https://in-toto.io/Statement/v1`"));
    }
    let listed = root.need("subject")?.items()?;
    check_items("subjects", listed.len())?;
    if listed.is_empty() {
        return Err(root.need("subject")?.refuse("the statement is about nothing"));
    }
    let mut all = BTreeSet::new();
    for subject in listed {
        let digest = subject.need("digest")?;
        if digest.object()?.is_empty() {
            return Err(digest.refuse("a subject is named by a digest"));
        }
        if let Some(sha256) = digest.get("sha256") {
            all.insert(sha256.sha256()?);
        }
    }
    Ok(all)
}

fn v1(predicate: &Member<'_>, summary: &mut Map<String, Value>) -> Result<&'static str, Refusal> {
    let definition = predicate.need("buildDefinition")?;
    let details = predicate.need("runDetails")?;
    put(summary, "builder", Some(details.need("builder")?.need_text("id")?));
    put(summary, "build_type", Some(definition.need_text("buildType")?));
    let materials = definition.list("resolvedDependencies")?;
    put(summary, "materials", Some(materials.len()));
    for material in &materials {
        source(material, summary)?;
    }
    if let Some(metadata) = details.get("metadata") {
        put(summary, "run", metadata.text_of("invocationId")?);
    }
    Ok("slsa-provenance")
}

fn v0_2(predicate: &Member<'_>, summary: &mut Map<String, Value>) -> Result<&'static str, Refusal> {
    put(summary, "builder", Some(predicate.need("builder")?.need_text("id")?));
    put(summary, "build_type", Some(predicate.need_text("buildType")?));
    let materials = predicate.list("materials")?;
    put(summary, "materials", Some(materials.len()));
    if let Some(configuration) = predicate.get("invocation").and_then(|invocation| invocation.get("configSource")) {
        source(&configuration, summary)?;
    }
    for material in &materials {
        source(material, summary)?;
    }
    if let Some(metadata) = predicate.get("metadata") {
        put(summary, "run", metadata.text_of("buildInvocationID")?.or(metadata.text_of("buildInvocationId")?));
    }
    Ok("slsa-provenance")
}

/// The first material that is a Git commit is where the build came from.
fn source(material: &Member<'_>, summary: &mut Map<String, Value>) -> Result<(), Refusal> {
    let (Some(uri), Some(digest)) = (material.text_of("uri")?, material.get("digest")) else { return Ok(()) };
    let commit = digest.text_of("gitCommit")?.or(if uri.starts_with("git+") { digest.text_of("sha1")? } else { None });
    let Some(commit) = commit.filter(|_| !summary.contains_key("commit")) else { return Ok(()) };
    let address = uri.strip_prefix("git+").unwrap_or(uri);
    // What follows an `@` in the path names a branch or tag; one in front of the path belongs to the host.
    let path = address.find("://").map_or(0, |scheme| scheme + 3);
    let path = address.get(path..).and_then(|rest| rest.find('/')).map_or(address.len(), |slash| path + slash);
    let end = address.get(path..).and_then(|rest| rest.find('@')).map_or(address.len(), |at| path + at);
    put(summary, "commit", Some(commit));
    put(summary, "repository", address.get(..end));
    Ok(())
}

#[cfg(test)]
mod tests;
