//! Who may call what: every operation × every role × where the role is held, as one table that a reviewer reads (`docs/security/matrix.md`).
//!
//! Which action an operation asks for is found out from the running router: somebody without the right calls it, and the refusal names the
//! action. What a role allows is asked of the access policies. That operations decide on the model that they are about is then tried: with
//! every role in another team, no operation changes anything.

use std::collections::BTreeMap;

use chancery_core::access::resource::{Reach, reach};
use chancery_core::access::{AccessClass, Action, Actor, Circumstances, Grant, Policies, Resource};
use chancery_core::actor::ActorKind;
use chancery_core::entry::Door;
use chancery_core::names::{ActorId, ModelId};

use crate::guards::{fixture, operations, world};
use crate::support::app::{Database, run};
use crate::support::{Answer, TestApp};

/// Roles of the table, in the order of its columns.
const ROLES: [&str; 9] = ["viewer", "contributor", "owner", "approver:product", "approver:ai-governance", "deployer", "incident", "auditor", "administrator"];
/// Operations that are a caller's own matter, whoever's models there are: somebody with a role anywhere may do them.
const OWN: [&str; 3] = ["delegation_give", "key_add", "own_token_issue"];

const HEAD: &str = "# Who may call what

Written by `tests/it/matrix.rs` from the running router and the shipped access policies (`CHANCERY_UPDATE_SNAPSHOTS=1` writes it; a test fails when
it is old). Read a row so: who has the role

- `R` in the whole registry,
- `T` in the team that owns the model,
- `M` on the model itself,
- `O` in another team

may call the operation; `–` nobody with the role may. What belongs to no model (settings, users, policies, the ledger) has only `R`. `any` stands for
one's own matters, for which a role anywhere is enough. Classifications and access policies of the organisation take from this, rules of
promotions (who made a version does not approve it) too; `chancery can-i` answers for one person and one model.

";

fn actor(grant: &str) -> Actor {
    let id = ActorId::parse(&format!("u{:0>32}", 1)).unwrap();
    Actor { id, kind: ActorKind::Person, roles: vec![Grant::parse(grant).unwrap()], teams: vec![], delegated: vec![], access_revision: 0 }
}

/// Where the role allows the action.
fn cell(role: &str, action: Action) -> String {
    let policies = Policies::shipped();
    let model = ModelId::parse(&format!("m{:0>32}", 1)).unwrap();
    let class = AccessClass { model: Some(model.clone()), ..AccessClass::parse("owning/high/internal/model/no").unwrap() };
    let grants = [("R", role.to_owned()), ("T", format!("{role}@team:owning")), ("M", format!("{role}@model:{model}")), ("O", format!("{role}@team:other"))];
    let circumstances = Circumstances::at(Door::Api);
    let may = |grant: &str| match reach(action) {
        Reach::Registry => policies.decide(&actor(grant), action, &Resource::Registry, &circumstances).allowed,
        Reach::Own => policies.admits(&actor(grant), action, &circumstances),
        Reach::Models => {
            let on = |action| policies.decide(&actor(grant), action, &Resource::Model(class.clone()), &circumstances).allowed;
            on(Action::Read) && on(action)
        }
    };
    let places: Vec<&str> = grants.iter().filter(|(_, grant)| may(grant)).map(|(letter, _)| *letter).collect();
    match places.as_slice() {
        [] => "–".to_owned(),
        ["R", "T", "M", "O"] => "any".to_owned(),
        places => places.join(" "),
    }
}

/// The action that a refusal names.
fn refused_action(answer: &Answer) -> Option<Action> {
    let text = String::from_utf8_lossy(&answer.bytes);
    let word = text.split("action `").nth(1)?.split('`').next()?;
    (answer.status == 403).then(|| Action::parse(word).unwrap())
}

/// Every operation with the action that it asks for.
async fn asked(app: &TestApp) -> BTreeMap<(String, String), Action> {
    let world = world(app).await;
    let (nobody, reader) = (app.user("nobody", &[]).await, app.user("only-reads", &["viewer"]).await);
    let mut found = BTreeMap::new();
    for (number, operation) in operations(app).await.into_iter().enumerate() {
        if chancery::http::ANONYMOUS.contains(&operation.path.as_str()) {
            continue;
        }
        if number % 20 == 0 {
            app.advance(60);
            app.app.record_suppressed().await.unwrap();
        }
        let first = nobody.call(&operation.method, &operation.filled()).send().await;
        let mut action = refused_action(&first).unwrap_or_else(|| panic!("{operation:?}: {} {}", first.status, String::from_utf8_lossy(&first.bytes)));
        // What only asks to read at the door can ask for more behind it: somebody who only reads finds out.
        if operation.effect == "entry" && action == Action::Read {
            let (_, path, body) = fixture(&world, &operation.id).unwrap_or_else(|| panic!("write a fixture for `{}`", operation.id));
            let call = reader.call(&operation.method, &path);
            let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
            action = refused_action(&answer).unwrap_or(action);
        }
        found.insert((operation.path.clone(), operation.method.clone()), action);
    }
    let artifacts = chancery::http::mlflow::artifacts::routes().into_iter().map(|route| (route.method.to_string(), route.path));
    let registry = chancery::http::mlflow::routes().into_iter().map(|(verb, path)| (verb.to_string(), path));
    for (number, (method, path)) in artifacts.chain(registry).enumerate() {
        if chancery::http::ANONYMOUS.contains(&path.as_str()) || path.starts_with("/ajax-api") {
            continue;
        }
        if number % 20 == 0 {
            app.advance(60);
            app.app.record_suppressed().await.unwrap();
        }
        let filled = path.replace("{*path}", "a").replace("{upload}", "x").replace("{part}", "1");
        let answer = nobody.call(&method, &filled).send().await;
        let action = refused_action(&answer).unwrap_or_else(|| panic!("{method} {path}: {}", answer.status));
        found.insert((path, method), action);
    }
    found
}

fn table(asked: &BTreeMap<(String, String), Action>) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## Operations\n\nThe twins of MLflow's routes under `/ajax-api` ask for the same actions.\n\n| operation | action |\n| --- | --- |\n");
    for ((path, method), action) in asked {
        text.push_str(&format!("| `{method} {path}` | {action} |\n"));
    }
    text.push_str(&format!("\n## Actions\n\n| action | {} |\n| --- {}|\n", ROLES.join(" | "), "| --- ".repeat(ROLES.len())));
    for action in Action::ALL {
        let cells: Vec<String> = ROLES.iter().map(|role| cell(role, *action)).collect();
        text.push_str(&format!("| {action} | {} |\n", cells.join(" | ")));
    }
    text.push_str(&format!("\n## Both\n\n| operation | {} |\n| --- {}|\n", ROLES.join(" | "), "| --- ".repeat(ROLES.len())));
    for ((path, method), action) in asked {
        let cells: Vec<String> = ROLES.iter().map(|role| cell(role, *action)).collect();
        text.push_str(&format!("| `{method} {path}` | {} |\n", cells.join(" | ")));
    }
    text
}

#[test]
fn the_matrix_of_roles_actions_and_ownership_is_what_was_reviewed() {
    run(Database::Sqlite, async |app: &TestApp| {
        let text = table(&asked(app).await);
        crate::guards::check_path("../../docs/security/matrix.md", &text);
    });
}

/// With every role in another team, no operation that has an effect changes a model of this one, or anything that belongs to no team.
#[test]
fn every_operation_decides_on_the_model_that_it_is_about() {
    run(Database::Sqlite, async |app: &TestApp| {
        // Before there is a second administrator, who would have to agree to such roles.
        app.team("elsewhere").await;
        let roles: Vec<String> = ROLES.iter().map(|role| format!("{role}@team:elsewhere")).collect();
        let stranger = app.user("stranger", &roles.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let world = world(app).await;
        let mut open = Vec::new();
        for (number, operation) in operations(app)
            .await
            .into_iter()
            .filter(|operation| operation.effect == "entry" && !chancery::http::ANONYMOUS.contains(&operation.path.as_str()))
            .enumerate()
        {
            if number % 20 == 0 {
                app.advance(60);
                app.app.record_suppressed().await.unwrap();
            }
            let Some((_, path, body)) = fixture(&world, &operation.id) else { panic!("write a fixture for `{}`", operation.id) };
            let call = stranger.call(&operation.method, &path);
            let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
            if answer.status < 400 && !OWN.contains(&operation.id.as_str()) {
                open.push(format!("{} {path}: {}", operation.id, answer.status));
            }
        }
        assert!(open.is_empty(), "done by somebody of another team: {open:#?}");
    });
}
