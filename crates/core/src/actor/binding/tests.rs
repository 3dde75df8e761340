//! Who of a provider is who here.

use super::*;
use crate::access::Grant;
use crate::actor;
use crate::tables::{GroupRolesRow, SignInRow};
use crate::testing::*;

fn identity(subject: &str) -> Identity {
    Identity { issuer: "https://idp.example".to_owned(), subject: PrivateText::new("subject", subject, [7; 16]).unwrap() }
}

fn bind(actor: &ActorId, subject: &str) -> actor::Command {
    actor::Command::Binding(Command::Bind { actor: actor.clone(), identity: identity(subject) })
}

fn admit(id: &ActorId, handle: &str, subject: &str, groups: &[&str]) -> actor::Command {
    let groups = groups.iter().map(ToString::to_string).collect();
    actor::Command::Binding(Command::Admit { id: id.clone(), handle: label(handle), display_name: "Carol".to_owned(), identity: identity(subject), groups })
}

/// Alice administers, Bob reads, the group `ml` gives `contributor`.
fn world() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["viewer"]));
    world.ok(&alice(), group::Command::Map { group: "ml".to_owned(), roles: vec![Grant::parse("contributor").unwrap()] });
    world
}

#[test]
fn a_subject_is_one_person_and_can_be_let_go() {
    let mut world = world();
    let index = world.ok(&alice(), bind(&bob(), "sub-1"))[0].index;
    assert_eq!(world.row::<SignInRow>(&[&bob()]).unwrap().epoch, index);
    let key = identity("sub-1").key();
    assert_eq!(world.row::<LoginIdentityRow>(&[&key]).unwrap().actor_id, Some(bob()));
    assert_eq!(world.refused(&alice(), bind(&alice(), "sub-1")).code, Code::AlreadyExists);
    let text = String::from_utf8(world.bytes.last().unwrap().clone()).unwrap();
    assert!(!text.contains("sub-1"), "{text}");
    let unbind = |actor: &ActorId| actor::Command::Binding(Command::Unbind { actor: actor.clone(), identities: vec![key] });
    assert_eq!(world.refused(&alice(), unbind(&alice())).code, Code::NotFound, "his, not hers");
    world.ok(&alice(), unbind(&bob()));
    assert_eq!(world.row::<LoginIdentityRow>(&[&key]).unwrap().actor_id, None);
    world.ok(&alice(), bind(&alice(), "sub-1"));
    let pipeline = ActorId::parse(&format!("p{:0>32}", "9")).unwrap();
    world.ok(&alice(), create_actor(&pipeline, ActorKind::Pipeline, "ci", &[]));
    assert_eq!(world.refused(&alice(), bind(&pipeline, "sub-2")).code, Code::TransitionRefused);
}

#[test]
fn an_account_is_made_from_mapped_groups_only_and_by_the_program_only() {
    let mut world = world();
    assert_eq!(world.refused(&system(), admit(&carol(), "carol", "sub-3", &[])).code, Code::AccessDenied);
    assert_eq!(world.refused(&system(), admit(&carol(), "carol", "sub-3", &["unknown"])).code, Code::AccessDenied);
    assert_eq!(world.refused(&alice(), admit(&carol(), "carol", "sub-3", &["ml"])).code, Code::AccessDenied, "not even an administrator");
    assert_eq!(world.refused(&system(), admit(&carol(), "bob", "sub-3", &["ml"])).code, Code::AlreadyExists);
    let kinds = world.ok(&system(), admit(&carol(), "carol", "sub-3", &["ml"]));
    assert_eq!(kinds.len(), 3);
    assert_eq!(world.row::<ActorRow>(&[&carol()]).unwrap().roles, serde_json::json!(["contributor"]));
    assert_eq!(world.row::<GroupRolesRow>(&[&carol()]).unwrap().groups, serde_json::json!(["ml"]));
    assert_eq!(world.refused(&system(), admit(&ActorId::parse(&format!("u{:0>32}", "e")).unwrap(), "carol2", "sub-3", &["ml"])).code, Code::AlreadyExists);
}
