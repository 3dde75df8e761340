//! Attacks on who may do what. Each test is named after the attack, and fails when its defence is taken away.

use serde_json::json;

use crate::support::app::both;
use crate::support::browser::PASSWORD;
use crate::support::{Client, TestApp};

/// Every role, in another team.
const EVERYWHERE_ELSE: [&str; 9] = [
    "viewer@team:other",
    "contributor@team:other",
    "owner@team:other",
    "approver:product@team:other",
    "approver:ai-governance@team:other",
    "deployer@team:other",
    "incident@team:other",
    "auditor@team:other",
    "administrator@team:other",
];

both! {
    async fn edit_rights_are_not_used_to_delete_or_approve(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let promotion = cast.scientist.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        let set = cast.scientist.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200)["evidence_set"].clone();
        cast.owner.post("/api/v1/models/loan/risk-tier", json!({"risk_tier": "limited", "reason": "less"})).await.expect(200);
        let because = json!({"reason": "I can edit it"});
        for (path, body) in [
            ("/api/v1/models/loan/hide".to_owned(), because.clone()),
            (format!("{}/hide", version.path), because.clone()),
            (format!("{}/transitions", version.path), json!({"to": "retired", "reason": "I can edit it"})),
            ("/api/v1/models/loan/rename".to_owned(), json!({"to": "gone"})),
            ("/api/v1/models/loan/risk-tier".to_owned(), json!({"risk_tier": "minimal", "reason": "x"})),
            ("/api/v1/models/loan/tier-proposal/confirm".to_owned(), json!({"risk_tier": "limited", "reason": "x"})),
            (format!("/api/v1/promotions/{promotion}/approvals"), json!({"role": "product", "verdict": "approve", "evidence_set": set})),
            (format!("/api/v1/promotions/{promotion}/execute"), json!({})),
        ] {
            assert_eq!(cast.scientist.post(&path, body).await.recorded_problem(), "403 access_denied", "{path}");
        }
        let shown = cast.scientist.get("/api/v1/models/loan").await.expect(200);
        assert_eq!((&shown["name"], &shown["risk_tier"]), (&json!("loan"), &json!("high")));
        assert_eq!(cast.scientist.get(&version.path).await.expect(200)["state"], "draft");
    }

    async fn nobody_approves_his_own_promotion_by_a_second_token_a_team_a_pipeline_or_a_delegation(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let promotion = cast.scientist.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        // A team in which the author got the role of approval, whichever of his tokens he uses.
        app.admin.put("/api/v1/users/scientist/roles", json!({"roles": ["contributor", "approver:product@team:credit", "approver:product"]})).await.expect(200);
        let second = app.admin.post("/api/v1/tokens", json!({"user": "scientist"})).await.expect(201);
        let second = app.anonymous.with_token(second["secret"].as_str().unwrap());
        for own in [&cast.scientist, &second] {
            assert_eq!(own.verdict(&promotion, "product", "approve").await.recorded_problem(), "403 separation_of_duties");
        }
        // A role that an approver lent to the author.
        let body = json!({"role": "security", "to": "scientist", "until": "2026-06-20T00:00:00Z", "reason": "on leave"});
        cast.security.post("/api/v1/delegations", body).await.expect(201);
        assert_eq!(cast.scientist.verdict(&promotion, "security", "approve").await.recorded_problem(), "403 separation_of_duties");
        // A pipeline that the author would steer.
        let robot = json!({"name": "robot", "kind": "pipeline", "roles": ["approver:product@team:credit"]});
        assert_eq!(app.admin.post("/api/v1/users", robot).await.recorded_problem(), "403 separation_of_duties roles");
        assert_eq!(cast.pipeline.verdict(&promotion, "product", "approve").await.recorded_problem(), "403 access_denied");
        let shown = cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200);
        assert!(shown["approvals"].as_array().unwrap().is_empty());
    }

    async fn nobody_confirms_his_own_proposal_by_a_credential_that_he_made_for_another(app: &TestApp) {
        let second = app.user("second", &["administrator"]).await;
        app.user("third", &["viewer"]).await;
        let body = json!({"name": "friend", "kind": "person", "roles": ["approver:security"]});
        assert_eq!(app.admin.post("/api/v1/users", body).await.kinds(), ["actor.created", "actor.grant-proposed"]);
        let confirm = async |client: &Client| client.post("/api/v1/grant-proposals/friend/confirm", json!({"roles": ["approver:security"]})).await;
        // A token that he issued for the other administrator, one that was made by that, and what was rotated from it.
        let by_it = second.post("/api/v1/account/tokens", json!({})).await.expect(201);
        let rotated = second.post(&format!("/api/v1/account/tokens/{}/rotate", by_it["token_id"].as_str().unwrap()), json!({})).await.expect(201);
        let (by_it, rotated) = (app.anonymous.with_token(by_it["secret"].as_str().unwrap()), app.anonymous.with_token(rotated["secret"].as_str().unwrap()));
        // The password that he reset, also after he changed it.
        app.password("second", PASSWORD).await;
        let login = async |password: &str| {
            let login = app.anonymous.post("/api/v1/login", json!({"name": "second", "password": password})).await.expect(201);
            app.anonymous.with_token(login["secret"].as_str().unwrap())
        };
        let first = login(PASSWORD).await;
        for taken in [&second, &by_it, &rotated, &first] {
            assert_eq!(confirm(taken).await.recorded_problem(), "403 separation_of_duties");
        }
        let change = json!({"name": "second", "current": PASSWORD, "new": "another one of his, at once"});
        app.anonymous.post("/api/v1/account/password", change).await.expect(200);
        assert_eq!(confirm(&login("another one of his, at once").await).await.recorded_problem(), "403 separation_of_duties");
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "second:another one of his, at once");
        let call = app.anonymous.call("POST", "/api/v1/grant-proposals/friend/confirm").header("Authorization", &format!("Basic {basic}"));
        assert_eq!(call.json(&json!({"roles": ["approver:security"]})).send().await.recorded_problem(), "403 separation_of_duties");
        // Proposed by the credential that he made, confirmed by himself; and for himself.
        second.put("/api/v1/users/third/roles", json!({"roles": ["viewer", "approver:product"]})).await.expect(200);
        let own = app.admin.post("/api/v1/grant-proposals/third/confirm", json!({"roles": ["approver:product"]})).await;
        assert_eq!(own.recorded_problem(), "403 separation_of_duties");
        let himself = second.put("/api/v1/users/administrator/roles", json!({"roles": ["administrator", "owner", "auditor", "incident"]})).await;
        assert_eq!(himself.recorded_problem(), "403 separation_of_duties");
        app.team("credit").await;
        let member = second.call("PUT", "/api/v1/teams/credit/members/administrator").json(&json!({})).send().await;
        assert_eq!(member.recorded_problem(), "403 separation_of_duties member");
        // Somebody who speaks for himself alone confirms.
        confirm(&app.own("second").await).await.expect(200);
    }

    async fn a_transfer_is_not_accepted_by_a_credential_that_the_proposer_made(app: &TestApp) {
        for team in ["credit", "risk"] {
            app.team(team).await;
        }
        let ann = app.user("ann", &["owner@team:credit"]).await;
        ann.post("/api/v1/models", json!({"name": "loans", "ownership": {"owning_team": "credit"}})).await.expect(201);
        app.user("rob", &["owner@team:risk"]).await;
        app.admin.post("/api/v1/models/loans/transfer", json!({"to": "risk", "reason": "theirs"})).await.expect(201);
        let token = app.admin.post("/api/v1/tokens", json!({"user": "rob"})).await.expect(201);
        let rob = app.anonymous.with_token(token["secret"].as_str().unwrap());
        let accept = json!({"to": "risk"});
        assert_eq!(rob.post("/api/v1/models/loans/transfer/accept", accept.clone()).await.recorded_problem(), "403 separation_of_duties");
        app.own("rob").await.post("/api/v1/models/loans/transfer/accept", accept).await.expect(200);
    }

    async fn nobody_approves_his_own_promotion_by_a_credential_that_he_made_for_an_approver(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        // The author administers, and issued a token for an approver.
        let version = cast.evaluated("loan", b"bytes").await;
        let promotion = app.admin.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        assert_eq!(cast.product.verdict(&promotion, "product", "approve").await.recorded_problem(), "403 separation_of_duties");
        let by_it = cast.product.post("/api/v1/account/tokens", json!({})).await.expect(201);
        let by_it = app.anonymous.with_token(by_it["secret"].as_str().unwrap());
        assert_eq!(by_it.verdict(&promotion, "product", "approve").await.recorded_problem(), "403 separation_of_duties");
        // What was made by a token that the approver issued is the approver's own work as well.
        let boss = app.user("boss", &["administrator", "approver:security"]).await;
        let token = boss.post("/api/v1/tokens", json!({"user": "scientist"})).await.expect(201);
        let author = app.anonymous.with_token(token["secret"].as_str().unwrap());
        let version = author.version("loan", b"more").await;
        let promotion = author.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        assert_eq!(boss.verdict(&promotion, "security", "approve").await.recorded_problem(), "403 separation_of_duties");
        cast.security.verdict(&promotion, "security", "approve").await.expect(200);
        // Nor does he approve in a second role by the credential of another approver.
        let token = app.admin.post("/api/v1/tokens", json!({"user": "scientist"})).await.expect(201);
        let author = app.anonymous.with_token(token["secret"].as_str().unwrap());
        let version = author.version("loan", b"again").await;
        let promotion = author.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        boss.verdict(&promotion, "security", "approve").await.expect(200);
        let token = boss.post("/api/v1/tokens", json!({"user": "product-owner"})).await.expect(201);
        let product = app.anonymous.with_token(token["secret"].as_str().unwrap());
        assert_eq!(product.verdict(&promotion, "product", "approve").await.recorded_problem(), "403 separation_of_duties role");
        assert_eq!(app.own("product-owner").await.verdict(&promotion, "product", "approve").await.status, 200);
    }

    async fn an_alias_or_a_tag_releases_nothing(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        for alias in ["champion", "production"] {
            let answer = cast.scientist.put(&format!("/api/v1/models/loan/aliases/{alias}"), json!({"version": version.number})).await;
            assert!(answer.status == 409 || answer.status == 200, "{alias}: {}", answer.status);
        }
        assert_ne!(cast.scientist.put("/api/v1/models/loan/aliases/champion", json!({"version": version.number})).await.status, 200);
        for (key, value) in [("state", "production"), ("stage", "Production"), ("approved", "true")] {
            cast.scientist.put(&format!("{}/tags/{key}", version.path), json!({"value": value})).await;
        }
        let stage = json!({"name": "loan", "version": version.number.to_string(), "stage": "Production", "archive_existing_versions": "false"});
        let answer = cast.scientist.post("/api/2.0/mlflow/model-versions/transition-stage", stage).await;
        assert!(answer.status >= 400, "{}", answer.status);
        assert_eq!(cast.scientist.get(&version.path).await.expect(200)["state"], "draft");
    }

    async fn every_role_in_another_team_reaches_no_model_of_this_one(app: &TestApp) {
        let cast = app.cast().await;
        app.team("other").await;
        let stranger = app.user("stranger", &EVERYWHERE_ELSE).await;
        cast.owner.model("loan", "high").await;
        let team = json!({"name": "ours", "risk_tier": "high", "ownership": {"owning_team": "credit"}});
        cast.owner.post("/api/v1/models", team).await.expect(201);
        let version = cast.evaluated("ours", b"bytes").await;
        let promotion = cast.scientist.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        let set = cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200)["evidence_set"].clone();
        let because = json!({"reason": "because"});
        let before = app.size().await;
        for (method, path, body) in [
            ("PUT", "/api/v1/models/ours/tags/a".to_owned(), json!({"value": "1"})),
            ("PUT", "/api/v1/models/ours/aliases/a".to_owned(), json!({"version": 1})),
            ("POST", "/api/v1/models/ours/rename".to_owned(), json!({"to": "mine"})),
            ("POST", "/api/v1/models/ours/hide".to_owned(), because.clone()),
            ("POST", "/api/v1/models/ours/risk-tier".to_owned(), json!({"risk_tier": "limited", "reason": "x"})),
            ("PUT", "/api/v1/models/ours/policy-mode".to_owned(), json!({"mode": "warn", "reason": "x"})),
            ("POST", format!("{}/hide", version.path), because.clone()),
            ("POST", format!("{}/transitions", version.path), json!({"to": "retired", "reason": "x"})),
            ("POST", format!("{}/check", version.path), json!({"to": "approved"})),
            ("POST", "/api/v1/promotions".to_owned(), json!({"model": "ours", "version": 1, "to": "production"})),
            ("POST", format!("/api/v1/promotions/{promotion}/approvals"), json!({"role": "product", "verdict": "approve", "evidence_set": set})),
            ("POST", format!("/api/v1/promotions/{promotion}/comments"), json!({"text": "hello"})),
            ("POST", format!("/api/v1/promotions/{promotion}/cancel"), because.clone()),
            ("POST", format!("/api/v1/promotions/{promotion}/execute"), json!({})),
            ("POST", format!("/api/v1/promotions/{promotion}/break-glass"), because.clone()),
        ] {
            let answer = stranger.call(method, &path).json(&body).send().await;
            assert!(answer.problem().starts_with("404 not_found"), "{method} {path}: {} {}", answer.status, answer.problem());
        }
        for path in ["/api/v1/ledger/entries", "/api/v1/users", "/api/v1/access-policies"] {
            assert_eq!(stranger.get(path).await.recorded_problem(), "403 access_denied", "a role in a team does not read the registry: {path}");
        }
        assert_eq!(stranger.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "x"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(stranger.post("/api/v1/users", json!({"name": "friend", "kind": "person", "roles": []})).await.recorded_problem(), "403 access_denied");
        let recorded = app.size().await - before;
        assert_eq!(recorded, 5, "only what was refused is on the record");
    }

    async fn a_model_that_becomes_restricted_is_closed_to_a_command_on_its_way(app: &TestApp) {
        let cast = app.cast().await;
        let profile = |classification: &str| json!({"name": "loan", "risk_tier": "high", "classification": classification, "ownership": {"owning_team": "credit"}});
        cast.owner.post("/api/v1/models", profile("internal")).await.expect(201);
        cast.scientist.put("/api/v1/models/loan/tags/a", json!({"value": "1"})).await.expect(200);
        let revision = |entry: &serde_json::Value| entry["index"].as_u64().unwrap();
        let before = revision(&cast.owner.put("/api/v1/models/loan/tags/b", json!({"value": "1"})).await.expect(200));
        let member = app.user("member", &["owner@team:credit"]).await;
        let seen = member.get("/api/v1/models/loan").await;
        let body = json!({"classification": "restricted", "ownership": {"owning_team": "credit"}});
        member.call("PUT", "/api/v1/models/loan").header("If-Match", seen.header("etag")).json(&body).send().await.expect(200);
        assert!(app.size().await > before);
        assert_eq!(cast.scientist.put("/api/v1/models/loan/tags/a", json!({"value": "2"})).await.problem(), "404 not_found");
        assert_eq!(member.put("/api/v1/models/loan/tags/a", json!({"value": "2"})).await.kinds(), ["tag.set"]);
    }
}

/// Two servers on one PostgreSQL: what one of them took away, the other one does not give a second later.
#[test]
fn a_revoked_role_is_not_used_on_another_server_within_a_second() {
    crate::support::app::block_on(async {
        let database = Some(crate::support::postgres::database().await);
        let folder = tempfile::tempdir().unwrap();
        let one = TestApp::open(folder.path(), database.as_deref(), None).await;
        let two = TestApp::open(folder.path(), database.as_deref(), None).await;
        one.admin.post("/api/v1/users", json!({"name": "person", "kind": "person", "roles": ["contributor"]})).await.expect(201);
        let token = one.admin.post("/api/v1/tokens", json!({"user": "person"})).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let (person, there) = (one.anonymous.with_token(&token), two.anonymous.with_token(&token));
        person.post("/api/v1/models", json!({"name": "loan"})).await.expect(201);
        there.put("/api/v1/models/loan/tags/a", json!({"value": "1"})).await.expect(200);
        one.admin.put("/api/v1/users/person/roles", json!({"roles": ["viewer"]})).await.expect(200);
        let began = std::time::Instant::now();
        let answer = there.put("/api/v1/models/loan/tags/a", json!({"value": "2"})).await;
        assert_eq!(answer.recorded_problem(), "403 access_denied");
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
        one.admin.delete("/api/v1/users/person").await.expect(200);
        assert_eq!(there.get("/api/v1/models/loan").await.status, 401);
    });
}
