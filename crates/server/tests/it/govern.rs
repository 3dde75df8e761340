//! Governed facts of a model: a lower tier takes two persons and lapses approvals for ever; a policy mode of its own.

use serde_json::json;

use super::exception::waivable;
use crate::support::app::both;

both! {
    /// ENT-3: raising is immediate, lowering is proposed and confirmed by another person in the governance role.
    async fn a_lower_tier_takes_two_persons(app: &TestApp) {
        let cast = app.cast().await;
        let second = app.user("second", &["approver:ai-governance"]).await;
        cast.owner.model("loan", "high").await;
        let path = "/api/v1/models/loan";
        let confirm = json!({"risk_tier": "limited", "reason": "agreed"});
        assert_eq!(second.post(&format!("{path}/tier-proposal/confirm"), confirm.clone()).await.problem(), "404 not_found");
        let proposed = cast.governance.post(&format!("{path}/risk-tier"), json!({"risk_tier": "limited", "reason": "advice only"})).await;
        assert_eq!(proposed.kinds(), ["model.tier-proposed"]);
        let shown = cast.auditor.get(path).await.expect(200);
        assert_eq!((&shown["risk_tier"], &shown["tier_proposal"]["risk_tier"]), (&json!("high"), &json!("limited")));
        assert_eq!((&shown["tier_proposal"]["reason"], &shown["tier_proposal"]["proposed_by_name"]), (&json!("advice only"), &json!("governance-lead")));
        let listed = cast.auditor.get("/api/v1/tier-proposals").await.expect(200);
        assert_eq!((&listed["items"][0]["model"]["name"], &listed["items"][0]["from"]), (&json!("loan"), &json!("high")));
        let past = cast.auditor.get(&format!("{path}?as_of={}", shown["revision"].as_u64().unwrap() - 1)).await.expect(200);
        assert_eq!(past["tier_proposal"], json!(null));
        assert_eq!(cast.governance.post(&format!("{path}/tier-proposal/confirm"), confirm.clone()).await.recorded_problem(), "403 separation_of_duties");
        assert_eq!(cast.owner.post(&format!("{path}/tier-proposal/confirm"), confirm.clone()).await.recorded_problem(), "403 access_denied risk_tier");
        assert_eq!(cast.scientist.post(&format!("{path}/tier-proposal/withdraw"), json!({"reason": "r"})).await.recorded_problem(), "403 access_denied");
        let other = json!({"risk_tier": "minimal", "reason": "agreed"});
        assert_eq!(second.post(&format!("{path}/tier-proposal/confirm"), other).await.problem(), "412 precondition_failed risk_tier");
        assert_eq!(second.post(&format!("{path}/tier-proposal/confirm"), confirm).await.kinds(), ["model.risk-tier-changed"]);
        let shown = cast.auditor.get(path).await.expect(200);
        assert_eq!((&shown["risk_tier"], &shown["tier_proposal"]), (&json!("limited"), &json!(null)));
        // Rejected, withdrawn.
        let lower = json!({"risk_tier": "minimal", "reason": "r"});
        cast.owner.post(&format!("{path}/risk-tier"), lower.clone()).await.expect(200);
        assert_eq!(second.post(&format!("{path}/tier-proposal/reject"), json!({"reason": "no"})).await.kinds(), ["model.tier-rejected"]);
        cast.owner.post(&format!("{path}/risk-tier"), lower).await.expect(200);
        assert_eq!(cast.owner.post(&format!("{path}/tier-proposal/withdraw"), json!({"reason": "no"})).await.kinds(), ["model.tier-withdrawn"]);
    }

    /// A contributor does not classify: a low tier at creation waits for governance, and counts as high meanwhile.
    async fn a_low_tier_at_creation_is_a_proposal_of_a_contributor(app: &TestApp) {
        let cast = app.cast().await;
        let made = cast.scientist.model("toy", "minimal").await;
        assert_eq!(made.kinds(), ["model.created", "model.tier-proposed"]);
        let shown = cast.auditor.get("/api/v1/models/toy").await.expect(200);
        assert_eq!((&shown["risk_tier"], &shown["tier_proposal"]["risk_tier"]), (&json!("unclassified"), &json!("minimal")));
        let version = cast.evaluated("toy", b"toy").await;
        assert_eq!(cast.scientist.promote(&version, "approved").await.expect(201)["promotion"]["required_roles"].as_array().unwrap().len(), 4);
        cast.governance.post("/api/v1/models/toy/tier-proposal/confirm", json!({"risk_tier": "minimal", "reason": "a toy"})).await.expect(200);
        assert_eq!(cast.auditor.get("/api/v1/models/toy").await.expect(200)["risk_tier"], "minimal");
        assert_eq!(cast.owner.model("game", "minimal").await.kinds(), ["model.created"]);
        assert_eq!(cast.scientist.model("serious", "high").await.kinds(), ["model.created"]);
    }

    /// APR-3: approvals that lapsed with the tier stay lapsed when it comes back, also after a refresh.
    async fn a_tier_that_comes_back_revives_no_approval(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "limited").await;
        let version = cast.evaluated("loan", b"loan").await;
        let id = cast.approved(&version, "production").await;
        let path = format!("/api/v1/promotions/{id}");
        assert_eq!(cast.auditor.get(&path).await.expect(200)["missing_roles"], json!([]));
        for (who, path, tier) in [(&cast.owner, "risk-tier", "high"), (&cast.owner, "risk-tier", "limited"), (&cast.governance, "tier-proposal/confirm", "limited")] {
            who.post(&format!("/api/v1/models/loan/{path}"), json!({"risk_tier": tier, "reason": "r"})).await.expect(200);
        }
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["risk_tier"], "limited");
        let roles = cast.auditor.get(&path).await.expect(200)["required_roles"].clone();
        assert!(!roles.as_array().unwrap().is_empty());
        assert_eq!(cast.auditor.get(&path).await.expect(200)["missing_roles"], roles);
        assert_eq!(cast.owner.post(&format!("{path}/execute"), json!({})).await.recorded_problem(), "403 gate_failed");
        let refreshed = cast.scientist.promote(&version, "production").await.expect(200);
        assert_eq!((&refreshed["executed"], &refreshed["promotion"]["missing_roles"]), (&json!(false), &roles));
        assert_eq!(refreshed["promotion"]["decision"], json!(null), "what was decided on them has lapsed too");
        for (role, approver) in cast.approvers().into_iter().filter(|(role, _)| roles.as_array().unwrap().iter().any(|wanted| wanted == role)) {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        assert_eq!(cast.auditor.get(&path).await.expect(200)["missing_roles"], json!([]));
    }

    /// POL-1: a model has a mode of its own; `warn` is not for tiers that demand enforce; nothing ungated slips under `enforce`.
    async fn a_model_has_a_policy_mode_of_its_own(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        cast.owner.model("sorter", "limited").await;
        let mode = async |model: &str, mode: serde_json::Value| {
            cast.governance.put(&format!("/api/v1/models/{model}/policy-mode"), json!({"mode": mode, "reason": "trial"})).await
        };
        assert_eq!(mode("loan", json!("warn")).await.recorded_problem(), "409 transition_refused mode");
        assert_eq!(cast.owner.put("/api/v1/models/sorter/policy-mode", json!({"mode": "warn", "reason": "r"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(mode("sorter", json!("off")).await.problem(), "422 invalid_field mode");
        assert_eq!(mode("sorter", json!("warn")).await.kinds(), ["model.policy-mode-changed"]);
        assert_eq!(cast.auditor.get("/api/v1/models/sorter").await.expect(200)["policy_mode"], "warn");
        let version = cast.scientist.version("sorter", b"no evidence").await;
        cast.scan(&version).await;
        let failing = waivable(&cast.auditor, &version, "production").await;
        assert_eq!(cast.pipeline.promote(&version, "production").await.expect(201)["executed"], true);
        assert_eq!(cast.auditor.get(&version.path).await.expect(200)["ungated"], true);
        for back in [json!(null), json!("enforce")] {
            assert_eq!(mode("sorter", back).await.recorded_problem(), "409 transition_refused mode");
        }
        // The registry does not care about a model with a mode of its own.
        app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "trial"})).await.expect(200);
        app.admin.put("/api/v1/policy/mode", json!({"mode": "enforce", "reason": "over"})).await.expect(200);
        // By an exception for each rule that it failed.
        for rule in failing {
            assert_eq!(mode("sorter", json!("enforce")).await.recorded_problem(), "409 transition_refused mode", "{rule} is not covered");
            let body = json!({"model": "sorter", "version": 1, "rule": rule, "expires_at": "2026-06-20T00:00:00Z", "reason": "it runs already"});
            let asked = cast.scientist.post("/api/v1/exceptions", body).await;
            asked.expect(201);
            let path = asked.header("location").to_owned();
            let grantors = cast.auditor.get(&path).await.expect(200)["grantors"].clone();
            let grantor = if grantors[0] == "security" { &cast.security } else { &cast.governance };
            grantor.post(&format!("{path}/grant"), json!({})).await.expect(200);
        }
        assert_eq!(mode("sorter", json!("enforce")).await.kinds(), ["model.policy-mode-changed"]);
        // Raising the tier takes mode warn with it.
        cast.owner.model("toy", "minimal").await;
        mode("toy", json!("warn")).await.expect(200);
        let raised = cast.owner.post("/api/v1/models/toy/risk-tier", json!({"risk_tier": "high", "reason": "people"})).await;
        assert_eq!(raised.kinds(), ["model.risk-tier-changed", "model.policy-mode-changed"]);
        assert_eq!(cast.auditor.get("/api/v1/models/toy").await.expect(200)["policy_mode"], "enforce");
    }

    /// LIF-7, LIF-8: a sunset is in the future, and under the model's own mode an alias keeps its promise.
    async fn sunsets_and_aliases(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "limited").await;
        let version = cast.scientist.version("loan", b"1").await;
        let path = format!("{}/transitions", version.path);
        let past = json!({"to": "deprecated", "reason": "old", "sunset": "2026-06-01T12:00:00Z"});
        assert_eq!(cast.owner.post(&path, past).await.problem(), "422 invalid_field sunset");
        assert_eq!(cast.scientist.put("/api/v1/models/loan/aliases/champion", json!({"version": 1})).await.recorded_problem(), "409 transition_refused version");
        cast.governance.put("/api/v1/models/loan/policy-mode", json!({"mode": "warn", "reason": "trial"})).await.expect(200);
        let set = cast.scientist.put("/api/v1/models/loan/aliases/champion", json!({"version": 1})).await;
        assert_eq!(set.kinds(), ["alias.set"]);
        cast.owner.post(&path, json!({"to": "deprecated", "reason": "old", "sunset": "2026-07-01T00:00:00Z"})).await.expect(200);
    }
}
