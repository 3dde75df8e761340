//! Build provenance (EVD-1).

use serde_json::{Value, json};

use super::*;
use crate::testing::check_style;

fn v1_statement() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": V1,
        "subject": [{"name": "model.bin", "digest": {"sha256": "a".repeat(64)}}, {"name": "other", "digest": {"sha512": "b".repeat(128)}}],
        "predicate": {
            "buildDefinition": {"buildType": "https://example.com/train@v1", "externalParameters": {},
                "resolvedDependencies": [{"uri": "pkg:pypi/numpy@2"}, {"uri": "git+https://user@git.example.com/loans@refs/heads/main", "digest": {"gitCommit": "4185f5f1619853e486c07542e26b20c0600c6f7f"}}]},
            "runDetails": {"builder": {"id": "https://ci.example.com"}, "metadata": {"invocationId": "run-7"}},
        },
    })
}

fn v0_2_statement() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": V0_2, "subject": [{"name": "model.bin", "digest": {"sha256": "a".repeat(64)}}],
        "predicate": {"builder": {"id": "https://ci.example.com"}, "buildType": "train",
            "invocation": {"configSource": {"uri": "git+https://git.example.com/loans", "digest": {"sha1": "4185f5f1619853e486c07542e26b20c0600c6f7f"}}},
            "materials": [{"uri": "pkg:pypi/numpy@2", "digest": {"sha256": "0".repeat(64)}}], "metadata": {"buildInvocationID": "run-7"}},
    })
}

#[test]
fn both_versions_give_the_same_summary() {
    let common = json!({"builder": "https://ci.example.com", "subjects": ["a".repeat(64)], "commit": "4185f5f1619853e486c07542e26b20c0600c6f7f", "run": "run-7", "bound": false});
    for (document, format, build_type, materials, repository) in [
        (v1_statement(), "slsa-provenance", "https://example.com/train@v1", 2, "https://user@git.example.com/loans"),
        (v0_2_statement(), "slsa-provenance", "train", 1, "https://git.example.com/loans"),
    ] {
        let reading = read(document.to_string().as_bytes()).unwrap();
        let mut expected = common.clone();
        expected["build_type"] = json!(build_type);
        expected["materials"] = json!(materials);
        expected["repository"] = json!(repository);
        assert_eq!((reading.format, reading.summary), (format, expected));
        assert_eq!(reading.claims, [Claim::Any(Digest::parse(&"a".repeat(64)).unwrap())]);
    }
}

#[test]
fn what_is_no_provenance_is_refused_by_name() {
    for (pointer, value, field) in [
        ("/_type", json!("https://example.com"), "_type"),
        ("/predicateType", json!("https://example.com"), "predicateType"),
        ("/subject", json!([]), "subject"),
        ("/subject", json!("x"), "subject"),
        ("/subject/0/digest", json!({}), "subject[0].digest"),
        ("/subject/0/digest/sha256", json!("abc"), "subject[0].digest.sha256"),
        ("/predicate", json!("x"), "predicate"),
        ("/predicate/buildDefinition", Value::Null, "predicate"),
        ("/predicate/runDetails/builder/id", json!(""), "predicate.runDetails.builder"),
        ("/predicate/buildDefinition/resolvedDependencies", json!({}), "predicate.buildDefinition.resolvedDependencies"),
    ] {
        let mut document = v1_statement();
        *document.pointer_mut(pointer).unwrap() = value;
        let refusal = read(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{pointer}: {refusal}");
        check_style(&refusal);
    }
}
