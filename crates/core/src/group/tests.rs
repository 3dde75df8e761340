//! What groups give, and that nobody gives himself anything.

use super::*;
use crate::actor::{self, ActorKind, binding};
use crate::testing::*;

fn grants_of(words: &[&str]) -> Vec<Grant> {
    words.iter().map(|word| Grant::parse(word).unwrap()).collect()
}

fn map(group: &str, roles: &[&str]) -> Command {
    Command::Map { group: group.to_owned(), roles: grants_of(roles) }
}

fn follow_groups(actor: &ActorId, groups: &[&str]) -> actor::Command {
    actor::Command::Binding(binding::Command::Follow { actor: actor.clone(), groups: groups.iter().map(ToString::to_string).collect() })
}

fn roles(world: &mut World, id: &ActorId) -> serde_json::Value {
    world.row::<ActorRow>(&[id]).unwrap().roles
}

/// Alice administers, Bob reads.
fn world() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["viewer"]));
    world.ok(&alice(), map("ml", &["contributor@team:credit", "viewer"]));
    world.ok(&alice(), map("ops", &["deployer"]));
    world
}

#[test]
fn roles_follow_the_groups_and_what_an_administrator_gave_stays() {
    let mut world = world();
    let entries = world.ok(&system(), follow_groups(&bob(), &["ops", "ml", "unknown"]));
    assert_eq!(entries.len(), 1);
    assert_eq!(roles(&mut world, &bob()), serde_json::json!(["viewer", "contributor@team:credit", "deployer"]));
    assert!(world.run(&system(), follow_groups(&bob(), &["ml", "ops", "other"])).unwrap().is_empty(), "nothing changed");
    world.ok(&system(), follow_groups(&bob(), &["ops"]));
    assert_eq!(roles(&mut world, &bob()), serde_json::json!(["viewer", "deployer"]));
    world.ok(&system(), follow_groups(&bob(), &[]));
    assert_eq!(roles(&mut world, &bob()), serde_json::json!(["viewer"]));
    // A mapping that ended gives nothing at the next login.
    world.ok(&system(), follow_groups(&bob(), &["ops"]));
    world.ok(&alice(), Command::Unmap { group: "ops".to_owned() });
    world.ok(&system(), follow_groups(&bob(), &["ops"]));
    assert_eq!(roles(&mut world, &bob()), serde_json::json!(["viewer"]));
}

#[test]
fn nobody_gives_himself_a_role_by_a_group() {
    let mut world = world();
    assert!(world.run(&system(), follow_groups(&alice(), &["ml", "ops"])).unwrap().is_empty());
    assert_eq!(roles(&mut world, &alice()), serde_json::json!(["administrator"]));
}

#[test]
fn what_a_group_cannot_give() {
    let mut world = world();
    for (command, code) in [
        (map("x", &["approver:security"]), Code::SeparationOfDuties),
        (map("x", &["viewer", "administrator@team:x"]), Code::SeparationOfDuties),
        (map("x", &[]), Code::InvalidField),
        (map(" ", &["viewer"]), Code::InvalidField),
        (Command::Unmap { group: "x".to_owned() }, Code::NotFound),
    ] {
        let refusal = world.refused(&alice(), command);
        assert_eq!(refusal.code, code);
        check_style(&refusal);
    }
}
