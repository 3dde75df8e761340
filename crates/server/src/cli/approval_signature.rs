//! `promotion approve --sign-with`: the approver's own signature. What the server gives to sign is read before it is signed.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chancery_core::names::Digest;
use chancery_core::signing::dsse::{IN_TOTO_PAYLOAD_TYPE, pre_authentication_encoding};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::key;
use super::output::{outline, text};
use super::session::{Session, member};

/// Asks for the statement of a verdict, shows it, and signs it; gives the member `signed` of the verdict.
///
/// # Errors
/// [`Failure`]; [`Failure::Usage`] when the statement is not about what was shown: then nothing is signed.
pub async fn sign(session: &Session, id: &str, view: &Value, body: &Map<String, Value>, path: &Path) -> Result<Value, Failure> {
    let key = key::private(path)?;
    let client = &session.client;
    let given = client.post(client.url(&["promotions", id, "approvals", "statement"]), body).await?.value;
    let payload = BASE64_STANDARD.decode(member(&given, "/payload")?).map_err(|_| broken("it is no base64"))?;
    let statement: Value = serde_json::from_slice(&payload).map_err(|_| broken("it is no JSON"))?;
    check(&statement, id, view, body)?;
    session.output.line("signed with your key:");
    outline(&statement, 2).iter().for_each(|line| session.output.line(line));
    let failed = |error: chancery_core::signing::keys::KeyError| Failure::Usage(format!("cannot sign: {error}"));
    let signature = key.sign(&pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, &payload)).map_err(failed)?;
    Ok(json!({
        "payload": member(&given, "/payload")?,
        "key_id": key.public_key().key_id().map_err(failed)?.to_string(),
        "signature": BASE64_STANDARD.encode(signature),
        "comment_salt": member(&given, "/comment_salt")?,
    }))
}

fn broken(what: &str) -> Failure {
    Failure::Usage(format!("what the server gives to sign cannot be used: {what}; nothing was signed"))
}

/// Nothing is signed that says something else than what the person saw and asked for.
fn check(statement: &Value, id: &str, view: &Value, body: &Map<String, Value>) -> Result<(), Failure> {
    let asked = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pairs = [
        ("/predicate/promotion", id.to_owned()),
        ("/predicate/role", asked("role")),
        ("/predicate/verdict", asked("verdict")),
        ("/predicate/evidenceSetDigest", asked("evidence_set")),
        ("/predicate/target", text(view, "/target")),
        ("/predicate/environment", text(view, "/environment")),
        ("/predicate/riskTier", text(view, "/risk_tier")),
        ("/subject/0/digest/sha256", text(view, "/version_digest")),
    ];
    for (pointer, expected) in pairs {
        if text(statement, pointer) != expected {
            return Err(broken(&format!("`{pointer}` is `{}` and not `{expected}`", text(statement, pointer))));
        }
    }
    let members = statement.get("subject").and_then(Value::as_array).map_or(0, Vec::len);
    if members != 1 {
        return Err(broken("it is about more than one version"));
    }
    let ticket = statement.pointer("/predicate/ticket").and_then(Value::as_str).unwrap_or_default();
    if ticket != asked("ticket") {
        return Err(broken("it names another ticket"));
    }
    check_comment(statement, body)
}

/// A comment stands in the statement as a salted digest; without one there is no such member.
fn check_comment(statement: &Value, body: &Map<String, Value>) -> Result<(), Failure> {
    let named = statement.pointer("/predicate/commentDigest").and_then(Value::as_str);
    match (named, body.contains_key("comment")) {
        (Some(digest), true) if Digest::parse(digest).is_ok() => Ok(()),
        (None, false) => Ok(()),
        (Some(_) | None, _) => Err(broken("it names another comment")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_signed_but_what_was_shown() {
        let view = json!({"target": "production", "environment": "production", "risk_tier": "high", "version_digest": "d3"});
        let body: Map<String, Value> = [("role", "product"), ("verdict", "approve"), ("evidence_set", "e9"), ("ticket", "T-1")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let good = json!({"subject": [{"digest": {"sha256": "d3"}}], "predicate": {"promotion": "p1", "role": "product", "verdict": "approve",
            "evidenceSetDigest": "e9", "target": "production", "environment": "production", "riskTier": "high", "ticket": "T-1"}});
        check(&good, "p1", &view, &body).unwrap();
        assert!(check(&good, "p2", &view, &body).is_err());
        for (pointer, value) in [
            ("/predicate/role", json!("security")),
            ("/predicate/verdict", json!("reject")),
            ("/predicate/evidenceSetDigest", json!("e8")),
            ("/predicate/target", json!("approved")),
            ("/predicate/environment", json!("test")),
            ("/predicate/riskTier", json!("minimal")),
            ("/predicate/ticket", json!("T-2")),
            ("/subject/0/digest/sha256", json!("d4")),
            ("/subject", json!([{"digest": {"sha256": "d3"}}, {"digest": {"sha256": "d4"}}])),
        ] {
            let mut other = good.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(check(&other, "p1", &view, &body).is_err(), "{pointer}");
        }
        let mut commented = good;
        commented["predicate"]["commentDigest"] = json!("a".repeat(64));
        assert!(check(&commented, "p1", &view, &body).is_err(), "nobody commented");
    }
}
