//! Tokens: a person's own, limits, rotation without a gap, last use, and an end that every server sees at once (ACC-1, ACC-2).

use chancery::app::{App, AppConfig};
use chancery::clock::Clock;
use chancery::store::StoreConfig;
use chancery_core::names::PolicyMode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::app::{Database, both, run};
use crate::support::{Client, TestApp, issuer};

/// The only token of a list that has this id.
fn one(listed: &Value, id: &str) -> Value {
    listed["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap().clone()
}

fn secret(made: &Value) -> &str {
    made["secret"].as_str().unwrap()
}

both! {
    async fn a_token_for_one_model_finds_it_in_lists(app: &TestApp) {
        let cast = app.cast().await;
        for name in ["loan", "card", "fraud"] {
            cast.owner.model(name, "high").await;
        }
        let made = cast.owner.post("/api/v1/account/tokens", json!({"limits": {"models": ["loan"]}})).await.expect(201);
        let limited = app.anonymous.with_token(secret(&made));
        let names = |listed: &Value| listed["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&limited.get("/api/v1/models").await.expect(200)), ["loan"]);
        let found = limited.get("/api/2.0/mlflow/registered-models/search").await.expect(200);
        assert_eq!((found["registered_models"].as_array().unwrap().len(), &found["registered_models"][0]["name"]), (1, &json!("loan")));
        assert_eq!(limited.get("/api/v1/models/card").await.problem(), "404 not_found");
        assert_eq!(names(&cast.owner.get("/api/v1/models").await.expect(200)).len(), 3);
    }

    async fn a_person_issues_lists_rotates_and_revokes_his_own_tokens(app: &TestApp) {
        let (sam, other) = (app.user("sam", &["viewer"]).await, app.user("other", &["viewer"]).await);
        let made = sam.post("/api/v1/account/tokens", json!({"expires_in_days": 10})).await;
        assert_eq!((made.status, made.kinds()), (201, vec!["token.issued".to_owned()]));
        let made = made.json();
        assert!(chancery::token::is_well_formed(secret(&made)));
        let own = app.anonymous.with_token(secret(&made));
        assert_eq!(own.get("/api/v1/whoami").await.expect(200)["name"], "sam");
        let id = made["token_id"].as_str().unwrap();
        let listed = sam.get("/api/v1/account/tokens").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        assert_eq!(one(&listed, id)["last_used_at"], "2026-06-01T12:00:00.000000Z");
        assert_eq!(one(&listed, id)["last_used_from"], "127.0.0.1");
        assert!(!listed.to_string().contains(secret(&made)));
        // Of somebody else's there is nothing to see or to end.
        assert_eq!(other.get("/api/v1/account/tokens").await.expect(200)["items"].as_array().unwrap().len(), 1);
        assert_eq!(other.delete(&format!("/api/v1/account/tokens/{id}")).await.problem(), "404 not_found");
        assert_eq!(other.post(&format!("/api/v1/account/tokens/{id}/rotate"), json!({})).await.problem(), "404 not_found");
        assert_eq!(other.delete(&format!("/api/v1/tokens/{id}")).await.recorded_problem(), "403 access_denied");
        assert_eq!(sam.post("/api/v1/tokens", json!({"user": "other"})).await.recorded_problem(), "403 access_denied");
        sam.delete(&format!("/api/v1/account/tokens/{id}")).await.expect(200);
        assert_eq!(own.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
        // Only people: a service's tokens are the business of administrators.
        let service = app.actor("scorer", "service", &["viewer"]).await;
        assert_eq!(service.post("/api/v1/account/tokens", json!({})).await.recorded_problem(), "403 access_denied user");
    }

    async fn a_rotated_token_and_the_new_one_overlap(app: &TestApp) {
        app.user("sam", &["viewer"]).await;
        let first = app.admin.post("/api/v1/tokens", json!({"user": "sam", "expires_in_days": 10, "limits": {"actions": ["read", "manage-own-account"]}})).await.expect(201);
        let (old, id) = (app.anonymous.with_token(secret(&first)), first["token_id"].as_str().unwrap());
        let rotated = old.post(&format!("/api/v1/account/tokens/{id}/rotate"), json!({"overlap_hours": 2})).await;
        assert_eq!((rotated.status, rotated.kinds()), (201, vec!["token.rotated".to_owned(), "token.issued".to_owned()]));
        let rotated = rotated.json();
        let (new, new_id) = (app.anonymous.with_token(secret(&rotated)), rotated["token_id"].as_str().unwrap());
        for client in [&old, &new] {
            client.get("/api/v1/whoami").await.expect(200);
        }
        let listed = app.admin.get("/api/v1/tokens?user=sam").await.expect(200);
        assert_eq!(one(&listed, id)["replaced_by"], new_id);
        assert_eq!(one(&listed, new_id)["limits"], one(&listed, id)["limits"], "a rotation gives nothing more");
        assert_eq!(one(&listed, new_id)["expires_at"], "2026-06-11T12:00:00.000000Z");
        app.advance(2 * 3600 - 1);
        old.get("/api/v1/whoami").await.expect(200);
        app.advance(1);
        assert_eq!(old.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
        new.get("/api/v1/whoami").await.expect(200);
        for (body, expected) in [(json!({"overlap_hours": 169}), "422 invalid_field overlap_hours"), (json!({"overlap_hours": -1}), "422 invalid_field overlap_hours")] {
            assert_eq!(app.admin.post(&format!("/api/v1/tokens/{new_id}/rotate"), body).await.problem(), expected);
        }
        assert_eq!(app.admin.post(&format!("/api/v1/tokens/{id}/rotate"), json!({})).await.problem(), "409 transition_refused id");
    }

    async fn a_limited_token_makes_no_wider_one(app: &TestApp) {
        let sam = app.user("sam", &["viewer"]).await;
        let made = sam.post("/api/v1/account/tokens", json!({"limits": {"actions": ["read", "manage-own-account"]}})).await.expect(201);
        let limited = app.anonymous.with_token(secret(&made));
        assert_eq!(limited.post("/api/v1/account/tokens", json!({})).await.recorded_problem(), "403 access_denied");
        let wide = sam.post("/api/v1/account/tokens", json!({})).await.expect(201);
        let other = wide["token_id"].as_str().unwrap();
        assert_eq!(limited.post(&format!("/api/v1/account/tokens/{other}/rotate"), json!({})).await.recorded_problem(), "403 access_denied", "a wider one of his");
        for (limits, expected) in [
            (json!({"actions": ["everything"]}), "422 invalid_field limits.actions[0]"),
            (json!({"models": ["nothing"]}), "404 not_found"),
            (json!({"countries": []}), "422 invalid_field limits.countries"),
        ] {
            assert_eq!(sam.post("/api/v1/account/tokens", json!({"limits": limits})).await.problem(), expected, "{limits}");
        }
    }

    /// What lets somebody in could do more than the token that made it.
    async fn a_limited_token_lets_nobody_in(app: &TestApp) {
        app.user("sam", &["viewer"]).await;
        app.actor("trainer", "pipeline", &["contributor"]).await;
        let made = app.admin.post("/api/v1/account/tokens", json!({"limits": {"actions": ["read", "manage-actors"]}})).await.expect(201);
        let limited = app.anonymous.with_token(secret(&made));
        let identity = json!({"issuer": issuer::GITHUB, "rules": issuer::rules()});
        for (path, body) in [
            ("/api/v1/tokens", json!({"user": "sam"})),
            ("/api/v1/users/sam/password-reset", json!({})),
            ("/api/v1/users/trainer/identities", identity),
        ] {
            let answer = limited.post(path, body).await;
            assert_eq!(answer.recorded_problem(), "403 access_denied", "{path}: {}", answer.json());
            assert!(answer.json()["detail"].as_str().unwrap().contains("makes no credentials"), "{path}: {}", answer.json());
        }
        assert_eq!(limited.delete("/api/v1/users/sam").await.kinds(), ["actor.deactivated"], "what it is for it does");
    }

    async fn the_last_use_is_known_to_the_minute(app: &TestApp) {
        let sam = app.user("sam", &["viewer"]).await;
        let used = async || app.admin.get("/api/v1/tokens?user=sam").await.expect(200)["items"][0]["last_used_at"].clone();
        assert_eq!(used().await, Value::Null);
        sam.get("/api/v1/whoami").await.expect(200);
        assert_eq!(used().await, "2026-06-01T12:00:00.000000Z");
        app.advance(59);
        sam.get("/api/v1/whoami").await.expect(200);
        assert_eq!(used().await, "2026-06-01T12:00:00.000000Z", "written once a minute");
        app.advance(2);
        sam.get("/api/v1/whoami").await.expect(200);
        assert_eq!(used().await, "2026-06-01T12:01:00.000000Z");
    }
}

/// Another server on the same PostgreSQL database.
async fn second_server(app: &TestApp, folder: &std::path::Path) -> Client {
    std::process::Command::new("cp").arg("-r").arg(app.data.join("keys")).arg(folder).status().unwrap();
    let config = AppConfig {
        store: StoreConfig { data: folder.to_owned(), database: app.database.clone() },
        policy_mode: PolicyMode::Enforce,
        no_auth: false,
        login: chancery::app::LoginConfig::default(),
        web: chancery::app::WebConfig::default(),
        clock: Clock::Manual(app.clock()),
        workload_issuers: Vec::new(),
        crash: None,
        keys: chancery::keys::Sources::default(),
        rates: std::sync::Arc::default(),
        settings: Vec::new(),
    };
    let (second, _) = App::open(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = chancery::http::router(second);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Client::new(&address)
}

/// A revoked token, and a role that was taken, are of no use on another server from the next request on.
#[test]
fn postgres_what_is_revoked_ends_on_every_server() {
    run(Database::Postgres, async |app| {
        let folder = tempfile::tempdir().unwrap();
        let second = second_server(app, folder.path()).await;
        app.user("sam", &["auditor"]).await;
        let made = app.admin.post("/api/v1/tokens", json!({"user": "sam"})).await.expect(201);
        let there = second.with_token(secret(&made));
        there.get("/api/v1/users").await.expect(200);
        app.admin.put("/api/v1/users/sam/roles", json!({"roles": ["viewer"]})).await.expect(200);
        assert_eq!(there.get("/api/v1/ledger/entries/1").await.status, 403, "a role that was taken");
        app.admin.delete(&format!("/api/v1/tokens/{}", made["token_id"].as_str().unwrap())).await.expect(200);
        assert_eq!(there.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
    });
}

/// Who swaps the digest of a secret in the database, to log in with a secret of his own, is found.
#[test]
fn sqlite_a_swapped_digest_is_found() {
    use chancery_core::names::Digest;
    crate::support::app::block_on(async {
        let app = TestApp::start(Database::Sqlite).await;
        app.app.sign_checkpoint().await.unwrap();
        let stopped = app.shut_down().await;
        let before = stopped.report().await;
        assert!(before.is_intact(), "{before}");
        let database = rusqlite::Connection::open(stopped.data.join("chancery.db")).unwrap();
        let swapped = Digest::of(b"a secret of my own").to_string();
        assert_eq!(database.execute("UPDATE credentials SET secret_hash = ?1", [swapped]).unwrap(), 1);
        drop(database);
        let after = stopped.report().await;
        assert!(!after.is_intact() && after.to_string().contains("credentials"), "{after}");
    });
}
