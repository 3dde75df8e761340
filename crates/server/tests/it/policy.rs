//! The policy in force: its rules, its own tests, its modes, and checks that anyone can repeat.

use serde_json::{Value, json};

use crate::support::app::both;

fn rules(findings: &Value) -> Vec<&str> {
    findings.as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

both! {
    async fn the_policy_is_shown_and_passes_its_own_tests(app: &TestApp) {
        let viewer = app.user("viewer", &["viewer"]).await;
        let policy = viewer.get("/api/v1/policy").await.expect(200);
        let mut lines: Vec<String> = Vec::new();
        for rule in policy["rules"].as_array().unwrap() {
            let id = rule["id"].as_str().unwrap();
            let shown = viewer.get(&format!("/api/v1/policy/rules/{id}")).await.expect(200);
            assert_eq!(shown["text"].is_string(), rule["source"] == "rego", "{id}");
            lines.push(format!("{id} {} {} {}", rule["gates"], rule["source"].as_str().unwrap(), rule["non_waivable"]));
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
        approval.complete ["approved"] rego false
        approval.expiring ["schedule"] rego false
        approval.unexpired ["production","deploy"] rego false
        artifact.intact ["candidate","rollback"] core true
        artifact.scan ["candidate","rollback","deploy"] core true
        build.reproducible ["approved"] rego false
        card.sections ["candidate"] rego false
        change.assessed ["approved"] rego false
        components.approved ["approved"] rego false
        condition.due ["schedule"] rego false
        condition.met ["approved"] rego false
        decision.signed ["production"] core true
        document.review-due ["schedule"] rego false
        entry.complete ["candidate"] rego false
        environment.allowed ["deploy"] rego false
        environment.pinned ["candidate"] rego false
        evaluation.attested ["approved"] rego false
        evaluation.baseline ["candidate"] rego false
        evaluation.complete ["approved"] rego false
        evaluation.fresh ["approved"] rego false
        exception.expiring ["schedule"] rego false
        explainability.present ["approved"] rego false
        facts.consistent ["candidate"] rego false
        licence.allowed ["approved"] rego false
        metric.no-regression ["approved"] rego false
        metric.threshold ["approved"] rego false
        monitor.linked ["production"] rego false
        owner.present ["schedule"] rego false
        promoter.pipeline ["production"] core true
        provenance.present ["candidate"] rego false
        retention.due ["schedule"] rego false
        review.present ["approved"] rego false
        risk.assessed ["approved"] rego false
        risk.no-open-critical ["approved"] rego false
        rollback.actor ["rollback"] core true
        rollback.plan ["production"] rego false
        rollback.was-production ["rollback"] core true
        sbom.present ["candidate"] rego false
        signature.compatible ["approved"] rego false
        signature.present ["candidate"] rego false
        state.servable ["deploy"] core true
        template.approved ["candidate"] rego false
        tier.permitted ["candidate","rollback"] core true
        use.allowed ["deploy"] rego false
        version.stale ["schedule"] rego false
        vulnerability.new-critical ["schedule"] rego false
        vulnerability.no-critical ["approved","rollback","deploy"] rego false
        "#);
        assert_eq!(viewer.get("/api/v1/policy/rules/no.such").await.problem(), "404 not_found");
        assert_eq!(viewer.post("/api/v1/policy/test", json!({})).await.expect(200)["passed"], true);
    }

    async fn a_check_lists_what_is_missing_with_remedies(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.post("/api/v1/models", json!({"name": "bare"})).await.expect(201);
        let mut body = cast.scientist.package(b"x").await;
        body["facts"] = json!({});
        cast.scientist.post("/api/v1/models/bare/versions", body).await.expect(201);
        let path = "/api/v1/models/bare/versions/1";
        let size = app.size().await;
        let check = cast.scientist.get(&format!("{path}/check?to=production")).await.expect(200);
        assert_eq!(app.size().await, size, "looking is no entry");
        assert_eq!((check["passed"].clone(), check["blocks"].clone(), check["mode"].clone()), (json!(false), json!(true), json!("enforce")));
        insta::assert_snapshot!(rules(&check["missing"]).join("\n"), @r"
        artifact.scan
        card.sections
        entry.complete
        environment.pinned
        evaluation.baseline
        provenance.present
        sbom.present
        signature.present
        approval.complete
        build.reproducible
        evaluation.attested
        evaluation.complete
        explainability.present
        licence.allowed
        metric.threshold
        review.present
        risk.assessed
        vulnerability.no-critical
        approval.unexpired
        decision.signed
        monitor.linked
        promoter.pipeline
        rollback.plan
        ");
        for finding in check["missing"].as_array().unwrap() {
            assert!(!finding["remedy"].as_str().unwrap_or_default().is_empty(), "{finding}");
        }
        let input = cast.scientist.get(&format!("{path}/policy-input?to=production")).await;
        let digest = chancery_core::names::Digest::of(&serde_json::to_vec(&input.json()).unwrap()).to_string();
        assert_eq!(digest.len(), check["input_digest"].as_str().unwrap().len());
        let recorded = cast.scientist.post(&format!("{path}/check"), json!({"to": "production"})).await;
        assert_eq!(recorded.kinds(), ["check.recorded"]);
        for (query, expected) in [("to=great", "422"), ("to=draft", "409"), ("", "422"), ("to=production&environment=Big", "422")] {
            let found = cast.scientist.get(&format!("{path}/check?{query}")).await;
            assert_eq!(found.problem().split(' ').next(), Some(expected), "{query}: {}", found.json());
        }
    }

    async fn in_warn_mode_nothing_blocks_and_the_version_is_stamped(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "limited").await;
        cast.scientist.model("risky", "high").await;
        let version = cast.scientist.version("loan", b"no evidence").await;
        let risky = cast.scientist.version("risky", b"no evidence").await;
        assert_eq!(cast.owner.promote(&version, "candidate").await.expect(201)["executed"], false);
        let mode = app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "trial"})).await;
        assert_eq!(mode.kinds(), ["policy.mode-changed"]);
        let done = cast.pipeline.promote(&version, "production").await.expect(201);
        assert_eq!(done["executed"], true);
        let shown = cast.auditor.get(&version.path).await.expect(200);
        assert_eq!((shown["state"].clone(), shown["ungated"].clone()), (json!("production"), json!(true)));
        // Warn mode is refused for the tiers high and prohibited.
        let refused = cast.pipeline.promote(&risky, "production").await;
        assert!(refused.status >= 400 || refused.json()["executed"] == false, "{}", refused.json());
        assert_eq!(cast.auditor.state(&risky).await, "draft");
        // While something ungated is in production the registry does not enforce.
        let back = json!({"mode": "enforce", "reason": "done"});
        let refused = app.admin.put("/api/v1/policy/mode", back.clone()).await;
        assert_eq!(refused.problem().split(' ').next(), Some("409"), "{}", refused.json());
        assert!(refused.json()["detail"].as_str().unwrap().contains("loan/1"), "{}", refused.json());
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "deprecated", "reason": "r"})).await.expect(200);
        app.admin.put("/api/v1/policy/mode", back).await.expect(200);
        for (body, expected) in [
            (json!({"mode": "off", "reason": "r"}), "422 invalid_field mode"),
            (json!({"mode": "warn", "reason": ""}), "422 invalid_field reason"),
            (json!({"mode": "warn"}), "422 invalid_field body"),
        ] {
            assert_eq!(app.admin.put("/api/v1/policy/mode", body.clone()).await.problem(), expected, "{body}");
        }
    }
}
