//! CycloneDX JSON.

use std::collections::BTreeSet;

use super::Bill;
use crate::evidence::format::member::Member;
use crate::refusal::Refusal;

/// Versions of the standard that are read.
const VERSIONS: [&str; 4] = ["1.4", "1.5", "1.6", "1.7"];

pub(super) fn read<'a>(root: &Member<'a>) -> Result<Bill, Refusal> {
    if root.need_text("bomFormat")? != "CycloneDX" {
        return Err(root.need("bomFormat")?.refuse("it is not `CycloneDX`"));
    }
    let version = root.need_text("specVersion")?;
    if !VERSIONS.contains(&version) {
        return Err(root.need("specVersion")?.refuse("this version is not known").remedy("write CycloneDX 1.4, 1.5, 1.6 or 1.7"));
    }
    let metadata = root.need("metadata")?;
    let timestamp = metadata.need("timestamp")?.time()?;
    let mut found = Found::default();
    let mut bill = Bill {
        standard: "cyclonedx",
        spec_version: version.to_owned(),
        components: 0,
        timestamp,
        subjects: BTreeSet::new(),
        hashes: BTreeSet::new(),
        licences: BTreeSet::new(),
    };
    if let Some(subject) = metadata.get("component") {
        subject.need_text("name")?;
        found.add(&subject)?;
        bill.subjects = hashes(&subject)?;
        licences(&subject, &mut bill)?;
        for part in subject.list("components")? {
            component(&part, &mut bill, &mut found)?;
        }
    }
    for part in root.list("components")? {
        component(&part, &mut bill, &mut found)?;
    }
    for service in root.list("services")? {
        found.add(&service)?;
    }
    for vulnerability in root.list("vulnerabilities")? {
        found.add(&vulnerability)?;
    }
    references(root, &found)?;
    Ok(bill)
}

/// References that were given.
#[derive(Default)]
struct Found<'a>(BTreeSet<&'a str>);

impl<'a> Found<'a> {
    fn add(&mut self, part: &Member<'a>) -> Result<(), Refusal> {
        let Some(reference) = part.text_of("bom-ref")? else { return Ok(()) };
        if self.0.insert(reference) {
            return Ok(());
        }
        Err(part.need("bom-ref")?.refuse("this reference is given twice"))
    }
}

fn component<'a>(part: &Member<'a>, bill: &mut Bill, found: &mut Found<'a>) -> Result<(), Refusal> {
    bill.components += 1;
    let kind = part.need_text("type")?;
    part.need_text("name")?;
    found.add(part)?;
    let own = hashes(part)?;
    let is_known = part.text_of("version")?.is_some() || part.text_of("purl")?.is_some();
    let is_file = matches!(kind, "file" | "data" | "machine-learning-model") && !own.is_empty();
    if !is_known && !is_file {
        return Err(part
            .refuse("a component needs a `version` or a `purl`")
            .remedy("name the exact version that is in use; a file may have a SHA-256 instead"));
    }
    bill.hashes.extend(own);
    licences(part, bill)?;
    for inner in part.list("components")? {
        component(&inner, bill, found)?;
    }
    Ok(())
}

/// The SHA-256 hashes of a component.
fn hashes(part: &Member<'_>) -> Result<BTreeSet<crate::names::Digest>, Refusal> {
    let mut all = BTreeSet::new();
    for hash in part.list("hashes")? {
        if hash.need_text("alg")? == "SHA-256" {
            all.insert(hash.need("content")?.sha256()?);
        }
    }
    Ok(all)
}

fn licences(part: &Member<'_>, bill: &mut Bill) -> Result<(), Refusal> {
    for choice in part.list("licenses")? {
        let expression = choice.text_of("expression")?;
        let named = match choice.get("license") {
            Some(licence) => licence.text_of("id")?.or(licence.text_of("name")?),
            None => None,
        };
        bill.licences.extend(expression.or(named).map(str::to_owned));
    }
    Ok(())
}

/// Every reference of a dependency must be to something in the bill.
fn references(root: &Member<'_>, found: &Found<'_>) -> Result<(), Refusal> {
    let resolve = |member: &Member<'_>| {
        let reference = member.text()?;
        // A BOM-Link names something in another bill.
        if found.0.contains(reference) || reference.starts_with("urn:cdx:") { Ok(()) } else { Err(member.refuse("nothing in the bill has this reference")) }
    };
    for dependency in root.list("dependencies")? {
        resolve(&dependency.need("ref")?)?;
        for other in dependency.list("dependsOn")?.into_iter().chain(dependency.list("provides")?) {
            resolve(&other)?;
        }
    }
    Ok(())
}
