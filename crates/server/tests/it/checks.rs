//! Reviews, standing findings and the scheduled checks, with a moved clock.

use chancery::jobs::checks::run_once;
use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Client, TestApp};

const DAY: i64 = 86_400;

/// Rules and subjects of the open findings, oldest first.
async fn open(client: &Client) -> Vec<(String, String)> {
    let page = client.get("/api/v1/findings?limit=500").await.expect(200);
    let mut found: Vec<(String, String)> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["rule"].as_str().unwrap().to_owned(), item["subject"]["id"].as_str().unwrap().to_owned()))
        .collect();
    found.reverse();
    found
}

/// The open findings of a rule.
async fn of_rule(client: &Client, rule: &str) -> usize {
    open(client).await.iter().filter(|(found, _)| found == rule).count()
}

async fn reviews(client: &Client, about: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/reviews?about={about}")).await.expect(200)["items"].as_array().unwrap().clone()
}

async fn run(app: &TestApp) {
    run_once(&app.app).await.unwrap();
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
    /// REV-1: what is scheduled and not done is a finding when its day has come, once; doing it closes the finding and schedules the next.
    async fn an_overdue_review_is_a_finding(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let body = json!({"about": "card", "model": "loan", "owner": "credit", "due": "2026-06-20T00:00:00Z", "every_days": 30, "reason": "every month"});
        let made = cast.scientist.post("/api/v1/reviews", body).await;
        made.expect(201);
        let path = made.header("location").to_owned();
        insta::assert_snapshot!(steady(&cast.auditor.get(&path).await), @r#"
        {
          "about": "card",
          "cause": null,
          "done_at": null,
          "done_by": null,
          "due": "[time]",
          "every_days": 30,
          "id": "[id]",
          "note": null,
          "outcome": null,
          "overdue": false,
          "owner": "credit",
          "reason": "every month",
          "revision": "[index]",
          "scheduled_at": "[time]",
          "scheduled_by": "[id]",
          "scheduled_index": "[index]",
          "status": "open",
          "subject": {
            "id": "model/[id]",
            "model": "loan",
            "title": null,
            "version": null
          }
        }
        "#);
        run(app).await;
        assert_eq!(of_rule(&cast.auditor, "review.overdue").await, 0);
        app.advance(30 * DAY);
        assert_eq!(cast.auditor.get("/api/v1/reviews?status=overdue").await.expect(200)["items"].as_array().unwrap().len(), 1);
        run(app).await;
        run(app).await;
        assert_eq!(of_rule(&cast.auditor, "review.overdue").await, 1);
        let entries = app.size().await;
        // Two servers at once.
        let (first, second) = tokio::join!(run_once(&app.app), run_once(&app.app));
        first.unwrap();
        second.unwrap();
        assert_eq!(app.size().await, entries + 2, "only that the checks ran");
        cast.scientist.post(&format!("{path}/done"), json!({"outcome": "confirmed", "note": "still true"})).await.expect(200);
        run(app).await;
        assert_eq!(of_rule(&cast.auditor, "review.overdue").await, 0);
        let closed = cast.auditor.get("/api/v1/findings?status=closed&rule=review.overdue&model=loan").await.expect(200);
        assert_eq!((closed["items"][0]["reason"].as_str(), closed["items"][0]["subject"]["model"].as_str()), (Some("resolved"), Some("loan")));
        let next = reviews(&cast.auditor, "card").await;
        assert_eq!((next.len(), next[0]["due"].as_str()), (1, Some("2026-07-31T12:00:00.000000Z")));
    }

    /// Events ask for reviews: a release, a rollback, a raised tier. One event, one review; and whoever rolled back does not review it.
    async fn events_schedule_reviews(app: &TestApp) {
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident", "contributor"]).await;
        cast.scientist.model("loan", "high").await;
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        let second = cast.evaluated("loan", b"second").await;
        cast.bring_to(&second, "production").await;
        oncall.post("/api/v1/models/loan/rollback", json!({"reason": "night"})).await.expect(200);
        cast.scientist.model("toy", "minimal").await;
        cast.owner.post("/api/v1/models/toy/risk-tier", json!({"risk_tier": "high", "reason": "used for credit"})).await.expect(200);
        for _ in 0..2 {
            run(app).await;
        }
        let entry = reviews(&cast.auditor, "entry").await;
        assert_eq!((entry.len(), entry[0]["subject"]["version"].as_u64(), entry[0]["owner"].as_str()), (1, Some(1), Some("credit")));
        assert_eq!(entry[0]["due"], "2026-11-28T12:00:00.000000Z");
        let tier = reviews(&cast.auditor, "risk").await;
        assert_eq!((tier.len(), tier[0]["subject"]["model"].as_str()), (1, Some("toy")));
        let emergency = reviews(&cast.auditor, "emergency").await;
        assert_eq!((emergency.len(), emergency[0]["due"].as_str()), (1, Some("2026-06-04T12:00:00.000000Z")));
        let draft = cast.scientist.version("loan", b"third").await;
        let input = cast.auditor.get(&format!("{}/policy-input?to=candidate", draft.path)).await.expect(200);
        let abouts: Vec<&str> = input["reviews"].as_array().unwrap().iter().map(|review| review["about"].as_str().unwrap()).collect();
        assert_eq!(abouts, ["emergency", "entry"], "the reviews of every version of the model");
        let done = format!("/api/v1/reviews/{}/done", emergency[0]["id"].as_str().unwrap());
        assert_eq!(oncall.post(&done, json!({"outcome": "confirmed"})).await.recorded_problem(), "403 separation_of_duties");
        app.advance(73 * 3600);
        run(app).await;
        assert_eq!(of_rule(&cast.auditor, "review.overdue").await, 1);
        cast.governance.post(&done, json!({"outcome": "confirmed"})).await.expect(200);
        run(app).await;
        assert_eq!(of_rule(&cast.auditor, "review.overdue").await, 0);
    }

    /// Risks and mitigations past their date, models that nobody owns; a dry run says it and writes nothing; only an administrator runs it.
    async fn what_is_left_lying_is_found(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.post("/api/v1/models", json!({"name": "orphan"})).await.expect(201);
        let risk = json!({"title": "drift", "category": "quality", "severity": "low", "likelihood": "rare", "review_date": "2026-06-10T00:00:00Z",
            "mitigations": [{"text": "watch it", "owner": "credit", "due": "2026-06-05T00:00:00Z"}]});
        let made = cast.scientist.post("/api/v1/risks", risk).await;
        made.expect(201);
        let path = made.header("location").to_owned();
        assert_eq!(cast.owner.post("/api/v1/jobs/run", json!({})).await.recorded_problem(), "403 access_denied");
        app.advance(20 * DAY);
        let before = app.size().await;
        let dry = app.admin.post("/api/v1/jobs/run", json!({"dry_run": true})).await.expect(200);
        assert_eq!((dry["counts"]["opened"].as_u64(), dry["receipt"].is_null(), app.size().await), (Some(3), true, before));
        let run = app.admin.post("/api/v1/jobs/run", json!({})).await;
        assert_eq!(run.kinds(), ["finding.checks-run"]);
        let mut rules: Vec<String> = open(&cast.auditor).await.into_iter().map(|(rule, _)| rule).collect();
        rules.sort();
        assert_eq!(rules, ["owner.present", "risk.mitigation-due", "risk.review-due"]);
        let found = cast.auditor.get("/api/v1/findings?rule=risk.mitigation-due").await.expect(200);
        assert_eq!((found["items"][0]["subject"]["title"].as_str(), found["items"][0]["due"].as_str()), (Some("drift"), Some("2026-06-05T00:00:00.000000Z")));
        // Put right, one after the other.
        cast.scientist.put("/api/v1/models/orphan", json!({"ownership": {"owner": "head of credit"}})).await.expect(200);
        cast.scientist.post(&format!("{path}/mitigations/1/done"), json!({})).await.expect(200);
        let later = json!({"title": "drift", "category": "quality", "severity": "low", "likelihood": "rare", "review_date": "2027-06-10T00:00:00Z"});
        cast.scientist.put(&path, later).await.expect(200);
        let run = app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
        assert_eq!((run["counts"]["closed"].as_u64(), open(&cast.auditor).await.len()), (Some(3), 0));
    }

    /// LIF-7: what is replaced, by what, until when, and who still points at it. ENT-15 and ENT-16: document control and the score are shown.
    async fn end_of_life_and_risk_score_are_shown(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for (name, sunset) in [("one", Some("2026-07-01T00:00:00Z")), ("two", None), ("three", Some("2026-06-11T12:00:00Z"))] {
            let version = cast.scientist.version("loan", name.as_bytes()).await;
            cast.scientist.put(&format!("/api/v1/models/loan/aliases/use-{name}"), json!({"version": version.number})).await.expect(200);
            let body = json!({"to": "deprecated", "reason": "replaced", "sunset": sunset});
            cast.owner.post(&format!("{}/transitions", version.path), body).await.expect(200);
        }
        let list = cast.auditor.get("/api/v1/end-of-life?limit=2").await.expect(200);
        let shown: Vec<(u64, Option<i64>, &str)> = list["items"].as_array().unwrap().iter()
            .map(|item| (item["number"].as_u64().unwrap(), item["days_left"].as_i64(), item["aliases"][0].as_str().unwrap())).collect();
        assert_eq!(shown, [(3, Some(10), "use-three"), (1, Some(29), "use-one")]);
        let rest = cast.auditor.get(&format!("/api/v1/end-of-life?model=loan&after={}", list["next"].as_str().unwrap())).await.expect(200);
        assert_eq!((rest["items"][0]["number"].as_u64(), rest["items"][0]["days_left"].is_null(), rest["next"].is_null()), (Some(2), true, true));
        app.advance(11 * DAY);
        assert_eq!(cast.auditor.get("/api/v1/end-of-life").await.json()["items"][0]["days_left"], -1);

        let control = json!({"document_id": "MRM-7", "next_review": "2026-12-01", "review_status": "approved", "criticality": "high", "materiality": "low"});
        cast.scientist.put("/api/v1/models/loan", json!({"document_control": control, "classification": "internal", "risk": {"autonomy": "decides"}})).await.expect(200);
        let model = cast.auditor.get("/api/v1/models/loan").await;
        assert_eq!(model.json()["document_control"]["next_review"], "2026-12-01T00:00:00.000000Z");
        insta::assert_snapshot!(model.snapshot_of("/risk_score"), @r#"
        200 {
          "factors": [
            {
              "factor": "risk_tier",
              "points": 25,
              "value": "high"
            },
            {
              "factor": "classification",
              "points": 3,
              "value": "internal"
            },
            {
              "factor": "personal_data",
              "points": 5,
              "value": ""
            },
            {
              "factor": "criticality",
              "points": 10,
              "value": "high"
            },
            {
              "factor": "materiality",
              "points": 0,
              "value": "low"
            },
            {
              "factor": "security_rating",
              "points": 5,
              "value": ""
            },
            {
              "factor": "audience",
              "points": 4,
              "value": ""
            },
            {
              "factor": "autonomy",
              "points": 8,
              "value": "decides"
            }
          ],
          "level": "high",
          "score": 60
        }
        "#);
        let draft = cast.scientist.version("loan", b"four").await;
        let input = cast.auditor.get(&format!("{}/policy-input?to=candidate", draft.path)).await.expect(200);
        assert_eq!(input["risk_score"], model.json()["risk_score"]);
        assert_eq!(input["model"]["document_control"]["document_id"], "MRM-7");
        // ENT-13: less said, less complete; what is shown is what the rule measures.
        let shares = async |version: &crate::support::Made| {
            let shown = cast.auditor.get(&version.path).await.expect(200)["completeness"].as_f64().unwrap();
            let check = cast.auditor.get(&format!("{}/check?to=candidate", version.path)).await.expect(200)["completeness"].as_f64().unwrap();
            assert!((shown - check).abs() < 1e-9, "{shown} {check}");
            shown
        };
        let before = shares(&draft).await;
        cast.scientist.put("/api/v1/models/loan", crate::support::builders::profile()).await.expect(200);
        assert!(before < 0.5 && shares(&draft).await > 0.99, "{before}");
        let bad = cast.scientist.put("/api/v1/models/loan", json!({"document_control": {"criticality": "immense"}})).await;
        assert_eq!(bad.problem(), "422 invalid_field document_control.criticality");
    }

    /// APR-6: a condition that is missed costs the version its state, where the approver asked for that.
    async fn a_missed_condition_deprecates(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"one").await;
        let opened = cast.scientist.promote(&version, "approved").await.expect(201);
        let id = opened["promotion"]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/promotions/{id}");
        for (role, approver) in cast.approvers().into_iter().filter(|(role, _)| *role != "product") {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        let shown = cast.product.get(&path).await.expect(200)["evidence_set"].clone();
        let condition = json!({"text": "watch drift", "owner": "credit", "due": "2026-06-11T12:00:00Z", "effect": "deprecate"});
        let verdict = json!({"role": "product", "verdict": "approve", "evidence_set": shown, "conditions": [condition]});
        cast.product.post(&format!("{path}/approvals"), verdict).await.expect(200);
        cast.pipeline.post(&format!("{path}/execute"), json!({})).await.expect(200);
        app.advance(9 * DAY);
        run(app).await;
        assert_eq!(cast.auditor.state(&version).await, "approved");
        app.advance(2 * DAY);
        let dry = app.admin.post("/api/v1/jobs/run", json!({"dry_run": true})).await.expect(200);
        assert_eq!((dry["deprecated"][0]["version"].as_u64(), cast.auditor.state(&version).await.as_str()), (Some(1), "approved"));
        run(app).await;
        assert_eq!(cast.auditor.state(&version).await, "deprecated");
        let history = cast.auditor.get(&format!("{}/history?limit=9", version.path)).await.expect(200);
        let last = history["items"].as_array().unwrap().iter().find(|item| item["kind"] == "version.transitioned").unwrap().clone();
        assert_eq!((last["actor"].as_str(), last["door"].as_str()), (Some("system"), Some("schedule")));
        assert!(last["reason"].as_str().unwrap().starts_with("condition 1 of promotion "), "{last}");
        let again = app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
        assert_eq!(again["counts"]["deprecated"], 0);
    }

    /// A moved clock is part of the record, once.
    async fn a_moved_clock_is_recorded(app: &TestApp) {
        let before = app.size().await;
        for offset in [0, 7_200_000_000, 7_200_000_000, 0, 0] {
            app.app.record_clock_offset(offset).await.unwrap();
        }
        assert_eq!(app.size().await, before + 2);
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{before}")).await.expect(200);
        assert_eq!((entry["kind"].as_str(), entry["data"]["offset_seconds"].as_i64()), (Some("clock.moved"), Some(7_200)));
    }
}
