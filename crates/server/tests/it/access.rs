//! Users and tokens: what is changed holds from the next request on; nobody but administrators changes it.

use serde_json::{Value, json};

use crate::support::app::both;

const DAY: i64 = 86_400;

both! {
    async fn users_and_tokens_are_made_and_ended(app: &TestApp) {
        let made = app.admin.post("/api/v1/users", json!({"name": "platform-lead", "display_name": "Pat", "kind": "person", "roles": ["viewer", "approver:product"]})).await;
        insta::assert_snapshot!(made.snapshot(), @r#"
        201 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "kind": "person",
                "roles": [
                  "viewer",
                  "approver:product"
                ]
              },
              "door": "api",
              "index": 3,
              "kind": "actor.created",
              "subject": "actor/[id]",
              "v": 1
            }
          ],
          "index": 3
        }
        "#);
        let issued = app.admin.post("/api/v1/tokens", json!({"user": "platform-lead", "expires_in_days": 2})).await;
        let body = issued.expect(201);
        let person = app.anonymous.with_token(body["secret"].as_str().unwrap());
        insta::assert_snapshot!(person.get("/api/v1/whoami").await.snapshot(), @r#"
        200 {
          "display_name": "Pat",
          "id": "[id]",
          "kind": "person",
          "name": "platform-lead",
          "roles": [
            "viewer",
            "approver:product"
          ]
        }
        "#);
        for answer in [app.admin.get("/api/v1/tokens?user=platform-lead").await, app.admin.get("/api/v1/users").await, app.admin.get("/api/v1/ledger/entries").await] {
            answer.expect(200);
            let text = String::from_utf8(answer.bytes).unwrap();
            assert!(!text.contains(body["secret"].as_str().unwrap()), "the secret is not kept");
        }
        app.advance(2 * DAY - 1);
        assert_eq!(person.get("/api/v1/whoami").await.status, 200);
        app.advance(1);
        assert_eq!(person.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
    }

    async fn changes_of_access_are_in_force_at_once(app: &TestApp) {
        app.team("credit").await;
        let leaver = app.user("leaver", &["contributor"]).await;
        leaver.model("loan", "high").await;
        let tag = "/api/v1/models/loan/tags/a";
        leaver.put(tag, json!({"value": "1"})).await.expect(200);
        app.admin.put("/api/v1/users/leaver/roles", json!({"roles": ["viewer"]})).await.expect(200);
        assert_eq!(leaver.put(tag, json!({"value": "2"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(leaver.get("/api/v1/models/loan").await.status, 200);
        let second = app.admin.post("/api/v1/tokens", json!({"user": "leaver"})).await.expect(201);
        let other = app.anonymous.with_token(second["secret"].as_str().unwrap());
        assert_eq!(other.get("/api/v1/models/loan").await.status, 200);
        assert_eq!(app.admin.delete(&format!("/api/v1/tokens/{}", second["token_id"].as_str().unwrap())).await.kinds(), ["token.revoked"]);
        assert_eq!(other.get("/api/v1/models/loan").await.problem(), "401 unauthenticated");
        assert_eq!(leaver.get("/api/v1/models/loan").await.status, 200, "only that token was revoked");
        app.admin.delete("/api/v1/users/leaver").await.expect(200);
        assert_eq!(leaver.get("/api/v1/models/loan").await.problem(), "401 unauthenticated");
        assert_ne!(app.admin.post("/api/v1/tokens", json!({"user": "leaver"})).await.status, 201);
        let listed = app.admin.get("/api/v1/users").await.expect(200);
        let row = listed["items"].as_array().unwrap().iter().find(|row| row["name"] == "leaver").unwrap();
        assert_eq!(row["active"], false);
    }

    async fn nobody_but_administrators_changes_access(app: &TestApp) {
        let cast = app.cast().await;
        for who in [&cast.scientist, &cast.owner, &cast.pipeline, &cast.auditor, &cast.governance] {
            for (method, path, body) in [
                ("POST", "/api/v1/users", json!({"name": "x", "kind": "person", "roles": []})),
                ("PUT", "/api/v1/users/scientist/roles", json!({"roles": ["administrator"]})),
                ("POST", "/api/v1/tokens", json!({"user": "scientist"})),
                ("PUT", "/api/v1/policy/mode", json!({"mode": "warn", "reason": "r"})),
            ] {
                assert_eq!(who.call(method, path).json(&body).send().await.recorded_problem(), "403 access_denied", "{path}");
            }
        }
        // Nobody grants himself a role, administrators included.
        let own = app.admin.put("/api/v1/users/administrator/roles", json!({"roles": ["administrator", "approver:product"]})).await;
        assert_eq!(own.recorded_problem().split(' ').next(), Some("403"), "{}", own.json());
    }

    async fn bad_input_about_access(app: &TestApp) {
        app.user("platform-lead", &["viewer"]).await;
        for (body, expected) in [
            (json!({"name": "platform-lead", "kind": "person", "roles": []}), "409 already_exists name"),
            (json!({"name": "Pat", "kind": "person", "roles": []}), "422 invalid_field name"),
            (json!({"name": "new", "kind": "robot", "roles": []}), "422 invalid_field kind"),
            (json!({"name": "new", "kind": "person", "roles": ["king"]}), "422 invalid_field roles[0]"),
            (json!({"name": "new", "kind": "person", "roles": ["approver:"]}), "422 invalid_field roles[0]"),
            (json!({"name": "new", "kind": "person", "roles": "viewer"}), "422 invalid_field roles"),
            (json!({"name": "new", "kind": "person"}), "422 invalid_field body"),
        ] {
            assert_eq!(app.admin.post("/api/v1/users", body.clone()).await.problem(), expected, "{body}");
        }
        for (body, expected) in [
            (json!({"user": "none"}), "404 not_found"),
            (json!({"user": "platform-lead", "expires_in_days": 0}), "422 invalid_field expires_in_days"),
            (json!({"user": "platform-lead", "expires_in_days": 367}), "422 invalid_field expires_in_days"),
            (json!({"user": "platform-lead", "expires_in_days": -1}), "422 invalid_field expires_in_days"),
        ] {
            assert_eq!(app.admin.post("/api/v1/tokens", body.clone()).await.problem(), expected, "{body}");
        }
        assert_eq!(app.admin.delete("/api/v1/tokens/t0").await.problem(), "422 invalid_field path");
        assert_eq!(app.admin.delete(&format!("/api/v1/tokens/t{}", "0".repeat(32))).await.problem().split(' ').next(), Some("404"));
    }

    async fn a_token_may_come_as_the_password_of_basic_authentication(app: &TestApp) {
        use base64::Engine as _;
        let token = std::fs::read_to_string(app.data.join("admin-token")).unwrap();
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{token}"));
        for (header, status) in [
            (format!("Basic {encoded}"), 200), (format!("bearer {token}"), 200), (format!("Bearer  {token} "), 200),
            ("Basic !!".to_owned(), 401), ("Bearer".to_owned(), 401), (format!("Token {token}"), 401), (format!("Bearer {token}x"), 401),
        ] {
            assert_eq!(app.anonymous.call("GET", "/api/v1/whoami").header("Authorization", &header).send().await.status, status, "{header}");
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(app.data.join("admin-token")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(app.admin.get("/api/v1/users").await.expect(200)["next"], Value::Null);
    }
}
