//! Signed evidence: what a pipeline vouches for is attested, forgeries are refused, and unknown signers are named as such (EVD-2).

use chancery_core::signing::{Envelope, ForeignSigningKey};
use serde_json::{Value, json};

use crate::key::{id, key, register};
use crate::support::app::both;
use crate::support::builders::{Made, evaluation};
use crate::support::{Answer, Client, TestApp};

const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A statement about a digest.
fn statement(kind: &str, digest: &str, predicate: Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "content", "digest": {"sha256": digest}}], "predicateType": kind, "predicate": predicate})
}

fn sign(statement: &Value, key: &ForeignSigningKey) -> Value {
    serde_json::to_value(Envelope::sign_foreign(IN_TOTO, statement.to_string().as_bytes(), key).unwrap()).unwrap()
}

/// A version, and a pipeline that may add evidence.
async fn scene(app: &TestApp) -> (Client, Made, String) {
    app.team("credit").await;
    let pipeline = app.actor("ci", "pipeline", &["contributor"]).await;
    pipeline.model("loan", "high").await;
    let version = pipeline.version("loan", b"bytes").await;
    let content = pipeline.get(&version.path).await.expect(200)["content_digest"].as_str().unwrap().to_owned();
    (pipeline, version, content)
}

/// The newest document of a version.
async fn newest(client: &Client, version: &Made) -> Value {
    client.get(&format!("{}/evidence", version.path)).await.expect(200)["items"].as_array().unwrap().last().unwrap().clone()
}

fn refusal(answer: &Answer) -> String {
    answer.problem()
}

both! {
    async fn a_registered_pipeline_attests_and_nobody_else(app: &TestApp) {
        let (pipeline, version, content) = scene(app).await;
        let person = app.user("person", &["contributor"]).await;
        register(&app.admin, "ci", &key(1)).await;
        register(&app.admin, "ci", &key(2)).await;
        register(&person, "person", &key(3)).await;
        app.actor("old-ci", "pipeline", &["contributor"]).await;
        register(&app.admin, "old-ci", &key(5)).await;
        app.admin.delete(&format!("/api/v1/users/ci/keys/{}", id(&key(2)))).await.expect(200);
        app.admin.delete("/api/v1/users/old-ci").await.expect(200);
        for (byte, grade, word) in [(1, "attested", "verified"), (2, "claimed", "removed key"), (3, "claimed", "key of no pipeline"), (4, "claimed", "unknown key"), (5, "claimed", "removed key")] {
            let predicate = json!({"note": byte});
            let envelope = sign(&statement("https://chancery.dev/evidence/other/v1", &content, predicate), &key(byte));
            pipeline.evidence(&version, "other", &envelope).await.expect(201);
            let shown = newest(&pipeline, &version).await;
            assert_eq!((shown["grade"].as_str(), shown["summary"]["signature"].as_str()), (Some(grade), Some(word)), "{byte}");
            let signers = if byte == 1 { json!([id(&key(1))]) } else { json!([]) };
            assert_eq!(shown.get("signed_by").cloned().unwrap_or_else(|| json!([])), signers);
        }
    }

    async fn provenance_and_bills_are_read_out_of_their_envelopes(app: &TestApp) {
        let (pipeline, version, content) = scene(app).await;
        register(&app.admin, "ci", &key(1)).await;
        let slsa = json!({"buildDefinition": {"buildType": "train", "resolvedDependencies": []}, "runDetails": {"builder": {"id": "https://ci.example.com"}}});
        let envelope = sign(&statement("https://slsa.dev/provenance/v1", &content, slsa), &key(1));
        pipeline.evidence(&version, "provenance", &envelope).await.expect(201);
        let shown = newest(&pipeline, &version).await;
        assert_eq!((shown["grade"].as_str(), shown["summary"]["bound"].as_bool(), shown["summary"]["builder"].as_str()), (Some("attested"), Some(true), Some("https://ci.example.com")));
        let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"timestamp": "2026-05-01T00:00:00Z"}, "components": []});
        pipeline.evidence(&version, "sbom", &bill).await.expect(201);
        assert_eq!(newest(&pipeline, &version).await["summary"]["bound"], false, "it says not what it is about");
        let envelope = sign(&statement("https://cyclonedx.org/bom", &content, bill), &key(1));
        pipeline.evidence(&version, "sbom", &envelope).await.expect(201);
        let shown = newest(&pipeline, &version).await;
        assert_eq!((shown["grade"].as_str(), shown["summary"]["bound"].as_bool()), (Some("attested"), Some(true)));
        let check = pipeline.get(&format!("{}/check?to=candidate", version.path)).await;
        assert_eq!(check.status, 200, "what was read is input of the gates");
    }

    async fn hostile_envelopes(app: &TestApp) {
        let (pipeline, version, content) = scene(app).await;
        register(&app.admin, "ci", &key(1)).await;
        let other_content = "0".repeat(64);
        let kind = "https://chancery.dev/evidence/evaluation/v1";
        let good = sign(&statement(kind, &content, evaluation(0.8, 0.9)), &key(1));
        let with = |member: &str, value: Value| { let mut changed = good.clone(); changed[member] = value; changed };
        let mut forged = sign(&statement(kind, &content, evaluation(0.99, 0.99)), &key(2));
        forged["signatures"][0]["keyid"] = json!(id(&key(1)));
        let better = sign(&statement(kind, &content, evaluation(0.99, 0.99)), &key(2));
        let elsewhere = sign(&statement(kind, &other_content, evaluation(0.8, 0.9)), &key(1));
        let mut nan = evaluation(0.8, 0.9);
        nan["metrics"] = json!("many");
        let malformed = sign(&statement(kind, &content, nan), &key(1));
        for (why, envelope, expected) in [
            ("a signature under somebody's name", forged, "422 invalid_field document"),
            ("the payload of another envelope", with("payload", better["payload"].clone()), "422 invalid_field document"),
            ("about another version", elsewhere, "422 digest_mismatch subject"),
            ("another type of document", sign(&statement("https://chancery.dev/evidence/review/v1", &content, json!({})), &key(1)), "422 invalid_field predicateType"),
            ("no signature", with("signatures", json!([])), "422 invalid_field document"),
            ("no statement", with("payloadType", json!("text/plain")), "422 invalid_field document"),
            ("a document that its reader refuses", malformed, "422 invalid_field metrics"),
        ] {
            assert_eq!(refusal(&pipeline.evidence(&version, "evaluation", &envelope).await), expected, "{why}");
        }
        pipeline.evidence(&version, "evaluation", &good).await.expect(201);
        // The same envelope under another version is about something else: nobody borrows evidence.
        let next = pipeline.version("loan", b"other bytes").await;
        assert_eq!(refusal(&pipeline.evidence(&next, "evaluation", &good).await), "422 digest_mismatch subject");
        assert_eq!(refusal(&pipeline.evidence(&version, "evaluation", &good).await), "409 already_exists document");
    }

    async fn the_command_line_signs_without_a_server(app: &TestApp) {
        let (pipeline, version, content) = scene(app).await;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("evaluation.json"), evaluation(0.81, 0.86).to_string()).unwrap();
        let openssl = |arguments: &[&str]| assert!(std::process::Command::new("openssl").args(arguments).status().unwrap().success());
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path("ec.pem")]);
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &path("ed.pem")]);
        let ssh = std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path("ssh")]).status().unwrap();
        assert!(ssh.success());
        for (name, public) in [("ec.pem", None), ("ed.pem", None), ("ssh", Some("ssh.pub"))] {
            let text = match public {
                Some(file) => std::fs::read_to_string(path(file)).unwrap(),
                None => {
                    openssl(&["pkey", "-in", &path(name), "-pubout", "-out", &path("public.pem")]);
                    std::fs::read_to_string(path("public.pem")).unwrap()
                }
            };
            app.admin.post("/api/v1/users/ci/keys", json!({"key": text})).await.expect(201);
            let subject = format!("content:{content}");
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_chancery"))
                .args(["evidence", "sign", &path("evaluation.json"), "--type", "evaluation", "--key", &path(name), "--subject", &subject, "-o", &path("signed.json")])
                .output()
                .unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            let envelope: Value = serde_json::from_slice(&std::fs::read(path("signed.json")).unwrap()).unwrap();
            pipeline.evidence(&version, "evaluation", &envelope).await.expect(201);
            assert_eq!(newest(&pipeline, &version).await["grade"], "attested", "{name}");
        }
    }

    async fn a_model_signature_is_compared_with_keys_and_files(app: &TestApp) {
        let (pipeline, version, _) = scene(app).await;
        register(&app.admin, "ci", &key(1)).await;
        let file = chancery_core::names::Digest::of(b"bytes").to_string();
        let bundle = |digest: &str, signer: &ForeignSigningKey| {
            let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://model_signing/signature/v1.0", "subject": [{"name": "m", "digest": {"sha256": "0".repeat(64)}}],
                "predicate": {"resources": [{"name": "data/model.bin", "digest": digest, "algorithm": "sha256"}], "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false}}});
            json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []}, "dsseEnvelope": sign(&statement, signer)})
        };
        for (signer, verified, grade) in [(key(1), true, "attested"), (key(2), false, "claimed")] {
            pipeline.evidence(&version, "signature", &bundle(&file, &signer)).await.expect(201);
            let shown = newest(&pipeline, &version).await;
            assert_eq!((shown["summary"]["verified"].as_bool(), shown["grade"].as_str()), (Some(verified), Some(grade)));
        }
        assert_eq!(refusal(&pipeline.evidence(&version, "signature", &bundle(&"0".repeat(64), &key(1))).await), "422 digest_mismatch document");
    }
}
