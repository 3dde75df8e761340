//! Templates of written documents: two persons, versions, and what a gate reads of them (DOC-8).

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::app::both;
use crate::support::builders::Made;

const TEXT: &str = "# Model card\n\n## Intended use\n\n## Limitations\n\n## Citation [optional]\n";

fn new(text: &str) -> Value {
    json!({"name": "card", "type": "model-card", "text": text})
}

/// `summary.template` of the first document, as a gate would read it now.
async fn seen(client: &Client, version: &Made) -> Value {
    client.get(&format!("{}/policy-input?to=candidate", version.path)).await.expect(200)["evidence"][0]["summary"]["template"].clone()
}

async fn card(client: &Client, version: &Made, template: &str) {
    let text = format!("---\ntemplate: {template}\n---\n# Card\n## Intended use\nSorts applications for clerks in a bank.\n");
    client.call("POST", &format!("{}/evidence?type=model-card", version.path)).bytes(text).send().await.expect(201);
}

both! {
    async fn a_template_is_added_by_one_and_approved_by_another(app: &TestApp) {
        let cast = app.cast().await;
        let admin = &app.user("governance-deputy", &["approver:ai-governance"]).await;
        let size = app.size().await;
        let added = admin.post("/api/v1/templates", new(TEXT)).await;
        insta::assert_snapshot!(added.snapshot(), @r#"
        201 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "sections": [
                  "intended_use",
                  "limitations"
                ],
                "text": "[digest]",
                "type": "model-card",
                "version": 1
              },
              "door": "api",
              "index": 23,
              "kind": "template.added",
              "subject": "template/card",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 23
        }
        "#);
        assert_eq!(app.size().await, size + 1);
        let approve = "/api/v1/templates/card/1/approve";
        assert_eq!(admin.post(approve, json!({})).await.recorded_problem(), "403 separation_of_duties");
        assert_eq!(cast.scientist.post(approve, json!({})).await.recorded_problem(), "403 access_denied");
        assert_eq!(cast.security.post(approve, json!({})).await.recorded_problem(), "403 access_denied");
        cast.governance.post(approve, json!({})).await.expect(200);
        let shown = cast.scientist.get("/api/v1/templates/card").await.expect(200);
        assert_eq!((&shown["text"], &shown["status"], &shown["in_force"], &shown["version"]), (&json!(TEXT), &json!("approved"), &json!(true), &json!(1)));
        for (body, expected) in [
            (json!({"name": "card", "type": "model-card", "text": TEXT, "colour": "red"}), "422 invalid_field colour"),
            (json!({"name": "Card", "type": "model-card", "text": TEXT}), "422 invalid_field name"),
            (json!({"name": "card", "type": "sbom", "text": TEXT}), "422 invalid_field type"),
            (json!({"name": "card", "type": "model-card", "text": "no heading"}), "422 invalid_field sections"),
            (json!({"name": "card", "type": "model-card", "text": TEXT, "sections": ["performance"]}), "422 invalid_field sections"),
            (json!({"name": "card", "type": "model-card", "text": format!("---\ntemplate: card@1\n---\n{TEXT}")}), "422 invalid_field text"),
        ] {
            assert_eq!(admin.post("/api/v1/templates", body.clone()).await.problem(), expected, "{body}");
        }
        assert_eq!(admin.post(approve, json!({})).await.problem(), "409 already_exists");
        for path in ["templates/other", "templates/card/2"] {
            assert_eq!(admin.get(&format!("/api/v1/{path}")).await.problem(), "404 not_found");
        }
        assert_eq!(admin.post("/api/v1/templates/card/1/withdraw", json!({"reason": " "})).await.problem(), "422 invalid_field reason");
    }

    async fn templates_are_listed_page_by_page(app: &TestApp) {
        for (name, version) in [("a", 1), ("b", 1), ("a", 2), ("a-b", 1)] {
            let body = json!({"name": name, "type": "review", "text": format!("# Review {version}\n## Findings\n")});
            app.admin.post("/api/v1/templates", body).await.expect(201);
        }
        let mut found = Vec::new();
        let mut path = "/api/v1/templates?limit=1".to_owned();
        loop {
            let page = app.admin.get(&path).await.expect(200);
            found.extend(page["items"].as_array().unwrap().iter().map(|item| format!("{}@{}", item["name"].as_str().unwrap(), item["version"])));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/templates?limit=1&after={next}");
        }
        assert_eq!(found, ["a@1", "a@2", "a-b@1", "b@1"]);
        assert_eq!(app.admin.get("/api/v1/templates?after=YWJj").await.problem(), "422 invalid_field after");
    }

    async fn a_gate_reads_the_template_as_it_stands(app: &TestApp) {
        let cast = app.cast().await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        cast.owner.model("loan", "high").await;
        let version = cast.scientist.version("loan", b"bytes").await;
        card(&cast.scientist, &version, "card@1").await;
        let state = |approved: bool, current: bool, missing: &[&str]| {
            json!({"name": "card", "version": 1, "approved": approved, "current": current, "missing_sections": missing})
        };
        assert_eq!(seen(&cast.scientist, &version).await, state(false, false, &[]), "nobody knows this template");
        deputy.post("/api/v1/templates", new(TEXT)).await.expect(201);
        assert_eq!(seen(&cast.scientist, &version).await, state(false, false, &["limitations"]));
        cast.governance.post("/api/v1/templates/card/1/approve", json!({})).await.expect(200);
        assert_eq!(seen(&cast.scientist, &version).await, state(true, true, &["limitations"]));
        deputy.post("/api/v1/templates", new(TEXT)).await.expect(201);
        cast.governance.post("/api/v1/templates/card/2/approve", json!({})).await.expect(200);
        assert_eq!(seen(&cast.scientist, &version).await, state(true, false, &["limitations"]), "approved, and replaced");
        deputy.post("/api/v1/templates/card/1/withdraw", json!({"reason": "too short"})).await.expect(200);
        assert_eq!(seen(&cast.scientist, &version).await, state(false, false, &["limitations"]));
        // A template for other documents is none for this one.
        let review = json!({"kind": "peer", "verdict": "approve", "template": "card@2"}).to_string();
        cast.scientist.call("POST", &format!("{}/evidence?type=review", version.path)).bytes(review).send().await.expect(201);
        let input = cast.scientist.get(&format!("{}/policy-input?to=candidate", version.path)).await.expect(200);
        assert_eq!(input["evidence"][1]["summary"]["template"]["approved"], false);
    }

    async fn types_of_evidence_are_described(app: &TestApp) {
        let viewer = app.user("viewer", &["viewer"]).await;
        let all = viewer.get("/api/v1/evidence-types").await.expect(200);
        assert_eq!(all["items"].as_array().unwrap().len(), chancery_core::evidence::EvidenceType::ALL.len());
        let shown = viewer.get("/api/v1/evidence-types/review").await.expect(200);
        assert_eq!((&shown["schema"]["properties"]["schema"]["const"], &shown["largest"]), (&json!("chancery.review/v1"), &json!(1_048_576)));
        assert_eq!(viewer.get("/api/v1/evidence-types/gossip").await.problem(), "422 invalid_field path");
    }
}
