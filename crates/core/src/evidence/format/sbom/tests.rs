//! Bills of materials (EVD-1): what is read, and what is refused by name.

use serde_json::{Value, json};

use super::*;
use crate::refusal::Code;
use crate::testing::check_style;

fn cyclonedx() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", "version": 1,
        "metadata": {
            "timestamp": "2026-05-01T12:00:00+02:00",
            "component": {"type": "machine-learning-model", "bom-ref": "model", "name": "loan", "hashes": [
                {"alg": "SHA-1", "content": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}, {"alg": "SHA-256", "content": "A".repeat(64)}]},
        },
        "components": [
            {"type": "library", "bom-ref": "sklearn", "name": "scikit-learn", "version": "1.9.1", "purl": "pkg:pypi/scikit-learn@1.9.1",
                "licenses": [{"license": {"id": "BSD-3-Clause"}}], "components": [{"type": "library", "bom-ref": "inner", "name": "inner", "version": "1"}]},
            {"type": "library", "name": "numpy", "purl": "pkg:pypi/numpy@2.0.0", "licenses": [{"expression": "BSD-3-Clause AND MIT"}]},
            {"type": "file", "name": "model.bin", "hashes": [{"alg": "SHA-256", "content": "b".repeat(64)}]},
        ],
        "dependencies": [{"ref": "model", "dependsOn": ["sklearn", "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b80/1"]}, {"ref": "sklearn", "dependsOn": ["inner"]}],
    })
}

fn spdx() -> Value {
    json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "loan", "dataLicense": "CC0-1.0", "documentNamespace": "https://example.com/loan",
        "creationInfo": {"created": "2026-05-01T10:00:00Z", "creators": ["Tool: syft"]},
        "packages": [
            {"SPDXID": "SPDXRef-model", "name": "loan", "downloadLocation": "NOASSERTION", "checksums": [{"algorithm": "SHA256", "checksumValue": "a".repeat(64)}]},
            {"SPDXID": "SPDXRef-numpy", "name": "numpy", "versionInfo": "2.0.0", "downloadLocation": "NOASSERTION", "licenseConcluded": "NOASSERTION", "licenseDeclared": "BSD-3-Clause"},
            {"SPDXID": "SPDXRef-purl", "name": "six", "downloadLocation": "NOASSERTION", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/six@1.17"}]},
        ],
        "files": [{"SPDXID": "SPDXRef-file", "fileName": "./model.bin", "checksums": [{"algorithm": "SHA1", "checksumValue": "0"}, {"algorithm": "SHA256", "checksumValue": "b".repeat(64)}]}],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-model", "relationshipType": "DESCRIBES"},
            {"spdxElementId": "SPDXRef-model", "relatedSpdxElement": "SPDXRef-numpy", "relationshipType": "DEPENDS_ON"},
            {"spdxElementId": "SPDXRef-model", "relatedSpdxElement": "DocumentRef-other:SPDXRef-x", "relationshipType": "OTHER"},
        ],
    })
}

fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

fn without(mut document: Value, parent: &str, member: &str) -> Value {
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member).unwrap();
    document
}

#[test]
fn both_standards_give_the_same_summary() {
    let subjects = json!(["a".repeat(64), "b".repeat(64)]);
    for version in ["1.4", "1.5", "1.6", "1.7"] {
        let reading = read(with(cyclonedx(), "/specVersion", json!(version)).to_string().as_bytes()).unwrap();
        assert_eq!(
            reading.summary,
            json!({"standard": "cyclonedx", "spec_version": version, "components": 4, "subjects": subjects, "timestamp": "2026-05-01T10:00:00.000000Z",
                "licences": ["BSD-3-Clause", "BSD-3-Clause AND MIT"], "bound": false})
        );
        assert_eq!(reading.claims.len(), 2);
    }
    for version in ["SPDX-2.2", "SPDX-2.3"] {
        let reading = read(with(spdx(), "/spdxVersion", json!(version)).to_string().as_bytes()).unwrap();
        assert_eq!(
            reading.summary,
            json!({"standard": "spdx", "spec_version": version.trim_start_matches("SPDX-"), "components": 3, "subjects": subjects, "timestamp": "2026-05-01T10:00:00.000000Z",
                "licences": ["BSD-3-Clause"], "bound": false})
        );
    }
}

#[test]
fn what_cannot_be_relied_on_is_refused_by_name() {
    let good = cyclonedx();
    let twice = json!([{"type": "library", "bom-ref": "model", "name": "x", "version": "1"}]);
    let cases = [
        (json!({}), "document"),
        (json!([]), "document"),
        (json!({"bomFormat": "CycloneDX", "specVersion": "1.6"}), "document"),
        (with(good.clone(), "/bomFormat", json!("Cyclone")), "bomFormat"),
        (with(good.clone(), "/specVersion", json!("1.3")), "specVersion"),
        (with(good.clone(), "/specVersion", json!(1.6)), "specVersion"),
        (without(good.clone(), "/metadata", "timestamp"), "metadata"),
        (with(good.clone(), "/metadata/timestamp", json!("yesterday")), "metadata.timestamp"),
        (with(good.clone(), "/components", json!({})), "components"),
        (with(good.clone(), "/components", twice), "components[0].bom-ref"),
        (without(good.clone(), "/components/0/components/0", "version"), "components[0].components[0]"),
        (without(good.clone(), "/components/1", "name"), "components[1]"),
        (with(good.clone(), "/components/2/hashes", json!([])), "components[2]"),
        (with(good.clone(), "/components/2/hashes/0/content", json!("b")), "components[2].hashes[0].content"),
        (with(good.clone(), "/dependencies/0/ref", json!("nothing")), "dependencies[0].ref"),
        (with(good.clone(), "/dependencies/1/dependsOn", json!(["nothing"])), "dependencies[1].dependsOn[0]"),
        (with(good, "/components/0/name", json!("x".repeat(3000))), "components[0].name"),
        (with(spdx(), "/spdxVersion", json!("SPDX-3.0")), "spdxVersion"),
        (with(spdx(), "/SPDXID", json!("SPDXRef-other")), "SPDXID"),
        (without(spdx(), "", "documentNamespace"), "document"),
        (with(spdx(), "/creationInfo/creators", json!([])), "creationInfo"),
        (without(spdx(), "/packages/1", "versionInfo"), "packages[1]"),
        (with(spdx(), "/packages/1/SPDXID", json!("SPDXRef-model")), "packages[1].SPDXID"),
        (with(spdx(), "/relationships/1/relatedSpdxElement", json!("SPDXRef-nothing")), "relationships[1].relatedSpdxElement"),
        (with(spdx(), "/relationships/0/relatedSpdxElement", json!("SPDXRef-nothing")), "packages[0]"),
    ];
    for (document, field) in cases {
        let refusal = read(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
        assert!(matches!(refusal.code, Code::InvalidField | Code::TooLarge));
        check_style(&refusal);
    }
}

#[test]
fn a_large_bill_names_as_many_hashes_as_a_list_holds_and_claims_all() {
    let component = |number: usize| json!({"type": "file", "name": format!("f{number}"), "hashes": [{"alg": "SHA-256", "content": format!("{number:064x}")}]});
    let bill = with(cyclonedx(), "/components", (0..3000).map(component).collect());
    let bill = with(bill, "/dependencies", json!([]));
    let reading = read(bill.to_string().as_bytes()).unwrap();
    assert_eq!((reading.summary["subjects"].as_array().unwrap().len(), reading.claims.len()), (2000, 3001));
    assert_eq!(reading.summary["subjects"][0], "a".repeat(64), "what the bill is about comes first");
}
