//! Promotions, approvals, rollback and the policy mode, as the people in them meet them (APR-1 to APR-4, LIF-5, POL-1, POL-5).

use serde_json::json;

use crate::support::app::both;
use crate::support::builders::evaluation;

/// Ninety-one days: an approval has expired.
const APPROVAL_GONE: i64 = 91 * 86_400;

fn rules(body: &serde_json::Value) -> Vec<String> {
    body.as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

both! {
    /// Four people, four roles, one pipeline: and nothing less.
    async fn a_high_risk_version_needs_everybody(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.scientist.version("loan", b"weights").await;
        let opened = cast.scientist.promote(&version, "production").await.expect(201);
        assert_eq!(opened["executed"], false);
        let missing = rules(&opened["promotion"]["missing"]);
        for rule in ["evaluation.baseline", "approval.complete", "metric.threshold", "decision.signed", "promoter.pipeline"] {
            assert!(missing.iter().any(|found| found == rule), "{rule} is not in {missing:?}");
        }
        cast.scientist.evidence(&version, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let refreshed = cast.scientist.promote(&version, "production").await.expect(200);
        let id = refreshed["promotion"]["id"].as_str().unwrap().to_owned();
        assert_eq!(opened["promotion"]["id"], refreshed["promotion"]["id"], "there is one open promotion");
        assert_eq!(refreshed["promotion"]["missing_roles"], json!(["platform", "product", "security", "ai-governance"]));
        for (role, approver) in cast.approvers() {
            assert_eq!(cast.pipeline.promote(&version, "production").await.recorded_problem(), "403 gate_failed");
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        assert_eq!(cast.owner.promote(&version, "production").await.recorded_problem(), "403 non_waivable");
        let done = cast.pipeline.promote(&version, "production").await;
        assert_eq!(done.expect(200)["executed"], true);
        assert_eq!(
            done.kinds(),
            ["version.transitioned", "version.transitioned", "version.transitioned", "decision.recorded", "promotion.executed"],
            "the jump is recorded step by step"
        );
        assert_eq!(cast.auditor.state(&version).await, "production");
        let decisions = cast.auditor.get(&format!("{}/decisions", version.path)).await.expect(200);
        let words: Vec<&str> = decisions.as_array().or(decisions["items"].as_array()).unwrap().iter().map(|one| one["decision"].as_str().unwrap()).collect();
        assert!(words.contains(&"APPROVED") && words.contains(&"EXECUTED"), "{words:?}");
    }

    async fn nobody_approves_the_own_work_or_twice(app: &TestApp) {
        let cast = app.cast().await;
        let author = app.user("author", &["contributor", "approver:product", "approver:platform"]).await;
        author.model("loan", "high").await;
        let version = author.version("loan", b"weights").await;
        cast.scientist.evidence(&version, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let opened = cast.owner.promote(&version, "production").await.expect(201);
        let id = opened["promotion"]["id"].as_str().unwrap();
        assert_eq!(author.verdict(id, "product", "approve").await.recorded_problem(), "403 separation_of_duties");
        let everything = app.user("both", &["approver:platform", "approver:security"]).await;
        everything.verdict(id, "platform", "approve").await.expect(200);
        assert_eq!(everything.verdict(id, "security", "approve").await.recorded_problem(), "403 separation_of_duties role");
        assert_eq!(everything.verdict(id, "product", "approve").await.recorded_problem(), "403 access_denied role");
        assert_eq!(everything.verdict(id, "platform", "approve").await.problem(), "409 already_exists role");
        assert_eq!(cast.pipeline.verdict(id, "platform", "approve").await.recorded_problem(), "403 access_denied");
    }

    /// What was shown is what is signed: other evidence, and the approvals lapse.
    async fn approvals_lapse_when_the_evidence_changes(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"weights").await;
        let id = cast.approved(&version, "production").await;
        let path = format!("/api/v1/promotions/{id}");
        let before = cast.security.get(&path).await.expect(200);
        assert!(before["decision"].is_object(), "everybody has approved");
        cast.scientist.evidence(&version, "other", &json!({"note": "something new"})).await.expect(201);
        let refreshed = cast.scientist.promote(&version, "production").await.expect(200);
        assert_ne!(refreshed["promotion"]["evidence_set"], before["evidence_set"]);
        assert_eq!(refreshed["promotion"]["missing_roles"].as_array().unwrap().len(), 4, "all approvals lapsed");
        assert!(refreshed["promotion"]["decision"].is_null(), "and so did the decision");
        let stale = json!({"role": "security", "verdict": "approve", "evidence_set": before["evidence_set"]});
        assert_eq!(cast.security.post(&format!("{path}/approvals"), stale).await.problem(), "412 precondition_failed evidence_set");
        assert_eq!(cast.pipeline.promote(&version, "production").await.recorded_problem(), "403 gate_failed");
        assert_eq!(cast.auditor.state(&version).await, "draft");
    }

    async fn approvals_expire_are_withdrawn_and_rejections_end_it(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"weights").await;
        let id = cast.approved(&version, "production").await;
        let path = format!("/api/v1/promotions/{id}");
        cast.product.post(&format!("{path}/withdraw"), json!({"role": "product", "reason": "second thoughts"})).await.expect(200);
        assert_eq!(cast.pipeline.promote(&version, "production").await.recorded_problem(), "403 gate_failed");
        cast.product.verdict(&id, "product", "approve").await.expect(200);
        app.advance(APPROVAL_GONE);
        let late = cast.pipeline.promote(&version, "production").await;
        assert_eq!(late.problem(), "401 unauthenticated", "the pipeline's token has expired as well");
        let pipeline = app.actor("ci-later", "pipeline", &["deployer"]).await;
        let refused = pipeline.promote(&version, "production").await;
        assert_eq!(refused.recorded_problem(), "403 gate_failed");
        assert!(rules(&refused.json()["findings"]).contains(&"approval.complete".to_owned()));
        let security = app.user("sue-later", &["approver:security"]).await;
        let rejected = security.verdict(&id, "security", "reject").await;
        assert_eq!(rejected.kinds(), ["approval.recorded", "promotion.rejected", "decision.recorded"]);
        assert_eq!(security.verdict(&id, "security", "approve").await.recorded_problem(), "409 transition_refused promotion");
    }

    /// A better score does not outweigh a worse parity.
    async fn a_regression_is_refused(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        let second = cast.scientist.version("loan", b"second").await;
        cast.scientist.evidence(&second, "evaluation", &evaluation(0.90, 0.81)).await.expect(201);
        let id = cast.approved(&second, "production").await;
        let refused = cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await;
        assert_eq!(refused.recorded_problem(), "403 gate_failed");
        assert!(rules(&refused.json()["findings"]).contains(&"metric.no-regression".to_owned()));
        assert_eq!(cast.auditor.state(&first).await, "production");
    }

    /// One command on a Friday night: the previous version serves again, aliases follow, what is lacking is an exception of 72 hours.
    async fn rollback_and_its_drill(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident"]).await;
        cast.scientist.model("loan", "high").await;
        let ask = json!({"reason": "parity fell", "drill": false});
        assert_eq!(oncall.post("/api/v1/models/loan/rollback", ask.clone()).await.recorded_problem(), "409 transition_refused");
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        cast.pipeline.put("/api/v1/models/loan/aliases/champion", json!({"version": 1})).await.expect(200);
        let second = cast.evaluated("loan", b"second").await;
        cast.bring_to(&second, "production").await;
        assert_eq!(cast.auditor.state(&first).await, "deprecated", "a release replaces what was in production");
        let alias = cast.pipeline.get("/api/v1/models/loan/aliases/champion").await;
        cast.pipeline.call("PUT", "/api/v1/models/loan/aliases/champion").header("If-Match", alias.header("etag")).json(&json!({"version": 2})).send().await.expect(200);
        assert_eq!(cast.scientist.post("/api/v1/models/loan/rollback", ask.clone()).await.recorded_problem(), "403 access_denied");
        let before = app.size().await;
        let drill = oncall.post("/api/v1/models/loan/rollback", json!({"reason": "rehearsal", "drill": true})).await.expect(200);
        assert_eq!((&drill["to"], &drill["would_pass"], &drill["replaces"]), (&json!(1), &json!(true), &json!([2])));
        assert_eq!(app.size().await, before, "a drill has no effect");
        let done = oncall.post("/api/v1/models/loan/rollback", ask.clone()).await;
        let kinds = done.kinds();
        assert!(kinds.contains(&"exception.granted".to_owned()) && kinds.contains(&"alias.set".to_owned()) && kinds.contains(&"decision.recorded".to_owned()), "{kinds:?}");
        assert_eq!((cast.auditor.state(&first).await, cast.auditor.state(&second).await), ("production".to_owned(), "deprecated".to_owned()));
        assert_eq!(cast.auditor.get("/api/v1/models/loan/aliases/champion").await.expect(200)["number"], 1);
    }

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
        assert_eq!(rules(&refused.json()["findings"]), ["artifact.intact"]);
        std::fs::rename(&kept, &blob).unwrap();
        oncall.post("/api/v1/models/loan/rollback", json!({"reason": "again"})).await.expect(200);
    }

    async fn warn_lets_pass_stamps_and_keeps_high_risk_out(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        cast.scientist.model("toy", "minimal").await;
        app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "migration"})).await.expect(200);
        let toy = cast.scientist.version("toy", b"toy").await;
        let passed = cast.owner.promote(&toy, "production").await.expect(201);
        assert_eq!(passed["executed"], true);
        assert_eq!(cast.auditor.get(&toy.path).await.json()["ungated"], true);
        let loan = cast.scientist.version("loan", b"loan").await;
        let opened = cast.owner.promote(&loan, "production").await.expect(201);
        assert_eq!(opened["executed"], false, "high risk is not let through ungated");
        let back = app.admin.put("/api/v1/policy/mode", json!({"mode": "enforce", "reason": "done"})).await;
        assert_eq!(back.recorded_problem(), "409 transition_refused mode");
        cast.owner.post(&format!("{}/transitions", toy.path), json!({"to": "draft", "reason": "clean up"})).await.expect(200);
        app.admin.put("/api/v1/policy/mode", json!({"mode": "enforce", "reason": "done"})).await.expect(200);
    }

    /// The tier is governed: raising is immediate and approvals given for another tier do not count.
    async fn a_raised_tier_lapses_approvals(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("toy", "minimal").await;
        let version = cast.evaluated("toy", b"toy").await;
        let id = cast.approved(&version, "production").await;
        cast.owner.post("/api/v1/models/toy/risk-tier", json!({"risk_tier": "high", "reason": "used for credit"})).await.expect(200);
        let refused = cast.owner.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await;
        assert_eq!(refused.recorded_problem(), "403 gate_failed");
        assert_eq!(cast.auditor.state(&version).await, "draft");
        let lowering = cast.scientist.post("/api/v1/models/toy/risk-tier", json!({"risk_tier": "minimal", "reason": "please"})).await;
        assert_eq!(lowering.recorded_problem(), "403 access_denied");
    }

    /// Two pipelines execute at once: one does, the other is told.
    async fn a_promotion_is_executed_once(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"weights").await;
        let id = cast.approved(&version, "production").await;
        let path = format!("/api/v1/promotions/{id}/execute");
        let mut asked = Vec::new();
        for _ in 0..6 {
            asked.push(cast.pipeline.post(&path, json!({})));
        }
        let answers = futures_util::future::join_all(asked).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 409));
    }
}
