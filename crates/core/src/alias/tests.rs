//! Aliases: which state each promises, and what the caller must have seen.

use super::*;
use crate::tables::{OPEN, TimelineRow};
use crate::testing::*;

fn name(text: &str) -> AliasName {
    AliasName::parse(text).unwrap()
}

fn set(model: &ModelId, alias: &str, number: VersionNumber, expected: Expected) -> Command {
    Command::Set { model: model.clone(), alias: name(alias), number, expected }
}

fn delete(model: &ModelId, alias: &str, expected: Expected) -> Command {
    Command::Delete { model: model.clone(), alias: name(alias), expected }
}

#[test]
fn every_alias_in_every_state() {
    use State::{Approved, Candidate, Draft, Production};
    let free = [Draft, Candidate, Approved, Production];
    let aliases: [(&str, &[State]); 7] = [
        ("champion", &[Production]),
        ("canary", &[Production]),
        ("stable", &[Production]),
        ("production", &[Production]),
        ("challenger", &[Approved, Production]),
        ("mine", &free),
        ("Champion", &[Production]),
    ];
    for (alias, allowed) in aliases {
        for state in State::ALL {
            let mut world = World::new();
            let model = world.model("loans");
            let number = world.version_in(&model, *state);
            let command = set(&model, alias, number, Expected::Absent);
            if allowed.contains(state) {
                world.ok(&alice(), command);
                assert_eq!(world.row::<AliasRow>(&[&model, &name(alias)]).unwrap().number, number);
                assert!(world.row::<VersionRow>(&[&model, &number]).unwrap().shared, "a version with an alias is shared");
            } else {
                let refusal = world.refused(&alice(), command);
                assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("version")), "{alias} on {state}");
            }
        }
    }
}

#[test]
fn under_warn_an_alias_may_promise_too_much_and_its_entry_says_so() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let model = world.model("loans");
    let number = world.version(&model);
    let made = world.ok(&alice(), set(&model, "champion", number, Expected::Absent));
    let expected =
        Event::Set { alias: name("champion"), from: None, finding: Some("alias `champion` promises state production; the version is draft".to_owned()) };
    assert_eq!(made.first().map(|entry| entry.event.clone()), Some(expected.into()));
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let model = world.model("loans");
    let (first, second) = (world.version(&model), world.version(&model));
    world.ok(&alice(), set(&model, "mine", first, Expected::Absent));
    let (unknown, none) = (model_id(999), numbered(99));
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("a version that is not there", set(&model, "mine", none, Expected::Anything), Code::NotFound, None),
        ("a model that is not there", set(&unknown, "mine", first, Expected::Anything), Code::NotFound, None),
        ("moving without a precondition", set(&model, "mine", second, Expected::Absent), Code::PreconditionRequired, Some("If-Match")),
        ("moving with an old revision", set(&model, "mine", second, Expected::Revision(1)), Code::PreconditionFailed, Some("If-Match")),
        ("a revision of what is not there", set(&model, "yours", second, Expected::Revision(1)), Code::PreconditionFailed, Some("If-Match")),
        ("deleting what is not there", delete(&model, "yours", Expected::Anything), Code::NotFound, None),
        ("deleting of no model", delete(&unknown, "mine", Expected::Anything), Code::NotFound, None),
        ("deleting with an old revision", delete(&model, "mine", Expected::Revision(1)), Code::PreconditionFailed, Some("If-Match")),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}

#[test]
fn an_alias_moves_goes_and_its_past_is_known() {
    let mut world = World::new();
    let model = world.model("loans");
    let (first, second) = (world.version(&model), world.version(&model));
    let revision = world.ok(&alice(), set(&model, "mine", first, Expected::Absent))[0].index;
    world.ok(&alice(), set(&model, "mine", second, Expected::Revision(revision)));
    world.ok(&alice(), delete(&model, "mine", Expected::Absent));
    assert_eq!(world.row::<AliasRow>(&[&model, &name("mine")]), None);
    let rows: Vec<TimelineRow> = world.all::<TimelineRow>().into_iter().filter(|row| row.attribute == "alias:mine").collect();
    let spans: Vec<(&str, u64, u64)> = rows.iter().map(|row| (row.value.as_str(), row.from_index, row.to_index)).collect();
    assert_eq!(spans, [("1", revision, revision + 1), ("2", revision + 1, revision + 2)]);
    assert!(rows.iter().all(|row| row.to_index != OPEN));
}
