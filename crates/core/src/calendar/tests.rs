use super::*;
use crate::names::{ModelId, RiskId};
use crate::registry;
use crate::risk::{Assessment, Likelihood, Severity};
use crate::tables::SettingRow;
use crate::testing::*;

fn review_id(number: usize) -> ReviewId {
    ReviewId::parse(&format!("v{number:0>32}")).unwrap()
}

fn plan(about: About, subject: Subject) -> Plan {
    let due = Timestamp::parse("2026-08-01T00:00:00Z").unwrap();
    Plan { about, subject, owner: label("credit"), due, every_days: None, cause: None, not_by: None }
}

fn schedule(number: usize, review: Plan) -> Command {
    Command::Schedule { id: review_id(number), review: Box::new(review), reason: None }
}

fn done(number: usize, outcome: Outcome) -> Command {
    Command::Done { id: review_id(number), outcome, note: Some(reason()), next: review_id(number + 100) }
}

fn attached(world: &mut World, model: &ModelId) -> u64 {
    world.row::<SettingRow>(&[&registry::attached(model)]).map_or(0, |row| row.revision)
}

#[test]
fn a_review_with_a_rhythm_schedules_the_next_one() {
    for (outcome, follows) in [(Outcome::Confirmed, true), (Outcome::Changed, true), (Outcome::Escalated, true), (Outcome::Obsolete, false)] {
        let mut world = World::new();
        let model = world.model("loans");
        let review = Plan { every_days: Some(90), ..plan(About::Entry, Subject::Model(model.clone())) };
        world.ok(&alice(), schedule(1, review));
        let before = attached(&mut world, &model);
        let entries = world.ok(&bob(), done(1, outcome));
        assert!(attached(&mut world, &model) > before);
        assert_eq!(entries.len(), if follows { 2 } else { 1 }, "{outcome}");
        let next = world.row::<ReviewRow>(&[&review_id(101)]);
        assert_eq!(next.map(|row| (row.due, row.every_days)), follows.then(|| (world.now().plus_seconds(90 * 86_400), Some(90))));
        let first = world.row::<ReviewRow>(&[&review_id(1)]).unwrap();
        assert_eq!((first.status, first.outcome, first.done_by), (Status::Done, Some(outcome), Some(bob())));
        assert_eq!(world.refused(&bob(), done(1, outcome)).code, Code::AlreadyExists);
    }
}

#[test]
fn one_cause_schedules_one_review() {
    let mut world = World::new();
    let model = world.model("loans");
    let review = Plan { cause: Some("released/1".to_owned()), due: Timestamp::from_micros(0), ..plan(About::Entry, Subject::Model(model)) };
    world.ok(&system(), schedule(1, review.clone()));
    assert_eq!(world.refused(&system(), schedule(2, review.clone())).code, Code::AlreadyExists);
    world.ok(&bob(), done(1, Outcome::Confirmed));
    assert_eq!(world.refused(&system(), schedule(2, review)).code, Code::AlreadyExists, "also when it is done");
}

#[test]
fn whose_act_is_reviewed_does_not_review_it() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    world.ok(&system(), schedule(1, Plan { not_by: Some(alice()), ..plan(About::Emergency, Subject::Version(model, number)) }));
    assert_eq!(world.refused(&alice(), done(1, Outcome::Confirmed)).code, Code::SeparationOfDuties);
    world.ok(&bob(), done(1, Outcome::Confirmed));
}

#[test]
fn a_review_of_a_risk_concerns_every_model_of_the_risk() {
    let mut world = World::new();
    let models = [world.model("loans"), world.model("cards")];
    let id = RiskId::parse(&format!("r{:0>32}", 1)).unwrap();
    let assessment = Assessment {
        title: "drift".to_owned(),
        category: label("quality"),
        severity: Severity::Low,
        likelihood: Likelihood::Rare,
        description: String::new(),
        requirements: vec![],
        review_date: None,
    };
    world.ok(&alice(), crate::risk::Command::Add { id: id.clone(), assessment: Box::new(assessment), models: models.to_vec(), mitigations: vec![] });
    let before: Vec<u64> = models.iter().map(|model| attached(&mut world, model)).collect();
    world.ok(&alice(), schedule(1, plan(About::Risk, Subject::Risk(id))));
    for (model, before) in models.iter().zip(before) {
        assert!(attached(&mut world, model) > before);
    }
    assert_eq!(world.row::<ReviewRow>(&[&review_id(1)]).unwrap().model_id, None);
}

#[test]
fn what_cannot_be_reviewed_is_refused() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let whole = || Subject::Model(model.clone());
    for (review, code) in [
        (plan(About::Entry, Subject::Model(model_id(77))), Code::NotFound),
        (plan(About::Card, Subject::Version(model.clone(), numbered(7))), Code::NotFound),
        (plan(About::Policy, whole()), Code::InvalidField),
        (plan(About::Entry, Subject::Registry), Code::InvalidField),
        (plan(About::Risk, Subject::Version(model.clone(), number)), Code::InvalidField),
        (plan(About::Risk, Subject::Risk(RiskId::parse(&format!("r{:0>32}", 9)).unwrap())), Code::NotFound),
        (Plan { every_days: Some(0), ..plan(About::Entry, whole()) }, Code::InvalidField),
        (Plan { every_days: Some(MAX_EVERY_DAYS + 1), ..plan(About::Entry, whole()) }, Code::InvalidField),
        (Plan { due: Timestamp::from_micros(0), ..plan(About::Entry, whole()) }, Code::InvalidField),
        (Plan { cause: Some("x".repeat(MAX_CAUSE_BYTES + 1)), ..plan(About::Entry, whole()) }, Code::TooLarge),
    ] {
        assert_eq!(world.refused(&alice(), schedule(1, review.clone())).code, code, "{review:?}");
    }
    world.ok(&alice(), schedule(1, plan(About::Policy, Subject::Registry)));
    assert_eq!(world.refused(&alice(), schedule(1, plan(About::Policy, Subject::Registry))).code, Code::AlreadyExists);
    assert_eq!(world.refused(&alice(), done(5, Outcome::Confirmed)).code, Code::NotFound);
}
