//! Pipelines that log in with the tokens of their runs: three shapes, what is recorded of a run, and what only such a pipeline may do.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::issuer::{self, AUDIENCE, GITHUB, GITLAB, KUBERNETES, sign};
use crate::support::{Answer, Client, TestApp};

/// A pipeline with one identity.
async fn pipeline(app: &TestApp, name: &str, issuer: &str, rules: &Value) {
    app.admin.post("/api/v1/users", json!({"name": name, "kind": "pipeline", "roles": ["deployer"]})).await.expect(201);
    app.admin.post(&format!("/api/v1/users/{name}/identities"), json!({"issuer": issuer, "rules": rules})).await.expect(201);
}

async fn exchange(app: &TestApp, token: &str) -> Answer {
    app.anonymous.post("/api/v1/token-exchange", json!({"subject_token": token})).await
}

fn rule(claim: &str, value: &str) -> Value {
    json!({"claim": claim, "match": "exact", "value": value})
}

/// Claims with what every token has.
fn said(issuer: &str, subject: &str, more: &Value) -> Value {
    let start = 1_780_315_200;
    let mut claims =
        json!({"iss": issuer, "aud": AUDIENCE, "sub": subject, "iat": start, "nbf": start, "exp": start + 300, "jti": format!("{issuer}{subject}")});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// The facts of the newest run, as the list of promotions shows them.
async fn opened_by(auditor: &Client) -> Value {
    auditor.get("/api/v1/promotions").await.expect(200)["items"][0]["opened_by_run"].clone()
}

both! {
    /// The three shapes of docs/pipelines.md.
    async fn github_gitlab_and_kubernetes_log_in(app: &TestApp) {
        pipeline(app, "github", GITHUB, &json!([rule("repository", "acme/loans"), rule("environment", "production")])).await;
        pipeline(app, "gitlab", GITLAB, &json!([rule("project_path", "acme/loans"), rule("ref_path", "refs/heads/main")])).await;
        let uid = "/kubernetes.io/serviceaccount/uid";
        pipeline(app, "cluster", KUBERNETES, &json!([rule("sub", "system:serviceaccount:ci:release"), rule(uid, "7a6f")])).await;
        let github = json!({"repository": "acme/loans", "environment": "production", "event_name": "workflow_dispatch", "run_id": "88", "sha": "4185",
            "server_url": "https://github.com", "workflow_ref": "acme/loans/.github/workflows/release.yml@refs/heads/main", "actor": "sam"});
        let gitlab = json!({"project_path": "acme/loans", "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "pipeline_source": "push", "job_id": "9",
            "sha": "4185", "user_login": "sam", "ci_config_ref_uri": "gitlab.example/acme/loans//.gitlab-ci.yml@refs/heads/main"});
        let cluster = json!({"aud": [AUDIENCE], "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "release", "uid": "7a6f"}, "pod": {"name": "run-1", "uid": "8"}}});
        for (name, claims) in [
            ("github", said(GITHUB, "repo:acme/loans:environment:production", &github)),
            ("gitlab", said(GITLAB, "project_path:acme/loans:ref_type:branch:ref:main", &gitlab)),
            ("cluster", said(KUBERNETES, "system:serviceaccount:ci:release", &cluster)),
        ] {
            let answer = exchange(app, &sign(&claims)).await;
            assert_eq!((answer.status, answer.kinds()), (200, vec!["token.issued".to_owned()]), "{name}");
            let answer = answer.json();
            assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
            let run = app.anonymous.with_token(answer["access_token"].as_str().unwrap());
            assert_eq!(run.get("/api/v1/whoami").await.expect(200)["name"], name);
            let entry = app.admin.get(&format!("/api/v1/ledger/entries/{}", answer["index"])).await.expect(200).to_string();
            assert!(!entry.contains("sam") && !entry.contains("acme"), "an entry knows ids only: {entry}");
        }
    }

    async fn the_form_of_rfc_8693_is_taken(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let token = sign(&issuer::claims(app.clock().load(std::sync::atomic::Ordering::SeqCst)));
        let send = async |body: String| {
            let kind = "application/x-www-form-urlencoded";
            app.anonymous.call("POST", "/api/v1/token-exchange").header("Content-Type", kind).bytes(body).send().await
        };
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";
        let kind = "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt";
        for (body, expected) in [
            (format!("grant_type=password&subject_token={token}"), "422 invalid_field grant_type"),
            (format!("{grant}&subject_token_type=x&subject_token={token}"), "422 invalid_field subject_token_type"),
            (format!("{grant}&{kind}&subject_token={token}&subject_token={token}"), "422 invalid_field body"),
            (format!("{grant}&{kind}&subject_token={token}&scope=all"), "422 invalid_field body"),
            (grant.to_owned(), "422 invalid_field body"),
        ] {
            assert_eq!(send(body).await.problem(), expected);
        }
        assert_eq!(send(format!("{grant}&{kind}&subject_token={token}")).await.status, 200);
    }

    async fn who_the_run_was_is_in_promotions_decisions_and_entries(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let id = cast.approved(&version, "production").await;
        let made = cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await;
        made.expect(200);
        let shown = cast.auditor.get(&format!("/api/v1/promotions/{id}")).await.expect(200);
        let run = &shown["executed_by_run"];
        assert_eq!(run["run_url"], "https://github.com/acme/loans/actions/runs/88");
        assert_eq!((&run["commit"], &run["started_by"]), (&json!("4185f5f1619853e486c07542e26b20c0600c6f7f"), &json!("sam")));
        assert_eq!((&run["issuer"], &shown["opened_by_run"]), (&json!(GITHUB), &Value::Null), "a person opened it");
        let index = made.json()["index"].clone();
        let entry = cast.auditor.get(&format!("/api/v1/ledger/entries/{index}")).await.expect(200);
        assert_eq!(entry["run"], run["token"], "{entry}");
        let issued = cast.auditor.get(&format!("/api/v1/ledger/entries?subject=token/{}", run["token"].as_str().unwrap())).await;
        assert!(issued.status != 200 || issued.json().to_string().contains(run["identity"].as_str().unwrap()));
        let decision = cast.auditor.get(&format!("/api/v1/decisions/{}", shown["decision"]["digest"].as_str().unwrap())).await;
        let text = String::from_utf8_lossy(&decision.bytes).into_owned();
        assert_eq!(decision.status, 200, "{text}");
        // A pipeline that opens a promotion is known by its run as well.
        let second = cast.evaluated("loan", b"other").await;
        cast.pipeline.promote(&second, "candidate").await.expect(201);
        assert_eq!(opened_by(&cast.auditor).await["workflow"], "acme/loans/.github/workflows/release.yml@refs/heads/main");
    }

    async fn a_refused_exchange_is_a_line_of_the_access_log(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        let now = app.clock().load(std::sync::atomic::Ordering::SeqCst);
        let token = sign(&issuer::claims(now));
        let exchange = |token: &str| app.anonymous.post("/api/v1/token-exchange", json!({"subject_token": token}));
        exchange(&token).await.expect(200);
        let mut altered = token.clone();
        altered.truncate(token.len() - 8);
        let mut elsewhere = issuer::claims(now);
        elsewhere["iss"] = "https://evil.example".into();
        for token in [token, altered, sign(&elsewhere), "no token".to_owned()] {
            assert_eq!(exchange(&token).await.status, 401);
        }
        app.app.flush_access_log().await;
        let done = app.admin.get("/api/v1/access-log?kind=login&user=ci").await.expect(200);
        assert_eq!((done["items"].as_array().unwrap().len(), &done["items"][0]["what"]), (1, &json!("token exchange")));
        let lines = app.admin.get("/api/v1/access-log?kind=login-failed").await.expect(200);
        let lines = lines["items"].as_array().unwrap();
        assert_eq!(lines.len(), 4, "{lines:?}");
        for (line, (claimed, reason)) in lines.iter().rev().zip([(GITHUB, "exchanged before"), (GITHUB, "signature"), ("https://evil.example", "`iss`"), ("", "no signed JWT")]) {
            assert_eq!(line["claimed"].as_str().unwrap_or_default(), claimed, "{line}");
            let what = line["what"].as_str().unwrap();
            assert!(what.starts_with("token exchange: ") && what.contains(reason), "{line}");
        }
    }

    async fn a_stored_token_releases_nothing_of_a_high_tier(app: &TestApp) {
        let cast = app.cast().await;
        let stored = app.admin.post("/api/v1/tokens", json!({"user": "ci"})).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let stored = app.anonymous.with_token(&stored);
        for (name, tier) in [("loan", "high"), ("draft", "unclassified"), ("small", "limited")] {
            cast.scientist.model(name, tier).await;
        }
        let version = cast.evaluated("loan", b"bytes").await;
        let id = cast.approved(&version, "production").await;
        let answer = stored.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await;
        assert_eq!(answer.recorded_problem(), "403 non_waivable");
        let finding = answer.json()["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "promoter.pipeline").unwrap().clone();
        assert!(finding["remedy"].as_str().unwrap().contains("chancery login"), "{finding}");
        cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
        // What has no tier counts as high.
        let unclassified = cast.evaluated("draft", b"bytes").await;
        let check = stored.get(&format!("{}/check?to=production", unclassified.path)).await.expect(200);
        let rule = check["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "promoter.pipeline").unwrap().clone();
        assert_eq!(rule["outcome"], "fail", "{rule}");
    }

    async fn identities_are_registered_by_administrators_and_tried(app: &TestApp) {
        let cast = app.cast().await;
        let path = "/api/v1/users/ci/identities";
        let good = json!({"issuer": GITHUB, "rules": issuer::rules()});
        for who in [&cast.scientist, &cast.owner, &cast.pipeline, &cast.auditor] {
            assert_eq!(who.post(path, good.clone()).await.recorded_problem(), "403 access_denied");
        }
        for (body, expected) in [
            (json!({"issuer": GITHUB, "rules": [rule("repository", "acme/loans")]}), "422 invalid_field rules"),
            (json!({"issuer": GITLAB, "rules": [rule("project_path", "acme/loans")]}), "422 invalid_field rules"),
            (json!({"issuer": KUBERNETES, "rules": [rule("sub", "system:serviceaccount:ci:release")]}), "422 invalid_field rules"),
            (json!({"issuer": format!("{GITHUB}/"), "rules": issuer::rules()}), "422 invalid_field issuer"),
            (json!({"issuer": "https://evil.example", "rules": issuer::rules()}), "422 invalid_field issuer"),
        ] {
            assert_eq!(app.admin.post(path, body.clone()).await.problem(), expected, "{body}");
        }
        assert_eq!(app.admin.post("/api/v1/users/scientist/identities", good).await.problem(), "409 transition_refused name");
        let test = async |claims: Value| app.admin.post(&format!("{path}/test"), json!({"claims": claims})).await.expect(200)["items"][0].clone();
        let claims = issuer::claims(0);
        assert_eq!(test(claims.clone()).await["outcome"], "fits");
        let mut other = claims;
        other["ref"] = json!("refs/pull/7/merge");
        other["iss"] = json!("https://evil.example");
        let tried = test(other).await;
        assert_eq!((&tried["outcome"], tried["mismatches"].as_array().unwrap().len()), (&json!("does-not"), 2), "{tried}");
        let id = app.admin.get(path).await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
        let removed = app.admin.delete(&format!("{path}/{id}")).await;
        assert_eq!((removed.status, removed.kinds()), (200, vec!["identity.removed".to_owned()]));
        let now = app.clock().load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(exchange(app, &sign(&issuer::claims(now))).await.problem(), "401 unauthenticated");
    }

    async fn a_token_that_fits_two_pipelines_names_one(app: &TestApp) {
        app.pipeline("ci", &["deployer"]).await;
        pipeline(app, "other", GITHUB, &json!([rule("repository", "acme/loans"), rule("ref", "refs/heads/main")])).await;
        let token = || sign(&issuer::claims(app.clock().load(std::sync::atomic::Ordering::SeqCst)));
        assert_eq!(exchange(app, &token()).await.problem(), "422 invalid_field pipeline");
        let named = app.anonymous.post("/api/v1/token-exchange", json!({"subject_token": token(), "pipeline": "other"})).await.expect(200);
        let run = app.anonymous.with_token(named["access_token"].as_str().unwrap());
        assert_eq!(run.get("/api/v1/whoami").await.expect(200)["name"], "other");
        let wrong = app.anonymous.post("/api/v1/token-exchange", json!({"subject_token": token(), "pipeline": "administrator"})).await;
        let none = app.anonymous.post("/api/v1/token-exchange", json!({"subject_token": token(), "pipeline": "nobody-of-this-name"})).await;
        assert_eq!(wrong.problem(), none.problem(), "whether there is such a user is not told");
        assert_eq!(wrong.json()["detail"], none.json()["detail"]);
    }
}
