//! Signed documents: what a signature is worth, and what is refused (EVD-2).

use serde_json::json;

use super::*;
use crate::signing::{ForeignSigningKey, SigningKey};
use crate::testing::check_style;

fn key(byte: u8) -> ForeignSigningKey {
    ForeignSigningKey::EcdsaP256(SigningKey::from_bytes(&[byte; 32]).unwrap())
}

fn known(byte: u8, standing: Standing) -> KnownKey {
    let key = key(byte).public_key();
    KnownKey { id: key.key_id().unwrap(), key, standing }
}

fn about() -> About {
    About { version: Digest::of(b"version"), content: Digest::of(b"content"), files: vec![Digest::of(b"file")] }
}

fn statement(kind: &str, subject: &[u8], predicate: Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "x", "digest": {"sha256": Digest::of(subject).to_string()}}], "predicateType": kind, "predicate": predicate})
}

fn plan(subject: &[u8]) -> Value {
    statement("https://chancery.dev/evidence/other/v1", subject, json!({"note": "x"}))
}

fn sign(statement: &Value, byte: u8) -> Envelope {
    Envelope::sign_foreign(IN_TOTO_PAYLOAD_TYPE, statement.to_string().as_bytes(), &key(byte)).unwrap()
}

fn opened(envelope: &Envelope) -> Envelope {
    self::envelope(serde_json::to_string(envelope).unwrap().as_bytes()).unwrap().unwrap()
}

#[test]
fn a_pipelines_signature_attests_and_any_other_is_named() {
    let id = key(1).public_key().key_id().unwrap().to_string();
    for (registered, grade, word) in [
        (vec![known(1, Standing::Trusted)], Grade::Attested, "verified"),
        (vec![known(2, Standing::Trusted), known(1, Standing::Trusted)], Grade::Attested, "verified"),
        (vec![known(1, Standing::Ended)], Grade::Claimed, "removed key"),
        (vec![known(1, Standing::NoPipeline)], Grade::Claimed, "key of no pipeline"),
        (vec![known(2, Standing::Trusted)], Grade::Claimed, "unknown key"),
        (vec![], Grade::Claimed, "unknown key"),
    ] {
        let taken = take(EvidenceType::Other, &opened(&sign(&plan(b"content"), 1)), &registered, &about()).unwrap();
        assert_eq!((taken.grade, taken.reading.unwrap().summary), (grade, json!({"note": "x", "signature": word})));
        assert_eq!(taken.signed_by, if grade == Grade::Attested { vec![id.clone()] } else { vec![] });
    }
    // Other programs name keys by other ids: then trusted keys are tried.
    let payload = plan(b"file").to_string();
    let unnamed = Envelope::sign_foreign(IN_TOTO_PAYLOAD_TYPE, payload.as_bytes(), &key(3)).unwrap();
    let renamed: Envelope =
        serde_json::from_str(&serde_json::to_string(&unnamed).unwrap().replace(&key(3).public_key().key_id().unwrap().to_string(), "ci-key")).unwrap();
    let taken = take(EvidenceType::Other, &renamed, &[known(2, Standing::Trusted), known(3, Standing::Trusted)], &about()).unwrap();
    assert_eq!(taken.grade, Grade::Attested);
}

#[test]
fn forgeries_and_statements_about_something_else_are_refused() {
    let forged: Envelope = serde_json::from_value({
        let mut envelope = serde_json::to_value(sign(&plan(b"content"), 2)).unwrap();
        envelope["signatures"][0]["keyid"] = json!(known(1, Standing::Trusted).id.to_string());
        envelope
    })
    .unwrap();
    let changed: Envelope = serde_json::from_value({
        let mut envelope = serde_json::to_value(sign(&plan(b"content"), 1)).unwrap();
        envelope["payload"] = serde_json::to_value(sign(&plan(b"version"), 1)).unwrap()["payload"].clone();
        envelope
    })
    .unwrap();
    let by = |statement: Value| sign(&statement, 1);
    let bom = "https://cyclonedx.org/bom";
    for (evidence_type, envelope, field, says) in [
        (EvidenceType::Other, forged, "document", "not that of the key"),
        (EvidenceType::Other, changed, "document", "not that of the key"),
        (EvidenceType::Other, by(plan(b"elsewhere")), "subject", "names no digest"),
        (EvidenceType::Other, by(statement("https://example.com", b"content", json!({}))), "predicateType", "type other"),
        (EvidenceType::Evaluation, by(statement(bom, b"content", json!({}))), "predicateType", "type evaluation"),
        (EvidenceType::Sbom, by(statement(bom, b"content", json!({"bomFormat": "CycloneDX"}))), "document", "specVersion"),
        (EvidenceType::Other, by(json!({"x": 1})), "document", "_type"),
        (EvidenceType::Provenance, by(plan(b"content")), "predicateType", "no SLSA provenance"),
    ] {
        let refusal = take(evidence_type, &envelope, &[known(1, Standing::Trusted)], &about()).unwrap_err();
        assert!(refusal.to_string().contains(says), "{refusal} does not say {says}");
        assert_eq!(refusal.field.as_deref(), Some(field));
        check_style(&refusal);
    }
}

#[test]
fn a_signed_bill_is_bound_by_the_statement_and_text_is_carried_too() {
    let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"timestamp": "2026-05-01T00:00:00Z"}, "components": []});
    let taken = take(EvidenceType::Sbom, &sign(&statement("https://cyclonedx.org/bom", b"content", bill), 1), &[], &about()).unwrap();
    assert_eq!(taken.reading.unwrap().bind(&about()).unwrap().summary["bound"], true);
    let scan = "----------- SCAN SUMMARY -----------\nScanned files: 1\nInfected files: 0\nDangerous globals: 0\n";
    let text = statement("https://chancery.dev/evidence/artifact-scan/v1", b"content", json!({"text": scan}));
    let taken = take(EvidenceType::ArtifactScan, &sign(&text, 1), &[], &about()).unwrap();
    assert_eq!(taken.reading.unwrap().summary["verdict"], "clean");
    let taken = take(EvidenceType::Signature, &sign(&plan(b"content"), 1), &[known(1, Standing::Trusted)], &about()).unwrap();
    let id = known(1, Standing::Trusted).id.to_string();
    assert_eq!(taken.reading.unwrap().summary, json!({"format": "dsse", "key_id": id, "verified": true, "signature": "verified"}));
}

#[test]
fn an_envelope_is_recognised_and_a_broken_one_refused() {
    for plain in ["", "x", "{}", r#"{"payloadType": 1}"#, r#"["payloadType"]"#, r##"# A card about "payloadType""##] {
        assert_eq!(envelope(plain.as_bytes()).unwrap(), None, "{plain}");
    }
    let good = serde_json::to_value(sign(&plan(b"content"), 1)).unwrap();
    let with = |member: &str, value: Value| {
        let mut broken = good.clone();
        broken[member] = value;
        broken.to_string()
    };
    for broken in [
        with("payload", json!("!")),
        with("signatures", json!([])),
        with("signatures", json!("x")),
        with("payloadType", json!("text/plain")),
        with("signatures", json!(vec![good["signatures"][0].clone(); 9])),
    ] {
        check_style(&envelope(broken.as_bytes()).unwrap_err());
    }
}
