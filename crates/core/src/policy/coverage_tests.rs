//! `docs/policy/coverage.md` names only rules and tests that exist, and every rule of the baseline.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Bundle, Engine, run_tests};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Names of all functions in the Rust files below a folder.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            names.extend(text.split("fn ").skip(1).map(|rest| rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()));
        }
    }
}

#[test]
fn the_table_names_rules_and_tests_that_exist() {
    let page = std::fs::read_to_string(format!("{ROOT}/docs/policy/coverage.md")).unwrap();
    let mut tests: BTreeSet<String> =
        run_tests(&Bundle::baseline()).unwrap().into_iter().filter_map(|test| test.name.rsplit('.').next().map(str::to_owned)).collect();
    functions(Path::new(&format!("{ROOT}/crates")), &mut tests);
    let mut linked: BTreeSet<String> = BTreeSet::new();
    let rows: Vec<Vec<&str>> =
        page.lines().filter(|line| line.starts_with("| 0")).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect();
    assert!(rows.len() > 150, "{}", rows.len());
    for row in &rows {
        let [source, sentence, answer, named, command] = row.as_slice() else { panic!("{row:?} has {} cells", row.len()) };
        assert!(!sentence.is_empty() && !answer.is_empty() && command.starts_with("`chancery "), "{row:?}");
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{source} names no test");
        for name in names {
            assert!(tests.contains(name), "{source}: there is no test `{name}`");
        }
        linked.extend(answer.split("](rules/").skip(1).filter_map(|rest| rest.split(".md)").next()).map(str::to_owned));
    }
    for rule in &linked {
        assert!(Path::new(&format!("{ROOT}/docs/policy/rules/{rule}.md")).exists(), "rule {rule} has no page");
    }
    let missing: Vec<String> =
        Engine::compile(&Bundle::baseline()).unwrap().rules().into_iter().map(|rule| rule.id).filter(|rule| !linked.contains(rule)).collect();
    assert!(missing.is_empty(), "no sentence names {missing:?}");
    for document in ["000", "001", "002", "003", "004"] {
        assert!(rows.iter().any(|row| row.first().is_some_and(|source| source.starts_with(document))), "{document}");
    }
}
