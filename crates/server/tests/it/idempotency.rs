//! A repeated command with its idempotency key gives the first receipt again; the same key with another request is refused.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Answer, Client};

async fn keyed(client: &Client, key: &str, method: &str, path: &str, body: Value) -> Answer {
    client.call(method, path).header("Idempotency-Key", key).json(&body).send().await
}

both! {
    async fn a_repeated_command_gives_the_first_receipt(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"1").await;
        let package = cast.scientist.package(b"2").await;
        let id = cast.approved(&version, "approved").await;
        let scientist = &cast.scientist;
        for (number, (who, method, path, body)) in [
            (scientist, "POST", "/api/v1/models".to_owned(), json!({"name": "twice"})),
            (scientist, "POST", "/api/v1/models/loan/versions".to_owned(), package),
            (scientist, "PUT", "/api/v1/models/loan/aliases/mine".to_owned(), json!({"version": 1})),
            (scientist, "PUT", "/api/v1/models/loan/tags/a".to_owned(), json!({"value": "b"})),
            (scientist, "POST", "/api/v1/promotions".to_owned(), json!({"model": "loan", "version": 1, "to": "production"})),
            (&cast.pipeline, "POST", format!("/api/v1/promotions/{id}/execute"), json!({})),
            (&cast.owner, "POST", format!("{}/transitions", version.path), json!({"to": "deprecated", "reason": "r"})),
            (&app.admin, "POST", "/api/v1/users".to_owned(), json!({"name": "new", "kind": "person", "roles": []})),
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("key-{number}");
            let first = keyed(who, &key, method, &path, body.clone()).await;
            assert!(matches!(first.status, 200 | 201), "{path}: {}", first.json());
            assert_eq!(first.header("idempotent-replay"), "");
            let size = app.size().await;
            let second = keyed(who, &key, method, &path, body).await;
            assert_eq!(second.header("idempotent-replay"), "true", "{path}");
            let receipt = |answer: &Answer| answer.json().get("receipt").cloned().unwrap_or_else(|| answer.json());
            assert_eq!((second.status, receipt(&second)), (first.status, receipt(&first)), "{path}");
            assert_eq!(app.size().await, size, "{path}");
            let other = keyed(who, &key, method, &path, json!({"name": "other"})).await;
            assert_eq!(other.problem().split(' ').next(), Some("422"), "{path}: {}", other.json());
        }
    }

    async fn a_key_is_of_one_actor_and_one_request(app: &TestApp) {
        let one = app.user("one", &["contributor"]).await;
        let two = app.user("two", &["contributor"]).await;
        keyed(&one, "k", "POST", "/api/v1/models", json!({"name": "a"})).await.expect(201);
        assert_eq!(keyed(&one, "k", "POST", "/api/v1/models", json!({"name": "b"})).await.problem(), "422 idempotency_key_reused Idempotency-Key");
        assert_eq!(keyed(&one, "k", "PUT", "/api/v1/models/a", json!({})).await.problem(), "422 idempotency_key_reused Idempotency-Key");
        let other = keyed(&two, "k", "POST", "/api/v1/models", json!({"name": "b"})).await;
        assert_eq!((other.status, other.header("idempotent-replay")), (201, ""));
        for key in ["", &"k".repeat(256), "k\u{fc}"] {
            let answer = keyed(&one, key, "POST", "/api/v1/models", json!({"name": "c"})).await;
            assert_eq!(answer.problem(), "400 invalid_field Idempotency-Key", "{key}");
        }
        // A command that was refused is not kept: the same key may be used again.
        assert_eq!(keyed(&one, "r", "POST", "/api/v1/models", json!({"name": "a"})).await.problem(), "409 already_exists name");
        keyed(&one, "r", "POST", "/api/v1/models", json!({"name": "c"})).await.expect(201);
    }

    async fn the_same_key_at_the_same_time_acts_once(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let package = scientist.package(b"bytes").await;
        let size = app.size().await;
        let calls = (0..10).map(|_| keyed(&scientist, "once", "POST", "/api/v1/models/loan/versions", package.clone()));
        let answers = futures_util::future::join_all(calls).await;
        for answer in &answers {
            assert_eq!(answer.expect(201), answers[0].json());
        }
        assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replay") == "true").count(), 9);
        assert_eq!(app.size().await, size + 1);
    }

    async fn a_secret_is_shown_once(app: &TestApp) {
        app.user("somebody", &["viewer"]).await;
        let body = json!({"user": "somebody"});
        let first = keyed(&app.admin, "t", "POST", "/api/v1/tokens", body.clone()).await.expect(201);
        let again = keyed(&app.admin, "t", "POST", "/api/v1/tokens", body).await.expect(201);
        assert!(first["secret"].is_string());
        assert_eq!((again["secret"].clone(), again["index"].clone()), (Value::Null, first["index"].clone()));
    }
}
