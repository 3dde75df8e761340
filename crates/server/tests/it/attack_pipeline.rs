//! Attacks on pipelines and their tokens. Each test is named after the attack, and fails when the defence is removed.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::issuer::{self, GITHUB, sign, sign_with};
use crate::support::{Answer, TestApp};

async fn exchange(app: &TestApp, token: &str) -> Answer {
    app.anonymous.post("/api/v1/token-exchange", json!({"subject_token": token})).await
}

/// The claims of a good run, changed.
fn claims(app: &TestApp, changes: &[(&str, Value)]) -> Value {
    let mut claims = issuer::claims(app.clock().load(Ordering::SeqCst));
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    claims
}

async fn refused(app: &TestApp, why: &str, token: &str) {
    let before = app.size().await;
    let answer = exchange(app, token).await;
    assert_eq!(answer.status, 401, "{why}: {}", String::from_utf8_lossy(&answer.bytes));
    assert!(token.is_empty() || !String::from_utf8_lossy(&answer.bytes).contains(token), "{why}: the answer repeats the token");
    assert_eq!(app.size().await, before, "{why}: nobody who is unknown writes entries");
}

const HEADER: &str = r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#;
/// The byte of the issuer's key.
const KEY: u8 = 77;

both! {
    async fn a_copied_pipeline_token_is_of_no_use_for_long(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let token = sign(&claims(app, &[]));
        let made = exchange(app, &token).await.expect(200);
        let stolen = app.anonymous.with_token(made["access_token"].as_str().unwrap());
        stolen.get("/api/v1/whoami").await.expect(200);
        // The thief cannot make it last: no rotation, no token of his own.
        let id = made["token_id"].as_str().unwrap();
        assert_ne!(stolen.post("/api/v1/account/tokens", json!({})).await.status, 201);
        assert_ne!(stolen.post(&format!("/api/v1/account/tokens/{id}/rotate"), json!({})).await.status, 201);
        app.advance(15 * 60);
        assert_eq!(stolen.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
        // And one that is known to be stolen ends at once.
        let made = exchange(app, &sign(&claims(app, &[]))).await.expect(200);
        let stolen = app.anonymous.with_token(made["access_token"].as_str().unwrap());
        stolen.get("/api/v1/whoami").await.expect(200);
        app.admin.delete(&format!("/api/v1/tokens/{}", made["token_id"].as_str().unwrap())).await.expect(200);
        assert_eq!(stolen.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
    }

    async fn a_replayed_workload_token_is_refused(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let said = claims(app, &[]);
        let token = sign(&said);
        exchange(app, &token).await.expect(200);
        refused(app, "the same token", &token).await;
        // ECDSA lets anyone write another valid signature; and a header may be written in other words.
        refused(app, "the same claims under another header", &sign_with(KEY, r#"{"typ":"JWT","kid":"k1","alg":"ES256"}"#, &said.to_string())).await;
        let mut without = claims(app, &[("sha", json!("feed"))]);
        without.as_object_mut().unwrap().remove("jti");
        let token = sign(&without);
        exchange(app, &token).await.expect(200);
        refused(app, "the same token without jti", &token).await;
    }

    async fn of_many_exchanges_of_one_token_at_once_one_succeeds(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let token = sign(&claims(app, &[]));
        let all = futures_util::future::join_all((0..8).map(|_| exchange(app, &token))).await;
        assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    }

    async fn a_pull_request_branch_of_the_right_repository_is_not_the_pipeline(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        for (why, changes) in [
            ("the merge of a pull request", vec![("ref", json!("refs/pull/7/merge")), ("event_name", json!("pull_request"))]),
            ("another branch", vec![("ref", json!("refs/heads/evil"))]),
            ("a branch whose name begins alike", vec![("ref", json!("refs/heads/main-evil"))]),
            ("a tag", vec![("ref", json!("refs/tags/main"))]),
            // Such a run says the branch that the change is to go to, and may run what the change says.
            ("pull_request_target", vec![("event_name", json!("pull_request_target"))]),
            ("a comment on an issue", vec![("event_name", json!("issue_comment"))]),
            ("a fork", vec![("repository", json!("evil/loans"))]),
            ("letters that look alike", vec![("repository", json!("acme/lo\u{430}ns"))]),
            ("another case", vec![("repository", json!("Acme/Loans"))]),
        ] {
            refused(app, why, &sign(&claims(app, &changes))).await;
        }
        exchange(app, &sign(&claims(app, &[]))).await.expect(200);
    }

    async fn an_altered_workload_token_is_refused(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let good = claims(app, &[]).to_string();
        for (why, header) in [
            ("no algorithm", r#"{"alg":"none","kid":"k1"}"#),
            ("HMAC with the public key", r#"{"alg":"HS256","kid":"k1"}"#),
            ("an algorithm that is not configured", r#"{"alg":"RS256","kid":"k1"}"#),
            ("no kid among several keys", r#"{"alg":"ES256"}"#),
            ("the kid of another key", r#"{"alg":"ES256","kid":"k2"}"#),
            ("a kid that is a path", r#"{"alg":"ES256","kid":"../test-jwks.json"}"#),
            ("a kid that is SQL", r#"{"alg":"ES256","kid":"k1' OR '1'='1"}"#),
            ("a list of kids", r#"{"alg":"ES256","kid":["k1"]}"#),
            ("a critical extension", r#"{"alg":"ES256","kid":"k1","crit":["x"],"x":1}"#),
            ("an algorithm twice", r#"{"alg":"none","alg":"ES256","kid":"k1"}"#),
        ] {
            refused(app, why, &sign_with(KEY, header, &good)).await;
        }
        let own = format!(r#"{{"alg":"ES256","kid":"k1","jwk":{}}}"#, issuer::jwk(5, "k1"));
        refused(app, "a key of its own", &sign_with(5, &own, &good)).await;
        refused(app, "a key at an address of its own", &sign_with(5, r#"{"alg":"ES256","kid":"k1","jku":"http://127.0.0.1/keys"}"#, &good)).await;
        refused(app, "another key", &sign_with(5, HEADER, &good)).await;
        refused(app, "a claim twice", &sign_with(KEY, HEADER, &good.replacen('{', r#"{"repository":"evil/loans","#, 1))).await;
        let token = sign(&claims(app, &[]));
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        refused(app, "no signature", &unsigned).await;
        refused(app, "nothing", "").await;
        refused(app, "a giant", &"a".repeat(17 * 1024)).await;
    }

    async fn a_workload_token_of_somebody_else_or_of_another_time_is_refused(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let now = app.clock().load(Ordering::SeqCst) / 1_000_000;
        for (why, changes) in [
            ("a trailing slash", vec![("iss", json!(format!("{GITHUB}/")))]),
            ("another case", vec![("iss", json!(GITHUB.replace("token", "Token")))]),
            ("a letter that looks alike", vec![("iss", json!(GITHUB.replace('e', "\u{435}")))]),
            ("a suffix", vec![("iss", json!(format!("{GITHUB}.evil.example")))]),
            ("a list", vec![("iss", json!([GITHUB]))]),
            ("another configured issuer with the same key", vec![("iss", json!(issuer::GITLAB))]),
            ("another audience", vec![("aud", json!("https://other.example"))]),
            ("an audience that begins alike", vec![("aud", json!("chancery.evil.example"))]),
            ("nested audiences", vec![("aud", json!([["chancery"]]))]),
            ("no audience", vec![("aud", Value::Null)]),
            ("expired", vec![("exp", json!(now - 61))]),
            ("not yet valid", vec![("nbf", json!(now + 61))]),
            ("issued in the future", vec![("iat", json!(now + 61))]),
            ("valid for ever", vec![("exp", json!(now + 10_000_000))]),
            ("times that are text", vec![("exp", json!("9999999999"))]),
            ("a list of repositories", vec![("repository", json!(["acme/loans"]))]),
            ("nested repositories", vec![("repository", json!([["acme/loans"]]))]),
            ("a repository that is an object", vec![("repository", json!({"acme/loans": true}))]),
        ] {
            refused(app, why, &sign(&claims(app, &changes))).await;
        }
        exchange(app, &sign(&claims(app, &[]))).await.expect(200);
    }

    async fn the_pipeline_of_an_ended_access_gets_nothing(app: &TestApp) {
        let pipeline = app.pipeline("ci", &["deployer"]).await;
        pipeline.get("/api/v1/whoami").await.expect(200);
        app.admin.delete("/api/v1/users/ci").await.expect(200);
        assert_eq!(pipeline.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
        refused(app, "an actor whose access ended", &sign(&claims(app, &[]))).await;
    }
}
