//! Templates: two persons, one in force, and texts that fit what they require.

use super::*;
use crate::names::ActorId;
use crate::testing::*;

const TEXT: &str = "# Model card\n## Intended use\n## Limitations\n## Citation [optional]\n";

fn text(text: &str) -> Payload {
    Payload::new("text", text.as_bytes().to_vec()).unwrap()
}

fn add(name: &str, content: &str) -> Command {
    Command::Add { name: label(name), evidence_type: EvidenceType::ModelCard, text: text(content), sections: None }
}

fn approve(version: u64) -> Command {
    Command::Approve { name: label("card"), version }
}

fn withdraw(version: u64) -> Command {
    Command::Withdraw { name: label("card"), version, reason: reason() }
}

/// Number and status of every version, and which is in force.
fn stand(world: &mut World) -> (Vec<(u64, Status)>, Option<u64>) {
    let mut versions: Vec<(u64, Status)> = world.all::<TemplateRow>().into_iter().map(|row| (row.version, row.status)).collect();
    versions.sort_by_key(|(version, _)| *version);
    (versions, world.row::<TemplateNameRow>(&[&label("card")]).unwrap().in_force)
}

#[test]
fn the_newest_approved_version_is_in_force() {
    use Status::{Approved, Proposed, Withdrawn};
    let mut world = World::new();
    let steps: Vec<(Command, Vec<(u64, Status)>, Option<u64>)> = vec![
        (add("card", TEXT), vec![(1, Proposed)], None),
        (approve(1), vec![(1, Approved)], Some(1)),
        (add("card", &format!("---\ntemplate: card@2\n---\n{TEXT}")), vec![(1, Approved), (2, Proposed)], Some(1)),
        (approve(2), vec![(1, Approved), (2, Approved)], Some(2)),
        (withdraw(2), vec![(1, Approved), (2, Withdrawn)], Some(1)),
        (add("card", "# x\n## New\n"), vec![(1, Approved), (2, Withdrawn), (3, Proposed)], Some(1)),
        (withdraw(3), vec![(1, Approved), (2, Withdrawn), (3, Withdrawn)], Some(1)),
        (withdraw(1), vec![(1, Withdrawn), (2, Withdrawn), (3, Withdrawn)], None),
    ];
    for (command, versions, in_force) in steps {
        let actor = if matches!(command, Command::Approve { .. }) { bob() } else { alice() };
        let entries = world.ok(&actor, command.clone());
        assert_eq!(stand(&mut world), (versions, in_force), "{command:?}");
        assert_eq!(world.row::<SettingRow>(&[&TEMPLATES]).unwrap().revision, entries[0].index, "every event moves the setting");
    }
    let first = world.row::<TemplateRow>(&[&label("card"), &1_u64]).unwrap();
    assert_eq!((first.sections, first.added_by, first.approved_by), (serde_json::json!(["intended_use", "limitations"]), alice(), Some(bob())));
    assert_eq!(derived(&world.rows), derived(&replay(&world.bytes, &world.payloads)));
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let pipeline = ActorId::parse(&format!("p{:0>32}", 1)).unwrap();
    world.ok(&alice(), add("card", TEXT));
    world.ok(&alice(), add("card", TEXT));
    world.ok(&bob(), approve(2));
    world.ok(&alice(), add("card", TEXT));
    world.ok(&alice(), withdraw(3));
    let typed = |evidence_type| Command::Add { name: label("card"), evidence_type, text: text(TEXT), sections: None };
    let requiring =
        |sections: Vec<String>| Command::Add { name: label("other"), evidence_type: EvidenceType::ModelCard, text: text(TEXT), sections: Some(sections) };
    let cases: Vec<(&str, ActorId, Command, Code, Option<&str>)> = vec![
        ("of a tool", alice(), typed(EvidenceType::Sbom), Code::InvalidField, Some("type")),
        ("of another type", alice(), typed(EvidenceType::Review), Code::InvalidField, Some("type")),
        ("a section without a heading", alice(), requiring(vec!["performance".to_owned()]), Code::InvalidField, Some("sections")),
        ("no section", alice(), requiring(vec![]), Code::InvalidField, Some("sections")),
        ("many sections", alice(), requiring(vec!["limitations".to_owned(); MAX_SECTIONS + 1]), Code::TooLarge, Some("sections")),
        ("no heading", alice(), add("other", "text"), Code::InvalidField, Some("sections")),
        ("a large text", alice(), add("other", &format!("{TEXT}{}", "x".repeat(MAX_TEXT_BYTES))), Code::TooLarge, Some("text")),
        ("broken front matter", alice(), add("other", "---\na: [\n---\n# x\n"), Code::InvalidField, Some("text")),
        ("another name in the text", alice(), add("other", &format!("---\ntemplate: card@1\n---\n{TEXT}")), Code::InvalidField, Some("text")),
        ("another number in the text", alice(), add("other", &format!("---\ntemplate: other@2\n---\n{TEXT}")), Code::InvalidField, Some("text")),
        ("approved by who added it", alice(), approve(1), Code::SeparationOfDuties, None),
        ("approved by a pipeline", pipeline, approve(1), Code::SeparationOfDuties, None),
        ("approved twice", bob(), approve(2), Code::AlreadyExists, None),
        ("approved after it was withdrawn", bob(), approve(3), Code::TransitionRefused, None),
        ("withdrawn twice", bob(), withdraw(3), Code::TransitionRefused, None),
        ("approved and not there", bob(), approve(9), Code::NotFound, None),
        ("withdrawn and not there", bob(), withdraw(9), Code::NotFound, None),
    ];
    for (what, actor, command, code, field) in cases {
        let refusal = world.refused(&actor, command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
}
