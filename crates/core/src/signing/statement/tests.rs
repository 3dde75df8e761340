use serde_json::Value;

use super::*;

/// A statement with every member of the schema, which it validates against.
const GOLDEN: &str = include_str!("golden.json");

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

fn parse(value: &Value) -> Result<Statement<Decision>, StatementError> {
    Statement::parse(&serde_json::to_vec(value).unwrap())
}

/// The golden statement without the member at a JSON pointer.
fn golden_without(pointer: &str) -> Value {
    let mut value = golden();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap();
    assert!(parent.as_object_mut().unwrap().remove(member).is_some(), "{pointer}");
    value
}

fn golden_with(pointer: &str, replacement: Value) -> Value {
    let mut value = golden();
    *value.pointer_mut(pointer).unwrap() = replacement;
    value
}

#[test]
fn the_golden_statement_survives_reading_and_writing() {
    let statement = parse(&golden()).unwrap();
    assert_eq!(serde_json::to_value(&statement).unwrap(), golden());
    let subject = statement.subject[0].clone();
    let built = Statement::of_decision(subject, statement.predicate.clone());
    assert_eq!(built, statement);
}

#[test]
fn each_required_member_is_required() {
    let predicate = [
        "decisionId",
        "decision",
        "transition",
        "model",
        "requestedBy",
        "requestedAt",
        "decidedBy",
        "decidedAt",
        "policy",
        "checks",
        "evidence",
        "registration",
        "transition/from",
        "transition/to",
        "model/id",
        "model/name",
        "model/version",
        "model/uri",
        "model/contentDigest",
        "model/factsDigest",
        "model/riskTier",
        "registration/logOrigin",
        "registration/index",
        "registration/registeredAt",
        "requestedBy/id",
        "requestedBy/kind",
        "policy/uri",
        "policy/digest",
        "policy/mode",
        "policy/digest/sha256",
        "checks/0/id",
        "checks/0/outcome",
        "evidence/0/digest",
        "approvals/0/role",
        "approvals/0/by",
        "approvals/0/at",
        "approvals/0/digest",
        "approvals/0/conditions/0/text",
        "approvals/0/conditions/0/owner",
        "approvals/0/conditions/0/due",
    ];
    let members = predicate.map(|member| format!("/predicate/{member}"));
    let statement = ["/_type", "/subject", "/predicateType", "/predicate"].map(str::to_owned);
    for pointer in members.iter().chain(&statement) {
        assert!(parse(&golden_without(pointer)).is_err(), "{pointer}");
    }
}

#[test]
fn each_optional_member_is_left_out_when_absent() {
    for member in [
        "expiresAt",
        "comment",
        "ticket",
        "approvals",
        "supersedes",
        "transition/environment",
        "model/semver",
        "requestedBy/issuer",
        "decidedBy/role",
        "decidedBy/displayName",
        "policy/name",
        "checks/0/message",
        "checks/0/evidence",
        "checks/1/waiver",
        "evidence/0/name",
        "evidence/0/uri",
        "evidence/0/mediaType",
        "evidence/0/downloadLocation",
        "evidence/0/annotations",
        "approvals/0/conditions",
        "approvals/0/conditions/0/effect",
        "approvals/0/expiresAt",
        "approvals/0/evidenceSetDigest",
    ] {
        let value = golden_without(&format!("/predicate/{member}"));
        let statement = parse(&value).unwrap();
        assert_eq!(serde_json::to_value(statement).unwrap(), value, "{member}");
    }
}

#[test]
fn words_are_those_of_the_schema() {
    let states = ["draft", "candidate", "approved", "production", "deprecated", "retired"];
    let verdicts = ["APPROVED", "REJECTED", "EXECUTED", "LAPSED", "REVOKED", "EXCEPTION_GRANTED"];
    let outcomes = ["PASSED", "FAILED", "WARNED", "WAIVED", "NOT_APPLICABLE"];
    for (pointer, words) in [
        ("decision", &verdicts[..]),
        ("transition/from", &states),
        ("transition/to", &states),
        ("model/riskTier", &["prohibited", "high", "limited", "minimal", "unclassified"]),
        ("requestedBy/kind", &["person", "pipeline", "service", "schedule"]),
        ("policy/mode", &["enforce", "warn"]),
        ("checks/1/outcome", &outcomes),
        ("approvals/0/conditions/0/effect", &["finding", "block", "deprecate"]),
    ] {
        let pointer = format!("/predicate/{pointer}");
        for word in words {
            let value = golden_with(&pointer, Value::from(*word));
            let statement = parse(&value).unwrap();
            assert_eq!(serde_json::to_value(statement).unwrap(), value, "{pointer} {word}");
        }
        for other in ["", "other", "Draft", "approved ", "MAYBE"] {
            let value = golden_with(&pointer, Value::from(other));
            assert!(parse(&value).is_err(), "{pointer} {other}");
        }
    }
}

#[test]
fn statements_of_another_type_are_refused_and_unknown_members_ignored() {
    for pointer in ["/_type", "/predicateType"] {
        let other = Value::from("https://in-toto.io/Statement/v0.1");
        let refused = parse(&golden_with(pointer, other));
        assert!(matches!(refused, Err(StatementError::Type { .. })), "{pointer}");
    }
    let mut extended = golden();
    extended["predicate"]["later"] = Value::from(1);
    extended["predicate"]["model"]["later"] = Value::from(1);
    assert_eq!(parse(&extended).unwrap(), parse(&golden()).unwrap());
    assert!(matches!(Statement::parse(b"{"), Err(StatementError::Json(_))));
}
