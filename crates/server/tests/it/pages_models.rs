//! The pages about models: what they answer, who may do what there, and that nothing that was filled in is lost.

use serde_json::json;

use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD, Seen};

/// The page that a form was on sends it, with the hidden fields that it has.
async fn submit(browser: &Browser, page: &str, path: &str, fields: &[(&str, &str)]) -> Seen {
    let shown = browser.get(page).await;
    let (csrf, key, seen) = (shown.field("csrf"), format!("{}.{path}", shown.field("key")).replace('/', "-"), shown.field("seen"));
    browser.post(path, &[fields, &[("csrf", csrf.as_str()), ("key", key.as_str()), ("seen", seen.as_str())]].concat()).await
}

fn has(seen: &Seen, wanted: &[&str]) {
    assert_eq!(seen.status, 200, "{}", seen.text);
    for text in wanted {
        assert!(seen.text.contains(text), "{text}: {}", seen.text);
    }
}

both! {
    /// The list says how many records match and how they stand; filters narrow it, and a wrong one is told at its field.
    async fn the_list_answers_which_records_match(app: &TestApp) {
        let cast = app.cast().await;
        app.password("model-auditor", PASSWORD).await;
        let browser = app.browser("model-auditor").await;
        has(&browser.get("/models").await, &["The registry holds no model that you may read.", "chancery register"]);
        cast.owner.model("loan", "high").await;
        cast.owner.model("fraud <b>", "limited").await;
        let made = cast.evaluated("loan", b"loan").await;
        let id = cast.approved(&made, "production").await;
        cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
        let all = browser.get("/models").await;
        has(&all, &["2 records, by name: 1 has a version in production, none have an open finding.", "fraud &#60;b&#62;", "since <time", "head of credit", "team credit"]);
        assert!(!all.text.contains("<b>"), "{}", all.text);
        for (query, found) in [
            ("q=LOA", "/models/loan"),
            ("q=name+LIKE+%27lo%25%27", "/models/loan"),
            ("state=production", "/models/loan"),
            ("tier=limited", "/models/fraud%20%3Cb%3E"),
            ("kind=model&team=credit&q=fraud", "/models/fraud%20%3Cb%3E"),
        ] {
            let seen = browser.get(&format!("/models?{query}")).await;
            has(&seen, &["1 record matches", &format!("href=\"{found}\"")]);
        }
        for query in ["q=nothing", "has=finding", "has=ungated", "has=promotion", "has=tier-proposal", "kind=prompt", "team=nobody"] {
            has(&browser.get(&format!("/models?{query}")).await, &["No record that you may read matches."]);
        }
        has(&browser.get("/models?q=loaning").await, &["Nearest name", "href=\"/models/loan\""]);
        let wrong = browser.get("/models?q=name+%3D+loan").await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.text.contains("id=\"q-wrong\"") && wrong.text.contains("value=\"name = loan\"") && wrong.text.contains("2 records"), "{}", wrong.text);
        assert_eq!(browser.get("/models?kind=thing").await.status, 422);
        has(&browser.get("/models?as_of=1").await, &["This page shows the present"]);
        // The API narrows in the same words.
        let listed = cast.auditor.get("/api/v1/models?q=LOA&state=production").await.expect(200);
        assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["name"]), (1, &json!("loan")));
        let first = browser.get("/models?limit=1").await;
        has(&first, &["more follow", "Next 1"]);
        let next = first.text.split("href=\"/models?limit=1&#38;after=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        has(&browser.get(&format!("/models?limit=1&after={next}")).await, &["href=\"/models/loan\""]);
    }

    /// A model says what is in production since when, and what it said at another time.
    async fn a_model_answers_what_is_in_production(app: &TestApp) {
        let cast = app.cast().await;
        app.password("model-auditor", PASSWORD).await;
        let browser = app.browser("model-auditor").await;
        cast.owner.model("loan", "high").await;
        has(&browser.get("/models/loan").await, &["<strong>No version is in production</strong>; there is no version yet", "No version has been in production."]);
        let made = cast.evaluated("loan", b"loan").await;
        let before = app.size().await - 1;
        let id = cast.approved(&made, "production").await;
        has(&browser.get("/models/loan").await, &[&format!("href=\"/promotions/{id}\""), "version 1 waits for production"]);
        cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
        cast.pipeline.put("/api/v1/models/loan/aliases/champion", json!({"version": 1})).await.expect(200);
        app.admin.put("/api/v1/models/loan/tags/team", json!({"value": "<i>risk"})).await.expect(200);
        app.advance(3600);
        // Nobody was there for longer than a session waits.
        let browser = app.browser("model-auditor").await;
        let second = cast.scientist.version("loan", b"other").await;
        let now = browser.get("/models/loan").await;
        has(&now, &["Version 1", "is in production</strong> since <time", "role=\"img\"", "Promises production", "&#60;i&#62;risk", "head of credit", "/models/loan/compare/1...2"]);
        // An auditor changes nothing, and is told who may.
        has(&now, &["Who may set aliases here: ", "Who may set tags here: ", "Who may change the risk tier here: "]);
        let past = browser.get(&format!("/models/loan?as_of={before}")).await;
        has(&past, &[&format!("The record as of entry {before}"), "<strong>No version is in production</strong>", "Earlier change", "Later change", "Back to now"]);
        assert!(!past.text.contains("<form method=\"post\" action=\"/models") && !past.text.contains("class=\"alias\""), "{}", past.text);
        assert_eq!(browser.get("/models/loan?as_of=0").await.status, 404);
        assert_eq!(browser.get("/models/nothing").await.status, 404);
        assert_eq!(browser.get("/models/a:b").await.status, 404);
        let history = browser.get("/models/loan/history").await;
        has(&history, &["History of loan", "moved version 1 from approved to production", "gave version 1 the alias champion"]);
        let compared = browser.get(&format!("/models/loan/compare/1...{}", second.number)).await;
        has(&compared, &["data/model.bin", "changed", "auc_roc", "No fact differs."]);
        has(&browser.get("/models/loan/compare/1...1").await, &["nothing differs", "The bytes are the same"]);
        let chosen = browser.get("/models/loan/compare?old=1&new=2").await;
        assert_eq!((chosen.status, chosen.location()), (303, "/models/loan/compare/1...2"));
        assert_eq!(browser.get("/models/loan/compare/1..2").await.status, 422);
        assert_eq!(browser.get("/models/loan/compare/1...9").await.status, 404);
        // Whoever may read nothing finds nothing.
        app.user("stranger", &["viewer"]).await;
        app.password("stranger", PASSWORD).await;
        let stranger = app.browser("stranger").await;
        app.admin.put("/api/v1/users/stranger/roles", json!({"roles": []})).await.expect(200);
        assert_eq!(stranger.get("/models/loan").await.status, 403);
    }

    /// The search box goes straight to the one thing that a text means; a composite id leads to what is behind an inference.
    async fn the_search_box_goes_to_the_one_hit(app: &TestApp) {
        let cast = app.cast().await;
        app.password("model-auditor", PASSWORD).await;
        let browser = app.browser("model-auditor").await;
        cast.owner.model("loan", "high").await;
        cast.owner.model("loan book", "high").await;
        let made = cast.evaluated("loan", b"loan").await;
        let id = cast.approved(&made, "approved").await;
        let version = cast.auditor.get(&made.path).await.expect(200);
        cast.owner.put("/api/v1/models/loan/aliases/trial", json!({"version": 1})).await.expect(200);
        let digest = version["version_digest"].as_str().unwrap();
        let composite = version["composite_id"].as_str().unwrap();
        let semver = format!("loan@{}", version["semver"].as_str().unwrap());
        for (text, path) in [
            ("loan", "/models/loan"),
            (" loan/1 ", "/models/loan/1"),
            (semver.as_str(), "/models/loan/1"),
            ("loan@trial", "/models/loan/1"),
            ("book", "/models/loan%20book"),
            (digest.get(..12).unwrap(), "/models/loan/1"),
            ("#3", "/ledger/3"),
            (id.as_str(), &format!("/promotions/{id}")),
            (composite, &format!("/trace/chancery%3Aloan/1%40sha256%3A{digest}")),
        ] {
            let query = crate::support::browser::encoded(&[("q", text)]);
            let seen = browser.get(&format!("/find?{query}")).await;
            assert_eq!((seen.status, seen.location()), (303, path), "{text}: {}", seen.text);
        }
        has(&browser.get("/find?q=oa").await, &["2 records fit", "href=\"/models/loan%20book\""]);
        has(&browser.get("/find?q=%3Cscript%3Ex").await, &["Nothing that you may read is named", "&#60;script&#62;"]);
        has(&browser.get("/find").await, &["Write what you look for."]);
        has(&browser.get(&format!("/find?q={}", "x".repeat(500))).await, &["more than 400 characters"]);
        let trace = browser.get(&format!("/trace/{composite}")).await;
        has(&trace, &["Behind this id stands version 1 of loan, now draft", "4185f5f1619853e486c07542e26b20c0600c6f7f", "loanapp", "4 approvals", "/evidence/"]);
        assert_eq!(browser.get("/trace/chancery:loan/1@sha256:000000000000").await.status, 404);
        assert_eq!(browser.get("/trace/short").await.status, 422);
    }

    /// Forms do what the API does; what is refused keeps what was filled in.
    async fn forms_change_a_model_and_lose_nothing(app: &TestApp) {
        let cast = app.cast().await;
        for name in ["model-owner", "governance-lead", "model-auditor"] {
            app.password(name, PASSWORD).await;
        }
        let owner = app.browser("model-owner").await;
        cast.owner.model("loan", "high").await;
        cast.evaluated("loan", b"loan").await;
        let page = "/models/loan";
        let done = submit(&owner, page, "/models/loan/aliases", &[("alias", "trial"), ("version", "1")]).await;
        assert_eq!((done.status, done.location().starts_with("/models/loan?entry=")), (303, true), "{}", done.text);
        has(&owner.get(done.location()).await, &["Recorded as entry", "<span class=\"alias\">trial</span>"]);
        let refused = submit(&owner, page, "/models/loan/aliases", &[("alias", "champion"), ("version", "1")]).await;
        assert_eq!(refused.status, 409);
        assert!(refused.text.contains("promises state production") && refused.text.contains("value=\"champion\""), "{}", refused.text);
        let done = submit(&owner, page, "/models/loan/tags", &[("tag", "team/x"), ("value", "a & b"), ("act", "set")]).await;
        assert_eq!(done.status, 303, "{}", done.text);
        has(&owner.get(page).await, &["team/x", "a &#38; b"]);
        // What somebody else changed meanwhile is not overwritten.
        let shown = owner.get(page).await;
        cast.owner.put("/api/v1/models/loan/tags/team%2Fx", json!({"value": "c"})).await.expect(200);
        let fields = [("tag", "team/x"), ("value", "d <x>"), ("act", "set"), ("key", "k1"), ("seen", &shown.field("seen")), ("csrf", &shown.field("csrf"))];
        let stale = owner.post("/models/loan/tags", &fields).await;
        assert_eq!(stale.status, 412);
        assert!(stale.text.contains("while you read this page") && stale.text.contains("d &#60;x&#62;"), "{}", stale.text);
        let removed = submit(&owner, page, "/models/loan/tags", &[("tag", "team/x"), ("value", ""), ("act", "remove")]).await;
        assert_eq!(removed.status, 303, "{}", removed.text);
        // The same form twice does one thing.
        let shown = owner.get(page).await;
        let fields = [("tag", "once"), ("value", "1"), ("act", "set"), ("key", "k2"), ("seen", &shown.field("seen")), ("csrf", &shown.field("csrf"))];
        let (first, again) = (owner.post("/models/loan/tags", &fields).await, owner.post("/models/loan/tags", &fields).await);
        assert_eq!((first.status, again.status, first.location()), (303, 303, again.location()), "{}", again.text);
        // A lower tier takes two persons.
        let lower = submit(&owner, page, "/models/loan/risk-tier", &[("tier", "limited"), ("reason", "advice only")]).await;
        assert_eq!(lower.status, 303, "{}", lower.text);
        has(&owner.get(page).await, &["advice only", "Take the proposal back", "another person confirms or rejects it"]);
        let own = submit(&owner, page, "/models/loan/tier-proposal", &[("tier", "limited"), ("reason", "mine"), ("verdict", "confirm")]).await;
        assert_eq!(own.status, 403);
        assert!(own.text.contains("Your attempt is entry"), "{}", own.text);
        let governance = app.browser("governance-lead").await;
        has(&governance.get(page).await, &["Confirm limited"]);
        let confirmed = submit(&governance, page, "/models/loan/tier-proposal", &[("tier", "limited"), ("reason", "agreed"), ("verdict", "confirm")]).await;
        assert_eq!(confirmed.status, 303, "{}", confirmed.text);
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["risk_tier"], "limited");
        submit(&owner, page, "/models/loan/risk-tier", &[("tier", "minimal"), ("reason", "r")]).await;
        let withdrawn = submit(&owner, page, "/models/loan/tier-proposal/withdraw", &[("reason", "no")]).await;
        assert_eq!(withdrawn.status, 303, "{}", withdrawn.text);
        let raised = submit(&owner, page, "/models/loan/risk-tier", &[("tier", "high"), ("reason", "r")]).await;
        assert_eq!(raised.status, 303, "{}", raised.text);
        // No token, a wrong field, no right.
        let none = owner.post("/models/loan/tags", &[("tag", "x"), ("value", "y"), ("act", "set"), ("seen", "1")]).await;
        assert_eq!(none.status, 403);
        assert_eq!(submit(&owner, page, "/models/loan/tags", &[("tag", "x"), ("value", "y"), ("act", "paint")]).await.status, 422);
        assert_eq!(submit(&owner, page, "/models/loan/aliases", &[("alias", "x"), ("version", "one")]).await.status, 422);
        let auditor = app.browser("model-auditor").await;
        let denied = auditor.submit("/models/loan/tags", &[("tag", "x"), ("value", "y"), ("act", "set"), ("seen", "1")]).await;
        assert_eq!(denied.status, 403, "{}", denied.text);
    }
}
