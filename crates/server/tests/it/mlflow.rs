//! MLflow's registry API: every call as its clients send it, the errors that they match on, and the governance behind it.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Answer, Client, TestApp};

const ROOT: &str = "/api/2.0/mlflow";

impl Client {
    /// A call with a JSON body.
    async fn mlflow(&self, verb: &str, path: &str, body: Value) -> Answer {
        self.call(verb, &format!("{ROOT}/{path}")).json(&body).send().await
    }

    /// A call that must succeed.
    #[track_caller]
    fn mlflow_get(&self, path: &str) -> impl Future<Output = Answer> {
        let (client, path) = (self.clone(), format!("{ROOT}/{path}"));
        async move { client.get(&path).await }
    }

    /// A registered model.
    async fn registered(&self, name: &str) {
        self.mlflow("POST", "registered-models/create", json!({"name": name})).await.expect(200);
    }

    /// A version whose bytes are elsewhere; gives its number.
    async fn claimed(&self, name: &str) -> String {
        let body = json!({"name": name, "source": "s3://bucket/model", "run_id": "run"});
        let made = self.mlflow("POST", "model-versions/create", body).await.expect(200);
        made["model_version"]["version"].as_str().unwrap().to_owned()
    }

    async fn to_stage(&self, name: &str, version: &str, stage: &str, archive: bool) -> Answer {
        let body = json!({"name": name, "version": version, "stage": stage, "archive_existing_versions": archive});
        self.mlflow("POST", "model-versions/transition-stage", body).await
    }

    /// Stage and last update of a version.
    async fn stage(&self, name: &str, version: &str) -> (String, u64) {
        let body = self.mlflow_get(&format!("model-versions/get?name={name}&version={version}")).await.expect(200);
        let version = &body["model_version"];
        (version["current_stage"].as_str().unwrap().to_owned(), version["last_updated_timestamp"].as_u64().unwrap())
    }

    /// Puts a file into the artifact store.
    async fn artifact(&self, path: &str, bytes: &[u8]) {
        self.call("PUT", &format!("/api/2.0/mlflow-artifacts/artifacts/{path}")).bytes(bytes).send().await.expect(200);
    }
}

/// Status, code and message of an error.
#[track_caller]
fn error(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{} {body}", answer.status);
    format!("{} {}: {}", answer.status, body["error_code"].as_str().unwrap(), body["message"].as_str().unwrap())
}

/// Somebody who may do everything in a registry that only warns.
async fn warned(app: &TestApp) -> Client {
    app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "trial"})).await.expect(200);
    app.user("everybody", &["owner", "deployer", "incident"]).await
}

/// Kinds of the entries that a call made.
async fn kinds(app: &TestApp, from: u64) -> Vec<String> {
    let mut kinds = Vec::new();
    for index in from..app.size().await {
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{index}")).await.expect(200);
        assert_eq!(entry["door"], "mlflow", "{entry}");
        kinds.push(entry["kind"].as_str().unwrap().to_owned());
    }
    kinds
}

both! {
    async fn models_from_their_creation_to_their_end(app: &TestApp) {
        let user = warned(app).await;
        let body = json!({"name": "loan", "description": "first", "tags": [{"key": "team", "value": "a"}, {"key": "team", "value": "b"}, {"key": "empty"}]});
        let created = user.mlflow("POST", "registered-models/create", body).await;
        insta::assert_snapshot!(created.snapshot(), @r#"
        200 {
          "registered_model": {
            "creation_timestamp": 1780315200000,
            "description": "first",
            "last_updated_timestamp": 1780315200000,
            "name": "loan",
            "tags": [
              {
                "key": "empty",
                "value": ""
              },
              {
                "key": "team",
                "value": "b"
              }
            ]
          }
        }
        "#);
        assert_eq!(error(&user.mlflow("POST", "registered-models/create", json!({"name": "loan"})).await),
            "400 RESOURCE_ALREADY_EXISTS: Registered Model (name=loan) already exists.");
        app.advance(1);
        let cleared = user.mlflow("PATCH", "registered-models/update", json!({"name": "loan"})).await;
        insta::assert_snapshot!(cleared.snapshot(), @r#"
        200 {
          "registered_model": {
            "creation_timestamp": 1780315200000,
            "last_updated_timestamp": 1780315201000,
            "name": "loan",
            "tags": [
              {
                "key": "empty",
                "value": ""
              },
              {
                "key": "team",
                "value": "b"
              }
            ]
          }
        }
        "#);
        user.mlflow("PATCH", "registered-models/update", json!({"name": "loan", "description": "second"})).await.expect(200);
        user.claimed("loan").await;
        user.mlflow("POST", "registered-models/alias", json!({"name": "loan", "alias": "mine", "version": "1"})).await.expect(200);
        app.advance(1);
        let renamed = user.mlflow("POST", "registered-models/rename", json!({"name": "loan", "newName": "credit"})).await;
        insta::assert_snapshot!(renamed.snapshot(), @r#"
        200 {
          "registered_model": {
            "aliases": [
              {
                "alias": "mine",
                "version": "1"
              }
            ],
            "creation_timestamp": 1780315200000,
            "description": "second",
            "last_updated_timestamp": 1780315202000,
            "latest_versions": [
              {
                "creation_timestamp": 1780315201000,
                "current_stage": "None",
                "description": "",
                "last_updated_timestamp": 1780315202000,
                "name": "credit",
                "run_id": "run",
                "run_link": "",
                "source": "s3://bucket/model",
                "status": "READY",
                "version": "1"
              }
            ],
            "name": "credit",
            "tags": [
              {
                "key": "empty",
                "value": ""
              },
              {
                "key": "team",
                "value": "b"
              }
            ]
          }
        }
        "#);
        assert_eq!(error(&user.mlflow_get("registered-models/get?name=loan").await), "404 RESOURCE_DOES_NOT_EXIST: Registered Model with name=loan not found");
        assert_eq!(error(&user.mlflow_get("model-versions/get?name=loan&version=1").await),
            "404 RESOURCE_DOES_NOT_EXIST: Model Version (name=loan, version=1) not found");
        assert_eq!(user.mlflow("POST", "registered-models/rename", json!({"name": "credit", "new_name": "credit"})).await.status, 200);
        user.registered("other").await;
        assert_eq!(error(&user.mlflow("POST", "registered-models/rename", json!({"name": "other", "new_name": "credit"})).await),
            "400 RESOURCE_ALREADY_EXISTS: Registered Model (name=credit) already exists");
        let shown = user.mlflow_get("registered-models/search?max_results=1").await;
        assert_eq!(shown.json()["registered_models"][0]["name"], "credit");
        assert!(shown.json()["next_page_token"].is_string());
        assert_eq!(user.mlflow("DELETE", "registered-models/delete", json!({"name": "credit"})).await.expect(200), json!({}));
        for path in ["registered-models/get?name=credit", "registered-models/alias?name=credit&alias=mine"] {
            assert_eq!(error(&user.mlflow_get(path).await), "404 RESOURCE_DOES_NOT_EXIST: Registered Model with name=credit not found", "{path}");
        }
        assert_eq!(error(&user.mlflow_get("model-versions/get?name=credit&version=1").await),
            "404 RESOURCE_DOES_NOT_EXIST: Model Version (name=credit, version=1) not found");
        assert_eq!(user.mlflow_get("model-versions/search").await.expect(200), json!({}));
        user.registered("credit").await;
        assert_eq!(user.claimed("credit").await, "2", "a name that is used again goes on counting");
    }

    async fn versions_from_their_registration_to_their_end(app: &TestApp) {
        let user = warned(app).await;
        user.registered("loan").await;
        let body = json!({"name": "loan", "source": "s3://bucket/model", "run_id": "run", "run_link": "http://runs/1", "tags": [{"key": "a", "value": "é"}]});
        insta::assert_snapshot!(user.mlflow("POST", "model-versions/create", body).await.snapshot(), @r#"
        200 {
          "model_version": {
            "creation_timestamp": 1780315200000,
            "current_stage": "None",
            "description": "",
            "last_updated_timestamp": 1780315200000,
            "name": "loan",
            "run_id": "run",
            "run_link": "http://runs/1",
            "source": "s3://bucket/model",
            "status": "READY",
            "tags": [
              {
                "key": "a",
                "value": "é"
              }
            ],
            "version": "1"
          }
        }
        "#);
        app.advance(1);
        user.mlflow("PATCH", "model-versions/update", json!({"name": "loan", "version": "1", "description": "new"})).await.expect(200);
        insta::assert_snapshot!(user.mlflow_get("model-versions/get?name=loan&version=01").await.snapshot(), @r#"
        200 {
          "model_version": {
            "creation_timestamp": 1780315200000,
            "current_stage": "None",
            "description": "new",
            "last_updated_timestamp": 1780315201000,
            "name": "loan",
            "run_id": "run",
            "run_link": "http://runs/1",
            "source": "s3://bucket/model",
            "status": "READY",
            "tags": [
              {
                "key": "a",
                "value": "é"
              }
            ],
            "version": "1"
          }
        }
        "#);
        insta::assert_snapshot!(user.mlflow_get("registered-models/get?name=loan").await.snapshot(), @r#"
        200 {
          "registered_model": {
            "creation_timestamp": 1780315200000,
            "last_updated_timestamp": 1780315200000,
            "latest_versions": [
              {
                "creation_timestamp": 1780315200000,
                "current_stage": "None",
                "description": "new",
                "last_updated_timestamp": 1780315201000,
                "name": "loan",
                "run_id": "run",
                "run_link": "http://runs/1",
                "source": "s3://bucket/model",
                "status": "READY",
                "tags": [
                  {
                    "key": "a",
                    "value": "é"
                  }
                ],
                "version": "1"
              }
            ],
            "name": "loan"
          }
        }
        "#);
        assert_eq!(user.mlflow_get("model-versions/get-download-uri?name=loan&version=1").await.expect(200), json!({"artifact_uri": "s3://bucket/model"}));
        let copied = user.mlflow("POST", "model-versions/create", json!({"name": "loan", "source": "models:/loan/latest"})).await.expect(200);
        assert_eq!((&copied["model_version"]["source"], &copied["model_version"]["run_id"]), (&json!("models:/loan/1"), &json!("run")));
        assert_eq!(user.mlflow_get("model-versions/get-download-uri?name=loan&version=2").await.expect(200), json!({"artifact_uri": "s3://bucket/model"}));
        let found = user.mlflow_get("model-versions/search?filter=source_path%20LIKE%20%27models%25%27").await.expect(200);
        assert_eq!(found["model_versions"][0]["version"], "2");
        let before = app.size().await;
        assert_eq!(user.mlflow("DELETE", "model-versions/delete", json!({"name": "loan", "version": "1"})).await.expect(200), json!({}));
        assert_eq!(kinds(app, before).await, ["version.hidden"]);
        for (verb, path, body) in [
            ("DELETE", "model-versions/delete", json!({})), ("PATCH", "model-versions/update", json!({})),
            ("POST", "model-versions/set-tag", json!({"key": "a"})), ("DELETE", "model-versions/delete-tag", json!({"key": "a"})),
            ("POST", "model-versions/transition-stage", json!({"stage": "Staging"})), ("POST", "registered-models/alias", json!({"alias": "a"})),
        ] {
            let mut body = body;
            body["name"] = "loan".into();
            body["version"] = "1".into();
            let answer = user.mlflow(verb, path, body).await;
            assert_eq!(error(&answer), "404 RESOURCE_DOES_NOT_EXIST: Model Version (name=loan, version=1) not found", "{verb} {path}");
        }
        assert_eq!(user.mlflow_get("model-versions/get-download-uri?name=loan&version=2").await.status, 200, "a copy outlives its origin");
        assert_eq!(user.claimed("loan").await, "3");
    }

    async fn aliases_and_tags(app: &TestApp) {
        let user = warned(app).await;
        user.registered("loan").await;
        let alias = |alias: &str, version: &str| json!({"name": "loan", "alias": alias, "version": version});
        assert_eq!(error(&user.mlflow_get("registered-models/alias?name=loan&alias=LATEST").await),
            "404 RESOURCE_DOES_NOT_EXIST: Latest version not found for model loan.");
        user.claimed("loan").await;
        user.claimed("loan").await;
        let before = app.size().await;
        for (name, version) in [("champ", "1"), ("Champ", "1"), ("é", "1"), ("champ", "2")] {
            assert_eq!(user.mlflow("POST", "registered-models/alias", alias(name, version)).await.expect(200), json!({}));
        }
        assert_eq!(kinds(app, before).await, ["alias.set"; 4]);
        insta::assert_snapshot!(user.mlflow_get("registered-models/alias?name=loan&alias=champ").await.snapshot(), @r#"
        200 {
          "model_version": {
            "aliases": [
              "champ"
            ],
            "creation_timestamp": 1780315200000,
            "current_stage": "None",
            "description": "",
            "last_updated_timestamp": 1780315200000,
            "name": "loan",
            "run_id": "run",
            "run_link": "",
            "source": "s3://bucket/model",
            "status": "READY",
            "version": "2"
          }
        }
        "#);
        assert_eq!(user.mlflow_get("registered-models/get?name=loan").await.expect(200)["registered_model"]["aliases"],
            json!([{"alias": "Champ", "version": "1"}, {"alias": "champ", "version": "2"}, {"alias": "é", "version": "1"}]));
        assert_eq!(user.mlflow_get("registered-models/alias?name=loan&alias=latest").await.expect(200)["model_version"]["version"], "2");
        assert_eq!(error(&user.mlflow_get("registered-models/alias?name=loan&alias=none").await),
            "400 INVALID_PARAMETER_VALUE: Registered model alias none not found.");
        for name in ["champ", "champ", "v1", "a b"] {
            let body = json!({"name": "loan", "alias": name});
            assert_eq!(user.mlflow("DELETE", "registered-models/alias", body).await.expect(200), json!({}), "{name}");
        }
        for (kind, subject) in [("registered-models", json!({"name": "loan"})), ("model-versions", json!({"name": "loan", "version": "1"}))] {
            let with = |more: Value| {
                let mut body = subject.clone();
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                body
            };
            let before = app.size().await;
            user.mlflow("POST", &format!("{kind}/set-tag"), with(json!({"key": "a.b/c", "value": "x".repeat(100_000)}))).await.expect(200);
            user.mlflow("POST", &format!("{kind}/set-tag"), with(json!({"key": "a.b/c"}))).await.expect(200);
            for _ in 0..2 {
                assert_eq!(user.mlflow("DELETE", &format!("{kind}/delete-tag"), with(json!({"key": "a.b/c"}))).await.expect(200), json!({}));
            }
            assert_eq!(kinds(app, before).await, ["tag.set", "tag.set", "tag.deleted"], "{kind}: removing what is not there is no entry");
            let long = user.mlflow("POST", &format!("{kind}/set-tag"), with(json!({"key": "k", "value": "x".repeat(100_001)}))).await;
            assert_eq!(error(&long), "400 INVALID_PARAMETER_VALUE: 'value' exceeds the maximum length of 100000 characters");
        }
    }

    async fn stages_in_a_registry_that_warns(app: &TestApp) {
        let user = warned(app).await;
        user.registered("loan").await;
        for _ in 0..3 {
            user.claimed("loan").await;
        }
        for stage in ["Archived", "none", "STAGING"] {
            app.advance(1);
            user.to_stage("loan", "1", stage, false).await.expect(200);
        }
        user.to_stage("loan", "2", "Production", false).await.expect(200);
        app.advance(1);
        let staged = user.to_stage("loan", "3", "staging", true).await;
        insta::assert_snapshot!(staged.snapshot(), @r#"
        200 {
          "model_version": {
            "creation_timestamp": 1780315200000,
            "current_stage": "Staging",
            "description": "",
            "last_updated_timestamp": 1780315204000,
            "name": "loan",
            "run_id": "run",
            "run_link": "",
            "source": "s3://bucket/model",
            "status": "READY",
            "version": "3"
          }
        }
        "#);
        let (first, third) = (user.stage("loan", "1").await, user.stage("loan", "3").await);
        assert_eq!((first.0.as_str(), third.0.as_str(), first.1 == third.1), ("Archived", "Staging", true), "archived in the same moment");
        let latest = user.mlflow("POST", "registered-models/get-latest-versions", json!({"name": "loan"})).await.expect(200);
        let stages: Vec<String> = latest["model_versions"].as_array().unwrap().iter().map(|v| format!("{} {}", v["version"], v["current_stage"])).collect();
        assert_eq!(stages, [r#""1" "Archived""#, r#""2" "Production""#, r#""3" "Staging""#]);
        let one = user.mlflow_get("registered-models/get-latest-versions?name=loan&stages=production&stages=None").await.expect(200);
        assert_eq!(one["model_versions"].as_array().unwrap().len(), 1);
        app.advance(1);
        user.to_stage("loan", "3", "Production", true).await.expect(200);
        assert_eq!(user.stage("loan", "2").await.0, "Archived");
        // Back to what was there before is a rollback; to what never was, a promotion.
        let before = app.size().await;
        user.to_stage("loan", "2", "Production", true).await.expect(200);
        assert!(kinds(app, before).await.contains(&"exception.granted".to_owned()));
        user.to_stage("loan", "1", "Production", false).await.expect(200);
        assert_eq!(user.stage("loan", "1").await.0, "Production");
        let view = app.admin.get("/api/v1/models/loan/versions/1").await.expect(200);
        assert_eq!((&view["ungated"], &view["state"]), (&json!(true), &json!("production")));
        for stage in ["None", "Archived"] {
            assert_eq!(error(&user.to_stage("loan", "1", stage, true).await), format!(
                "400 INVALID_PARAMETER_VALUE: Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. \
                 Valid stages are ['Staging', 'Production']"));
        }
        assert_eq!(error(&user.to_stage("loan", "1", "Done", false).await),
            "400 INVALID_PARAMETER_VALUE: Invalid Model Version stage: Done. Value must be one of None, Staging, Production, Archived.");
    }

    async fn a_failed_gate_says_what_is_missing_and_leaves_a_promotion(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.scientist.version("loan", b"weights").await;
        let refused = error(&cast.pipeline.to_stage("loan", "1", "Production", false).await);
        let (first, rules) = refused.split_once('\n').unwrap();
        assert!(first.starts_with("403 PERMISSION_DENIED: version 1 of `loan` was not moved to Production: "), "{first}");
        assert!(first.contains("is open, where approvers see it; repair what is listed and ask again"), "{first}");
        assert!(rules.lines().any(|line| line.starts_with("  - evaluation.baseline: ")), "{rules}");
        assert!(rules.lines().all(|line| line.starts_with("  - ") && line.ends_with(')')), "every rule has a remedy: {rules}");
        let open = app.admin.get("/api/v1/promotions?model=loan").await.expect(200);
        assert_eq!((open["items"].as_array().unwrap().len(), &open["items"][0]["status"]), (1, &json!("open")));
        let before = app.size().await;
        let again = error(&cast.pipeline.to_stage("loan", "1", "Production", false).await);
        assert!(again.starts_with("403 PERMISSION_DENIED: ") && again.contains("\n  - "), "{again}");
        assert_eq!(kinds(app, before).await, ["refused"]);
        assert_eq!(cast.pipeline.stage("loan", "1").await.0, "None");
        // A contributor may not execute: asking again is answered with what is missing, and nothing is recorded.
        let before = app.size().await;
        let asked = error(&cast.scientist.to_stage("loan", "1", "Production", false).await);
        assert!(asked.contains("repair what is listed and ask again") && asked.contains("\n  - evaluation.baseline: "), "{asked}");
        assert_eq!(kinds(app, before).await, Vec::<String>::new());
        // With the evidence and the approvals the same call goes through.
        cast.evaluate(&version, &crate::support::builders::evaluation(0.81, 0.86)).await;
        cast.complete(&version).await;
        let before = app.size().await;
        cast.pipeline.to_stage("loan", "1", "Production", false).await;
        assert_eq!(kinds(app, before).await, ["promotion.refreshed"], "new evidence refreshes the promotion");
        let id = open["items"][0]["id"].as_str().unwrap();
        for (role, approver) in cast.approvers() {
            approver.verdict(id, role, "approve").await.expect(200);
        }
        assert_eq!(cast.pipeline.to_stage("loan", "1", "Production", false).await.expect(200)["model_version"]["current_stage"], "Production");
        // What a registry that enforces keeps.
        let kept = error(&cast.owner.mlflow("DELETE", "model-versions/delete", json!({"name": "loan", "version": "1"})).await);
        assert!(kept.starts_with("403 PERMISSION_DENIED: version 1 is production and was shared; it is never deleted; deprecate it"), "{kept}");
        let kept = error(&cast.owner.mlflow("DELETE", "registered-models/delete", json!({"name": "loan"})).await);
        assert!(kept.starts_with("403 PERMISSION_DENIED: model `loan` has versions and is never deleted"), "{kept}");
        assert_eq!(error(&cast.scientist.to_stage("loan", "1", "None", false).await).split(':').next(), Some("403 PERMISSION_DENIED"));
    }

    async fn an_alias_that_promises_more_than_it_holds(app: &TestApp) {
        let user = app.user("everybody", &["owner", "deployer", "incident"]).await;
        user.registered("loan").await;
        user.claimed("loan").await;
        let body = json!({"name": "loan", "alias": "champion", "version": "1"});
        assert_eq!(error(&user.mlflow("POST", "registered-models/alias", body.clone()).await),
            "403 PERMISSION_DENIED: alias `champion` promises state production; the version is draft; promote the version first, or use another alias");
        app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "trial"})).await.expect(200);
        let index = app.size().await;
        user.mlflow("POST", "registered-models/alias", body).await.expect(200);
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{index}")).await.expect(200);
        assert_eq!(entry["data"], json!({"alias": "champion", "finding": "alias `champion` promises state production; the version is draft"}));
    }

    async fn a_source_in_our_artifact_store_is_sealed(app: &TestApp) {
        let user = warned(app).await;
        user.registered("loan").await;
        user.artifact("0/models/m/MLmodel", b"flavors: {}").await;
        user.artifact("0/models/m/data/weights.bin", b"weights").await;
        let body = json!({"name": "loan", "source": "mlflow-artifacts:/0/models/m", "run_id": "run"});
        user.mlflow("POST", "model-versions/create", body).await.expect(200);
        user.artifact("0/models/m/data/weights.bin", b"other").await;
        let uri = user.mlflow_get("model-versions/get-download-uri?name=loan&version=1").await.expect(200)["artifact_uri"].as_str().unwrap().to_owned();
        assert!(uri.starts_with(&format!("{}/api/2.0/mlflow-artifacts/artifacts/versions/m", app.address)), "{uri}");
        let file = user.get(&format!("{}/data/weights.bin", uri.strip_prefix(&app.address).unwrap())).await;
        assert_eq!(file.bytes, b"weights", "what was registered, not what is there now");
        let file = user.get("/model-versions/get-artifact?name=loan&version=1&path=data%2Fweights.bin").await;
        assert_eq!((file.status, file.bytes.as_slice()), (200, b"weights".as_slice()));
        for (path, status) in [("data", 400), ("none", 404), ("..%2F..%2F2%2FMLmodel", 400)] {
            assert_eq!(user.get(&format!("/model-versions/get-artifact?name=loan&version=1&path={path}")).await.status, status, "{path}");
        }
        // The address of a version, and a copy of it, seal the same bytes.
        for source in [uri.as_str(), "models:/loan/1"] {
            let made = user.mlflow("POST", "model-versions/create", json!({"name": "loan", "source": source})).await.expect(200);
            let number = made["model_version"]["version"].as_str().unwrap();
            let (one, other) = (app.admin.get("/api/v1/models/loan/versions/1").await.json(), app.admin.get(&format!("/api/v1/models/loan/versions/{number}")).await.json());
            assert_eq!((&one["held"], &one["content_digest"]), (&json!(true), &other["content_digest"]), "{source}");
        }
        let copy = app.admin.get("/api/v1/models/loan/versions/3").await.expect(200);
        assert_eq!(copy["facts"]["parents"][0]["relation"], "copy");
        let empty = user.mlflow("POST", "model-versions/create", json!({"name": "loan", "source": "mlflow-artifacts:/0/nothing"})).await.expect(200);
        let view = app.admin.get(&format!("/api/v1/models/loan/versions/{}", empty["model_version"]["version"].as_str().unwrap())).await.expect(200);
        assert_eq!((&view["held"], &view["source"]), (&json!(false), &json!("mlflow-artifacts:/0/nothing")));
    }

    async fn sources_that_are_refused(app: &TestApp) {
        let user = warned(app).await;
        user.registered("loan").await;
        user.claimed("loan").await;
        let run = "0123456789abcdef0123456789abcdef";
        for (source, more, expected) in [
            ("http://elsewhere/x", json!({}), "'source' cannot use the 'http' scheme: "),
            ("mlflow-artifacts://elsewhere/x", json!({}), "'source' cannot use the 'mlflow-artifacts' scheme: "),
            ("/etc/passwd", json!({"run_id": run}), "Invalid model version source: '/etc/passwd'. To use a local path"),
            ("s3://b/../x", json!({}), "Invalid model version source: 's3://b/../x'. If supplying a source"),
            ("models:/loan/9", json!({}), "Model Version (name=loan, version=9) not found"),
            ("models:/none/1", json!({}), "Registered Model with name=none not found"),
            ("models:/loan@none", json!({}), "Registered model alias none not found."),
            ("models:/loan/1", json!({"run_id": ""}), "Invalid model version source: 'models:/loan/1'. The run_id and model_id request parameters must match"),
            ("models:/loan/Production", json!({}), "No versions of model with name 'loan' and 'Production' found"),
            ("models:/m-01", json!({}), "Invalid model version source: 'models:/m-01'. The model_id request parameter must identify"),
        ] {
            let mut body = json!({"name": "loan", "source": source});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let message = user.mlflow("POST", "model-versions/create", body).await.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with(expected), "{source}: {message}");
        }
        let logged = format!("models:/m-{run}");
        let made = user.mlflow("POST", "model-versions/create", json!({"name": "loan", "source": logged, "model_id": format!("m-{run}")})).await.expect(200);
        let number = made["model_version"]["version"].as_str().unwrap();
        let uri = user.mlflow_get(&format!("model-versions/get-download-uri?name=loan&version={number}")).await.expect(200);
        assert_eq!(uri["artifact_uri"], logged, "the client resolves it in its own tracking store");
        let view = app.admin.get(&format!("/api/v1/models/loan/versions/{number}")).await.expect(200);
        assert_eq!(view["facts"]["claims"]["logged_model"], format!("m-{run}"));
    }

    async fn prompts(app: &TestApp) {
        let user = warned(app).await;
        let is_prompt = json!({"key": "mlflow.prompt.is_prompt", "value": "true"});
        let prompt = json!({"name": "greet", "tags": [is_prompt]});
        user.mlflow("POST", "registered-models/create", prompt.clone()).await.expect(200);
        user.registered("model").await;
        let taken = "but the name is already taken by a";
        for (body, expected) in [
            (prompt, "Prompt (name=greet) already exists.".to_owned()),
            (json!({"name": "greet"}), format!("Tried to create a registered model with name 'greet', {taken} prompt.")),
            (json!({"name": "model", "tags": [is_prompt]}), format!("Tried to create a prompt with name 'model', {taken} registered model.")),
        ] {
            let answer = error(&user.mlflow("POST", "registered-models/create", body).await);
            assert!(answer.starts_with(&format!("400 RESOURCE_ALREADY_EXISTS: {expected}")), "{answer}");
        }
        let tags = json!([is_prompt, {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}, {"key": "_mlflow_prompt_type", "value": "text"},
            {"key": "_mlflow_prompt_model_config", "value": "{\"temperature\": 0.5}"}]);
        let version = json!({"name": "greet", "source": "dummy-source", "description": "commit", "tags": tags});
        insta::assert_snapshot!(user.mlflow("POST", "model-versions/create", version).await.snapshot(), @r#"
        200 {
          "model_version": {
            "creation_timestamp": 1780315200000,
            "current_stage": "None",
            "description": "commit",
            "last_updated_timestamp": 1780315200000,
            "name": "greet",
            "run_id": "",
            "run_link": "",
            "source": "dummy-source",
            "status": "READY",
            "tags": [
              {
                "key": "_mlflow_prompt_model_config",
                "value": "{\"temperature\": 0.5}"
              },
              {
                "key": "_mlflow_prompt_type",
                "value": "text"
              },
              {
                "key": "mlflow.prompt.is_prompt",
                "value": "true"
              },
              {
                "key": "mlflow.prompt.text",
                "value": "Hello {{name}}"
              }
            ],
            "version": "1"
          }
        }
        "#);
        let view = app.admin.get("/api/v1/models/greet/versions/1").await.expect(200);
        assert_eq!((&view["held"], &view["facts"]["model_type"], &view["facts"]["claims"]),
            (&json!(true), &json!("prompt/text"), &json!({"prompt_model_config": {"temperature": 0.5}})));
        assert_eq!(app.admin.get("/api/v1/models/greet").await.expect(200)["kind"], "prompt");
        assert_eq!(user.get("/api/v1/models/greet/versions/1/files/prompt.txt").await.bytes, b"Hello {{name}}");
        for (body, expected) in [
            (json!({"name": "greet", "source": "s3://x/y", "tags": [is_prompt]}), "400 INVALID_PARAMETER_VALUE: Invalid prompt source: 's3://x/y'."),
            (json!({"name": "greet", "source": "s3://x/y"}), "400 INVALID_PARAMETER_VALUE: 'greet' is a prompt: a version of it needs the tag"),
            (json!({"name": "model", "source": "models:/greet/1"}), "400 INVALID_PARAMETER_VALUE: Invalid model version source: 'models:/greet/1'. Prompt versions"),
        ] {
            let answer = error(&user.mlflow("POST", "model-versions/create", body).await);
            assert!(answer.starts_with(expected), "{answer}");
        }
        let names = |answer: Value| answer["registered_models"].as_array().into_iter().flatten().map(|model| model["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(user.mlflow_get("registered-models/search").await.expect(200)), ["model"]);
        let filter = "tags.%60mlflow.prompt.is_prompt%60%20%3D%20%27true%27";
        assert_eq!(names(user.mlflow_get(&format!("registered-models/search?filter={filter}")).await.expect(200)), ["greet"]);
    }

    async fn reserved_tags_become_facts(app: &TestApp) {
        let user = warned(app).await;
        user.mlflow("POST", "registered-models/create", json!({"name": "loan", "tags": [{"key": "chancery.risk_tier", "value": "minimal"}]})).await.expect(200);
        let commit = "4185f5f1619853e486c07542e26b20c0600c6f7f";
        let tags = json!([{"key": "chancery.semver", "value": "2.1.0"}, {"key": "chancery.code.commit", "value": commit}, {"key": "chancery.dataset", "value": "loanapp"}]);
        let made = user.mlflow("POST", "model-versions/create", json!({"name": "loan", "source": "s3://b/m", "tags": tags})).await.expect(200);
        assert_eq!(made["model_version"]["tags"].as_array().unwrap().len(), 3, "they stay visible");
        let view = app.admin.get("/api/v1/models/loan/versions/1").await.expect(200);
        assert_eq!((&view["semver"], &view["facts"]["training"]["code"]["commit"], &view["facts"]["datasets"][0]["name"]), (&json!("2.1.0"), &json!(commit), &json!("loanapp")));
        assert_eq!(app.admin.get("/api/v1/models/loan").await.expect(200)["risk_tier"], "unclassified", "a tag is a proposal");
        let tags = json!([{"key": "chancery.code.commit", "value": "abc"}]);
        let refused = error(&user.mlflow("POST", "model-versions/create", json!({"name": "loan", "source": "s3://b/m", "tags": tags})).await);
        assert!(refused.starts_with("400 INVALID_PARAMETER_VALUE: `facts.training.code.commit` must be a full commit"), "{refused}");
    }

    async fn mistakes_have_mlflows_words(app: &TestApp) {
        let user = warned(app).await;
        user.registered("loan").await;
        user.claimed("loan").await;
        let docs = "See the API docs for more information about request parameters.";
        let missing = |name: &str| format!("400 INVALID_PARAMETER_VALUE: Missing value for required parameter '{name}'. {docs}");
        let invalid = |text: &str| format!("400 INVALID_PARAMETER_VALUE: {text}");
        for (verb, path, body, expected) in [
            ("POST", "registered-models/create", json!({}), missing("name")),
            ("POST", "registered-models/create", json!({"name": 5}), invalid(&format!("Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type 'int'. {docs}"))),
            ("POST", "registered-models/create", json!({"name": "a/b"}), invalid("Invalid model name 'a/b'. Names cannot contain '/' or ':'.")),
            ("POST", "registered-models/rename", json!({"name": "loan"}), missing("new_name")),
            ("DELETE", "registered-models/delete", json!({}), missing("name")),
            ("POST", "registered-models/get-latest-versions", json!({"name": "loan", "stages": ["x"]}),
                invalid("Invalid Model Version stage: x. Value must be one of None, Staging, Production, Archived.")),
            ("POST", "model-versions/create", json!({"name": "loan"}), missing("source")),
            ("POST", "model-versions/create", json!({"name": "none", "source": "s3://b/m"}), "404 RESOURCE_DOES_NOT_EXIST: Registered Model with name=none not found".to_owned()),
            ("PATCH", "model-versions/update", json!({"name": "loan", "version": 1}),
                invalid(&format!("Invalid value 1 for parameter 'version' supplied:  Hint: Value was of type 'int'. {docs}"))),
            ("PATCH", "model-versions/update", json!({"name": "loan", "version": "1.0"}), invalid("Parameter 'version' must be an integer, got '1.0'.")),
            ("POST", "registered-models/alias", json!({"name": "loan", "alias": "v1", "version": "1"}), invalid("Version alias name 'v1' is reserved.")),
            ("POST", "registered-models/alias", json!({"name": "loan", "alias": "a", "version": "99999999999999999999"}),
                "404 RESOURCE_DOES_NOT_EXIST: Model Version (name=loan, version=99999999999999999999) not found".to_owned()),
            ("POST", "model-versions/set-tag", json!({"name": "loan", "version": "1", "value": "x"}), missing("key")),
        ] {
            assert_eq!(error(&user.mlflow(verb, path, body).await), expected, "{verb} {path}");
        }
        for (path, expected) in [
            ("registered-models/get", missing("name")),
            ("registered-models/get?name=%00", "404 RESOURCE_DOES_NOT_EXIST: Registered Model with name=\0 not found".to_owned()),
            ("model-versions/get-download-uri?name=loan", invalid("Parameter 'version' must be an integer, got ''.")),
            ("registered-models/search?filter=x", invalid("Invalid clause(s) in filter string: x")),
            ("nothing", "404 ENDPOINT_NOT_FOUND: there is no endpoint `/api/2.0/mlflow/nothing`".to_owned()),
            ("registered-models/create", "405 BAD_REQUEST: `/api/2.0/mlflow/registered-models/create` does not answer GET".to_owned()),
        ] {
            assert_eq!(error(&user.mlflow_get(path).await), expected, "{path}");
        }
        let create = format!("{ROOT}/registered-models/create");
        assert_eq!(error(&user.call("POST", &create).bytes("{}").send().await), invalid("Bad Request. Content-Type header is missing."));
        assert_eq!(error(&user.call("POST", &create).header("content-type", "text/plain").bytes("{}").send().await),
            invalid("Bad Request. Content-Type must be one of ['application/json']."));
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(error(&user.call("POST", &create).header("content-type", "application/json").bytes(deep).send().await).starts_with("400 INVALID_PARAMETER_VALUE: "));
        let large = format!("{{\"name\": \"{}\"}}", "x".repeat(5_000_000));
        assert!(error(&user.call("POST", &create).header("content-type", "application/json").bytes(large).send().await).starts_with("400 INVALID_PARAMETER_VALUE: "));
    }

    async fn probes_and_the_twin(app: &TestApp) {
        assert_eq!(app.anonymous.get("/health").await.bytes, b"OK");
        assert_eq!(app.anonymous.get("/version").await.bytes, env!("CARGO_PKG_VERSION").as_bytes());
        for prefix in ["/api", "/ajax-api"] {
            let info = app.anonymous.get(&format!("{prefix}/3.0/mlflow/server-info")).await.expect(200);
            assert_eq!((&info["multipart_uploads_enabled"], &info["multipart_downloads_enabled"]), (&json!(true), &json!(false)));
        }
        let user = warned(app).await;
        user.registered("loan").await;
        let (one, other) = (user.mlflow_get("registered-models/get?name=loan").await, user.get("/ajax-api/2.0/mlflow/registered-models/get?name=loan").await);
        assert_eq!((one.status, one.bytes), (200, other.bytes));
    }
}
