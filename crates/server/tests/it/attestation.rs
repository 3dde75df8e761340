//! Attestations: what machines are told of a version that passed its gates, and what they are told when it is taken back (APR-4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::both;
use crate::support::builders::{Cast, Made};

/// The statement in an envelope.
fn statement(envelope: &[u8]) -> Value {
    let envelope: Value = serde_json::from_slice(envelope).unwrap();
    serde_json::from_slice(&BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

async fn listed(cast: &Cast, version: &Made) -> Vec<Value> {
    cast.auditor.get(&format!("{}/attestations", version.path)).await.expect(200)["items"].as_array().unwrap().clone()
}

/// What a client that asks for the list of revocations is told: digests with reasons.
async fn revoked(cast: &Cast) -> Vec<(String, String)> {
    let answer = cast.auditor.get("/api/v1/attestations/revocations").await;
    answer.expect(200);
    let list = statement(&answer.bytes);
    assert_eq!(list["predicateType"], "https://chancery.dev/attestation/revocation-list/v1");
    let text = |item: &Value, member: &str| item[member].as_str().unwrap().to_owned();
    list["predicate"]["revoked"].as_array().unwrap().iter().map(|item| (text(item, "attestationDigest"), text(item, "reason"))).collect()
}

async fn released(app: &TestApp) -> (Cast, Made) {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    cast.bring_to(&version, "production").await;
    (cast, version)
}

fn digest(item: &Value) -> String {
    item["digest"].as_str().unwrap().to_owned()
}

both! {
    async fn a_release_is_attested_for_its_environment_and_for_a_time(app: &TestApp) {
        let (cast, version) = released(app).await;
        let all = listed(&cast, &version).await;
        assert_eq!((all.len(), all[0]["target"].as_str(), all[0]["status"].as_str()), (1, Some("production"), Some("valid")));
        let answer = cast.auditor.get(&format!("/api/v1/attestations/{}", digest(&all[0]))).await;
        let said = statement(&answer.bytes);
        let shown = cast.auditor.get(&version.path).await.expect(200);
        assert_eq!(said["predicateType"], "https://slsa.dev/verification_summary/v1");
        assert_eq!(said["subject"][0]["digest"]["sha256"], shown["version_digest"]);
        assert_eq!(said["subject"][1]["digest"]["sha256"], shown["content_digest"]);
        let predicate = &said["predicate"];
        assert_eq!((predicate["verificationResult"].as_str(), predicate["verifiedLevels"].clone()), (Some("PASSED"), json!(["CHANCERY_APPROVED", "CHANCERY_PRODUCTION"])));
        assert!(predicate["resourceUri"].as_str().unwrap().ends_with("?environment=production"), "{predicate}");
        assert_eq!(predicate["timeVerified"], "2026-06-01T12:00:00.000000Z");
        // Two decisions, four approvals and every document: the statement names all that was read, or nothing.
        let evidence = cast.auditor.get(&format!("{}/evidence", version.path)).await.expect(200)["items"].as_array().unwrap().len();
        assert_eq!(predicate["inputAttestations"].as_array().unwrap().len(), 2 + 4 + evidence);
        assert!(predicate["policy"]["digest"]["sha256"].is_string() && predicate["expiresAt"].is_string());
        let candidate = cast.evaluated("loan", b"more").await;
        cast.bring_to(&candidate, "candidate").await;
        assert_eq!(listed(&cast, &candidate).await.len(), 0, "a candidate is nothing that machines deploy");
    }

    async fn nothing_is_attested_in_warn_mode(app: &TestApp) {
        app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "trial"})).await.expect(200);
        let (cast, version) = released(app).await;
        assert_eq!(listed(&cast, &version).await.len(), 0);
    }

    async fn somebody_revokes_with_a_reason(app: &TestApp) {
        let (cast, version) = released(app).await;
        let digest = digest(&listed(&cast, &version).await[0]);
        let path = format!("/api/v1/attestations/{digest}/revoke");
        let body = |reason: &str| json!({"reason": reason, "comment": "see SEC-7"});
        assert_eq!(cast.scientist.post(&path, body("vulnerable")).await.recorded_problem(), "403 access_denied");
        for (body, expected) in [
            (body("demoted"), "422 invalid_field reason"),
            (body("boredom"), "422 invalid_field reason"),
            (json!({"reason": "vulnerable", "comment": " "}), "422 invalid_field comment"),
            (json!({"reason": "vulnerable"}), "422 invalid_field body"),
        ] {
            assert_eq!(cast.owner.post(&path, body.clone()).await.problem(), expected, "{body}");
        }
        assert_eq!(revoked(&cast).await, []);
        assert_eq!(cast.owner.post(&path, body("vulnerable")).await.kinds(), ["attestation.revoked"]);
        assert_eq!(cast.owner.post(&path, body("vulnerable")).await.problem(), "409 already_exists digest");
        assert_eq!(cast.owner.post(&format!("/api/v1/attestations/{}/revoke", "0".repeat(64)), body("other")).await.problem(), "404 not_found");
        assert_eq!(revoked(&cast).await, [(digest.clone(), "vulnerable".to_owned())]);
        assert_eq!(listed(&cast, &version).await[0]["status"], "revoked");
        assert_eq!(cast.auditor.state(&version).await, "production", "the state of the version is another matter");
        assert_eq!(cast.auditor.get(&format!("/api/v1/attestations/{}", "0".repeat(64))).await.problem(), "404 not_found");
    }

    async fn a_version_that_falls_back_or_ends_loses_its_attestation(app: &TestApp) {
        let (cast, version) = released(app).await;
        let path = format!("{}/transitions", version.path);
        let mut known = vec![digest(&listed(&cast, &version).await[0])];
        let kinds = cast.owner.post(&path, json!({"to": "candidate", "reason": "a defect"})).await.kinds();
        assert_eq!(kinds, ["version.transitioned", "attestation.revoked"]);
        assert_eq!(revoked(&cast).await, [(known[0].clone(), "demoted".to_owned())]);
        // Let in again, it has an attestation of its own; the old one stays revoked.
        let id = cast.approved(&version, "production").await;
        cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
        let all = listed(&cast, &version).await;
        assert_eq!((all.len(), all[0]["status"].as_str(), all[1]["status"].as_str()), (2, Some("revoked"), Some("valid")));
        known.push(digest(&all[1]));
        assert_eq!(cast.owner.post(&path, json!({"to": "deprecated", "reason": "replaced"})).await.kinds(), ["version.transitioned"]);
        assert_eq!(listed(&cast, &version).await[1]["status"], "valid", "a deprecated version is used until its sunset");
        cast.owner.post(&path, json!({"to": "retired", "reason": "the end"})).await.expect(200);
        assert_eq!(revoked(&cast).await, [(known[0].clone(), "demoted".to_owned()), (known[1].clone(), "retired".to_owned())]);
    }

    async fn what_would_have_expired_leaves_the_list(app: &TestApp) {
        let (cast, version) = released(app).await;
        let token = app.admin.post("/api/v1/tokens", json!({"user": "model-auditor", "expires_in_days": 366})).await.expect(201)["secret"].as_str().unwrap().to_owned();
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "retired", "reason": "the end"})).await.expect(200);
        assert_eq!(revoked(&cast).await.len(), 1);
        app.advance(91 * 86_400);
        let answer = app.anonymous.with_token(&token).get("/api/v1/attestations/revocations").await;
        assert_eq!(statement(&answer.bytes)["predicate"]["revoked"], json!([]));
        assert_eq!(statement(&answer.bytes)["predicate"]["nextUpdate"], "2026-08-31T13:00:00.000000Z");
    }
}
