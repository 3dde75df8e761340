//! Aliases promise a state, and move only for somebody who saw where they were. Tags are free text under a key.

use serde_json::json;

use crate::support::app::both;

both! {
    async fn an_alias_is_set_moved_and_removed_under_if_match(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        for bytes in [b"1", b"2"] {
            scientist.version("loan", bytes).await;
        }
        let path = "/api/v1/models/loan/aliases/trial";
        assert_eq!(scientist.get(path).await.problem(), "404 not_found");
        let set = scientist.put(path, json!({"version": 1})).await;
        insta::assert_snapshot!(set.snapshot(), @r#"
        200 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "alias": "trial"
              },
              "door": "api",
              "index": 9,
              "kind": "alias.set",
              "subject": "model/[id]/1",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 9
        }
        "#);
        let seen = scientist.get(path).await;
        insta::assert_snapshot!(seen.snapshot(), @r#"
        200 {
          "alias": "trial",
          "number": 1,
          "revision": 9
        }
        "#);
        assert_eq!(scientist.put(path, json!({"version": 2})).await.problem(), "428 precondition_required If-Match");
        let moved = scientist.call("PUT", path).header("If-Match", seen.header("etag")).json(&json!({"version": 2})).send().await;
        assert_eq!(moved.expect(200)["entries"][0]["data"], json!({"alias": "trial", "from": 1}));
        let stale = scientist.call("PUT", path).header("If-Match", seen.header("etag")).json(&json!({"version": 1})).send().await;
        assert_eq!(stale.problem(), "412 precondition_failed If-Match");
        let stale = scientist.call("DELETE", path).header("If-Match", seen.header("etag")).send().await;
        assert_eq!(stale.problem(), "412 precondition_failed If-Match");
        assert_eq!(scientist.get("/api/v1/models/loan").await.expect(200)["aliases"], json!({"trial": 2}));
        assert_eq!(scientist.delete(path).await.kinds(), ["alias.deleted"]);
        assert_eq!(scientist.delete(path).await.problem(), "404 not_found");
        let gone = scientist.call("PUT", path).header("If-Match", "\"5\"").json(&json!({"version": 1})).send().await;
        assert_eq!(gone.problem(), "412 precondition_failed If-Match");
    }

    async fn an_alias_is_refused_to_a_version_that_may_not_carry_it(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        // Which states may carry which alias.
        let table = [
            ("draft", "champion canary stable production challenger"),
            ("candidate", "champion canary stable production challenger"),
            ("approved", "champion canary stable production"),
            ("production", ""),
            ("deprecated", "champion canary stable production challenger mine"),
            ("retired", "champion canary stable production challenger mine"),
        ];
        for (number, (state, refused)) in (1_u64..).zip(table) {
            let version = cast.evaluated("loan", state.as_bytes()).await;
            cast.bring_to(&version, state).await;
            // Capital letters do not make another promise.
            for alias in ["champion", "canary", "stable", "production", "challenger", "mine", "Champion", "PRODUCTION"] {
                let path = format!("/api/v1/models/loan/aliases/{alias}");
                let answer = cast.scientist.put(&path, json!({"version": number})).await;
                if refused.split(' ').any(|word| word == alias.to_lowercase()) {
                    assert_eq!(answer.recorded_problem(), "409 transition_refused version", "{state} {alias}");
                } else {
                    assert_eq!(answer.status, 200, "{state} {alias}: {}", answer.json());
                    cast.scientist.delete(&path).await.expect(200);
                }
            }
        }
    }

    async fn names_of_aliases_have_rules(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        scientist.version("loan", b"1").await;
        for (alias, expected) in [
            ("latest", "422 invalid_field path"), ("Latest", "422 invalid_field path"), ("v3", "422 invalid_field path"),
            ("a%20b", "422 invalid_field path"), ("a%00", "422 invalid_field path"), ("a%2Fb", "422 invalid_field path"),
        ] {
            assert_eq!(scientist.put(&format!("/api/v1/models/loan/aliases/{alias}"), json!({"version": 1})).await.problem(), expected, "{alias}");
        }
        for alias in ["7", "%C3%BC", "v", "v3-canary"] {
            scientist.put(&format!("/api/v1/models/loan/aliases/{alias}"), json!({"version": 1})).await.expect(200);
            assert_eq!(scientist.get(&format!("/api/v1/resolve?reference=loan@{alias}")).await.expect(200)["number"], 1, "{alias}");
        }
        for (version, expected) in [(json!(9), "404 not_found"), (json!(0), "422 invalid_field version"), (json!("1"), "422 invalid_field version")] {
            let answer = scientist.put("/api/v1/models/loan/aliases/good", json!({"version": version})).await;
            assert_eq!(answer.problem(), expected, "{version}");
        }
    }

    async fn tags_of_models_and_versions(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        scientist.version("loan", b"1").await;
        for subject in ["/api/v1/models/loan", "/api/v1/models/loan/versions/1"] {
            let tag = format!("{subject}/tags/team/name");
            assert_eq!(scientist.put(&tag, json!({"value": "credit"})).await.kinds(), ["tag.set"]);
            assert_eq!(scientist.put(&tag, json!({"value": "risk"})).await.kinds(), ["tag.set"]);
            assert_eq!(scientist.get(subject).await.expect(200)["tags"], json!({"team/name": "risk"}));
            assert_eq!(scientist.delete(&tag).await.kinds(), ["tag.deleted"]);
            assert_eq!(scientist.delete(&tag).await.problem(), "404 not_found");
            assert_eq!(scientist.get(subject).await.expect(200)["tags"], json!({}));
            for (key, expected) in [
                ("a%00b", "422 invalid_field path"), ("a%5Cb", "422 invalid_field path"), ("a%2F..%2Fb", "422 invalid_field path"), ("a%2F%2Fb", "422 invalid_field path"),
            ] {
                assert_eq!(scientist.put(&format!("{subject}/tags/{key}"), json!({"value": "x"})).await.problem(), expected, "{key}");
            }
            assert_eq!(scientist.put(&tag, json!({"value": "x".repeat(100_001)})).await.status, 413);
            assert_eq!(scientist.put(&tag, json!({"value": 7})).await.problem(), "422 invalid_field value");
        }
        assert_eq!(scientist.put("/api/v1/models/loan/versions/2/tags/x", json!({"value": "x"})).await.problem(), "404 not_found");
    }
}
