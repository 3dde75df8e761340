//! Commands on versions: registration, semantic versions, all 36 cells of the lifecycle, hiding.

use super::*;
use crate::lifecycle::steps;
use crate::names::PolicyMode;
use crate::promotion;
use crate::tables::{OPEN, TimelineRow};
use crate::testing::*;

fn state_of(world: &mut World, model: &ModelId, number: VersionNumber) -> State {
    world.row::<VersionRow>(&[model, &number]).unwrap().state
}

fn describe(model: &ModelId, number: VersionNumber, text: &str, expected: Option<u64>) -> Command {
    Command::Describe { model: model.clone(), number, description: text.to_owned(), expected }
}

#[test]
fn registration_seals_the_digests() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let row = world.row::<VersionRow>(&[&model, &number]).unwrap();
    assert_eq!((number.get(), row.state, row.semver.as_str(), row.files), (1, State::Draft, "1.0.0", 1));
    let canonical = serde_json::json!({
        "v": 1, "model_id": model, "number": 1, "content_digest": row.content_digest, "facts_digest": row.facts_digest,
    });
    assert_eq!(row.version_digest, Digest::of(&serde_json_canonicalizer::to_vec(&canonical).unwrap()));
    assert_eq!(world.row::<ModelRow>(&[&model]).unwrap().last_number, 1);
    assert_eq!(world.all::<BlobUseRow>().len(), 1);
}

#[test]
fn semantic_versions_are_unique_and_suggested() {
    let mut world = World::new();
    let model = world.model("loans");
    // (given, what the version gets, or the refusal)
    let cases: [(Option<&str>, Result<&str, Code>); 10] = [
        (None, Ok("1.0.0")),
        (None, Ok("1.1.0")),
        (Some("1.1.0"), Err(Code::AlreadyExists)),
        (Some("1.1.0+build.7"), Err(Code::AlreadyExists)),
        (Some("0.9.0"), Ok("0.9.0")),
        (None, Ok("1.2.0")),
        (Some("2.0.0-rc.1"), Ok("2.0.0-rc.1")),
        (Some("2.0.0+x"), Ok("2.0.0+x")),
        (Some("2.0.0"), Err(Code::AlreadyExists)),
        (None, Ok("2.1.0")),
    ];
    for (index, (given, expected)) in cases.into_iter().enumerate() {
        let command = register_version_as(&model, &format!("content {index}"), given);
        match expected {
            Ok(semver) => {
                let Subject::Version(_, number) = world.ok(&alice(), command)[0].subject.clone() else { panic!("a version") };
                assert_eq!(world.row::<VersionRow>(&[&model, &number]).unwrap().semver, semver);
            }
            Err(code) => {
                let refusal = world.refused(&alice(), command);
                assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some("semver")));
            }
        }
    }
}

#[test]
fn all_36_cells_by_transition_and_by_promotion() {
    for from in State::ALL {
        for to in State::ALL {
            let cell = format!("{from} to {to}");
            let mut world = World::new();
            let model = world.model("loans");
            let number = world.version_in(&model, *from);
            match transition(*from, *to) {
                Move::Demote | Move::Deprecate | Move::Reinstate | Move::Retire => {
                    let refusal = world.refused(&alice(), open_promotion(&promotion_id(900), &model, number, *to));
                    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("to")), "{cell}");
                    let entries = world.ok(&alice(), move_version(&model, number, *to));
                    assert_eq!(entries.len(), 1, "{cell}");
                    assert_eq!(state_of(&mut world, &model, number), *to, "{cell}");
                }
                Move::Promote => {
                    let refusal = world.refused(&alice(), move_version(&model, number, *to));
                    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("to")), "{cell}");
                    let before = world.entries.len();
                    world.promote(&model, number, *to);
                    let moves: Vec<State> = world.entries[before..]
                        .iter()
                        .filter_map(|entry| if let crate::Event::Version(Event::Transitioned { to, .. }) = &entry.event { Some(*to) } else { None })
                        .collect();
                    assert_eq!(moves, steps(*from, *to), "{cell}: step by step");
                    assert_eq!(state_of(&mut world, &model, number), *to, "{cell}");
                }
                Move::Same | Move::Rollback | Move::Refused(_) => {
                    for command in [crate::Command::from(move_version(&model, number, *to)), open_promotion(&promotion_id(900), &model, number, *to).into()] {
                        let refusal = world.refused(&alice(), command);
                        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("to")), "{cell}");
                        assert!(refusal.remedy.is_some(), "{cell}");
                    }
                    assert_eq!(state_of(&mut world, &model, number), *from, "{cell}");
                }
            }
        }
    }
}

#[test]
fn only_what_was_in_production_is_rolled_back_to() {
    for from in State::ALL {
        let mut world = World::new();
        let model = world.model("loans");
        let number = world.version_in(&model, *from);
        let refusal = world.refused(&alice(), roll_back(&model, number, vec![]));
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("to")), "{from}, never released and deprecated");
    }
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version_in(&model, State::Production);
    let mut deprecation = move_version(&model, number, State::Deprecated);
    if let Command::Transition { sunset, successor, .. } = &mut deprecation {
        (*sunset, *successor) = (Some(world.now()), Some(world.version(&model)));
    }
    world.ok(&alice(), deprecation);
    let row = world.row::<VersionRow>(&[&model, &number]).unwrap();
    assert!(row.sunset.is_some() && row.successor.is_some());
    world.ok(&carol(), roll_back(&model, number, vec![]));
    let row = world.row::<VersionRow>(&[&model, &number]).unwrap();
    assert_eq!((row.state, row.successor, row.sunset), (State::Production, None, None), "nothing replaces what is back in use");
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let model = world.model("loans");
    let draft = world.version(&model);
    let deprecated = world.version_in(&model, State::Deprecated);
    let shared = world.version(&model);
    world.ok(&alice(), set_alias(&model, "mine", shared));
    let (unknown, none) = (model_id(999), numbered(99));
    let long = "x".repeat(crate::tag::MAX_ENTRY_VALUE_BYTES + 1);
    let Command::Register { manifest, facts, bump, .. } = register_version(&model, "new") else { panic!("a registration") };
    let verbose = Command::Register { model: model.clone(), manifest, facts, semver: None, bump, description: long.clone(), origin: None, tags: vec![] };
    let deprecate = |successor| Command::Transition {
        model: model.clone(),
        number: draft,
        to: State::Deprecated,
        reason: reason(),
        successor,
        sunset: None,
        gate: None,
        expected: None,
        attestations: vec![],
    };
    let reinstate = |gate| Command::Transition {
        model: model.clone(),
        number: deprecated,
        to: State::Candidate,
        reason: reason(),
        successor: None,
        sunset: None,
        gate,
        expected: None,
        attestations: vec![],
    };
    let old = Command::Transition {
        model: model.clone(),
        number: draft,
        to: State::Retired,
        reason: reason(),
        successor: None,
        sunset: None,
        gate: None,
        expected: Some(0),
        attestations: vec![],
    };
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("registration under no model", register_version(&unknown, "x"), Code::NotFound, None),
        ("a long description at registration", verbose, Code::TooLarge, Some("description")),
        ("description of nothing", describe(&model, none, "x", None), Code::NotFound, None),
        ("a long description", describe(&model, draft, &long, None), Code::TooLarge, Some("description")),
        ("description of an old revision", describe(&model, draft, "x", Some(0)), Code::PreconditionFailed, Some("If-Match")),
        ("transition of nothing", move_version(&model, none, State::Retired), Code::NotFound, None),
        ("transition of an old revision", old, Code::PreconditionFailed, Some("If-Match")),
        ("an unknown successor", deprecate(Some(none)), Code::NotFound, None),
        ("its own successor", deprecate(Some(draft)), Code::InvalidField, Some("successor")),
        ("reinstating without a gate", reinstate(None), Code::GateFailed, None),
        ("reinstating through a closed gate", reinstate(Some(failing(false, true))), Code::GateFailed, None),
        ("reinstating against a rule for ever", reinstate(Some(failing(true, true))), Code::NonWaivable, None),
        ("hiding nothing", world.hide_version(&model, none), Code::NotFound, None),
        ("hiding what is no draft", world.hide_version(&model, deprecated), Code::ProtectedDeletion, Some("version")),
        ("hiding what had an alias", world.hide_version(&model, shared), Code::ProtectedDeletion, Some("version")),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}

#[test]
fn a_draft_that_nobody_saw_can_be_hidden_and_its_number_is_not_used_again() {
    let mut world = World::new();
    let model = world.model("loans");
    let first = world.version(&model);
    let command = world.hide_version(&model, first);
    world.ok(&alice(), command);
    let row = world.row::<VersionRow>(&[&model, &first]).unwrap();
    assert!(row.hidden && row.state == State::Retired);
    assert_eq!(world.version(&model).get(), 2);
}

#[test]
fn in_mode_warn_any_version_can_be_hidden() {
    for state in State::ALL {
        let mut world = World::with_mode(PolicyMode::Warn);
        let model = world.model("loans");
        let number = world.version_in(&model, *state);
        let command = world.hide_version(&model, number);
        world.ok(&alice(), command);
        assert_eq!(state_of(&mut world, &model, number), State::Retired, "{state}");
    }
}

#[test]
fn a_failed_gate_that_does_not_block_stamps_the_version_until_it_is_a_draft_again() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let model = world.model("loans");
    let number = world.version(&model);
    let id = world.open(&model, number, State::Production);
    let execute = promotion::Command::Execute {
        promotion: id,
        gate: failing(false, false),
        decision: signed(promotion::DecisionKind::Executed, 1),
        replaced: vec![],
        attestation: None,
    };
    world.ok(&carol(), execute);
    let ungated = |world: &mut World| world.row::<VersionRow>(&[&model, &number]).unwrap().ungated;
    assert!(ungated(&mut world));
    world.ok(&alice(), move_version(&model, number, State::Approved));
    assert!(ungated(&mut world));
    world.ok(&alice(), move_version(&model, number, State::Draft));
    assert!(!ungated(&mut world));
}

#[test]
fn the_timeline_knows_the_description_from_registration_on() {
    let mut world = World::new();
    let model = world.model("loans");
    let Command::Register { manifest, facts, bump, .. } = register_version(&model, "new") else { panic!("a registration") };
    world.ok(
        &alice(),
        Command::Register { model: model.clone(), manifest, facts, semver: None, bump, description: "first".to_owned(), origin: None, tags: vec![] },
    );
    world.ok(&alice(), describe(&model, numbered(1), "second", None));
    world.ok(&alice(), describe(&model, numbered(1), "", None));
    let rows: Vec<TimelineRow> =
        world.all::<TimelineRow>().into_iter().filter(|row| row.subject == format!("model/{model}/1") && row.attribute == "description").collect();
    let spans: Vec<(&str, u64, u64)> = rows.iter().map(|row| (row.value.as_str(), row.from_index, row.to_index)).collect();
    assert_eq!(spans, [("first", 2, 3), ("second", 3, 4)]);
    assert!(rows.iter().all(|row| row.to_index != OPEN), "an empty description is none");
}
