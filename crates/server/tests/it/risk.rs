//! The risk register over HTTP: who decides, what gates read, export and import.

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::app::both;

fn risk(title: &str, severity: &str, models: &[&str]) -> Value {
    json!({"title": title, "category": "fairness", "severity": severity, "likelihood": "likely", "models": models, "requirements": ["EU-AI-Act Art. 10"]})
}

/// Adds a risk; its address.
async fn added(client: &Client, risk: Value) -> String {
    let answer = client.post("/api/v1/risks", risk).await;
    answer.expect(201);
    answer.header("location").to_owned()
}

/// The body for a snapshot, without the indexes, which depend on everything before.
fn steady(answer: &crate::support::Answer) -> String {
    let mut body = crate::support::client::redacted(answer.json());
    for name in ["revision", "created_index", "scheduled_index"] {
        if let Some(member) = body.get_mut(name) {
            *member = "[index]".into();
        }
    }
    serde_json::to_string_pretty(&body).unwrap()
}

both! {
    /// RSK-1: a risk that is linked to a model is in the input of its gates; a grave one goes away by a second person only.
    async fn gates_read_risks_and_a_second_person_decides(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        cast.scientist.model("cards", "high").await;
        let version = cast.evaluated("loan", b"one").await;
        let input = format!("{}/policy-input?to=approved", version.path);
        assert_eq!(cast.auditor.get(&input).await.expect(200)["risks"], json!([]));
        let path = added(&cast.scientist, risk("unfair to some", "critical", &["loan", "cards"])).await;
        let shown = cast.auditor.get(&path).await;
        insta::assert_snapshot!(steady(&shown), @r#"
        {
          "category": "fairness",
          "created_at": "[time]",
          "created_by": "[id]",
          "created_by_name": "scientist",
          "created_index": "[index]",
          "decided_by": null,
          "decided_by_name": null,
          "description": "",
          "id": "[id]",
          "level": "critical",
          "likelihood": "likely",
          "mitigations": [],
          "models": [
            "cards",
            "loan"
          ],
          "requirements": [
            "EU-AI-Act Art. 10"
          ],
          "review_date": null,
          "revision": "[index]",
          "severity": "critical",
          "status": "open",
          "title": "unfair to some",
          "updated_at": "[time]"
        }
        "#);
        let read = cast.auditor.get(&input).await.expect(200)["risks"].clone();
        assert_eq!((read[0]["level"].as_str(), read[0]["status"].as_str(), read[0]["open_mitigations"].as_u64()), (Some("critical"), Some("open"), Some(0)));

        let accept = json!({"status": "accepted", "reason": "borne"});
        let status = format!("{path}/status");
        assert_eq!(cast.scientist.post(&status, accept.clone()).await.recorded_problem(), "403 access_denied status");
        assert_eq!(cast.product.post(&status, accept.clone()).await.recorded_problem(), "403 access_denied status");
        assert_eq!(cast.scientist.delete(&format!("{path}/models/loan")).await.recorded_problem(), "403 access_denied status");
        let lower = json!({"title": "unfair to some", "category": "fairness", "severity": "low", "likelihood": "rare"});
        assert_eq!(cast.scientist.put(&path, lower.clone()).await.recorded_problem(), "403 access_denied status");
        let old = cast.auditor.get(&path).await.header("etag").to_owned();
        cast.scientist.post(&format!("{path}/mitigations"), json!({"text": "measure", "owner": "credit", "due": "2026-07-01T00:00:00Z"})).await.expect(201);
        let stale = cast.security.call("POST", &status).header("If-Match", &old).json(&accept).send().await;
        assert_eq!(stale.problem(), "412 precondition_failed If-Match");
        cast.security.post(&status, accept).await.expect(200);
        let read = cast.auditor.get(&input).await.expect(200)["risks"].clone();
        assert_eq!((read[0]["status"].as_str(), read[0]["open_mitigations"].as_u64()), (Some("accepted"), Some(1)));
        // Not open any more: the level may be said anew, by anybody.
        cast.scientist.put(&path, lower).await.expect(200);
        cast.scientist.delete(&format!("{path}/models/cards")).await.expect(200);
        assert_eq!(cast.auditor.get(&path).await.json()["models"], json!(["loan"]));
        cast.scientist.post(&format!("{path}/mitigations/1/done"), json!({"note": "in the report"})).await.expect(200);
        let done = cast.auditor.get(&path).await.json()["mitigations"][0].clone();
        assert_eq!((done["done_by"].as_str().unwrap().len(), &done["done_by_name"]), (33, &json!("scientist")));
    }

    /// A verdict is never older than the risks that it speaks about: what is attached to a model moves a revision that gates note.
    async fn a_risk_that_comes_between_is_seen(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for number in 0..3 {
            added(&cast.scientist, risk(&format!("risk {number}"), "low", if number == 1 { &[] } else { &["loan"] })).await;
        }
        let listed = cast.auditor.get("/api/v1/risks?model=loan&status=open&level=medium").await.expect(200);
        let titles: Vec<&str> = listed["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["risk 2", "risk 0"]);
        let page = cast.auditor.get("/api/v1/risks?limit=2").await.expect(200);
        let next = cast.auditor.get(&format!("/api/v1/risks?limit=2&after={}", page["next"].as_str().unwrap())).await.expect(200);
        assert_eq!((next["items"][0]["title"].as_str(), next["next"].is_null()), (Some("risk 0"), true));
        for bad in ["colour=red", "status=gone", "level=huge", "model=none", "after=x"] {
            assert!(cast.auditor.get(&format!("/api/v1/risks?{bad}")).await.status >= 400, "{bad}");
        }
    }

    /// A model answers for the risks of the systems that it is a part of now.
    async fn the_risks_of_a_system_concern_its_parts(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let part = cast.scientist.version("loan", b"one").await;
        let input = format!("{}/policy-input?to=candidate", part.path);
        cast.scientist.post("/api/v1/models", json!({"name": "desk", "kind": "system"})).await.expect(201);
        added(&cast.scientist, risk("of the whole", "high", &["desk"])).await;
        assert_eq!(cast.auditor.get(&input).await.expect(200)["risks"], json!([]));
        let parts = json!({"facts": {"composition": [{"role": "model", "reference": "loan/1"}]}});
        cast.scientist.post("/api/v1/models/desk/versions", parts).await.expect(201);
        let read = cast.auditor.get(&input).await.expect(200)["risks"].clone();
        assert_eq!((read.as_array().unwrap().len(), read[0]["title"].as_str()), (1, Some("of the whole")));
    }

    /// What is exported is imported unchanged; a file with a malformed row imports nothing; cells are no formulas.
    async fn the_register_moves_as_a_file(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let path = added(&cast.scientist, risk("=HYPERLINK(\"http://evil\")", "critical", &["loan"])).await;
        cast.scientist.post(&format!("{path}/mitigations"), json!({"text": "measure", "owner": "credit"})).await.expect(201);
        let csv = cast.auditor.get("/api/v1/risks/export?format=csv").await;
        let text = String::from_utf8(csv.bytes.clone()).unwrap();
        assert!(text.contains("\"'=HYPERLINK(\"\"http://evil\"\")\"") && csv.header("content-type").starts_with("text/csv"), "{text}");
        for format in ["csv", "json"] {
            let file = cast.auditor.get(&format!("/api/v1/risks/export?format={format}")).await.bytes;
            let done = cast.scientist.call("POST", &format!("/api/v1/risks/import?format={format}")).bytes(file).send().await.expect(200);
            assert_eq!((done["unchanged"].as_u64(), done["receipt"].is_null()), (Some(1), true), "{format}");
        }
        let before = app.size().await;
        let rows = "title,category,severity,likelihood,models\nslow,quality,low,rare,loan\nwrong,quality,huge,rare,\nlost,quality,low,rare,nowhere\n";
        let import = "/api/v1/risks/import?format=csv";
        let refused = cast.scientist.call("POST", import).bytes(rows).send().await;
        assert_eq!(refused.problem(), "422 invalid_field severity");
        assert!(refused.json()["detail"].as_str().unwrap().contains("row 2: severity `huge`"), "{}", refused.json());
        let dry = cast.scientist.call("POST", &format!("{import}&dry_run=true")).bytes(rows).send().await.expect(200);
        assert_eq!((dry["added"].as_u64(), dry["refused"].as_u64(), app.size().await), (Some(1), Some(2), before));
        assert!(dry["rows"][2]["problem"].as_str().unwrap().contains("`nowhere`"), "{dry}");
        let rows: String = (0..60).map(|number| format!("risk {number},quality,low,rare,loan\n")).collect();
        let call = || cast.scientist.call("POST", import).header("Idempotency-Key", "k1").bytes(format!("title,category,severity,likelihood,models\n{rows}"));
        let done = call().send().await.expect(200);
        assert_eq!((done["added"].as_u64(), done["rows"].as_array().unwrap().len()), (Some(60), 60));
        let size = app.size().await;
        let again = call().send().await.expect(200);
        assert_eq!((again["added"].as_u64(), app.size().await), (Some(60), size), "a replay of every row");
        assert_eq!(again["rows"][7]["id"], done["rows"][7]["id"]);
        let critical = json!([{"id": path.rsplit('/').next().unwrap(), "title": "x", "category": "quality", "severity": "low", "likelihood": "rare"}]);
        let lowered = cast.scientist.post("/api/v1/risks/import", critical).await.expect(200);
        assert_eq!(lowered["rows"][0]["outcome"], "refused", "an import is no way around the second person: {lowered}");
    }
}
