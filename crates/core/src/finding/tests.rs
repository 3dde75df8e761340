use super::*;
use crate::testing::*;

fn opening(subject: &Subject, due: Option<Timestamp>) -> Command {
    Command::Open { subject: subject.clone(), rule: "owner.present".to_owned(), message: "nobody owns it".to_owned(), due }
}

fn closing(subject: &Subject) -> Command {
    Command::Close { subject: subject.clone(), rule: "owner.present".to_owned() }
}

#[test]
fn a_subject_has_one_open_finding_of_a_rule() {
    let mut world = World::new();
    let model = world.model("loans");
    let subject = Subject::Model(model.clone());
    world.ok(&system(), opening(&subject, None));
    assert_eq!(world.refused(&system(), opening(&subject, None)).code, Code::AlreadyExists);
    // Due at another time: another finding.
    let later = Some(Timestamp::from_micros(1));
    assert_eq!(world.ok(&system(), opening(&subject, later)).len(), 2);
    let rows = world.all::<FindingRow>();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].status, rows[0].due, rows[0].model_id.as_ref()), (Status::Open, later, Some(&model)));
    world.ok(&system(), closing(&subject));
    assert_eq!(world.refused(&system(), closing(&subject)).code, Code::NotFound);
    let row = world.all::<FindingRow>().remove(0);
    assert_eq!((row.status, row.reason), (Status::Closed, Some(Closing::Resolved)));
    world.ok(&system(), opening(&subject, later));
    assert_eq!(world.all::<FindingRow>()[0].closed_at, None, "open again");
}

#[test]
fn nobody_opens_or_closes_a_finding_by_hand() {
    let mut world = World::new();
    let model = world.model("loans");
    let subject = Subject::Model(model);
    assert_eq!(world.refused(&alice(), opening(&subject, None)).code, Code::AccessDenied);
    world.ok(&system(), opening(&subject, None));
    assert_eq!(world.refused(&alice(), closing(&subject)).code, Code::AccessDenied);
    world.ok(&alice(), Command::Ran(Counts::default()));
}

#[test]
fn a_finding_moves_no_revision() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let revision = |world: &mut World| world.row::<crate::tables::VersionRow>(&[&model, &number]).unwrap().revision;
    let before = revision(&mut world);
    world.ok(&system(), opening(&Subject::Version(model.clone(), number), None));
    assert_eq!(revision(&mut world), before);
}

#[test]
fn a_message_has_a_limit() {
    assert_eq!(clipped("short"), "short");
    let long = "é".repeat(MAX_MESSAGE_BYTES);
    assert_eq!(clipped(&long).len(), MAX_MESSAGE_BYTES);
    assert_eq!(clipped(&format!("x{long}")).len(), MAX_MESSAGE_BYTES - 1);
}
