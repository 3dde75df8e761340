//! Model signatures in OMS bundles (EVD-1, standards.md c).

use serde_json::{Value, json};

use super::*;
use crate::signing::{ForeignSigningKey, SigningKey};
use crate::testing::check_style;

fn key(byte: u8) -> ForeignSigningKey {
    ForeignSigningKey::EcdsaP256(SigningKey::from_bytes(&[byte; 32]).unwrap())
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn statement() -> Value {
    let resource = |name: &str| json!({"name": name, "digest": digest(name).to_string(), "algorithm": "sha256"});
    json!({"_type": STATEMENT_TYPE, "predicateType": PREDICATE_TYPE, "subject": [{"name": "model", "digest": {"sha256": "0".repeat(64)}}],
        "predicate": {"resources": [resource("a.bin"), resource("b.json")], "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": ["model.sig"]}}})
}

fn bundle(statement: &Value, signer: &ForeignSigningKey, hint: &str) -> Vec<u8> {
    let envelope = Envelope::sign_foreign(IN_TOTO_PAYLOAD_TYPE, statement.to_string().as_bytes(), signer).unwrap();
    json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []}, "dsseEnvelope": envelope})
        .to_string()
        .into_bytes()
}

fn files(names: &[&str]) -> BTreeMap<String, Digest> {
    names.iter().map(|name| ((*name).to_owned(), digest(name))).collect()
}

#[test]
fn a_registered_key_that_signed_exactly_the_files_is_found() {
    let bytes = bundle(&statement(), &key(1), "");
    let known = [key(2).public_key(), key(1).public_key()];
    assert_eq!(read(&bytes).unwrap().summary, json!({"format": "oms", "verified": false}), "reading compares nothing");
    let both = files(&["a.bin", "b.json"]);
    assert_eq!(verify(&bytes, &known, &both).unwrap(), Some(key(1).public_key().key_id().unwrap()));
    assert_eq!(verify(&bytes, &known, &files(&["a.bin", "b.json", "model.sig", ".gitattributes"])).unwrap(), Some(key(1).public_key().key_id().unwrap()));
    assert_eq!(verify(&bytes, &known, &files(&["a.bin", "b.json", "more.bin"])).unwrap(), None, "a file is not signed");
    assert_eq!(verify(&bytes, &known[..1], &both).unwrap(), None, "the key is not registered");
    assert_eq!(verify(&bytes, &[], &both).unwrap(), None);
}

#[test]
fn a_signer_does_not_choose_what_is_left_out() {
    let both = files(&["a.bin", "b.json"]);
    for (pointer, value) in [
        ("/predicate/serialization/ignore_paths", json!(["a.bin"])),
        ("/predicate/serialization/allow_symlinks", json!(true)),
        ("/predicate/serialization/method", json!("shards")),
        ("/predicate/serialization/hash_type", json!("blake3")),
        ("/predicate/resources/0/algorithm", json!("blake3")),
    ] {
        let mut other = statement();
        *other.pointer_mut(pointer).unwrap() = value;
        assert_eq!(verify(&bundle(&other, &key(1), ""), &[key(1).public_key()], &both).unwrap(), None, "{pointer}");
    }
}

#[test]
fn other_files_forgeries_and_foreign_shapes_are_refused() {
    let refused = |bytes: &[u8], says: &str| {
        let refusal = verify(bytes, &[key(1).public_key()], &files(&["a.bin", "b.json"])).unwrap_err();
        assert!(refusal.to_string().contains(says), "{refusal} does not say {says}");
        check_style(&refusal);
    };
    let mut moved = statement();
    moved["predicate"]["resources"][0]["name"] = json!("c.bin");
    refused(&bundle(&moved, &key(1), ""), "`c.bin`");
    refused(&bundle(&statement(), &key(2), &key(1).public_key().pem_digest().unwrap()), "did not sign it");
    let mut twice = statement();
    twice["predicate"]["resources"][1]["name"] = json!("a.bin");
    refused(&bundle(&twice, &key(1), ""), "listed twice");
    let good = bundle(&statement(), &key(1), "");
    for (change, field) in [
        (json!({"mediaType": "x"}), "mediaType"),
        (json!({"verificationMaterial": "x"}), "verificationMaterial"),
        (json!({"dsseEnvelope": {}}), "dsseEnvelope"),
    ] {
        let mut document: Value = serde_json::from_slice(&good).unwrap();
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refusal = read(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
        check_style(&refusal);
    }
    let mut old = statement();
    old["predicateType"] = json!("https://model_signing/Digests/v0.1");
    check_style(&read(&bundle(&old, &key(1), "")).unwrap_err());
}
