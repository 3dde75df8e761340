//! The end of a person's time: what is in his hands, what ends with his access, and what is left after his name was erased.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery::store::{Store, StoreConfig};
use chancery_core::access_log::{AccessKind, Whence};
use chancery_core::tables::PayloadRow;
use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Cast, Client, TestApp};

/// Words by which the person is known here, and nowhere else in a test.
const HANDLE: &str = "zebulon.quartz";
const DISPLAY_NAME: &str = "Zebulon Quartz";
const WORDS: [&str; 4] = [HANDLE, DISPLAY_NAME, "zebulon@example.com", "198.51.100.77"];

/// A person who approves, with everything that somebody can have in hand; the id of the open promotion.
async fn person(app: &TestApp, cast: &Cast) -> (Client, String) {
    let roles = ["approver:product", "viewer"];
    app.admin.post("/api/v1/users", json!({"name": HANDLE, "display_name": DISPLAY_NAME, "kind": "person", "roles": roles})).await.expect(201);
    let token = app.admin.post("/api/v1/tokens", json!({"user": HANDLE})).await.expect(201);
    let zeb = app.anonymous.with_token(token["secret"].as_str().unwrap());
    app.admin.put(&format!("/api/v1/teams/credit/members/{HANDLE}"), json!({})).await.expect(200);
    cast.owner.model("loan", "high").await;
    let mut open = String::new();
    for bytes in [b"one", b"two"] {
        let version = cast.evaluated("loan", bytes).await;
        let id = cast.scientist.promote(&version, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        zeb.post(&format!("/api/v1/promotions/{id}/comments"), json!({"text": "zebulon@example.com has looked at it"})).await.expect(200);
        let set = zeb.get(&format!("/api/v1/promotions/{id}")).await.expect(200)["evidence_set"].clone();
        let body = json!({"role": "product", "verdict": "approve", "evidence_set": set, "comment": format!("{DISPLAY_NAME} agrees")});
        zeb.post(&format!("/api/v1/promotions/{id}/approvals"), body).await.expect(200);
        if open.is_empty() {
            for (role, approver) in cast.approvers().into_iter().filter(|(role, _)| *role != "product") {
                approver.verdict(&id, role, "approve").await.expect(200);
            }
            cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
        }
        open = id;
    }
    let until = "2026-06-20T12:00:00Z";
    zeb.post("/api/v1/delegations", json!({"role": "product", "to": "scientist", "until": until, "reason": "zebulon@example.com is away"})).await.expect(201);
    let review = json!({"about": "entry", "model": "loan", "owner": HANDLE, "due": "2027-01-01T00:00:00Z"});
    // Reviews, risks and conditions name who owes them: registry data, so a name is not put there below.
    if app.database.is_some() {
        cast.scientist.post("/api/v1/reviews", review).await.expect(201);
    }
    let whence = |claimed: Option<&str>| Whence { address: Some("198.51.100.77".to_owned()), claimed: claimed.map(str::to_owned), user_agent: None };
    let users = app.admin.get("/api/v1/users").await.expect(200);
    let id = users["items"].as_array().unwrap().iter().find(|user| user["name"] == HANDLE).unwrap()["id"].as_str().unwrap().to_owned();
    let id = chancery_core::names::ActorId::parse(&id).unwrap();
    app.app.log_access(AccessKind::Login, Some(&id), "password", &whence(None)).await.unwrap();
    app.app.log_access(AccessKind::LoginFailed, None, "password", &whence(Some(HANDLE))).await.unwrap();
    app.app.log_access(AccessKind::LoginFailed, None, "password", &Whence { claimed: Some("somebody".to_owned()), ..Whence::default() }).await.unwrap();
    (zeb, open)
}

fn section<'a>(view: &'a Value, name: &str) -> &'a Vec<Value> {
    let found = view["sections"].as_array().unwrap().iter().find(|section| section["name"] == name);
    found.unwrap_or_else(|| panic!("no section {name}"))["items"].as_array().unwrap()
}

/// Files below a folder that hold one of the words.
fn files_with(folder: &Path, words: &[&str], found: &mut Vec<String>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            files_with(&path, words, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            if bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())) {
                found.push(format!("{word} in {}", path.display()));
            }
        }
    }
}

/// Digests of payloads that hold one of the words, also in what they sign.
async fn payloads_with(app: &TestApp, words: &[&str]) -> Vec<String> {
    let store = Store::open_to_read(&StoreConfig { data: app.data.clone(), database: app.database.clone() }).unwrap();
    let rows = store.read().await.unwrap().rows::<PayloadRow>("ORDER BY digest", &[]).await.unwrap();
    let holds = |bytes: &[u8]| words.iter().any(|word| bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())));
    let signed = |bytes: &[u8]| {
        let envelope: Value = serde_json::from_slice(bytes).ok()?;
        BASE64_STANDARD.decode(envelope.get("payload")?.as_str()?).ok()
    };
    let named = rows.into_iter().filter(|row| holds(&row.bytes) || signed(&row.bytes).is_some_and(|statement| holds(&statement)));
    named.map(|row| row.digest.to_string()).collect()
}

both! {
    async fn offboarding_lists_what_a_person_has_in_hand_and_the_end_of_access_ends_the_rest(app: &TestApp) {
        let cast = app.cast().await;
        let (zeb, open) = person(app, &cast).await;
        let view = app.admin.get(&format!("/api/v1/users/{HANDLE}/offboarding")).await.expect(200);
        for (name, count) in [("teams", 1), ("approvals", 1), ("delegations_given", 1), ("tokens", 1), ("models", 0), ("keys", 0)] {
            assert_eq!(section(&view, name).len(), count, "{name}: {view}");
        }
        assert_eq!(section(&view, "approvals")[0]["reference"], open);
        assert_eq!(section(&view, "reviews").len(), usize::from(app.database.is_some()));
        let asked = app.admin.get("/api/v1/users/scientist/offboarding").await.expect(200);
        assert_eq!((section(&asked, "promotions").len(), section(&asked, "delegations_taken").len()), (1, 1));
        assert_eq!(cast.owner.get(&format!("/api/v1/users/{HANDLE}/offboarding")).await.recorded_problem(), "403 access_denied");
        // The delegate speaks for him until his access ends, and not a moment longer.
        app.admin.delete(&format!("/api/v1/users/{HANDLE}")).await.expect(200);
        assert_eq!(zeb.get("/api/v1/models").await.problem(), "401 unauthenticated");
        let delegations = app.admin.get("/api/v1/delegations").await.expect(200);
        assert_eq!(delegations["items"][0]["in_force"], false);
        // What he approved in office counts on, and is listed.
        let view = app.admin.get(&format!("/api/v1/users/{HANDLE}/offboarding")).await.expect(200);
        assert_eq!((view["active"].as_bool(), section(&view, "approvals").len()), (Some(false), 1));
        let shown = cast.product.get(&format!("/api/v1/promotions/{open}")).await.expect(200);
        assert_eq!(shown["approvals"][0]["counts"], true);
    }

    async fn an_erased_name_is_nowhere_but_in_the_signed_records_that_are_listed(app: &TestApp) {
        let cast = app.cast().await;
        let (_, open) = person(app, &cast).await;
        let erase = format!("/api/v1/users/{HANDLE}/erase");
        assert_eq!(app.admin.post(&erase, json!({})).await.recorded_problem(), "409 transition_refused name");
        assert_eq!(cast.governance.post(&erase, json!({})).await.recorded_problem(), "403 access_denied");
        app.admin.delete(&format!("/api/v1/users/{HANDLE}")).await.expect(200);
        if app.database.is_some() {
            // A review names him: registry data, which an erasure does not change.
            let view = app.admin.post(&erase, json!({})).await.expect(200);
            assert!(view["texts"].as_u64().unwrap() >= 5, "{view}");
            return;
        }
        let named = payloads_with(app, &WORDS).await;
        assert!(!named.is_empty(), "the test must be able to find a name");
        let answer = app.admin.post(&erase, json!({})).await;
        let view = answer.expect(200);
        assert_eq!(answer.kinds(), ["payload.erased"]);
        // Two comments, two approvals with a comment, a delegation; a login and a failed one.
        assert_eq!((view["texts"].as_u64(), view["access_log_lines"].as_u64()), (Some(5), Some(2)), "{view}");
        let mut listed: Vec<&str> = view["remaining"].as_array().unwrap().iter().map(|record| record["digest"].as_str().unwrap()).collect();
        listed.sort_unstable();
        assert_eq!(payloads_with(app, &WORDS).await, listed);
        assert!(view["remaining"].as_array().unwrap().iter().all(|record| record["model"] == "loan" && record["version"].is_u64()), "{view}");
        let mut found = Vec::new();
        files_with(&app.data, &WORDS, &mut found);
        assert_eq!(found, Vec::<String>::new());
        // Views say so, and do not fall over it.
        let users = app.admin.get("/api/v1/users").await.expect(200);
        let erased: Vec<&Value> = users["items"].as_array().unwrap().iter().filter(|user| user["erased"] == true).collect();
        assert_eq!((erased.len(), &erased[0]["name"], &erased[0]["display_name"]), (1, &Value::Null, &Value::Null));
        let shown = cast.product.get(&format!("/api/v1/promotions/{open}")).await.expect(200);
        assert_eq!((&shown["approvals"][0]["actor_name"], &shown["approvals"][0]["comment"]), (&Value::Null, &Value::Null));
        let lines = app.admin.get(&format!("/api/v1/access-log?user={}", erased[0]["id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&lines["items"][0]["erased"], &lines["items"][0]["address"]), (&json!(true), &Value::Null));
        let other = app.admin.get("/api/v1/access-log?kind=login-failed").await.expect(200);
        let claimed: Vec<&Value> = other["items"].as_array().unwrap().iter().map(|line| &line["claimed"]).filter(|claimed| !claimed.is_null()).collect();
        assert_eq!(claimed, ["somebody"], "lines of others stay");
        assert_eq!(app.admin.post(&erase, json!({})).await.problem(), "404 not_found");
        let again = format!("/api/v1/users/{}/erase", erased[0]["id"].as_str().unwrap());
        assert_eq!(app.admin.post(&again, json!({})).await.problem(), "409 already_exists name");
        // His name is free, and whoever takes it is somebody else.
        app.user(HANDLE, &["viewer"]).await;
        assert_eq!(app.admin.get(&format!("/api/v1/users/{HANDLE}/offboarding")).await.expect(200)["active"], true);
    }

    async fn the_access_log_is_what_was_anchored_after_an_erasure(app: &TestApp) {
        let cast = app.cast().await;
        person(app, &cast).await;
        app.app.flush_access_log().await;
        app.advance(86_400);
        assert_eq!(chancery::jobs::access_log::run_once(&app.app, app.app.now()).await.unwrap().len(), 1);
        app.admin.delete(&format!("/api/v1/users/{HANDLE}")).await.expect(200);
        app.admin.post(&format!("/api/v1/users/{HANDLE}/erase"), json!({})).await.expect(200);
        let verified = app.admin.get("/api/v1/access-log/verify").await.expect(200);
        assert_eq!((&verified["intact"], &verified["items"][0]["state"]), (&json!(true), &json!("same")), "{verified}");
    }
}
