//! What happened, in words: one sentence for each kind of entry, with what the entry's data say in it.

use chancery_core::names::clipped;
use serde_json::Value;

/// What kind of thing happened, for a mark before the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to mark.
    Plain,
    /// Somebody agreed.
    Agreed,
    /// Somebody or something said no.
    Refused,
    /// Somebody set a rule aside.
    Waived,
}

use Tone::{Agreed, Plain, Refused, Waived};

/// Kinds with their sentence. `{member}` stands for a member of the data; without it the sentence is whole.
const SENTENCES: &[(&str, Tone, &str)] = &[
    ("access-log.anchored", Plain, "Access log of {day} sealed: {count} lines"),
    ("access-policy.activated", Plain, "Access policies put in force"),
    ("access-policy.installed", Plain, "Access policies kept: {policies}"),
    ("access-policy.withdrawn", Plain, "Access policies withdrawn"),
    ("actor.created", Plain, "Created as {kind} with roles {roles}"),
    ("actor.deactivated", Plain, "Access ended"),
    ("actor.grant-confirmed", Agreed, "Roles confirmed by a second person: {grants}"),
    ("actor.grant-proposed", Plain, "Roles proposed: {grants}"),
    ("actor.grant-rejected", Refused, "Roles not granted: {grants}"),
    ("actor.grant-withdrawn", Plain, "Proposal of roles withdrawn: {grants}"),
    ("actor.groups-changed", Plain, "Groups at the identity provider are now {groups}, roles from them {roles}"),
    ("actor.key-added", Plain, "Key {key_id} added"),
    ("actor.key-removed", Plain, "Key {key_id} removed"),
    ("actor.login-bound", Plain, "Login bound to a person at {issuer}"),
    ("actor.login-unbound", Plain, "Login at {issuer} unbound"),
    ("actor.password-reset", Plain, "Secret to set a password made, good until {until}"),
    ("actor.password-set", Plain, "Password set"),
    ("actor.roles-changed", Plain, "Roles are now {roles}"),
    ("alias.deleted", Plain, "Alias {alias} removed from version {from}"),
    ("alias.set", Plain, "Alias {alias} set on this version"),
    ("approval.recorded", Refused, "Rejected for {target} as {role}"),
    ("approval.withdrawn", Refused, "Verdict as {role} withdrawn"),
    ("attestation.issued", Agreed, "Attestation for {target} signed, environment {environment}"),
    ("attestation.revoked", Refused, "Attestation revoked: {reason}"),
    ("bundle.activated", Plain, "Policy bundle put in force"),
    ("bundle.shipped", Plain, "Baseline policy of a new program in force"),
    ("bundle.uploaded", Plain, "Policy bundle kept, files: {files}"),
    ("bundle.withdrawn", Plain, "Policy bundle withdrawn"),
    ("check.recorded", Plain, "Gates up to {target} evaluated; passed: {passed}"),
    ("clock.moved", Plain, "Clock of the registry moved by {offset_seconds} s"),
    ("condition.met", Agreed, "Condition {number} of {role} met"),
    ("decision.recorded", Plain, "Decision for {target} signed, environment {environment}: {decision}"),
    ("delegation.ended", Plain, "Delegation of {role} ended"),
    ("delegation.given", Plain, "Role {role} delegated until {until}"),
    ("evidence.added", Plain, "Evidence added: {type}, {title}"),
    ("exception.granted", Waived, "Exception granted"),
    ("exception.refused", Refused, "Exception refused as {role}"),
    ("exception.requested", Plain, "Exception from {rule} asked for until {expires_at}"),
    ("exception.revoked", Refused, "Exception revoked"),
    ("finding.checks-run", Plain, "Scheduled checks ran on {versions} versions: {opened} findings opened, {closed} closed"),
    ("finding.closed", Plain, "Finding of {rule} closed: {reason}"),
    ("finding.opened", Plain, "Finding of {rule}: {message}"),
    ("group.mapped", Plain, "Group {group} gives roles {roles}"),
    ("group.unmapped", Plain, "Group {group} gives no roles any more"),
    ("identity.added", Plain, "Workload identity at {issuer} added"),
    ("identity.removed", Plain, "Workload identity {id} removed"),
    ("keys.rotated", Plain, "Key for {purpose} rotated"),
    ("model.created", Plain, "Created as {kind} {name}, risk tier {risk_tier}"),
    ("model.hidden", Plain, "Hidden: {name}"),
    ("model.policy-mode-changed", Plain, "Policy mode of its own is now {mode}"),
    ("model.renamed", Plain, "Renamed from {from} to {to}"),
    ("model.risk-tier-changed", Plain, "Risk tier changed from {from} to {to}"),
    ("model.tier-proposed", Plain, "Risk tier {to} proposed instead of {from}"),
    ("model.tier-rejected", Refused, "Proposed risk tier {to} rejected"),
    ("model.tier-withdrawn", Plain, "Proposal of risk tier {to} withdrawn"),
    ("model.transfer-proposed", Plain, "Hand-over to team {to} proposed"),
    ("model.transfer-rejected", Refused, "Hand-over to team {to} rejected"),
    ("model.transfer-withdrawn", Plain, "Hand-over to team {to} withdrawn"),
    ("model.transferred", Plain, "Handed over to team {to}"),
    ("model.updated", Plain, "Governed facts changed"),
    ("payload.erased", Plain, "Private texts erased"),
    ("policy.mode-changed", Plain, "Policy mode of the registry is now {mode}"),
    ("promotion.cancelled", Refused, "Promotion cancelled"),
    ("promotion.commented", Plain, "Comment added"),
    ("promotion.completed", Agreed, "All approvals are there"),
    ("promotion.executed", Agreed, "Promotion executed"),
    ("promotion.opened", Plain, "Promotion to {target} opened, environment {environment}"),
    ("promotion.refreshed", Plain, "Promotion looks at new evidence; approvals lapsed: {lapsed}"),
    ("promotion.rejected", Refused, "Promotion rejected as {role}"),
    ("refusals.suppressed", Refused, "{count} more refused attempts, not recorded one by one"),
    ("refused", Refused, "Refused to {action}: {code}"),
    ("registry.started", Plain, "Registry {origin} started in mode {mode}"),
    ("review.done", Plain, "Review done: {outcome}"),
    ("review.scheduled", Plain, "Review scheduled"),
    ("risk.added", Plain, "Risk added: {title}"),
    ("risk.changed", Plain, "Risk changed: {title}"),
    ("risk.linked", Plain, "Risk linked to a model"),
    ("risk.mitigation-added", Plain, "Mitigation {number} added"),
    ("risk.mitigation-finished", Plain, "Mitigation {number} finished"),
    ("risk.status-changed", Plain, "Risk changed from {from} to {to}"),
    ("risk.unlinked", Plain, "Risk no longer linked to a model"),
    ("tag.deleted", Plain, "Tag {key} removed"),
    ("tag.set", Plain, "Tag {key} set"),
    ("team.changed", Plain, "Description of the team changed"),
    ("team.created", Plain, "Team created"),
    ("team.dissolved", Plain, "Team dissolved"),
    ("team.member-added", Plain, "Member added to the team"),
    ("team.member-removed", Plain, "Member removed from the team"),
    ("template.added", Plain, "Template {version} for {type} added"),
    ("template.approved", Agreed, "Template {version} approved"),
    ("template.withdrawn", Plain, "Template {version} withdrawn"),
    ("token.issued", Plain, "Token issued until {expires_at}"),
    ("token.revoked", Plain, "Token revoked"),
    ("token.rotated", Plain, "Token replaced by another, ends {ends_at}"),
    ("version.attached", Plain, "Files attached: {files}"),
    ("version.described", Plain, "Description changed"),
    ("version.hidden", Plain, "Hidden"),
    ("version.registered", Plain, "Version {semver} registered, files: {files}"),
    ("version.transitioned", Plain, "State {from} to {to}"),
];

/// The sentence of a verdict that agrees.
const APPROVED: &str = "Approved for {target} as {role}";
/// The sentence of a move that a gate would have refused.
const UNGATED: &str = "State {from} to {to}, ungated";

/// The first parts of the kinds, each with its words, for a list to choose from.
pub const FAMILIES: &[(&str, &str)] = &[
    ("version", "versions"),
    ("version.transitioned", "changes of state"),
    ("model", "models"),
    ("evidence", "evidence"),
    ("promotion", "promotions"),
    ("approval", "approvals"),
    ("decision", "decisions"),
    ("attestation", "attestations"),
    ("exception", "exceptions"),
    ("finding", "findings"),
    ("risk", "risks"),
    ("review", "reviews"),
    ("alias", "aliases"),
    ("tag", "tags"),
    ("check", "recorded checks"),
    ("refused", "refused attempts"),
    ("bundle", "policy bundles"),
    ("policy", "policy mode"),
    ("access-policy", "access policies"),
    ("access-log", "access log"),
    ("actor", "people and pipelines"),
    ("token", "tokens"),
    ("identity", "workload identities"),
    ("group", "groups"),
    ("delegation", "delegations"),
    ("team", "teams"),
    ("template", "templates"),
    ("payload", "erasures"),
    ("condition", "conditions"),
    ("keys", "keys of the registry"),
    ("clock", "clock"),
    ("registry", "first start"),
];

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How it is marked.
    pub tone: Tone,
    /// The sentence.
    pub words: String,
}

impl Said {
    /// The mark before the sentence: a kind of outcome, when it has one.
    #[must_use]
    pub fn mark(&self) -> Option<&'static str> {
        match self.tone {
            Plain => None,
            Agreed => Some("pass"),
            Refused => Some("fail"),
            Waived => Some("waived"),
        }
    }
}

/// What an entry says happened. A kind that is not known here is shown by its name.
#[must_use]
pub fn said(kind: &str, data: &Value) -> Said {
    known(kind, data).unwrap_or_else(|| Said { tone: Plain, words: kind.to_owned() })
}

/// What an entry says happened; nothing for a kind that is not known here.
pub(super) fn known(kind: &str, data: &Value) -> Option<Said> {
    let (_, tone, sentence) = SENTENCES.iter().find(|(known, _, _)| *known == kind)?;
    let text = |member: &str| data.get(member).and_then(Value::as_str);
    let (tone, sentence) = match (kind, text("verdict"), data.get("ungated")) {
        ("approval.recorded", Some("approve"), _) => (Agreed, APPROVED),
        ("version.transitioned", _, Some(Value::Bool(true))) => (Waived, UNGATED),
        _ => (*tone, *sentence),
    };
    Some(Said { tone, words: filled(sentence, data) })
}

/// The sentence with its members.
fn filled(sentence: &str, data: &Value) -> String {
    let mut out = String::with_capacity(sentence.len() + 40);
    for (number, part) in sentence.split(['{', '}']).enumerate() {
        if number % 2 == 0 {
            out.push_str(part);
        } else {
            out.push_str(&short(data.get(part).unwrap_or(&Value::Null)));
        }
    }
    out
}

/// A value in a sentence.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => clipped(&moment(text).unwrap_or_else(|| text.clone())),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => clipped(&items.iter().map(short).collect::<Vec<_>>().join(", ")),
        other @ (Value::Number(_) | Value::Object(_)) => clipped(&other.to_string()),
    }
}

/// A time of ours, to the minute.
fn moment(text: &str) -> Option<String> {
    let time = text.ends_with('Z').then(|| text.parse::<jiff::Timestamp>().ok())??;
    Some(time.strftime("%-d %b %Y, %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_entry_has_a_sentence_and_every_member_in_it_is_there() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/golden/entries-v1");
        let mut seen = std::collections::BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let entry: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
            let kind = entry["kind"].as_str().unwrap();
            let (_, _, sentence) = SENTENCES.iter().find(|(known, _, _)| *known == kind).unwrap_or_else(|| panic!("no sentence for {kind}"));
            let missing: Vec<&str> = sentence.split(['{', '}']).skip(1).step_by(2).filter(|member| entry["data"].get(member).is_none()).collect();
            assert!(missing.is_empty(), "{kind} has no {missing:?}");
            assert!(FAMILIES.iter().any(|(family, _)| kind == *family || kind.starts_with(&format!("{family}."))) || is_rare(kind), "{kind} cannot be chosen");
            assert!(!said(kind, &entry["data"]).words.contains('{'), "{kind}");
            seen.insert(kind.to_owned());
        }
        assert_eq!(seen.len(), SENTENCES.len(), "a sentence is for no kind");
    }

    /// What comes with the refused attempts.
    fn is_rare(kind: &str) -> bool {
        kind == "refusals.suppressed"
    }

    #[test]
    fn a_sentence_says_what_the_data_say() {
        let data = serde_json::json!({"verdict": "reject", "target": "production", "role": "product"});
        let expected = Said { tone: Refused, words: "Rejected for production as product".to_owned() };
        assert_eq!(said("approval.recorded", &data), expected);
        let data = serde_json::json!({"rule": "a.b", "expires_at": "2026-05-03T12:00:00.250000Z"});
        assert_eq!(said("exception.requested", &data).words, "Exception from a.b asked for until 3 May 2026, 12:00 UTC");
        assert_eq!(said("tag.set", &serde_json::json!({"key": "x".repeat(1_000)})).words.chars().count(), 4 + 81 + 4);
        assert_eq!(said("no.such", &data).words, "no.such");
    }
}
