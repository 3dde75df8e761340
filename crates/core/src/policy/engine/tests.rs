//! The machine and the interpreter say the same, whatever the input document looks like.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::policy::{Outcome, sample};

thread_local! {
    static BASELINE: Engine = Engine::compile(&Bundle::baseline()).unwrap();
    static SAMPLE: Json = serde_json::to_value(sample::input()).unwrap();
}

fn evaluation(engine: &Engine, input: &Json) -> (Machine, regorus::Engine) {
    let value = Value::from_json_str(&input.to_string()).unwrap();
    let mut interpreter = engine.interpreter.clone();
    interpreter.set_input(value.clone());
    (Machine::new(&engine.policy, &engine.data, value), interpreter)
}

/// Every path of a document, in order.
fn paths(value: &Json, at: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                let path = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push(path.clone());
                paths(member, &path, found);
            }
        }
        // Long lists of equal items (packages, columns) would take most of the changes.
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate().take(4) {
                let path = format!("{at}/{index}");
                found.push(path.clone());
                paths(item, &path, found);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Changes one place to another value of its type, or removes it: what readers of documents and facts can leave there.
fn change(document: &mut Json, pick: usize, how: usize) {
    let mut all = Vec::new();
    paths(document, "", &mut all);
    let Some(path) = all.get(pick % all.len()) else { return };
    let (parent, name) = path.rsplit_once('/').unwrap();
    let words = ["minimal", "limited", "high", "warn", "candidate", "approved", "adapter", "2020-01-01T00:00:00Z", "", "claimed", "reject", "rejected"];
    let numbers = [0.0, -1.5, 0.7, 3.0, 1e9];
    // Members of typed structures are always there; those of facts and documents may be absent.
    let optional = path.contains("/facts/") || path.contains("/document/") || path.contains("/summary/");
    if how == 0 && optional {
        match document.pointer_mut(parent) {
            Some(Json::Object(members)) => drop(members.remove(name)),
            Some(Json::Array(items)) => drop(items.remove(name.parse::<usize>().unwrap())),
            other => panic!("{other:?}"),
        }
        return;
    }
    let typed_time = ["/now", "at", "date", "expires_at", "due"].iter().any(|end| path.ends_with(end));
    let Some(place) = document.pointer_mut(path) else { return };
    match place {
        Json::Bool(given) => *given = !*given,
        Json::Number(_) => *place = Json::from(numbers[how % numbers.len()]),
        Json::String(text) if typed_time => *text = ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"][how % 2].to_owned(),
        Json::String(text) => *text = words[how % words.len()].to_owned(),
        Json::Array(items) if how.is_multiple_of(2) => items.clear(),
        Json::Array(items) => items.extend(items.clone()),
        Json::Null | Json::Object(_) => {}
    }
}

#[test]
fn every_rule_of_the_baseline_runs_in_the_machine() {
    BASELINE.with(|engine| {
        for rule in engine.rules.iter() {
            assert!(rule.code.is_some(), "rule {} is left to the interpreter: it is slow there", rule.info.id);
        }
        assert!(engine.required_roles.is_some());
    });
}

#[test]
fn rules_that_read_the_time_are_asked_again() {
    BASELINE.with(|engine| {
        let of_time: Vec<&str> = engine.rules.iter().filter(|rule| !rule.timeless).map(|rule| rule.info.id.as_str()).collect();
        assert!(of_time.contains(&"evaluation.fresh") && of_time.contains(&"approval.unexpired"), "{of_time:?}");
        assert!(engine.rules.len() > 2 * of_time.len(), "most are timeless: {of_time:?}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    /// POL-1: a rule that passes in the machine passes in the interpreter with the same words; one that fails does not pass there.
    #[test]
    fn machine_and_interpreter_agree(changes in prop::collection::vec((any::<usize>(), 0usize..18), 0..10)) {
        let mut input = SAMPLE.with(Clone::clone);
        for (pick, how) in changes {
            change(&mut input, pick, how);
        }
        BASELINE.with(|engine| {
            let (mut machine, mut interpreter) = evaluation(engine, &input);
            for rule in engine.rules.iter() {
                let Some(Said::Value(value)) = rule.code.as_ref().map(|code| machine.run(code)) else { continue };
                let Ok(fast) = rule::result(&value) else { continue };
                let slow = interpreter.eval_rule(format!("{}.result", rule.package)).map_err(|error| error.to_string()).and_then(|value| rule::result(&value));
                let blocked = fast.outcome == Outcome::Fail && slow.is_err();
                prop_assert!(blocked || slow.as_ref() == Ok(&fast), "rule {}: {fast:?}, {slow:?}", &rule.info.id);
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, rng_seed: proptest::test_runner::RngSeed::Fixed(11), ..ProptestConfig::default() })]

    /// What was said before is what would be said now, whatever changed and however late it is.
    #[test]
    fn an_engine_that_remembers_says_what_one_that_does_not_says(changes in prop::collection::vec((any::<usize>(), 0usize..18), 0..6), days in 0i64..4_000) {
        let mut document = SAMPLE.with(Clone::clone);
        BASELINE.with(|engine| {
            let fresh = |input: &Input| Engine { remembered: Arc::default(), ..engine.clone() }.evaluate(Gate::ALL, input).unwrap();
            for (pick, how) in changes {
                change(&mut document, pick, how);
                let Ok(input) = serde_json::from_value::<Input>(document.clone()) else { continue };
                prop_assert_eq!(engine.evaluate(Gate::ALL, &input).unwrap(), fresh(&input));
                let later = Input { now: input.now.plus_seconds(days * 86_400), ..input };
                prop_assert_eq!(engine.evaluate(Gate::ALL, &later).unwrap(), fresh(&later));
            }
            Ok(())
        })?;
    }
}
