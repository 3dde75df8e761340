//! Actors and tokens: who is given which role, and by whom.

use super::*;
use crate::tables::{CredentialRow, TokenRow};
use crate::testing::*;

fn token(last: &str) -> TokenId {
    TokenId::parse(&format!("t{last:0>32}")).unwrap()
}

fn roles(id: &ActorId, words: &[&str]) -> Command {
    Command::SetRoles { id: id.clone(), roles: words.iter().map(|word| Grant::parse(word).unwrap()).collect() }
}

fn issue(world: &World, id: &TokenId, actor: &ActorId, seconds: i64) -> Command {
    Command::IssueToken(Box::new(token::Issue {
        token: id.clone(),
        actor: actor.clone(),
        secret: Digest::of(id.as_str().as_bytes()),
        expires_at: world.now().plus_seconds(seconds),
        limits: crate::access::Limits::default(),
        by: token::Issuer::Administrator,
    }))
}

/// Alice administers, Bob reads, Carol's access ended.
fn world() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["viewer"]));
    world.ok(&alice(), create_actor(&carol(), ActorKind::Person, "carol", &[]));
    world.ok(&alice(), Command::Deactivate { id: carol() });
    world
}

#[test]
fn every_command_changes_what_it_says() {
    let mut world = world();
    assert_eq!(world.row::<ActorRow>(&[&bob()]).unwrap().roles, serde_json::json!(["viewer"]));
    assert!(!world.row::<ActorRow>(&[&carol()]).unwrap().active);
    let commands = [
        roles(&bob(), &["owner", "approver:security"]),
        issue(&world, &token("1"), &bob(), 60),
        Command::RevokeToken { token: token("1"), whose: key::Whose::Other },
    ];
    for command in commands {
        let index = world.ok(&alice(), command)[0].index;
        let access = world.row::<crate::tables::SettingRow>(&[&registry::ACCESS]).unwrap();
        assert_eq!(access.revision, index, "every change moves the access revision");
    }
    assert_eq!(world.row::<ActorRow>(&[&bob()]).unwrap().roles, serde_json::json!(["owner", "approver:security"]));
    let row = world.row::<TokenRow>(&[&token("1")]).unwrap();
    assert_eq!((row.actor_id, row.revoked), (bob(), true));
    assert_eq!(world.row::<CredentialRow>(&[&Digest::of(token("1").as_str().as_bytes())]).unwrap().token_id, token("1"));
}

#[test]
fn every_refusal() {
    let mut world = world();
    let nobody = ActorId::parse(&format!("u{:0>32}", "f")).unwrap();
    let ok = issue(&world, &token("1"), &bob(), 60);
    world.ok(&alice(), ok);
    let many = Command::SetRoles { id: bob(), roles: vec![Grant::from(Role::Viewer); 33] };
    let long = Command::Create { id: nobody.clone(), kind: ActorKind::Person, handle: label("x"), display_name: "x".repeat(201), roles: vec![] };
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("an id twice", create_actor(&bob(), ActorKind::Person, "robert", &["administrator"]), Code::AlreadyExists, Some("actor")),
        ("his own id again", create_actor(&alice(), ActorKind::Person, "alice2", &["approver:security"]), Code::AlreadyExists, Some("actor")),
        ("a handle twice", create_actor(&nobody, ActorKind::Person, "bob", &[]), Code::AlreadyExists, Some("name")),
        ("a long name", long, Code::TooLarge, Some("display_name")),
        ("his own roles", roles(&alice(), &["administrator", "approver:security"]), Code::SeparationOfDuties, None),
        ("his own end", Command::Deactivate { id: alice() }, Code::SeparationOfDuties, None),
        ("roles of nobody", roles(&nobody, &["viewer"]), Code::NotFound, None),
        ("roles of one whose access ended", roles(&carol(), &["viewer"]), Code::TransitionRefused, Some("actor")),
        ("too many roles", many, Code::TooLarge, Some("roles")),
        ("the end of nobody", Command::Deactivate { id: nobody.clone() }, Code::NotFound, None),
        ("a token for nobody", issue(&world, &token("2"), &nobody, 60), Code::NotFound, None),
        ("a token for one whose access ended", issue(&world, &token("2"), &carol(), 60), Code::TransitionRefused, Some("actor")),
        ("a token of the past", issue(&world, &token("2"), &bob(), -60), Code::InvalidField, Some("expires_at")),
        ("a token id twice", issue(&world, &token("1"), &bob(), 600), Code::AlreadyExists, Some("token")),
        ("revoking nothing", Command::RevokeToken { token: token("9"), whose: key::Whose::Other }, Code::NotFound, None),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}

#[test]
fn roles_of_people_are_for_people() {
    let for_people = ["approver:security", "administrator", "incident"];
    let for_all = ["viewer", "contributor", "owner", "deployer", "auditor"];
    for kind in ActorKind::ALL {
        for role in for_people.iter().chain(&for_all) {
            let mut world = world();
            let id = ActorId::parse(&format!("{}{:0>32}", kind.letter(), "d")).unwrap();
            let allowed = *kind == ActorKind::Person || for_all.contains(role);
            if allowed {
                world.ok(&alice(), create_actor(&id, *kind, "new", &[role]));
                continue;
            }
            let refusal = world.refused(&alice(), create_actor(&id, *kind, "new", &[role]));
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::SeparationOfDuties, Some("roles")), "{kind} as {role}");
            world.ok(&alice(), create_actor(&id, *kind, "new", &["viewer"]));
            assert_eq!(world.refused(&alice(), roles(&id, &["viewer", role])).code, Code::SeparationOfDuties, "{kind} as {role}, later");
        }
    }
}
