//! Tags of models and versions.

use super::*;
use crate::refusal::Code;
use crate::tables::{ModelRow, OPEN, TimelineRow, VersionRow};
use crate::testing::*;

fn key(text: &str) -> TagKey {
    TagKey::parse(text).unwrap()
}

fn set(model: &ModelId, number: Option<VersionNumber>, value: &str) -> Command {
    Command::Set { model: model.clone(), number, key: key("team"), value: value.to_owned() }
}

fn delete(model: &ModelId, number: Option<VersionNumber>) -> Command {
    Command::Delete { model: model.clone(), number, key: key("team") }
}

#[test]
fn a_tag_is_set_replaced_and_removed_and_moves_the_revision() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    for of in [None, Some(number)] {
        let stored = of.map_or(WHOLE_MODEL, VersionNumber::get);
        let mut indices = Vec::new();
        for value in ["risk", "fraud"] {
            indices.push(world.ok(&alice(), set(&model, of, value))[0].index);
            assert_eq!(world.row::<TagRow>(&[&model, &stored, &key("team")]).unwrap().value, value);
        }
        indices.push(world.ok(&alice(), delete(&model, of))[0].index);
        assert_eq!(world.row::<TagRow>(&[&model, &stored, &key("team")]), None);
        let revision = match of {
            None => world.row::<ModelRow>(&[&model]).unwrap().revision,
            Some(number) => world.row::<VersionRow>(&[&model, &number]).unwrap().revision,
        };
        assert_eq!(revision, indices[2]);
        let subject = subject(&model, of).to_string();
        let rows: Vec<TimelineRow> = world.all::<TimelineRow>().into_iter().filter(|row| row.subject == subject && row.attribute == "tag:team").collect();
        let spans: Vec<(&str, u64, u64)> = rows.iter().map(|row| (row.value.as_str(), row.from_index, row.to_index)).collect();
        assert_eq!(spans, [("risk", indices[0], indices[1]), ("fraud", indices[1], indices[2])]);
        assert!(rows.iter().all(|row| row.to_index != OPEN));
    }
}

#[test]
fn every_refusal() {
    let mut world = World::new();
    let model = world.model("loans");
    let unknown = model_id(999);
    let none = Some(numbered(9));
    let long = "x".repeat(MAX_ENTRY_VALUE_BYTES + 1);
    let cases: Vec<(&str, Command, Code, Option<&str>)> = vec![
        ("a tag of no model", set(&unknown, None, "x"), Code::NotFound, None),
        ("a tag of no version", set(&model, none, "x"), Code::NotFound, None),
        ("a long value", set(&model, None, &long), Code::TooLarge, Some("value")),
        ("a NUL", set(&model, None, "a\0b"), Code::InvalidField, Some("value")),
        ("deleting of no model", delete(&unknown, None), Code::NotFound, None),
        ("deleting of no version", delete(&model, none), Code::NotFound, None),
        ("deleting what is not there", delete(&model, None), Code::NotFound, None),
    ];
    for (what, command, code, field) in cases {
        let refusal = world.refused(&alice(), command);
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, field), "{what}: {refusal}");
    }
    // The largest value with the worst escapes: six bytes for one must still fit, or be refused by its length in bytes.
    let escaped = "\u{1}".repeat(MAX_ENTRY_VALUE_BYTES);
    assert_eq!(world.refused(&alice(), set(&model, None, &escaped)).code, Code::TooLarge);
    world.ok(&alice(), set(&model, None, &"x".repeat(MAX_ENTRY_VALUE_BYTES)));
}
