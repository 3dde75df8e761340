//! Bad input: each gets a problem with code and field, and an unchanged registry.

use serde_json::{Value, json};

use crate::support::app::both;

/// Every operation with a JSON body: method and path of one that exists, and a body that it accepts or refuses for its content.
const BODIES: &[(&str, &str, &str)] = &[
    ("POST", "/api/v1/models", r#"{"name":"x"}"#),
    ("PUT", "/api/v1/models/loan", r#"{"description":"x"}"#),
    ("POST", "/api/v1/models/loan/rename", r#"{"to":"x"}"#),
    ("POST", "/api/v1/models/loan/hide", r#"{"reason":"x"}"#),
    ("POST", "/api/v1/models/loan/risk-tier", r#"{"risk_tier":"high","reason":"x"}"#),
    ("POST", "/api/v1/models/loan/versions", r#"{"files":[],"facts":{}}"#),
    ("POST", "/api/v1/models/loan/versions/1/attach", r#"{"files":[]}"#),
    ("PATCH", "/api/v1/models/loan/versions/1", r#"{"description":"x"}"#),
    ("POST", "/api/v1/models/loan/versions/1/hide", r#"{"reason":"x"}"#),
    ("POST", "/api/v1/models/loan/versions/1/transitions", r#"{"to":"draft","reason":"x"}"#),
    ("POST", "/api/v1/models/loan/versions/1/check", r#"{"to":"candidate"}"#),
    ("PUT", "/api/v1/models/loan/tags/a", r#"{"value":"x"}"#),
    ("PUT", "/api/v1/models/loan/versions/1/tags/a", r#"{"value":"x"}"#),
    ("PUT", "/api/v1/models/loan/aliases/a", r#"{"version":1}"#),
    ("POST", "/api/v1/promotions", r#"{"model":"loan","version":1,"to":"candidate"}"#),
    ("POST", "/api/v1/models/loan/rollback", r#"{"reason":"x"}"#),
    ("POST", "/api/v1/users", r#"{"name":"x","kind":"person","roles":[]}"#),
    ("PUT", "/api/v1/users/all/roles", r#"{"roles":[]}"#),
    ("POST", "/api/v1/tokens", r#"{"user":"all"}"#),
    ("PUT", "/api/v1/policy/mode", r#"{"mode":"warn","reason":"x"}"#),
    ("POST", "/api/v1/uploads", r#"{}"#),
];

const EVERY_ROLE: &[&str] = &["owner", "deployer", "incident", "auditor", "administrator", "approver:product"];

both! {
    async fn malformed_bodies_are_refused_everywhere(app: &TestApp) {
        let all = app.user("all", EVERY_ROLE).await;
        app.team("credit").await;
        all.model("loan", "high").await;
        all.version("loan", b"bytes").await;
        let size = app.size().await;
        for (method, path, good) in BODIES {
            let unknown = good.replacen('{', if *good == "{}" { r#"{"colour":1"# } else { r#"{"colour":1,"# }, 1);
            let deep = format!(r#"{{"colour":{}{}}}"#, "[".repeat(40), "]".repeat(40));
            let large = format!(r#"{{"colour":"{}"}}"#, "x".repeat(1_100_000));
            let wrong = format!(r#"{{{}}}"#, good.trim_matches(['{', '}']).split(',').map(|_| r#""colour":1"#).collect::<Vec<_>>().join(","));
            for (what, body, expected) in [
                ("an unknown field", unknown.as_str(), "422 invalid_field"),
                ("unknown fields only", wrong.as_str(), "422 invalid_field"),
                ("too deep", deep.as_str(), "413 too_large body"),
                ("too large", large.as_str(), "413 too_large body"),
                ("no JSON", "{", "400 invalid_field body"),
                ("nothing", "", "400 invalid_field body"),
                ("two values", &format!("{good}{good}"), "400 invalid_field body"),
                ("a list", "[]", "422 invalid_field"),
                ("a text", "\"x\"", "422 invalid_field"),
                ("null", "null", "422 invalid_field"),
                ("no UTF-8 escape", r#"{"colour":"\ud800"}"#, "4"),
            ] {
                let answer = all.call(method, path).header("Content-Type", "application/json").bytes(body).send().await;
                let found = answer.problem();
                assert!(found.starts_with(expected), "{method} {path}, {what}: {found}");
            }
            let plain = all.call(method, path).header("Content-Type", "text/plain").bytes(*good).send().await;
            assert_eq!(plain.problem(), "400 invalid_field Content-Type", "{method} {path}");
        }
        assert_eq!(app.size().await, size, "nothing of it is an entry");
    }

    async fn names_have_rules_wherever_they_come_from(app: &TestApp) {
        let owner = app.user("model-owner", &["owner"]).await;
        app.team("credit").await;
        owner.model("loan", "high").await;
        let size = app.size().await;
        let long = "n".repeat(257);
        for name in ["", " ", ".", "..", "a/b", "a:b", "../x", " a", "a ", "a\nb", "a\u{0}b", "\u{7f}", "a\u{85}b", long.as_str()] {
            assert_eq!(owner.post("/api/v1/models", json!({"name": name})).await.problem(), "422 invalid_field name", "{name:?}");
            assert_eq!(owner.post("/api/v1/models/loan/rename", json!({"to": name})).await.problem(), "422 invalid_field to", "{name:?}");
        }
        for path in ["..%2Fx", "%2e%2e", "a%2Fb", "a%00b", "a%0Ab", "%ff", "a:b", "%20a", &long] {
            let answer = owner.get(&format!("/api/v1/models/{path}")).await;
            assert!(matches!(answer.problem().as_str(), "422 invalid_field path" | "400 invalid_field path" | "404 not_found"), "{path}: {}", answer.problem());
        }
        for path in ["/api/v1/models/../policy/../../etc/passwd", "/api/v1//models", "/log/tile/0/../../../etc/passwd", "/log/tile/entries/../0/000", "/api/v1/models/loan/"] {
            assert!(matches!(owner.get(path).await.status, 400..=499), "{path}");
        }
        for (name, path) in [("größe", "gr%C3%B6%C3%9Fe"), ("with space", "with%20space"), ("50%", "50%25"), ("a?b#c", "a%3Fb%23c"), ("' OR 1=1 --", "%27%20OR%201%3D1%20--")] {
            let made = owner.post("/api/v1/models", json!({"name": name})).await;
            assert_eq!(made.status, 201, "{name}: {}", made.json());
            assert_eq!(owner.get(made.header("location")).await.expect(200)["name"], name);
            assert_eq!(owner.get(&format!("/api/v1/models/{path}")).await.expect(200)["name"], name);
        }
        assert_eq!(owner.get("/api/v1/models?prefix=%25").await.expect(200)["items"], json!([]), "a wildcard means itself");
        assert_eq!(app.size().await, size + 5);
    }

    async fn fields_of_a_model_have_types_and_limits(app: &TestApp) {
        let owner = app.user("model-owner", &["owner"]).await;
        let many = vec!["x"; 101];
        for (change, expected) in [
            (json!({"kind": "robot"}), "422 invalid_field kind"),
            (json!({"risk_tier": "huge"}), "422 invalid_field risk_tier"),
            (json!({"description": 7}), "422 invalid_field description"),
            (json!({"description": "x".repeat(100_001)}), "413 too_large description"),
            (json!({"description": "a\u{0}b"}), "422 invalid_field description"),
            (json!({"intended_users": many}), "413 too_large intended_users"),
            (json!({"intended_users": "all"}), "422 invalid_field intended_users"),
            (json!({"intended_users": [1]}), "422 invalid_field intended_users[0]"),
            (json!({"ownership": {"boss": "x"}}), "422 invalid_field ownership.boss"),
            (json!({"ownership": {"owning_team": "Big Team"}}), "422 invalid_field ownership.owning_team"),
            (json!({"risk": {"fairness_tested": "yes"}}), "422 invalid_field risk.fairness_tested"),
            (json!({"classification": "secretish"}), "422 invalid_field classification"),
            (json!({"personal_data": 1}), "422 invalid_field personal_data"),
        ] {
            let mut body = change.clone();
            body["name"] = "new".into();
            let shown: String = change.to_string().chars().take(80).collect();
            assert_eq!(owner.post("/api/v1/models", body).await.problem(), expected, "{shown}");
        }
        owner.post("/api/v1/models", json!({"name": "new"})).await.expect(201);
        assert_eq!(owner.post("/api/v1/models", json!({"name": "new"})).await.problem(), "409 already_exists name");
        // A data entry has 65,535 bytes; more is refused whole, and nothing of it stays.
        let wide = json!({"description": "x".repeat(90_000)});
        let answer = owner.put("/api/v1/models/new", wide).await;
        assert!(answer.status == 200 || answer.status == 413, "{}", answer.status);
        for etag in ["5", "\"x\"", "\"5", "W/\"5\"", "\"1\", \"2\"", "\"-1\""] {
            let answer = owner.call("PUT", "/api/v1/models/new").header("If-Match", etag).json(&json!({})).send().await;
            assert_eq!(answer.problem(), "400 invalid_field If-Match", "{etag}");
        }
        assert_eq!(owner.call("PUT", "/api/v1/models/new").header("If-Match", "*").json(&json!({})).send().await.status, 200);
        assert_eq!(owner.call("DELETE", "/api/v1/models/new").send().await.problem(), "405 not_found");
        assert_eq!(owner.get("/api/v1/models/new/versions/1x").await.status, 422);
        assert_eq!(owner.get("/api/v1/models/new").await.expect(200)["latest"], Value::Null);
    }
}
