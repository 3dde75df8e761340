//! Documents that carry a decision: each type with a good document in JSON and in Markdown, and every refusal by member.

use serde_json::{Value, json};

use crate::evidence::EvidenceType;
use crate::evidence::read::read;
use crate::evidence::reading::{Claim, Reading};
use crate::names::Digest;
use crate::refusal::Refusal;
use crate::testing::check_style;

fn of(evidence_type: EvidenceType, bytes: &[u8]) -> Result<Reading, Refusal> {
    Ok(read(evidence_type, bytes)?.unwrap())
}

/// A document in JSON and the same in Markdown give the same summary but for the sections; each broken member is named.
fn check(evidence_type: EvidenceType, document: &Value, markdown: &str, expected: &Value, broken: &[(&str, Value, &str)]) {
    let json = of(evidence_type, document.to_string().as_bytes()).unwrap();
    let text = of(evidence_type, markdown.as_bytes()).unwrap();
    for reading in [&json, &text] {
        let mut summary = reading.summary.clone();
        summary.as_object_mut().unwrap().remove("sections").unwrap();
        assert_eq!(summary, *expected, "{evidence_type} as {}", reading.format);
    }
    assert_eq!((json.format, text.format), (format!("chancery.{evidence_type}/v1").as_str(), "markdown"));
    for (name, value, field) in broken {
        let mut broken = document.clone();
        broken.as_object_mut().unwrap().insert((*name).to_owned(), value.clone());
        let refusal = of(evidence_type, broken.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(*field), "{evidence_type} with {name} {value}: {refusal}");
        check_style(&refusal);
    }
}

#[test]
fn explainability() {
    check(
        EvidenceType::Explainability,
        &json!({"method": "SHAP", "scope": "both", "sections": {"method": "Shapley values of every answer."}}),
        "---\nmethod: SHAP\nscope: both\n---\n# Report\n## Method\nShapley values of every answer.\n",
        &json!({"method": "SHAP", "scope": "both"}),
        &[("method", Value::Null, "method"), ("method", json!(["SHAP"]), "method"), ("scope", json!("some"), "scope")],
    );
}

#[test]
fn risk_assessments() {
    let risk = json!({"title": "bias", "severity": "high", "likelihood": "possible", "status": "mitigated", "mitigation": "reweighing"});
    let with = |name: &str, value: Value| {
        let mut risk = risk.clone();
        risk[name] = value;
        json!([risk])
    };
    check(
        EvidenceType::RiskAssessment,
        &json!({"tier": "high", "assessor": "ann", "date": "2026-05-03", "conclusion": "acceptable-with-mitigations", "risks": [risk], "template": "risk@3"}),
        "---\ntier: high\nassessor: ann\ndate: 2026-05-03\nconclusion: acceptable-with-mitigations\ntemplate: risk@3\nrisks:\n- {title: bias, severity: high, likelihood: possible, status: mitigated, mitigation: reweighing}\n---\n# Assessment\n",
        &json!({
            "tier": "high", "assessor": "ann", "date": "2026-05-03T00:00:00.000000Z", "conclusion": "acceptable-with-mitigations", "risks": [risk],
            "template": {"name": "risk", "version": 3},
        }),
        &[
            ("conclusion", Value::Null, "conclusion"),
            ("conclusion", json!("fine"), "conclusion"),
            ("tier", json!("huge"), "tier"),
            ("date", json!("May"), "date"),
            ("date", json!("2026-02-30"), "date"),
            ("risks", json!("none"), "risks"),
            ("risks", with("severity", json!("huge")), "risks[0].severity"),
            ("risks", with("status", Value::Null), "risks[0].status"),
            ("risks", with("likelihood", json!("never")), "risks[0].likelihood"),
            ("risks", with("title", json!("")), "risks[0].title"),
        ],
    );
}

#[test]
fn reviews() {
    let digest = Digest::of(b"model.pkl");
    let condition = json!({"text": "test again", "owner": "bob", "due": "2026-06-01T00:00:00.000000Z"});
    check(
        EvidenceType::Review,
        &json!({"kind": "security", "verdict": "conditional", "date": "2026-05-03", "subjects": [format!("sha256:{digest}")], "conditions": [condition], "notes": "read"}),
        &format!(
            "---\nkind: security\nverdict: conditional\ndate: 2026-05-03\nsubjects: [{digest}]\nconditions:\n- {{text: test again, owner: bob, due: 2026-06-01}}\nnotes: read\n---\nfine\n"
        ),
        &json!({
            "kind": "security", "verdict": "conditional", "date": "2026-05-03T00:00:00.000000Z", "subjects": [digest.to_string()],
            "conditions": [condition], "notes": "read",
        }),
        &[
            ("kind", json!("quick"), "kind"),
            ("verdict", Value::Null, "verdict"),
            ("verdict", json!("yes"), "verdict"),
            ("subjects", json!(["abc"]), "subjects[0]"),
            ("subjects", json!("abc"), "subjects"),
            ("conditions", json!([]), "conditions"),
            ("conditions", json!([{"text": "x", "owner": "y"}]), "conditions[0].due"),
        ],
    );
    let reading = of(EvidenceType::Review, json!({"kind": "peer", "verdict": "approve", "subjects": [digest.to_string()]}).to_string().as_bytes()).unwrap();
    assert_eq!(reading.claims, [Claim::File(digest)]);
}

#[test]
fn second_builds() {
    let digest = Digest::of(b"content");
    check(
        EvidenceType::Reproducibility,
        &json!({"content_digest": digest.to_string(), "same": true, "method": "bit by bit", "builder": "ci-2", "date": "2026-05-03T10:00:00+02:00"}),
        &format!("---\ncontent_digest: sha256:{digest}\nsame: true\nmethod: bit by bit\nbuilder: ci-2\ndate: 2026-05-03T08:00:00Z\n---\n"),
        &json!({"content_digest": digest.to_string(), "same": true, "method": "bit by bit", "builder": "ci-2", "date": "2026-05-03T08:00:00.000000Z"}),
        &[("content_digest", Value::Null, "content_digest"), ("same", Value::Null, "same"), ("same", json!("yes"), "same")],
    );
    for (same, claims) in [(true, vec![Claim::Content(digest)]), (false, vec![])] {
        let reading = of(EvidenceType::Reproducibility, json!({"content_digest": digest.to_string(), "same": same}).to_string().as_bytes()).unwrap();
        assert_eq!(reading.claims, claims, "same content is the content of the version; other content is not");
    }
}

#[test]
fn plans() {
    check(
        EvidenceType::Plan,
        &json!({"plan": "rollback", "steps": ["stop", "go back"], "monitors": [{"name": "drift", "kind": "grafana", "address": "https://x.example"}], "tested_at": "2026-05-03"}),
        "---\nplan: rollback\nmonitors:\n- {name: drift, kind: grafana, address: 'https://x.example'}\ntested_at: 2026-05-03\n---\n# Plan\n## Steps\n1. stop\n2. go back\n",
        &json!({
            "plan": "rollback", "steps": ["stop", "go back"], "monitors": [{"name": "drift", "kind": "grafana", "address": "https://x.example"}],
            "tested_at": "2026-05-03T00:00:00.000000Z",
        }),
        &[
            ("plan", json!("holiday"), "plan"),
            ("steps", Value::Null, "steps"),
            ("steps", json!([]), "steps"),
            ("steps", json!([7]), "steps[0]"),
            ("steps", json!(["x".repeat(10_001)]), "steps[0]"),
            ("steps", json!(vec!["x"; 2_001]), "steps"),
            ("monitors", json!([{}]), "monitors[0].name"),
            ("tested_at", json!(7), "tested_at"),
        ],
    );
}

#[test]
fn change_summaries() {
    let impact = |severity: &str, breaking: Value| json!({"affected": ["web shop"], "severity": severity, "breaking": breaking, "rollback": "go back to 3"});
    check(
        EvidenceType::ChangeSummary,
        &json!({"summary": "Retrained on newer data.", "changes": ["new data"], "impact": impact("low", json!(false)), "author": "ann"}),
        "---\nimpact: {affected: [web shop], severity: low, breaking: false, rollback: go back to 3}\nauthor: ann\n---\n# Change\n## Summary\nRetrained on newer data.\n## Changes\n- new data\n",
        &json!({"summary": "Retrained on newer data.", "changes": ["new data"], "impact": impact("low", json!(false)), "author": "ann"}),
        &[
            ("summary", Value::Null, "summary"),
            ("changes", json!([]), "changes"),
            ("impact", Value::Null, "impact"),
            ("impact", impact("huge", json!(false)), "impact.severity"),
            ("impact", impact("low", Value::Null), "impact.breaking"),
            ("impact", json!({"severity": "low", "breaking": false, "affected": 7}), "impact.affected"),
        ],
    );
}

#[test]
fn a_document_has_a_largest_size() {
    for evidence_type in EvidenceType::ALL {
        let Some(limit) = crate::evidence::read::limit(*evidence_type) else { continue };
        let refusal = crate::evidence::read::check_size(*evidence_type, limit + 1).unwrap_err();
        assert_eq!(refusal.code, crate::refusal::Code::TooLarge, "{evidence_type}");
        check_style(&refusal);
        assert!(crate::evidence::read::check_size(*evidence_type, limit).is_ok());
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of which documents are made, so that arbitrary texts get far into the readers.
    fn piece() -> impl Strategy<Value = String> {
        let fixed = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "---\n",
            "\n",
            "# ",
            "## Steps\n",
            "1. x\n",
            "<!--",
            "-->",
            "```\n",
            "====\n",
            "schema",
            "metrics",
            "\"results\"",
            "\"versions\"",
            "model-index",
            "chancery.evaluation/v1",
            "&a ",
            "*a",
            "null",
            "1e308",
            "-0",
            "\"columns\"",
            "\"data\"",
            "\u{feff}",
            "<",
            ">",
            "é",
            "\0",
        ];
        prop_oneof![proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned), any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// No bytes make a reader panic, and every refusal can be shown.
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), pieces in proptest::collection::vec(piece(), 0..40)) {
            for evidence_type in EvidenceType::ALL {
                for document in [bytes.as_slice(), pieces.concat().as_bytes()] {
                    if let Err(refusal) = read(*evidence_type, document) {
                        prop_assert!(!refusal.message.contains('\n'), "{}", refusal);
                    }
                }
            }
        }
    }
}
