//! What promotions and rollbacks check beyond their own suites: bytes that are gone, a tier that was raised.

use serde_json::json;

use crate::support::app::both;

both! {
    /// A rollback to bytes that are gone is refused, whoever asks.
    async fn rollback_needs_the_bytes(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident"]).await;
        cast.scientist.model("loan", "high").await;
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        let second = cast.evaluated("loan", b"second").await;
        cast.bring_to(&second, "production").await;
        let manifest = cast.auditor.get(&format!("{}/manifest", first.path)).await.json();
        let digest = manifest["files"][0]["digest"].as_str().unwrap();
        let blob = app.data.join("blobs/sha256").join(digest.get(..2).unwrap()).join(digest);
        let kept = app.data.join("kept");
        std::fs::rename(&blob, &kept).unwrap();
        let refused = oncall.post("/api/v1/models/loan/rollback", json!({"reason": "try"})).await;
        assert_eq!(refused.recorded_problem(), "403 non_waivable");
        assert_eq!(refused.json()["findings"][0]["rule"], "artifact.intact");
        // One byte in place is no better, and is seen although the size is right.
        std::fs::write(&blob, b"firsT").unwrap();
        assert_eq!(oncall.post("/api/v1/models/loan/rollback", json!({"reason": "try"})).await.recorded_problem(), "403 non_waivable");
        std::fs::remove_file(&blob).unwrap();
        std::fs::rename(&kept, &blob).unwrap();
        oncall.post("/api/v1/models/loan/rollback", json!({"reason": "again"})).await.expect(200);
    }

    /// The tier is governed: raising is immediate and approvals given for another tier do not count.
    async fn a_raised_tier_lapses_approvals(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("toy", "minimal").await;
        let version = cast.evaluated("toy", b"toy").await;
        let id = cast.approved(&version, "production").await;
        cast.owner.post("/api/v1/models/toy/risk-tier", json!({"risk_tier": "high", "reason": "used for credit"})).await.expect(200);
        let refused = cast.owner.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await;
        assert_eq!(refused.recorded_problem(), "403 gate_failed");
        assert_eq!(cast.auditor.state(&version).await, "draft");
        let lowering = cast.scientist.post("/api/v1/models/toy/risk-tier", json!({"risk_tier": "minimal", "reason": "please"})).await;
        assert_eq!(lowering.recorded_problem(), "403 access_denied");
    }

    /// The exceptions of a rollback end when the version leaves production: the way back is the ordinary one.
    async fn a_rollback_opens_no_side_door(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident"]).await;
        cast.scientist.model("loan", "high").await;
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        let second = cast.evaluated("loan", b"second").await;
        cast.bring_to(&second, "production").await;
        oncall.post("/api/v1/models/loan/rollback", json!({"reason": "night"})).await.expect(200);
        cast.owner.post(&format!("{}/transitions", first.path), json!({"to": "approved", "reason": "look again"})).await.expect(200);
        let opened = cast.pipeline.promote(&first, "production").await.expect(201);
        assert_eq!(opened["executed"], false);
        assert_eq!(opened["promotion"]["missing_roles"].as_array().unwrap().len(), 4);
    }
}
