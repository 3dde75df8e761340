//! The approver's own signature: his key, this promotion, this role, within five minutes, and nothing else (APR-4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::signing::ForeignSigningKey;
use chancery_core::signing::dsse::pre_authentication_encoding;
use serde_json::{Value, json};

use crate::key::{id, key, register};
use crate::support::app::both;
use crate::support::builders::Cast;
use crate::support::{Answer, Client, TestApp};

const IN_TOTO: &str = "application/vnd.in-toto+json";

/// An open promotion to production whose product approver has a key.
async fn scene(app: &TestApp) -> (Cast, String) {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    let id = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
    register(&cast.product, "product-owner", &key(1)).await;
    (cast, id)
}

/// A verdict as its body, with what the promotion shows now.
async fn body(client: &Client, promotion: &str, role: &str) -> Value {
    let shown = client.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200);
    json!({"role": role, "verdict": "approve", "evidence_set": shown["evidence_set"]})
}

/// What there is to sign.
async fn statement(client: &Client, promotion: &str, body: &Value) -> Value {
    client.post(&format!("/api/v1/promotions/{promotion}/approvals/statement"), body.clone()).await.expect(200)
}

fn signed(statement: &Value, signer: &ForeignSigningKey, named: &ForeignSigningKey) -> Value {
    let payload = BASE64_STANDARD.decode(statement["payload"].as_str().unwrap()).unwrap();
    let signature = signer.sign(&pre_authentication_encoding(IN_TOTO, &payload)).unwrap();
    json!({"payload": statement["payload"], "key_id": id(named), "signature": BASE64_STANDARD.encode(signature), "comment_salt": statement["comment_salt"]})
}

async fn approve(client: &Client, promotion: &str, mut body: Value, signed: Value) -> Answer {
    body["signed"] = signed;
    client.post(&format!("/api/v1/promotions/{promotion}/approvals"), body).await
}

both! {
    async fn an_approval_carries_both_signatures(app: &TestApp) {
        let (cast, promotion) = scene(app).await;
        let mut ask = body(&cast.product, &promotion, "product").await;
        ask["comment"] = json!("read and understood");
        ask["conditions"] = json!([{"text": "watch it", "owner": "risk", "due": "2026-07-01T00:00:00Z", "effect": "finding"}]);
        let size = app.size().await;
        let given = statement(&cast.product, &promotion, &ask).await;
        assert_eq!(app.size().await, size, "asking changes nothing");
        app.advance(200);
        let answer = approve(&cast.product, &promotion, ask, signed(&given, &key(1), &key(1))).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let entry = answer.json()["entries"][0].clone();
        assert_eq!((entry["kind"].as_str(), entry["data"]["signed_with"].as_str()), (Some("approval.recorded"), Some(id(&key(1)).as_str())));
        let shown = cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200);
        assert_eq!((shown["approvals"][0]["counts"].as_bool(), shown["approvals"][0]["comment"].as_str()), (Some(true), Some("read and understood")));
        // Whoever has not registered a key approves as before; and everything else goes on.
        cast.security.verdict(&promotion, "security", "approve").await.expect(200);
    }

    async fn hostile_signatures(app: &TestApp) {
        let (cast, promotion) = scene(app).await;
        register(&cast.security, "security-lead", &key(2)).await;
        register(&cast.product, "product-owner", &key(3)).await;
        cast.product.delete(&format!("/api/v1/users/product-owner/keys/{}", id(&key(3)))).await.expect(200);
        cast.scientist.model("other", "high").await;
        let other = cast.evaluated("other", b"other").await;
        let elsewhere = cast.scientist.promote(&other, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        let both = app.user("both", &["approver:product", "approver:platform"]).await;
        register(&both, "both", &key(4)).await;

        let ask = body(&cast.product, &promotion, "product").await;
        let given = statement(&cast.product, &promotion, &ask).await;
        let mut tampered = given.clone();
        let text = String::from_utf8(BASE64_STANDARD.decode(given["payload"].as_str().unwrap()).unwrap()).unwrap();
        tampered["payload"] = json!(BASE64_STANDARD.encode(text.replace("\"riskTier\":\"high\"", "\"riskTier\":\"minimal\"")));
        let for_elsewhere = statement(&cast.product, &elsewhere, &body(&cast.product, &elsewhere, "product").await).await;
        let of_security = statement(&cast.security, &promotion, &body(&cast.security, &promotion, "security").await).await;
        let of_both = statement(&both, &promotion, &body(&both, &promotion, "platform").await).await;
        let broken = |member: &str, value: Value| { let mut signed = signed(&given, &key(1), &key(1)); signed[member] = value; signed };
        for (why, who, role, with, expected) in [
            ("a forged signature", &cast.product, "product", signed(&given, &key(9), &key(1)), "403 access_denied signed.signature"),
            ("another's key", &cast.product, "product", signed(&given, &key(2), &key(2)), "403 separation_of_duties signed.key_id"),
            ("an unknown key", &cast.product, "product", signed(&given, &key(9), &key(9)), "403 access_denied signed.key_id"),
            ("a removed key", &cast.product, "product", signed(&given, &key(3), &key(3)), "403 access_denied signed.key_id"),
            ("another promotion", &cast.product, "product", signed(&for_elsewhere, &key(1), &key(1)), "403 access_denied signed.payload"),
            ("another person", &cast.product, "product", signed(&of_security, &key(1), &key(1)), "403 access_denied signed.payload"),
            ("another role", &both, "product", signed(&of_both, &key(4), &key(4)), "403 access_denied signed.payload"),
        ] {
            let ask = body(who, &promotion, role).await;
            let answer = approve(who, &promotion, ask, with).await;
            assert_eq!(answer.recorded_problem(), expected, "{why}");
        }
        for (why, with, expected) in [
            ("another text", signed(&tampered, &key(1), &key(1)), "412 precondition_failed signed.payload"),
            ("no statement", broken("payload", json!(BASE64_STANDARD.encode("{}"))), "422 invalid_field signed.payload"),
            ("no base64", broken("signature", json!("!")), "422 invalid_field signed.signature"),
            ("no salt", broken("comment_salt", json!("00")), "422 invalid_field signed.comment_salt"),
        ] {
            assert_eq!(approve(&cast.product, &promotion, ask.clone(), with).await.problem(), expected, "{why}");
        }
        let mut commented = ask.clone();
        commented["comment"] = json!("something that was not signed");
        assert_eq!(approve(&cast.product, &promotion, commented, signed(&given, &key(1), &key(1))).await.problem(), "412 precondition_failed signed.payload");
        let shown = cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200);
        assert_eq!(shown["approvals"], json!([]), "nothing was recorded as an approval");
        app.advance(301);
        assert_eq!(approve(&cast.product, &promotion, ask.clone(), signed(&given, &key(1), &key(1))).await.problem(), "412 precondition_failed signed.payload");
        let fresh = statement(&cast.product, &promotion, &ask).await;
        let good = signed(&fresh, &key(1), &key(1));
        assert_eq!(approve(&cast.product, &promotion, ask.clone(), good.clone()).await.status, 200);
        assert_eq!(approve(&cast.product, &promotion, ask, good).await.status, 409, "one verdict counts once");
    }
}
