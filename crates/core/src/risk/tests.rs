use super::*;
use crate::actor::ActorKind;
use crate::registry;
use crate::tables::{RiskLinkRow, SettingRow};
use crate::testing::*;

fn risk_id(number: usize) -> RiskId {
    RiskId::parse(&format!("r{number:0>32}")).unwrap()
}

fn assessment(severity: Severity, likelihood: Likelihood) -> Assessment {
    Assessment {
        title: "unfair to some".to_owned(),
        category: label("fairness"),
        severity,
        likelihood,
        description: String::new(),
        requirements: vec!["EU-AI-Act Art. 10".to_owned()],
        review_date: None,
    }
}

fn add(severity: Severity, models: Vec<ModelId>) -> Command {
    Command::Add { id: risk_id(1), assessment: Box::new(assessment(severity, Likelihood::Likely)), models, mitigations: vec![] }
}

fn to(status: Status) -> Command {
    Command::SetStatus { id: risk_id(1), to: status, reason: reason(), expected: None }
}

fn mitigation(text: &str) -> NewMitigation {
    NewMitigation { text: text.to_owned(), owner: label("credit"), due: None }
}

/// Alice assesses; Bob is in the security role; Carol has no role that decides.
fn world() -> (World, ModelId) {
    let mut world = World::new();
    world.ok(&system(), create_actor(&alice(), ActorKind::Person, "alice", &["contributor", "approver:ai-governance"]));
    world.ok(&system(), create_actor(&bob(), ActorKind::Person, "bob", &["approver:security"]));
    world.ok(&system(), create_actor(&carol(), ActorKind::Person, "carol", &["contributor", "approver:product"]));
    let model = world.model("loans");
    (world, model)
}

fn attached(world: &mut World, model: &ModelId) -> u64 {
    world.row::<SettingRow>(&[&registry::attached(model)]).map_or(0, |row| row.revision)
}

#[test]
fn a_grave_risk_stops_being_open_by_a_second_person_only() {
    for command in [
        to(Status::Accepted),
        to(Status::Closed),
        Command::Change { id: risk_id(1), assessment: Box::new(assessment(Severity::Low, Likelihood::Rare)), expected: None },
        Command::Unlink { id: risk_id(1), model: model_id(4) },
    ] {
        let (mut world, model) = world();
        assert_eq!(model, model_id(4));
        world.ok(&alice(), add(Severity::Critical, vec![model]));
        assert_eq!(world.refused(&carol(), command.clone()).code, Code::AccessDenied, "{command:?}");
        assert_eq!(world.refused(&alice(), command.clone()).code, Code::SeparationOfDuties, "{command:?}");
        assert_eq!(world.refused(&system(), command.clone()).code, Code::AccessDenied, "{command:?}");
        world.ok(&bob(), command);
    }
    let (mut world, model) = world();
    world.ok(&alice(), add(Severity::Medium, vec![model]));
    world.ok(&alice(), to(Status::Accepted));
}

#[test]
fn whoever_assessed_it_last_is_an_author_too() {
    let (mut world, model) = world();
    world.ok(&alice(), add(Severity::High, vec![model]));
    world.ok(&bob(), Command::Change { id: risk_id(1), assessment: Box::new(assessment(Severity::Critical, Likelihood::Likely)), expected: None });
    assert_eq!(world.refused(&bob(), to(Status::Accepted)).code, Code::SeparationOfDuties);
}

#[test]
fn what_was_accepted_is_open_again_when_it_gets_worse() {
    let (mut world, model) = world();
    world.ok(&alice(), add(Severity::Medium, vec![model]));
    world.ok(&alice(), to(Status::Accepted));
    let entries = world.ok(&alice(), Command::Change { id: risk_id(1), assessment: Box::new(assessment(Severity::High, Likelihood::Likely)), expected: None });
    assert_eq!(entries.len(), 2);
    let row = world.row::<RiskRow>(&[&risk_id(1)]).unwrap();
    assert_eq!((row.status, row.level, row.decided_by), (Status::Open, Level::High, None));
}

#[test]
fn mitigations_are_done_before_a_risk_is_mitigated() {
    let (mut world, model) = world();
    world.ok(&alice(), add(Severity::Medium, vec![model]));
    assert_eq!(world.refused(&alice(), to(Status::Mitigated)).code, Code::TransitionRefused);
    for text in ["measure", "retrain"] {
        world.ok(&alice(), Command::Mitigate { id: risk_id(1), mitigation: mitigation(text) });
    }
    let finish = |number| Command::Finish { id: risk_id(1), number, note: Some(reason()) };
    world.ok(&alice(), finish(1));
    assert_eq!(world.refused(&alice(), finish(1)).code, Code::AlreadyExists);
    assert_eq!(world.refused(&alice(), finish(3)).code, Code::NotFound);
    assert_eq!(world.refused(&alice(), to(Status::Mitigated)).code, Code::TransitionRefused);
    world.ok(&alice(), finish(2));
    world.ok(&alice(), to(Status::Mitigated));
    world.ok(&alice(), to(Status::Closed));
    assert_eq!(world.refused(&alice(), Command::Mitigate { id: risk_id(1), mitigation: mitigation("more") }).code, Code::TransitionRefused);
    world.ok(&alice(), to(Status::Open));
    assert_eq!(world.refused(&alice(), to(Status::Open)).code, Code::TransitionRefused);
}

#[test]
fn every_change_moves_the_revision_of_what_is_attached_to_the_models() {
    let (mut world, model) = world();
    world.ok(&alice(), add(Severity::Medium, vec![model.clone(), model.clone()]));
    assert_eq!(world.all::<RiskLinkRow>().len(), 1, "linked once");
    let mut seen = attached(&mut world, &model);
    for command in [
        Command::Mitigate { id: risk_id(1), mitigation: mitigation("measure") },
        Command::Finish { id: risk_id(1), number: 1, note: None },
        to(Status::Mitigated),
        Command::Change { id: risk_id(1), assessment: Box::new(assessment(Severity::Low, Likelihood::Rare)), expected: None },
        Command::Unlink { id: risk_id(1), model: model.clone() },
        Command::Link { id: risk_id(1), model: model.clone() },
    ] {
        world.ok(&alice(), command.clone());
        let now = attached(&mut world, &model);
        assert!(now > seen, "{command:?}");
        seen = now;
    }
}

#[test]
fn what_is_malformed_or_unknown_is_refused() {
    let (mut world, model) = world();
    world.ok(&alice(), add(Severity::Medium, vec![model.clone()]));
    let with = |change: fn(&mut Assessment)| {
        let mut assessment = assessment(Severity::Low, Likelihood::Rare);
        change(&mut assessment);
        Command::Add { id: risk_id(2), assessment: Box::new(assessment), models: vec![], mitigations: vec![] }
    };
    for (command, code) in [
        (add(Severity::Low, vec![]), Code::AlreadyExists),
        (with(|risk| risk.title = " ".to_owned()), Code::InvalidField),
        (with(|risk| risk.title = "a\nb".to_owned()), Code::InvalidField),
        (with(|risk| risk.title = "x".repeat(MAX_TITLE_BYTES + 1)), Code::TooLarge),
        (with(|risk| risk.description = "x".repeat(MAX_DESCRIPTION_BYTES + 1)), Code::TooLarge),
        (with(|risk| risk.requirements = vec!["x".to_owned(); MAX_REQUIREMENTS + 1]), Code::TooLarge),
        (with(|risk| risk.requirements = vec![String::new()]), Code::InvalidField),
        (Command::Link { id: risk_id(1), model: model.clone() }, Code::AlreadyExists),
        (Command::Link { id: risk_id(1), model: model_id(77) }, Code::NotFound),
        (Command::Unlink { id: risk_id(1), model: model_id(77) }, Code::NotFound),
        (Command::Link { id: risk_id(3), model }, Code::NotFound),
        (Command::Mitigate { id: risk_id(1), mitigation: mitigation(" ") }, Code::InvalidField),
        (Command::SetStatus { id: risk_id(1), to: Status::Closed, reason: reason(), expected: Some(1) }, Code::PreconditionFailed),
        (Command::Change { id: risk_id(1), assessment: Box::new(assessment(Severity::Low, Likelihood::Rare)), expected: Some(1) }, Code::PreconditionFailed),
    ] {
        assert_eq!(world.refused(&alice(), command.clone()).code, code, "{command:?}");
    }
}
