//! Exploitability (EVD-1, standards.md e).

use serde_json::{Value, json};

use super::*;
use crate::testing::check_style;

fn document() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"timestamp": "2026-05-01T12:00:00Z", "authors": [{"name": "Product security"}], "properties": [{"name": "chancery:expires-at", "value": "2026-08-01T00:00:00Z"}]},
        "components": [{"type": "library", "bom-ref": "numpy", "name": "numpy", "version": "2.0.0", "purl": "pkg:pypi/numpy@2.0.0"}, {"type": "library", "bom-ref": "six", "name": "six", "version": "1"}],
        "vulnerabilities": [
            {"id": "CVE-2026-1", "analysis": {"state": "not_affected", "justification": "code_not_reachable"}, "affects": [{"ref": "numpy"}, {"ref": "six"}, {"ref": "pkg:pypi/x@1"}]},
            {"id": "CVE-2026-2", "analysis": {"state": "false_positive", "detail": "another package of that name"}, "affects": [{"ref": "six"}]},
            {"id": "CVE-2026-3", "analysis": {"state": "not_affected"}, "affects": [{"ref": "six"}]},
            {"id": "CVE-2026-4", "analysis": {"state": "exploitable", "justification": "code_not_reachable"}, "affects": [{"ref": "six"}]},
            {"id": "CVE-2026-5", "analysis": {"state": "not_affected", "justification": "code_not_present"}},
            {"id": "CVE-2026-6"},
        ],
    })
}

fn suppressed(document: &Value) -> Vec<String> {
    let summary = read(document.to_string().as_bytes()).unwrap().summary;
    let statements = summary["statements"].as_array().unwrap().iter();
    statements.filter(|one| one["suppresses"] == true).map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn only_reasoned_statements_of_somebody_suppress() {
    let summary = read(document().to_string().as_bytes()).unwrap().summary;
    assert_eq!((summary["author"].as_str(), summary["expires_at"].as_str()), (Some("Product security"), Some("2026-08-01T00:00:00.000000Z")));
    assert_eq!(summary["statements"].as_array().unwrap().len(), 5, "what was not analysed says nothing");
    assert_eq!(
        summary["statements"][0],
        json!({"id": "CVE-2026-1", "state": "not_affected", "justification": "code_not_reachable", "affects": ["pkg:pypi/numpy@2.0.0", "six@1", "pkg:pypi/x@1"], "suppresses": true})
    );
    assert_eq!(suppressed(&document()), ["CVE-2026-1", "CVE-2026-2"]);
    for member in ["authors", "timestamp"] {
        let mut anonymous = document();
        anonymous["metadata"].as_object_mut().unwrap().remove(member);
        assert_eq!(suppressed(&anonymous), Vec::<String>::new(), "without {member}");
    }
}

#[test]
fn what_is_no_vex_is_refused_by_name() {
    for (pointer, value, field) in [
        ("/bomFormat", json!("x"), "document"),
        ("/vulnerabilities", Value::Null, "document"),
        ("/vulnerabilities/0/analysis/state", json!("fine"), "vulnerabilities[0].analysis.state"),
        ("/vulnerabilities/0/id", json!(""), "vulnerabilities[0]"),
        ("/vulnerabilities/0/affects/0", json!({}), "vulnerabilities[0].affects[0]"),
        ("/metadata/timestamp", json!("x"), "metadata.timestamp"),
        ("/metadata/properties/0/value", json!("x"), "metadata.properties[0].value"),
    ] {
        let mut broken = document();
        *broken.pointer_mut(pointer).unwrap() = value;
        let refusal = read(broken.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{pointer}: {refusal}");
        check_style(&refusal);
    }
}
