//! Programs that are not ours verify what the server signs, publishes and describes: openssl, securesystemslib, jsonschema,
//! openapi-spec-validator, and the transparency log packages of Go.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::both;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs a program; gives what it says. A program that is missing fails the test.
async fn said(command: Command) -> String {
    let output = tokio::process::Command::from(command).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The Python with the verifiers of `tests/requirements.txt`.
fn python(arguments: &[&str]) -> Command {
    let program = std::env::var("CHANCERY_TEST_PYTHON").unwrap_or_else(|_| project().join("target/venv/bin/python").to_str().unwrap().to_owned());
    let mut command = Command::new(program);
    command.arg(project().join("tests/third_party/verify.py")).args(arguments);
    command
}

/// A promotion into production; gives the envelopes of its decisions.
async fn decisions(app: &TestApp) -> Vec<Vec<u8>> {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    cast.bring_to(&version, "production").await;
    let worse = cast.evaluated("loan", b"other bytes").await;
    let id = cast.scientist.promote(&worse, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
    cast.security.verdict(&id, "security", "reject").await.expect(200);
    let mut envelopes = Vec::new();
    for version in [&version, &worse] {
        for decision in cast.auditor.get(&format!("{}/decisions", version.path)).await.expect(200).as_array().unwrap() {
            let answer = cast.auditor.get(&format!("/api/v1/decisions/{}", decision["digest"].as_str().unwrap())).await;
            answer.expect(200);
            envelopes.push(answer.bytes);
        }
    }
    envelopes
}

/// The first PEM block of the public keys, which signs decisions.
async fn decision_key(app: &TestApp) -> String {
    let answer = app.anonymous.get("/api/v1/keys").await;
    let text = String::from_utf8(answer.bytes).unwrap();
    let (start, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----");
    let from = text.find(start).unwrap();
    let to = text.find(end).unwrap() + end.len();
    format!("{}\n", text.get(from..to).unwrap())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

both! {
    async fn decisions_are_accepted_by_openssl(app: &TestApp) {
        let envelopes = decisions(app).await;
        let folder = tempfile::tempdir().unwrap();
        let key = write(folder.path(), "key.pem", decision_key(app).await.as_bytes());
        assert_eq!(envelopes.len(), 3, "approved, executed, rejected");
        for envelope in envelopes {
            let envelope: Value = serde_json::from_slice(&envelope).unwrap();
            let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
            let kind = envelope["payloadType"].as_str().unwrap();
            assert_eq!(kind, "application/vnd.in-toto+json");
            // The pre-authentication encoding of DSSE v1, written out here on purpose.
            let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
            signed.extend_from_slice(&payload);
            let signature = write(folder.path(), "signature", &STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap());
            let verify = |bytes: &[u8]| {
                let file = write(folder.path(), "signed", bytes);
                let mut command = Command::new("openssl");
                command.args(["dgst", "-sha256", "-verify", &key, "-signature", &signature, &file]);
                command
            };
            assert_eq!(said(verify(&signed)).await, "Verified OK");
            *signed.last_mut().unwrap() ^= 1;
            assert!(!tokio::process::Command::from(verify(&signed)).output().await.unwrap().status.success());
        }
    }

    async fn decisions_are_accepted_by_securesystemslib_and_fit_their_schema(app: &TestApp) {
        let folder = tempfile::tempdir().unwrap();
        let envelopes = decisions(app).await;
        let key = write(folder.path(), "key.pem", decision_key(app).await.as_bytes());
        let schema = project().join("docs/decision-v1.schema.json");
        let mut found = Vec::new();
        for envelope in envelopes {
            let file = write(folder.path(), "envelope.json", &envelope);
            found.push(said(python(&["decision", &file, &key, schema.to_str().unwrap()])).await);
        }
        assert_eq!(found, ["APPROVED", "EXECUTED", "REJECTED"]);
    }

    /// What pipelines sign with `evidence sign`, what machines are told, and what was revoked; P-256 and Ed25519.
    async fn statements_are_accepted_by_securesystemslib(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        cast.bring_to(&version, "production").await;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let registry = write(folder.path(), "registry.pem", decision_key(app).await.as_bytes());
        let listed = cast.auditor.get(&format!("{}/attestations", version.path)).await.expect(200);
        let attestation = cast.auditor.get(&format!("/api/v1/attestations/{}", listed["items"][0]["digest"].as_str().unwrap())).await.bytes;
        let revocations = cast.auditor.get("/api/v1/attestations/revocations").await.bytes;
        for (bytes, kind) in [(attestation, "https://slsa.dev/verification_summary/v1"), (revocations, "https://chancery.dev/attestation/revocation-list/v1")] {
            let file = write(folder.path(), "envelope.json", &bytes);
            assert_eq!(said(python(&["statement", &file, &registry])).await, kind);
        }
        let document = write(folder.path(), "plan.json", br#"{"note": "x"}"#);
        let subject = format!("content:{}", "a".repeat(64));
        for algorithm in [&["-algorithm", "ed25519"][..], &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]] {
            let openssl = |arguments: &[&str]| { let mut command = Command::new("openssl"); command.args(arguments); command };
            said(openssl(&[&["genpkey", "-out", &path("key.pem")], algorithm].concat())).await;
            said(openssl(&["pkey", "-in", &path("key.pem"), "-pubout", "-out", &path("public.pem")])).await;
            let mut sign = Command::new(env!("CARGO_BIN_EXE_chancery"));
            sign.args(["evidence", "sign", &document, "--type", "other", "--key", &path("key.pem"), "--subject", &subject]);
            let file = write(folder.path(), "signed.json", said(sign).await.as_bytes());
            assert_eq!(said(python(&["statement", &file, &path("public.pem")])).await, "https://chancery.dev/evidence/other/v1");
        }
    }

    async fn the_openapi_document_is_valid(app: &TestApp) {
        let folder = tempfile::tempdir().unwrap();
        let document = app.anonymous.get("/api/v1/openapi.json").await;
        let file = write(folder.path(), "openapi.json", &document.bytes);
        let paths = document.json()["paths"].as_object().unwrap().len();
        assert_eq!(said(python(&["openapi", &file])).await, paths.to_string());
    }

    async fn the_log_is_accepted_by_the_packages_of_go(app: &TestApp) {
        app.team("credit").await;
        let folder = tempfile::tempdir().unwrap();
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let mut earlier = Vec::new();
        // Over 256 entries, so that there are full tiles beside a partial one; a checkpoint now and then.
        for round in 0..5 {
            let client = &scientist;
            let writes = (0..70).map(|number| async move { client.put(&format!("/api/v1/models/loan/tags/{round}-{number}"), json!({"value": "x"})).await });
            for answer in futures_util::future::join_all(writes).await {
                answer.expect(200);
            }
            app.app.sign_checkpoint().await.unwrap();
            let checkpoint = app.anonymous.get("/log/checkpoint").await.bytes;
            earlier.push(write(folder.path(), &format!("checkpoint-{round}"), &checkpoint));
        }
        let key = write(folder.path(), "key", &app.anonymous.get("/log/key").await.bytes);
        let token = app.data.join("admin-token");
        let mut command = Command::new("go");
        command
            .args(["run", project().join("tests/third_party/tlog/main.go").to_str().unwrap(), &app.address, &key, token.to_str().unwrap()])
            .args(&earlier)
            .envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", ""), ("GOCACHE", project().join("target/go-cache").to_str().unwrap())]);
        let entries = app.size().await;
        assert!(entries > 350);
        let text = said(command).await;
        assert!(text.starts_with(&format!("{entries} entries included, 5 earlier checkpoints consistent, ")), "{text}");
    }
}
