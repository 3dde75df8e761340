//! Lineage: from a release to the exact data, code, pipeline, evaluation and approvals in one query, and back (LIN-1, ENT-10).

use std::time::Instant;

use chancery::app::lineage::{self, Direction};
use chancery::store::{Schema, Store, StoreConfig};
use chancery_core::lineage::Relation;
use chancery_core::names::{ActorId, Digest, Grade, ModelId, ModelKind, ModelName, RiskTier, State, Timestamp, VersionNumber};
use chancery_core::rows::Rows;
use chancery_core::tables::{AliasRow, LineageRow, ModelRow, VersionRow};
use serde_json::{Value, json};

use crate::support::app::{block_on, both};
use crate::support::builders::{Cast, Made, evaluation, facts};

/// Registers a version with these members in its facts beside the usual ones.
async fn version(cast: &Cast, model: &str, bytes: &[u8], members: Value) -> Made {
    let mut body = cast.scientist.package(bytes).await;
    for (name, value) in members.as_object().unwrap() {
        body["facts"][name] = value.clone();
    }
    let answer = cast.scientist.post(&format!("/api/v1/models/{model}/versions"), body).await;
    answer.expect(201);
    let path = answer.header("location").to_owned();
    Made { model: model.to_owned(), number: path.rsplit('/').next().unwrap().parse().unwrap(), path }
}

async fn composed(cast: &Cast, name: &str, parts: &[(&str, &str)]) {
    let mut body = crate::support::builders::profile();
    (body["name"], body["kind"], body["risk_tier"]) = (name.into(), "system".into(), "limited".into());
    cast.owner.post("/api/v1/models", body).await.expect(201);
    let parts: Vec<Value> = parts.iter().map(|(role, reference)| json!({"role": role, "reference": reference})).collect();
    cast.scientist.post(&format!("/api/v1/models/{name}/versions"), json!({"facts": {"composition": parts}})).await.expect(201);
}

/// `from relation to` of every edge, sorted.
fn edges(found: &Value) -> Vec<String> {
    let word = |edge: &Value, member: &str| edge[member].as_str().unwrap().to_owned();
    let edges = found["edges"].as_array().unwrap().iter();
    let mut lines: Vec<String> = edges.map(|edge| format!("{} {} {}", word(edge, "from"), word(edge, "relation"), word(edge, "to"))).collect();
    lines.sort();
    lines
}

fn nodes(found: &Value, member: &str) -> Vec<String> {
    found[member].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

async fn uses(cast: &Cast, query: &str) -> Vec<String> {
    let found = cast.auditor.get(&format!("/api/v1/lineage/uses?{query}")).await.expect(200);
    found["items"].as_array().unwrap().iter().map(|item| format!("{}/{}", item["model"]["name"].as_str().unwrap(), item["number"])).collect()
}

/// A base, what was trained from it, and a system that has that as a part.
async fn family(cast: &Cast) -> (Made, Made) {
    for name in ["base", "tuned"] {
        cast.owner.model(name, "limited").await;
    }
    let base = version(cast, "base", b"base", json!({"parents": ["meta/llama-3", "base"]})).await;
    let training = json!({
        "date": "2026-05-01", "run_id": "run-7", "pipeline_run": "nightly-12",
        "code": {"repository": "https://git.example/loans", "commit": "b".repeat(40), "dirty": false},
    });
    let parents = json!([{"reference": "base@1.0.0", "relation": "finetune", "method": "lora"}]);
    let datasets = json!([{"role": "training", "name": "loanapp", "version": "v2", "digest": "4".repeat(64)}, {"role": "test", "name": "holdout"}]);
    let tuned = version(cast, "tuned", b"tuned", json!({"parents": parents, "training": training, "datasets": datasets})).await;
    composed(cast, "assistant", &[("model", "tuned/1")]).await;
    composed(cast, "suite", &[("system", "assistant/1"), ("judge", "base/1")]).await;
    (base, tuned)
}

both! {
    async fn one_query_leads_from_a_version_to_everything_behind_it(app: &TestApp) {
        let cast = app.cast().await;
        let (_, tuned) = family(&cast).await;
        cast.scientist.evidence(&tuned, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let found = cast.auditor.get(&format!("{}/lineage", tuned.path)).await.expect(200);
        assert_eq!((&found["subject"], &found["direction"], &found["truncated"]), (&json!("version:tuned/1"), &json!("up"), &json!(false)));
        let environment = nodes(&found, "nodes").into_iter().find(|id| id.starts_with("environment:")).unwrap();
        let usual = facts();
        let commit = usual["training"]["code"]["commit"].as_str().unwrap();
        let data = usual["datasets"][0]["digest"].as_str().unwrap();
        let mut expected = vec![
            "version:base/1 derived-from external:base".to_owned(),
            "version:base/1 derived-from external:meta/llama-3".to_owned(),
            format!("version:base/1 code commit:loans@{commit}"),
            format!("version:base/1 dataset dataset:loanapp@1#{data}"),
            "version:base/1 pipeline pipeline:88".to_owned(),
            format!("version:base/1 environment {environment}"),
            format!("version:tuned/1 code commit:https://git.example/loans@{}", "b".repeat(40)),
            "version:tuned/1 dataset dataset:holdout@#".to_owned(),
            format!("version:tuned/1 dataset dataset:loanapp@v2#{}", "4".repeat(64)),
            format!("version:tuned/1 environment {environment}"),
            "version:tuned/1 fine-tuned-from version:base/1".to_owned(),
            "version:tuned/1 pipeline pipeline:nightly-12".to_owned(),
            "version:tuned/1 run run:run-7".to_owned(),
        ];
        expected.sort();
        assert_eq!(edges(&found), expected);
        let node = |id: &str| found["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap().clone();
        assert_eq!((&node(&environment)["packages"], &node("version:base/1")["distance"]), (&json!(1), &json!(1)));
        assert_eq!((&node("version:base/1")["state"], &node("version:base/1")["production"]), (&json!("draft"), &json!(false)));
        assert_eq!((&node("external:base")["distance"], &found["nodes"][0]["id"]), (&json!(2), &json!("version:tuned/1")));
        let parent = found["edges"].as_array().unwrap().iter().find(|edge| edge["relation"] == "fine-tuned-from").unwrap();
        assert_eq!((&parent["detail"], &parent["grade"]), (&json!("lora"), &json!("claimed")));
        assert_eq!(found["evidence"][0]["type"], "evaluation");
        // What the parent meant is sealed.
        let sealed = cast.auditor.get(&tuned.path).await.expect(200)["facts"]["parents"][0].clone();
        assert_eq!((&sealed["reference"], &sealed["resolved"]["number"]), (&json!("base@1.0.0"), &json!(1)));
        let near = cast.auditor.get("/api/v1/models/suite/versions/1/lineage?depth=1").await.expect(200);
        let versions: Vec<String> = nodes(&near, "nodes").into_iter().filter(|id| id.starts_with("version:")).collect();
        assert_eq!(versions, ["version:suite/1", "version:assistant/1", "version:base/1"]);
    }

    async fn one_query_leads_from_a_version_to_everything_that_comes_from_it(app: &TestApp) {
        let cast = app.cast().await;
        let (base, tuned) = family(&cast).await;
        cast.scientist.put("/api/v1/models/tuned/aliases/trial", json!({"version": 1})).await.expect(200);
        let found = cast.auditor.get(&format!("{}/lineage?direction=down", base.path)).await.expect(200);
        assert_eq!(nodes(&found, "nodes"), ["version:base/1", "version:suite/1", "version:tuned/1", "version:assistant/1"]);
        let expected = [
            "version:assistant/1 component version:tuned/1", "version:suite/1 component version:assistant/1", "version:suite/1 component version:base/1",
            "version:tuned/1 fine-tuned-from version:base/1",
        ];
        assert_eq!(edges(&found), expected);
        assert_eq!(found["edges"].as_array().unwrap().iter().find(|edge| edge["relation"] == "component").unwrap()["grade"], "read");
        let both = cast.auditor.get(&format!("{}/lineage?direction=both", tuned.path)).await.expect(200);
        let versions: Vec<String> = nodes(&both, "nodes").into_iter().filter(|id| id.starts_with("version:")).collect();
        assert_eq!(versions, ["version:tuned/1", "version:assistant/1", "version:base/1", "version:suite/1"]);

        let impact = cast.auditor.get(&format!("{}/lineage/impact", base.path)).await.expect(200);
        assert_eq!((&impact["subject"], &impact["descendants"], &impact["truncated"]), (&json!("base/1"), &json!(3), &json!(false)));
        assert_eq!((&impact["production"], &impact["aliases"]), (&json!([]), &json!({"tuned@trial": 1})));
        let owners: Vec<&str> = impact["owners"].as_array().unwrap().iter().map(|owner| owner["model"].as_str().unwrap()).collect();
        assert_eq!(owners, ["assistant", "base", "suite", "tuned"]);
        assert_eq!((&impact["owners"][0]["escalation_contact"], &impact["owners"][0]["kind"]), (&json!("oncall"), &json!("system")));
        assert_eq!(nodes(&impact, "versions"), ["version:assistant/1", "version:base/1", "version:suite/1", "version:tuned/1"]);

        let hide = cast.owner.post("/api/v1/models/base/versions/1/hide", json!({"reason": "a mistake"})).await;
        assert_eq!(hide.recorded_problem(), "409 protected_deletion version");
    }

    async fn the_reverse_is_asked_by_whatever_was_used(app: &TestApp) {
        let cast = app.cast().await;
        let (_, tuned) = family(&cast).await;
        let digest = "4".repeat(64);
        let commit = format!("commit={}", "b".repeat(40));
        let by_digest = format!("dataset_digest=sha256:{digest}");
        for (query, expected) in [
            ("dataset=loanapp", vec!["base/1", "tuned/1"]),
            ("dataset=loanapp&dataset_version=v2", vec!["tuned/1"]),
            ("dataset=LoanApp", vec![]),
            (by_digest.as_str(), vec!["tuned/1"]),
            (commit.as_str(), vec!["tuned/1"]),
            ("run=run-7", vec!["tuned/1"]),
            ("pipeline=nightly-12", vec!["tuned/1"]),
            ("package=Scikit_Learn", vec!["base/1", "tuned/1"]),
            ("package=scikit-learn%3D%3D1.9.1", vec!["base/1", "tuned/1"]),
            ("package=scikit-learn%3D%3D1.9", vec![]),
            ("model=base/1", vec!["suite/1", "tuned/1"]),
            ("model=tuned@1.0.0", vec!["assistant/1"]),
            ("external=meta/llama-3", vec!["base/1"]),
        ] {
            let mut found = uses(&cast, query).await;
            found.sort();
            assert_eq!(found, expected, "{query}");
        }
        // Facts that come later are found too.
        cast.scientist.evidence(&tuned, "addendum", &json!({"datasets": [{"name": "late-found"}]})).await.expect(201);
        assert_eq!(uses(&cast, "dataset=late-found").await, ["tuned/1"]);

        let mut pages = Vec::new();
        let mut query = "/api/v1/lineage/uses?package=scikit-learn&limit=1".to_owned();
        loop {
            let page = cast.auditor.get(&query).await.expect(200);
            pages.extend(page["items"].as_array().unwrap().iter().map(|item| item["model"]["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("/api/v1/lineage/uses?package=scikit-learn&limit=1&after={next}");
        }
        pages.sort();
        assert_eq!(pages, ["base", "tuned"]);

        for (query, problem) in [
            ("", "422 invalid_field query"),
            ("dataset=a&commit=b", "422 invalid_field query"),
            ("colour=red", "422 invalid_field colour"),
            ("dataset_version=1", "422 invalid_field dataset_version"),
            ("dataset_digest=12", "422 invalid_field dataset_digest"),
            ("dataset=", "422 invalid_field dataset"),
            ("model=a/b/c", "422 invalid_field model"),
            ("model=nothing/1", "404 not_found"),
            ("run=a&limit=0", "422 invalid_field limit"),
            ("run=a&after=eA", "422 invalid_field after"),
        ] {
            assert_eq!(cast.auditor.get(&format!("/api/v1/lineage/uses?{query}")).await.problem(), problem, "{query}");
        }
        for (query, problem) in [
            ("direction=sideways", "422 invalid_field direction"),
            ("depth=0", "422 invalid_field depth"),
            ("depth=1001", "422 invalid_field depth"),
            ("depth=x", "422 invalid_field depth"),
            ("way=up", "422 invalid_field way"),
        ] {
            assert_eq!(cast.auditor.get(&format!("{}/lineage?{query}", tuned.path)).await.problem(), problem, "{query}");
        }
        let mut body = cast.scientist.package(b"other").await;
        body["facts"]["parents"] = json!([{"reference": "base/1", "digest": "9".repeat(64)}]);
        assert_eq!(cast.scientist.post("/api/v1/models/tuned/versions", body).await.problem(), "422 digest_mismatch facts.parents[0].digest");
    }

    /// Chains, ladders and rings of claims: what is shown is bounded, and nothing recurses.
    async fn a_deep_chain_and_a_ladder_are_walked(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("chain", "limited").await;
        // Each version names every one before it, and one that is not there yet.
        for number in 1..=30_u32 {
            let parents: Vec<String> = (1..number).chain([number, number + 1]).map(|before| format!("chain/{before}")).collect();
            version(&cast, "chain", format!("{number}").as_bytes(), json!({"parents": parents})).await;
        }
        let up = cast.auditor.get("/api/v1/models/chain/versions/30/lineage?depth=1000").await.expect(200);
        let versions = nodes(&up, "nodes").into_iter().filter(|id| id.starts_with("version:")).count();
        assert_eq!(versions, 30);
        let first = up["nodes"].as_array().unwrap().iter().find(|node| node["id"] == "version:chain/1").unwrap().clone();
        assert_eq!(first["distance"], 1, "by the shortest way");
        let down = cast.auditor.get("/api/v1/models/chain/versions/1/lineage/impact").await.expect(200);
        assert_eq!(down["descendants"], 29);
    }
}

fn model_id(number: u64) -> ModelId {
    ModelId::parse(&format!("m{number:0>32}")).unwrap()
}

fn actor() -> ActorId {
    ActorId::parse("system").unwrap()
}

fn model_row(number: u64, at: Timestamp) -> ModelRow {
    let name = ModelName::parse(&format!("model-{number}")).unwrap();
    ModelRow {
        model_id: model_id(number),
        name_folded: name.to_string(),
        name,
        kind: ModelKind::Model,
        profile: json!({"ownership": {"owner": "head of credit", "escalation_contact": "oncall"}}),
        risk_tier: RiskTier::Limited,
        tier_index: number,
        policy_mode: None,
        access_class: String::new(),
        hidden: false,
        last_number: 1,
        last_semver: "1.0.0".to_owned(),
        created_index: number,
        created_at: at,
        created_by: actor(),
        last_updated_at: at,
        updated_at: at,
        revision: number,
    }
}

fn version_row(model: u64, number: u64, at: Timestamp) -> VersionRow {
    VersionRow {
        model_id: model_id(model),
        number: VersionNumber::new(number).unwrap(),
        semver: format!("1.{number}.0"),
        state: if number.is_multiple_of(10) { State::Production } else { State::Draft },
        content_digest: Digest::of(b"content"),
        facts_digest: Digest::of(b"facts"),
        version_digest: Digest::of(format!("{model}/{number}").as_bytes()),
        files: 1,
        size: 1,
        description: String::new(),
        source: String::new(),
        run_id: String::new(),
        run_link: String::new(),
        held: true,
        hidden: false,
        ungated: false,
        shared: false,
        pinned: false,
        production_index: None,
        successor: None,
        sunset: None,
        registered_index: 0,
        registered_at: at,
        registered_by: actor(),
        attached_by: None,
        attached_index: None,
        last_updated_at: at,
        updated_at: at,
        revision: 0,
    }
}

fn edge(from: (u64, u64), to: (u64, u64), place: u64) -> LineageRow {
    LineageRow {
        model_id: model_id(from.0),
        number: VersionNumber::new(from.1).unwrap(),
        source: Digest::of(b"facts"),
        place,
        relation: Relation::FineTunedFrom,
        to_model: Some(model_id(to.0)),
        to_number: Some(to.1),
        name: format!("model-{}/{}", to.0, to.1),
        version: String::new(),
        digest: None,
        detail: String::new(),
        grade: Grade::Claimed,
    }
}

/// Ten thousand versions of a thousand models come from one, most of them indirectly; two thousand more are beside them.
fn crowd() -> Rows {
    let at = Timestamp::parse("2026-06-01T12:00:00Z").unwrap();
    let mut rows = Rows::empty();
    rows.put(&model_row(0, at));
    rows.put(&version_row(0, 1, at));
    for model in 1..=1_200_u64 {
        rows.put(&model_row(model, at));
        for number in 1..=10_u64 {
            rows.put(&version_row(model, number, at));
            let to = match (model, number) {
                (1..=100, 1) => (0, 1),
                (_, 1) => (model / 10, model % 10 + 1),
                (_, _) => (model, number - 1),
            };
            // The last models come from one that is not in the family.
            let to = if model > 1_000 && number == 1 { (9_999, 1) } else { to };
            rows.put(&edge((model, number), to, 0));
        }
        rows.put(&AliasRow {
            model_id: model_id(model),
            alias: chancery_core::names::AliasName::parse("champion").unwrap(),
            number: VersionNumber::new(1).unwrap(),
            revision: 1,
        });
    }
    rows
}

async fn measured(database: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig { data: folder.path().to_owned(), database };
    let (store, mut writer): (Store, _) = Store::open(config, &Schema::product()).await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    tx.flush(crowd().take_changes()).await.unwrap();
    tx.commit().await.unwrap();
    let snapshot = store.read().await.unwrap();
    let (model, version) = (model_row(0, Timestamp::from_micros(0)), version_row(0, 1, Timestamp::from_micros(0)));
    for _ in 0..5 {
        let start = Instant::now();
        let impact = lineage::impact(&snapshot, &model, &version).await.unwrap();
        let took = start.elapsed();
        assert_eq!((impact.descendants, impact.truncated, impact.owners.len()), (10_000, false, 1_001));
        let start = Instant::now();
        let down = lineage::graph(&snapshot, &model, &version, Direction::Down, 1_000).await.unwrap();
        println!("impact of 10,000 descendants: {took:?}; as a graph with {} edges: {:?}", down.edges.len(), start.elapsed());
    }
}

#[test]
#[ignore = "a measurement: cargo test --release --test it -- --ignored --nocapture lineage::ten_thousand"]
fn ten_thousand_descendants_on_sqlite() {
    block_on(measured(None));
}

#[test]
#[ignore = "a measurement: cargo test --release --test it -- --ignored --nocapture lineage::ten_thousand"]
fn ten_thousand_descendants_on_postgres() {
    block_on(async { measured(Some(crate::support::postgres::database().await)).await });
}
