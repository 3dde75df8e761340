//! Any past moment can be asked: by entry index and by time.

use serde_json::{Value, json};

use crate::support::app::both;

both! {
    async fn every_past_moment_can_be_asked(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let one = cast.evaluated("loan", b"1").await;
        let two = cast.evaluated("loan", b"2").await;
        // What the model looked like after each step, at a time of its own.
        let mut moments: Vec<(u64, i64, Value)> = Vec::new();
        let steps: [(&str, &str, Value); 7] = [
            ("PUT", "/api/v1/models/loan/aliases/mine", json!({"version": 1})),
            ("PUT", "/api/v1/models/loan/tags/team", json!({"value": "credit"})),
            ("PATCH", "/api/v1/models/loan/versions/1", json!({"description": "better"})),
            ("POST", "/api/v1/promotions", json!({"model": "loan", "version": 1, "to": "candidate"})),
            ("DELETE", "/api/v1/models/loan/aliases/mine", Value::Null),
            ("POST", "/api/v1/models/loan/versions/1/transitions", json!({"to": "deprecated", "reason": "r", "successor": 2})),
            ("POST", "/api/v1/models/loan/rename", json!({"to": "credit"})),
        ];
        let mut seconds = 0;
        let view = async |name: &str, as_of: &str| {
            let query = if as_of.is_empty() { String::new() } else { format!("?as_of={as_of}") };
            let model = cast.auditor.get(&format!("/api/v1/models/{name}{query}")).await.expect(200);
            let version = cast.auditor.get(&format!("/api/v1/models/{name}/versions/1{query}")).await.expect(200);
            let states = cast.auditor.get(&format!("/api/v1/models/{name}/versions{query}")).await.expect(200);
            let states: Vec<Value> = states["items"].as_array().unwrap().iter().map(|item| json!([item["number"], item["state"]])).collect();
            json!({"name": model["name"], "aliases": model["aliases"], "tags": model["tags"], "state": version["state"], "description": version["description"],
                "successor": version["successor"], "versions": states})
        };
        for (method, path, body) in steps {
            app.advance(60);
            seconds += 60;
            let call = cast.owner.call(method, path);
            let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
            assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.json());
            let index = answer.json().pointer("/receipt/index").cloned().unwrap_or_else(|| answer.json()["index"].clone()).as_u64().unwrap();
            let name = if path.ends_with("rename") { "credit" } else { "loan" };
            moments.push((index, seconds, view(name, "").await));
        }
        let start = chancery_core::names::Timestamp::parse(crate::support::app::START).unwrap();
        for (index, seconds, then) in &moments {
            let name = then["name"].as_str().unwrap();
            assert_eq!(view(name, &index.to_string()).await, *then, "as of entry {index}");
            assert_eq!(view(name, &start.plus_seconds(*seconds + 59).to_string()).await, *then, "as of the {seconds}th second");
        }
        let (index, _, then) = &moments[0];
        assert_eq!(then["aliases"], json!({"mine": 1}));
        assert_eq!(cast.auditor.get(&format!("/api/v1/models/loan/aliases/mine?as_of={index}")).await.expect(200)["number"], 1);
        assert_eq!(cast.auditor.get("/api/v1/models/credit/aliases/mine").await.problem(), "404 not_found");
        assert_eq!(cast.auditor.get("/api/v1/models/loan?as_of=0").await.problem().split(' ').next(), Some("404"));
        // Who asks with the name of today about the past finds the model, under the name of then.
        assert_eq!(cast.auditor.get(&format!("/api/v1/models/credit?as_of={index}")).await.expect(200)["name"], "loan");
        for bad in ["x", "-1", "2026-13-01"] {
            let answer = cast.auditor.get(&format!("/api/v1/models/credit?as_of={bad}")).await;
            assert!(matches!(answer.status, 400 | 422), "{bad}: {}", answer.problem());
        }
        drop((one, two));
    }

    async fn the_history_tells_who_did_what_and_why(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"1").await;
        cast.bring_to(&version, "production").await;
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "deprecated", "reason": "a better one"})).await.expect(200);
        assert_eq!(cast.owner.post(&format!("{}/hide", version.path), json!({"reason": "r"})).await.recorded_problem(), "409 protected_deletion version");
        let history = cast.auditor.get(&format!("{}/history", version.path)).await.expect(200);
        let items = history["items"].as_array().unwrap();
        let lines: Vec<String> = items.iter().map(|item| format!("{} {}", item["kind"].as_str().unwrap(), item["actor_name"].as_str().unwrap_or("-"))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        refused model-owner
        version.transitioned model-owner
        promotion.executed ci
        attestation.issued ci
        decision.recorded ci
        version.transitioned ci
        version.transitioned ci
        version.transitioned ci
        promotion.completed governance-lead
        decision.recorded governance-lead
        approval.recorded governance-lead
        approval.recorded security-lead
        approval.recorded product-owner
        approval.recorded platform-lead
        promotion.opened scientist
        evidence.added platform-lead
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        evidence.added scientist
        version.registered scientist
        ");
        assert!(items.iter().any(|item| item["reason"] == "a better one"));
        let indices: Vec<u64> = items.iter().map(|item| item["index"].as_u64().unwrap()).collect();
        assert!(indices.is_sorted_by(|a, b| a > b), "newest first: {indices:?}");
        let page = cast.auditor.get(&format!("{}/history?limit=2", version.path)).await.expect(200);
        let next = cast.auditor.get(&format!("{}/history?limit=2&after={}", version.path, page["next"].as_str().unwrap())).await.expect(200);
        assert_eq!(next["items"][0]["index"], indices[2]);
        assert!(!cast.auditor.get("/api/v1/models/loan/history").await.expect(200)["items"].as_array().unwrap().is_empty());
    }

    async fn entries_are_for_auditors(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let head = cast.scientist.get("/api/v1/ledger/head").await;
        let last = app.size().await - 1;
        assert!(matches!(head.status, 200 | 403));
        for path in ["/api/v1/ledger/entries".to_owned(), format!("/api/v1/ledger/entries/{last}")] {
            assert_eq!(cast.scientist.get(&path).await.recorded_problem(), "403 access_denied");
            assert_eq!(cast.auditor.get(&path).await.status, 200);
        }
        let entry = cast.auditor.get(&format!("/api/v1/ledger/entries/{last}")).await;
        assert_eq!(entry.json()["index"], last);
        let found = cast.auditor.get("/api/v1/ledger/entries?kind=model.created").await.expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        app.app.sign_checkpoint().await.unwrap();
        let proof = cast.auditor.get(&format!("/api/v1/ledger/proof/{last}")).await;
        assert!(String::from_utf8(proof.bytes).unwrap().starts_with("c2sp.org/tlog-proof@v1\n"));
        assert_eq!(cast.auditor.get("/api/v1/ledger/proof/99999").await.status, 404);
        assert_eq!(cast.auditor.get("/api/v1/ledger/entries/99999").await.problem().split(' ').next(), Some("404"));
    }
}
