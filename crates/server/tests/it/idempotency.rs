//! Idempotency keys: a repeated command is answered by its own entries, for ever.

use serde_json::json;

use crate::support::app::both;

both! {
    async fn a_repeated_command_gets_the_same_receipt(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let create = |name: &str, key: &str| scientist.call("POST", "/api/v1/models").header("Idempotency-Key", key).json(&json!({"name": name}));
        let first = create("loan", "one").send().await;
        first.expect(201);
        let size = app.size().await;
        let again = create("loan", "one").send().await;
        assert_eq!((again.status, again.bytes.clone()), (201, first.bytes.clone()));
        assert_eq!(again.header("idempotent-replay"), "true");
        assert_eq!(app.size().await, size, "nothing was written");
        assert_eq!(create("other", "one").send().await.problem(), "422 idempotency_key_reused Idempotency-Key");
        assert_eq!(create("loan", "two").send().await.problem(), "409 already_exists name");
        let other = app.user("other", &["contributor"]).await;
        let mine = other.call("POST", "/api/v1/models").header("Idempotency-Key", "one").json(&json!({"name": "mine"})).send().await;
        mine.expect(201);
    }

    async fn the_same_key_at_once_makes_one(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let size = app.size().await;
        let asked = (0..12).map(|_| scientist.call("POST", "/api/v1/models").header("Idempotency-Key", "same").json(&json!({"name": "loan"})).send());
        let answers = futures_util::future::join_all(asked).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.bytes), (201, &answers[0].bytes));
        }
        assert_eq!(app.size().await, size + 1);
    }

    /// A promotion, an approval and a release can be repeated too: their own effect does not stand in the way.
    async fn gated_calls_are_repeated_as_well(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("toy", "minimal").await;
        let version = cast.evaluated("toy", b"toy").await;
        let id = cast.approved(&version, "production").await;
        let execute = || cast.owner.call("POST", &format!("/api/v1/promotions/{id}/execute")).header("Idempotency-Key", "release").json(&json!({})).send();
        let first = execute().await;
        first.expect(200);
        let again = execute().await;
        assert_eq!((again.status, again.bytes), (200, first.bytes));
    }
}
