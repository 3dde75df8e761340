//! What one may not read is not there: no answer tells that it exists, and none changes because it does.
//!
//! A caller reads the models of one team. A model of another team is made behind his back, with everything that can hang on a model. Each
//! operation that reads has its case here, by the OpenAPI document and by the list of MLflow's routes: one without a case fails.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::builders::profile;
use crate::support::{Cast, Client, TestApp};

/// What is known of a subject that is asked about: `{name}` in a path stands for its value.
type Names = BTreeMap<&'static str, String>;

/// How an operation is tried.
enum Case {
    /// These say the same before and after the other model is there, page by page.
    Same(&'static [&'static str]),
    /// And these say of the other model what they say of one that does not exist.
    SameAndAbsent(&'static [&'static str], &'static [&'static str]),
    /// Nothing of a model is in it, or nobody whose sight is limited may ask; why.
    Exempt(&'static str),
}

/// Operations of the OpenAPI document that read.
fn case(id: &str) -> Option<Case> {
    use Case::{Exempt, Same, SameAndAbsent};
    Some(match id {
        "model_list" => Same(&["/models", "/models?limit=1", "/models?prefix=se", "/models?tier=high", "/models?kind=model&limit=2"]),
        "model_show" => SameAndAbsent(&["/models/seen", "/models/seen?as_of={cut}"], &["/models/{model}", "/models/{model}?as_of={late}"]),
        "alias_show" => SameAndAbsent(
            &["/models/seen/aliases/champion"],
            &["/models/{model}/aliases/champion", "/models/{model}/aliases/none", "/models/{model}/aliases/champion?as_of={late}"],
        ),
        "version_compare" => SameAndAbsent(&["/models/seen/compare/1/2"], &["/models/{model}/compare/1/2", "/models/{model}/compare/1/1"]),
        "model_history" => SameAndAbsent(&["/models/seen/history", "/models/seen/history?limit=1"], &["/models/{model}/history"]),
        "version_list" => SameAndAbsent(&["/models/seen/versions?limit=1"], &["/models/{model}/versions", "/models/{model}/versions?as_of={late}"]),
        "version_show" => SameAndAbsent(
            &["/models/seen/versions/1", "/models/seen/versions/1?as_of={cut}"],
            &["/models/{model}/versions/1", "/models/{model}/versions/7", "/models/{model}/versions/1?as_of={late}", "/models/{old}/versions/1"],
        ),
        "attestation_list" => SameAndAbsent(&["/models/seen/versions/1/attestations"], &["/models/{model}/versions/1/attestations"]),
        "attestation_show" => SameAndAbsent(&[], &["/attestations/{attestation}"]),
        "version_check" => SameAndAbsent(&["/models/seen/versions/2/check?to=candidate"], &["/models/{model}/versions/2/check?to=candidate"]),
        "version_decisions" => SameAndAbsent(&["/models/seen/versions/1/decisions"], &["/models/{model}/versions/1/decisions"]),
        "evidence_list" => SameAndAbsent(&["/models/seen/versions/1/evidence"], &["/models/{model}/versions/1/evidence"]),
        "evidence_of_version" => SameAndAbsent(&[], &["/models/{model}/versions/1/evidence/{evidence}", "/models/seen/versions/1/evidence/{evidence}"]),
        "evidence_show" => SameAndAbsent(&[], &["/evidence/{evidence}"]),
        "version_file" => SameAndAbsent(&["/models/seen/versions/1/files/data/model.bin"], &["/models/{model}/versions/1/files/data/model.bin"]),
        "version_fixity" => SameAndAbsent(&["/models/seen/versions/1/fixity"], &["/models/{model}/versions/1/fixity"]),
        "version_history" => SameAndAbsent(&["/models/seen/versions/1/history"], &["/models/{model}/versions/1/history"]),
        "version_lineage" => SameAndAbsent(
            &["/models/seen/versions/1/lineage", "/models/seen/versions/1/lineage?direction=down", "/models/seen/versions/1/lineage?direction=both"],
            &["/models/{model}/versions/1/lineage"],
        ),
        "version_impact" => SameAndAbsent(&["/models/seen/versions/1/lineage/impact"], &["/models/{model}/versions/1/lineage/impact"]),
        "version_manifest" => SameAndAbsent(&["/models/seen/versions/1/manifest"], &["/models/{model}/versions/1/manifest"]),
        "version_package" => SameAndAbsent(&["/models/seen/versions/1/package"], &["/models/{model}/versions/1/package"]),
        "version_policy_input" => {
            SameAndAbsent(&["/models/seen/versions/2/policy-input?to=candidate"], &["/models/{model}/versions/2/policy-input?to=candidate"])
        }
        "decision_show" => SameAndAbsent(&[], &["/decisions/{decision}"]),
        "end_of_life" => SameAndAbsent(&["/end-of-life", "/end-of-life?limit=1"], &["/end-of-life?model={model}"]),
        "exception_list" => SameAndAbsent(&["/exceptions", "/exceptions?limit=1", "/exceptions?status=requested"], &["/exceptions?model={model}"]),
        "exception_show" => SameAndAbsent(&[], &["/exceptions/{exception}"]),
        "exception_history" => SameAndAbsent(&[], &["/exceptions/{exception}/history"]),
        "finding_list" => SameAndAbsent(&["/findings", "/findings?limit=1", "/findings?status=open"], &["/findings?model={model}"]),
        "lineage_uses" => SameAndAbsent(
            &[
                "/lineage/uses?dataset=loanapp",
                "/lineage/uses?dataset=loanapp&limit=1",
                "/lineage/uses?dataset_digest=402305268d4abed2c18017bf825d2ced7821bba8c94094a3ee3e8c261f9ebac6",
                "/lineage/uses?commit=4185f5f1619853e486c07542e26b20c0600c6f7f",
                "/lineage/uses?pipeline=88",
                "/lineage/uses?package=scikit-learn",
                "/lineage/uses?package=scikit-learn&limit=1",
                "/lineage/uses?model=seen/1",
            ],
            &["/lineage/uses?model={model}/1"],
        ),
        "policy_explain" => SameAndAbsent(
            &["/policy/explain?rule=entry.complete&model=seen&version=2&to=candidate"],
            &["/policy/explain?rule=entry.complete&model={model}&version=1&to=production"],
        ),
        "policy_replay" => SameAndAbsent(&[], &["/policy/replay/{verdict}"]),
        "promotion_list" => SameAndAbsent(&["/promotions", "/promotions?limit=1", "/promotions?status=open"], &["/promotions?model={model}"]),
        "promotion_show" => SameAndAbsent(&["/promotions/{mine}"], &["/promotions/{promotion}"]),
        "resolve" => SameAndAbsent(
            &["/resolve?reference=seen/1", "/resolve?reference=seen@champion"],
            &["/resolve?reference={model}/1", "/resolve?reference={model}@champion", "/resolve?reference={model}"],
        ),
        "review_list" => SameAndAbsent(&["/reviews", "/reviews?limit=1", "/reviews?status=open"], &["/reviews?model={model}"]),
        "review_show" => SameAndAbsent(&[], &["/reviews/{review}", "/reviews/{risk_review}"]),
        "risk_list" => SameAndAbsent(&["/risks", "/risks?limit=1", "/risks?status=open"], &["/risks?model={model}"]),
        "risk_export" => Same(&["/risks/export?format=json", "/risks/export?format=csv"]),
        "risk_show" => SameAndAbsent(&["/risks/{shared}"], &["/risks/{risk}"]),
        "tier_proposal_list" => Same(&["/tier-proposals", "/tier-proposals?limit=1"]),
        "trace" => SameAndAbsent(&["/trace/{composite_seen}"], &["/trace/{composite}"]),
        "team_list" => Same(&["/teams", "/teams?limit=1"]),
        "team_show" => Same(&["/teams/credit", "/teams/treasury"]),
        "transfer_list" => Same(&["/transfers", "/transfers?limit=1"]),
        "can_i" => SameAndAbsent(
            &["/can-i?action=read", "/can-i?action=read&model=seen"],
            &["/can-i?action=read&model={model}", "/can-i?action=execute&model={model}"],
        ),
        "grant_list" | "team_members" | "group_list" | "identity_list" | "own_token_list" | "session_list" => Exempt("it is about people"),
        "access_log_list" | "access_log_verify" => Exempt("it is for those who read the access log"),
        "access_policy_list" | "access_policy_show" | "access_policy_shipped" => Exempt("it is about access policies"),
        "delegation_list" | "key_list" | "keys" | "user_list" | "whoami" => Exempt("it is about people and keys"),
        "evidence_type" | "evidence_types" | "template_list" | "template_show" | "template_version" | "version" => {
            Exempt("it is about the program and its templates")
        }
        "policy_show" | "policy_bundle_list" | "policy_bundle_show" | "policy_rule" => Exempt("it is about the policy"),
        "ledger_entries" | "ledger_entry" => Exempt("whole entries are read by auditors and administrators only"),
        "ledger_head" | "ledger_proof" => Exempt("the size of the log and its hashes are public"),
        "attestation_revocations" => Exempt("a list of digests, signed as a whole, for everybody who verifies"),
        "token_list" | "user_offboarding" => Exempt("it is about tokens and people, and for administrators"),
        "blob_find" | "upload_offset" => Exempt("uploads have their own test below"),
        _ => return None,
    })
}

/// Routes of MLflow that read, below a prefix.
fn mlflow_case(verb: &str, path: &str) -> Option<Case> {
    use Case::{Exempt, Same, SameAndAbsent};
    Some(match (verb, path) {
        ("GET", "/registered-models/get") => SameAndAbsent(&["/registered-models/get?name=seen"], &["/registered-models/get?name={model}"]),
        ("GET", "/registered-models/search") => Same(&[
            "/registered-models/search",
            "/registered-models/search?max_results=1",
            "/registered-models/search?filter=name%20LIKE%20'%25e%25'",
            "/registered-models/search?order_by=timestamp%20DESC",
            "/registered-models/search?filter=tags.shared%20%3D%20'yes'",
        ]),
        ("GET" | "POST", "/registered-models/get-latest-versions") => {
            SameAndAbsent(&["/registered-models/get-latest-versions?name=seen"], &["/registered-models/get-latest-versions?name={model}"])
        }
        ("GET", "/registered-models/alias") => SameAndAbsent(
            &["/registered-models/alias?name=seen&alias=champion"],
            &["/registered-models/alias?name={model}&alias=champion", "/registered-models/alias?name={model}&alias=latest"],
        ),
        ("GET", "/model-versions/get") => SameAndAbsent(
            &["/model-versions/get?name=seen&version=1"],
            &["/model-versions/get?name={model}&version=1", "/model-versions/get?name={model}&version=9"],
        ),
        ("GET", "/model-versions/search") => Same(&[
            "/model-versions/search",
            "/model-versions/search?max_results=1",
            "/model-versions/search?filter=name%20LIKE%20'%25e%25'",
            "/model-versions/search?filter=name%20%3D%20'seen'&order_by=version_number%20ASC",
            "/model-versions/search?filter=version_number%20%3D%201",
            "/model-versions/search?filter=tags.shared%20%3D%20'yes'",
            "/model-versions/search?order_by=name%20ASC&max_results=1",
        ]),
        ("GET", "/model-versions/get-download-uri") => {
            SameAndAbsent(&["/model-versions/get-download-uri?name=seen&version=1"], &["/model-versions/get-download-uri?name={model}&version=1"])
        }
        ("POST" | "PATCH" | "DELETE", _) => Exempt("it writes"),
        _ => return None,
    })
}

/// Two models of two teams in one registry.
struct World {
    cast: Cast,
    /// Reads the models of the team `credit`.
    reader: Client,
    /// What is asked about the model that is read.
    seen: Names,
}

fn owned(team: &str, name: &str) -> Value {
    let mut body = profile();
    body["name"] = name.into();
    body["risk_tier"] = "high".into();
    body["ownership"]["owning_team"] = team.into();
    body
}

/// A model with two versions and everything that hangs on one; gives the identifiers.
async fn furnish(app: &TestApp, cast: &Cast, team: &str, name: &str) -> Names {
    let mut names = Names::new();
    cast.owner.post("/api/v1/models", owned(team, &format!("{name}-old"))).await.expect(201);
    names.insert("old", format!("{name}-old"));
    let first = cast.evaluated(&format!("{name}-old"), format!("{name} one").as_bytes()).await;
    cast.owner.post(&format!("/api/v1/models/{name}-old/rename"), json!({"to": name})).await.expect(200);
    let first = crate::support::builders::Made { model: name.to_owned(), path: format!("/api/v1/models/{name}/versions/1"), ..first };
    cast.bring_to(&first, "production").await;
    let second = cast.evaluated(name, format!("{name} two").as_bytes()).await;
    names.insert("promotion", cast.scientist.promote(&second, "approved").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned());
    names.insert("model", name.to_owned());
    cast.scientist.put(&format!("/api/v1/models/{name}/tags/shared"), json!({"value": "yes"})).await.expect(200);
    cast.scientist.put(&format!("{}/tags/shared", first.path), json!({"value": "yes"})).await.expect(200);
    cast.scientist.put(&format!("/api/v1/models/{name}/aliases/trial"), json!({"version": 2})).await.expect(200);
    cast.pipeline.put(&format!("/api/v1/models/{name}/aliases/champion"), json!({"version": 1})).await.expect(200);
    let subject = |answer: &crate::support::Answer| answer.json()["entries"][0]["subject"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let exception = json!({"model": name, "version": 2, "rule": "entry.complete", "expires_at": "2026-06-20T00:00:00Z", "reason": "soon"});
    names.insert("exception", subject(&cast.scientist.post("/api/v1/exceptions", exception).await));
    let risk = json!({"title": format!("risk of {name}"), "category": "quality", "severity": "low", "likelihood": "rare", "models": [name],
        "review_date": "2026-05-01T00:00:00Z"});
    names.insert("risk", subject(&cast.scientist.post("/api/v1/risks", risk).await));
    let review = json!({"about": "entry", "model": name, "owner": "credit", "due": "2027-01-01T00:00:00Z"});
    names.insert("review", subject(&cast.scientist.post("/api/v1/reviews", review).await));
    let review = json!({"about": "risk", "risk": names["risk"], "owner": "credit", "due": "2027-01-01T00:00:00Z"});
    names.insert("risk_review", subject(&cast.scientist.post("/api/v1/reviews", review).await));
    cast.owner.post(&format!("/api/v1/models/{name}/risk-tier"), json!({"risk_tier": "limited", "reason": "less"})).await.expect(200);
    let shown = cast.auditor.get(&first.path).await.expect(200);
    names.insert("composite", shown["composite_id"].as_str().unwrap().to_owned());
    names.insert("evidence", cast.auditor.get(&format!("{}/evidence", first.path)).await.expect(200)["items"][0]["digest"].as_str().unwrap().to_owned());
    names.insert("attestation", cast.auditor.get(&format!("{}/attestations", first.path)).await.expect(200)["items"][0]["digest"].as_str().unwrap().to_owned());
    let decisions = cast.auditor.get(&format!("{}/decisions", first.path)).await.expect(200);
    names.insert("decision", decisions[0]["digest"].as_str().unwrap().to_owned());
    names.insert("verdict", decisions.as_array().unwrap().last().unwrap()["index"].to_string());
    app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
    names.insert("late", (app.size().await - 1).to_string());
    names
}

async fn world(app: &TestApp) -> World {
    let cast = app.cast().await;
    app.team("treasury").await;
    let reader = app.user("reader", &["viewer@team:credit"]).await;
    let mut seen = furnish(app, &cast, "credit", "seen").await;
    let shared = json!({"title": "of both", "category": "quality", "severity": "low", "likelihood": "rare", "models": ["seen"]});
    let shared = cast.scientist.post("/api/v1/risks", shared).await;
    seen.insert("shared", shared.header("location").rsplit('/').next().unwrap().to_owned());
    app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
    seen.insert("mine", seen["promotion"].clone());
    seen.insert("composite_seen", seen["composite"].clone());
    seen.insert("cut", seen["late"].clone());
    World { cast, reader, seen }
}

/// What does not exist, under names that look alike.
fn missing(hidden: &Names) -> Names {
    let digest = |digit: char| digit.to_string().repeat(64);
    let like = |id: &String| format!("{}{}", id.chars().next().unwrap(), "0".repeat(32));
    let mut names = Names::new();
    for (name, value) in hidden {
        let other = match *name {
            "model" => "nobody".to_owned(),
            "old" => "nobody-old".to_owned(),
            "composite" => format!("chancery:nobody/1@sha256:{}", digest('a')),
            "evidence" | "attestation" | "decision" => digest('b'),
            // One that is there and that no gate stands behind would say that; so one that is not there.
            "verdict" => "99999999".to_owned(),
            "late" => value.clone(),
            _ => like(value),
        };
        names.insert(name, other);
    }
    names
}

fn filled(template: &str, names: &Names) -> String {
    names.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// An answer in which the names that were asked for are written as placeholders.
async fn neutral(reader: &Client, template: &str, prefix: &str, names: &Names) -> String {
    let said = reader.get(&format!("{prefix}{}", filled(template, names))).await.said();
    let mut sorted: Vec<(&&str, &String)> =
        names.iter().filter(|(name, _)| template.contains(&format!("{{{name}}}")) || (**name == "model" && template.contains("{composite}"))).collect();
    sorted.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    let said = sorted.into_iter().fold(said, |text, (name, value)| text.replace(value.as_str(), &format!("{{{name}}}")));
    // The length follows from the body, which has other names in it.
    said.lines().filter(|line| !line.starts_with("content-length")).collect::<Vec<_>>().join("\n")
}

/// All pages of a list, as they are said.
async fn pages(reader: &Client, path: &str) -> String {
    let (mut all, mut next) = (String::new(), path.to_owned());
    for _ in 0..200 {
        let answer = reader.get(&next).await;
        all.push_str(&answer.said());
        assert!(answer.status < 400, "{path}: {}", answer.said());
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        let joint = if path.contains('?') { '&' } else { '?' };
        next = match (body["next"].as_str(), body["next_page_token"].as_str()) {
            (Some(after), _) => format!("{path}{joint}after={after}"),
            (None, Some(token)) => format!("{path}{joint}page_token={token}"),
            (None, None) => return all,
        };
    }
    panic!("{path} does not end");
}

const NATIVE: &str = "/api/v1";
const MLFLOW: &str = "/api/2.0/mlflow";

/// Every case of every operation that reads.
async fn cases(app: &TestApp) -> Vec<(String, &'static str, Case)> {
    let document = app.anonymous.get("/api/v1/openapi.json").await.expect(200);
    let mut found = Vec::new();
    for (_, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str().filter(|_| method == "get") else { continue };
            found.push((id.to_owned(), NATIVE, case(id).unwrap_or_else(|| panic!("write a case for `{id}`: what does it say about what one may not read?"))));
        }
    }
    for (verb, path) in chancery::http::mlflow::routes() {
        let Some(below) = path.strip_prefix(MLFLOW) else { continue };
        let case = mlflow_case(verb, below).unwrap_or_else(|| panic!("write a case for {verb} {below}"));
        found.push((format!("{verb} {below}"), MLFLOW, case));
    }
    found
}

/// What all cases say that must stay the same.
async fn said(app: &TestApp, world: &World) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (_, prefix, case) in cases(app).await {
        let (Case::Same(paths) | Case::SameAndAbsent(paths, _)) = case else { continue };
        for path in paths {
            let path = format!("{prefix}{}", filled(path, &world.seen));
            all.insert(path.clone(), pages(&world.reader, &path).await);
        }
    }
    all
}

#[track_caller]
fn assert_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    for (path, before) in before {
        assert_eq!(before, &after[path], "{path} changed when something came that the caller may not read");
    }
}

/// What hangs on what the caller reads: a version derived from it, a system that contains it, and a risk of both models.
async fn dependants(world: &World) {
    let cast = &world.cast;
    let mut derived = cast.scientist.package(b"derived").await;
    derived["facts"]["parents"] = json!([{"reference": "seen/1", "relation": "fine-tuned-from"}]);
    cast.scientist.post("/api/v1/models/secret/versions", derived).await.expect(201);
    let mut system = owned("treasury", "secret-system");
    system["kind"] = "system".into();
    cast.owner.post("/api/v1/models", system).await.expect(201);
    let parts = json!({"facts": {"composition": [{"role": "scorer", "reference": "seen/2"}, {"role": "judge", "reference": "secret/2"}]}});
    cast.scientist.post("/api/v1/models/secret-system/versions", parts).await.expect(201);
}

both! {
    async fn attack_leak_by_search_list_count_order_token_etag_or_text(app: &TestApp) {
        let world = world(app).await;
        let before = said(app, &world).await;
        assert!(before["/api/v1/models"].contains("\"seen\""), "{}", before["/api/v1/models"]);
        let hidden = furnish(app, &world.cast, "treasury", "secret").await;
        assert_same(&before, &said(app, &world).await);
        let absent = missing(&hidden);
        for (id, prefix, case) in cases(app).await {
            if let Case::Exempt(why) = &case {
                assert!(why.contains(' '), "{id} says why nothing can leak there");
            }
            let Case::SameAndAbsent(_, templates) = case else { continue };
            for template in templates {
                // Whoever may read it gets something else; otherwise the case says nothing.
                let (asked, unknown) = (neutral(&world.reader, template, prefix, &hidden).await, neutral(&world.reader, template, prefix, &absent).await);
                assert_eq!(asked, unknown, "{id}: {template}");
                let auditor = neutral(&world.cast.auditor, template, prefix, &hidden).await;
                assert!(auditor != unknown || template.contains("/seen/") || template.contains("none") || template.contains("/7") || template.contains("=9"), "{id}: {template} is told to nobody");
            }
        }
        dependants(&world).await;
        app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
        assert_same(&before, &said(app, &world).await);
    }

    /// Whoever reads everything that is not restricted learns nothing of what is.
    async fn attack_leak_of_a_restricted_model_to_a_viewer_of_the_whole_registry(app: &TestApp) {
        let world = world(app).await;
        let world = World { reader: app.user("everywhere", &["viewer"]).await, ..world };
        let before = said(app, &world).await;
        let hidden = furnish(app, &world.cast, "treasury", "secret").await;
        assert_eq!(world.reader.get("/api/v1/models/secret").await.status, 200, "not yet");
        let mut body = profile();
        body["ownership"]["owning_team"] = "treasury".into();
        body["classification"] = "restricted".into();
        let treasurer = app.user("treasurer", &["owner@team:treasury"]).await;
        treasurer.put("/api/v1/models/secret", body).await.expect(200);
        assert_same(&before, &said(app, &world).await);
        let absent = missing(&hidden);
        for (id, prefix, case) in cases(app).await {
            let Case::SameAndAbsent(_, templates) = case else { continue };
            for template in templates {
                let (asked, unknown) = (neutral(&world.reader, template, prefix, &hidden).await, neutral(&world.reader, template, prefix, &absent).await);
                assert_eq!(asked, unknown, "{id}: {template}");
            }
        }
    }

    /// What reads by POST says of a model that one may not read what it says of one that is not there.
    async fn attack_leak_by_what_reads_with_a_body(app: &TestApp) {
        let world = world(app).await;
        let maker = app.user("maker", &["contributor@team:credit", "approver:product@team:credit"]).await;
        let hidden = furnish(app, &world.cast, "treasury", "secret").await;
        let absent = missing(&hidden);
        let document = app.anonymous.get("/api/v1/openapi.json").await.expect(200);
        let mut asked = vec![
            ("/api/2.0/mlflow/registered-models/get-latest-versions", json!({"name": "{model}"})),
            ("/api/v1/models/{model}/versions/2/check", json!({"to": "candidate"})),
        ];
        for (path, item) in document["paths"].as_object().unwrap() {
            let Some(operation) = item.get("post").filter(|operation| operation["x-effect"] == "none") else { continue };
            asked.extend(match operation["operationId"].as_str().unwrap() {
                "promotion_statement" => Some((
                    "/api/v1/promotions/{promotion}/approvals/statement",
                    json!({"role": "product", "verdict": "approve", "evidence_set": "a".repeat(64)}),
                )),
                // They judge all versions, and are for those who may change the policy of the whole registry, who read all of them.
                "policy_dry_run" | "policy_bundle_dry_run" | "policy_test" => None,
                // It compares policies; and it is about claims of a token.
                "policy_diff" | "identity_test" => None,
                other => panic!("write a case for `{other}` ({path}): what does it say about what one may not read?"),
            });
        }
        assert!(asked.len() > 2);
        for (path, body) in asked {
            let said = async |names: &Names| {
                let body: Value = serde_json::from_str(&filled(&body.to_string(), names)).unwrap();
                let said = maker.post(&filled(path, names), body).await.said();
                let said = ["model", "promotion"].iter().fold(said, |text, name| text.replace(names[name].as_str(), &format!("{{{name}}}")));
                said.lines().filter(|line| !line.starts_with("content-length")).collect::<Vec<_>>().join("\n")
            };
            assert_eq!(said(&hidden).await, said(&absent).await, "{path}");
        }
        for path in ["/api/v1/policy/dry-run", "/api/v1/policy/test"] {
            assert_eq!(maker.post(path, json!({"files": {}})).await.status, 403, "{path}");
        }
    }

    /// A risk that one may not read is not there for whoever would change it, nor does a link to a model of one's own bring it into sight.
    async fn attack_leak_by_writes_to_a_risk(app: &TestApp) {
        let world = world(app).await;
        let hidden = furnish(app, &world.cast, "treasury", "secret").await;
        let absent = missing(&hidden);
        let maker = app.user("maker", &["owner@team:credit"]).await;
        maker.post("/api/v1/models", owned("credit", "own")).await.expect(201);
        let everywhere = app.user("everywhere", &["contributor"]).await;
        let assessment = json!({"title": "t", "category": "c", "severity": "low", "likelihood": "rare"});
        for (method, path, body) in [
            ("PUT", "/api/v1/risks/{risk}/models/own", Value::Null),
            ("DELETE", "/api/v1/risks/{risk}/models/own", Value::Null),
            ("PUT", "/api/v1/risks/{risk}", assessment),
            ("POST", "/api/v1/risks/{risk}/mitigations", json!({"text": "t", "owner": "o"})),
            ("POST", "/api/v1/risks/{risk}/mitigations/1/done", json!({})),
            ("POST", "/api/v1/risks/{risk}/status", json!({"status": "closed", "reason": "r"})),
            ("POST", "/api/v1/reviews", json!({"about": "risk", "risk": "{risk}", "owner": "o", "due": "2027-01-01T00:00:00Z"})),
        ] {
            let said = async |client: &Client, names: &Names| {
                let body: Value = serde_json::from_str(&filled(&body.to_string(), names)).unwrap();
                let call = client.call(method, &filled(path, names));
                let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
                (answer.problem(), answer.json()["detail"].as_str().unwrap().replace(names["risk"].as_str(), "{risk}"))
            };
            let (asked, unknown) = (said(&maker, &hidden).await, said(&maker, &absent).await);
            assert_eq!((asked.0.as_str(), &asked), ("404 not_found", &unknown), "{method} {path}");
            assert_eq!(said(&everywhere, &absent).await, unknown, "{method} {path}");
        }
        assert_eq!(maker.get(&filled("/api/v1/risks/{risk}", &hidden)).await.status, 404);
    }

    async fn attack_leak_by_a_kept_answer(app: &TestApp) {
        let cast = app.cast().await;
        app.team("treasury").await;
        let reader = app.user("reader", &["viewer@team:credit"]).await;
        cast.owner.post("/api/v1/models", owned("treasury", "secret")).await.expect(201);
        let made = cast.scientist.version("secret", b"one").await;
        cast.scientist.put("/api/v1/models/secret/aliases/trial", json!({"version": 1})).await.expect(200);
        for path in [
            made.path.as_str(),
            "/api/v1/models/secret/aliases/trial",
            "/api/2.0/mlflow/model-versions/get?name=secret&version=1",
            "/api/2.0/mlflow/registered-models/alias?name=secret&alias=trial",
        ] {
            // Twice, so that the second answer is a kept one.
            cast.auditor.get(path).await.expect(200);
            cast.auditor.get(path).await.expect(200);
            assert_eq!(reader.get(path).await.status, 404, "{path}");
        }
        // The model comes to the caller's team, and goes again: both hold from the next request on. Who takes it over hears of it.
        let taker = app.user("taker", &["owner@team:credit"]).await;
        let transfer = |what: &str| format!("/api/v1/models/secret/transfer{what}");
        assert_eq!(taker.post(&transfer("/accept"), json!({"to": "credit"})).await.status, 404);
        for (from, to, team, status) in [(&cast.owner, &taker, "credit", 200), (&taker, &cast.owner, "treasury", 404)] {
            from.post(&transfer(""), json!({"to": team, "reason": "theirs"})).await.expect(201);
            to.post(&transfer("/accept"), json!({"to": team})).await.expect(200);
            for path in [made.path.as_str(), "/api/v1/models/secret", "/api/2.0/mlflow/model-versions/get?name=secret&version=1"] {
                assert_eq!(reader.get(path).await.status, status, "{team} {path}");
                cast.auditor.get(path).await.expect(200);
            }
        }
    }

    /// The tree is made of all entries, whoever asks for a proof.
    async fn who_sees_little_gets_proofs(app: &TestApp) {
        let world = world(app).await;
        furnish(app, &world.cast, "treasury", "secret").await;
        app.app.sign_checkpoint().await.unwrap();
        let (his, all) = (world.reader.get("/api/v1/ledger/proof/1").await, app.admin.get("/api/v1/ledger/proof/1").await);
        assert_eq!((his.status, &his.bytes), (200, &all.bytes));
    }

    async fn attack_leak_by_a_neighbour(app: &TestApp) {
        let cast = app.cast().await;
        app.team("treasury").await;
        let reader = app.user("reader", &["viewer@team:credit"]).await;
        for (team, name, kind) in [("treasury", "secret", "model"), ("credit", "tuned", "model"), ("credit", "assistant", "system")] {
            let mut body = owned(team, name);
            body["kind"] = kind.into();
            cast.owner.post("/api/v1/models", body).await.expect(201);
        }
        cast.scientist.version("secret", b"base").await;
        let hidden = cast.auditor.get("/api/v1/models/secret/versions/1").await.expect(200);
        let mut tuned = cast.scientist.package(b"tuned").await;
        tuned["facts"]["parents"] = json!([{"reference": "secret/1", "relation": "fine-tuned-from"}]);
        cast.scientist.post("/api/v1/models/tuned/versions", tuned).await.expect(201);
        let parts = json!({"facts": {"composition": [{"role": "judge", "reference": "secret/1"}, {"role": "scorer", "reference": "tuned/1"}]}});
        cast.scientist.post("/api/v1/models/assistant/versions", parts).await.expect(201);
        let composite = cast.auditor.get("/api/v1/models/assistant/versions/1").await.expect(200)["composite_id"].as_str().unwrap().to_owned();
        let traced = format!("/trace/{composite}");
        for path in [
            "/models/tuned/versions/1",
            "/models/tuned/versions",
            "/models/tuned/versions/1/lineage",
            "/models/tuned/history",
            "/models/assistant/versions/1",
            "/models/assistant/versions/1/lineage",
            "/models/assistant/versions/1/check?to=production",
            "/models/assistant/versions/1/policy-input?to=production",
            "/policy/explain?rule=components.approved&model=assistant&version=1&to=production",
            "/resolve?reference=assistant/1",
            traced.as_str(),
        ] {
            // First for somebody who reads all of it, so that a kept answer would be given.
            cast.auditor.get(&format!("{NATIVE}{path}")).await.expect(200);
            let said = reader.get(&format!("{NATIVE}{path}")).await;
            let text = said.expect(200).to_string();
            for word in ["secret", hidden["version_digest"].as_str().unwrap(), hidden["model"]["id"].as_str().unwrap()] {
                assert!(!text.contains(word), "{path} says {word}: {text}");
            }
        }
        let shown = reader.get("/api/v1/models/assistant/versions/1").await.expect(200);
        assert_eq!(shown["composition"][0], json!({"role": "judge", "readable": false}));
        assert_eq!(shown["composition"][1]["model"]["name"], "tuned");
        let lineage = reader.get("/api/v1/models/tuned/versions/1/lineage").await.expect(200);
        let node = lineage["nodes"].as_array().unwrap().iter().find(|node| node["readable"] == false).unwrap();
        assert_eq!(node, &json!({"id": "unreadable:1", "kind": "version", "readable": false, "distance": 1}));
        let package = reader.get("/api/v1/models/tuned/versions/1/package").await;
        assert!(package.status == 200 && !String::from_utf8_lossy(&package.bytes).contains("secret"));
        // The rules see what the caller does not.
        let found = reader.get("/api/v1/policy/explain?rule=components.approved&model=assistant&version=1&to=production").await.expect(200);
        assert!(found["finding"]["message"].as_str().unwrap().contains("judge [not readable] is draft"), "{found}");
    }

    async fn attack_bytes_by_their_digest(app: &TestApp) {
        let cast = app.cast().await;
        app.team("treasury").await;
        let thief = app.user("thief", &["contributor@team:credit"]).await;
        for (team, name) in [("treasury", "secret"), ("credit", "mine")] {
            cast.owner.post("/api/v1/models", owned(team, name)).await.expect(201);
        }
        let made = cast.scientist.version("secret", b"weights").await;
        crate::mlflow_artifacts::put(&cast.scientist, "1/run/weights.bin", b"of a run").await.expect(200);
        let digest = chancery_core::names::Digest::of(b"weights").to_string();
        let unknown = chancery_core::names::Digest::of(b"never sent").to_string();
        let find = async |client: &Client, digest: &str| client.get(&format!("/api/v1/blobs/{digest}")).await.said().replace(digest, "DIGEST");
        assert_eq!(find(&thief, &digest).await, find(&thief, &unknown).await);
        assert!(find(&cast.scientist, &digest).await.starts_with("200"));
        let steal = async |digest: &str| {
            let files = json!({"files": [{"path": "a.bin", "size": 7, "digest": digest}], "facts": {}});
            thief.post("/api/v1/models/mine/versions", files).await
        };
        let (stolen, missing) = (steal(&digest).await, steal(&unknown).await);
        assert_eq!(stolen.problem(), "422 digest_mismatch files");
        assert_eq!(stolen.said().replace(&digest, "DIGEST"), missing.said().replace(&unknown, "DIGEST"));
        let listed = thief.get("/api/2.0/mlflow-artifacts/artifacts?path=1/run").await;
        assert_eq!(listed.json(), json!({}));
        let fetched = thief.get("/api/2.0/mlflow-artifacts/artifacts/1/run/weights.bin").await;
        assert_eq!(fetched.said().replace("weights", "X"), thief.get("/api/2.0/mlflow-artifacts/artifacts/1/run/nothing.bin").await.said().replace("nothing", "X"));
        let sealed = format!("/api/2.0/mlflow-artifacts/artifacts/versions/{}/1/data/model.bin", cast.auditor.get("/api/v1/models/secret").await.json()["id"].as_str().unwrap());
        assert_eq!(thief.get(&sealed).await.status, 404);
        cast.auditor.get(&sealed).await.expect(200);
        // Whoever has the bytes sends them, and has them then.
        thief.upload(b"weights").await;
        assert!(find(&thief, &digest).await.starts_with("200"));
        steal(&digest).await.expect(201);
        // Who sent what is forgotten after a week; what he registered he has by the version.
        thief.upload(b"of no use").await;
        let idle = chancery_core::names::Digest::of(b"of no use").to_string();
        assert!(find(&thief, &idle).await.starts_with("200"));
        assert_eq!(app.app.forget_senders(app.app.now()).await.unwrap(), 0);
        app.advance(7 * 86_400 + 1);
        assert_eq!(app.app.forget_senders(app.app.now()).await.unwrap(), 2);
        assert_eq!(find(&thief, &idle).await, find(&thief, &unknown).await);
        assert!(find(&thief, &digest).await.starts_with("200"));
        drop(made);
    }
}
