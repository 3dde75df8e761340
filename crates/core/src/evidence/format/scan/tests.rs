//! Reports of artifact scanners (EVD-1).

use serde_json::{Value, json};

use super::*;
use crate::testing::check_style;

fn own_report() -> Value {
    json!({"schema": SCHEMA, "scanner": {"name": "our-scanner", "version": "2"}, "scanned_at": "2026-05-01T12:00:00Z", "files": [
        {"path": "a.bin", "digest": "a".repeat(64), "verdict": "clean"},
        {"path": "b.pkl", "digest": "b".repeat(64), "verdict": "review", "detail": "a name that is not listed"},
    ]})
}

fn summary(report: &str) -> Value {
    read(report.as_bytes()).unwrap().summary
}

#[test]
fn our_own_format_names_every_file_and_the_worst_counts() {
    let found = summary(&own_report().to_string());
    assert_eq!(
        found,
        json!({"scanner": {"name": "our-scanner", "version": "2"}, "verdict": "review", "scanned_at": "2026-05-01T12:00:00.000000Z", "files": [
            {"path": "a.bin", "digest": "a".repeat(64), "verdict": "clean"},
            {"path": "b.pkl", "digest": "b".repeat(64), "verdict": "review", "detail": "a name that is not listed"},
        ]})
    );
    let mut worse = own_report();
    worse["verdict"] = json!("dangerous");
    assert_eq!(summary(&worse.to_string())["verdict"], "dangerous");
    let mut about = own_report();
    about["subject"] = json!({"content_digest": "c".repeat(64)});
    assert_eq!(read(about.to_string().as_bytes()).unwrap().claims.len(), 1);
}

/// Written by modelscan 0.8.8 (`modelscan -r json`), shortened.
#[test]
fn modelscan_is_read() {
    let report = json!({
        "summary": {"total_issues_by_severity": {"LOW": 0, "MEDIUM": 0, "HIGH": 0, "CRITICAL": 1}, "total_issues": 1, "modelscan_version": "0.8.8",
            "timestamp": "2026-05-01T12:00:00.123456", "scanned": {"total_scanned": 2, "scanned_files": ["good.pkl", "bad.pkl"]}, "skipped": {"total_skipped": 0, "skipped_files": []}},
        "issues": [{"description": "Use of unsafe operator 'system' from module 'posix'", "operator": "system", "module": "posix", "source": "bad.pkl", "scanner": "modelscan.scanners.PickleUnsafeOpScan", "severity": "CRITICAL"}],
        "errors": [{"category": "MODEL_SCAN", "description": "it broke off", "source": "broken.pkl"}],
    });
    let found = summary(&report.to_string());
    assert_eq!((found["verdict"].as_str(), found["scanner"].clone()), (Some("dangerous"), json!({"name": "modelscan", "version": "0.8.8"})));
    assert_eq!(found["scanned_at"], "2026-05-01T12:00:00.123456Z");
    let verdicts: Vec<(&str, &str)> =
        found["files"].as_array().unwrap().iter().map(|file| (file["path"].as_str().unwrap(), file["verdict"].as_str().unwrap())).collect();
    assert_eq!(verdicts, [("bad.pkl", "dangerous"), ("broken.pkl", "malformed"), ("good.pkl", "clean")]);
}

/// As picklescan 1.0.5 prints it.
#[test]
fn picklescan_is_read() {
    let head = "----------- SCAN SUMMARY -----------\nScanned files: 2\n";
    for (text, verdict, files) in [
        (format!("{head}Infected files: 0\nSuspicious globals: 0\nDangerous globals: 0\n"), "clean", 0),
        (format!("/m/a.pkl: suspicious import 'x y' FOUND\n{head}Infected files: 0\nSuspicious globals: 1\nDangerous globals: 0\n"), "review", 1),
        (
            format!(
                "/m/a.pkl: dangerous import 'posix system' FOUND\n/m/b.pkl: suspicious import 'x y' FOUND\n{head}Infected files: 1\nSuspicious globals: 1\nDangerous globals: 1\n"
            ),
            "dangerous",
            2,
        ),
        (format!("ERROR: parsing pickle in /m/a.pkl: x\n{head}Infected files: 0\nSuspicious globals: 0\nDangerous globals: 0\n"), "malformed", 0),
        (
            json!({"globals": [], "scanned_files": 1, "issues_count": 0, "infected_files": 0, "scan_err": true, "suspicious_count": 2}).to_string(),
            "malformed",
            0,
        ),
        (json!({"globals": [], "scanned_files": 1, "issues_count": 1, "infected_files": 1}).to_string(), "dangerous", 0),
    ] {
        let found = summary(&text);
        assert_eq!((found["verdict"].as_str().unwrap(), found["files"].as_array().unwrap().len()), (verdict, files), "{text}");
    }
}

#[test]
fn a_report_that_breaks_off_or_contradicts_itself_is_refused() {
    let changed = |pointer: &str, value: Value| {
        let mut report = own_report();
        *report.pointer_mut(pointer).unwrap() = value;
        report.to_string()
    };
    let better = {
        let mut report = own_report();
        report["verdict"] = json!("clean");
        report.to_string()
    };
    for (report, field) in [
        (String::new(), "document"),
        ("/m/a.pkl: dangerous import 'posix system' FOUND\n".to_owned(), "document"),
        ("{}".to_owned(), "document"),
        (better, "verdict"),
        (changed("/schema", json!("chancery.scan/v9")), "schema"),
        (changed("/files", json!([])), "files"),
        (changed("/files/0/verdict", json!("fine")), "files[0]"),
        (changed("/files/1/path", json!("a.bin")), "files[1].path"),
        (changed("/files/0/digest", Value::Null), "files[0]"),
        (changed("/scanned_at", json!("now")), "scanned_at"),
        (changed("/scanner", json!({})), "scanner"),
        (json!({"summary": {}, "issues": [{"severity": "ODD", "source": "x"}]}).to_string(), "issues[0].severity"),
    ] {
        let refusal = read(report.as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}: {report}");
        check_style(&refusal);
    }
}
