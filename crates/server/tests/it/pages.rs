//! Every page in a real browser: accessible in both themes and at every width, quiet, at home on this server, and whole without a script.
//!
//! The list of routes is the program's own: one that has no fixture fails.

mod areas;
mod forms;
mod journey;
mod texts;
mod visits;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use chancery::http::ui::routes;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{Database, run};
use crate::support::browser::Browser;
use crate::support::chromium::drive;
use texts::Texts;
use visits::{Fixture, Visit, fixture};
use world::{PEOPLE, World, world};

/// Most bytes of a page (the stylesheet apart).
const BUDGET: usize = 60 * 1_024;

/// What a page shows when it shows hostile text as text.
const FOREIGN: &str = "<script>alert(";
/// Pages that must at least have shown it.
const LEAST_FOREIGN: usize = 12;

/// The routes: verb and path.
fn list() -> Vec<(&'static str, &'static str)> {
    routes().into_iter().map(|(verb, path, _)| (verb, path)).collect()
}

/// Everything that is opened, pages and bytes.
fn visits(world: &World) -> (Vec<Visit>, Vec<Visit>) {
    let (mut pages, mut bytes) = (Vec::new(), Vec::new());
    let mut without = Vec::new();
    for (_, pattern) in list().into_iter().filter(|(verb, _)| *verb == "GET") {
        match fixture(world, pattern) {
            Some(Fixture::Page(visits)) => pages.extend(visits),
            Some(Fixture::Bytes(visits)) => bytes.extend(visits),
            None => without.push(pattern),
        }
    }
    assert!(without.is_empty(), "write a fixture in pages/visits.rs or pages/areas.rs for {without:?}");
    (pages, bytes)
}

/// How the rules of accessibility look at each page of a registry.
fn looks(texts: Texts) -> Value {
    match texts {
        // All rules at both widths, and in each other theme those about colours: nothing else of a page changes with it.
        Texts::Ordinary => json!([[1280, "light"], [1280, "dark", ["color-contrast"]], [390, "dark"], [390, "light", ["color-contrast"]]]),
        // What is foreign has no colours of its own.
        Texts::Hostile => json!([[390, "light"]]),
    }
}

/// Sessions of the people of the world; the newcomer has no role any more.
async fn people(app: &TestApp) -> Value {
    let people = app.sessions(PEOPLE).await;
    app.admin.put("/api/v1/users/newcomer/roles", json!({"roles": []})).await.expect(200);
    people
}

/// Looking is no entry; what somebody may not see is.
async fn only_refusals_since(app: &TestApp, size: u64) {
    for index in size..app.size().await {
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{index}")).await.expect(200);
        assert!(entry["kind"].as_str().unwrap().starts_with("refus"), "a look was recorded: {entry}");
    }
}

/// Walks all pages in the browser.
async fn walked(app: &TestApp, texts: Texts) {
    let world = world(app, texts).await;
    let (pages, _) = visits(&world);
    let people = people(app).await;
    let asked: Vec<Value> = pages.iter().map(|visit| json!({"path": visit.path, "person": visit.person, "status": visit.status})).collect();
    let size = app.size().await;
    let (fine, found) = app.drive("walk.mjs", json!({"people": &people, "visits": asked, "budget": BUDGET, "looks": looks(texts), "foreign": FOREIGN})).await;
    println!("{} pages, the largest: {}, {} s: {}", pages.len(), found["largest"], found["seconds"], found["spent"]);
    let problems: Vec<&str> = found["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap()).collect();
    assert!(fine && problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(found["seen"].as_array().unwrap().len(), pages.len(), "not every page was seen to its end");
    only_refusals_since(app, size).await;
    match texts {
        Texts::Ordinary => {
            forms::lead_somewhere(&found, &list());
            forms::refuse_what_is_stale(app, &found, &people, &list()).await;
        }
        // Otherwise nothing hostile was looked at.
        Texts::Hostile => assert!(found["foreign"].as_array().unwrap().len() >= LEAST_FOREIGN, "shown on few pages: {}", found["foreign"]),
    }
}

/// Opens all pages without a browser, and sends all forms as nobody should.
async fn answered(app: &TestApp) {
    let world = world(app, Texts::Ordinary).await;
    let (pages, bytes) = visits(&world);
    let nobody = Browser::new(&app.address);
    let mut browsers = BTreeMap::from([("".to_owned(), nobody)]);
    for (name, cookie) in people(app).await.as_object().unwrap() {
        let browser = Browser::new(&app.address);
        browser.plant(cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
        browsers.insert(name.clone(), browser);
    }
    for visit in bytes {
        let seen = browsers[visit.person].get(&visit.path).await;
        assert_eq!(seen.status, visit.status, "{}", visit.path);
        assert!(!seen.header("content-type").starts_with("text/html"), "{} is a page", visit.path);
    }
    let mut wrong = Vec::new();
    let mut opened = BTreeSet::new();
    for visit in pages {
        let mut seen = browsers[visit.person].get(&visit.path).await;
        for _ in 0..3 {
            if !(300..400).contains(&seen.status) {
                break;
            }
            let to = seen.location().to_owned();
            seen = browsers[visit.person].get(&to).await;
        }
        let policy = seen.header("content-security-policy").to_owned();
        if seen.status != visit.status || seen.text.len() > BUDGET || !policy.starts_with("default-src 'none'") || !seen.text.contains("<h1") {
            wrong.push(format!("{visit:?}: {} with {} bytes, {policy}", seen.status, seen.text.len()));
        }
        // The API takes no cookie, so that a link to it leads nowhere.
        if seen.text.replace("href=\"/api/v1/docs\"", "").contains("href=\"/api/") {
            wrong.push(format!("{visit:?} links to the API"));
        }
        // The same as JSON, and files: what somebody is led to is his to read, and never a page.
        let said = if visit.status == 200 { seen.text.as_str() } else { "" };
        for rest in said.split("href=\"/open/").skip(1) {
            let path = format!("/open/{}", rest.split('"').next().unwrap().replace("&#38;", "&"));
            if opened.insert((visit.person, path.clone())) {
                let answer = browsers[visit.person].get(&path).await;
                if answer.status != 200 || answer.header("content-type").starts_with("text/html") {
                    wrong.push(format!("{visit:?} leads to {path}: {} {}", answer.status, answer.text.chars().take(200).collect::<String>()));
                }
            }
        }
    }
    assert!(opened.len() > 40, "{opened:?}");
    // Where there is no page, a browser is shown one that says so.
    let nobody = &browsers[""];
    let seen = nobody.see(nobody.request(reqwest::Method::GET, "/nonsense").header("Accept", "text/html,*/*;q=0.8")).await;
    assert!(seen.status == 404 && seen.header("content-type").starts_with("text/html") && seen.text.contains("<h1"), "{} {}", seen.status, seen.text);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    forms::refuse_what_is_not_ours(app, &world, &list()).await;
}

/// A page with one of every fault that the walk looks for.
const BAD: &str = r#"<!doctype html><html><head><title>Bad</title></head><body><main><h1>Bad</h1><p style="color:#ccc;background:#fff">pale</p>
<img src="https://attacker.example/x.png"><input><div style="width:2000px">wide</div><button onclick="x()"></button><p>a&#x202e;b</p>
<script>document.querySelector('main').append('more'); console.error('loud'); alert('stored'); nothing()</script></main></body></html>"#;

#[tokio::test]
async fn the_walk_sees_what_is_wrong_with_a_page() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bad =
        axum::Router::new().route("/bad", axum::routing::get(|| async { axum::response::Html(BAD) })).fallback(|| async { (StatusCode::NOT_FOUND, "nothing") });
    let server = tokio::spawn(async { axum::serve(listener, bad).await });
    let visits = json!([{"path": "/bad", "person": "", "status": 200}, {"path": "/none", "person": "", "status": 200}]);
    let asked = json!({"people": {}, "visits": visits, "budget": 100, "looks": looks(Texts::Ordinary), "foreign": FOREIGN});
    let (fine, found) = drive(&address, "walk.mjs", asked).await;
    server.abort();
    let problems = found["problems"].to_string();
    assert!(!fine);
    for expected in [
        "1280 light: html-has-lang",
        "390 dark: color-contrast",
        "image-alt",
        "label:",
        "button-name",
        "scrolls sideways at 1280",
        "scrolls sideways at 320",
        "the console says: loud",
        "a dialog opened: stored",
        "a script broke: nothing is not defined",
        "it asks https://attacker.example/x.png",
        "other text without a script",
        "a script that is not ours",
        "an element that no page has",
        "the attribute onclick",
        "a character that deceives, 202e",
        "the attribute style",
        "a link that leads elsewhere",
        "bytes are more than 100",
        "/none as : status 404 instead of 200",
    ] {
        assert!(problems.contains(expected), "{expected} was not seen in {problems}");
    }
}

mod sqlite {
    use super::*;

    #[test]
    fn every_page_is_accessible_quiet_and_whole() {
        run(Database::Sqlite, async |app| walked(app, Texts::Ordinary).await);
    }

    #[test]
    fn hostile_text_in_every_field_is_text_on_every_page() {
        run(Database::Sqlite, async |app| walked(app, Texts::Hostile).await);
    }

    #[test]
    fn every_page_answers_and_no_form_of_others_is_taken() {
        run(Database::Sqlite, async |app| answered(app).await);
    }

    #[test]
    fn people_release_a_version_and_go_back_in_the_browser() {
        run(Database::Sqlite, async |app| journey::told(app).await);
    }
}

mod postgres {
    use super::*;

    #[test]
    fn every_page_answers_and_no_form_of_others_is_taken() {
        run(Database::Postgres, async |app| answered(app).await);
    }

    #[test]
    fn people_release_a_version_and_go_back_in_the_browser() {
        run(Database::Postgres, async |app| journey::told(app).await);
    }
}
