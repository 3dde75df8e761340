//! Evidence: documents that say what they are about, kept byte for byte.

use serde_json::json;

use crate::support::app::both;
use crate::support::builders::evaluation;

both! {
    async fn a_document_is_added_listed_and_read(app: &TestApp) {
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
                "grade": "claimed",
                "in_payloads": true,
                "size": 315,
                "title": "evaluation.json",
                "type": "evaluation"
              },
              "door": "api",
              "index": 7,
              "kind": "evidence.added",
              "subject": "model/[id]/1",
              "v": 1
            }
          ],
          "index": 7
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
              "grade": "claimed",
              "index": 7,
              "size": 315,
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

    async fn a_large_document_comes_as_a_blob(app: &TestApp) {
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
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"bytes").await;
        let file = chancery_core::names::Digest::of(b"bytes").to_string();
        let other = "0".repeat(64);
        let body = json!({"subject": {"content_digest": other}}).to_string();
        for (query, body, expected) in [
            (String::new(), "x", "422 invalid_field query"),
            ("type=gossip".to_owned(), "x", "422 invalid_field query"),
            ("type=review&colour=red".to_owned(), "x", "422 invalid_field query"),
            ("type=review".to_owned(), "", "422 invalid_field body"),
            ("type=review".to_owned(), body.as_str(), "422 digest_mismatch subject.content_digest"),
            ("type=review&binds_to=file".to_owned(), "x", "422 invalid_field binds_digest"),
            (format!("type=review&binds_to=file&binds_digest={other}"), "x", "422 digest_mismatch binds_digest"),
            (format!("type=review&binds_digest={other}"), "x", "422 digest_mismatch binds_digest"),
            (format!("type=review&binds_to=file&binds_digest={file}"), "x", "201"),
            ("type=review&binds_to=version".to_owned(), "y", "201"),
        ] {
            let answer = scientist.call("POST", &format!("{}/evidence?{query}", version.path)).bytes(body).send().await;
            let found = if answer.status == 201 { "201".to_owned() } else { answer.problem() };
            assert_eq!(found, expected, "{query}");
        }
        assert_eq!(scientist.get(&format!("/api/v1/evidence/{other}")).await.problem(), "404 not_found");
        assert_eq!(scientist.get("/api/v1/evidence/abc").await.problem(), "422 invalid_field path");
    }
}
