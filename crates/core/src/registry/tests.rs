//! Commands on the registry as a whole.

use super::*;
use crate::testing::*;

fn set_mode(mode: PolicyMode, ungated: &[&str]) -> Command {
    Command::SetPolicyMode { mode, reason: reason(), ungated: ungated.iter().map(|name| (*name).to_owned()).collect() }
}

fn mode_of(world: &mut World) -> PolicyMode {
    mode(&mut world.rows).unwrap()
}

#[test]
fn a_registry_without_a_setting_enforces() {
    assert_eq!(mode(&mut Rows::empty()).unwrap(), PolicyMode::Enforce);
}

#[test]
fn the_mode_is_set_at_the_start_and_changed_by_command() {
    for start in PolicyMode::ALL {
        let mut world = World::with_mode(*start);
        assert_eq!(mode_of(&mut world), *start);
        for to in PolicyMode::ALL {
            world.ok(&alice(), set_mode(*to, &[]));
            assert_eq!(mode_of(&mut world), *to);
        }
    }
    let mut world = World::new();
    world.ok(&alice(), set_mode(PolicyMode::Warn, &["loans/1"]));
    assert_eq!(mode_of(&mut world), PolicyMode::Warn, "only turning to enforce asks about ungated versions");
}

#[test]
fn every_refusal() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let model = world.model("loans");
    let check = Command::RecordCheck { model, number: numbered(9), target: State::Candidate, gate: passing() };
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("a second start", Command::Start { origin: "other".to_owned(), mode: PolicyMode::Warn, baseline: baseline() }, Code::AlreadyExists, None),
        ("enforcing with ungated versions", set_mode(PolicyMode::Enforce, &["loans/1"]), Code::TransitionRefused, Some("mode")),
        ("a check of nothing", check, Code::NotFound, None),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}

#[test]
fn a_recorded_check_and_a_recorded_refusal_change_no_row() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let before = derived(&world.rows);
    let entries = world.ok(&alice(), Command::RecordCheck { model: model.clone(), number, target: State::Approved, gate: failing(false, true) });
    let crate::Event::Registry(Event::CheckRecorded { passed, failed, .. }) = &entries[0].event else { panic!("a check") };
    assert_eq!((*passed, failed.as_slice()), (false, &["evaluation.complete".to_owned()][..]));

    let refusal = failing(true, true).check().unwrap_err();
    let draft = refused(Subject::Version(model, number), "execute", &refusal, Some(&failing(true, true)));
    let crate::Event::Registry(Event::Refused { code, rules, verdict, .. }) = &draft.event else { panic!("a refusal") };
    assert_eq!((*code, rules.len(), *verdict), (Code::NonWaivable, 1, Some(failing(true, true).payload.digest)));
    let entry = Entry {
        index: 99,
        at: world.now(),
        actor: alice(),
        door: crate::entry::Door::Api,
        subject: draft.subject,
        event: draft.event,
        request: None,
        run: None,
        through: Vec::new(),
    };
    crate::apply(&mut world.rows, &entry).unwrap();
    assert_eq!(derived(&world.rows), before);
}

#[test]
fn releases_and_aliases_move_what_a_gate_notes_of_them() {
    let mut world = World::new();
    let (model, other) = (world.model("loans"), world.model("fraud"));
    let number = world.version(&model);
    let noted = |world: &mut World, model: &ModelId| world.row::<SettingRow>(&[&releases(model)]).map(|row| row.revision);
    assert_eq!(noted(&mut world, &model), None, "a draft is no release");
    let mut last = None;
    for step in 0..4 {
        match step {
            0 => world.promote(&model, number, State::Production),
            1 => drop(world.ok(&carol(), set_alias(&model, "champion", number))),
            2 => drop(world.ok(&alice(), move_version(&model, number, State::Deprecated))),
            _ => drop(world.ok(&carol(), roll_back(&model, number, vec![]))),
        }
        let now = noted(&mut world, &model);
        assert!(now > last, "step {step}: {now:?} after {last:?}");
        last = now;
    }
    assert_eq!(noted(&mut world, &other), None);
}

#[test]
fn a_key_is_rotated_from_the_one_in_force() {
    let mut world = World::new();
    let rotate = |old: &str, new: &str| Command::RotateKey { purpose: KeyPurpose::Decision, old: old.to_owned(), new: new.to_owned(), overlap_until: None };
    let refused = world.refused(&alice(), rotate("a", "a"));
    assert_eq!(refused.code, Code::InvalidField);
    world.ok(&alice(), rotate("a", "b"));
    let in_force = |world: &mut World, purpose| world.row::<SettingRow>(&[&key_in_force(purpose)]).map(|row| row.value);
    assert_eq!(in_force(&mut world, KeyPurpose::Decision).as_deref(), Some("b|"));
    assert_eq!(in_force(&mut world, KeyPurpose::Checkpoint), None);
    let refused = world.refused(&alice(), rotate("a", "c"));
    assert_eq!((refused.code, refused.message.as_str()), (Code::PreconditionFailed, "another decision key is in force"));
    world.ok(&alice(), rotate("b", "c"));
    assert_eq!(in_force(&mut world, KeyPurpose::Decision).as_deref(), Some("c|"));
    let until = world.now();
    let checkpoint = Command::RotateKey { purpose: KeyPurpose::Checkpoint, old: "x".to_owned(), new: "y".to_owned(), overlap_until: Some(until) };
    world.ok(&alice(), checkpoint);
    assert_eq!(in_force(&mut world, KeyPurpose::Checkpoint), Some(format!("y|{until}")));
}
