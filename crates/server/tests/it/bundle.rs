//! Policy bundles of the organisation: two persons, effect on gates, restarts, hostile files, dry runs, explanations, replays.

use serde_json::{Value, json};

use crate::support::app::{Database, block_on, both};
use crate::support::{Client, TestApp};

const RULE: &str = r#"package chancery.rules.org_limitations
import rego.v1
metadata := {"id": "org.limitations", "title": "limitations name a year", "gates": ["candidate"], "references": ["ORG-1"], "who": ["owner"], "remedy": "name the year of the data"}
result := {"outcome": "pass", "message": "a year is named"} if {
	contains(input.model.limitations, data.chancery.org_limitations.year)
} else := {"outcome": "fail", "message": sprintf("no %s in `%s`", [data.chancery.org_limitations.year, input.model.limitations])}
"#;

const TEST: &str = r#"package chancery.rules.org_limitations_test
import data.chancery.rules.org_limitations
import rego.v1
test_pass if org_limitations.result.outcome == "pass" with input as {"model": {"limitations": "data of 2024"}} with data.chancery.org_limitations as {"year": "2024"}
test_fail if org_limitations.result.outcome == "fail" with input as {"model": {"limitations": ""}} with data.chancery.org_limitations as {"year": "2024"}
"#;

/// A bundle with one rule that asks for a year.
fn files(year: &str) -> Value {
    let data = json!({"chancery": {"org_limitations": {"year": year}}}).to_string();
    json!({"org/limitations.rego": RULE, "org/limitations_test.rego": TEST, "data.json": data})
}

/// Uploads a bundle; its path.
async fn uploaded(client: &Client, files: Value) -> String {
    let answer = client.post("/api/v1/policy/bundles", json!({"files": files, "reason": "our rules"})).await;
    answer.expect(201);
    assert_eq!(answer.kinds(), ["bundle.uploaded"]);
    answer.header("location").to_owned()
}

async fn activate(client: &Client, bundle: &str) {
    assert_eq!(client.post(&format!("{bundle}/activate"), json!({"reason": "agreed"})).await.kinds(), ["bundle.activated"]);
}

fn rules(policy: &Value) -> Vec<&str> {
    policy["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect()
}

both! {
    /// POL-5: uploading has no effect, the uploader cannot activate, another person can; gates, decisions and rules follow, and back.
    async fn a_bundle_is_put_in_force_by_two_persons(app: &TestApp) {
        let cast = app.cast().await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        cast.scientist.model("loan", "minimal").await;
        let version = cast.evaluated("loan", b"loan").await;
        let before = cast.auditor.get("/api/v1/policy").await.expect(200);
        assert_eq!((before["organisation"].clone(), before["bundle_digest"].clone()), (Value::Null, before["baseline"].clone()));
        let bundle = uploaded(&deputy, files("1990")).await;
        assert!(!rules(&cast.auditor.get("/api/v1/policy").await.json()).contains(&"org.limitations"));
        let refused = deputy.post(&format!("{bundle}/activate"), json!({"reason": "me too"})).await;
        assert_eq!(refused.recorded_problem(), "403 separation_of_duties digest");
        assert_eq!(cast.owner.post(&format!("{bundle}/activate"), json!({"reason": "r"})).await.recorded_problem(), "403 access_denied");
        activate(&cast.governance, &bundle).await;
        let policy = cast.auditor.get("/api/v1/policy").await.expect(200);
        assert!(rules(&policy).contains(&"org.limitations"));
        assert_eq!(format!("/api/v1/policy/bundles/{}", policy["organisation"]["digest"].as_str().unwrap()), bundle);
        assert_eq!(policy["organisation"]["status"], "active");
        assert_eq!(policy["organisation"]["effective"], policy["bundle_digest"]);
        assert_eq!(cast.auditor.get("/api/v1/policy/rules/org.limitations").await.expect(200)["text"], RULE);
        let check = cast.scientist.get(&format!("{}/check?to=candidate", version.path)).await.expect(200);
        assert_eq!((check["passed"].clone(), check["bundle_digest"].clone()), (json!(true), policy["bundle_digest"].clone()));
        // The next one asks for more, and blocks.
        let stricter = uploaded(&cast.governance, files("2031")).await;
        activate(&deputy, &stricter).await;
        let check = cast.scientist.get(&format!("{}/check?to=candidate", version.path)).await.expect(200);
        assert_eq!(check["missing"][0]["rule"], "org.limitations");
        assert_eq!(check["missing"][0]["message"], "no 2031 in `1990 data`");
        assert_eq!(cast.pipeline.promote(&version, "candidate").await.expect(201)["executed"], false);
        assert_eq!(cast.auditor.get(&bundle).await.expect(200)["bundle"]["status"], "uploaded");
        let refused = deputy.post(&format!("{stricter}/withdraw"), json!({"reason": "r"})).await;
        assert_eq!(refused.recorded_problem(), "403 separation_of_duties digest");
        let out = cast.governance.post(&format!("{stricter}/withdraw"), json!({"reason": "too strict"})).await;
        assert_eq!(out.kinds(), ["bundle.withdrawn"]);
        assert_eq!(cast.auditor.get("/api/v1/policy").await.expect(200)["bundle_digest"], before["bundle_digest"]);
        assert_eq!(cast.pipeline.promote(&version, "candidate").await.expect(200)["executed"], true);
        let listed = cast.auditor.get("/api/v1/policy/bundles?limit=1").await.expect(200);
        assert_eq!(format!("/api/v1/policy/bundles/{}", listed["items"][0]["digest"].as_str().unwrap()), bundle);
        let next = listed["next"].as_str().unwrap();
        let rest = cast.auditor.get(&format!("/api/v1/policy/bundles?after={next}")).await.expect(200);
        assert_eq!((rest["items"].as_array().unwrap().len(), rest["items"][0]["status"].clone()), (1, json!("withdrawn")));
    }

    /// POL-5: what is not the organisation's is refused by name, and a bundle without good tests is not activated.
    async fn a_hostile_or_careless_bundle_is_refused(app: &TestApp) {
        let governance = app.user("governance", &["approver:ai-governance"]).await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        let one = |path: &str, text: &str| json!({"files": {path: text}});
        for (body, expected) in [
            (one("../x.rego", "package chancery.rules.x"), "../x.rego"),
            (one("lib.rego", "package chancery.lib"), "belongs to the baseline"),
            (one("x.rego", "package chancery.lib\ntier := \"minimal\""), "belongs to the baseline"),
            (one("x.rego", "package chancery.rules\nmetric_threshold.result := 1"), "is not an organisation's"),
            (one("x.rego", "package chancery.rules.x\nresult := {"), "`x.rego` line 2"),
            (one("x.rego", "package chancery.organisation\nf(x) := f(x)"), "calls itself"),
            (one("data.json", r#"{"chancery": {"approvals": {"lifetime_days": 4000}}}"#), "must be from 1 to"),
            (one("data.json", "{"), "data.json"),
            (json!({"files": {}}), "no file"),
        ] {
            let answer = app.admin.post("/api/v1/policy/bundles", body.clone()).await;
            assert_eq!(answer.problem(), "422 invalid_field files", "{body}");
            assert!(answer.json()["detail"].as_str().unwrap().contains(expected), "{body}: {}", answer.json());
        }
        let bytes = app.admin.call("POST", "/api/v1/policy/bundles").header("content-type", "application/json").bytes(b"{\"files\": {\"x.rego\": \"\xff\xfe\"}}".as_slice());
        assert!(bytes.send().await.status >= 400);
        let mut untested = files("1990");
        untested.as_object_mut().unwrap().remove("org/limitations_test.rego");
        let untested = uploaded(&deputy, untested).await;
        let answer = governance.post(&format!("{untested}/activate"), json!({"reason": "r"})).await;
        assert!(answer.json()["detail"].as_str().unwrap().contains("no test"), "{}", answer.json());
        let mut wrong = files("1990");
        wrong["org/limitations_test.rego"] = TEST.replace("\"pass\" with", "\"fail\" with").into();
        let wrong = uploaded(&deputy, wrong).await;
        let answer = governance.post(&format!("{wrong}/activate"), json!({"reason": "r"})).await;
        assert!(answer.json()["detail"].as_str().unwrap().contains("test_pass"), "{}", answer.json());
        let nothing = format!("/api/v1/policy/bundles/{}", "a".repeat(64));
        assert_eq!(governance.post(&format!("{nothing}/activate"), json!({"reason": "r"})).await.problem(), "404 not_found digest");
        assert_eq!(governance.get(&nothing).await.problem(), "404 not_found digest");
        assert_eq!(governance.post("/api/v1/policy/test", json!({"files": files("1990")})).await.expect(200)["results"].as_array().unwrap().len(), 2);
        assert_eq!(governance.post("/api/v1/policy/test", json!({"files": {}, "policy": "active"})).await.problem(), "422 invalid_field files");
    }

    /// POL-5: a bundle that floods, loops or errs blocks and says why; withdrawing it is enough.
    async fn a_rule_that_misbehaves_blocks_with_a_reason(app: &TestApp) {
        let cast = app.cast().await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        cast.scientist.model("loan", "minimal").await;
        let version = cast.evaluated("loan", b"loan").await;
        let head = "package chancery.rules.org_bad\nimport rego.v1\nmetadata := {\"id\": \"org.bad\", \"title\": \"t\", \"gates\": [\"candidate\"], \"references\": [], \"who\": [], \"remedy\": \"r\"}\n";
        let test = "package chancery.rules.org_bad_test\nimport rego.v1\ntest_nothing if true\n";
        for (body, expected) in [
            ("ten := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\nresult := {\"outcome\": \"pass\", \"message\": \"m\"} if count([1 | some a in ten; some b in ten; some c in ten; some d in ten; some e in ten; some f in ten; some g in ten; some h in ten]) > 0\n", "time limit"),
            ("a := concat(\"\", [input.model.name | some i in input.model.name_of_nothing])\nresult := {\"outcome\": \"pass\", \"message\": to_number(\"x\")}\n", "`bad.rego` line 5"),
        ] {
            let bundle = uploaded(&deputy, json!({"bad.rego": format!("{head}{body}"), "bad_test.rego": test})).await;
            activate(&cast.governance, &bundle).await;
            let check = cast.scientist.get(&format!("{}/check?to=candidate", version.path)).await.expect(200);
            let message = check["missing"][0]["message"].as_str().unwrap();
            assert!(check["blocks"] == true && message.contains("could not be evaluated") && message.contains(expected), "{message}");
            deputy.post(&format!("{bundle}/withdraw"), json!({"reason": "r"})).await.expect(200);
        }
        assert_eq!(cast.scientist.get(&format!("{}/check?to=candidate", version.path)).await.expect(200)["passed"], true);
    }

    /// POL-7: a dry run names the versions that would newly fail and pass, and changes nothing.
    async fn a_dry_run_says_what_would_change(app: &TestApp) {
        let cast = app.cast().await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        let mut made = Vec::new();
        for (name, state) in [("one", "candidate"), ("two", "production"), ("three", "draft")] {
            cast.scientist.model(name, "minimal").await;
            let version = cast.evaluated(name, name.as_bytes()).await;
            cast.bring_to(&version, state).await;
            made.push(version);
        }
        let size = app.size().await;
        let body = json!({"files": files("2031")});
        let view = app.admin.post("/api/v1/policy/dry-run", body.clone()).await.expect(200);
        assert_eq!((view["judged"].clone(), view["newly_failing"].clone(), view["newly_passing"].clone()), (json!(2), json!(2), json!(0)));
        assert_eq!(view["rules"], json!(["org.limitations"]), "nothing else can answer differently");
        assert_eq!((view["failing_rules"].clone(), view["next"].clone()), (json!({"org.limitations": 2}), Value::Null));
        let versions: Vec<(&str, &str)> = view["versions"].as_array().unwrap().iter().map(|item| (item["model"].as_str().unwrap(), item["to"].as_str().unwrap())).collect();
        let mut sorted = versions.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [("one", "candidate"), ("two", "production")], "a draft that asks for nothing is not judged");
        assert_eq!(view["versions"][0]["newly_failing"][0]["message"], "no 2031 in `1990 data`");
        assert_eq!(app.size().await, size, "a dry run is no entry");
        // A draft in an open promotion is.
        cast.owner.put("/api/v1/models/three/aliases/trial", json!({"version": 1})).await.expect(200);
        cast.scientist.promote(&made[2], "production").await.expect(201);
        assert_eq!(app.admin.post("/api/v1/policy/dry-run", body).await.expect(200)["judged"], 3);
        let bundle = uploaded(&deputy, files("2031")).await;
        let only = app.admin.post(&format!("{bundle}/dry-run"), json!({"states": ["production"]})).await.expect(200);
        assert_eq!((only["judged"].clone(), only["versions"][0]["model"].clone()), (json!(1), json!("two")));
        activate(&cast.governance, &bundle).await;
        let back = app.admin.post("/api/v1/policy/dry-run", json!({"files": files("1990")})).await.expect(200);
        assert_eq!((back["newly_failing"].clone(), back["newly_passing"].clone()), (json!(0), json!(3)));
        // Data of the baseline may move every rule of it.
        let data = json!({"files": {"data.json": r#"{"chancery": {"metric_threshold": {"required": [{"metric": "f1", "minimum": 0.5}]}}}"#}});
        let view = app.admin.post("/api/v1/policy/dry-run", data).await.expect(200);
        assert_eq!(view["failing_rules"], json!({"metric.threshold": 2}));
        assert_eq!(view["passing_rules"], json!({"org.limitations": 3}));
        for (path, body, expected) in [
            ("/api/v1/policy/dry-run".to_owned(), json!({"files": files("1"), "states": ["retired"]}), "422 invalid_field states"),
            ("/api/v1/policy/dry-run".to_owned(), json!({"files": files("1"), "after": "x"}), "422 invalid_field after"),
            ("/api/v1/policy/dry-run".to_owned(), json!({}), "422 invalid_field files"),
            (format!("{bundle}/dry-run"), json!({"files": files("1")}), "422 invalid_field files"),
        ] {
            assert_eq!(app.admin.post(&path, body.clone()).await.problem(), expected, "{body}");
        }
        assert_eq!(cast.scientist.post(&format!("{bundle}/dry-run"), json!({})).await.recorded_problem(), "403 access_denied");
    }

    /// POL-8, AUD-4: every gate that the record names says the same again with the policy and the input of its time.
    async fn every_recorded_gate_is_replayed(app: &TestApp) {
        let cast = app.cast().await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        cast.scientist.model("loan", "high").await;
        let first = cast.evaluated("loan", b"first").await;
        cast.bring_to(&first, "production").await;
        let bundle = uploaded(&deputy, files("1990")).await;
        activate(&cast.governance, &bundle).await;
        let second = cast.evaluated("loan", b"second").await;
        cast.bring_to(&second, "production").await;
        app.user("oncall", &["incident"]).await.post("/api/v1/models/loan/rollback", json!({"reason": "night"})).await.expect(200);
        let third = cast.scientist.version("loan", b"third").await;
        let id = cast.scientist.promote(&third, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        assert!(cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.status >= 400);
        cast.scientist.post(&format!("{}/check", third.path), json!({"to": "candidate"})).await.expect(200);
        // Bytes that are gone at the moment of a gate are gone in its replay.
        let manifest = cast.auditor.get(&format!("{}/manifest", third.path)).await.json();
        let digest = manifest["files"][0]["digest"].as_str().unwrap();
        let blob = app.data.join("blobs/sha256").join(digest.get(..2).unwrap()).join(digest);
        std::fs::rename(&blob, app.data.join("kept")).unwrap();
        cast.scientist.post(&format!("{}/check", third.path), json!({"to": "candidate"})).await.expect(200);
        std::fs::rename(app.data.join("kept"), &blob).unwrap();
        deputy.post(&format!("{bundle}/withdraw"), json!({"reason": "done"})).await.expect(200);
        let mut replayed = Vec::new();
        for index in 0..app.size().await {
            let entry = app.admin.get(&format!("/api/v1/ledger/entries/{index}")).await.expect(200);
            let answer = cast.auditor.get(&format!("/api/v1/policy/replay/{index}")).await;
            if entry["data"]["verdict"].as_str().is_none_or(|text| text.len() != 64) {
                assert_eq!(answer.problem(), "404 not_found index", "{entry}");
                continue;
            }
            let view = answer.expect(200);
            assert_eq!(view["identical"], true, "{}: {view}", entry["kind"]);
            assert_eq!((view["same_bundle"].clone(), view["same_input"].clone(), view["differences"].clone()), (json!(true), json!(true), json!([])));
            replayed.push((entry["kind"].as_str().unwrap().to_owned(), view["bundle_digest"].as_str().unwrap().to_owned()));
        }
        for kind in ["promotion.opened", "promotion.executed", "version.transitioned", "check.recorded", "refused"] {
            assert!(replayed.iter().any(|(replayed, _)| replayed == kind), "no {kind} was replayed");
        }
        let bundles: std::collections::BTreeSet<&String> = replayed.iter().map(|(_, bundle)| bundle).collect();
        assert_eq!(bundles.len(), 2, "gates of both policies were replayed");
        assert_eq!(cast.auditor.get("/api/v1/policy/replay/999999").await.problem(), "404 not_found index");
    }

    /// POL-6: an explanation shows the rule, its data, what it read, and what would make it pass; a comparison shows what differs.
    async fn a_rule_is_explained_and_policies_are_compared(app: &TestApp) {
        let cast = app.cast().await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"loan").await;
        let bundle = uploaded(&deputy, files("2031")).await;
        activate(&cast.governance, &bundle).await;
        let explain = |rule: &str, to: &str| format!("/api/v1/policy/explain?rule={rule}&model=loan&version=1&to={to}");
        let view = cast.scientist.get(&explain("org.limitations", "candidate")).await.expect(200);
        assert_eq!((view["file"].clone(), view["text"].clone()), (json!("org/limitations.rego"), json!(RULE)));
        assert_eq!((view["data"].clone(), view["input"].clone()), (json!({"year": "2031"}), json!({"model.limitations": "1990 data"})));
        assert_eq!((view["finding"]["outcome"].clone(), view["finding"]["remedy"].clone()), (json!("fail"), json!("name the year of the data")));
        let core = cast.scientist.get(&explain("artifact.intact", "production")).await.expect(200);
        assert_eq!((core["finding"]["outcome"].clone(), core["text"].clone()), (json!("pass"), Value::Null));
        assert_eq!(cast.scientist.get(&explain("no.such", "candidate")).await.problem(), "404 not_found rule");
        assert_eq!(version.number, 1);
        let digest = bundle.rsplit('/').next().unwrap();
        let diff = cast.scientist.post("/api/v1/policy/diff", json!({"from": {"policy": "baseline"}, "to": {"policy": digest}})).await.expect(200);
        assert_eq!((diff["added"].clone(), diff["removed"].clone()), (json!(["org.limitations"]), json!([])));
        assert_eq!(diff["data"][0]["path"], "/chancery/org_limitations");
        let asked = json!({"from": {"policy": "active"}, "to": {"files": files("2031")}});
        assert_eq!(cast.scientist.post("/api/v1/policy/diff", asked.clone()).await.recorded_problem(), "403 access_denied");
        let same = app.admin.post("/api/v1/policy/diff", asked).await.expect(200);
        assert_eq!((same["from"].clone(), same["added"].clone(), same["data"].clone()), (same["to"].clone(), json!([]), json!([])));
        assert_eq!(cast.scientist.post("/api/v1/policy/diff", json!({"from": {"policy": "x"}, "to": {}})).await.problem(), "422 invalid_field policy");
    }
}

/// A bundle in force is in force after a restart; what is replayed is replayed then too.
fn after_a_restart(database: Database) {
    block_on(async {
        let app = TestApp::start(database).await;
        let governance = app.user("governance", &["approver:ai-governance"]).await;
        let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
        let bundle = uploaded(&deputy, files("2031")).await;
        activate(&governance, &bundle).await;
        let before = app.admin.get("/api/v1/policy").await.expect(200);
        let stopped = app.shut_down().await;
        let app = TestApp::open(&stopped.data, stopped.database.as_deref(), None).await;
        assert_eq!(app.admin.get("/api/v1/policy").await.expect(200), before);
        app.finish().await;
    });
}

#[test]
fn a_bundle_survives_a_restart_on_sqlite() {
    after_a_restart(Database::Sqlite);
}

#[test]
fn a_bundle_survives_a_restart_on_postgres() {
    after_a_restart(Database::Postgres);
}
