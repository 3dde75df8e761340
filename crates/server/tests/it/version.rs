//! Versions: registration, what the bytes say against what is claimed, numbers and semantic versions, reading in every form.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::builders::facts;

/// A body with these members changed.
fn changed(body: &Value, changes: Value) -> Value {
    let mut body = body.clone();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

both! {
    async fn a_version_is_registered_and_read(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let mut body = scientist.package(b"weights").await;
        body["description"] = "first".into();
        let made = scientist.post("/api/v1/models/loan/versions", body).await;
        assert_eq!(made.header("location"), "/api/v1/models/loan/versions/1");
        insta::assert_snapshot!(made.snapshot(), @r#"
        201 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "content_digest": "[digest]",
                "description": "first",
                "facts_digest": "[digest]",
                "files": 1,
                "name": "loan",
                "number": 1,
                "semver": "1.0.0",
                "size": 7,
                "version_digest": "[digest]"
              },
              "door": "api",
              "index": 7,
              "kind": "version.registered",
              "subject": "model/[id]/1",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 7
        }
        "#);
        let read = scientist.get("/api/v1/models/loan/versions/1").await;
        insta::assert_snapshot!(read.snapshot(), @r#"
        200 {
          "aliases": [],
          "completeness": 1.0,
          "composite_id": "chancery:loan/1@sha256:[digest]",
          "content_digest": "[digest]",
          "description": "first",
          "facts": {
            "datasets": [
              {
                "digest": "[digest]",
                "name": "loanapp",
                "role": "training",
                "version": "1"
              }
            ],
            "environment": {
              "packages": [
                "scikit-learn==1.9.1"
              ],
              "pinned": true,
              "unpinned": []
            },
            "formats": {
              "text": 1
            },
            "framework": {
              "name": "scikit-learn",
              "version": "1.9.1"
            },
            "inspection": {
              "problems": []
            },
            "metrics": [
              {
                "name": "auc_roc",
                "value": 0.81
              }
            ],
            "signature": {
              "inputs": [
                {
                  "name": "x",
                  "type": "double"
                }
              ],
              "outputs": [
                {
                  "type": "long"
                }
              ]
            },
            "training": {
              "code": {
                "commit": "4185f5f1619853e486c07542e26b20c0600c6f7f",
                "dirty": false,
                "repository": "loans"
              },
              "date": "2026-05-01",
              "hyperparameters": {
                "C": 1
              },
              "pipeline_run": "88"
            }
          },
          "facts_digest": "[digest]",
          "files": 1,
          "grades": {
            "datasets": "claimed",
            "environment": "claimed",
            "formats": "read",
            "framework": "claimed",
            "inspection": "read",
            "metrics": "claimed",
            "signature": "claimed",
            "training": "claimed"
          },
          "held": true,
          "hidden": false,
          "model": {
            "id": "[id]",
            "name": "loan"
          },
          "number": 1,
          "production_index": null,
          "registered_at": "[time]",
          "registered_by": "[id]",
          "registered_index": 7,
          "revision": 7,
          "run_id": "",
          "run_link": "",
          "semver": "1.0.0",
          "size": 7,
          "source": "",
          "state": "draft",
          "successor": null,
          "sunset": null,
          "tags": {},
          "ungated": false,
          "updated_at": "[time]",
          "version_digest": "[digest]"
        }
        "#);
        assert_eq!(read.header("etag"), made.header("etag"));
        let manifest = scientist.get("/api/v1/models/loan/versions/1/manifest").await;
        manifest.expect(200);
        let digest = chancery_core::names::Digest::of(&manifest.bytes).to_string();
        assert_eq!(read.json()["content_digest"], digest, "the content digest is that of the manifest as it is served");
        insta::assert_snapshot!(scientist.get("/api/v1/models/loan/versions/1/fixity").await.snapshot(), @r#"
        200 {
          "files": [
            {
              "digest": "[digest]",
              "fixity": "intact",
              "path": "data/model.bin"
            }
          ],
          "intact": true
        }
        "#);
    }

    async fn a_registration_that_does_not_fit_changes_nothing(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let good = scientist.package(b"weights").await;
        let digest = good["files"][0]["digest"].clone();
        let file = |path: &str| json!([{"path": path, "size": 7, "digest": digest}]);
        let missing = "f".repeat(64);
        let size = app.size().await;
        for (change, expected) in [
            (json!({"files": [{"path": "a", "size": 7, "digest": missing}]}), "422 digest_mismatch files"),
            (json!({"files": [{"path": "a", "size": 8, "digest": digest}]}), "422 digest_mismatch files"),
            (json!({"files": [{"path": "a", "size": -1, "digest": digest}]}), "422 invalid_field files[0].size"),
            (json!({"files": [{"path": "a", "size": 7, "digest": "abc"}]}), "422 invalid_field files[0].digest"),
            (json!({"files": [{"path": "a", "size": 7, "digest": digest, "mode": 7}]}), "422 invalid_field files[0].mode"),
            (json!({"files": []}), "422 invalid_field files"),
            (json!({"files": file("../a")}), "422 invalid_field files[0].path"),
            (json!({"files": file("/a")}), "422 invalid_field files[0].path"),
            (json!({"files": file("a\\b")}), "422 invalid_field files[0].path"),
            (json!({"files": file("a//b")}), "422 invalid_field files[0].path"),
            (json!({"files": file("a\nb")}), "422 invalid_field files[0].path"),
            (json!({"files": [{"path": "a", "size": 7, "digest": digest}, {"path": "a", "size": 7, "digest": digest}]}), "422 invalid_field files"),
            (json!({"facts": []}), "422 invalid_field facts"),
            (json!({"facts": {"colour": 1}}), "422 invalid_field facts.colour"),
            (json!({"facts": {"metrics": [{"name": "auc"}]}}), "422 invalid_field facts.metrics[0].value"),
            (json!({"facts": {"training": {"date": "yesterday"}}}), "422 invalid_field facts.training.date"),
            (json!({"facts": {"training": {"seed": 9_007_199_254_740_993_u64}}}), "422 invalid_field facts.training.seed"),
            (json!({"facts": {"grades": {"metrics": "attested"}}}), "422 invalid_field facts.grades.metrics"),
            (json!({"semver": "1.0"}), "422 invalid_field semver"),
            (json!({"description": 7}), "422 invalid_field description"),
            (json!({"colour": 1}), "422 invalid_field colour"),
        ] {
            let answer = scientist.post("/api/v1/models/loan/versions", changed(&good, change.clone())).await;
            assert_eq!(answer.problem(), expected, "{change}");
        }
        let unnamed = scientist.post("/api/v1/models/loan/versions", changed(&good, json!({"files": [{"path": "a", "size": 7, "digest": missing}]}))).await;
        assert!(unnamed.json()["detail"].as_str().unwrap().contains(&missing), "the missing digest is named");
        assert_eq!(scientist.post("/api/v1/models/other/versions", good.clone()).await.problem(), "404 not_found");
        assert_eq!(app.size().await, size);
        assert_eq!(scientist.version("loan", b"weights").await.number, 1);
    }

    async fn the_bytes_win_over_what_is_claimed(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let requirements = b"numpy==2.4.6\npandas\n";
        let digest = scientist.upload(requirements).await;
        let files = json!([{"path": "requirements.txt", "size": requirements.len(), "digest": digest}]);
        scientist.post("/api/v1/models/loan/versions", json!({"files": files, "facts": facts()})).await.expect(201);
        let read = scientist.get("/api/v1/models/loan/versions/1").await;
        insta::assert_snapshot!(read.snapshot_of("/facts/environment"), @r#"
        200 {
          "packages": [
            "numpy==2.4.6",
            "pandas"
          ],
          "pinned": false,
          "unpinned": [
            "pandas"
          ]
        }
        "#);
        insta::assert_snapshot!(read.snapshot_of("/facts/claims"), @r#"
        200 {
          "environment.packages": [
            "scikit-learn==1.9.1"
          ],
          "environment.pinned": true,
          "environment.unpinned": []
        }
        "#);
        insta::assert_snapshot!(read.snapshot_of("/grades"), @r#"
        200 {
          "claims": "claimed",
          "datasets": "claimed",
          "environment": "read",
          "formats": "read",
          "framework": "claimed",
          "inspection": "read",
          "metrics": "claimed",
          "signature": "claimed",
          "training": "claimed"
        }
        "#);
    }

    async fn semantic_versions_are_suggested_and_unique(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let register = async |bytes: &[u8], semver: Value| {
            let body = changed(&scientist.package(bytes).await, json!({"semver": semver}));
            let answer = scientist.post("/api/v1/models/loan/versions", body).await;
            if answer.status == 201 { answer.json()["entries"][0]["data"]["semver"].as_str().unwrap().to_owned() } else { answer.problem() }
        };
        for (bytes, given, expected) in [
            (b"a", Value::Null, "1.0.0"),
            (b"a", Value::Null, "1.0.1"),
            (b"b", Value::Null, "1.1.0"),
            (b"c", json!("1.4.0"), "1.4.0"),
            (b"d", json!("1.4.0"), "409 already_exists semver"),
            (b"d", json!("1.4.0+build7"), "409 already_exists semver"),
            (b"d", json!("2.0.0-rc.1"), "2.0.0-rc.1"),
            (b"e", json!("1.4.1"), "1.4.1"),
        ] {
            assert_eq!(register(bytes, given.clone()).await, expected, "{given}");
        }
    }

    async fn numbers_are_never_used_again(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        let owner = app.user("model-owner", &["owner"]).await;
        let first = scientist.model("loan", "high").await.json()["entries"][0]["subject"].clone();
        for bytes in [b"1", b"2"] {
            scientist.version("loan", bytes).await;
        }
        owner.post("/api/v1/models/loan/versions/2/hide", json!({"reason": "mistake"})).await.expect(200);
        assert_eq!(scientist.version("loan", b"3").await.number, 3);
        assert_eq!(owner.post("/api/v1/models/loan/hide", json!({"reason": "mistake"})).await.recorded_problem(), "409 protected_deletion");
        owner.post("/api/v1/models/loan/rename", json!({"to": "credit"})).await.expect(200);
        let second = scientist.model("loan", "high").await.json()["entries"][0]["subject"].clone();
        assert_ne!(first, second);
        assert_eq!(scientist.version("loan", b"4").await.number, 4, "a name that is created again goes on counting");
        assert_eq!(scientist.get("/api/v1/models/loan/versions/1").await.expect(200)["model"]["name"], "credit", "`loan/1` is one thing for ever");
        let back = owner.post("/api/v1/models/credit/rename", json!({"to": "loan"})).await;
        assert_eq!(back.problem(), "409 already_exists name");
    }

    async fn versions_are_found_in_every_form(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        scientist.model("my model", "high").await;
        for bytes in [b"1", b"2"] {
            scientist.version("loan", bytes).await;
        }
        scientist.post("/api/v1/models/my%20model/versions", scientist.package(b"3").await).await.expect(201);
        scientist.put("/api/v1/models/loan/aliases/trial", json!({"version": 1})).await.expect(200);
        let composite = scientist.get("/api/v1/models/loan/versions/1").await.expect(200)["composite_id"].as_str().unwrap().to_owned();
        let short = composite.get(..composite.find("@sha256:").unwrap() + 8 + 12).unwrap();
        for (reference, expected) in [
            ("loan/1", "loan/1"), ("loan@trial", "loan/1"), ("loan@1.1.0", "loan/2"), ("loan", "loan/2"), ("models:/loan/1", "loan/1"),
            ("models:/loan@trial", "loan/1"), (composite.as_str(), "loan/1"), (short, "loan/1"), ("my%20model", "my model/1"),
            ("loan/9", "404 not_found"), ("loan@none", "404 not_found"), ("other", "404 not_found"),
            ("loan/0", "422 invalid_field version"), ("..%2Floan", "422 invalid_field name"), ("", "422 invalid_field name"),
        ] {
            let answer = scientist.get(&format!("/api/v1/resolve?reference={reference}")).await;
            let found = if answer.status == 200 {
                let body = answer.json();
                format!("{}/{}", body["model"]["name"].as_str().unwrap(), body["number"])
            } else {
                answer.problem()
            };
            assert_eq!(found, expected, "{reference}");
        }
        let other = format!("chancery:loan/2{}", composite.get(composite.find('@').unwrap()..).unwrap());
        assert!(matches!(scientist.get(&format!("/api/v1/resolve?reference={other}")).await.status, 404 | 422), "number and digest do not belong together");
    }

    async fn two_versions_are_compared(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        scientist.version("loan", b"1").await;
        let mut body = scientist.package(b"22").await;
        body["facts"]["signature"]["inputs"] = json!([{"name": "x", "type": "double"}, {"name": "y", "type": "double"}]);
        scientist.post("/api/v1/models/loan/versions", body).await.expect(201);
        insta::assert_snapshot!(scientist.get("/api/v1/models/loan/compare/1/2").await.snapshot(), @r#"
        200 {
          "facts": [
            {
              "new": [
                {
                  "name": "x",
                  "type": "double"
                },
                {
                  "name": "y",
                  "type": "double"
                }
              ],
              "old": [
                {
                  "name": "x",
                  "type": "double"
                }
              ],
              "path": "signature.inputs"
            }
          ],
          "files": [
            {
              "change": "changed",
              "new": "[digest]",
              "old": "[digest]",
              "path": "data/model.bin"
            }
          ],
          "metrics": [
            {
              "difference": 0.0,
              "name": "auc_roc",
              "new": 0.81,
              "not_comparable": null,
              "old": 0.81,
              "slice": null
            }
          ],
          "signature": {
            "change": "major",
            "reasons": [
              {
                "change": "major",
                "text": "input `y` is new and required"
              }
            ]
          },
          "suggested_bump": "major"
        }
        "#);
        assert_eq!(scientist.get("/api/v1/models/loan/compare/1/3").await.problem(), "404 not_found");
    }

    async fn lists_have_pages_and_filters(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for number in 0..5_u8 {
            cast.evaluated("loan", &[number]).await;
        }
        cast.pipeline.post("/api/v1/promotions", json!({"model": "loan", "version": 2, "to": "candidate"})).await.expect(201);
        let path = "/api/v1/models/loan/versions";
        let numbers = |page: &Value| page["items"].as_array().unwrap().iter().map(|item| item["number"].as_u64().unwrap()).collect::<Vec<_>>();
        let first = cast.auditor.get(&format!("{path}?limit=2")).await.expect(200);
        let second = cast.auditor.get(&format!("{path}?limit=2&after={}", first["next"].as_str().unwrap())).await.expect(200);
        let third = cast.auditor.get(&format!("{path}?limit=2&after={}", second["next"].as_str().unwrap())).await.expect(200);
        assert_eq!([numbers(&first), numbers(&second), numbers(&third)], [vec![5, 4], vec![3, 2], vec![1]]);
        assert_eq!(third["next"], Value::Null);
        assert_eq!(numbers(&cast.auditor.get(&format!("{path}?state=candidate")).await.expect(200)), [2]);
        for (query, expected) in [
            ("?limit=0", "422 invalid_field limit"), ("?limit=501", "422 invalid_field limit"), ("?limit=x", "422 invalid_field limit"),
            ("?after=%21", "422 invalid_field after"), ("?after=eHg", "422 invalid_field after"), ("?state=great", "422 invalid_field state"),
        ] {
            assert_eq!(cast.auditor.get(&format!("{path}{query}")).await.problem(), expected, "{query}");
        }
    }

    async fn the_trace_of_a_version_leads_back_to_everything(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        cast.bring_to(&version, "production").await;
        let composite = cast.auditor.get(&version.path).await.expect(200)["composite_id"].as_str().unwrap().to_owned();
        let trace = cast.auditor.get(&format!("/api/v1/trace/{composite}")).await.expect(200);
        assert_eq!(trace["code"]["repository"], "loans");
        assert_eq!(trace["datasets"][0]["name"], "loanapp");
        assert_eq!(trace["evidence"].as_array().unwrap().len(), 13);
        let names: Vec<&str> = trace["approvals"].as_array().unwrap().iter().map(|approval| approval["role"].as_str().unwrap()).collect();
        assert_eq!(names, ["platform", "product", "security", "ai-governance"]);
        assert_eq!(trace["decisions"].as_array().unwrap().len(), 2);
        app.admin.post("/api/v1/models/loan/rename", json!({"to": "credit"})).await.expect(200);
        let after = cast.auditor.get(&format!("/api/v1/trace/{composite}")).await.expect(200);
        assert_eq!(after["version"]["model"]["name"], "credit", "a composite id resolves for ever");
        assert_eq!(cast.auditor.get(&format!("/api/v1/trace/chancery:loan/1@sha256:{}", "0".repeat(64))).await.status, 404);
    }
}
