//! Compositions: what a version of a system may be made of.

use serde_json::{Value, json};

use super::*;
use crate::entry::Subject;
use crate::names::{ModelName, RiskTier};
use crate::tables::ComponentRow;
use crate::testing::*;
use crate::version::{Command, Event, version_digest};
use crate::{Event as Any, model};

fn create(world: &mut World, name: &str, kind: ModelKind) -> ModelId {
    let id = model_id(world.entries.len());
    let model::Command::Create { id, risk_tier, profile, tags, .. } = create_model(&id, name, RiskTier::Minimal) else { panic!("a creation") };
    let command = model::Command::Create { id: id.clone(), name: ModelName::parse(name).unwrap(), kind, risk_tier, profile, tags };
    world.ok(&alice(), command);
    id
}

fn part(world: &mut World, role: &str, model: &ModelId, number: VersionNumber) -> Part {
    let version = world.row::<VersionRow>(&[model, &number]).unwrap();
    let row = world.row::<ModelRow>(&[model]).unwrap();
    let reference = format!("{}/{number}", row.name);
    Part { role: label(role), reference, kind: row.kind, model: model.clone(), number, version_digest: version.version_digest }
}

fn register(model: &ModelId, facts: &Value, manifest: Manifest) -> Command {
    let Command::Register { model, semver, bump, description, origin, tags, .. } = register_version(model, "x") else { panic!("a registration") };
    Command::Register { model, manifest, facts: Payload::json("facts", facts).unwrap(), semver, bump, description, origin, tags }
}

fn compose(system: &ModelId, parts: &[Part]) -> Command {
    let pins = parts.iter().map(Part::pin).collect();
    register(system, &json!({"composition": parts, "grades": {"composition": "read"}}), Manifest::empty().with(pins))
}

fn composed(world: &mut World, system: &ModelId, parts: &[Part]) -> VersionNumber {
    let entries = world.ok(&alice(), compose(system, parts));
    let Subject::Version(_, number) = entries[0].subject else { panic!("a version") };
    number
}

/// A system with a model and a prompt.
fn assistant(world: &mut World) -> (ModelId, Vec<Part>) {
    let (base, prompt) = (create(world, "base", ModelKind::Model), create(world, "greeting", ModelKind::Prompt));
    let (one, two) = (world.version(&base), world.version(&prompt));
    let parts = vec![part(world, "model", &base, one), part(world, "prompt", &prompt, two)];
    (create(world, "assistant", ModelKind::System), parts)
}

/// SYS-1: the content digest is the digest of the composition; parts are shared and pinned, and their revision stays.
#[test]
fn a_composition_is_sealed_and_its_parts_are_kept() {
    let mut world = World::new();
    let (system, parts) = assistant(&mut world);
    let before = world.row::<VersionRow>(&[&parts[0].model, &parts[0].number]).unwrap();
    let number = composed(&mut world, &system, &parts);
    let row = world.row::<VersionRow>(&[&system, &number]).unwrap();
    let canonical = json!({"v": 1, "files": [], "composition": parts.iter().map(Part::pin).collect::<Vec<_>>()});
    assert_eq!(row.content_digest, Digest::of(&serde_json_canonicalizer::to_vec(&canonical).unwrap()));
    assert_eq!((row.files, row.held), (0, true));
    assert_eq!(row.version_digest, version_digest(&system, number, row.content_digest, row.facts_digest));
    let after = world.row::<VersionRow>(&[&parts[0].model, &parts[0].number]).unwrap();
    assert_eq!(after, VersionRow { shared: true, pinned: true, ..before });
    assert_eq!(world.all::<ComponentRow>().len(), 2);
    assert_eq!(world.row::<CompositionRow>(&[&system, &number]).unwrap().depth, 1);
    let refusal = world.run(&alice(), world.hide_version(&parts[1].model, parts[1].number)).unwrap_err();
    assert_eq!(refusal.code, Code::ProtectedDeletion);
}

/// A new prompt changes no version that is sealed; a new version with it has another content digest.
#[test]
fn a_new_prompt_means_a_new_version() {
    let mut world = World::new();
    let (system, mut parts) = assistant(&mut world);
    let first = composed(&mut world, &system, &parts);
    let before = world.row::<VersionRow>(&[&system, &first]).unwrap();
    let newer = world.version(&parts[1].model.clone());
    assert_eq!(world.row::<VersionRow>(&[&system, &first]).unwrap(), before);
    parts[1] = part(&mut world, "prompt", &parts[1].model.clone(), newer);
    let second = composed(&mut world, &system, &parts);
    assert_ne!(world.row::<VersionRow>(&[&system, &second]).unwrap().content_digest, before.content_digest);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let mut world = World::new();
    let (system, parts) = assistant(&mut world);
    let base = parts[0].model.clone();
    let first = composed(&mut world, &system, &parts);
    let own = part(&mut world, "system", &system, first);
    let retired = world.version_in(&base, State::Retired);
    let retired = part(&mut world, "model", &base, retired);
    let other = Part { version_digest: Digest::of(b"other"), ..parts[0].clone() };
    let missing = Part { number: numbered(99), reference: "base/99".to_owned(), ..parts[0].clone() };
    let role = |role: &str, of: &Part| Part { role: label(role), ..of.clone() };
    let many: Vec<Part> = (0..=MAX_COMPONENTS).map(|at| role(&format!("r{at}"), &parts[0])).collect();
    let cases: Vec<(Vec<Part>, Code, &str)> = vec![
        (vec![], Code::InvalidField, "facts.composition"),
        (vec![own], Code::InvalidField, "facts.composition[0].reference"),
        (vec![parts[1].clone(), missing], Code::NotFound, "facts.composition[1].reference"),
        (vec![retired], Code::InvalidField, "facts.composition[0].reference"),
        (vec![other], Code::DigestMismatch, "facts.composition[0].version_digest"),
        (vec![parts[0].clone(), parts[0].clone()], Code::InvalidField, "facts.composition[1]"),
        (vec![role("prompt", &parts[0])], Code::InvalidField, "facts.composition[0].role"),
        (vec![role("index", &parts[1])], Code::InvalidField, "facts.composition[0].role"),
        (vec![Part { kind: ModelKind::Prompt, ..parts[0].clone() }], Code::InvalidField, "facts.composition[0].role"),
        (many, Code::TooLarge, "facts.composition"),
    ];
    for (parts, code, field) in cases {
        let refusal = world.refused(&alice(), compose(&system, &parts));
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)), "{parts:?}");
    }
    let refusal = world.refused(&alice(), compose(&base, &parts));
    assert_eq!(refusal.message, "only systems have a composition; `base` is a model");
    // Facts and manifest must pin the same versions.
    let facts = json!({"composition": parts});
    let refusal = world.refused(&alice(), register(&system, &facts, Manifest::empty().with(vec![parts[0].pin()])));
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::DigestMismatch, Some("facts.composition")));
    // The same part may stand in two roles, and a role of the organisation takes any kind.
    composed(&mut world, &system, &[role("judge", &parts[0]), parts[0].clone()]);
}

#[test]
fn systems_contain_systems_up_to_a_depth() {
    let mut world = World::new();
    let (mut system, mut parts) = assistant(&mut world);
    for depth in 1..=MAX_DEPTH {
        let number = composed(&mut world, &system, &parts);
        assert_eq!(world.row::<CompositionRow>(&[&system, &number]).unwrap().depth, depth);
        parts = vec![part(&mut world, "system", &system, number)];
        system = create(&mut world, &format!("outer-{depth}"), ModelKind::System);
    }
    let refusal = world.refused(&alice(), compose(&system, &parts));
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TooLarge, Some("facts.composition")));
}

/// A composition that names a digest which the part does not have cannot lead back to the system: the only way to a cycle.
#[test]
fn a_cycle_needs_a_digest_that_nothing_has() {
    let mut world = World::new();
    let (inner, parts) = assistant(&mut world);
    let outer = create(&mut world, "outer", ModelKind::System);
    // The version of `outer` that would close the cycle has no number yet.
    let ahead = Part {
        role: label("system"),
        reference: "outer/1".to_owned(),
        kind: ModelKind::System,
        model: outer.clone(),
        number: numbered(1),
        version_digest: version_digest(&outer, numbered(1), Digest::of(b"content"), Digest::of(b"facts")),
    };
    let mut with = parts.clone();
    with.push(ahead.clone());
    assert_eq!(world.refused(&alice(), compose(&inner, &with)).code, Code::NotFound);
    let number = composed(&mut world, &inner, &parts);
    let inside = part(&mut world, "system", &inner, number);
    composed(&mut world, &outer, &[inside]);
    // Now the number exists, with another digest than the one that was guessed.
    assert_eq!(world.refused(&alice(), compose(&inner, &with)).code, Code::DigestMismatch);
}

/// The digest of a pinned version never changes, not even because its bytes come in.
#[test]
fn a_pinned_version_takes_no_bytes() {
    let mut world = World::new();
    let base = create(&mut world, "base", ModelKind::Model);
    let Command::Register { model, facts, semver, bump, description, tags, .. } = register_version(&base, "x") else { panic!("a registration") };
    let origin = Some(Origin { source: "s3://bucket/m".to_owned(), ..Origin::default() });
    let entries = world.ok(&alice(), Command::Register { model, manifest: Manifest::empty(), facts: facts.clone(), semver, bump, description, origin, tags });
    let Any::Version(Event::Registered { number, .. }) = entries[0].event else { panic!("a registration") };
    let system = create(&mut world, "assistant", ModelKind::System);
    let parts = [part(&mut world, "model", &base, number)];
    composed(&mut world, &system, &parts);
    let refusal = world.refused(&alice(), Command::Attach { model: base, number, manifest: manifest("w"), facts, expected: None });
    assert_eq!(refusal.code, Code::TransitionRefused);
    assert!(refusal.message.contains("pins its digest"), "{refusal}");
}
