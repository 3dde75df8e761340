//! Between the commits of one call: the approval that completes a promotion and its decision, the opening and the execution.

use chancery::crash::CrashPoint;
use serde_json::{Value, json};

use super::{die, reopen, token};
use crate::support::app::{Database, block_on};
use crate::support::{Answer, Client, TestApp};

/// Approves what the promotion shows, under an idempotency key.
pub(super) async fn approve(approver: &Client, promotion: &str, role: &str) -> Answer {
    let path = format!("/api/v1/promotions/{promotion}");
    let evidence_set = approver.get(&path).await.expect(200)["evidence_set"].clone();
    let body = json!({"role": role, "verdict": "approve", "evidence_set": evidence_set});
    approver.call("POST", &format!("{path}/approvals")).header("Idempotency-Key", role).json(&body).send().await
}

/// Takes the first version to candidate.
pub(super) async fn candidate(pipeline: &Client) -> Answer {
    pipeline.post("/api/v1/promotions", json!({"model": "loan", "version": 1, "to": "candidate"})).await
}

/// Who goes on after the crash.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The approver, who saw no answer, under the same idempotency key.
    Approver,
    /// The pipeline.
    Pipeline,
}

fn between_approval_and_decision(database: Database, next: Next) {
    block_on(async {
        let app = TestApp::start(database).await;
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let id = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        for (role, approver) in &cast.approvers()[..3] {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        let (governance, pipeline) = (token(&app, "governance-lead").await, cast.pipeline.token().await);
        let stopped = app.shut_down().await;

        die(&stopped, CrashPoint::BeforeDecision, &format!("approve {id} ai-governance {governance}"));
        let app = reopen(&stopped).await;
        let shown = app.admin.get(&format!("/api/v1/promotions/{id}")).await.expect(200);
        assert_eq!((&shown["missing_roles"], &shown["decision"]), (&json!([]), &Value::Null), "the approval stands");
        let size = app.size().await;

        let (governance, pipeline) = (app.anonymous.with_token(&governance), app.anonymous.with_token(&pipeline));
        match next {
            Next::Approver => {
                let again = approve(&governance, &id, "ai-governance").await;
                again.expect(200);
                assert_eq!(again.header("idempotent-replay"), "true");
                assert_eq!(app.size().await, size + 2, "the decision and the completion, and no second approval");
                let shown = app.admin.get(&format!("/api/v1/promotions/{id}")).await.expect(200);
                assert_eq!(shown["decision"]["decision"], "APPROVED");
            }
            Next::Pipeline => drop(pipeline.promote(&version, "production").await.expect(200)),
        }
        let decisions = app.admin.get(&format!("{}/decisions", version.path)).await.expect(200);
        assert_eq!(decisions[0]["decision"], "APPROVED");
        if matches!(next, Next::Approver) {
            super::release(&pipeline, &id).await.expect(200);
            approve_closed(&governance, &id).await;
        }
        assert_eq!(app.admin.state(&version).await, "production");
        app.finish().await;
    });
}

/// The repetition of an approval is answered as the first was, also when the promotion is closed.
async fn approve_closed(governance: &Client, id: &str) {
    let again = approve(governance, id, "ai-governance").await;
    again.expect(200);
    assert_eq!(again.header("idempotent-replay"), "true");
}

#[test]
fn sqlite_the_approver_repeats() {
    between_approval_and_decision(Database::Sqlite, Next::Approver);
}

#[test]
fn sqlite_the_pipeline_promotes() {
    between_approval_and_decision(Database::Sqlite, Next::Pipeline);
}

#[test]
fn postgres_the_approver_repeats() {
    between_approval_and_decision(Database::Postgres, Next::Approver);
}

#[test]
fn postgres_the_pipeline_promotes() {
    between_approval_and_decision(Database::Postgres, Next::Pipeline);
}

fn between_opening_and_execution(database: Database) {
    block_on(async {
        let app = TestApp::start(database).await;
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let pipeline = cast.pipeline.token().await;
        let stopped = app.shut_down().await;

        die(&stopped, CrashPoint::BeforeExecution, &format!("candidate {pipeline}"));
        let app = reopen(&stopped).await;
        assert_eq!(app.admin.state(&version).await, "draft");
        let open = app.admin.get("/api/v1/promotions").await.expect(200)["items"].clone();
        assert_eq!((open.as_array().unwrap().len(), &open[0]["status"]), (1, &json!("open")));
        let done = candidate(&app.anonymous.with_token(&pipeline)).await.expect(200);
        assert_eq!(done["promotion"]["id"], open[0]["id"], "no second promotion");
        assert_eq!(app.admin.state(&version).await, "candidate");
        app.finish().await;
    });
}

#[test]
fn sqlite_an_open_promotion_is_executed() {
    between_opening_and_execution(Database::Sqlite);
}

#[test]
fn postgres_an_open_promotion_is_executed() {
    between_opening_and_execution(Database::Postgres);
}

/// Opens the emergency of a promotion, under an idempotency key.
pub(super) async fn break_glass(oncall: &Client, promotion: &str) -> Answer {
    let path = format!("/api/v1/promotions/{promotion}/break-glass");
    oncall.call("POST", &path).header("Idempotency-Key", "night").json(&json!({"reason": "the release leaks"})).send().await
}

fn between_emergency_and_release(database: Database) {
    block_on(async {
        let app = TestApp::start(database).await;
        let cast = app.cast().await;
        app.user("oncall", &["incident"]).await;
        cast.owner.model("loan", "limited").await;
        let version = cast.scientist.version("loan", b"a quick repair").await;
        cast.scan(&version).await;
        let id = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        let oncall = token(&app, "oncall").await;
        let stopped = app.shut_down().await;

        die(&stopped, CrashPoint::AfterEmergency, &format!("break-glass {id} {oncall}"));
        let app = reopen(&stopped).await;
        assert_eq!(app.admin.state(&version).await, "draft", "nothing was released");
        let granted = app.admin.get("/api/v1/exceptions?model=loan&status=granted").await.expect(200)["items"].as_array().unwrap().len();
        assert!(granted > 0, "the emergency is open");
        let again = break_glass(&app.anonymous.with_token(&oncall), &id).await;
        assert_eq!((again.expect(200)["executed"].clone(), again.header("idempotent-replay")), (json!(true), "true"));
        assert_eq!(app.admin.state(&version).await, "production");
        let listed = app.admin.get("/api/v1/exceptions?model=loan&status=granted").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), granted, "no second emergency");
        app.finish().await;
    });
}

#[test]
fn sqlite_an_emergency_is_released() {
    between_emergency_and_release(Database::Sqlite);
}

#[test]
fn postgres_an_emergency_is_released() {
    between_emergency_and_release(Database::Postgres);
}
