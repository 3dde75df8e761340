//! Evidence: documents that say what they are about, kept byte for byte.

use serde_json::json;

use crate::support::app::both;
use crate::support::builders::evaluation;

both! {
    async fn a_document_is_added_listed_and_read(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"bytes").await;
        let added = scientist.evidence(&version, "evaluation", &evaluation(0.8, 0.9)).await;
        insta::assert_snapshot!(added.snapshot(), @r#"
        201 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "binds_digest": "[digest]",
                "binds_to": "content",
                "digest": "[digest]",
                "format": "chancery.evaluation/v1",
                "grade": "claimed",
                "in_payloads": true,
                "size": 377,
                "summary": "[digest]",
                "title": "evaluation.json",
                "type": "evaluation"
              },
              "door": "api",
              "index": 8,
              "kind": "evidence.added",
              "subject": "model/[id]/1",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 8
        }
        "#);
        let listed = scientist.get(&format!("{}/evidence", version.path)).await;
        insta::assert_snapshot!(listed.snapshot(), @r#"
        200 {
          "items": [
            {
              "actor": "[id]",
              "at": "[time]",
              "binds_to": {
                "digest": "[digest]",
                "kind": "content"
              },
              "digest": "[digest]",
              "format": "chancery.evaluation/v1",
              "grade": "claimed",
              "index": 8,
              "role": null,
              "signed_by": [],
              "size": 377,
              "summary": {
                "completed_at": "[time]",
                "dataset": {
                  "digest": "[digest]",
                  "name": "loanapp-test"
                },
                "dimensions": [
                  "bias",
                  "cost",
                  "latency",
                  "quality",
                  "robustness"
                ],
                "metrics": [
                  {
                    "name": "auc_roc",
                    "value": 0.8
                  },
                  {
                    "name": "demographic_parity_ratio",
                    "value": 0.9
                  }
                ],
                "suite": {
                  "name": "loans",
                  "version": "1.0.0"
                }
              },
              "summary_digest": "[digest]",
              "title": "evaluation.json",
              "type": "evaluation"
            }
          ],
          "next": null
        }
        "#);
        let digest = listed.json()["items"][0]["digest"].as_str().unwrap().to_owned();
        let read = scientist.get(&format!("/api/v1/evidence/{digest}")).await;
        assert_eq!(read.bytes, evaluation(0.8, 0.9).to_string().into_bytes());
        assert_eq!(read.header("content-type"), "application/octet-stream", "a document is never rendered");
        assert!(read.header("content-disposition").starts_with("attachment"));
    }

    async fn what_is_read_in_a_document_is_shown_and_stays(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"bytes").await;
        let documents = [
            ("model-card", "# Card\n## Intended use\nSorts applications for clerks in a bank.\n## Limitations\nTBD\n".to_owned(), "markdown", json!({"title": "Card", "sections": ["intended_use"]})),
            ("explainability", "---\nmethod: SHAP\n---\n".to_owned(), "markdown", json!({"method": "SHAP", "sections": []})),
            ("addendum", r#"{"b": 1, "a": 2}"#.to_owned(), "json", json!({"a": 2, "b": 1})),
            // Canonical JSON that is its own summary.
            ("other", r#"{"a":2,"b":1}"#.to_owned(), "json", json!({"a": 2, "b": 1})),
        ];
        for (kind, document, format, summary) in &documents {
            let added = scientist.call("POST", &format!("{}/evidence?type={kind}", version.path)).bytes(document.clone()).send().await.expect(201);
            let digest = added["entries"][0]["data"]["digest"].as_str().unwrap().to_owned();
            let shown = scientist.get(&format!("{}/evidence/{digest}", version.path)).await.expect(200);
            assert_eq!((&shown["format"], &shown["summary"]), (&json!(format), summary), "{kind}");
        }
        // A document that nobody can read is kept as it is.
        scientist.call("POST", &format!("{}/evidence?type=drift-report", version.path)).bytes("no JSON").send().await.expect(201);
        let input = scientist.get(&format!("{}/policy-input?to=candidate", version.path)).await.expect(200);
        let read: Vec<_> = input["evidence"].as_array().unwrap().iter().map(|piece| piece["summary"].clone()).collect();
        let expected: Vec<_> = documents.iter().map(|(_, _, _, summary)| summary.clone()).chain([json!(null)]).collect();
        assert_eq!(read, expected);
        assert!(input["evidence"][0].get("document").is_none(), "rules read nothing but the summary");
        assert_eq!(scientist.get(&format!("{}/evidence/{}", version.path, "0".repeat(64))).await.problem(), "404 not_found");
    }

    async fn a_document_that_cannot_be_read_is_refused_by_member(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"bytes").await;
        let mut twice = evaluation(0.8, 0.9);
        twice["metrics"][1]["name"] = json!("auc_roc");
        let other = "0".repeat(64);
        let mut elsewhere = evaluation(0.8, 0.9);
        elsewhere["subject"] = json!({"version_digest": other});
        for (kind, document, expected) in [
            ("evaluation", "{\"a\": 1, \"a\": 2}".to_owned(), "422 invalid_field document"),
            ("evaluation", json!({"text": "it works"}).to_string(), "422 invalid_field schema"),
            ("evaluation", twice.to_string(), "422 invalid_field metrics[1]"),
            ("evaluation", elsewhere.to_string(), "422 digest_mismatch subject.version_digest"),
            ("review", json!({"kind": "security", "verdict": "approve", "subjects": [other]}).to_string(), "422 digest_mismatch subjects"),
            ("review", json!({"verdict": "approve"}).to_string(), "422 invalid_field kind"),
            ("reproducibility", json!({"content_digest": other, "same": true}).to_string(), "422 digest_mismatch subject.content_digest"),
            ("plan", "---\nplan: rollback\n---\n# Plan\n".to_owned(), "422 invalid_field steps"),
        ] {
            let path = format!("{}/evidence?type={kind}", version.path);
            assert_eq!(scientist.call("POST", &path).bytes(document.clone()).send().await.problem(), expected, "{document}");
            let digest = scientist.upload(document.as_bytes()).await;
            assert_eq!(scientist.call("POST", &format!("{path}&digest={digest}")).send().await.problem(), expected, "as a blob: {document}");
        }
        // Large results are read from the blob.
        let metrics: Vec<_> = (0..2_000).map(|n| json!({"name": format!("m{n}"), "value": n, "note": "x".repeat(700)})).collect();
        let mut large = evaluation(0.8, 0.9);
        large["metrics"] = json!(metrics);
        let digest = scientist.upload(large.to_string().as_bytes()).await;
        scientist.call("POST", &format!("{}/evidence?type=evaluation&digest={digest}", version.path)).send().await.expect(201);
        let shown = scientist.get(&format!("{}/evidence/{digest}", version.path)).await.expect(200);
        assert_eq!(shown["summary"]["metrics"].as_array().unwrap().len(), 2_000);
        let listed = scientist.get(&format!("{}/evidence", version.path)).await.expect(200);
        assert_eq!(listed["items"][0]["summary"], json!(null), "a list leaves out what is long");
    }

    async fn a_review_in_a_role_is_given_by_who_holds_it_and_makes_no_author(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"bytes").await;
        let file = chancery_core::names::Digest::of(b"bytes").to_string();
        let review = json!({"kind": "security", "verdict": "approve", "subjects": [file]}).to_string();
        let path = |role: &str| format!("{}/evidence?type=review{role}", version.path);
        for (who, role, expected) in [
            (&cast.scientist, "&role=security", "403 access_denied"),
            (&cast.product, "&role=security", "403 access_denied role"),
            (&cast.security, "", "403 access_denied"),
            (&cast.security, "&role=Security", "422 invalid_field role"),
        ] {
            assert_eq!(who.call("POST", &path(role)).bytes(review.clone()).send().await.problem(), expected, "{role}");
        }
        let wrong = format!("{}/evidence?type=other&role=security", version.path);
        assert_eq!(cast.security.call("POST", &wrong).bytes("x").send().await.problem(), "422 invalid_field role");
        cast.security.call("POST", &path("&role=security")).bytes(review).send().await.expect(201);
        let input = cast.scientist.get(&format!("{}/policy-input?to=approved", version.path)).await.expect(200);
        let piece = input["evidence"].as_array().unwrap().last().unwrap();
        assert_eq!((&piece["role"], &piece["summary"]["subjects"]), (&json!("security"), &json!([file])));
        assert!(!input["authors"].as_array().unwrap().contains(&piece["actor"]), "who reviews in a role did not make the version");
        assert!(input["authors"].as_array().unwrap().contains(&input["evidence"][0]["actor"]));
        let listed = cast.scientist.get(&format!("{}/evidence", version.path)).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().last().unwrap()["role"], "security");
    }

    async fn a_large_document_comes_as_a_blob(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"bytes").await;
        let large = vec![b'x'; 1_200_000];
        let path = format!("{}/evidence?type=other", version.path);
        assert_eq!(scientist.call("POST", &path).bytes(large.clone()).send().await.problem(), "413 too_large body");
        let digest = scientist.upload(&large).await;
        scientist.call("POST", &format!("{path}&digest={digest}")).send().await.expect(201);
        assert_eq!(scientist.get(&format!("/api/v1/evidence/{digest}")).await.bytes.len(), large.len());
        let absent = format!("{path}&digest={}", "0".repeat(64));
        assert_eq!(scientist.call("POST", &absent).send().await.problem(), "422 digest_mismatch digest");
    }

    async fn a_document_about_something_else_is_refused(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"bytes").await;
        let file = chancery_core::names::Digest::of(b"bytes").to_string();
        let other = "0".repeat(64);
        let body = json!({"subject": {"content_digest": other}}).to_string();
        for (query, body, expected) in [
            (String::new(), "x", "422 invalid_field type"),
            ("type=gossip".to_owned(), "x", "422 invalid_field type"),
            ("type=other&colour=red".to_owned(), "x", "422 invalid_field colour"),
            ("type=other".to_owned(), "", "422 invalid_field body"),
            ("type=other".to_owned(), body.as_str(), "422 digest_mismatch subject.content_digest"),
            ("type=other&binds_to=file".to_owned(), "x", "422 invalid_field binds_digest"),
            (format!("type=other&binds_to=file&binds_digest={other}"), "x", "422 digest_mismatch binds_digest"),
            (format!("type=other&binds_digest={other}"), "x", "422 digest_mismatch binds_digest"),
            (format!("type=other&binds_to=file&binds_digest={file}"), "x", "201"),
            ("type=other&binds_to=version".to_owned(), "y", "201"),
        ] {
            let answer = scientist.call("POST", &format!("{}/evidence?{query}", version.path)).bytes(body).send().await;
            let found = if answer.status == 201 { "201".to_owned() } else { answer.problem() };
            assert_eq!(found, expected, "{query}");
        }
        assert_eq!(scientist.get(&format!("/api/v1/evidence/{other}")).await.problem(), "404 not_found");
        assert_eq!(scientist.get("/api/v1/evidence/abc").await.problem(), "422 invalid_field path");
    }
}
