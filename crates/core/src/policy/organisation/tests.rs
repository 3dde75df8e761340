//! Hostile and careless bundles beside the baseline.

use std::time::Instant;

use super::*;
use crate::names::State;
use crate::policy::{Gate, Outcome, sample};

const HEAD: &str =
    "\nimport rego.v1\nmetadata := {\"id\": \"ID\", \"title\": \"t\", \"gates\": [\"candidate\"], \"references\": [], \"who\": [], \"remedy\": \"r\"}\n";
const PASS: &str = "result := {\"outcome\": \"pass\", \"message\": \"m\"}\n";

fn bundle(files: &[(&str, &str)]) -> Bundle {
    Bundle { files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect() }
}

fn rule(package: &str, id: &str, body: &str) -> String {
    format!("package {package}{}{body}", HEAD.replace("ID", id))
}

fn effective(files: &[(&str, &str)]) -> Result<Effective, String> {
    Effective::new(&Bundle::baseline(), &bundle(files)).map_err(|error| error.to_string())
}

fn finding(effective: &Effective, rule: &str) -> (Outcome, String) {
    let verdict = effective.engine.evaluate(&[Gate::Candidate], &sample::input()).unwrap();
    let finding = verdict.findings.into_iter().find(|finding| finding.rule == rule).unwrap();
    (finding.outcome, finding.message)
}

#[test]
fn an_organisation_adds_rules_and_tightens_data() {
    let test = "package chancery.rules.org_name_test\nimport rego.v1\nimport data.chancery.rules.org_name\ntest_passes if org_name.result.outcome == \"pass\" with input as {\"model\": {\"name\": \"x\"}}\n";
    let body = "result := {\"outcome\": \"pass\", \"message\": data.chancery.org_name.word} if input.model.name != \"\"\n";
    let text = rule("chancery.rules.org_name", "org.name", body);
    let data = r#"{"chancery": {"approvals": {"lifetime_days": 30}, "org_name": {"word": "hello"}}}"#;
    let made = effective(&[("org/name.rego", &text), ("org/name_test.rego", test), ("data.json", data)]).unwrap();
    assert_eq!(finding(&made, "org.name"), (Outcome::Pass, "hello".to_owned()));
    assert_eq!(made.engine.approval_lifetime_days(), 30);
    assert_eq!(made.engine.file_of("org.name"), Some("org/name.rego"));
    let results = made.run_tests().unwrap();
    assert!(results.len() == 1 && results[0].passed, "only the organisation's own tests: {results:?}");
    let alone = Engine::compile(&Bundle::baseline()).unwrap();
    assert_eq!(made.engine.rules().len(), alone.rules().len() + 1);
    // What the baseline says is what it says alone.
    let mut input = sample::input();
    input.model.description.clear();
    for target in [State::Approved, State::Production] {
        input.target = target;
        let gates = [Gate::Candidate, Gate::Approved, Gate::Production];
        let (with, without) = (made.engine.evaluate(&gates, &input).unwrap(), alone.evaluate(&gates, &input).unwrap());
        let with: Vec<_> = with.findings.into_iter().filter(|finding| finding.rule != "org.name").collect();
        assert_eq!(with, without.findings);
    }
}

#[test]
fn what_belongs_to_the_baseline_is_not_shadowed() {
    let good = rule("chancery.rules.mine", "mine", PASS);
    for (files, expected) in [
        (vec![("lib.rego", "package chancery.lib\ntier := \"minimal\"")], "`lib.rego` belongs to the baseline"),
        (vec![("x.rego", "package chancery.lib\ntier := \"minimal\"")], "package `chancery.lib` belongs to the baseline"),
        (vec![("x.rego", "package chancery.rules.metric_threshold\nresult := 1")], "belongs to the baseline"),
        (vec![("x.rego", "package chancery.rules.metric_threshold.deeper\nresult := 1")], "is not an organisation's"),
        (vec![("x.rego", "package chancery.rules\nmetric_threshold.result := 1")], "is not an organisation's"),
        (vec![("x.rego", "package chancery\nlib.tier := \"minimal\"")], "is not an organisation's"),
        (vec![("x.rego", "package chancery[\"lib\"].more\nx := 1")], "is not an organisation's"),
        (vec![("x.rego", "package other\nx := 1")], "is not an organisation's"),
        (vec![("x.rego", &rule("chancery.rules.mine", "metric.threshold", PASS))], "exists twice"),
        (vec![("x.rego", &rule("chancery.rules.mine", "artifact.intact", PASS))], "lives in the core"),
        (vec![("x.rego", &rule("chancery.rules.mine", "Mine/1", PASS))], "rule id `Mine/1`"),
        (vec![("x.rego", &good), ("y.rego", &good)], "exists twice"),
        (vec![("bounds.json", "[]")], "`bounds.json` belongs to the baseline"),
        (vec![("../x.rego", "package chancery.rules.x")], "`../x.rego`"),
        (vec![("/etc/x.rego", "package chancery.rules.x")], "`/etc/x.rego`"),
        (vec![("x.wasm", "")], "neither"),
        (vec![("data.json", r#"{"chancery": {"approvals": {"lifetime_days": 4000}}}"#)], "must be from 1 to"),
        (
            vec![("data.json", r#"{"chancery": {"approval_complete": {"required": {"high": {"approved": null}}}}}"#)],
            "`chancery.approval_complete.required.high.approved`",
        ),
        (vec![("data.json", r#"{"chancery": {"rules": {"metric_threshold": {"result": 1}}}}"#)], "no rule of the bundle has this name"),
        (vec![("data.json", r#"{"chancery": {"lib": {"tier": "minimal"}}}"#)], "no rule of the bundle has this name"),
        (vec![("data.json", "{\"a\": 1, }")], "data.json:"),
        (vec![("x.rego", "package chancery.rules.x\nresult := {")], "`x.rego` line 2"),
    ] {
        let message = effective(&files).unwrap_err();
        assert!(message.contains(expected), "{files:?}: {message}");
    }
    let bytes = Bundle { files: std::collections::BTreeMap::from([("x.rego".to_owned(), vec![0xff, 0xfe])]) };
    assert!(Effective::new(&Bundle::baseline(), &bytes).unwrap_err().to_string().contains("not UTF-8"));
}

/// Time bombs, floods and chains end in a failed finding that says why, and leave the rules of the baseline as they are.
#[test]
fn a_rule_that_misbehaves_blocks_and_says_why() {
    let many = "ten := numbers_of\nnumbers_of := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\nresult := {\"outcome\": \"pass\", \"message\": sprintf(\"%d\", [n])} if {\n n := count([1 | some a in ten; some b in ten; some c in ten; some d in ten; some e in ten; some f in ten; some g in ten; some h in ten])\n}\n";
    let flood = "a := \"0123456789abcdef\"\nb := concat(\"\", [a, a, a, a, a, a, a, a])\nc := concat(\"\", [b, b, b, b, b, b, b, b])\nd := concat(\"\", [c, c, c, c, c, c, c, c])\ne := concat(\"\", [d, d, d, d, d, d, d, d])\nresult := {\"outcome\": \"pass\", \"message\": e}\n";
    let liar = "result := {\"outcome\": \"waived\", \"message\": \"m\"}\n";
    let wrong = "result := {\"outcome\": \"pass\", \"message\": to_number(input.model.name)}\n";
    for (body, expected) in
        [(many, "time limit"), (flood, "`message` has 65536 bytes; at most 16384"), (liar, "may not waive itself"), (wrong, "`org.rego` line 4")]
    {
        let made = effective(&[("org.rego", &rule("chancery.rules.org", "org", body))]).unwrap();
        let started = Instant::now();
        let (outcome, message) = finding(&made, "org");
        assert_eq!(outcome, Outcome::Fail, "{message}");
        assert!(message.contains("could not be evaluated") && message.contains(expected), "{message}");
        assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
        assert_eq!(finding(&made, "entry.complete").0, Outcome::Pass);
    }
    let loops = rule("chancery.rules.org", "org", "f(x) := f(x + 1)\nresult := {\"outcome\": \"pass\", \"message\": sprintf(\"%d\", [f(1)])}\n");
    assert!(effective(&[("org.rego", &loops)]).unwrap_err().contains("calls itself"));
    let chain: String = (0..MAX_DEFINITIONS).map(|n| format!("r{n} := r{}\n", n + 1)).collect();
    let text = rule("chancery.rules.org", "org", &format!("{chain}r{MAX_DEFINITIONS} := \"m\"\nresult := {{\"outcome\": \"pass\", \"message\": r0}}\n"));
    assert!(effective(&[("org.rego", &text)]).unwrap_err().contains("at most 400"));
}

/// The longest chain that is accepted fits the stack that the server gives to its threads.
#[test]
fn the_longest_chain_fits_the_stack() {
    let links = MAX_DEFINITIONS - 4;
    let chain: String = (0..links).map(|n| format!("r{n} := concat(\"\", [r{}])\n", n + 1)).collect();
    let text = rule("chancery.rules.org", "org", &format!("{chain}r{links} := \"m\"\nresult := {{\"outcome\": \"pass\", \"message\": r0}}\n"));
    let run = move || finding(&effective(&[("org.rego", &text)]).unwrap(), "org");
    let (outcome, message) = std::thread::Builder::new().stack_size(super::super::STACK_BYTES).spawn(run).unwrap().join().unwrap();
    assert_eq!((outcome, message.as_str()), (Outcome::Pass, "m"));
}
