//! Every route of the program, read from the router that serves: whatever is added anywhere needs a credential, or stands in a list.

use std::collections::BTreeSet;

use chancery::http::ui::{self, Visitor};

use crate::support::TestApp;
use crate::support::app::{Database, run};

/// Verbs that a route may answer.
const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The paths of a router. It lists them only where it describes itself for debugging, as `RouteId(7): "/healthz"`.
fn paths(description: &str) -> BTreeSet<String> {
    // Behind its routes it describes what answers where there is none.
    let routes = description.split("fallback_router").next().unwrap();
    let quoted = routes.split("RouteId(").filter_map(|rest| rest.split_once("): \"")).filter(|(id, _)| id.bytes().all(|byte| byte.is_ascii_digit()));
    quoted.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// A path with something well-formed in the place of each parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{version}" | "{a}" | "{b}" | "{index}" | "{number}" | "{level}" | "{part}" => "1",
        "{digest}" => "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        part if part.starts_with('{') => "x",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Whether anybody may open a page; the list of pages says so.
fn is_open_page(verb: &str, path: &str) -> bool {
    ui::routes().iter().any(|(known, page, visitor)| *known == verb && *page == path && *visitor == Visitor::Anybody)
}

#[test]
fn the_paths_of_a_router_are_found_in_its_description() {
    let router: axum::Router = axum::Router::new().route("/a", axum::routing::get(|| async {})).route("/b/{c}", axum::routing::post(|| async {}));
    let router = axum::Router::new().merge(router).route("/d", axum::routing::get(|| async {})).layer(axum::extract::DefaultBodyLimit::max(1));
    assert_eq!(paths(&format!("{router:?}")).into_iter().collect::<Vec<_>>(), ["/a", "/b/{c}", "/d"]);
}

#[test]
fn every_route_of_the_program_needs_a_credential_or_is_listed() {
    run(Database::Sqlite, async |app: &TestApp| {
        let all = paths(&format!("{:?}", chancery::http::router(app.app.clone())));
        // Neither is the description empty, nor does a part of the program hide from it.
        let document = app.anonymous.get("/api/v1/openapi.json").await.expect(200);
        let plain = |path: &str| path.replace("{*", "{");
        let known: BTreeSet<String> = all.iter().map(|path| plain(path)).collect();
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(known.contains(path), "`{path}` is in the document and not in the router");
        }
        let elsewhere = chancery::http::mlflow::routes().into_iter().map(|(_, path)| path);
        let elsewhere = elsewhere.chain(chancery::http::mlflow::artifacts::routes().into_iter().map(|route| route.path));
        let elsewhere = elsewhere.chain(ui::routes().into_iter().map(|(_, path, _)| path.to_owned()));
        for path in elsewhere.chain(chancery::http::ANONYMOUS.iter().map(|path| (*path).to_owned())) {
            assert!(all.contains(&path), "`{path}` is listed and not in the router");
        }
        // As a browser on a page of this server would ask, so that a form is refused for the want of a session alone; and told where it is sent to.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut open = Vec::new();
        let mut refused = 0;
        for path in all.iter().filter(|path| !chancery::http::ANONYMOUS.contains(&path.as_str())) {
            for verb in VERBS {
                if is_open_page(verb, path) {
                    continue;
                }
                let verb = reqwest::Method::from_bytes(verb.as_bytes()).unwrap();
                let asked = client.request(verb.clone(), format!("{}{}", app.address, filled(path))).header("origin", &app.address);
                let answer = asked.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
                let to_login = answer.headers().get("location").is_some_and(|place| place.to_str().unwrap().starts_with("/login"));
                match answer.status().as_u16() {
                    405 => {}
                    401 => refused += 1,
                    303 if to_login => refused += 1,
                    other => open.push(format!("{verb} {path}: {other}")),
                }
            }
        }
        assert!(open.is_empty(), "answered to somebody without a credential: {open:#?}");
        assert!(refused > 150, "routes were lost: {refused}");
    });
}
