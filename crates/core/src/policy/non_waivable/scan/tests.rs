//! `artifact.scan` (ART-4, POL-4): what counts as scanned, as cleared, and as taken back.

use serde_json::{Value, json};

use super::artifact_scan;
use crate::names::{ActorId, Digest, Grade, RiskTier, Timestamp};
use crate::policy::input::{Binding, BindingKind, Evidence, Input};
use crate::policy::{Outcome, sample};

/// The sample with another word about its file 3.
fn with_word(word: &str) -> Input {
    let mut input = sample::input();
    scan_of(&mut input).summary.as_mut().unwrap()["files"][3]["verdict"] = word.into();
    input
}

fn scan_of(input: &mut Input) -> &mut Evidence {
    input.evidence.iter_mut().find(|entry| entry.kind == "artifact-scan").unwrap()
}

fn outcome(input: &Input) -> Outcome {
    artifact_scan(input).outcome
}

fn fails(input: &Input, expected: &str) {
    let answer = artifact_scan(input);
    assert_eq!(answer.outcome, Outcome::Fail);
    assert!(answer.message.contains(expected), "{}", answer.message);
}

fn later(evidence: &Evidence, name: &str, change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = Evidence { digest: Digest::of(name.as_bytes()), at: evidence.at.plus_seconds(60), ..evidence.clone() };
    change(&mut evidence);
    evidence
}

/// A review of file 3 by the security role, with a change.
fn reviewed(word: &str, change: impl FnOnce(&mut Evidence)) -> Input {
    let mut input = with_word(word);
    let subject = input.version.files[3].digest.to_string();
    let mut review = sample::review("security", Some("security"), &[subject], "content 2");
    change(&mut review);
    input.evidence.push(review);
    input
}

fn summary(evidence: &mut Evidence) -> &mut Value {
    evidence.summary.as_mut().unwrap()
}

#[test]
fn dangerous_blocks_every_tier_and_nothing_clears_it() {
    for tier in RiskTier::ALL {
        let mut input = with_word("dangerous");
        input.model.risk.tier = *tier;
        fails(&input, "a scan calls dangerous: `model/file-3.bin`");
    }
    assert_eq!(outcome(&reviewed("dangerous", |_| ())), Outcome::Fail);
}

#[test]
fn what_is_unclear_needs_a_review_of_the_security_role() {
    for word in ["review", "malformed", "suspicious"] {
        fails(&with_word(word), "no review of the role security clears: `model/file-3.bin`");
        assert_eq!(outcome(&reviewed(word, |_| ())), Outcome::Pass, "{word}");
    }
    let mut minimal = with_word("review");
    minimal.model.risk.tier = RiskTier::Minimal;
    fails(&minimal, "no review of the role security clears");
}

#[test]
fn a_review_clears_only_what_it_names() {
    type Change = fn(&mut Evidence);
    let cases: &[(&str, Change)] = &[
        ("another role", |review| review.role = Some("product".to_owned())),
        ("no role", |review| review.role = None),
        ("an author", |review| review.actor = ActorId::parse(&sample::actor('u', 9)).unwrap()),
        ("another kind", |review| summary(review)["kind"] = "peer".into()),
        ("a rejection", |review| summary(review)["verdict"] = "reject".into()),
        ("with conditions", |review| summary(review)["verdict"] = "conditional".into()),
        ("another file", |review| summary(review)["subjects"] = json!([sample::digest("file 4")])),
        ("no file", |review| summary(review)["subjects"] = json!([])),
        ("no digest", |review| summary(review)["subjects"] = json!(["model/file-3.bin", 7])),
        ("another version", |review| review.binds_to.digest = Digest::of(b"content 3")),
        ("not read", |review| review.summary = None),
        ("another type", |review| review.kind = "other".to_owned()),
    ];
    for (name, change) in cases {
        assert_eq!(outcome(&reviewed("review", change)), Outcome::Fail, "{name}");
    }
    let by_binding = reviewed("review", |review| {
        summary(review)["subjects"] = json!([]);
        review.binds_to = Binding { kind: BindingKind::File, digest: Digest::of(b"file 3") };
    });
    assert_eq!(outcome(&by_binding), Outcome::Pass);
}

#[test]
fn the_newest_review_of_a_file_counts() {
    let mut input = reviewed("review", |_| ());
    let review = input.evidence.last().unwrap().clone();
    input.evidence.insert(0, later(&review, "second look", |again| summary(again)["verdict"] = "reject".into()));
    assert_eq!(outcome(&input), Outcome::Fail);
}

#[test]
fn limited_and_high_need_every_file_scanned() {
    let mut input = sample::input();
    summary(scan_of(&mut input))["files"].as_array_mut().unwrap().truncate(22);
    fails(&input, "2 of 24 files are in no scan: `model/file-22.bin`, `model/file-23.bin`");
    for (tier, expected) in [(RiskTier::Limited, Outcome::Fail), (RiskTier::Unclassified, Outcome::Fail), (RiskTier::Minimal, Outcome::Pass)] {
        input.model.risk.tier = tier;
        assert_eq!(outcome(&input), expected, "{tier}");
    }
    input.model.risk.tier = RiskTier::High;
    let mut rest: Vec<Evidence> = (22..24)
        .map(|number| {
            let file = input.version.files[number].clone();
            let mut scan = sample::evidence("artifact-scan", "content 2", json!({"scanner": {"name": "picklescan"}, "verdict": "clean", "files": []}));
            scan.digest = Digest::of(file.path.as_bytes());
            scan.binds_to = Binding { kind: BindingKind::File, digest: file.digest };
            scan
        })
        .collect();
    input.evidence.append(&mut rest);
    assert_eq!(outcome(&input), Outcome::Pass, "scans of single files add up");
}

#[test]
fn a_file_is_found_by_digest_or_by_path() {
    let mut input = sample::input();
    let files = summary(scan_of(&mut input))["files"].as_array_mut().unwrap();
    for file in files.iter_mut() {
        file.as_object_mut().unwrap().remove("digest");
    }
    assert_eq!(outcome(&input), Outcome::Pass);
    summary(scan_of(&mut input))["files"][3]["digest"] = sample::digest("other bytes").into();
    fails(&input, "1 of 24 files are in no scan: `model/file-3.bin`");
}

#[test]
fn scans_of_other_bytes_do_not_count() {
    for binding in [
        Binding { kind: BindingKind::Content, digest: Digest::of(b"content 3") },
        Binding { kind: BindingKind::Version, digest: Digest::of(b"version 3") },
        Binding { kind: BindingKind::File, digest: Digest::of(b"file 99") },
    ] {
        let mut input = sample::input();
        scan_of(&mut input).binds_to = binding;
        fails(&input, "24 of 24 files are in no scan");
    }
}

/// A dangerous file is not made harmless by another document (POL-4).
#[test]
fn dangerous_is_taken_back_only_by_other_rules_of_the_same_scanner() {
    type Change = fn(&mut Evidence);
    let clean = |evidence: &mut Evidence| summary(evidence)["files"][3]["verdict"] = "clean".into();
    let cases: &[(&str, Change, Outcome)] = &[
        ("the same rules", |_| (), Outcome::Fail),
        ("other rules", |scan| summary(scan)["scanner"]["version"] = "2".into(), Outcome::Pass),
        (
            "other rules, only claimed",
            |scan| {
                summary(scan)["scanner"]["version"] = "2".into();
                scan.grade = Grade::Claimed;
            },
            Outcome::Fail,
        ),
        ("another scanner", |scan| summary(scan)["scanner"] = json!({"name": "other", "version": "2"}), Outcome::Fail),
        (
            "earlier",
            |scan| {
                summary(scan)["scanner"]["version"] = "2".into();
                scan.at = Timestamp::parse("2026-04-01T00:00:00Z").unwrap();
            },
            Outcome::Fail,
        ),
    ];
    for (name, change, expected) in cases {
        let mut input = with_word("dangerous");
        let scan = scan_of(&mut input).clone();
        input.evidence.push(later(&scan, name, |scan| {
            clean(scan);
            change(scan);
        }));
        assert_eq!(outcome(&input), *expected, "{name}");
        input.evidence.reverse();
        assert_eq!(outcome(&input), *expected, "{name}, listed the other way round");
    }
}

#[test]
fn a_package_that_is_dangerous_as_a_whole_blocks_until_it_is_taken_back() {
    let mut input = sample::input();
    let mut whole =
        sample::evidence("artifact-scan", "content 2", json!({"scanner": {"name": "modelscan", "version": "1"}, "verdict": "dangerous", "files": []}));
    whole.digest = Digest::of(b"whole");
    input.evidence.push(whole.clone());
    fails(&input, "calls the package dangerous");
    input
        .evidence
        .push(later(&whole, "again", |scan| *summary(scan) = json!({"scanner": {"name": "modelscan", "version": "2"}, "verdict": "clean", "files": []})));
    assert_eq!(outcome(&input), Outcome::Pass);
}

#[test]
fn malformed_summaries_neither_count_nor_stop_the_rule() {
    for bad in [
        json!(null),
        json!([]),
        json!({}),
        json!({"files": 7, "verdict": 7}),
        json!({"files": [7, null, {"path": 7, "digest": [], "verdict": {}}], "scanner": 7}),
    ] {
        let mut input = sample::input();
        scan_of(&mut input).summary = Some(bad.clone());
        fails(&input, "24 of 24 files are in no scan");
        let mut beside = sample::input();
        beside.evidence.push(sample::evidence("artifact-scan", "content 2", bad));
        assert_eq!(outcome(&beside), Outcome::Pass);
    }
}

#[test]
fn a_version_without_files_has_nothing_to_scan() {
    let mut input = sample::input();
    input.version.files.clear();
    assert_eq!(outcome(&input), Outcome::NotApplicable);
}
