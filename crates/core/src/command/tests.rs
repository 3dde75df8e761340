//! Properties over random sequences of commands by random actors, and what a tag costs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;
use crate::access::{Actor, Grant};
use crate::actor::ActorKind;
use crate::alias::REQUIRED_STATES;
use crate::approval::ApprovalVerdict;
use crate::entry::{Door, Payload};
use crate::names::{Digest, ModelId, PolicyMode, RiskTier, State, TagKey, VersionNumber};
use crate::promotion::{DecisionKind, GateRecord};
use crate::rows::{Change, Key};
use crate::tables::{AliasRow, BindingRow, VersionRow};
use crate::testing::*;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// Names to rename to: those of the models, and two that are free at first.
const MORE_NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const ALIASES: [&str; 4] = ["champion", "challenger", "stable", "mine"];

/// Random numbers from which a command is made.
type Dice = [u8; 6];

fn pick<T: Clone>(items: &[T], die: u8) -> T {
    items[usize::from(die) % items.len()].clone()
}

fn gate(die: u8) -> GateRecord {
    match die % 5 {
        0 => failing(false, true),
        1 => failing(true, true),
        2 => failing(false, false),
        _ => passing(),
    }
}

fn model_command(dice: Dice, id: &ModelId) -> Command {
    let [what, a, b, ..] = dice;
    match what % 12 {
        0..=2 => create_model(id, pick(&MORE_NAMES, a), pick(RiskTier::ALL, b)).into(),
        3..=6 => rename_model(id, pick(&MORE_NAMES, a)).into(),
        7 => model::Command::Hide { id: id.clone(), reason: reason(), aliases: vec![], releases: 0 }.into(),
        _ => {
            let description = (a % 3 != 0).then(|| format!("text {b}"));
            model::Command::Update { id: id.clone(), profile: Box::new(model::Profile { description, ..model::Profile::default() }), expected: None }.into()
        }
    }
}

fn version_command(dice: Dice, model: &ModelId, number: VersionNumber) -> Command {
    let [what, a, b, c, ..] = dice;
    match what % 12 {
        0 | 1 => register_version(model, &format!("content {a} {b}")).into(),
        2 => without_bytes(register_version(model, "nothing"), c),
        3 | 4 => version::Command::Describe { model: model.clone(), number, description: pick(&["", "x", "y"], a).to_owned(), expected: None }.into(),
        5..=10 => {
            // To `retired` seldom: nothing leaves it.
            let states =
                [State::Draft, State::Candidate, State::Deprecated, State::Deprecated, State::Deprecated, State::Approved, State::Production, State::Retired];
            let (to, successor) = (pick(&states, a), (b % 2 == 0).then(|| numbered(u64::from(b % 4) + 1)));
            version::Command::Transition {
                model: model.clone(),
                number,
                to,
                reason: reason(),
                successor,
                sunset: None,
                gate: (c % 2 == 0).then(|| gate(c)),
                expected: None,
                attestations: vec![],
            }
            .into()
        }
        _ => version::Command::Hide { model: model.clone(), number, reason: reason(), aliases: vec![], expected: 0 }.into(),
    }
}

/// The registration without files but with an origin, or the attachment of its files.
fn without_bytes(command: version::Command, die: u8) -> Command {
    let version::Command::Register { model, manifest, facts, semver, bump, description, tags, .. } = command else { panic!("a registration") };
    if die.is_multiple_of(2) {
        return version::Command::Attach { model, number: numbered(u64::from(die % 4) + 1), manifest, facts, expected: None }.into();
    }
    let origin = Some(version::Origin { source: "s3://bucket/model".to_owned(), ..version::Origin::default() });
    let manifest = crate::manifest::Manifest::empty();
    version::Command::Register { model, manifest, facts, semver, bump, description, origin, tags }.into()
}

fn promotion_command(dice: Dice, model: &ModelId, number: VersionNumber) -> Command {
    let [what, a, b, c, ..] = dice;
    let id = promotion_id(usize::from(a % 6));
    let replaced = if b % 3 == 0 { vec![numbered(u64::from(b % 4) + 1)] } else { vec![] };
    let targets = [State::Candidate, State::Approved, State::Production, State::Production, State::Deprecated];
    match what % 12 {
        0..=2 => open_promotion(&id, model, number, pick(&targets, b)).into(),
        3 => give_review(&id, pick(&["security", "product"], b), pick(ApprovalVerdict::ALL, c)).into(),
        4 => promotion::Command::Decide { promotion: id, decision: signed(DecisionKind::Approved, usize::from(c)) }.into(),
        11 => {
            promotion::Command::Refresh { promotion: id, evidence_set: if b % 2 == 0 { evidence_set() } else { Digest::of(b"more") }, gate: passing() }.into()
        }
        5 => promotion::Command::Cancel { promotion: id, reason: reason() }.into(),
        6..=8 => {
            promotion::Command::Execute { promotion: id, gate: gate(c), decision: signed(DecisionKind::Executed, usize::from(c)), replaced, attestation: None }
                .into()
        }
        _ => {
            let mut command = roll_back(model, number, replaced);
            if let promotion::Command::Rollback { gate: of_rollback, aliases, .. } = &mut command {
                *of_rollback = gate(c);
                aliases.push(crate::names::AliasName::parse(pick(&ALIASES, b)).unwrap());
            }
            command.into()
        }
    }
}

fn small_command(dice: Dice, model: &ModelId, number: VersionNumber) -> Command {
    let [what, a, b, c, ..] = dice;
    let (key, of) = (TagKey::parse("k").unwrap(), (c % 3 != 0).then_some(number));
    let actors = [alice(), bob(), carol()];
    match what % 12 {
        0..=2 => set_alias(model, pick(&ALIASES, a), number).into(),
        3 | 4 => alias::Command::Delete {
            model: model.clone(),
            alias: crate::names::AliasName::parse(pick(&ALIASES, a)).unwrap(),
            expected: alias::Expected::Anything,
        }
        .into(),
        5 | 6 => tag::Command::Set { model: model.clone(), number: of, key, value: format!("v{b}") }.into(),
        7..=9 => tag::Command::Delete { model: model.clone(), number: of, key }.into(),
        10 => create_actor(&pick(&actors, a), pick(ActorKind::ALL, b), &format!("h{}", c % 4), &[pick(&["viewer", "administrator", "approver:security"], b)])
            .into(),
        _ => actor::Command::SetRoles { id: pick(&actors, a), roles: vec![Grant::parse(pick(&["owner", "incident"], b)).unwrap()] }.into(),
    }
}

fn command(dice: Dice) -> Command {
    let [what, rest @ ..] = dice;
    let [_, _, _, d, e] = rest;
    // Mostly few subjects, so that commands meet: the first two models and the first two versions.
    let model = model_id(pick(&[0, 0, 0, 1, 1, 2, 3], d));
    let number = numbered(pick(&[1, 1, 1, 2, 2, 3, 4], e));
    let dice = [rest[0], rest[1], rest[2], d, e, what / 10];
    match what % 10 {
        0 => model_command(dice, &model),
        1 | 2 => version_command(dice, &model, number),
        3..=6 => promotion_command(dice, &model, number),
        _ => small_command(dice, &model, number),
    }
}

/// Three models with two versions each, of which one was released and replaced, and then the commands. The world checks every refused command (g).
fn play(mode: bool, rolls: &[(u8, Dice)]) -> World {
    let mut world = World::with_mode(if mode { PolicyMode::Enforce } else { PolicyMode::Warn });
    for (index, name) in NAMES.iter().enumerate() {
        world.ok(&alice(), create_model(&model_id(index), name, RiskTier::Minimal));
        world.ok(&alice(), register_version(&model_id(index), "first"));
        world.ok(&alice(), register_version(&model_id(index), "second"));
    }
    let first = numbered(1);
    world.promote(&model_id(0), first, State::Production);
    world.ok(&alice(), move_version(&model_id(0), first, State::Deprecated));
    world.promote(&model_id(0), numbered(2), State::Production);
    for (who, dice) in rolls {
        let actor = pick(&[alice(), bob(), carol()], *who);
        let command = prepared(&world, command(*dice));
        if !step(&mut world, &actor, &command) {
            check_style(&world.refused(&actor, command));
        }
    }
    world
}

/// The command with what the application reads before it asks.
fn prepared(world: &World, command: Command) -> Command {
    if let Command::Model(model::Command::Hide { id, .. }) = &command {
        return world.hide_model(id).into();
    }
    if let Command::Version(version::Command::Hide { model, number, .. }) = &command {
        return world.hide_version(model, *number).into();
    }
    command
}

/// Runs one command and checks what it moved; `false` when it would be refused.
fn step(world: &mut World, actor: &crate::names::ActorId, command: &Command) -> bool {
    let versions: BTreeMap<(ModelId, VersionNumber), VersionRow> =
        world.all::<VersionRow>().into_iter().map(|row| ((row.model_id.clone(), row.number), row)).collect();
    let context = Context { now: world.now(), actor: actor.clone(), through: Vec::new() };
    if decide(&mut world.rows, &context, command).is_err() {
        return false;
    }
    let Ok(entries) = world.run(actor, command.clone()) else { return false };
    for alias in world.all::<AliasRow>() {
        let named = world.row::<VersionRow>(&[&alias.model_id, &alias.number]).unwrap();
        assert!(!named.hidden, "alias {} names a hidden version", alias.alias);
    }
    for row in world.all::<VersionRow>() {
        let before = versions.get(&(row.model_id.clone(), row.number));
        if row.state == State::Production && before.is_none_or(|before| before.state != State::Production) {
            entered_production(command, before);
        }
    }
    for entry in &entries {
        if let Event::Alias(alias::Event::Set { alias, finding, .. }) = &entry.event {
            let Subject::Version(model, number) = &entry.subject else { panic!("an alias names a version") };
            let state = world.row::<VersionRow>(&[model, number]).unwrap().state;
            let promised = REQUIRED_STATES.iter().find(|(name, _)| *name == alias.as_str());
            let kept = promised.is_none_or(|(_, states)| states.contains(&state)) && !matches!(state, State::Deprecated | State::Retired);
            assert_eq!(kept, finding.is_none(), "(b) {alias} names a version in {state}, and the entry says {finding:?}");
            assert!(kept || crate::registry::mode(&mut world.rows) == Ok(PolicyMode::Warn), "(b) {alias} names a version in {state} under enforce");
        }
    }
    true
}

/// (a) Production is entered by an execution or a rollback whose gates let it pass.
fn entered_production(command: &Command, before: Option<&VersionRow>) {
    if let Command::Promotion(promotion::Command::Execute { gate, .. }) = command {
        assert!(!gate.blocks, "(a) a gate blocked");
    } else if let Command::Promotion(promotion::Command::Rollback { gate, .. }) = command {
        let before = before.unwrap();
        assert!(!gate.blocks && before.state == State::Deprecated && before.production_index.is_some(), "(a) {before:?}");
    } else {
        panic!("(a) a version reached production by {command:?}");
    }
}

/// (c) Under one name a number is known of one model only, whatever was renamed, hidden and created.
fn check_numbers(world: &mut World) {
    let mut known: BTreeSet<(String, u64)> = BTreeSet::new();
    let versions = world.all::<VersionRow>();
    for binding in world.all::<BindingRow>() {
        for version in versions.iter().filter(|version| version.model_id == binding.model_id && version.number.get() <= binding.last_number) {
            assert!(known.insert((binding.name.to_string(), version.number.get())), "(c) {}/{} is of two models", binding.name, version.number);
        }
    }
    for name in world.all::<crate::tables::NameRow>() {
        let highest = known.iter().filter(|(known, _)| *known == name.name.as_str()).map(|(_, number)| *number).max();
        assert!(highest.is_none_or(|highest| highest < name.next_number), "(c) {} would give a number again", name.name);
    }
}

/// The rows of which the timeline tells the past: attribute values by subject and attribute.
fn current(rows: &Rows) -> BTreeMap<(String, String), String> {
    let mut values = BTreeMap::new();
    let mut add = |subject: String, attribute: String, value: String| values.insert((subject, attribute), value);
    for row in all::<VersionRow>(rows) {
        let subject = Subject::Version(row.model_id, row.number).to_string();
        add(subject.clone(), "state".to_owned(), row.state.to_string());
        if !row.description.is_empty() {
            add(subject, "description".to_owned(), row.description);
        }
    }
    for row in all::<crate::tables::ModelRow>(rows) {
        let subject = Subject::Model(row.model_id).to_string();
        if !row.hidden {
            add(subject.clone(), "name".to_owned(), row.name.to_string());
        }
        if let Some(description) = row.profile["description"].as_str() {
            add(subject, "description".to_owned(), description.to_owned());
        }
    }
    for row in all::<AliasRow>(rows) {
        add(Subject::Model(row.model_id).to_string(), format!("alias:{}", row.alias), row.number.to_string());
    }
    for row in all::<crate::tables::TagRow>(rows) {
        let subject =
            VersionNumber::new(row.number).map_or_else(|_| Subject::Model(row.model_id.clone()), |number| Subject::Version(row.model_id.clone(), number));
        add(subject.to_string(), format!("tag:{}", row.key), row.value);
    }
    values
}

/// What the timeline says about the moment after entry `index`.
fn as_of(world: &World, index: u64) -> BTreeMap<(String, String), String> {
    let held = |row: &TimelineRow| row.from_index <= index && index < row.to_index;
    let asked = |row: &TimelineRow| {
        ["state", "name", "description"].contains(&row.attribute.as_str()) || row.attribute.starts_with("alias:") || row.attribute.starts_with("tag:")
    };
    let rows = world.all::<TimelineRow>().into_iter().filter(|row| held(row) && asked(row));
    rows.map(|row| ((row.subject, row.attribute), row.value)).collect()
}

/// (f) Bytes are read and written unchanged, indices are dense, time does not go back.
fn check_bytes(world: &World) {
    for (index, bytes) in world.bytes.iter().enumerate() {
        let entry = Entry::from_bytes(bytes).unwrap();
        assert_eq!(&entry.to_bytes().unwrap(), bytes);
        assert_eq!(entry.index, index as u64);
    }
    assert!(world.entries.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

/// (i) Entries and payloads on rows that are loaded only when asked for, as the sequencer does it.
fn replay_lazily(world: &World) -> BTreeMap<Key, Change> {
    let mut stored: BTreeMap<Key, Change> = BTreeMap::new();
    for payload in &world.payloads {
        let mut rows = Rows::empty();
        rows.put(&crate::tables::PayloadRow { digest: payload.digest, bytes: payload.bytes.clone() });
        stored.extend(rows.take_changes());
    }
    for bytes in &world.bytes {
        let entry = Entry::from_bytes(bytes).unwrap();
        let mut rows = Rows::default();
        while apply(&mut rows, &entry).is_err() {
            rows.forget_changes();
            for key in rows.take_missing() {
                let values = match stored.get(&key) {
                    Some(Change::Put(values)) => Some(values.clone()),
                    Some(Change::Remove) | None => None,
                };
                rows.fill(key, values);
            }
        }
        stored.extend(rows.take_changes());
    }
    stored.into_iter().filter(|(key, change)| key.table.class == crate::rows::Class::Derived && *change != Change::Remove).collect()
}

fn rolls() -> impl Strategy<Value = Vec<(u8, Dice)>> {
    prop::collection::vec(any::<(u8, Dice)>(), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_the_rules(mode: bool, rolls in rolls()) {
        let mut world = play(mode, &rolls);
        check_numbers(&mut world);
        check_bytes(&world);
    }

    #[test]
    fn the_entries_are_the_whole_truth(mode: bool, rolls in rolls(), cut: prop::sample::Index) {
        let world = play(mode, &rolls);
        let live = derived(&world.rows);
        prop_assert_eq!(&derived(&replay(&world.bytes, &world.payloads)), &live, "(d) replay");
        prop_assert_eq!(&replay_lazily(&world), &live, "(i) rows loaded when asked for");
        let cut = cut.index(world.bytes.len());
        let then = replay(&world.bytes[..=cut], &world.payloads);
        prop_assert_eq!(as_of(&world, cut as u64), current(&then), "(e) as of entry {}", cut);
    }

    #[test]
    fn an_actor_without_roles_may_nothing(dice: Dice) {
        let nobody = Actor { id: bob(), kind: ActorKind::Person, roles: vec![], teams: vec![], delegated: vec![], access_revision: 0 };
        prop_assert!(authorize_in_registry(&nobody, command(dice)).is_err());
    }
}

#[test]
fn the_random_commands_reach_what_the_properties_are_about() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut kinds, mut rollbacks) = (BTreeMap::<String, usize>::new(), 0);
    for _ in 0..200 {
        let rolls = rolls().new_tree(&mut runner).unwrap().current();
        let world = play(rolls.len().is_multiple_of(2), &rolls);
        rollbacks += world
            .entries
            .iter()
            .filter(|entry| matches!(&entry.event, Event::Version(version::Event::Transitioned { from: State::Deprecated, to: State::Production, .. })))
            .count();
        for bytes in world.bytes {
            let kind = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["kind"].as_str().unwrap().to_owned();
            *kinds.entry(kind).or_default() += 1;
        }
    }
    let wanted = [
        "model.renamed",
        "model.hidden",
        "version.transitioned",
        "version.hidden",
        "alias.set",
        "alias.deleted",
        "tag.deleted",
        "promotion.executed",
        "promotion.rejected",
        "approval.recorded",
    ];
    for kind in wanted {
        assert!(kinds.get(kind).is_some_and(|count| *count >= 3), "few {kind} among {kinds:?}");
    }
    assert!(rollbacks >= 3, "only {rollbacks} rollbacks");
    println!("{rollbacks} rollbacks, {kinds:?}");
}

#[test]
fn every_entry_that_a_command_makes_changes_a_row_except_records() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version_in(&model, State::Production);
    world.ok(&alice(), set_alias(&model, "champion", number));
    world.ok(&alice(), move_version(&model, number, State::Deprecated));
    world.ok(&carol(), roll_back(&model, number, vec![]));
    for cut in 0..world.bytes.len() {
        let (before, after) = (replay(&world.bytes[..cut], &world.payloads), replay(&world.bytes[..=cut], &world.payloads));
        assert_ne!(derived(&before), derived(&after), "{:?} changed nothing", world.entries[cut].event);
    }
}

/// A tag is the hot path of an MLflow client. The bound is loose: it finds work that grows with the registry, not a slow machine.
#[test]
fn a_tag_costs_less_than_five_milliseconds() {
    let mut world = World::new();
    let model = world.model("loans");
    let number = world.version(&model);
    let context = Context { now: world.now(), actor: alice(), through: Vec::new() };
    let start = Instant::now();
    let rounds = 2000;
    for index in 0..rounds {
        let command = tag::Command::Set { model: model.clone(), number: Some(number), key: TagKey::parse("k").unwrap(), value: format!("value {index}") };
        let drafts = decide(&mut world.rows, &context, &command.into()).unwrap();
        for draft in drafts {
            let entry = Entry {
                index: 10 + index,
                at: context.now,
                actor: alice(),
                door: Door::Api,
                subject: draft.subject,
                event: draft.event,
                request: None,
                run: None,
                through: Vec::new(),
            };
            assert!(Digest::of(&entry.to_bytes().unwrap()) != Digest::of(b""));
            apply(&mut world.rows, &entry).unwrap();
        }
    }
    let micros = start.elapsed().as_micros() / u128::from(rounds);
    println!("decide + bytes + apply of a tag: {micros} µs");
    assert!(micros < 5000, "{micros} µs");
}

#[test]
fn a_payload_has_a_largest_size() {
    let refusal = Payload::new("document", vec![0; crate::entry::MAX_PAYLOAD_BYTES + 1]).unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_deref()), (crate::refusal::Code::TooLarge, Some("document")));
    check_style(&refusal);
}
