//! Names are bindings in time: renames, names that come again, numbers that count per name; and the governed risk tier.

use serde_json::{Value, json};

use crate::support::app::both;

both! {
    async fn a_name_and_a_number_are_one_thing_for_ever(app: &TestApp) {
        app.team("credit").await;
        let owner = app.user("model-owner", &["owner"]).await;
        owner.model("a", "high").await;
        owner.version("a", b"1").await;
        owner.version("a", b"2").await;
        assert_eq!(owner.post("/api/v1/models/a/rename", json!({"to": "b"})).await.kinds(), ["model.renamed"]);
        assert_eq!(owner.get("/api/v1/models/a").await.problem(), "404 not_found");
        assert_eq!(owner.get("/api/v1/models/b/versions/2").await.expect(200)["model"]["name"], "b");
        assert_eq!(owner.version("b", b"3").await.number, 3, "a rename goes on counting");
        owner.model("a", "high").await;
        assert_eq!(owner.version("a", b"4").await.number, 3, "`a/1` and `a/2` were of another model");
        for (from, to, expected) in [("b", "a", "409 already_exists"), ("a", "a", "409 already_exists"), ("none", "c", "404 not_found")] {
            let answer = owner.post(&format!("/api/v1/models/{from}/rename"), json!({"to": to})).await;
            assert!(answer.problem().starts_with(expected), "{from} to {to}: {}", answer.problem());
        }
        // An empty model leaves its name to others; one with versions does not.
        owner.model("empty", "high").await;
        assert_eq!(owner.post("/api/v1/models/empty/hide", json!({"reason": "mistake"})).await.kinds(), ["model.hidden"]);
        assert_eq!(owner.get("/api/v1/models/empty").await.problem(), "404 not_found");
        owner.model("empty", "high").await;
        assert_eq!(owner.post("/api/v1/models/a/hide", json!({"reason": "mistake"})).await.recorded_problem(), "409 protected_deletion");
    }

    async fn models_are_listed_by_name(app: &TestApp) {
        let owner = app.user("model-owner", &["owner"]).await;
        for (name, kind, tier) in [("b", "model", "high"), ("a", "prompt", "limited"), ("B2", "model", "limited"), ("c_1", "system", "high"), ("c%1", "model", "minimal")] {
            owner.post("/api/v1/models", json!({"name": name, "kind": kind, "risk_tier": tier})).await.expect(201);
        }
        let names = |page: &Value| page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        for (query, expected) in [
            ("", vec!["B2", "a", "b", "c%1", "c_1"]), ("kind=model", vec!["B2", "b", "c%1"]), ("tier=high", vec!["b", "c_1"]), ("prefix=b", vec!["B2", "b"]),
            ("prefix=c_", vec!["c_1"]), ("prefix=C%25", vec!["c%1"]), ("kind=dataset", vec![]), ("kind=model&tier=limited", vec!["B2"]),
        ] {
            assert_eq!(names(&owner.get(&format!("/api/v1/models?{query}")).await.expect(200)), expected, "{query}");
        }
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = owner.get(&format!("/api/v1/models?limit=2{after}")).await.expect(200);
            seen.extend(names(&page));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, ["B2", "a", "b", "c%1", "c_1"]);
        for query in ["kind=robot", "tier=huge", "limit=0"] {
            assert_eq!(owner.get(&format!("/api/v1/models?{query}")).await.problem().split(' ').next(), Some("422"), "{query}");
        }
    }

    /// Raising is immediate; lowering needs a second person in the governance role, and approvals lapse.
    async fn the_risk_tier_is_governed(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "limited").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let tier = "/api/v1/models/loan/risk-tier";
        let opened = cast.scientist.promote(&version, "approved").await.expect(201);
        let id = opened["promotion"]["id"].as_str().unwrap();
        assert_eq!(opened["promotion"]["required_roles"], json!(["product", "security"]));
        cast.product.verdict(id, "product", "approve").await.expect(200);
        assert_eq!(cast.owner.post(tier, json!({"risk_tier": "high", "reason": "loans to people"})).await.kinds(), ["model.risk-tier-changed"]);
        let shown = cast.auditor.get(&format!("/api/v1/promotions/{id}")).await.expect(200);
        assert_eq!(shown["missing_roles"].as_array().unwrap().len(), 4, "what was approved was of another tier");
        assert_eq!(cast.owner.post(tier, json!({"risk_tier": "limited", "reason": "no"})).await.kinds(), ["model.tier-proposed"]);
        assert_eq!(cast.scientist.post(tier, json!({"risk_tier": "minimal", "reason": "no"})).await.recorded_problem(), "403 access_denied");
        let confirm = "/api/v1/models/loan/tier-proposal/confirm";
        cast.governance.post(confirm, json!({"risk_tier": "limited", "reason": "reviewed"})).await.expect(200);
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["risk_tier"], "limited");
        // A profile does not reach the tier.
        assert_eq!(cast.owner.put("/api/v1/models/loan", json!({"risk_tier": "minimal"})).await.problem(), "422 invalid_field risk_tier");
    }
}
