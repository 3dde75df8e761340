//! Public keys of actors: who registers whose, and that a key serves one actor for ever.

use super::*;
use crate::access::{Role, action_of};
use crate::signing::{ForeignSigningKey, SigningKey};
use crate::tables::SettingRow;
use crate::testing::*;

fn key(byte: u8) -> RegisteredKey {
    RegisteredKey::of(&ForeignSigningKey::EcdsaP256(SigningKey::from_bytes(&[byte; 32]).unwrap()).public_key()).unwrap()
}

fn pipeline() -> ActorId {
    ActorId::parse(&format!("p{:0>32}", "9")).unwrap()
}

fn add(actor: &ActorId, byte: u8, whose: Whose) -> Command {
    Command::AddKey { actor: actor.clone(), key: key(byte), whose, held: 0 }
}

fn remove(actor: &ActorId, byte: u8, whose: Whose) -> Command {
    Command::RemoveKey { actor: actor.clone(), key_id: key(byte).id, whose }
}

/// Alice administers, Bob approves, Carol's access ended, and there is a pipeline.
fn world() -> World {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["administrator"]));
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["approver:product"]));
    world.ok(&alice(), create_actor(&carol(), ActorKind::Person, "carol", &[]));
    world.ok(&alice(), create_actor(&pipeline(), ActorKind::Pipeline, "ci", &["deployer"]));
    world.ok(&alice(), Command::Deactivate { id: carol() });
    world
}

#[test]
fn people_register_their_own_keys_and_administrators_those_of_machines() {
    let mut world = world();
    for (who, command) in [(bob(), add(&bob(), 1, Whose::Own)), (alice(), add(&pipeline(), 2, Whose::Other))] {
        let index = world.ok(&who, command)[0].index;
        assert_eq!(world.row::<SettingRow>(&[&crate::registry::ACCESS]).unwrap().revision, index, "the access revision moves");
    }
    let row = world.row::<ActorKeyRow>(&[&key(1).id]).unwrap();
    assert_eq!((row.actor_id.clone(), row.removed_at), (bob(), None));
    assert_eq!(parse_spki(&row.spki).unwrap().key_id().unwrap(), key(1).id);
    // An administrator may end the use of somebody's key, for instance of a lost laptop.
    world.ok(&alice(), remove(&bob(), 1, Whose::Other));
    assert!(world.row::<ActorKeyRow>(&[&key(1).id]).unwrap().removed_at.is_some());
    world.ok(&bob(), add(&bob(), 1, Whose::Own));
    world.ok(&bob(), remove(&bob(), 1, Whose::Own));
}

#[test]
fn every_refusal() {
    let mut world = world();
    world.ok(&bob(), add(&bob(), 1, Whose::Own));
    world.ok(&alice(), add(&pipeline(), 2, Whose::Other));
    world.ok(&bob(), add(&bob(), 3, Whose::Own));
    world.ok(&bob(), remove(&bob(), 3, Whose::Own));
    let many = Command::AddKey { actor: bob(), key: key(4), whose: Whose::Own, held: MAX_KEYS };
    let nobody = ActorId::parse(&format!("u{:0>32}", "f")).unwrap();
    for (why, who, command, code) in [
        ("a key for another person", alice(), add(&bob(), 4, Whose::Other), Code::SeparationOfDuties),
        ("a pipeline for itself", pipeline(), add(&pipeline(), 4, Whose::Own), Code::AccessDenied),
        ("a pipeline removes its own", pipeline(), remove(&pipeline(), 2, Whose::Own), Code::AccessDenied),
        ("another's key as one's own", bob(), add(&pipeline(), 4, Whose::Own), Code::AccessDenied),
        ("one's own as another's", bob(), add(&bob(), 4, Whose::Other), Code::AccessDenied),
        ("a key of somebody else", alice(), add(&alice(), 1, Whose::Own), Code::SeparationOfDuties),
        ("a removed key of somebody else", alice(), add(&alice(), 3, Whose::Own), Code::SeparationOfDuties),
        ("a pipeline with a person's key", alice(), add(&pipeline(), 3, Whose::Other), Code::SeparationOfDuties),
        ("the same key twice", bob(), add(&bob(), 1, Whose::Own), Code::AlreadyExists),
        ("too many", bob(), many, Code::TooLarge),
        ("after the end of access", carol(), add(&carol(), 4, Whose::Own), Code::TransitionRefused),
        ("nobody", alice(), add(&nobody, 4, Whose::Other), Code::NotFound),
        ("removing what is removed", bob(), remove(&bob(), 3, Whose::Own), Code::NotFound),
        ("removing another's as one's own", bob(), remove(&bob(), 2, Whose::Own), Code::NotFound),
        ("removing an unknown key", bob(), remove(&bob(), 9, Whose::Own), Code::NotFound),
    ] {
        let refusal = world.refused(&who, command);
        assert_eq!(refusal.code, code, "{why}: {refusal}");
    }
}

#[test]
fn only_an_own_key_needs_no_administrator() {
    let own = action_of(&add(&bob(), 1, Whose::Own).into());
    let other = action_of(&add(&bob(), 1, Whose::Other).into());
    let policies = crate::access::Policies::shipped();
    let allows = |role: Role, action| policies.role_allows(&role, action);
    assert!(allows(Role::Viewer, own) && !allows(Role::Viewer, other) && allows(Role::Administrator, other));
}
