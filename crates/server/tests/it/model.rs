//! Models: create, read, list, change, rename, hide, risk tier.

use serde_json::json;

use crate::support::app::both;

both! {
    /// The first walk through everything that a model can do.
    async fn a_model_is_created_read_and_changed(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let made = scientist.model("loan", "high").await;
        insta::assert_snapshot!(made.snapshot());
        assert_eq!(made.header("location"), "/api/v1/models/loan");
        let read = scientist.get("/api/v1/models/loan").await;
        insta::assert_snapshot!(read.snapshot());
        assert_eq!(read.header("etag"), made.header("etag"));
        let changed = scientist.call("PUT", "/api/v1/models/loan").header("If-Match", read.header("etag")).json(&json!({"description": "Other."})).send().await;
        insta::assert_snapshot!(changed.snapshot());
        let stale = scientist.call("PUT", "/api/v1/models/loan").header("If-Match", read.header("etag")).json(&json!({"description": "Lost."})).send().await;
        insta::assert_snapshot!(stale.snapshot());
        assert_eq!(scientist.get("/api/v1/models/loan").await.expect(200)["description"], "Other.");
    }

    async fn production_is_reached(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"first").await;
        cast.into_state(&version, "production").await;
    }
}
