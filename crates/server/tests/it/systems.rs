//! Systems: versions that are made of other versions (SYS-1), and what follows for their parts.

use serde_json::{Value, json};

use crate::support::Answer;
use crate::support::app::both;
use crate::support::builders::{Cast, Made, evaluation, facts, profile};

/// An entry of a kind with a whole profile.
async fn entry(cast: &Cast, name: &str, kind: &str) {
    let mut body = profile();
    body["name"] = name.into();
    body["kind"] = kind.into();
    body["risk_tier"] = "limited".into();
    cast.owner.post("/api/v1/models", body).await.expect(201);
}

/// A model with two versions, a prompt, and the system that will be made of them.
async fn parts(cast: &Cast) {
    for (name, kind) in [("base", "model"), ("greeting", "prompt"), ("assistant", "system")] {
        entry(cast, name, kind).await;
    }
    cast.scientist.version("base", b"weights").await;
    cast.scientist.version("greeting", b"Hello {{name}}").await;
}

fn body(parts: &[(&str, &str)]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|(role, reference)| json!({"role": role, "reference": reference})).collect();
    json!({"facts": {"composition": parts}})
}

async fn compose(cast: &Cast, system: &str, parts: &[(&str, &str)]) -> Answer {
    cast.scientist.post(&format!("/api/v1/models/{system}/versions"), body(parts)).await
}

async fn composed(cast: &Cast, system: &str, parts: &[(&str, &str)]) -> Made {
    let answer = compose(cast, system, parts).await;
    answer.expect(201);
    let path = answer.header("location").to_owned();
    Made { model: system.to_owned(), number: path.rsplit('/').next().unwrap().parse().unwrap(), path }
}

/// Version digest of the first version of a model.
async fn digest(cast: &Cast, model: &str) -> Value {
    cast.auditor.get(&format!("/api/v1/models/{model}/versions/1")).await.expect(200)["version_digest"].clone()
}

both! {
    /// SYS-1: references are pinned when the version is registered; the content digest is the digest of the composition.
    async fn a_version_of_a_system_pins_its_parts(app: &TestApp) {
        let cast = app.cast().await;
        parts(&cast).await;
        cast.scientist.put("/api/v1/models/greeting/aliases/today", json!({"version": 1})).await.expect(200);
        let version = composed(&cast, "assistant", &[("model", "base/1"), ("prompt", "greeting@today")]).await;
        let shown = cast.auditor.get(&version.path).await.expect(200);
        let (base, greeting) = (digest(&cast, "base").await, digest(&cast, "greeting").await);
        assert_eq!(shown["composition"][0]["model"]["name"], "base");
        assert_eq!((&shown["composition"][0]["version_digest"], &shown["composition"][1]["version_digest"]), (&base, &greeting));
        assert_eq!((&shown["composition"][1]["role"], &shown["composition"][1]["state"]), (&json!("prompt"), &json!("draft")));
        assert_eq!(shown["composition"][1]["newer"], Value::Null);
        assert_eq!((&shown["held"], &shown["files"], &shown["grades"]["composition"]), (&json!(true), &json!(0), &json!("read")));
        assert_eq!(shown["facts"]["composition"][1]["reference"], "greeting/1", "an alias is sealed as what it meant");
        // Anyone can compute the content digest from the pinned digests.
        let manifest = json!({"composition": [{"role": "model", "version_digest": base}, {"role": "prompt", "version_digest": greeting}], "files": [], "v": 1});
        let canonical = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(shown["content_digest"], chancery_core::names::Digest::of(&canonical).to_string());
        assert_eq!(cast.auditor.get(&format!("{}/manifest", version.path)).await.expect(200), manifest);
        for path in ["package", "fixity", "decisions", "evidence", "lineage"] {
            assert_eq!(cast.auditor.get(&format!("{}/{path}", version.path)).await.status, 200, "{path}");
        }
        let mlflow = cast.auditor.get("/api/2.0/mlflow/model-versions/get?name=assistant&version=1").await.expect(200);
        assert_eq!((&mlflow["model_version"]["version"], &mlflow["model_version"]["status"]), (&json!("1"), &json!("READY")));
    }

    /// A new prompt means a new system version, which starts without evaluations; the sealed one shows that something moved.
    async fn a_prompt_that_moves_changes_no_sealed_version(app: &TestApp) {
        let cast = app.cast().await;
        parts(&cast).await;
        let first = composed(&cast, "assistant", &[("model", "base/1"), ("prompt", "greeting@latest")]).await;
        cast.scientist.evidence(&first, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let before = cast.auditor.get(&first.path).await.expect(200);
        let cut = app.size().await - 1;
        cast.scientist.version("greeting", b"Good day {{name}}").await;
        let after = cast.auditor.get(&first.path).await.expect(200);
        assert_eq!(after["composition"][1]["newer"], 2);
        let mut same = after.clone();
        same["composition"][1]["newer"] = Value::Null;
        assert_eq!(same, before, "nothing else changed, not even the revision");
        let mut past = before.clone();
        past["completeness"] = Value::Null;
        assert_eq!(cast.auditor.get(&format!("{}?as_of={cut}", first.path)).await.expect(200), past, "a past version is not measured by the policy of today");
        let second = composed(&cast, "assistant", &[("model", "base/1"), ("prompt", "greeting@latest")]).await;
        let shown = cast.auditor.get(&second.path).await.expect(200);
        assert_ne!(shown["content_digest"], before["content_digest"]);
        assert_eq!(cast.auditor.get(&format!("{}/evidence", second.path)).await.expect(200)["items"].as_array().map_or(0, Vec::len), 0);
        // Evidence about the content digest is evidence about the composition: it does not fit the other version.
        let bound = format!("{}/evidence?type=evaluation&binds_to=content&binds_digest={}", second.path, before["content_digest"].as_str().unwrap());
        let answer = cast.scientist.call("POST", &bound).bytes(evaluation(0.8, 0.8).to_string()).send().await;
        assert!(answer.status == 409 || answer.status == 422, "{}", answer.status);
    }

    async fn what_does_not_fit_a_composition_is_refused(app: &TestApp) {
        let cast = app.cast().await;
        parts(&cast).await;
        entry(&cast, "outer", "system").await;
        composed(&cast, "assistant", &[("model", "base/1")]).await;
        composed(&cast, "outer", &[("system", "assistant/1")]).await;
        cast.scientist.version("base", b"other weights").await;
        cast.owner.post("/api/v1/models/base/versions/2/transitions", json!({"to": "retired", "reason": "a mistake"})).await.expect(200);
        let place = |member: &str| format!("422 invalid_field facts.composition[0].{member}");
        for (parts, expected) in [
            (vec![("model", "base/9")], "404 not_found facts.composition[0].reference".to_owned()),
            (vec![("model", "nothing/1")], "404 not_found facts.composition[0].reference".to_owned()),
            (vec![("model", "a/b/c")], place("reference")),
            (vec![("Model!", "base/1")], place("role")),
            (vec![("prompt", "base/1")], place("role")),
            (vec![("model", "base/2")], place("reference")),
            (vec![("system", "assistant/1")], place("reference")),
            (vec![("system", "outer/1")], place("reference")),
            (vec![("model", "base/1"), ("model", "base@1.0.0")], "422 invalid_field facts.composition[1]".to_owned()),
            (vec![], "422 invalid_field facts.composition".to_owned()),
        ] {
            assert_eq!(compose(&cast, "assistant", &parts).await.problem(), expected, "{parts:?}");
        }
        let contains = compose(&cast, "assistant", &[("system", "outer/1")]).await.json();
        assert_eq!(contains["detail"], "`outer/1` contains `assistant/1`: a system cannot contain itself");
        assert_eq!(compose(&cast, "base", &[("model", "base/1")]).await.problem(), "422 invalid_field files");
        let mut package = cast.scientist.package(b"more weights").await;
        package["facts"]["composition"] = json!([{"role": "model", "reference": "base/1"}]);
        assert_eq!(cast.scientist.post("/api/v1/models/base/versions", package).await.problem(), "422 invalid_field facts.composition");
        for (member, value) in [("version_digest", json!("a".repeat(64))), ("number", json!(2)), ("kind", json!("prompt")), ("model", json!("m1"))] {
            let mut body = body(&[("model", "base/1")]);
            body["facts"]["composition"][0][member] = value;
            let answer = cast.scientist.post("/api/v1/models/assistant/versions", body).await;
            assert_eq!(answer.problem(), format!("422 digest_mismatch facts.composition[0].{member}"));
        }
        let many: Vec<String> = (0..101).map(|at| format!("r{at}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|role| (role.as_str(), "base/1")).collect();
        assert_eq!(compose(&cast, "assistant", &many).await.problem(), "413 too_large facts.composition");
        let size = app.size().await;
        // What the registry sealed is accepted again: the facts of a version can be copied.
        let sealed = cast.auditor.get("/api/v1/models/assistant/versions/1").await.expect(200)["facts"].clone();
        cast.scientist.post("/api/v1/models/assistant/versions", json!({"facts": sealed})).await.expect(201);
        assert_eq!(app.size().await, size + 1);
    }

    async fn parts_are_kept(app: &TestApp) {
        let cast = app.cast().await;
        parts(&cast).await;
        let claim = json!({"facts": facts(), "origin": {"source": "s3://bucket/model"}});
        cast.scientist.post("/api/v1/models/base/versions", claim).await.expect(201);
        composed(&cast, "assistant", &[("model", "base/1"), ("judge", "base/2")]).await;
        let hide = cast.owner.post("/api/v1/models/base/versions/1/hide", json!({"reason": "a mistake"})).await;
        assert_eq!(hide.recorded_problem(), "409 protected_deletion version");
        let package = cast.scientist.package(b"late weights").await;
        let attach = cast.scientist.post("/api/v1/models/base/versions/2/attach", json!({"files": package["files"]})).await;
        assert_eq!(attach.recorded_problem(), "409 transition_refused version");
        // What nobody uses can still be hidden.
        cast.scientist.version("base", b"unused").await;
        cast.owner.post("/api/v1/models/base/versions/3/hide", json!({"reason": "a mistake"})).await.expect(200);
    }

    /// Rules see the parts as they stand now, and what the signature changes against the release (ENT-9).
    async fn a_gate_sees_the_parts_as_they_stand(app: &TestApp) {
        let cast = app.cast().await;
        parts(&cast).await;
        let version = composed(&cast, "assistant", &[("model", "base/1"), ("prompt", "greeting/1")]).await;
        let input = format!("{}/policy-input?to=candidate", version.path);
        let found = cast.auditor.get(&input).await.expect(200);
        let part = |found: &Value| found["components"].as_array().unwrap().iter().find(|part| part["role"] == "model").unwrap().clone();
        let before = part(&found);
        assert_eq!(found["components"].as_array().unwrap().len(), 2);
        assert_eq!((&before["name"], &before["kind"], &before["state"], &before["tier"]), (&json!("base"), &json!("model"), &json!("draft"), &json!("limited")));
        assert_eq!((&before["licence"], &before["ungated"]), (&json!("Apache-2.0"), &json!(false)));
        cast.owner.post("/api/v1/models/base/versions/1/transitions", json!({"to": "retired", "reason": "a mistake"})).await.expect(200);
        let found = cast.auditor.get(&input).await.expect(200);
        assert_eq!(part(&found)["state"], "retired");
    }
}
