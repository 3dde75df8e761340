//! Approvals in full: people who stand in, conditions, comments, the whole author set, completion, and what a promotion shows.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::builders::{evaluation, facts};
use crate::support::{Answer, Cast, Client, Made, TestApp};

const DAY: i64 = 86_400;

/// A high-risk model with a version that lacks nothing but approvals, and its open promotion to production.
async fn opened(app: &TestApp) -> (Cast, Made, String) {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    let promotion = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
    (cast, version, promotion)
}

async fn shown(client: &Client, promotion: &str) -> Value {
    client.get(&format!("/api/v1/promotions/{promotion}")).await.expect(200)
}

async fn execute(cast: &Cast, promotion: &str) -> Answer {
    cast.pipeline.post(&format!("/api/v1/promotions/{promotion}/execute"), json!({})).await
}

async fn delegate(from: &Client, role: &str, to: &str, until: &str) -> Answer {
    from.post("/api/v1/delegations", json!({"role": role, "to": to, "until": until, "reason": "on leave"})).await
}

/// Approves with conditions, on what the promotion shows now.
async fn approve_if(client: &Client, promotion: &str, role: &str, conditions: Value) -> Answer {
    let set = shown(client, promotion).await["evidence_set"].clone();
    let body = json!({"role": role, "verdict": "approve", "evidence_set": set, "conditions": conditions});
    client.post(&format!("/api/v1/promotions/{promotion}/approvals"), body).await
}

/// The kinds of the entries since the ledger had this size.
async fn kinds_since(app: &TestApp, size: u64) -> Vec<String> {
    let mut kinds = Vec::new();
    for index in size..app.size().await {
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{index}")).await.expect(200);
        kinds.push(entry["kind"].as_str().unwrap().to_owned());
    }
    kinds
}

fn names(people: &Value) -> Vec<&str> {
    people.as_array().unwrap().iter().map(|person| person["name"].as_str().unwrap()).collect()
}

fn missing<'a>(promotion: &'a Value, rule: &str) -> &'a Value {
    promotion["missing"].as_array().unwrap().iter().find(|finding| finding["rule"] == rule).unwrap()
}

both! {
    /// APR-2: an approver lets another person stand in for one role until a date.
    async fn a_delegate_approves_in_the_role_that_was_lent(app: &TestApp) {
        let (cast, _, id) = opened(app).await;
        let bob = app.user("bob", &[]).await;
        assert_eq!(bob.verdict_or_denied(&id, "security").await, "403 access_denied");
        let given = delegate(&cast.security, "security", "bob", "2026-06-08T12:00:00Z").await;
        assert_eq!((given.status, given.kinds()), (201, vec!["delegation.given".to_owned()]));
        let people = shown(&bob, &id).await;
        let security = people["roles"].as_array().unwrap().iter().find(|role| role["role"] == "security").unwrap().clone();
        assert_eq!((&security["needed"], &security["given"], names(&security["people"])), (&json!(1), &json!(0), vec!["security-lead", "bob"]));
        // Verdicts in that role, and nothing else.
        assert_eq!(bob.verdict(&id, "product", "approve").await.recorded_problem(), "403 access_denied role");
        assert_eq!(delegate(&bob, "security", "scientist", "2026-06-08T12:00:00Z").await.recorded_problem(), "403 access_denied");
        bob.verdict(&id, "security", "approve").await.expect(200);
        let view = shown(&cast.auditor, &id).await;
        assert_eq!(view["missing_roles"], json!(["platform", "product", "ai-governance"]));
        assert_eq!((&view["approvals"][0]["delegated_by"]["name"], &view["approvals"][0]["counts"]), (&json!("security-lead"), &json!(true)));
        // One person, one role: who let somebody stand in has spoken.
        assert_eq!(cast.security.verdict(&id, "security", "approve").await.recorded_problem(), "403 separation_of_duties role");
        // What was approved stays approved when the delegation ends; then it works no more.
        assert_eq!(cast.security.delete("/api/v1/delegations/security/bob").await.kinds(), ["delegation.ended"]);
        assert_eq!(bob.verdict_or_denied(&id, "security").await, "403 access_denied");
        assert_eq!(shown(&cast.auditor, &id).await["missing_roles"], json!(["platform", "product", "ai-governance"]));
        for (role, approver) in cast.approvers().into_iter().filter(|(role, _)| *role != "security") {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        execute(&cast, &id).await.expect(200);
    }

    async fn a_delegation_ends_with_its_date_and_with_the_role_of_its_giver(app: &TestApp) {
        let (cast, _, id) = opened(app).await;
        let bob = app.user("bob", &["viewer"]).await;
        delegate(&cast.security, "security", "bob", "2026-06-02T12:00:00Z").await.expect(201);
        app.advance(DAY - 1);
        assert_eq!(cast.auditor.get("/api/v1/delegations?role=security").await.expect(200)["items"][0]["in_force"], true);
        app.advance(1);
        assert_eq!(bob.verdict(&id, "security", "approve").await.recorded_problem(), "403 access_denied");
        delegate(&cast.security, "security", "bob", "2026-07-02T12:00:00Z").await.expect(201);
        let security = app.admin.put("/api/v1/users/security-lead/roles", json!({"roles": ["viewer"]})).await;
        security.expect(200);
        assert_eq!(bob.verdict(&id, "security", "approve").await.recorded_problem(), "403 access_denied");
        let listed = cast.auditor.get("/api/v1/delegations").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "given again, it is the same delegation");
        assert_eq!((&listed["items"][0]["in_force"], &listed["items"][0]["to_name"], &listed["items"][0]["reason"]), (&json!(false), &json!("bob"), &json!("on leave")));
    }

    async fn what_is_no_delegation(app: &TestApp) {
        let (cast, _, id) = opened(app).await;
        for (role, to, until, expected) in [
            ("product", "scientist", "2026-06-08T12:00:00Z", "403 access_denied role"),
            ("security", "security-lead", "2026-06-08T12:00:00Z", "403 separation_of_duties to"),
            ("security", "ci", "2026-06-08T12:00:00Z", "403 separation_of_duties to"),
            ("security", "nobody", "2026-06-08T12:00:00Z", "404 not_found"),
            ("security", "scientist", "2026-09-08T12:00:00Z", "422 invalid_field until"),
            ("security", "scientist", "2026-05-08T12:00:00Z", "422 invalid_field until"),
        ] {
            assert_eq!(delegate(&cast.security, role, to, until).await.problem(), expected, "{role} {to} {until}");
        }
        assert_eq!(cast.security.delete("/api/v1/delegations/security/scientist").await.problem(), "404 not_found");
        // An author stays one, also in somebody else's place.
        delegate(&cast.security, "security", "scientist", "2026-06-08T12:00:00Z").await.expect(201);
        assert_eq!(cast.scientist.verdict(&id, "security", "approve").await.recorded_problem(), "403 separation_of_duties");
    }

    /// APR-2: who made the version elsewhere is an author here, by id, name or address.
    async fn run_user_commit_author_and_workflow_actor_are_authors(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let digest = cast.scientist.upload(b"bytes").await;
        let mut facts = facts();
        facts["training"]["run_user"] = "Product-Owner".into();
        facts["training"]["code"]["author"] = "Sam Security <security-lead@example.com>".into();
        facts["pipeline"] = json!({"name": "train", "run": "17", "actor": "somebody-elsewhere"});
        let body = json!({"files": [{"path": "data/model.bin", "size": 5, "digest": digest}], "facts": facts});
        let path = cast.scientist.post("/api/v1/models/loan/versions", body).await.header("location").to_owned();
        let version = Made { model: "loan".to_owned(), number: 1, path };
        cast.pipeline.evidence(&version, "evaluation", &evaluation(0.81, 0.86)).await;
        let id = cast.owner.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        for (role, approver, expected) in [
            ("product", &cast.product, "403 separation_of_duties"), ("security", &cast.security, "403 separation_of_duties"),
        ] {
            assert_eq!(approver.verdict(&id, role, "approve").await.recorded_problem(), expected);
        }
        cast.platform.verdict(&id, "platform", "approve").await.expect(200);
        let view = shown(&cast.auditor, &id).await;
        let mut authors = names(&view["authors"]);
        authors.sort_unstable();
        assert_eq!(authors, ["model-owner", "product-owner", "scientist", "security-lead"]);
        assert_eq!(names(&missing(&view, "approval.complete")["people"]), ["governance-lead"], "authors could not approve");
    }

    /// APR-6: a condition is owed once the version moved under its approval.
    async fn conditions_are_tracked_until_they_are_met(app: &TestApp) {
        let (cast, version, id) = opened(app).await;
        let second = app.user("second", &["approver:security", "viewer"]).await;
        let condition = |text: &str, due: &str, effect: &str| json!({"text": text, "owner": "credit", "due": due, "effect": effect});
        let both = json!([condition("monitor it", "2026-06-10T00:00:00Z", "block"), condition("write it up", "2026-06-20T00:00:00Z", "deprecate")]);
        approve_if(&cast.security, &id, "security", both).await.expect(200);
        for (role, approver) in cast.approvers().into_iter().filter(|(role, _)| *role != "security") {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        let input = |version: &Made| format!("{}/policy-input?to=production", version.path);
        assert_eq!(cast.auditor.get(&input(&version)).await.expect(200)["conditions"], json!([]), "not before the version moved");
        execute(&cast, &id).await.expect(200);
        let next = cast.evaluated("loan", b"next").await;
        let read = cast.auditor.get(&input(&next)).await.expect(200);
        let statuses: Vec<&Value> = read["conditions"].as_array().unwrap().iter().map(|condition| &condition["status"]).collect();
        assert_eq!(statuses, ["open", "open"]);
        app.advance(10 * DAY);
        let read = cast.auditor.get(&input(&next)).await.expect(200);
        assert_eq!((&read["conditions"][0]["status"], &read["conditions"][0]["effect"], &read["conditions"][1]["status"]), (&json!("missed"), &json!("block"), &json!("open")));
        let met = |number: u64| format!("/api/v1/promotions/{id}/conditions/{number}/met");
        let note = json!({"note": "it is watched since Monday"});
        assert_eq!(cast.product.post(&met(1), note.clone()).await.recorded_problem(), "403 access_denied role");
        assert_eq!(cast.scientist.post(&met(1), note.clone()).await.recorded_problem(), "403 access_denied");
        assert_eq!(second.post(&met(9), note.clone()).await.problem(), "404 not_found");
        assert_eq!(second.post(&met(1), note.clone()).await.kinds(), ["condition.met"], "another holder of the role");
        assert_eq!(cast.security.post(&met(1), note).await.problem(), "409 already_exists number");
        let view = shown(&cast.auditor, &id).await;
        assert_eq!((&view["conditions"][0]["status"], &view["conditions"][0]["met_by"]["name"], &view["conditions"][0]["note"]), (&json!("met"), &json!("second"), &json!("it is watched since Monday")));
        assert_eq!((&view["conditions"][1]["status"], &view["conditions"][1]["binding"]), (&json!("open"), &json!(true)));
        assert_eq!(cast.auditor.get(&input(&next)).await.expect(200)["conditions"][0]["status"], "met");
        // What the scheduled checks act on.
        app.advance(15 * DAY);
        let missed = app.app.missed_conditions(chancery_core::approval::Effect::Deprecate).await.unwrap();
        assert_eq!(missed.iter().map(|row| (row.number.get(), row.condition_number)).collect::<Vec<_>>(), [(1, 2)]);
    }

    async fn an_author_does_not_say_that_a_condition_is_met(app: &TestApp) {
        let cast = app.cast().await;
        let author = app.user("author", &["contributor", "approver:security"]).await;
        author.model("loan", "high").await;
        let version = author.version("loan", b"bytes").await;
        author.evidence(&version, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let id = cast.scientist.promote(&version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        approve_if(&cast.security, &id, "security", json!([{"text": "x", "owner": "y", "due": "2026-07-01T00:00:00Z", "effect": "finding"}])).await.expect(200);
        let answer = author.post(&format!("/api/v1/promotions/{id}/conditions/1/met"), json!({"note": "done"})).await;
        assert_eq!(answer.recorded_problem(), "403 separation_of_duties");
    }

    async fn people_comment_on_a_promotion(app: &TestApp) {
        let (cast, _, id) = opened(app).await;
        let path = format!("/api/v1/promotions/{id}/comments");
        assert_eq!(cast.product.post(&path, json!({"text": "looks good"})).await.kinds(), ["promotion.commented"]);
        cast.scientist.post(&path, json!({"text": "thanks"})).await.expect(200);
        assert_eq!(cast.auditor.post(&path, json!({"text": "x"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(cast.product.post(&path, json!({"text": " "})).await.problem(), "422 invalid_field text");
        let view = shown(&cast.auditor, &id).await;
        let said: Vec<(&Value, &Value)> = view["comments"].as_array().unwrap().iter().map(|comment| (&comment["by"]["name"], &comment["text"])).collect();
        assert_eq!(said, [(&json!("product-owner"), &json!("looks good")), (&json!("scientist"), &json!("thanks"))]);
        // The ledger holds a salted digest, not the words.
        let history = app.admin.get(&format!("/api/v1/ledger/entries/{}", app.size().await - 2)).await;
        assert!(!String::from_utf8_lossy(&history.bytes).contains("thanks"));
    }

    /// What waits for somebody else is said once, and undone by a lapse.
    async fn a_complete_promotion_says_so_once(app: &TestApp) {
        let (cast, version, id) = opened(app).await;
        let before = app.size().await;
        for (role, approver) in cast.approvers() {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        let kinds = kinds_since(app, before).await;
        assert_eq!(kinds[kinds.len() - 3..], ["approval.recorded", "decision.recorded", "promotion.completed"]);
        let view = shown(&cast.auditor, &id).await;
        assert_eq!((&view["ready"], &view["waiting_for"], &view["completed"]), (&json!(true), &json!(["execution by a pipeline"]), &json!(before + 5)));
        let listed = cast.auditor.get("/api/v1/promotions").await.expect(200);
        assert_eq!(listed["items"][0]["missing_rules"], json!(["promoter.pipeline"]));
        let size = app.size().await;
        let again = cast.scientist.promote(&version, "production").await.expect(200);
        assert_eq!((&again["executed"], app.size().await), (&json!(false), size), "nothing is recorded");
        cast.scientist.evidence(&version, "evaluation", &evaluation(0.82, 0.87)).await.expect(201);
        cast.scientist.promote(&version, "production").await.expect(200);
        let lapsed = shown(&cast.auditor, &id).await;
        assert_eq!((&lapsed["ready"], &lapsed["completed"]), (&json!(false), &Value::Null));
        for (role, approver) in cast.approvers() {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        assert!(shown(&cast.auditor, &id).await["completed"].is_u64());
        execute(&cast, &id).await.expect(200);
    }

    /// APR-1: a contributor who asks again hears what is missing and who can supply it.
    async fn asking_again_is_answered_with_what_is_missing(app: &TestApp) {
        let (cast, version, id) = opened(app).await;
        let size = app.size().await;
        let again = cast.scientist.promote(&version, "production").await.expect(200);
        assert_eq!(app.size().await, size, "nothing is recorded");
        assert_eq!((&again["executed"], &again["promotion"]["id"]), (&json!(false), &json!(id)));
        let view = &again["promotion"];
        assert_eq!(names(&missing(view, "approval.complete")["people"]), ["governance-lead", "platform-lead", "product-owner", "security-lead"]);
        assert_eq!(names(&missing(view, "promoter.pipeline")["people"]), ["ci"]);
        let waits: Vec<&str> = view["waiting_for"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(waits, ["1 of 1 approval as platform", "1 of 1 approval as product", "1 of 1 approval as security", "1 of 1 approval as ai-governance"]);
        let auc = view["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == "auc_roc").unwrap();
        assert_eq!((&auc["minimum"], &auc["higher_is_better"], &auc["reference"]), (&json!(0.7), &json!(true), &Value::Null));
        for (role, approver) in cast.approvers() {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        execute(&cast, &id).await.expect(200);
        // Against a release: what changed, and by how much.
        let second = cast.scientist.version("loan", b"other bytes").await;
        cast.scientist.evidence(&second, "evaluation", &evaluation(0.86, 0.86)).await.expect(201);
        let view = cast.scientist.promote(&second, "production").await.expect(201)["promotion"].clone();
        let auc = view["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == "auc_roc").unwrap();
        assert!((auc["difference"].as_f64().unwrap() - 0.05).abs() < 1e-9, "{auc}");
        assert_eq!((&view["reference"]["number"], &view["changes"]["file_count"], &view["changes"]["files"][0]["change"]), (&json!(1), &json!(1), &json!("changed")));
    }

    /// APR-3: the same bytes under another model have approvals of their own.
    async fn approvals_and_decisions_are_not_borrowed(app: &TestApp) {
        let (cast, version, id) = opened(app).await;
        for (role, approver) in cast.approvers() {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        // The same bytes, the same facts, the same evidence: another model, another version, another target, another environment.
        cast.scientist.model("twin", "high").await;
        let twin = cast.evaluated("twin", b"bytes").await;
        let again = cast.evaluated("loan", b"bytes").await;
        let elsewhere = json!({"model": "loan", "version": 1, "to": "production", "environment": "staging"});
        let mut others = Vec::new();
        for (made, to) in [(&twin, "production"), (&again, "production"), (&version, "approved")] {
            others.push(cast.scientist.promote(made, to).await.expect(201)["promotion"].clone());
        }
        for other in &others {
            assert_eq!((other["missing_roles"].as_array().unwrap().len(), &other["decision"]), (4, &Value::Null), "{}", other["target"]);
            assert_eq!(execute(&cast, other["id"].as_str().unwrap()).await.recorded_problem(), "403 gate_failed");
        }
        // A set that was shown for one version is not that of another.
        let set = shown(&cast.product, &id).await["evidence_set"].clone();
        let body = json!({"role": "product", "verdict": "approve", "evidence_set": set});
        let path = format!("/api/v1/promotions/{}/approvals", others[0]["id"].as_str().unwrap());
        assert_eq!(cast.product.post(&path, body).await.problem(), "412 precondition_failed evidence_set");
        // One promotion to a target is open at a time; in another environment it begins anew.
        let cancel = format!("/api/v1/promotions/{id}/cancel");
        cast.scientist.post(&cancel, json!({"reason": "elsewhere first"})).await.expect(200);
        let staging = cast.scientist.post("/api/v1/promotions", elsewhere).await.expect(201)["promotion"].clone();
        assert_eq!((staging["missing_roles"].as_array().unwrap().len(), &staging["decision"], &staging["environment"]), (4, &Value::Null, &json!("staging")));
        assert_eq!(cast.auditor.state(&version).await, "draft");
    }

    /// APR-2: approvals end; the promotion shows it.
    async fn an_approval_that_expired_does_not_count_and_is_shown_so(app: &TestApp) {
        let (cast, _, id) = opened(app).await;
        let token = app.admin.post("/api/v1/tokens", json!({"user": "model-auditor", "expires_in_days": 366})).await.expect(201)["secret"].as_str().unwrap().to_owned();
        for (role, approver) in cast.approvers() {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        assert_eq!(shown(&cast.auditor, &id).await["ready"], true);
        app.advance(90 * DAY);
        let view = shown(&app.anonymous.with_token(&token), &id).await;
        let counts: Vec<&Value> = view["approvals"].as_array().unwrap().iter().map(|approval| &approval["counts"]).collect();
        assert_eq!((counts, &view["ready"]), (vec![&json!(false); 4], &json!(false)));
        assert_eq!(view["missing_roles"].as_array().unwrap().len(), 4);
        assert!(view["waiting_for"].as_array().unwrap().contains(&json!("1 of 1 approval as security")), "{}", view["waiting_for"]);
    }
}

impl Client {
    /// The problem of an approval by somebody who may not even look.
    async fn verdict_or_denied(&self, promotion: &str, role: &str) -> String {
        let body = json!({"role": role, "verdict": "approve", "evidence_set": "0".repeat(64)});
        self.post(&format!("/api/v1/promotions/{promotion}/approvals"), body).await.recorded_problem()
    }
}
