//! Hiding takes aliases and versions along, and is done with all rows that it needs at once.

use super::*;
use crate::tables::AliasRow;
use crate::testing::*;
use crate::version::Command;
use crate::{Context, decide};

fn aliases(world: &World) -> Vec<(String, u64)> {
    world.all::<AliasRow>().into_iter().map(|row| (row.alias.to_string(), row.number.get())).collect()
}

fn kinds(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| serde_json::to_value(&entry.event).unwrap()["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_aliases_of_a_hidden_version_go_with_it() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let model = world.model("loans");
    let (first, second) = (world.version(&model), world.version(&model));
    for (alias, number) in [("a", first), ("b", second), ("c", first)] {
        world.ok(&alice(), set_alias(&model, alias, number));
    }
    let early = world.hide_version(&model, first);
    world.ok(&alice(), set_alias(&model, "d", first));
    assert_eq!(world.refused(&alice(), early).code, Code::PreconditionFailed, "an alias was set after the aliases were read");
    let command = world.hide_version(&model, first);
    // An alias that moved away meanwhile does not matter, and stays.
    world.ok(&alice(), set_alias(&model, "c", second));
    let entries = world.ok(&alice(), command);
    assert_eq!(kinds(&entries), ["alias.deleted", "alias.deleted", "version.hidden"]);
    assert_eq!(aliases(&world), [("b".to_owned(), 2), ("c".to_owned(), 2)]);
    let again = world.hide_version(&model, first);
    assert_eq!(world.refused(&alice(), again).code, Code::NotFound);
    assert_eq!(world.refused(&alice(), set_alias(&model, "e", first)).code, Code::NotFound);
}

#[test]
fn a_hidden_model_takes_its_versions_and_aliases_along() {
    let mut world = World::with_mode(PolicyMode::Warn);
    let (model, other) = (world.model("loans"), world.model("fraud"));
    let (first, second) = (world.version_in(&model, State::Production), world.version(&model));
    let kept = world.version(&other);
    world.ok(&alice(), set_alias(&model, "champion", first));
    world.ok(&alice(), set_alias(&other, "mine", kept));
    let early = world.hide_model(&model);
    world.ok(&alice(), set_alias(&model, "new", second));
    assert_eq!(world.refused(&alice(), early).code, Code::PreconditionFailed, "an alias was set after the aliases were read");
    let command = world.hide_model(&model);
    assert_eq!(kinds(&world.ok(&alice(), command)), ["alias.deleted", "alias.deleted", "model.hidden"]);
    assert_eq!(aliases(&world), [("mine".to_owned(), 1)]);
    let found: Vec<(bool, State)> = world.all::<VersionRow>().into_iter().filter(|row| row.model_id == model).map(|row| (row.hidden, row.state)).collect();
    assert_eq!(found, [(true, State::Retired), (true, State::Retired)]);
    let row = world.row::<VersionRow>(&[&other, &kept]).unwrap();
    assert!(!row.hidden && row.state == State::Draft, "another model stays");
    assert_eq!(derived(&replay(&world.bytes, &world.payloads)), derived(&world.rows));
}

/// How often rows must be loaded until a command is decided and applied, when every row has to be loaded.
fn passes(world: &World, command: &crate::Command) -> usize {
    let mut rows = Rows::default();
    for pass in 1..50 {
        rows.forget_changes();
        if once(&mut rows, world, command) {
            return pass;
        }
        for key in rows.take_missing() {
            let found = match world.rows.changes().get(&key) {
                Some(crate::rows::Change::Put(values)) => Some(values.clone()),
                Some(crate::rows::Change::Remove) | None => None,
            };
            rows.fill(key, found);
        }
    }
    panic!("it never ends");
}

/// One pass as the sequencer makes it.
fn once(rows: &mut Rows, world: &World, command: &crate::Command) -> bool {
    let context = Context { now: world.now(), actor: alice(), through: Vec::new() };
    let drafts = match decide(rows, &context, command) {
        Ok(drafts) => drafts,
        Err(Stop::Missing(Missing::Row)) => return false,
        Err(other) => panic!("{other:?}"),
    };
    let mut is_complete = true;
    for (draft, index) in drafts.iter().zip(world.entries.len() as u64..) {
        put_beside(rows, draft);
        let entry = Entry {
            index,
            at: context.now,
            actor: alice(),
            door: crate::entry::Door::Api,
            subject: draft.subject.clone(),
            event: draft.event.clone(),
            request: None,
            run: None,
            through: Vec::new(),
        };
        is_complete &= crate::apply(rows, &entry).is_ok();
    }
    is_complete
}

#[test]
fn many_versions_and_tags_are_loaded_at_once() {
    let build = |versions: usize| {
        let mut world = World::with_mode(PolicyMode::Warn);
        let model = world.model("loans");
        for _ in 0..versions {
            world.version(&model);
        }
        (world, model)
    };
    let tagged = |model: &ModelId, count: usize| {
        let Command::Register { model, manifest, facts, semver, bump, description, origin, .. } = register_version(model, "x") else { panic!("a version") };
        let tags = (0..count).map(|number| (crate::names::TagKey::parse(&format!("k{number}")).unwrap(), String::new())).collect();
        crate::Command::from(Command::Register { model, manifest, facts, semver, bump, description, origin, tags })
    };
    let (few, many) = (build(1), build(30));
    let hide: fn(&World, &ModelId) -> crate::Command = |world, model| world.hide_model(model).into();
    let rename: fn(&World, &ModelId) -> crate::Command = |_, model| rename_model(model, "credit").into();
    for make in [hide, rename] {
        let counts = [&few, &many].map(|(world, model)| passes(world, &make(world, model)));
        assert_eq!(counts[0], counts[1], "the number of loads does not grow with the versions");
    }
    let (world, model) = &few;
    // The model; its name and the semantic version; then nothing, or the timelines of all tags.
    assert_eq!([0, 1, 30].map(|count| passes(world, &tagged(model, count))), [3, 4, 4]);
}
