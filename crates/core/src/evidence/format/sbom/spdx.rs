//! SPDX 2.2 and 2.3 JSON.

use std::collections::BTreeSet;

use super::Bill;
use crate::evidence::format::member::Member;
use crate::names::Digest;
use crate::refusal::Refusal;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";

pub(super) fn read(root: &Member<'_>) -> Result<Bill, Refusal> {
    let version = match root.need_text("spdxVersion")? {
        "SPDX-2.2" => "2.2",
        "SPDX-2.3" => "2.3",
        _ => return Err(root.need("spdxVersion")?.refuse("this version is not known").remedy("write SPDX 2.2 or 2.3")),
    };
    if root.need_text("SPDXID")? != DOCUMENT {
        return Err(root.need("SPDXID")?.refuse("the document is not called `SPDXRef-DOCUMENT`"));
    }
    for name in ["name", "dataLicense", "documentNamespace"] {
        root.need_text(name)?;
    }
    let creation = root.need("creationInfo")?;
    let timestamp = creation.need("created")?.time()?;
    if creation.list("creators")?.is_empty() {
        return Err(creation.refuse("member `creators` is missing or empty"));
    }
    let described = described(root)?;
    let mut bill = Bill {
        standard: "spdx",
        spec_version: version.to_owned(),
        components: 0,
        timestamp,
        subjects: BTreeSet::new(),
        hashes: BTreeSet::new(),
        licences: BTreeSet::new(),
    };
    let mut found = BTreeSet::from([DOCUMENT]);
    for package in root.list("packages")? {
        bill.components += 1;
        let id = add(&package, &mut found)?;
        package.need_text("name")?;
        let own = hashes(&package)?;
        if package.text_of("versionInfo")?.is_none() && !has_purl(&package)? && !described.contains(id) {
            return Err(package.refuse("a package needs `versionInfo` or a package URL").remedy("name the exact version that is in use"));
        }
        if described.contains(id) { &mut bill.subjects } else { &mut bill.hashes }.extend(own);
        licences(&package, &mut bill)?;
    }
    for file in root.list("files")? {
        let id = add(&file, &mut found)?;
        file.need_text("fileName")?;
        let own = hashes(&file)?;
        if described.contains(id) { &mut bill.subjects } else { &mut bill.hashes }.extend(own);
    }
    for snippet in root.list("snippets")? {
        add(&snippet, &mut found)?;
    }
    references(root, &described, &found)?;
    Ok(bill)
}

fn add<'a>(element: &Member<'a>, found: &mut BTreeSet<&'a str>) -> Result<&'a str, Refusal> {
    let id = element.need_text("SPDXID")?;
    if found.insert(id) { Ok(id) } else { Err(element.need("SPDXID")?.refuse("this identifier is given twice")) }
}

/// What the document is about.
fn described<'a>(root: &Member<'a>) -> Result<BTreeSet<&'a str>, Refusal> {
    let mut all = BTreeSet::new();
    for id in root.list("documentDescribes")? {
        all.insert(id.text()?);
    }
    for relation in root.list("relationships")? {
        if relation.need_text("relationshipType")? == "DESCRIBES" && relation.need_text("spdxElementId")? == DOCUMENT {
            all.insert(relation.need_text("relatedSpdxElement")?);
        }
    }
    Ok(all)
}

fn hashes(element: &Member<'_>) -> Result<BTreeSet<Digest>, Refusal> {
    let mut all = BTreeSet::new();
    for checksum in element.list("checksums")? {
        if checksum.need_text("algorithm")? == "SHA256" {
            all.insert(checksum.need("checksumValue")?.sha256()?);
        }
    }
    Ok(all)
}

fn has_purl(package: &Member<'_>) -> Result<bool, Refusal> {
    for reference in package.list("externalRefs")? {
        if reference.text_of("referenceType")? == Some("purl") && reference.text_of("referenceLocator")?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn licences(package: &Member<'_>, bill: &mut Bill) -> Result<(), Refusal> {
    let said = |text: Option<&str>| text.filter(|text| !matches!(*text, "NOASSERTION" | "NONE")).map(str::to_owned);
    let concluded = said(package.text_of("licenseConcluded")?);
    bill.licences.extend(match concluded {
        Some(licence) => Some(licence),
        None => said(package.text_of("licenseDeclared")?),
    });
    Ok(())
}

/// Every reference must be to something in the document, or say that it is elsewhere.
fn references(root: &Member<'_>, described: &BTreeSet<&str>, found: &BTreeSet<&str>) -> Result<(), Refusal> {
    let resolves = |id: &str| found.contains(id) || id.starts_with("DocumentRef-") || matches!(id, "NONE" | "NOASSERTION");
    if let Some(id) = described.iter().find(|id| !resolves(id)) {
        let shown: String = id.chars().filter(|letter| !letter.is_control() && *letter != '`').take(100).collect();
        return Err(root.refuse(&format!("it describes `{shown}`, which is not in it")));
    }
    for relation in root.list("relationships")? {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            let member = relation.need(end)?;
            if !resolves(member.text()?) {
                return Err(member.refuse("nothing in the document has this identifier"));
            }
        }
    }
    Ok(())
}
