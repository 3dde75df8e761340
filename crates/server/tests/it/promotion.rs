//! Promotions: nothing reaches production without the approvals that its policy asks for, each by a named person in one role.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::builders::evaluation;
use crate::support::{Cast, Made, TestApp};

const DAY: i64 = 86_400;

/// A high-risk model with a version that lacks nothing but approvals, and its open promotion to production.
async fn opened(app: &TestApp) -> (Cast, Made, String) {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    let promotion = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
    (cast, version, promotion)
}

fn rules(findings: &Value) -> Vec<&str> {
    findings.as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

async fn execute(cast: &Cast, promotion: &str) -> crate::support::Answer {
    cast.pipeline.post(&format!("/api/v1/promotions/{promotion}/execute"), json!({})).await
}

both! {
    async fn a_high_risk_model_needs_four_approvals_and_a_pipeline(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        let path = format!("/api/v1/promotions/{promotion}");
        let shown = cast.product.get(&path).await;
        insta::assert_snapshot!(shown.snapshot_of("/missing_roles"), @r#"
        200 [
          "platform",
          "product",
          "security",
          "ai-governance"
        ]
        "#);
        assert_eq!(rules(&shown.json()["missing"]), ["approval.complete", "approval.unexpired", "decision.signed", "promoter.pipeline"]);
        assert_eq!(execute(&cast, &promotion).await.recorded_problem(), "403 gate_failed");
        for (done, (role, approver)) in cast.approvers().into_iter().enumerate() {
            assert_eq!(cast.product.get(&path).await.expect(200)["missing_roles"].as_array().unwrap().len(), 4 - done);
            let kinds = approver.verdict(&promotion, role, "approve").await.kinds();
            assert_eq!(kinds[0], "approval.recorded");
        }
        let complete = cast.product.get(&path).await.expect(200);
        assert_eq!(complete["decision"]["decision"], "APPROVED", "the fourth approval has the decision signed");
        assert_eq!(cast.auditor.state(&version).await, "draft", "approval is not execution");
        let done = execute(&cast, &promotion).await;
        insta::assert_snapshot!(format!("{:#?}", done.kinds()), @r#"
        [
            "version.transitioned",
            "version.transitioned",
            "version.transitioned",
            "decision.recorded",
            "attestation.issued",
            "promotion.executed",
        ]
        "#);
        let released = cast.auditor.get(&version.path).await.expect(200);
        assert_eq!((released["state"].clone(), released["ungated"].clone()), (json!("production"), json!(false)));
        let closed = cast.auditor.get(&path).await.expect(200);
        assert_eq!(closed["status"], "executed");
        assert_eq!(execute(&cast, &promotion).await.problem(), "409 transition_refused promotion");
        let decisions = cast.auditor.get(&format!("{}/decisions", version.path)).await.expect(200);
        let words: Vec<&str> = decisions.as_array().unwrap().iter().map(|decision| decision["decision"].as_str().unwrap()).collect();
        assert_eq!(words, ["APPROVED", "EXECUTED"]);
    }

    async fn only_a_pipeline_releases_a_high_risk_model(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        cast.approved(&version, "approved").await;
        for (role, approver) in cast.approvers() {
            approver.verdict(&promotion, role, "approve").await.expect(200);
        }
        let path = format!("/api/v1/promotions/{promotion}/execute");
        let deployer = app.user("dan", &["deployer"]).await;
        for (person, expected) in [
            (&cast.owner, "403 non_waivable"), (&deployer, "403 non_waivable"), (&cast.scientist, "403 access_denied"), (&cast.product, "403 access_denied"),
        ] {
            let answer = person.post(&path, json!({})).await;
            assert_eq!(answer.recorded_problem(), expected);
        }
        let answer = deployer.post(&path, json!({})).await;
        assert_eq!(rules(&answer.json()["findings"]), ["promoter.pipeline"]);
        assert_eq!(cast.auditor.state(&version).await, "draft");
        execute(&cast, &promotion).await.expect(200);
    }

    async fn an_author_does_not_approve_and_nobody_approves_twice(app: &TestApp) {
        let cast = app.cast().await;
        let author = app.user("author", &["contributor", "approver:product"]).await;
        let uploader = app.user("uploader", &["contributor", "approver:security"]).await;
        let both = app.user("both", &["approver:product", "approver:platform"]).await;
        author.model("loan", "high").await;
        let version = author.version("loan", b"bytes").await;
        uploader.evidence(&version, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let id = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        assert_eq!(author.verdict(&id, "product", "approve").await.recorded_problem(), "403 separation_of_duties");
        assert_eq!(uploader.verdict(&id, "security", "approve").await.recorded_problem(), "403 separation_of_duties");
        assert_eq!(cast.product.verdict(&id, "security", "approve").await.recorded_problem(), "403 access_denied role");
        both.verdict(&id, "product", "approve").await.expect(200);
        assert_eq!(both.verdict(&id, "platform", "approve").await.recorded_problem(), "403 separation_of_duties role");
        let shown = cast.auditor.get(&format!("/api/v1/promotions/{id}")).await.expect(200);
        assert_eq!(shown["missing_roles"], json!(["platform", "security", "ai-governance"]));
    }

    async fn an_approval_is_of_what_was_shown(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        let path = format!("/api/v1/promotions/{promotion}");
        let set = cast.product.get(&path).await.expect(200)["evidence_set"].clone();
        cast.product.verdict(&promotion, "product", "approve").await.expect(200);
        cast.scientist.evidence(&version, "evaluation", &evaluation(0.82, 0.87)).await.expect(201);
        // New evidence does not change what is open until somebody refreshes it; then approvals lapse.
        let refreshed = cast.scientist.promote(&version, "production").await.expect(200);
        assert_eq!(refreshed["promotion"]["id"], promotion.as_str());
        assert_ne!(refreshed["promotion"]["evidence_set"], set);
        assert_eq!(refreshed["promotion"]["missing_roles"].as_array().unwrap().len(), 4, "the approval lapsed");
        let stale = cast.security.post(&format!("{path}/approvals"), json!({"role": "security", "verdict": "approve", "evidence_set": set})).await;
        assert_eq!(stale.problem(), "412 precondition_failed evidence_set");
        let approvals = cast.auditor.get(&path).await.expect(200)["approvals"].clone();
        assert_eq!(approvals[0]["counts"], false);
        for (role, approver) in cast.approvers() {
            approver.verdict(&promotion, role, "approve").await.expect(200);
        }
        execute(&cast, &promotion).await.expect(200);
    }

    async fn a_rejection_is_signed_and_ends_the_promotion(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        cast.product.verdict(&promotion, "product", "approve").await.expect(200);
        let shown = cast.security.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200);
        let body = json!({"role": "security", "verdict": "reject", "evidence_set": shown["evidence_set"], "comment": "not yet", "ticket": "SEC-1",
            "conditions": [{"text": "scan it", "owner": "security", "due": "2026-07-01T00:00:00Z", "effect": "block"}]});
        let answer = cast.security.post(&format!("/api/v1/promotions/{promotion}/approvals"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let closed = cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200);
        assert_eq!((closed["status"].clone(), closed["decision"]["decision"].clone()), (json!("rejected"), json!("REJECTED")));
        assert_eq!(cast.governance.verdict(&promotion, "ai-governance", "approve").await.status, 409);
        assert_eq!(execute(&cast, &promotion).await.problem(), "409 transition_refused promotion");
        let again = cast.scientist.promote(&version, "production").await.expect(201);
        assert_ne!(again["promotion"]["id"], promotion.as_str());
    }

    async fn an_approval_is_withdrawn_and_a_promotion_cancelled(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        let path = format!("/api/v1/promotions/{promotion}");
        for (role, approver) in cast.approvers() {
            approver.verdict(&promotion, role, "approve").await.expect(200);
        }
        let withdraw = json!({"role": "security", "reason": "a new advisory"});
        assert_eq!(cast.product.post(&format!("{path}/withdraw"), withdraw.clone()).await.recorded_problem(), "403 access_denied role");
        assert_eq!(cast.security.post(&format!("{path}/withdraw"), withdraw).await.kinds(), ["approval.withdrawn"]);
        assert_eq!(cast.auditor.get(&path).await.expect(200)["missing_roles"], json!(["security"]));
        assert_eq!(execute(&cast, &promotion).await.problem().split(' ').next(), Some("403"));
        assert_eq!(cast.scientist.post(&format!("{path}/cancel"), json!({"reason": "later"})).await.kinds(), ["promotion.cancelled"]);
        assert_eq!(cast.auditor.get(&path).await.expect(200)["status"], "cancelled");
        assert_eq!(cast.security.verdict(&promotion, "security", "approve").await.problem(), "409 transition_refused promotion");
        cast.scientist.promote(&version, "production").await.expect(201);
    }

    async fn approvals_expire(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        for (role, approver) in cast.approvers() {
            approver.verdict(&promotion, role, "approve").await.expect(200);
        }
        app.advance(89 * DAY);
        assert_eq!(cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200)["missing_roles"], json!([]));
        app.advance(2 * DAY);
        // The tokens of the cast are over as well.
        assert_eq!(cast.auditor.get(&format!("/api/v1/promotions/{promotion}")).await.problem(), "401 unauthenticated");
        drop(version);
    }

    async fn an_expired_approval_stops_the_release(app: &TestApp) {
        let (cast, version, promotion) = opened(app).await;
        for (role, approver) in cast.approvers() {
            approver.verdict(&promotion, role, "approve").await.expect(200);
        }
        app.advance(90 * DAY);
        let pipeline = &cast.pipeline;
        let answer = pipeline.post(&format!("/api/v1/promotions/{promotion}/execute"), json!({})).await;
        assert_eq!(answer.recorded_problem(), "403 gate_failed");
        let failed = answer.json();
        let failed = rules(&failed["findings"]);
        assert!(failed.contains(&"approval.complete") && failed.contains(&"approval.unexpired"), "{failed:?}");
        assert_eq!(pipeline.state(&version).await, "draft");
    }

    async fn a_worse_version_is_refused(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        let worse = cast.scientist.version("loan", b"worse").await;
        cast.scientist.evidence(&worse, "evaluation", &evaluation(0.90, 0.70)).await.expect(201);
        let check = cast.scientist.get(&format!("{}/check?to=production", worse.path)).await;
        let missing = check.json();
        let missing = rules(&missing["missing"]);
        assert!(missing.contains(&"metric.threshold") && missing.contains(&"metric.no-regression"), "{missing:?}");
        let id = cast.approved(&worse, "production").await;
        let answer = execute(&cast, &id).await;
        assert_eq!(answer.recorded_problem().split(' ').next(), Some("403"));
        let findings = answer.json();
        for finding in findings["findings"].as_array().unwrap() {
            assert!(!finding["message"].as_str().unwrap().is_empty() && !finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
        }
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["production"], json!([1]));
    }

    async fn a_release_replaces_the_one_before(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for (bytes, keep, production) in [("1", false, vec![1]), ("2", false, vec![2]), ("3", true, vec![3, 2])] {
            let version = cast.evaluated("loan", bytes.as_bytes()).await;
            let id = cast.approved(&version, "production").await;
            cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({"keep_others": keep})).await.expect(200);
            assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["production"], json!(production));
        }
        let first = cast.auditor.get("/api/v1/models/loan/versions/1").await.expect(200);
        assert_eq!((first["state"].clone(), first["successor"].clone()), (json!("deprecated"), json!(2)));
    }

    async fn what_cannot_be_promoted(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        cast.scientist.model("forbidden", "prohibited").await;
        let retired = cast.evaluated("loan", b"1").await;
        cast.bring_to(&retired, "retired").await;
        let forbidden = cast.evaluated("forbidden", b"1").await;
        assert_eq!(cast.scientist.promote(&retired, "production").await.recorded_problem().split(' ').take(2).collect::<Vec<_>>(), ["409", "transition_refused"]);
        let check = cast.scientist.get(&format!("{}/check?to=candidate", forbidden.path)).await.expect(200);
        assert_eq!(rules(&check["missing"]), ["tier.permitted"]);
        assert_eq!(cast.owner.promote(&forbidden, "candidate").await.expect(201)["executed"], false);
        for (body, expected) in [
            (json!({"model": "loan", "version": 1, "to": "great"}), "422 invalid_field to"),
            (json!({"model": "loan", "version": 9, "to": "production"}), "404 not_found"),
            (json!({"model": "none", "version": 1, "to": "production"}), "404 not_found"),
            (json!({"model": "loan", "version": 1, "to": "production", "environment": "Big One"}), "422 invalid_field environment"),
            (json!({"model": "loan", "version": 1}), "422 invalid_field body"),
            (json!({"model": "loan", "version": 1, "to": "production", "force": true}), "422 invalid_field force"),
        ] {
            assert_eq!(cast.scientist.post("/api/v1/promotions", body.clone()).await.problem(), expected, "{body}");
        }
    }
}
