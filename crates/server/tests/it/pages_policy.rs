//! The pages of the policy: rules, what they say about a version, the mode and its form, and who may do what.

use serde_json::json;

use crate::support::TestApp;
use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD};

async fn person(app: &TestApp, name: &str, roles: &[&str]) -> Browser {
    app.user(name, roles).await;
    app.password(name, PASSWORD).await;
    app.browser(name).await
}

/// The auditor of the cast.
async fn auditor(app: &TestApp) -> Browser {
    app.password("model-auditor", PASSWORD).await;
    app.browser("model-auditor").await
}

/// Fields of the form that changes the mode, as the page shows it.
async fn mode_form(browser: &Browser, mode: &str, reason: &str) -> Vec<(String, String)> {
    let seen = browser.get("/policy").await;
    let hidden = ["csrf", "key", "revision"].map(|name| (name.to_owned(), seen.field(name)));
    hidden.into_iter().chain([("mode".to_owned(), mode.to_owned()), ("reason".to_owned(), reason.to_owned())]).collect()
}

fn fields(form: &[(String, String)]) -> Vec<(&str, &str)> {
    form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

both! {
    async fn the_policy_is_a_table_of_rules_and_gates(app: &TestApp) {
        let viewer = person(app, "vera", &["viewer"]).await;
        let seen = viewer.get("/policy").await;
        assert_eq!(seen.status, 200, "{}", seen.text);
        let rules = app.admin.get("/api/v1/policy").await.expect(200)["rules"].as_array().unwrap().clone();
        assert!(seen.text.contains(&format!("{} rules, asked at", rules.len())) && seen.text.contains("<strong>enforce</strong>"), "{}", seen.text);
        for rule in &rules {
            let id = rule["id"].as_str().unwrap();
            assert!(seen.text.contains(&format!("href=\"/policy/rules/{id}\"")), "{id}");
            let page = viewer.get(&format!("/policy/rules/{id}")).await;
            assert!(page.status == 200 && page.text.contains("What it says about a version"), "{id}: {}", page.text);
        }
        assert!(seen.text.len() < 60_000, "{} bytes", seen.text.len());
        assert!(seen.text.contains("An administrator changes the mode.") && !seen.text.contains("action=\"/policy/mode\""));
        assert_eq!(viewer.get("/policy/rules/no.such").await.status, 404);
    }

    async fn the_mode_is_changed_by_a_form_with_a_reason(app: &TestApp) {
        let admin = person(app, "ada", &["administrator"]).await;
        let form = mode_form(&admin, "warn", "").await;
        let refused = admin.post("/policy/mode", &fields(&form)).await;
        assert!(refused.status == 422 && refused.text.contains("value=\"warn\" checked"), "{}", refused.text);
        let form = mode_form(&admin, "warn", "we <i>try</i> it first").await;
        let done = admin.post("/policy/mode", &fields(&form)).await;
        assert!(done.status == 303 && done.location().starts_with("/policy?entry="), "{}", done.text);
        let seen = admin.get(done.location()).await;
        assert!(seen.text.contains("Recorded as entry") && seen.text.contains("<strong>warn</strong>") && seen.text.contains("What enforce would refuse"), "{}", seen.text);
        // The same form once more does not do it twice; another one with what is not so any more does nothing.
        assert_eq!(admin.post("/policy/mode", &fields(&form)).await.location(), done.location());
        let stale = admin.post("/policy/mode", &[("csrf", form[0].1.as_str()), ("key", "another"), ("revision", form[2].1.as_str()), ("mode", "enforce"), ("reason", "back")]).await;
        assert!(stale.status == 412 && stale.text.contains("was changed while you read") && stale.text.contains(">back</textarea>"), "{}", stale.text);
        assert_eq!(app.admin.get("/api/v1/policy").await.expect(200)["mode"], "warn");
        let without = admin.post("/policy/mode", &[("mode", "enforce"), ("reason", "back"), ("revision", "0")]).await;
        assert_eq!(without.status, 403, "a form without the token of the session");
        let owner = person(app, "olga", &["owner"]).await;
        let denied = owner.submit("/policy/mode", &[("mode", "enforce"), ("reason", "back"), ("revision", "0")]).await;
        assert_eq!(denied.status, 403, "{}", denied.text);
        assert_eq!(app.admin.get("/api/v1/policy").await.expect(200)["mode"], "warn");
    }

    async fn a_dry_run_says_what_is_missing_and_records_nothing(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.post("/api/v1/models", json!({"name": "bare"})).await.expect(201);
        cast.scientist.version("bare", b"x").await;
        let browser = auditor(app).await;
        let size = app.admin.get("/api/v1/ledger/head").await.expect(200)["size"].clone();
        let seen = browser.get("/policy/try?version=bare/1&to=candidate").await;
        assert!(seen.status == 200 && seen.text.contains("on the way to candidate") && seen.text.contains("sbom.present"), "{}", seen.text);
        assert!(seen.text.contains("What to do:"), "{}", seen.text);
        let rule = browser.get("/policy/rules/sbom.present?version=bare/1&to=candidate").await;
        assert!(rule.status == 200 && rule.text.contains("what it read"), "{}", rule.text);
        assert_eq!(app.admin.get("/api/v1/ledger/head").await.expect(200)["size"], size);
        for (query, status) in [("version=bare", 422), ("version=bare/9", 404), ("version=nobody/1", 404), ("version=bare/1&to=retired", 409), ("", 200)] {
            let seen = browser.get(&format!("/policy/try?{query}")).await;
            assert_eq!(seen.status, status, "{query}: {}", seen.text);
        }
    }

    async fn a_gate_of_the_past_is_evaluated_again(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        let made = cast.scientist.version("loan", b"x").await;
        cast.scientist.post(&format!("{}/check", made.path), json!({"to": "candidate"})).await.expect(200);
        let browser = auditor(app).await;
        let page = app.admin.get("/api/v1/ledger/entries?kind=check.recorded").await.expect(200);
        let index = page["items"][0]["index"].as_u64().unwrap();
        assert!(browser.get(&format!("/ledger/{index}")).await.text.contains(&format!("/policy/replay/{index}")));
        let seen = browser.get(&format!("/policy/replay/{index}")).await;
        assert!(seen.status == 200 && seen.text.contains("<strong>the same</strong>"), "{}", seen.text);
        assert_eq!(browser.get("/policy/replay/0").await.status, 404);
    }

    async fn a_bundle_shows_its_files_as_text(app: &TestApp) {
        let viewer = person(app, "vera", &["viewer"]).await;
        let baseline = app.admin.get("/api/v1/policy").await.expect(200)["baseline"].as_str().unwrap().to_owned();
        let seen = viewer.get(&format!("/policy/bundles/{baseline}")).await;
        assert!(seen.status == 200 && seen.text.contains("The baseline that this program brings") && seen.text.len() < 60_000, "{}", seen.text.len());
        assert_eq!(viewer.get(&format!("/policy/bundles/{}", "0".repeat(64))).await.status, 404);
    }

    async fn can_i_says_yes_or_no_and_which_rule_says_so(app: &TestApp) {
        app.user("olga", &["owner"]).await;
        let viewer = person(app, "vera", &["viewer"]).await;
        let seen = viewer.get("/can-i?action=edit-model").await;
        assert!(seen.status == 200 && seen.text.contains("<strong>No.</strong> You may not <b>edit-model</b>"), "{}", seen.text);
        assert!(seen.text.contains("What would allow it"), "{}", seen.text);
        assert!(viewer.get("/can-i?action=read").await.text.contains("<strong>Yes.</strong>"));
        let denied = viewer.get("/can-i?action=read&as=olga").await;
        assert_eq!(denied.status, 403, "{}", denied.text);
        assert_eq!(viewer.get("/can-i?action=fly").await.status, 422);
        let auditor = person(app, "aida", &["auditor"]).await;
        assert!(auditor.get("/can-i?action=edit-model&as=olga").await.text.contains("<strong>Yes.</strong> olga may"));
        assert_eq!(auditor.get("/can-i?action=edit-model&model=nothing").await.status, 404);
    }
}
