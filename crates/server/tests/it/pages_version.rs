//! The pages of a version: what is missing before production, files, findings, evidence, lineage, history, and what can be done.

use serde_json::json;

use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD, Seen};
use crate::support::{Cast, Made, TestApp};

/// A high-risk model with a version that lacks nothing but approvals and its release.
async fn ready(app: &TestApp) -> (Cast, Made) {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    (cast, version)
}

async fn browser(app: &TestApp, name: &str) -> Browser {
    app.password(name, PASSWORD).await;
    app.browser(name).await
}

/// A page that is there, and small enough.
fn page(seen: Seen) -> String {
    assert_eq!(seen.status, 200, "{}", seen.text);
    assert!(seen.text.len() < 60_000, "{} bytes", seen.text.len());
    seen.text
}

fn says(html: &str, words: &[&str]) {
    for expected in words {
        assert!(html.contains(expected), "no `{expected}` in {html}");
    }
}

fn index_of(seen: &Seen) -> String {
    assert_eq!(seen.status, 303, "{}", seen.text);
    seen.location().split("entry=").nth(1).unwrap_or_else(|| panic!("no entry in {}", seen.location())).to_owned()
}

both! {
    async fn a_version_says_what_is_missing_before_production_like_the_command_line(app: &TestApp) {
        let (cast, version) = ready(app).await;
        let scientist = browser(app, "scientist").await;
        let html = page(scientist.get("/models/loan/1").await);
        says(&html, &[
            "<h1>loan/1</h1>",
            "Before this version can go to production, 2 things are missing",
            "4 of 4 required roles are missing for production",
            "/policy/rules/promoter.pipeline",
            "The same as <code class=\"brk\">chancery check loan/1 --to production</code>",
            "scikit-learn",
            "data/model.bin",
            "claimed",
            "attested",
            "loanapp",
        ]);
        let check = cast.auditor.get(&format!("{}/check?to=production", version.path)).await.expect(200);
        for finding in check["missing"].as_array().unwrap() {
            assert!(html.contains(finding["rule"].as_str().unwrap()), "{finding}");
        }
        for part in ["files", "evidence", "findings", "history", "lineage"] {
            says(&page(scientist.get(&format!("/models/loan/1/{part}")).await), &["of loan/1</h1>", "This page as JSON"]);
        }
        says(&page(scientist.get("/models/loan/1/files").await), &["1 file", "1 safe"]);
        says(&page(scientist.get("/models/loan/1/findings?target=candidate").await), &["Nothing is missing for candidate: no rule fails"]);
        says(&page(scientist.get("/models/loan/1/history").await), &["scientist registered"]);
        // Once it is open, the page leads to the promotion; in production it says so.
        let id = cast.approved(&version, "production").await;
        says(&page(scientist.get("/models/loan/1").await), &[&format!("/promotions/{id}"), "1 thing is missing"]);
        cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
        let html = page(scientist.get("/models/loan/1").await);
        says(&html, &["<h2>In production since"]);
        assert!(!html.contains("Roll back"), "there is nothing to go back to");
        assert!(!html.contains("missing</h2>"), "{html}");
    }

    async fn a_version_is_shown_as_it_stood_without_forms(app: &TestApp) {
        let (cast, version) = ready(app).await;
        let before = app.admin.get("/api/v1/ledger/entries?limit=500").await.json()["items"].as_array().unwrap().len() - 1;
        cast.bring_to(&version, "production").await;
        let auditor = browser(app, "model-auditor").await;
        let html = page(auditor.get(&format!("/models/loan/1?as_of={before}")).await);
        says(&html, &[&format!("The record as of entry {before}"), "Earlier change", "Later change", "st-draft", "The gates are asked about the present only"]);
        assert!(!html.contains("method=\"post\" action=\"/models") && !html.contains("In production since"), "{html}");
        let html = page(auditor.get(&format!("/models/loan/1/lineage?as_of={before}")).await);
        says(&html, &["This page shows the present", &format!("/ledger?as_of={before}")]);
        let html = page(auditor.get(&format!("/models/loan/1/history?as_of={before}")).await);
        assert!(!html.contains("to production"), "{html}");
        assert_eq!(auditor.get("/models/loan/1?as_of=100000").await.status, 422);
    }

    async fn a_promotion_is_asked_for_and_a_reason_is_kept_when_it_is_refused(app: &TestApp) {
        let (_, _) = ready(app).await;
        let scientist = browser(app, "scientist").await;
        let shown = scientist.get("/models/loan/1").await;
        let (csrf, key, path) = (shown.field("csrf"), shown.field("key"), "/models/loan/1/promotions");
        assert_eq!(scientist.post(path, &[("to", "production"), ("key", &key)]).await.status, 403, "without the token of the session");
        let fields = [("csrf", csrf.as_str()), ("key", key.as_str()), ("to", "production"), ("comment", "<first> release")];
        let done = scientist.post(path, &fields).await;
        index_of(&done);
        assert!(done.location().starts_with("/promotions/p"), "{}", done.location());
        let again = scientist.post(path, &fields).await;
        assert_eq!(again.location(), done.location(), "the same form does one thing");
        // Who may not is told who may, and finds no form.
        let viewer = { app.user("vera", &["viewer"]).await; browser(app, "vera").await };
        let html = page(viewer.get("/models/loan/1").await);
        says(&html, &["You may not ask for a promotion of this version. These roles may: contributor", "You may not move this version", "These roles may set tags"]);
        assert!(!html.contains("method=\"post\" action=\"/models"), "{html}");
        assert_eq!(viewer.submit(path, &[("to", "production")]).await.status, 403);
        // A form that is wrong comes back with what was written.
        let wrong = scientist.submit(path, &[("to", "elsewhere"), ("comment", "<kept> words")]).await;
        assert_eq!(wrong.status, 422, "{}", wrong.text);
        says(&wrong.text, &["&#60;kept&#62; words", "Nothing was changed"]);
    }

    async fn a_move_needs_a_reason_and_the_version_that_was_seen(app: &TestApp) {
        let (cast, version) = ready(app).await;
        cast.bring_to(&version, "production").await;
        let owner = browser(app, "model-owner").await;
        let seen = owner.get("/models/loan/1").await.field("revision");
        cast.scientist.call("PATCH", &version.path).json(&json!({"description": "changed meanwhile"})).send().await.expect(200);
        let path = "/models/loan/1/transitions";
        let fields = |revision: &str| [("to", "deprecated"), ("reason", "replaced by <2>"), ("sunset", "2027-01-31"), ("successor", ""), ("revision", revision)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let send = async |revision: &str| {
            let fields = fields(revision);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            owner.submit(path, &fields).await
        };
        let stale = send(&seen).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        says(&stale.text, &["replaced by &#60;2&#62;", "value=\"2027-01-31\"", "n-warn"]);
        let fresh = stale.field("revision");
        assert_ne!(fresh, seen, "the page that comes back is of the version as it is now");
        index_of(&send(&fresh).await);
        says(&page(owner.get("/models/loan/1").await), &["<h2>Deprecated since", "Its use must end by <time datetime=\"2027-01-31", "st-deprecated"]);
        let none = owner.submit(path, &[("to", "retired"), ("reason", ""), ("revision", &fresh)]).await;
        assert_eq!(none.status, 422, "{}", none.text);
    }

    async fn tags_are_set_and_removed(app: &TestApp) {
        let (cast, version) = ready(app).await;
        let scientist = browser(app, "scientist").await;
        let path = "/models/loan/1/tags";
        let done = scientist.submit(path, &[("tag", "stage/of"), ("value", "<b>trial</b>")]).await;
        let entry = index_of(&done);
        says(&page(scientist.get(done.location()).await), &[&format!("Recorded as entry {entry}"), "&#60;b&#62;trial&#60;/b&#62;"]);
        // As the page sends it: beside the idempotency key of the form.
        let key = scientist.get("/models/loan/1").await.field("key");
        index_of(&scientist.submit(path, &[("key", &key), ("tag", "stage/of")]).await);
        assert_eq!(cast.auditor.get(&version.path).await.expect(200)["tags"], json!({}));
        let wrong = scientist.submit(path, &[("tag", ""), ("value", "kept")]).await;
        assert_eq!(wrong.status, 422);
        says(&wrong.text, &["value=\"kept\""]);
    }

    async fn a_document_is_shown_without_anything_that_runs(app: &TestApp) {
        let (cast, version) = ready(app).await;
        let card = "# Card <script>alert(1)</script>\n\n## Intended use\n\nFirst sorting of [applications](javascript:alert(1)) ![p](https://x.example/p.png)\n\n<img src=x onerror=alert(1)>\n";
        let added = cast.scientist.call("POST", &format!("{}/evidence?type=model-card&title=%3Cb%3Ecard", version.path)).bytes(card).send().await.expect(201);
        let digest = added["entries"][0]["data"]["digest"].as_str().unwrap().to_owned();
        let auditor = browser(app, "model-auditor").await;
        let html = page(auditor.get(&format!("/evidence/{digest}")).await);
        says(&html, &["A document of type <strong>Model card</strong>", "loan/1", "Nobody signed it", "[picture: p]", "&#60;script&#62;", "&#60;b&#62;card"]);
        for bad in ["<script>alert", "<img", "href=\"javascript", "<b>card"] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        let evaluation = cast.auditor.get(&format!("{}/evidence", version.path)).await.expect(200);
        let signed = evaluation["items"].as_array().unwrap().iter().find(|item| item["type"] == "evaluation").unwrap()["digest"].as_str().unwrap().to_owned();
        says(&page(auditor.get(&format!("/evidence/{signed}")).await), &["Its signature was verified with 1 trusted key", "The statement that was signed", "demographic_parity_ratio"]);
        says(&page(auditor.get("/models/loan/1/evidence").await), &["&#60;b&#62;card", "claimed until a trusted key signed them"]);
        assert_eq!(auditor.get(&format!("/evidence/{}", "0".repeat(64))).await.status, 404);
        assert_eq!(auditor.get("/evidence/nothing").await.status, 404);
        for path in ["/models/loan/2", "/models/loan/x", "/models/other/1", "/models/loan/0"] {
            let seen = auditor.get(path).await;
            assert_eq!((seen.status, seen.header("content-type")), (404, "text/html; charset=utf-8"), "{path}");
        }
    }

    async fn foreign_text_of_any_length_stays_text_on_a_small_page(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let mut body = cast.scientist.package(b"bytes").await;
        let hostile = format!("</td><script>alert(1)</script>{}", "<\u{1f600}".repeat(5_000));
        for member in ["limitations", "intended_use", "ethical_considerations"] {
            body["facts"][member] = json!(hostile.chars().take(4_000).collect::<String>());
        }
        body["description"] = json!(hostile.chars().take(2_000).collect::<String>());
        body["tags"] = json!({"long": "<i>".repeat(1_000)});
        let made = cast.scientist.post("/api/v1/models/loan/versions", body).await;
        assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.bytes));
        let scientist = browser(app, "scientist").await;
        let html = page(scientist.get("/models/loan/1").await);
        for bad in ["<script>alert", "<i>"] {
            assert!(!html.contains(bad), "{bad}");
        }
        page(scientist.get("/models/loan/1/findings").await);
    }

    async fn what_may_not_be_read_is_not_on_the_page_of_what_is_made_of_it(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        cast.evaluated("loan", b"bytes").await;
        app.team("elsewhere").await;
        let stranger = { app.user("stranger", &["contributor@team:elsewhere"]).await; browser(app, "stranger").await };
        for path in ["/models/loan/1", "/models/loan/1/files", "/models/loan/1/findings", "/models/loan/1/history", "/models/loan/1/lineage", "/models/loan/1/evidence"] {
            let seen = stranger.get(path).await;
            assert_eq!(seen.status, 404, "{path}");
            assert!(!seen.text.contains("scientist"), "{path}");
        }
    }
}
