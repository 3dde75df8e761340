//! Teams: who is in them, and when they end.

use super::*;
use crate::actor::ActorKind;
use crate::model::{Ownership, Profile};
use crate::names::RiskTier;
use crate::testing::*;

fn create(team: &str) -> Command {
    Command::Create { team: label(team), description: "scores loans".to_owned() }
}

fn add(team: &str, member: &ActorId) -> Command {
    Command::AddMember { team: label(team), member: member.clone() }
}

fn world() -> World {
    let mut world = World::new();
    world.person(&alice(), &["administrator"]);
    world.person(&bob(), &["viewer"]);
    world.ok(&alice(), create("credit"));
    world
}

#[test]
fn every_command_changes_what_it_says() {
    let mut world = world();
    world.ok(&alice(), Command::Change { team: label("credit"), description: "all of it".to_owned(), expected: None });
    let index = world.ok(&alice(), add("credit", &bob()))[0].index;
    let row = world.row::<TeamRow>(&[&label("credit")]).unwrap();
    assert_eq!((row.description.as_str(), row.members, row.revision), ("all of it", 1, index));
    assert_eq!(world.row::<crate::tables::SettingRow>(&[&registry::ACCESS]).unwrap().revision, index, "who is in a team changes what he may");
    assert!(world.row::<TeamMemberRow>(&[&label("credit"), &bob()]).is_some());
    world.ok(&alice(), Command::RemoveMember { team: label("credit"), member: bob() });
    assert!(world.row::<TeamMemberRow>(&[&label("credit"), &bob()]).is_none());
    world.ok(&alice(), Command::Dissolve { team: label("credit"), reason: reason() });
    assert!(world.row::<TeamRow>(&[&label("credit")]).unwrap().dissolved);
}

#[test]
fn every_refusal() {
    let mut world = world();
    world.person(&carol(), &[]);
    world.ok(&alice(), crate::actor::Command::Deactivate { id: carol() });
    world.ok(&alice(), add("credit", &bob()));
    world.ok(&alice(), create("old"));
    world.ok(&alice(), Command::Dissolve { team: label("old"), reason: reason() });
    let nobody = ActorId::parse(&format!("u{:0>32}", "f")).unwrap();
    let change = |team: &str, description: String, expected| Command::Change { team: label(team), description, expected };
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("a name twice", create("credit"), Code::AlreadyExists, Some("name")),
        ("the name of a dissolved team", create("old"), Code::AlreadyExists, Some("name")),
        ("a long description", change("credit", "x".repeat(MAX_DESCRIPTION_BYTES + 1), None), Code::TooLarge, Some("description")),
        ("an old revision", change("credit", String::new(), Some(0)), Code::PreconditionFailed, Some("If-Match")),
        ("a change of nothing", change("none", String::new(), None), Code::NotFound, None),
        ("a change of what is dissolved", change("old", String::new(), None), Code::NotFound, None),
        ("himself", add("credit", &alice()), Code::SeparationOfDuties, Some("member")),
        ("nobody", add("credit", &nobody), Code::NotFound, None),
        ("one whose access ended", add("credit", &carol()), Code::TransitionRefused, Some("member")),
        ("a member twice", add("credit", &bob()), Code::AlreadyExists, Some("member")),
        ("into no team", add("none", &bob()), Code::NotFound, None),
        ("out of a team that he is not in", Command::RemoveMember { team: label("credit"), member: carol() }, Code::NotFound, None),
        ("a team with members", Command::Dissolve { team: label("credit"), reason: reason() }, Code::TransitionRefused, Some("name")),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}

#[test]
fn a_team_that_owns_a_model_is_not_dissolved() {
    let mut world = world();
    let profile = Profile { ownership: Ownership { owning_team: Some(label("credit")), ..Ownership::default() }, ..Profile::default() };
    let id = model_id(7);
    let create = crate::model::Command::Create {
        id: id.clone(),
        name: crate::names::ModelName::parse("loans").unwrap(),
        kind: crate::names::ModelKind::Model,
        risk_tier: RiskTier::High,
        profile: Box::new(profile),
        tags: vec![],
    };
    world.ok(&alice(), create);
    assert_eq!(world.row::<TeamRow>(&[&label("credit")]).unwrap().models, 1);
    let dissolve = || Command::Dissolve { team: label("credit"), reason: reason() };
    assert_eq!(world.refused(&alice(), dissolve()).code, Code::TransitionRefused);
    let hide = world.hide_model(&id);
    world.ok(&alice(), hide);
    world.ok(&alice(), dissolve());
}

#[test]
fn machines_join_teams_too() {
    let mut world = world();
    let pipeline = ActorId::parse(&format!("p{:0>32}", "1")).unwrap();
    world.ok(&alice(), create_actor(&pipeline, ActorKind::Pipeline, "ci", &["deployer"]));
    world.ok(&alice(), add("credit", &pipeline));
    assert!(world.row::<TeamMemberRow>(&[&label("credit"), &pipeline]).is_some());
}
