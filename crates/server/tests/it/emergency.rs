//! Break-glass: what an emergency may waive, who opens it, and what remains the pipeline's.

use serde_json::json;

use super::exception::waivable;
use crate::support::app::both;

both! {
    /// POL-4, LIF-5: below tier high the version is released at once, with every rule that failed waived by name for 72 hours.
    async fn a_person_in_the_incident_role_releases_what_only_waivable_rules_hold_back(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident"]).await;
        cast.owner.model("loan", "limited").await;
        let version = cast.scientist.version("loan", b"a quick repair").await;
        cast.scan(&version).await;
        let opened = cast.scientist.promote(&version, "production").await.expect(201);
        let path = format!("/api/v1/promotions/{}", opened["promotion"]["id"].as_str().unwrap());
        let failing = waivable(&cast.auditor, &version, "production").await;
        assert!(failing.contains(&"approval.complete".to_owned()), "{failing:?}");
        for who in [&cast.scientist, &cast.owner, &cast.pipeline, &cast.governance] {
            let refused = who.post(&format!("{path}/break-glass"), json!({"reason": "night"})).await;
            assert_eq!(refused.recorded_problem(), "403 access_denied");
        }
        let done = oncall.post(&format!("{path}/break-glass"), json!({"reason": "the release leaks"})).await;
        assert_eq!(done.expect(200)["executed"], true, "{}", done.json());
        assert_eq!(cast.auditor.state(&version).await, "production");
        let kinds: Vec<String> = done.json()["receipt"]["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "exception.granted").count(), failing.len());
        assert_eq!(kinds.iter().filter(|kind| *kind == "decision.recorded").count(), 2, "the exceptions and the approval, in one transaction");
        let listed = cast.auditor.get("/api/v1/exceptions?model=loan&status=granted").await.expect(200);
        for item in listed["items"].as_array().unwrap() {
            assert_eq!((&item["origin"], &item["role"], &item["promotion"]), (&json!("emergency"), &json!("incident"), &opened["promotion"]["id"]));
            assert_eq!((&item["expires_at"], &item["review_due"]), (&json!("2026-06-04T12:00:00.000000Z"), &item["expires_at"]));
        }
        // REV-1: people look at what was waived in a hurry, once.
        for _ in 0..2 {
            app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
        }
        let reviews = cast.auditor.get("/api/v1/reviews?about=emergency&model=loan").await.expect(200);
        assert_eq!(reviews["items"].as_array().unwrap().len(), 1, "{reviews}");
        let again = oncall.post(&format!("{path}/break-glass"), json!({"reason": "again"})).await;
        assert_eq!(again.recorded_problem(), "409 transition_refused promotion");
        // No side door: a version that left production goes through every gate again.
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "approved", "reason": "look"})).await.expect(200);
        let reopened = cast.scientist.promote(&version, "production").await.expect(201);
        assert_eq!((&reopened["executed"], waivable(&cast.auditor, &version, "production").await), (&json!(false), failing));
    }

    /// POL-5: an emergency makes no person a pipeline: for tier high the pipeline executes what the incident role has opened.
    async fn for_tier_high_the_pipeline_executes(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident", "deployer"]).await;
        cast.owner.model("loan", "high").await;
        let version = cast.scientist.version("loan", b"a quick repair").await;
        cast.scan(&version).await;
        let opened = cast.scientist.promote(&version, "production").await.expect(201);
        let path = format!("/api/v1/promotions/{}", opened["promotion"]["id"].as_str().unwrap());
        let done = oncall.call("POST", &format!("{path}/break-glass")).header("Idempotency-Key", "k").json(&json!({"reason": "leaks"})).send().await;
        assert_eq!(done.expect(200)["executed"], false);
        let missing: Vec<_> = done.json()["missing"].as_array().unwrap().iter().map(|finding| finding["rule"].clone()).collect();
        assert_eq!(missing, ["promoter.pipeline"]);
        let again = oncall.call("POST", &format!("{path}/break-glass")).header("Idempotency-Key", "k").json(&json!({"reason": "leaks"})).send().await;
        assert_eq!((again.expect(200)["receipt"].clone(), again.header("idempotent-replay")), (done.json()["receipt"].clone(), "true"));
        let refused = oncall.post(&format!("{path}/execute"), json!({})).await;
        assert_eq!(refused.recorded_problem(), "403 non_waivable");
        cast.pipeline.post(&format!("{path}/execute"), json!({})).await.expect(200);
        assert_eq!(cast.auditor.state(&version).await, "production");
    }

    /// POL-4: nothing waives a rule that nobody may waive, and there is nothing to break where nothing blocks.
    async fn what_an_emergency_does_not_do(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident"]).await;
        let author = app.user("author", &["incident", "contributor"]).await;
        cast.owner.model("loan", "limited").await;
        let version = author.version("loan", b"bytes that go away").await;
        cast.scan(&version).await;
        let opened = cast.scientist.promote(&version, "production").await.expect(201);
        let path = format!("/api/v1/promotions/{}/break-glass", opened["promotion"]["id"].as_str().unwrap());
        assert_eq!(author.post(&path, json!({"reason": "mine"})).await.recorded_problem(), "403 separation_of_duties");
        let manifest = cast.auditor.get(&format!("{}/manifest", version.path)).await.json();
        let digest = manifest["files"][0]["digest"].as_str().unwrap();
        std::fs::remove_file(app.data.join("blobs/sha256").join(digest.get(..2).unwrap()).join(digest)).unwrap();
        let refused = oncall.post(&path, json!({"reason": "night"})).await;
        assert_eq!(refused.recorded_problem(), "403 non_waivable");
        assert_eq!(refused.json()["findings"][0]["rule"], "artifact.intact");
        assert_eq!(cast.auditor.get("/api/v1/exceptions").await.expect(200)["items"], json!([]), "all or nothing");
        cast.scientist.upload(b"bytes that go away").await;
        let lower = cast.scientist.promote(&version, "approved").await.expect(201);
        let lower = format!("/api/v1/promotions/{}/break-glass", lower["promotion"]["id"].as_str().unwrap());
        assert_eq!(oncall.post(&lower, json!({"reason": "night"})).await.recorded_problem(), "409 transition_refused promotion");
        assert_eq!(oncall.post(&path, json!({"reason": ""})).await.problem(), "422 invalid_field reason");
        assert_eq!(oncall.post("/api/v1/promotions/p00000000000000000000000000000000/break-glass", json!({"reason": "r"})).await.problem(), "404 not_found");
        // With every approval there is nothing to waive but what the execution asks.
        let evaluated = cast.evaluated("loan", b"in order").await;
        let id = cast.approved(&evaluated, "production").await;
        let refused = oncall.post(&format!("/api/v1/promotions/{id}/break-glass"), json!({"reason": "hurry"})).await;
        assert_eq!(refused.recorded_problem(), "409 transition_refused promotion");
    }
}
