//! Forms that were not sent by a page of ours, in the session of whoever sends them: every one of them is refused, and nothing is recorded.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use super::visits::shape;
use super::world::World;
use crate::support::TestApp;
use crate::support::browser::{Browser, Seen, encoded};

/// Forms of somebody who is not logged in: they have no token of a session.
const BEFORE_A_SESSION: &[&str] = &["/login", "/password"];
/// Forms that may be sent twice without harm, and so have no idempotency key.
const WITHOUT_KEY: &[&str] = &["/login", "/password", "/logout"];

/// Fields that say what a form was made of.
const MARKS: &[&str] = &["revision", "evidence_set", "replaces"];
/// Routes that must at least have such a field.
const LEAST_MARKED: usize = 3;

/// A path of a route; every parameter has a value that its type takes.
fn path(world: &World, pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('/').collect();
    let value = |index: usize| match (parts.get(index - 1).copied().unwrap_or_default(), index) {
        ("models", _) => "loan".to_owned(),
        ("promotions", _) => world.promotion("open").to_owned(),
        ("exceptions", _) => world.exception("asked").to_owned(),
        ("risks", _) => world.risk.clone(),
        ("people" | "users", _) => "reader".to_owned(),
        ("teams", _) => "credit".to_owned(),
        ("tokens", _) => world.token.clone(),
        ("bundles", _) => world.bundle.clone(),
        ("evidence", _) => world.evidence[0].clone(),
        ("rules", _) => "entry.complete".to_owned(),
        (_, 3) => "3".to_owned(),
        _ => "1".to_owned(),
    };
    let filled = parts.iter().enumerate().map(|(index, part)| if part.starts_with('{') { value(index) } else { (*part).to_owned() });
    filled.collect::<Vec<_>>().join("/")
}

/// How a form is sent by somebody who should not.
enum Sender<'a> {
    /// By a page of ours, with this token of a session.
    Ours(Option<&'a str>),
    /// By a page of another origin, with the right token.
    Origin(&'static str, &'a str),
    /// By something that does not say where it comes from.
    Silent(&'a str),
    /// As a type that forms of other pages may have.
    Typed(&'static str, &'a str),
}

async fn send(browser: &Browser, path: &str, sender: &Sender<'_>) -> Seen {
    let (origin, kind, csrf) = match sender {
        Sender::Ours(csrf) => (Some(browser.address.as_str()), "application/x-www-form-urlencoded", *csrf),
        Sender::Origin(origin, csrf) => (Some(*origin), "application/x-www-form-urlencoded", Some(*csrf)),
        Sender::Silent(csrf) => (None, "application/x-www-form-urlencoded", Some(*csrf)),
        Sender::Typed(kind, csrf) => (Some(browser.address.as_str()), *kind, Some(*csrf)),
    };
    let fields: Vec<(&str, &str)> = csrf.iter().map(|csrf| ("csrf", *csrf)).collect();
    let mut request = browser.request(Method::POST, path).header("Content-Type", kind).body(encoded(&fields));
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    browser.see(request).await
}

/// Sends every form as none of our pages does.
pub(super) async fn refuse_what_is_not_ours(app: &TestApp, world: &World, routes: &[(&str, &str)]) {
    let (browser, other) = (app.browser("registrar").await, app.browser("model-owner").await);
    let own = browser.get("/account").await.field("csrf");
    let foreign = other.get("/account").await.field("csrf");
    let size = app.size().await;
    for (_, pattern) in routes.iter().filter(|(verb, _)| *verb == "POST") {
        let path = path(world, pattern);
        let token = "this form does not belong to your session";
        let origin = "this form was not sent by a page of this server";
        let mut senders = vec![
            (Sender::Origin("https://attacker.example", &own), origin),
            (Sender::Origin("null", &own), origin),
            (Sender::Silent(&own), origin),
            (Sender::Typed("text/plain", &own), "a form must come as"),
        ];
        if !BEFORE_A_SESSION.contains(pattern) {
            senders.extend([(Sender::Ours(None), token), (Sender::Ours(Some("")), token), (Sender::Ours(Some(&foreign)), token)]);
        }
        for (sender, words) in senders {
            let seen = send(&browser, &path, &sender).await;
            assert!(seen.status == 403 && seen.text.to_lowercase().contains(words), "{pattern}: {} {}", seen.status, seen.text);
        }
    }
    assert_eq!(app.size().await, size, "a form that is not ours was recorded");
    assert_eq!(browser.get("/account").await.status, 200, "a form that is not ours ended the session");
}

/// Every form that the pages showed leads to a route and carries what it must; every route that takes a form was led to.
pub(super) fn lead_somewhere(found: &Value, routes: &[(&str, &str)]) {
    let mut reached: BTreeMap<&str, usize> = routes.iter().filter(|(verb, _)| *verb == "POST").map(|(_, pattern)| (*pattern, 0)).collect();
    for form in found["forms"].as_array().unwrap() {
        let action = form["action"].as_str().unwrap();
        let Some(pattern) = reached.keys().copied().find(|pattern| fits(pattern, action)) else { panic!("{form} leads nowhere") };
        *reached.get_mut(pattern).unwrap() += 1;
        let has = |name: &str| form["fields"].as_array().unwrap().iter().any(|field| field["name"] == name && field["value"] != "");
        assert!(has("csrf") || BEFORE_A_SESSION.contains(&pattern), "a form has no token of the session: {form}");
        assert!(has("key") || WITHOUT_KEY.contains(&pattern), "a form has no idempotency key: {form}");
    }
    let dead: Vec<&str> = reached.into_iter().filter(|(_, times)| *times == 0).map(|(pattern, _)| pattern).collect();
    assert!(dead.is_empty(), "no page that was looked at has a form for {dead:?}: add a visit that shows it");
}

/// Whether a path is of a route. A route with fewer parameters goes first.
fn fits(pattern: &str, path: &str) -> bool {
    let (shape, path): (String, Vec<&str>) = (shape(pattern), path.split('/').collect());
    let parts: Vec<&str> = shape.split('/').collect();
    parts.len() == path.len() && parts.iter().zip(path).all(|(part, value)| *part == "{}" || *part == value)
}

/// What a form is sent with when somebody fills in what he must.
fn filled(form: &Value) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut chosen = Vec::new();
    for field in form["fields"].as_array().unwrap() {
        let text = |name: &str| field[name].as_str().unwrap().to_owned();
        let (name, kind, mut value) = (text("name"), text("kind"), text("value"));
        match kind.as_str() {
            "hidden" => {}
            "radio" if chosen.contains(&name) => continue,
            "radio" => chosen.push(name.clone()),
            "checkbox" => continue,
            // One button is pressed: the last.
            "submit" => fields.retain(|(known, _)| *known != name),
            "textarea" if value.is_empty() => value = "text".to_owned(),
            "select-one" => {
                let options = field["options"].as_array().unwrap();
                value = options.iter().map(|option| option.as_str().unwrap()).find(|option| !option.is_empty()).unwrap_or_default().to_owned();
            }
            "date" if field["required"] == true => value = "2026-07-01".to_owned(),
            _ if field["required"] == true && value.is_empty() => value = "text".to_owned(),
            _ => {}
        }
        fields.push((name, value));
    }
    fields
}

/// Every form that carries what it was made of is refused when that has moved: nothing is recorded, and what was typed is still there.
pub(super) async fn refuse_what_is_stale(app: &TestApp, found: &Value, people: &Value, routes: &[(&str, &str)]) {
    let mut tried = std::collections::BTreeSet::new();
    for form in found["forms"].as_array().unwrap() {
        let action = form["action"].as_str().unwrap();
        let mut fields = filled(form);
        let Some(mark) = fields.iter().position(|(name, _)| MARKS.contains(&name.as_str())) else { continue };
        let pattern = routes.iter().find(|(verb, pattern)| *verb == "POST" && fits(pattern, action)).unwrap().1;
        if !tried.insert(pattern) {
            continue;
        }
        let value = &mut fields[mark].1;
        *value = if value.bytes().all(|byte| byte.is_ascii_digit()) { "4096".to_owned() } else { moved(value) };
        let browser = Browser::new(&app.address);
        let cookie = &people[form["person"].as_str().unwrap()];
        browser.plant(cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
        let size = app.size().await;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let seen = browser.post(action, &fields).await;
        assert!(matches!(seen.status, 409 | 412), "{form}: {} {}", seen.status, seen.text);
        assert!(seen.text.contains("n-warn"), "{form} does not say that something changed: {}", seen.text);
        for (name, value) in fields.iter().filter(|(_, value)| *value == "text") {
            assert!(seen.text.contains(value), "{name} of {form} is not kept: {}", seen.text);
        }
        assert_eq!(app.size().await, size, "{form} was recorded");
    }
    assert!(tried.len() >= LEAST_MARKED, "only {tried:?} carry what they were made of");
}

/// A digest, or anything else, with another digit.
fn moved(value: &str) -> String {
    let last = if value.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", value.get(..value.len() - 1).unwrap())
}
