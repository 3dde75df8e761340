//! An auditor who trusts nothing but the entries: folds them alone, without the rules of the product, and says whether anything
//! reached production, or got a protected alias, that should not have.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::Value;

/// Roles of approval that the baseline asks for, by tier. Written down once more here: a policy that forgets one is found.
fn required_roles(tier: &str) -> &'static [&'static str] {
    match tier {
        "minimal" => &["product"],
        "limited" => &["product", "security"],
        // Unclassified counts as high.
        _ => &["platform", "product", "security", "ai-governance"],
    }
}

/// States that an alias promises.
fn promised(alias: &str) -> Option<&'static [&'static str]> {
    match alias {
        "champion" | "canary" | "stable" | "production" => Some(&["production"]),
        "challenger" => Some(&["approved", "production"]),
        _ => None,
    }
}

#[derive(Default)]
struct Model {
    tier: String,
    mode: Option<String>,
}

#[derive(Default)]
struct Version {
    state: String,
    digest: String,
    registered_index: u64,
    authors: BTreeSet<String>,
    was_production: bool,
}

struct Promotion {
    version: String,
    target: String,
    environment: String,
    evidence_set: String,
    opener: String,
    approvals: Vec<Approval>,
    approved_by_decision: bool,
}

struct Approval {
    role: String,
    actor: String,
    delegated_by: Option<String>,
    verdict: String,
    version_digest: String,
    evidence_set: String,
    target: String,
    environment: String,
    tier: String,
    expires_at: String,
    index: u64,
    withdrawn: bool,
}

#[derive(Default)]
struct Person {
    kind: String,
    roles: BTreeSet<String>,
}

struct Waiver {
    rule: String,
    version: Option<String>,
    model: String,
    requested_by: String,
    origin: String,
    granted_by: Option<String>,
    expires_at: String,
    ended: bool,
}

/// What was found in a ledger.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How often a version entered production through a promotion.
    pub(super) releases: usize,
    /// How often a version came back by a rollback.
    pub(super) rollbacks: usize,
    /// Protected aliases that were set.
    pub(super) aliases: usize,
    /// Releases in which an exception waived an approval or another rule.
    pub(super) waived: usize,
    /// Envelopes to be checked: (digest, version digest).
    pub(super) envelopes: Vec<(String, String)>,
}

/// The fold.
#[derive(Default)]
pub(super) struct Oracle {
    registry_mode: String,
    models: BTreeMap<String, Model>,
    versions: BTreeMap<String, Version>,
    promotions: BTreeMap<String, Promotion>,
    people: BTreeMap<String, Person>,
    waivers: BTreeMap<String, Waiver>,
    found: Found,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn model_of(version: &str) -> String {
    version.rsplit_once('/').unwrap().0.to_owned()
}

impl Oracle {
    /// Reads all entries in order and gives what was found.
    ///
    /// # Panics
    /// At the first entry that should not be there.
    pub(super) fn read(entries: &[Value]) -> Found {
        let mut oracle = Self::default();
        for (at, entry) in entries.iter().enumerate() {
            assert_eq!(entry["index"], at as u64);
            oracle.entry(entry, entries);
        }
        oracle.found
    }

    fn entry(&mut self, entry: &Value, entries: &[Value]) {
        let (kind, subject, actor) = (text(&entry["kind"]), text(&entry["subject"]), text(&entry["actor"]));
        let data = &entry["data"];
        match kind.as_str() {
            "registry.started" | "policy.mode-changed" => self.registry_mode = text(&data["mode"]),
            "model.created" => {
                self.models.insert(subject, Model { tier: text(&data["risk_tier"]), mode: None });
            }
            "model.risk-tier-changed" => self.models.get_mut(&subject).unwrap().tier = text(&data["to"]),
            "model.policy-mode-changed" => self.models.get_mut(&subject).unwrap().mode = data["mode"].as_str().map(str::to_owned),
            "actor.created" => {
                self.people.insert(subject, Person { kind: text(&data["kind"]), roles: roles(data) });
            }
            "actor.roles-changed" => self.people.get_mut(&subject).unwrap().roles = roles(data),
            "actor.deactivated" => self.people.get_mut(&subject).unwrap().roles.clear(),
            "version.registered" => {
                let index = entry["index"].as_u64().unwrap();
                let authors = BTreeSet::from([actor]);
                let version = Version { state: "draft".to_owned(), digest: text(&data["version_digest"]), registered_index: index, authors, was_production: false };
                self.versions.insert(subject, version);
            }
            // Who reviews in a role of approval did not make the version.
            "evidence.added" if data["role"].is_string() => {}
            "evidence.added" => drop(self.versions.get_mut(&subject).unwrap().authors.insert(actor)),
            "promotion.opened" => self.opened(&subject, &actor, data),
            "promotion.refreshed" => {
                let promotion = self.promotions.get_mut(&subject).unwrap();
                promotion.evidence_set = text(&data["evidence_set"]);
                if data["lapsed"] == true {
                    promotion.approved_by_decision = false;
                }
            }
            "approval.recorded" => self.approved(entry, &subject, actor, data),
            "approval.withdrawn" => {
                let role = text(&data["role"]);
                let given = self.promotions.get_mut(&subject).unwrap().approvals.iter_mut();
                given.filter(|given| given.actor == actor && given.role == role).for_each(|given| given.withdrawn = true);
            }
            "decision.recorded" => self.decided(&subject, data),
            kind if kind.starts_with("exception.") => self.exception(kind, &subject, actor, data),
            "version.transitioned" => self.moved(entry, &subject, entries),
            "alias.set" => self.alias(entry, &subject),
            _ => {}
        }
    }

    fn opened(&mut self, subject: &str, actor: &str, data: &Value) {
        let promotion = Promotion {
            version: text(&data["version"]),
            target: text(&data["target"]),
            environment: text(&data["environment"]),
            evidence_set: text(&data["evidence_set"]),
            opener: actor.to_owned(),
            approvals: Vec::new(),
            approved_by_decision: false,
        };
        self.promotions.insert(subject.to_owned(), promotion);
    }

    fn approved(&mut self, entry: &Value, subject: &str, actor: String, data: &Value) {
        let role = text(&data["role"]);
        let delegated_by = data["delegated_by"].as_str().map(str::to_owned);
        // The role was held at that moment, by the person or by who let them stand in; only people approve.
        let holder = self.people.get(&format!("actor/{}", delegated_by.as_deref().unwrap_or(&actor))).unwrap();
        assert!(holder.roles.contains(&format!("approver:{role}")), "{entry}: nobody who may gave this approval");
        assert_eq!(self.people[&format!("actor/{actor}")].kind, "person", "{entry}");
        let approval = Approval {
            role,
            actor,
            delegated_by,
            verdict: text(&data["verdict"]),
            version_digest: text(&data["version_digest"]),
            evidence_set: text(&data["evidence_set"]),
            target: text(&data["target"]),
            environment: text(&data["environment"]),
            tier: text(&data["risk_tier"]),
            expires_at: text(&data["expires_at"]),
            index: entry["index"].as_u64().unwrap(),
            withdrawn: false,
        };
        self.promotions.get_mut(subject).unwrap().approvals.push(approval);
    }

    fn decided(&mut self, version: &str, data: &Value) {
        self.found.envelopes.push((text(&data["envelope"]), self.versions[version].digest.clone()));
        if let (Some(promotion), "APPROVED") = (data["promotion"].as_str(), text(&data["decision"]).as_str()) {
            let promotion = self.promotions.get_mut(&format!("promotion/{promotion}")).unwrap();
            assert_eq!((promotion.version.as_str(), &promotion.target), (version, &text(&data["target"])));
            promotion.approved_by_decision = true;
        }
    }

    fn exception(&mut self, kind: &str, subject: &str, actor: String, data: &Value) {
        match kind {
            "exception.requested" => {
                let version = text(&data["version"]);
                let waiver = Waiver {
                    rule: text(&data["rule"]),
                    model: model_of(&version),
                    version: Some(version).filter(|_| data["scope"] != "model"),
                    requested_by: actor,
                    origin: text(&data["origin"]),
                    granted_by: None,
                    expires_at: text(&data["expires_at"]),
                    ended: false,
                };
                self.waivers.insert(subject.to_owned(), waiver);
            }
            "exception.granted" => {
                let holder = &self.people[&format!("actor/{actor}")];
                let waiver = self.waivers.get_mut(subject).unwrap();
                match waiver.origin.as_str() {
                    "asked" => {
                        assert_ne!(waiver.requested_by, actor, "{subject}: nobody grants what he asked for");
                        assert!(holder.roles.iter().any(|role| role.starts_with("approver:")), "{subject}: granted by somebody who may not");
                    }
                    "emergency" => assert!(holder.roles.contains("incident"), "{subject}: not by the incident role"),
                    origin => assert_eq!(origin, "rollback"),
                }
                waiver.granted_by = Some(actor);
            }
            _ => {
                if let Some(waiver) = self.waivers.get_mut(subject) {
                    waiver.ended = true;
                }
            }
        }
    }

    fn moved(&mut self, entry: &Value, subject: &str, entries: &[Value]) {
        let data = &entry["data"];
        let (from, to) = (text(&data["from"]), text(&data["to"]));
        let version = &self.versions[subject];
        assert_eq!(version.state, from, "{entry}");
        assert_ne!(from, "retired", "{entry}: nothing leaves retired");
        if to == "production" {
            match data["promotion"].as_str() {
                Some(promotion) => self.released(entry, subject, &format!("promotion/{promotion}"), entries),
                None => self.rolled_back(entry, subject, entries),
            }
        }
        let version = self.versions.get_mut(subject).unwrap();
        version.was_production |= to == "production";
        version.state = to;
    }

    /// What must hold for every release through a promotion.
    fn released(&mut self, entry: &Value, subject: &str, id: &str, entries: &[Value]) {
        self.found.releases += 1;
        let (model, version) = (&self.models[&model_of(subject)], &self.versions[subject]);
        let promotion = &self.promotions[id];
        assert_eq!((promotion.version.as_str(), promotion.target.as_str()), (subject, "production"), "{entry}");
        assert_ne!(model.tier, "prohibited", "{entry}");
        let decision = decision_of(entry, entries, subject, "EXECUTED");
        assert!(version.registered_index < decision, "{entry}: the entry is younger than the decision");
        if model.mode.as_deref().unwrap_or(&self.registry_mode) == "warn" {
            assert!(["minimal", "limited", "unclassified"].contains(&model.tier.as_str()), "{entry}: {} under warn", model.tier);
            return;
        }
        assert!(promotion.approved_by_decision, "{entry}: nothing approved it");
        if !["minimal", "limited"].contains(&model.tier.as_str()) {
            assert_eq!(self.people[&format!("actor/{}", text(&entry["actor"]))].kind, "pipeline", "{entry}: a person released tier {}", model.tier);
        }
        let at = text(&entry["at"]);
        let waived = self.waivers.values().any(|waiver| {
            waiver.rule == "approval.complete"
                && waiver.granted_by.is_some()
                && waiver.origin != "rollback"
                && !waiver.ended
                && waiver.expires_at > at
                && waiver.model == model_of(subject)
                && waiver.version.as_ref().is_none_or(|of| of == subject)
        });
        if waived {
            self.found.waived += 1;
            return;
        }
        let mut spoken = BTreeSet::new();
        for role in required_roles(&model.tier) {
            let given = promotion.approvals.iter().rfind(|given| given.role == *role && self.counts(given, promotion, subject, &at) && !spoken.contains(&given.actor));
            let given = given.unwrap_or_else(|| panic!("{entry}: no approval of role {role} counts"));
            assert!(given.index < entry["index"].as_u64().unwrap());
            spoken.insert(given.actor.clone());
        }
    }

    fn counts(&self, given: &Approval, promotion: &Promotion, subject: &str, at: &str) -> bool {
        let (model, version) = (&self.models[&model_of(subject)], &self.versions[subject]);
        let author = |person: &String| version.authors.contains(person) || promotion.opener == *person;
        given.verdict == "approve"
            && !given.withdrawn
            && given.expires_at.as_str() > at
            && given.version_digest == version.digest
            && given.evidence_set == promotion.evidence_set
            && given.target == promotion.target
            && given.environment == promotion.environment
            && given.tier == model.tier
            && !author(&given.actor)
            && given.delegated_by.as_ref().is_none_or(|person| !author(person))
    }

    /// What must hold for every way into production without a promotion.
    fn rolled_back(&mut self, entry: &Value, subject: &str, entries: &[Value]) {
        self.found.rollbacks += 1;
        let (version, actor) = (&self.versions[subject], &self.people[&format!("actor/{}", text(&entry["actor"]))]);
        assert_eq!(version.state, "deprecated", "{entry}");
        assert!(version.was_production, "{entry}: it never was in production");
        assert!(actor.kind == "pipeline" || actor.roles.contains("incident"), "{entry}: not by the incident role");
        assert_ne!(self.models[&model_of(subject)].tier, "prohibited", "{entry}");
        decision_of(entry, entries, subject, "EXECUTED");
    }

    fn alias(&mut self, entry: &Value, subject: &str) {
        let alias = text(&entry["data"]["alias"]);
        let state = &self.versions[subject].state;
        assert!(!["deprecated", "retired"].contains(&state.as_str()), "{entry}: the version is {state}");
        let warned = entry["data"]["finding"].is_string();
        if let Some(states) = promised(&alias)
            && !warned
        {
            self.found.aliases += 1;
            assert!(states.contains(&state.as_str()), "{entry}: the version is {state}");
        }
        let mode = self.models[&model_of(subject)].mode.as_deref().unwrap_or(&self.registry_mode);
        assert!(!warned || mode == "warn", "{entry}: mode {mode}");
    }
}

fn roles(data: &Value) -> BTreeSet<String> {
    data["roles"].as_array().unwrap().iter().map(text).collect()
}

/// The index of the decision that was recorded with this entry, in the same command.
fn decision_of(entry: &Value, entries: &[Value], subject: &str, kind: &str) -> u64 {
    let from = entry["index"].as_u64().unwrap() as usize;
    let made = entries.iter().skip(from + 1).take(200).take_while(|next| next["at"] == entry["at"] && next["actor"] == entry["actor"]);
    let mut decisions = made.filter(|next| next["kind"] == "decision.recorded" && next["subject"] == subject && next["data"]["decision"] == kind);
    decisions.next().unwrap_or_else(|| panic!("{entry}: no decision {kind} was recorded with it"))["index"].as_u64().unwrap()
}

/// Checks a DSSE envelope with nothing but the public key: the signature, and which version its statement is about.
pub(super) fn check_envelope(envelope: &Value, key: &p256::ecdsa::VerifyingKey, version_digest: &str) {
    use p256::ecdsa::signature::Verifier as _;
    let decode = |value: &Value| base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
    let (payload, kind) = (decode(&envelope["payload"]), envelope["payloadType"].as_str().unwrap());
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend_from_slice(&payload);
    let signature = p256::ecdsa::Signature::from_der(&decode(&envelope["signatures"][0]["sig"])).unwrap();
    key.verify(&signed, &signature).expect("the signature of a decision does not verify");
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["predicateType"], "https://chancery.dev/attestation/decision/v1");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], version_digest);
}
