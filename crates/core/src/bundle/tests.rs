//! Policy bundles and their two persons.

use super::*;
use crate::names::Timestamp;
use crate::tables::TimelineRow;
use crate::testing::*;

fn upload(text: &str) -> Command {
    let document = Payload::json("bundle", &serde_json::json!({"x.rego": text})).unwrap();
    Command::Upload { document, files: 1, size: 9, reason: None }
}

fn of(command: &Command) -> Digest {
    let Command::Upload { document, .. } = command else { panic!("an upload") };
    document.digest
}

fn activate(bundle: Digest) -> Command {
    Command::Activate { bundle, effective: Digest::of(b"both"), reason: reason() }
}

fn withdraw(bundle: Digest) -> Command {
    Command::Withdraw { bundle, reason: reason() }
}

fn setting(world: &mut World) -> String {
    world.row::<SettingRow>(&[&POLICY_BUNDLE]).map(|row| row.value).unwrap_or_default()
}

fn status(world: &mut World, bundle: Digest) -> Status {
    world.row::<BundleRow>(&[&bundle]).unwrap().status
}

/// POL-5: one uploads, another activates; the next replaces it; taking it out needs another than who put it in.
#[test]
fn a_bundle_comes_into_force_and_out_by_two_persons() {
    let mut world = World::new();
    let (first, second) = (upload("1"), upload("2"));
    world.ok(&alice(), first.clone());
    world.ok(&bob(), second.clone());
    let (first, second) = (of(&first), of(&second));
    assert_eq!((setting(&mut world), status(&mut world, first)), (String::new(), Status::Uploaded), "uploading has no effect");
    let activated = world.ok(&bob(), activate(first));
    assert_eq!((setting(&mut world), status(&mut world, first)), (first.to_string(), Status::Active));
    let entries = world.ok(&alice(), activate(second));
    let crate::Event::Bundle(Event::Activated { replaced, uploaded_by, .. }) = &entries[0].event else { panic!("activated") };
    assert_eq!((*replaced, uploaded_by.clone()), (Some(first), bob()));
    assert_eq!((setting(&mut world), status(&mut world, first), status(&mut world, second)), (second.to_string(), Status::Uploaded, Status::Active));
    world.ok(&bob(), withdraw(second));
    assert_eq!((setting(&mut world), status(&mut world, second)), (String::new(), Status::Withdrawn));
    world.ok(&bob(), activate(first));
    assert_eq!(setting(&mut world), first.to_string(), "what was in force before can be again");
    let rows: Vec<TimelineRow> =
        world.all::<TimelineRow>().into_iter().filter(|row| row.attribute == POLICY_BUNDLE && row.value == first.to_string()).collect();
    assert_eq!(rows.iter().map(|row| row.from_index).min(), Some(activated[0].index), "a replay finds when it was in force");
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let (mine, out) = (upload("mine"), upload("out"));
    let pipeline = ActorId::parse(&format!("p{:032x}", 5)).unwrap();
    world.ok(&alice(), mine.clone());
    world.ok(&alice(), out.clone());
    world.ok(&alice(), withdraw(of(&out)));
    let unknown = Digest::of(b"unknown");
    let (active, mine_digest) = (upload("active"), of(&mine));
    world.ok(&bob(), active.clone());
    world.ok(&alice(), activate(of(&active)));
    for (what, who, command, code) in [
        ("the same again", bob(), mine, Code::AlreadyExists),
        ("an upload by a pipeline", pipeline.clone(), upload("other"), Code::SeparationOfDuties),
        ("activating what one uploaded", alice(), activate(mine_digest), Code::SeparationOfDuties),
        ("activation by a pipeline", pipeline.clone(), activate(mine_digest), Code::SeparationOfDuties),
        ("activating nothing", bob(), activate(unknown), Code::NotFound),
        ("activating twice", bob(), activate(of(&active)), Code::TransitionRefused),
        ("withdrawing what one activated", alice(), withdraw(of(&active)), Code::SeparationOfDuties),
        ("withdrawing twice", bob(), withdraw(of(&out)), Code::TransitionRefused),
        ("withdrawing nothing", bob(), withdraw(unknown), Code::NotFound),
        ("withdrawing by a pipeline", pipeline, withdraw(of(&active)), Code::SeparationOfDuties),
    ] {
        assert_eq!(world.refused(&who, command).code, code, "{what}");
    }
}

#[test]
fn another_baseline_is_noted() {
    let mut world = World::new();
    let first = world.row::<SettingRow>(&[&POLICY_BASELINE]).unwrap();
    assert_eq!(first.value, baseline().digest.to_string());
    let document = Payload::new("baseline", b"{}".to_vec()).unwrap();
    world.ok(&ActorId::parse("system").unwrap(), Command::Ship { document: document.clone() });
    let row = world.row::<SettingRow>(&[&POLICY_BASELINE]).unwrap();
    assert!(row.value == document.digest.to_string() && row.revision > first.revision);
    assert!(Timestamp::parse("2026-05-03T12:00:00Z").unwrap() < world.now());
}
