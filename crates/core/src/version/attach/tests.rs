//! Versions whose bytes are elsewhere: registration with an origin, attaching, and when things were last updated.

use super::*;
use crate::approval::ApprovalVerdict;
use crate::manifest::Manifest;
use crate::model;
use crate::names::{Digest, Timestamp};
use crate::tables::{ApprovalRow, BlobUseRow, ModelRow, TimelineRow};
use crate::testing::*;
use crate::version::{Command, MAX_ADDRESS_BYTES, MAX_RUN_BYTES, Origin};

fn origin(source: &str) -> Origin {
    Origin { source: source.to_owned(), run_id: "r1".to_owned(), ..Origin::default() }
}

fn register(model: &ModelId, with: Option<Origin>, files: Manifest) -> Command {
    let Command::Register { model, facts, semver, bump, description, tags, .. } = register_version(model, "x") else { panic!("a registration") };
    Command::Register { model, manifest: files, facts, semver, bump, description, origin: with, tags }
}

fn attach(model: &ModelId, number: VersionNumber, expected: Option<u64>) -> Command {
    let facts = Payload::json("facts", &serde_json::json!({"formats": {"safetensors": 1}})).unwrap();
    Command::Attach { model: model.clone(), number, manifest: manifest("weights"), facts, expected }
}

/// A version without bytes.
fn elsewhere(world: &mut World, model: &ModelId) -> VersionNumber {
    let entries = world.ok(&alice(), register(model, Some(origin("s3://bucket/m")), Manifest::empty()));
    let Subject::Version(_, number) = entries[0].subject else { panic!("a version") };
    number
}

fn row(world: &mut World, model: &ModelId, number: VersionNumber) -> VersionRow {
    world.row::<VersionRow>(&[model, &number]).unwrap()
}

#[test]
fn only_a_version_with_an_origin_may_lack_files() {
    let mut world = World::new();
    let model = world.model("loans");
    let long = |bytes: usize| "x".repeat(bytes + 1);
    let cases: Vec<(&str, Option<Origin>, Code, &str)> = vec![
        ("neither files nor origin", None, Code::InvalidField, "files"),
        ("an empty source", Some(origin("")), Code::InvalidField, "source"),
        ("a NUL", Some(origin("s3://a\0")), Code::InvalidField, "source"),
        ("a long source", Some(origin(&long(MAX_ADDRESS_BYTES))), Code::TooLarge, "source"),
        ("a long run", Some(Origin { run_id: long(MAX_RUN_BYTES), ..origin("s3://a") }), Code::TooLarge, "run_id"),
        ("a long link", Some(Origin { run_link: long(MAX_ADDRESS_BYTES), ..origin("s3://a") }), Code::TooLarge, "run_link"),
        ("a long address", Some(Origin { download_uri: Some(long(MAX_ADDRESS_BYTES)), ..origin("s3://a") }), Code::TooLarge, "download_uri"),
    ];
    for (what, with, code, field) in cases {
        let refusal = world.refused(&alice(), register(&model, with, Manifest::empty()));
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)), "{what}");
    }
    for (with, files, held) in
        [(Some(origin("s3://bucket/m")), Manifest::empty(), false), (Some(origin("mlflow-artifacts:/1/m")), manifest("w"), true), (None, manifest("v"), true)]
    {
        let source = with.as_ref().map(|origin| origin.source.clone()).unwrap_or_default();
        let entries = world.ok(&alice(), register(&model, with, files.clone()));
        let Subject::Version(_, number) = entries[0].subject else { panic!("a version") };
        let row = row(&mut world, &model, number);
        assert_eq!((row.held, row.source, row.files), (held, source, files.files().len() as u64));
    }
}

#[test]
fn attaching_brings_in_the_bytes_once() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = elsewhere(&mut world, &model);
    let before = row(&mut world, &model, number);
    assert_eq!(before.content_digest, Digest::of(br#"{"files":[],"v":1}"#), "the digest of the empty manifest");
    let stale = world.refused(&alice(), attach(&model, number, Some(before.revision + 1)));
    assert_eq!(stale.code, Code::PreconditionFailed);
    let entry = world.ok(&alice(), attach(&model, number, Some(before.revision))).remove(0);
    let after = row(&mut world, &model, number);
    assert_eq!((after.held, after.files, after.size, after.content_digest), (true, 1, 7, manifest("weights").payload().unwrap().digest));
    assert_eq!(after.version_digest, version_digest(&model, number, after.content_digest, after.facts_digest));
    assert_ne!((after.facts_digest, after.version_digest), (before.facts_digest, before.version_digest));
    assert_eq!((after.source.as_str(), after.revision, after.number), ("s3://bucket/m", entry.index, before.number));
    assert_eq!(world.all::<BlobUseRow>().len(), 1, "the blob is in use from now on");
    let digests: Vec<String> = world.all::<TimelineRow>().into_iter().filter(|row| row.attribute == "version_digest").map(|row| row.value).collect();
    assert_eq!(digests, [before.version_digest.to_string(), after.version_digest.to_string()], "both are found for ever");
    assert_eq!(derived(&replay(&world.bytes, &world.payloads)), derived(&world.rows));
}

#[test]
fn what_is_held_or_retired_takes_no_bytes() {
    for state in State::ALL {
        let mut world = World::new();
        let model = world.model("loans");
        let held = world.version_in(&model, *state);
        let refusal = world.refused(&alice(), attach(&model, held, None));
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TransitionRefused, Some("version")), "held and {state}");
        let number = elsewhere(&mut world, &model);
        match state {
            State::Draft => {}
            State::Candidate | State::Approved | State::Production => world.promote(&model, number, *state),
            State::Deprecated | State::Retired => drop(world.ok(&alice(), move_version(&model, number, *state))),
        }
        if *state == State::Retired {
            assert_eq!(world.refused(&alice(), attach(&model, number, None)).code, Code::TransitionRefused);
            continue;
        }
        let Command::Attach { model: of, number: version, facts, expected, .. } = attach(&model, number, None) else { panic!("an attachment") };
        let empty = Command::Attach { model: of, number: version, manifest: Manifest::empty(), facts, expected };
        let refusal = world.refused(&alice(), empty);
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::InvalidField, Some("files")), "no files");
        world.ok(&alice(), attach(&model, number, None));
        assert_eq!(row(&mut world, &model, number).state, *state, "the state stays");
        assert_eq!(world.refused(&alice(), attach(&model, number, None)).code, Code::TransitionRefused, "twice, {state}");
    }
    let mut world = World::new();
    let model = world.model("loans");
    assert_eq!(world.refused(&alice(), attach(&model, numbered(9), None)).code, Code::NotFound);
}

#[test]
fn an_approval_is_of_the_digest_that_it_was_given_for() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = elsewhere(&mut world, &model);
    let promotion = world.open(&model, number, State::Approved);
    world.ok(&bob(), give_review(&promotion, "security", ApprovalVerdict::Approve));
    world.ok(&alice(), attach(&model, number, None));
    world.ok(&carol(), give_review(&promotion, "product", ApprovalVerdict::Approve));
    let now = row(&mut world, &model, number).version_digest;
    let fits: Vec<bool> = world.all::<ApprovalRow>().into_iter().map(|row| row.version_digest == now).collect();
    assert_eq!(fits, [true, false], "of product, given after; of security, given before");
}

#[test]
fn evidence_about_the_version_without_bytes_can_be_added_again_and_only_then() {
    use crate::evidence::{Binding, Body, Command as Evidence, EvidenceType};
    for binds_to in [Binding::Version, Binding::Content] {
        let mut world = World::new();
        let model = world.model("loans");
        let number = elsewhere(&mut world, &model);
        let add = |world: &mut World| {
            let row = row(world, &model, number);
            Evidence::Add {
                model: model.clone(),
                number,
                evidence_type: EvidenceType::Evaluation,
                grade: crate::names::Grade::Claimed,
                binds_to,
                binds_digest: if binds_to == Binding::Version { row.version_digest } else { row.content_digest },
                file_of_manifest: false,
                title: "evaluation.json".to_owned(),
                body: Body::Payload(Payload::new("document", b"{}".to_vec()).unwrap()),
                read: None,
                role: None,
                signed_by: vec![],
            }
        };
        for _ in 0..2 {
            let command = add(&mut world);
            world.ok(&alice(), command.clone());
            assert_eq!(world.refused(&alice(), command).code, Code::AlreadyExists);
            if !row(&mut world, &model, number).held {
                world.ok(&alice(), attach(&model, number, None));
            }
        }
    }
}

#[test]
fn the_last_update_moves_with_name_description_state_and_bytes_and_not_with_tags_and_aliases() {
    type Make = fn(&World, &ModelId) -> crate::Command;
    // (what, command, whether it updates the model, versions that it updates)
    let cases: Vec<(&str, Make, bool, &[u64])> = vec![
        ("tag of the model", |_, id| tag(id, None), false, &[]),
        ("tag of a version", |_, id| tag(id, Some(numbered(1))), false, &[]),
        ("alias", |_, id| set_alias(id, "mine", numbered(1)).into(), false, &[]),
        ("risk tier", |_, id| tier(id), false, &[]),
        ("profile", |_, id| update(id), true, &[]),
        ("rename", |_, id| rename_model(id, "credit").into(), true, &[1, 2]),
        ("description", |_, id| describe(id), false, &[1]),
        ("transition", |_, id| move_version(id, numbered(1), State::Deprecated).into(), true, &[1]),
        ("attached", |_, id| attach(id, numbered(2), None).into(), false, &[2]),
        ("registered", |_, id| register_version(id, "more").into(), true, &[]),
        ("version hidden", |world, id| world.hide_version(id, numbered(1)).into(), true, &[1]),
        ("model hidden", |world, id| world.hide_model(id).into(), true, &[1, 2]),
    ];
    for (what, make, of_model, of_versions) in cases {
        let mut world = World::with_mode(crate::names::PolicyMode::Warn);
        let id = world.model("loans");
        world.version(&id);
        elsewhere(&mut world, &id);
        let times = |world: &mut World| -> (Timestamp, Vec<Timestamp>) {
            let versions = [1, 2].map(|number| row(world, &id, numbered(number)).last_updated_at);
            (world.row::<ModelRow>(&[&id]).unwrap().last_updated_at, versions.to_vec())
        };
        let before = times(&mut world);
        assert_eq!(before.0, before.1[1], "a registration is an update of the model");
        let command = make(&world, &id);
        world.ok(&alice(), command);
        let after = times(&mut world);
        assert_eq!(after.0 != before.0, of_model, "{what}: the model");
        for number in [1, 2] {
            let at = number as usize - 1;
            assert_eq!(after.1[at] != before.1[at], of_versions.contains(&number), "{what}: version {number}");
            assert!(after.1[at] == before.1[at] || after.1[at] == world.now(), "{what}");
        }
    }
}

fn tag(id: &ModelId, number: Option<VersionNumber>) -> crate::Command {
    let key = crate::names::TagKey::parse("k").unwrap();
    crate::tag::Command::Set { model: id.clone(), number, key, value: "v".to_owned() }.into()
}

fn tier(id: &ModelId) -> crate::Command {
    model::Command::SetRiskTier { id: id.clone(), risk_tier: crate::names::RiskTier::High, reason: reason() }.into()
}

fn update(id: &ModelId) -> crate::Command {
    model::Command::Update { id: id.clone(), profile: Box::default(), expected: None }.into()
}

fn describe(id: &ModelId) -> crate::Command {
    Command::Describe { model: id.clone(), number: numbered(1), description: "text".to_owned(), expected: None }.into()
}
