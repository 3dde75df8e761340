//! Protected roles: who gives them alone, who with a second administrator, and the ways around that are closed.

use super::*;
use crate::actor;
use crate::testing::*;

fn roles(id: &ActorId, words: &[&str]) -> actor::Command {
    actor::Command::SetRoles { id: id.clone(), roles: grants(words) }
}

fn grants(words: &[&str]) -> Vec<Grant> {
    words.iter().map(|word| Grant::parse(word).unwrap()).collect()
}

fn confirm(id: &ActorId, words: &[&str]) -> Command {
    Command::Confirm { actor: id.clone(), grants: grants(words) }
}

fn dave() -> ActorId {
    ActorId::parse(&format!("u{:0>32}", "d")).unwrap()
}

/// Alice and Bob administer, Carol reads.
fn world() -> World {
    let mut world = World::new();
    world.person(&alice(), &["administrator"]);
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["administrator"]));
    world.ok(&alice(), create_actor(&carol(), ActorKind::Person, "carol", &["viewer"]));
    world
}

fn held(world: &mut World, id: &ActorId) -> Vec<String> {
    world.row::<ActorRow>(&[id]).unwrap().grants().iter().map(ToString::to_string).collect()
}

fn administrators(world: &mut World) -> Administrators {
    Administrators::parse(&world.row::<SettingRow>(&[&ADMINISTRATORS]).unwrap().value)
}

#[test]
fn a_second_administrator_confirms_protected_roles_in_every_scope() {
    let mut world = world();
    let wanted = ["viewer", "owner", "approver:security@team:credit", "administrator"];
    let kinds: Vec<Event> = world.ok(&alice(), roles(&carol(), &wanted)).into_iter().filter_map(|entry| {
        if let crate::Event::Grant(event) = entry.event { Some(event) } else { None }
    }).collect();
    assert_eq!(kinds, [Event::Proposed { grants: grants(&["approver:security@team:credit", "administrator"]) }]);
    assert_eq!(held(&mut world, &carol()), ["viewer", "owner"], "what is not protected is given at once");
    world.ok(&bob(), confirm(&carol(), &["administrator", "approver:security@team:credit"]));
    assert_eq!(held(&mut world, &carol()), ["viewer", "owner", "approver:security@team:credit", "administrator"]);
    assert_eq!(world.row::<GrantProposalRow>(&[&carol()]), None);
    assert_eq!(administrators(&mut world).count, 3);
}

#[test]
fn an_account_is_created_without_its_protected_roles() {
    let mut world = world();
    world.ok(&alice(), create_actor(&dave(), ActorKind::Person, "dave", &["viewer", "approver:product"]));
    assert_eq!(held(&mut world, &dave()), ["viewer"]);
    assert_eq!(world.row::<GrantProposalRow>(&[&dave()]).unwrap().proposed_by, alice());
    world.ok(&bob(), confirm(&dave(), &["approver:product"]));
    assert_eq!(held(&mut world, &dave()), ["viewer", "approver:product"]);
}

#[test]
fn one_administrator_gives_roles_alone_until_there_are_two() {
    let mut world = World::new();
    world.person(&alice(), &["administrator"]);
    world.ok(&alice(), create_actor(&carol(), ActorKind::Person, "carol", &["approver:security"]));
    assert_eq!(held(&mut world, &carol()), ["approver:security"]);
    // In the same moment: the second command sees what the first did.
    world.ok(&alice(), create_actor(&bob(), ActorKind::Person, "bob", &["administrator"]));
    world.ok(&alice(), create_actor(&dave(), ActorKind::Person, "dave", &["approver:security"]));
    assert_eq!(held(&mut world, &dave()), Vec::<String>::new());
}

#[test]
fn taking_roles_away_needs_one_person() {
    let mut world = world();
    world.ok(&alice(), roles(&carol(), &["viewer", "approver:security"]));
    world.ok(&bob(), confirm(&carol(), &["approver:security"]));
    world.ok(&alice(), roles(&carol(), &["viewer"]));
    assert_eq!(held(&mut world, &carol()), ["viewer"]);
}

#[test]
fn nobody_is_both_persons() {
    let mut world = world();
    world.person(&dave(), &["administrator"]);
    world.ok(&alice(), roles(&bob(), &["administrator", "approver:security"]));
    let wanted = ["approver:security"];
    let machine = ActorId::parse(&format!("s{:0>32}", "5")).unwrap();
    world.ok(&alice(), create_actor(&machine, ActorKind::Service, "robot", &["owner"]));
    let cases: Vec<(&str, ActorId, Command, Code)> = vec![
        ("who proposed", alice(), confirm(&bob(), &wanted), Code::SeparationOfDuties),
        ("who gets them", bob(), confirm(&bob(), &wanted), Code::SeparationOfDuties),
        ("no administrator", carol(), confirm(&bob(), &wanted), Code::AccessDenied),
        ("a machine", machine, confirm(&bob(), &wanted), Code::AccessDenied),
        ("other roles than proposed", dave(), confirm(&bob(), &["approver:product"]), Code::PreconditionFailed),
        ("nothing proposed", dave(), confirm(&carol(), &wanted), Code::NotFound),
        ("rejection by who proposed", alice(), Command::Reject { actor: bob(), reason: reason() }, Code::SeparationOfDuties),
        ("rejection by who gets them", bob(), Command::Reject { actor: bob(), reason: reason() }, Code::SeparationOfDuties),
        ("withdrawal by another", dave(), Command::Withdraw { actor: bob(), reason: reason() }, Code::AccessDenied),
    ];
    for (what, actor, command, code) in cases {
        let refusal = world.refused(&actor, command);
        assert_eq!(refusal.code, code, "{what}: {refusal}");
    }
    let again = world.refused(&dave(), roles(&bob(), &["administrator", "approver:product"]));
    assert_eq!((again.code, again.field.as_deref()), (Code::AlreadyExists, Some("roles")));
    world.ok(&dave(), Command::Reject { actor: bob(), reason: reason() });
    world.ok(&alice(), roles(&bob(), &["administrator", "approver:security"]));
    world.ok(&alice(), Command::Withdraw { actor: bob(), reason: reason() });
    assert_eq!(held(&mut world, &bob()), ["administrator"]);
}

#[test]
fn a_proposal_falls_with_who_made_it_and_with_who_would_gain() {
    let mut world = world();
    world.person(&dave(), &["administrator"]);
    world.ok(&alice(), roles(&carol(), &["viewer", "administrator"]));
    world.ok(&bob(), roles(&alice(), &["viewer"]));
    assert_eq!(world.refused(&dave(), confirm(&carol(), &["administrator"])).code, Code::TransitionRefused);
    world.ok(&dave(), Command::Reject { actor: carol(), reason: reason() });
    world.ok(&bob(), roles(&carol(), &["viewer", "administrator"]));
    world.ok(&bob(), actor::Command::Deactivate { id: carol() });
    assert_eq!(world.refused(&dave(), confirm(&carol(), &["administrator"])).code, Code::TransitionRefused);
}

#[test]
fn whoever_makes_himself_the_only_administrator_gains_nothing() {
    let mut world = world();
    world.ok(&alice(), actor::Command::Deactivate { id: bob() });
    assert_eq!(administrators(&mut world).count, 1);
    let refusal = world.refused(&alice(), roles(&carol(), &["viewer", "approver:security"]));
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::SeparationOfDuties, Some("roles")));
    assert_eq!(world.refused(&alice(), create_actor(&dave(), ActorKind::Person, "dave", &["administrator"])).code, Code::SeparationOfDuties);
    world.ok(&alice(), roles(&carol(), &["viewer", "owner"]));
    world.skip(COOLING_SECONDS);
    world.ok(&alice(), roles(&carol(), &["viewer", "approver:security"]));
    assert_eq!(held(&mut world, &carol()), ["viewer", "approver:security"]);
}

#[test]
fn the_count_of_administrators_knows_persons_with_access_in_the_whole_registry() {
    let mut world = world();
    assert_eq!(administrators(&mut world).count, 2);
    world.person(&dave(), &["administrator@team:credit"]);
    assert_eq!(administrators(&mut world).count, 2, "of a team only");
    world.ok(&alice(), roles(&bob(), &["viewer"]));
    let known = administrators(&mut world);
    assert_eq!(known.count, 1);
    assert_eq!(Administrators::parse(&known.write()), known);
    assert!(known.alone_since.is_some());
}
