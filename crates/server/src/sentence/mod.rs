//! One readable sentence for an entry of the ledger: who did what to which version, and why. The command line and the pages say it alike.

pub mod words;

use serde_json::Value;

/// The sentence for an entry as the server's history shows it. A kind that this program does not know is named as it is.
#[must_use]
pub fn sentence(item: &Value) -> String {
    let mut sentence = format!("{}{}", who(item), deed(item));
    for (word, pointer) in [("because", "/reason"), ("saying", "/comment")] {
        if let Some(words) = item.pointer(pointer).and_then(Value::as_str) {
            sentence.push_str(&format!(", {word}: {words}"));
        }
    }
    sentence
}

/// The name of the actor, or the id when the name is gone.
#[must_use]
pub fn who(item: &Value) -> String {
    let named = item.get("actor_name").is_some_and(|name| !name.is_null());
    text(item, if named { "/actor_name" } else { "/actor" })
}

/// What was done, without who and why: ` moved version 2 …`, or `: Promotion executed` where the words of the ledger say it.
fn deed(item: &Value) -> String {
    match active(item) {
        Some(words) => format!(" {words}"),
        None => {
            let (kind, data) = (text(item, "/kind"), item.get("data").unwrap_or(&Value::Null));
            words::known(&kind, data).map_or_else(|| format!(" did {kind} to {}", subject(&text(item, "/subject"))), |said| format!(": {}", said.words))
        }
    }
}

/// What was done, as what somebody did.
fn active(item: &Value) -> Option<String> {
    let subject = subject(&text(item, "/subject"));
    let data = |name: &str| text(item, &format!("/data/{name}"));
    let has = |name: &str| item.pointer(&format!("/data/{name}")).is_some_and(|value| !value.is_null());
    let words = match text(item, "/kind").as_str() {
        "model.created" => format!("created the model {} (risk tier {})", data("name"), data("risk_tier")),
        "model.updated" => "changed what is said about the model".to_owned(),
        "model.risk-tier-changed" => format!("changed the risk tier from {} to {}", data("from"), data("to")),
        "model.renamed" => format!("renamed the model from {} to {}", data("from"), data("to")),
        "model.hidden" | "version.hidden" => format!("hid {subject}"),
        "version.registered" => format!("registered {subject} ({})", data("semver")),
        "version.attached" => format!("brought in the bytes of {subject} (files: {})", data("files")),
        "version.described" => format!("changed the description of {subject}"),
        "version.transitioned" => {
            let ungated = if has("ungated") { ", although rules failed (mode warn)" } else { "" };
            let successor = if has("successor") { format!("; version {} replaces it", data("successor")) } else { String::new() };
            format!("moved {subject} from {} to {}{ungated}{successor}", data("from"), data("to"))
        }
        "alias.set" if has("from") => format!("moved the alias {} from version {} to {subject}", data("alias"), data("from")),
        "alias.set" => format!("gave {subject} the alias {}", data("alias")),
        "alias.deleted" => format!("removed the alias {} from version {}", data("alias"), data("from")),
        "tag.set" if has("value_digest") => format!("tagged {subject} {} with a long text", data("key")),
        "tag.set" => format!("tagged {subject} {}={}", data("key"), data("value")),
        "tag.deleted" => format!("removed the tag {} from {subject}", data("key")),
        "evidence.added" => format!("added evidence to {subject}: {} `{}` ({})", data("type"), data("title"), data("grade")),
        "model.tier-proposed" => format!("proposed the risk tier {} instead of {}", data("to"), data("from")),
        "model.tier-rejected" => format!("rejected the proposed risk tier {}", data("to")),
        "model.tier-withdrawn" => format!("withdrew the proposed risk tier {}", data("to")),
        "model.policy-mode-changed" if has("mode") => format!("set the policy mode of the model to {}", data("mode")),
        "model.policy-mode-changed" => "gave the model the policy mode of the registry".to_owned(),
        "exception.requested" => format!("asked for {subject} from {} until {}", data("rule"), data("expires_at")),
        "exception.granted" => format!("granted {subject}"),
        "exception.refused" => format!("refused {subject}"),
        "exception.revoked" => format!("revoked {subject}"),
        "promotion.commented" => format!("commented on {subject}"),
        "promotion.completed" => format!("completed {subject}: nothing but the execution is missing"),
        "condition.met" => format!("said as {} that condition {} of {subject} is met", data("role"), data("number")),
        "delegation.given" => format!("let {} stand in as {} until {}", data("to"), data("role"), data("until")),
        "delegation.ended" => format!("ended that {} stands in as {}", data("to"), data("role")),
        "decision.recorded" => {
            format!(
                "signed the decision {} of {subject} for {} (digest {})",
                data("decision"),
                data("target"),
                text(item, "/data/envelope").chars().take(12).collect::<String>()
            )
        }
        "attestation.issued" => format!("issued an attestation about {subject}"),
        "attestation.revoked" => format!("revoked an attestation about {subject}"),
        "finding.opened" => format!("found about {subject}: {} ({})", data("message"), data("rule")),
        "finding.closed" => format!("closed the finding {} about {subject} ({})", data("rule"), data("reason")),
        "refused" => format!("was refused: {} of {subject} ({})", data("action"), data("code")),
        _ => return None,
    };
    Some(words)
}

/// The text at a JSON pointer; numbers and booleans as they are written, nothing as `-`.
fn text(item: &Value, pointer: &str) -> String {
    match item.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `version 3` for `model/ID/3`, `the model` for `model/ID`, `the promotion` for `promotion/ID`, anything else as it is.
fn subject(text: &str) -> String {
    let mut parts = text.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("model"), Some(_), Some(number)) => format!("version {number}"),
        (Some(kind @ ("model" | "promotion" | "exception" | "review" | "risk")), Some(_), None) => format!("the {kind}"),
        (_, _, _) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_reads_as_a_sentence() {
        let cases = [
            ("model.created", "model/m1", json!({"name": "loan", "risk_tier": "high"}), "ann created the model loan (risk tier high)"),
            ("version.registered", "model/m1/1", json!({"semver": "1.0.0"}), "ann registered version 1 (1.0.0)"),
            ("version.attached", "model/m1/1", json!({"files": 3}), "ann brought in the bytes of version 1 (files: 3)"),
            ("version.transitioned", "model/m1/2", json!({"from": "draft", "to": "candidate"}), "ann moved version 2 from draft to candidate"),
            (
                "version.transitioned",
                "model/m1/2",
                json!({"from": "production", "to": "deprecated", "successor": 3}),
                "ann moved version 2 from production to deprecated; version 3 replaces it",
            ),
            ("alias.set", "model/m1/2", json!({"alias": "champion"}), "ann gave version 2 the alias champion"),
            ("alias.set", "model/m1/2", json!({"alias": "champion", "from": 1}), "ann moved the alias champion from version 1 to version 2"),
            ("tag.set", "model/m1", json!({"key": "team", "value": "risk"}), "ann tagged the model team=risk"),
            ("refused", "model/m1/1", json!({"action": "demote", "code": "transition_refused"}), "ann was refused: demote of version 1 (transition_refused)"),
            (
                "finding.opened",
                "model/m1",
                json!({"rule": "owner.present", "message": "nobody owns it"}),
                "ann found about the model: nobody owns it (owner.present)",
            ),
            ("promotion.commented", "promotion/p1", json!({}), "ann commented on the promotion"),
            (
                "approval.recorded",
                "promotion/p1",
                json!({"verdict": "approve", "target": "production", "role": "product"}),
                "ann: Approved for production as product",
            ),
            ("some.news", "model/m1/1", json!({}), "ann did some.news to version 1"),
        ];
        for (kind, subject, data, expected) in cases {
            assert_eq!(sentence(&json!({"actor": "u1", "actor_name": "ann", "kind": kind, "subject": subject, "data": data})), expected);
        }
    }

    #[test]
    fn a_sentence_says_why_and_falls_back_to_the_id() {
        let item =
            json!({"actor": "u1", "actor_name": null, "kind": "version.hidden", "subject": "model/m1/1", "data": {}, "reason": "a mistake", "comment": null});
        assert_eq!(sentence(&item), "u1 hid version 1, because: a mistake");
    }
}
