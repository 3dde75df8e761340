//! The pages of the ledger: what happened in words, who is shown what, and what a browser checks an entry with.

use chancery_core::ledger::LogProof;
use chancery_core::ledger::note::Verifier;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD};

/// Somebody who is logged in.
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

/// The index of the newest entry of a kind.
async fn newest(app: &TestApp, kind: &str) -> u64 {
    let page = app.admin.get(&format!("/api/v1/ledger/entries?kind={kind}&limit=500")).await.expect(200);
    page["items"].as_array().unwrap().last().unwrap()["index"].as_u64().unwrap()
}

/// What a page says, without its tags.
fn words(html: &str) -> String {
    let text: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

both! {
    async fn the_ledger_says_what_happened_newest_first(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        cast.scientist.version("loan", b"one").await;
        let auditor = auditor(app).await;
        let seen = auditor.get("/ledger").await;
        assert_eq!(seen.status, 200, "{}", seen.text);
        let text = words(&seen.text);
        assert!(text.contains("entries, none ever changed or removed."), "{text}");
        assert!(text.contains("Monday 1 June 2026") && text.contains("registered, files: 1"), "{text}");
        assert!(!text.contains("hidden from you"), "an auditor sees everything: {text}");
        let (newer, older) = (text.find("registered, files: 1").unwrap(), text.find("Created as model loan, risk tier unclassified").unwrap());
        assert!(newer < older);
        // The password of the auditor himself is the newest but one.
        assert!(text.contains("Password set"), "{text}");
    }

    async fn filters_find_a_subject_a_kind_an_actor_a_day_and_refusals(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        cast.scientist.model("other", "minimal").await;
        cast.scientist.version("loan", b"one").await;
        assert_eq!(cast.auditor.post("/api/v1/models", json!({"name": "mine"})).await.status, 403);
        app.advance(24 * 3_600);
        cast.scientist.version("loan", b"two").await;
        let auditor = auditor(app).await;
        for (query, there, missing) in [
            ("subject=loan", "Created as model loan", "Created as model other"),
            ("subject=loan/2", "registered, files: 1", "Created as model loan"),
            ("subject=model/loan/2", "registered, files", "Created as model loan"),
            ("kind=model", "Created as model other", "registered, files"),
            ("kind=version.registered", "registered, files", "Created as model"),
            ("refusals=1", "Refused to edit-model: access_denied", "Created as model"),
            ("actor=model-auditor", "Refused to edit-model", "Created as model"),
            ("actor=nobody-at-all", "No entry matches.", "Created as model"),
            ("door=pages", "Entries that match", "Created as model loan"),
            ("from=2026-06-02", "registered, files", "Created as model loan"),
            ("until=2026-06-01&subject=loan", "Created as model loan", "Tuesday 2 June"),
            ("as_of=0", "started in mode enforce", "Created as"),
        ] {
            let seen = auditor.get(&format!("/ledger?{query}")).await;
            let text = words(&seen.text);
            assert!(seen.status == 200 && text.contains(there) && !text.contains(missing), "{query}: {text}");
        }
        for (query, message) in [
            ("subject=no-such", "No model or version is called `no-such`."),
            ("subject=loan/x", "No model or version is called `loan/x`."),
            ("from=yesterday", "From must be a day such as 2026-11-21"),
            ("door=window", "Door `window` is not known."),
        ] {
            let seen = auditor.get(&format!("/ledger?{query}")).await;
            assert!(seen.status == 422 && words(&seen.text).contains(message), "{query}: {}", seen.text);
            let kept = query.split('=').nth(1).unwrap();
            assert!(query.starts_with("door") || seen.text.contains(&format!("value=\"{kept}\"")), "the filter is kept: {}", seen.text);
        }
    }

    async fn a_long_ledger_has_a_next_page(app: &TestApp) {
        let cast = app.cast().await;
        for number in 0..55 {
            cast.scientist.model(&format!("model-{number:02}"), "minimal").await;
        }
        let auditor = auditor(app).await;
        let first = auditor.get("/ledger?kind=model.created").await;
        assert!(first.text.contains("model-54") && !first.text.contains("model-04"), "{}", first.text);
        let next = first.text.split("href=\"").filter(|part| part.contains("before=")).map(|part| part.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&")).next();
        let second = auditor.get(&next.expect("a link to the next page")).await;
        assert!(second.text.contains("model-04") && !second.text.contains("model-05") && !second.text.contains("before="), "{}", second.text);
    }

    async fn who_reads_models_is_shown_their_entries_and_told_that_others_are_hidden(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        let viewer = person(app, "vera", &["viewer"]).await;
        let seen = viewer.get("/ledger").await;
        let text = words(&seen.text);
        assert!(text.contains("Created as model loan") && text.contains("are hidden from you: they need the auditor role"), "{text}");
        for hidden in ["Token issued", "Password set", "Registry"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        app.app.sign_checkpoint().await.unwrap();
        let of_model = newest(app, "model.created").await;
        let seen = viewer.get(&format!("/ledger/{of_model}")).await;
        assert!(seen.status == 200 && words(&seen.text).contains("The stored bytes, which the check needs, are shown to auditors"), "{}", seen.text);
        assert_eq!(viewer.get(&format!("/ledger/{of_model}/entry")).await.status, 403);
        // An entry that he may not read and one that is not there are the same to him.
        let of_token = newest(app, "token.issued").await;
        let (hidden, absent) = (viewer.get(&format!("/ledger/{of_token}")).await, viewer.get("/ledger/999999").await);
        assert_eq!((hidden.status, absent.status), (404, 404));
        assert_eq!(words(&hidden.text).replace(&of_token.to_string(), "N"), words(&absent.text).replace("999999", "N"));
    }

    async fn an_entry_names_no_model_that_the_reader_may_not_read(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        app.team("treasury").await;
        let treasurer = app.user("treasurer", &["owner@team:treasury"]).await;
        let body = json!({"name": "secret", "risk_tier": "high", "classification": "restricted", "ownership": {"owning_team": "treasury"}});
        treasurer.post("/api/v1/models", body).await.expect(201);
        let hidden = app.admin.get("/api/v1/models/secret").await.expect(200)["id"].as_str().unwrap().to_owned();
        let risk = json!({"title": "of both", "category": "fairness", "severity": "low", "likelihood": "possible", "models": ["loan", "secret"]});
        cast.security.post("/api/v1/risks", risk).await.expect(201);
        let viewer = person(app, "vera", &["viewer"]).await;
        let mut told = 0;
        for index in 0..app.size().await {
            let seen = viewer.get(&format!("/ledger/{index}")).await;
            assert!(!seen.text.contains(&hidden), "entry {index}: {}", seen.text);
            told += usize::from(seen.text.contains("a record that you may not read"));
        }
        assert_eq!(told, 1, "the risk is linked to two models, and its reader may read one");
        assert!(!viewer.get("/ledger").await.text.contains(&hidden));
    }

    async fn one_entry_shows_its_words_its_members_and_what_people_wrote(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        let body = json!({"risk_tier": "high", "reason": "<b>it decides</b> about people"});
        cast.governance.post("/api/v1/models/loan/risk-tier", body).await;
        app.app.sign_checkpoint().await.unwrap();
        let auditor = auditor(app).await;
        let index = newest(app, "model.created").await;
        let seen = auditor.get(&format!("/ledger/{index}")).await;
        let text = words(&seen.text);
        assert!(seen.status == 200 && text.contains("Created as model loan, risk tier unclassified"), "{text}");
        assert!(text.contains("RFC 8785 JSON") && text.contains("Not checked yet in this browser."), "{text}");
        assert!(!seen.text.contains("<b>it decides"), "{}", seen.text);
        assert!(seen.text.contains("src=\"/assets/verify.js\""), "{}", seen.text);
        for inline in ["<script>", " onclick=", " style="] {
            assert!(!seen.text.contains(inline), "{inline}");
        }
    }

    async fn the_files_of_an_entry_prove_it(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        app.app.sign_checkpoint().await.unwrap();
        let auditor = auditor(app).await;
        let index = newest(app, "model.created").await;
        let entry = auditor.get(&format!("/ledger/{index}/entry")).await;
        let stored = app.admin.get(&format!("/api/v1/ledger/entries/{index}")).await;
        assert_eq!((entry.status, entry.text.as_bytes()), (200, stored.bytes.as_slice()));
        assert!(entry.header("content-disposition").starts_with("attachment"), "{:?}", entry.headers);
        let proof: LogProof = auditor.get(&format!("/ledger/{index}/proof")).await.text.parse().unwrap();
        let key: Verifier = auditor.get("/log/key").await.text.trim().parse().unwrap();
        assert!(proof.verify(entry.text.as_bytes(), &key).unwrap().size > index);
        assert!(proof.verify(entry.text.replace("loan", "lean").as_bytes(), &key).is_err(), "a changed entry");
        let script = auditor.get("/assets/verify.js").await;
        assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    }
}
