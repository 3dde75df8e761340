//! Transfers: both sides, two persons, and the ways in which one person could be both.

use super::super::{Command, Ownership};
use super::*;
use crate::names::RiskTier;
use crate::testing::*;

fn dave() -> ActorId {
    ActorId::parse(&format!("u{:0>32}", "d")).unwrap()
}

fn erin() -> ActorId {
    ActorId::parse(&format!("u{:0>32}", "e")).unwrap()
}

fn owned(team: Option<&str>) -> Profile {
    Profile { ownership: Ownership { owning_team: team.map(label), ..Ownership::default() }, ..Profile::default() }
}

fn create(id: &ModelId, name: &str, team: Option<&str>) -> Command {
    let Command::Create { id, name, kind, risk_tier, tags, .. } = create_model(id, name, RiskTier::High) else { panic!("it creates") };
    Command::Create { id, name, kind, risk_tier, profile: Box::new(owned(team)), tags }
}

fn propose(id: &ModelId, to: &str) -> Command {
    Command::ProposeTransfer { id: id.clone(), to: label(to), reason: reason() }
}

fn accept(id: &ModelId, to: &str) -> Command {
    Command::AcceptTransfer { id: id.clone(), to: label(to) }
}

fn team_of(world: &mut World, id: &ModelId) -> Option<String> {
    world.row::<ModelRow>(&[id]).unwrap().owning_team().map(|team| team.to_string())
}

fn models_of(world: &mut World, team: &str) -> u64 {
    world.row::<crate::tables::TeamRow>(&[&label(team)]).unwrap().models
}

/// Alice owns for credit, Bob for risk, Carol for both, Dave everywhere, Erin administers. `loans` is credit's, `stray` nobody's.
fn world() -> (World, ModelId, ModelId) {
    let mut world = World::new();
    for (id, roles) in [
        (alice(), &["owner@team:credit"][..]),
        (bob(), &["owner@team:risk"][..]),
        (carol(), &["owner@team:credit", "owner@team:risk"][..]),
        (dave(), &["owner"][..]),
        (erin(), &["administrator"][..]),
    ] {
        world.person(&id, roles);
    }
    for team in ["credit", "risk"] {
        world.ok(&erin(), crate::team::Command::Create { team: label(team), description: String::new() });
    }
    let (loans, stray) = (model_id(1), model_id(2));
    world.ok(&alice(), create(&loans, "loans", Some("credit")));
    world.ok(&alice(), create(&stray, "stray", None));
    (world, loans, stray)
}

#[test]
fn a_transfer_needs_both_sides() {
    let (mut world, loans, _) = world();
    world.ok(&alice(), propose(&loans, "risk"));
    assert_eq!(team_of(&mut world, &loans).as_deref(), Some("credit"));
    world.ok(&bob(), accept(&loans, "risk"));
    assert_eq!(team_of(&mut world, &loans).as_deref(), Some("risk"));
    assert_eq!((models_of(&mut world, "credit"), models_of(&mut world, "risk")), (0, 1));
    assert_eq!(world.row::<TransferProposalRow>(&[&loans]), None);
    let class = world.row::<ModelRow>(&[&loans]).unwrap().access_class;
    assert!(class.contains("risk"), "{class}");
}

#[test]
fn nobody_is_on_both_sides() {
    let (mut world, loans, _) = world();
    let refused = |world: &mut World, who: &ActorId, command: Command| world.refused(who, command).code;
    assert_eq!(refused(&mut world, &bob(), propose(&loans, "risk")), Code::AccessDenied, "the receiving side does not take");
    world.ok(&carol(), propose(&loans, "risk"));
    assert_eq!(refused(&mut world, &carol(), accept(&loans, "risk")), Code::SeparationOfDuties, "two roles are one person");
    assert_eq!(refused(&mut world, &alice(), accept(&loans, "risk")), Code::AccessDenied, "two persons of one side are one side");
    assert_eq!(refused(&mut world, &erin(), accept(&loans, "risk")), Code::AccessDenied, "administration owns nothing");
    assert_eq!(refused(&mut world, &bob(), accept(&loans, "credit")), Code::PreconditionFailed, "what is accepted is what was seen");
    assert_eq!(refused(&mut world, &alice(), Command::WithdrawTransfer { id: loans.clone(), reason: reason() }), Code::AccessDenied);
    assert_eq!(refused(&mut world, &erin(), Command::RejectTransfer { id: loans.clone(), reason: reason() }), Code::AccessDenied);
    world.ok(&bob(), Command::RejectTransfer { id: loans.clone(), reason: reason() });
    assert_eq!(refused(&mut world, &bob(), accept(&loans, "risk")), Code::NotFound);
    world.ok(&alice(), propose(&loans, "risk"));
    assert_eq!(refused(&mut world, &alice(), propose(&loans, "risk")), Code::AlreadyExists);
    world.ok(&alice(), Command::WithdrawTransfer { id: loans.clone(), reason: reason() });
    assert_eq!(team_of(&mut world, &loans).as_deref(), Some("credit"));
}

#[test]
fn a_machine_takes_no_side() {
    let (mut world, loans, _) = world();
    let robot = ActorId::parse(&format!("s{:0>32}", "5")).unwrap();
    world.ok(&erin(), create_actor(&robot, ActorKind::Service, "robot", &["owner@team:risk"]));
    world.ok(&alice(), propose(&loans, "risk"));
    assert_eq!(world.refused(&robot, accept(&loans, "risk")).code, Code::AccessDenied);
}

#[test]
fn a_proposal_falls_with_who_made_it() {
    let (mut world, loans, _) = world();
    world.ok(&alice(), propose(&loans, "risk"));
    world.ok(&erin(), crate::actor::Command::SetRoles { id: alice(), roles: vec![] });
    assert_eq!(world.refused(&bob(), accept(&loans, "risk")).code, Code::TransitionRefused);
    world.ok(&bob(), Command::RejectTransfer { id: loans.clone(), reason: reason() });
    world.ok(&carol(), propose(&loans, "risk"));
    world.ok(&erin(), crate::actor::Command::Deactivate { id: carol() });
    assert_eq!(world.refused(&bob(), accept(&loans, "risk")).code, Code::TransitionRefused);
}

#[test]
fn a_model_without_a_team_is_claimed_by_two() {
    let (mut world, _, stray) = world();
    for (first, second) in [(bob(), erin()), (erin(), bob()), (bob(), dave()), (dave(), bob()), (dave(), erin())] {
        let id = model_id(world.entries.len() + 100);
        world.ok(&alice(), create(&id, &format!("stray-{}", world.entries.len()), None));
        world.ok(&first, propose(&id, "risk"));
        world.ok(&second, accept(&id, "risk"));
        assert_eq!(team_of(&mut world, &id).as_deref(), Some("risk"));
    }
    assert_eq!(world.refused(&alice(), propose(&stray, "risk")).code, Code::AccessDenied, "another team's owner");
    world.ok(&bob(), propose(&stray, "risk"));
    assert_eq!(world.refused(&carol(), accept(&stray, "risk")).code, Code::TransitionRefused, "two owners of the team are one side");
    assert_eq!(world.refused(&bob(), accept(&stray, "risk")).code, Code::SeparationOfDuties);
}

#[test]
fn an_update_does_not_change_the_team() {
    let (mut world, loans, stray) = world();
    let update = |id: &ModelId, team| Command::Update { id: id.clone(), profile: Box::new(owned(team)), expected: None };
    for (id, team) in [(&loans, "risk"), (&stray, "credit")] {
        let refusal = world.refused(&alice(), update(id, Some(team)));
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("ownership.owning_team")));
    }
    world.ok(&alice(), update(&loans, None));
    assert_eq!(team_of(&mut world, &loans).as_deref(), Some("credit"), "left out is unchanged");
    world.ok(&alice(), update(&loans, Some("credit")));
}

#[test]
fn teams_are_known_and_other() {
    let (mut world, loans, _) = world();
    let unknown = world.refused(&alice(), create(&model_id(9), "new", Some("none")));
    assert_eq!((unknown.code, unknown.field.as_deref()), (Code::InvalidField, Some("ownership.owning_team")));
    assert_eq!(world.refused(&alice(), propose(&loans, "none")).code, Code::InvalidField);
    assert_eq!(world.refused(&alice(), propose(&loans, "credit")).code, Code::AlreadyExists);
    assert_eq!(world.refused(&alice(), propose(&model_id(99), "risk")).code, Code::NotFound);
    // A dissolved team receives nothing any more.
    world.ok(&alice(), propose(&loans, "risk"));
    world.ok(&erin(), crate::team::Command::Dissolve { team: label("risk"), reason: reason() });
    assert_eq!(world.refused(&bob(), accept(&loans, "risk")).code, Code::InvalidField);
}
