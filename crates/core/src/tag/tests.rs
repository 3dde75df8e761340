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
    let long = "x".repeat(MAX_TAG_VALUE_CHARACTERS + 1);
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
}

#[test]
fn a_long_value_is_a_payload_and_the_row_holds_the_text() {
    let mut world = World::new();
    let model = world.model("loans");
    // (value, whether it is in the entry): by the bytes that it has as JSON, where a control character has six.
    let cases = [
        ("x".repeat(MAX_ENTRY_VALUE_BYTES - 2), true),
        ("x".repeat(MAX_ENTRY_VALUE_BYTES - 1), false),
        ("\u{1}".repeat(MAX_ENTRY_VALUE_BYTES / 6 + 1), false),
        ("\u{1f600}".repeat(MAX_TAG_VALUE_CHARACTERS), false),
        ("\u{1}".repeat(MAX_TAG_VALUE_CHARACTERS), false),
        (String::new(), true),
    ];
    for (value, in_entry) in cases {
        let entry = world.ok(&alice(), set(&model, None, &value)).remove(0);
        let crate::Event::Tag(Event::Set { value: inside, value_digest, .. }) = entry.event else { panic!("a tag") };
        let digest = Digest::of(value.as_bytes());
        assert_eq!((inside.is_some(), value_digest), (in_entry, (!in_entry).then_some(digest)), "{} bytes", value.len());
        assert_eq!(world.row::<TagRow>(&[&model, &WHOLE_MODEL, &key("team")]).unwrap().value, value);
    }
    assert_eq!(derived(&replay(&world.bytes, &world.payloads)), derived(&world.rows));
}

#[test]
fn a_model_and_a_version_have_tags_from_the_start() {
    let mut world = World::new();
    let tags = |pairs: &[(&str, &str)]| -> Vec<(TagKey, String)> { pairs.iter().map(|(name, value)| (key(name), (*value).to_owned())).collect() };
    let given = tags(&[("b", "1"), ("a", "2"), ("b", "3")]);
    let id = model_id(1);
    let model::Command::Create { name, kind, risk_tier, profile, .. } = create_model(&id, "loans", crate::names::RiskTier::Minimal) else { panic!("a model") };
    let create = |tags| model::Command::Create { id: id.clone(), name: name.clone(), kind, risk_tier, profile: profile.clone(), tags };
    let register = |tags| {
        let version::Command::Register { model, manifest, facts, semver, bump, description, origin, .. } = register_version(&id, "x") else {
            panic!("a version")
        };
        version::Command::Register { model, manifest, facts, semver, bump, description, origin, tags }
    };
    let many: Vec<(TagKey, String)> = (0..=MAX_TAGS).map(|number| (key(&format!("k{number}")), String::new())).collect();
    let long = vec![(key("k"), "x".repeat(MAX_TAG_VALUE_CHARACTERS + 1))];
    for (tags, field) in [(many.clone(), "tags"), (long, "value")] {
        let refusal = world.refused(&alice(), create(tags));
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TooLarge, Some(field)));
    }
    assert_eq!(world.ok(&alice(), create(given.clone())).len(), 3);
    let entries = world.ok(&alice(), register(given));
    assert_eq!(entries[0].subject, entries[2].subject);
    assert_eq!(world.refused(&alice(), register(many)).code, Code::TooLarge, "and the version is not there either");
    let rows: Vec<(u64, String, String)> = world.all::<TagRow>().into_iter().map(|row| (row.number, row.key.to_string(), row.value)).collect();
    let expected = [(0, "a", "2"), (0, "b", "3"), (1, "a", "2"), (1, "b", "3")];
    assert_eq!(rows, expected.map(|(number, key, value)| (number, key.to_owned(), value.to_owned())), "of a repeated key the last value counts");
}
