//! A registry for the tests of the ledger: entries made by hand, committed as the sequencer does, in a SQLite database.

use std::path::Path;

use chancery_core::apply;
use chancery_core::entry::{Entry, Payload};
use chancery_core::ledger::SignedCheckpoint;
use chancery_core::ledger::merkle::leaf_hash;
use chancery_core::names::Timestamp;
use chancery_core::rows::{Row as _, Rows};
use chancery_core::tables::{EntryRow, PayloadRow};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::sequence::Edge;
use super::signer::{Publish, Signer, publish};
use super::verify::{Mode, Options, Report, verify};
use crate::blobs::Blobs;
use crate::fault::Fault;
use crate::keys::Keys;
use crate::store::{Head, Schema, Store, StoreConfig, Writer};

pub(crate) const MODEL: &str = "m00000000000000000000000000000001";
const SYSTEM: &str = "m00000000000000000000000000000005";
const PERSON: &str = "u00000000000000000000000000000002";
const OTHER: &str = "u00000000000000000000000000000009";
const PROMOTION: &str = "p00000000000000000000000000000003";
const TOKEN: &str = "t00000000000000000000000000000004";
const START: i64 = 1_780_000_000_000_000;

/// An entry in the making.
pub(crate) struct Made {
    subject: String,
    kind: &'static str,
    data: Value,
    payloads: Vec<Payload>,
    through: Vec<&'static str>,
}

pub(crate) fn made(subject: &str, kind: &'static str, data: Value) -> Made {
    Made { subject: subject.to_owned(), kind, data, payloads: Vec::new(), through: Vec::new() }
}

impl Made {
    fn with(mut self, payload: &Payload) -> Self {
        self.payloads.push(payload.clone());
        self
    }

    /// By a credential that somebody else made.
    fn through(mut self, maker: &'static str) -> Self {
        self.through.push(maker);
        self
    }
}

/// Tags of the registry's first model: the cheapest entries there are.
pub(crate) fn tags(count: u64) -> Vec<Made> {
    (0..count).map(|number| made(&format!("model/{MODEL}"), "tag.set", json!({"key": format!("k{}", number % 7), "value": number.to_string()}))).collect()
}

pub(crate) struct Registry {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    pub(crate) keys: Keys,
    edge: Edge,
}

impl Registry {
    pub(crate) async fn open() -> Self {
        Self::open_at(tempfile::tempdir().unwrap()).await
    }

    async fn open_at(folder: TempDir) -> Self {
        let config = StoreConfig { data: folder.path().to_owned(), database: None };
        let (store, writer) = Store::open(config, &Schema::product()).await.unwrap();
        let keys = Keys::open(folder.path(), Some("example.com/log")).unwrap();
        Self { folder, store, writer, keys, edge: Edge::default() }
    }

    /// The same registry in another folder, as a backup would have it.
    pub(crate) async fn copy(&self) -> Self {
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)");
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(self.folder.path().join("chancery.db"), copy.path().join("chancery.db")).unwrap();
        Keys::open(copy.path(), Some("example.com/log")).unwrap();
        for file in std::fs::read_dir(self.folder.path().join("keys")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join("keys").join(file.file_name())).unwrap();
        }
        Self::open_at(copy).await
    }

    /// What an intruder does.
    pub(crate) fn sql(&self, text: &str) {
        self.connection().execute_batch(text).unwrap();
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.folder.path().join("chancery.db")).unwrap()
    }

    pub(crate) async fn commit(&mut self, batch: Vec<Made>) {
        let mut tx = self.writer.begin().await.unwrap();
        let head = tx.head();
        if self.edge.size() != head.size || head.size == 0 {
            self.edge = Edge::load(&mut tx, head.size).await.unwrap();
        }
        let mut rows = Rows::default();
        let (mut stored, mut entries) = (Vec::new(), Vec::new());
        let mut at = head.at;
        for (made, index) in batch.into_iter().zip(head.size..) {
            at = Timestamp::from_micros(START + i64::try_from(index).unwrap());
            let wire = json!({"actor": PERSON, "at": at.to_string(), "data": made.data, "door": "api", "index": index,
                "kind": made.kind, "subject": made.subject, "through": made.through, "v": 1});
            let entry = Entry::from_bytes(wire.to_string().as_bytes()).unwrap();
            for payload in &made.payloads {
                tx.put(PayloadRow::TABLE, &[PayloadRow { digest: payload.digest, bytes: payload.bytes.clone() }.to_values()]).await.unwrap();
            }
            let bytes = entry.to_bytes().unwrap();
            let leaf = leaf_hash(&bytes);
            self.edge.append(leaf);
            let row = EntryRow { entry_index: index, bytes, leaf_hash: leaf.as_bytes().to_vec(), subject: entry.subject.to_string(), request: None };
            stored.push(row.to_values());
            entries.push(entry);
        }
        loop {
            rows.forget_changes();
            entries.iter().for_each(|entry| drop(apply(&mut rows, entry)));
            let missing = rows.take_missing();
            if missing.is_empty() {
                break;
            }
            for (key, values) in tx.load(missing).await.unwrap() {
                rows.fill(key, values);
            }
        }
        let size = head.size + stored.len() as u64;
        tx.insert(EntryRow::TABLE, &stored).await.unwrap();
        self.edge.full_tiles(&mut tx).await.unwrap();
        tx.flush(rows.take_changes()).await.unwrap();
        tx.set_head(Head { size, at });
        tx.commit().await.unwrap();
    }

    /// Commits entries that fill every derived table.
    pub(crate) async fn live(&mut self, files: &[(&str, chancery_core::names::Digest)]) {
        let version = format!("model/{MODEL}/1");
        let promotion = format!("promotion/{PROMOTION}");
        let listed: Vec<Value> = files.iter().map(|(path, digest)| json!({"digest": digest, "path": path, "size": 5})).collect();
        let payload = |value: Value| Payload::json("payload", &value).unwrap();
        let manifest = payload(json!({"files": listed, "v": 1}));
        let facts = payload(json!({"framework": "sklearn"}));
        let verdict = payload(json!({"passed": true}));
        let evidence = payload(json!({"auc": 0.9}));
        let baseline = payload(json!({"files": {}}));
        let exception = format!("exception/x{}", "0".repeat(32));
        let statement = chancery_core::signing::Envelope::sign("application/vnd.in-toto+json", b"{\"decision\":\"APPROVED\"}", self.keys.decision()).unwrap();
        let envelope = payload(serde_json::to_value(&statement).unwrap());
        let digest = "aa".repeat(32);
        let until = "2027-01-01T00:00:00Z";
        let shown = json!({"target": "approved", "environment": "production", "evidence_set": digest, "risk_tier": "high"});
        let with = |mut base: Value, more: Value| {
            base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            base
        };
        let digests = json!({"content_digest": manifest.digest, "facts_digest": facts.digest, "version_digest": digest});
        self.commit(vec![
            made("registry", "registry.started", json!({"origin": "example.com/log", "mode": "enforce", "baseline": baseline.digest})).with(&baseline),
            made(&format!("actor/{PERSON}"), "actor.created", json!({"kind": "person", "roles": ["administrator"]})),
            made(&format!("token/{TOKEN}"), "token.issued", json!({"actor": PERSON, "expires_at": until, "secret": "a".repeat(64)})),
            made(&format!("model/{MODEL}"), "model.created", json!({"name": "loan", "kind": "model", "risk_tier": "high", "profile": {}})),
            made(&version, "version.registered", with(digests, json!({"name": "loan", "number": 1, "semver": "1.0.0", "files": files.len(), "size": 5})))
                .with(&manifest)
                .with(&facts),
            made(
                &version,
                "evidence.added",
                json!({"type": "evaluation", "digest": evidence.digest, "grade": "claimed", "binds_to": "version",
                "binds_digest": digest, "title": "auc", "size": 11, "in_payloads": true}),
            )
            .with(&evidence),
            made(&version, "alias.set", json!({"alias": "candidate"})),
            made(&version, "tag.set", json!({"key": "team", "value": "risk"})),
            made(&promotion, "promotion.opened", with(shown.clone(), json!({"version": version, "verdict": verdict.digest, "failed": []}))).with(&verdict),
            made(
                &promotion,
                "approval.recorded",
                with(
                    shown,
                    json!({"role": "product", "verdict": "approve", "version_digest": digest,
                "envelope": envelope.digest, "expires_at": until}),
                ),
            )
            .with(&envelope),
            made(
                &version,
                "decision.recorded",
                json!({"id": "d1", "decision": "APPROVED", "envelope": envelope.digest, "promotion": PROMOTION,
                "target": "approved", "environment": "production"}),
            ),
            made(
                &exception,
                "exception.requested",
                json!({"rule": "sbom.present", "scope": "version", "version": version, "origin": "asked", "reason": digest, "expires_at": until}),
            ),
            made(&exception, "exception.granted", json!({"role": "security"})),
        ])
        .await;
    }

    /// Commits entries about what approvers do beside their verdicts, after those of a live registry.
    pub(crate) async fn approvers(&mut self) {
        let promotion = format!("promotion/{PROMOTION}");
        let (digest, until) = ("aa".repeat(32), "2027-01-01T00:00:00Z");
        let envelope = Payload::json("payload", &json!({"verdict": "approve"})).unwrap();
        let (risk, review) = (format!("risk/r{}", "0".repeat(32)), format!("review/v{}", "0".repeat(32)));
        let part = json!({"role": "model", "reference": "loan/1", "kind": "model", "model": MODEL, "number": 1, "version_digest": digest});
        let facts = json!({"composition": [part], "environment": {"pinned": true, "packages": ["numpy==2.4.0"]}, "datasets": [{"name": "loanapp"}]});
        let (facts, listed) = (Payload::json("payload", &facts).unwrap(), Payload::json("payload", &json!({"files": [], "v": 1})).unwrap());
        let condition = json!({"text": "watch it", "owner": "credit", "due": until, "effect": "finding"});
        let approval = json!({"role": "security", "verdict": "approve", "version_digest": digest, "target": "approved", "environment": "production",
            "evidence_set": digest, "risk_tier": "high", "conditions": [condition], "envelope": envelope.digest, "expires_at": until});
        self.commit(vec![
            made(&promotion, "approval.recorded", approval).with(&envelope),
            made(&promotion, "condition.met", json!({"number": 1, "role": "security", "note": digest})),
            made(&promotion, "promotion.commented", json!({"text": digest})),
            made(
                &risk,
                "risk.added",
                json!({"title": "unfair", "category": "fairness", "severity": "high", "likelihood": "possible", "description": "", "requirements": []}),
            ),
            made(&risk, "risk.linked", json!({"model": MODEL})),
            made(
                &review,
                "review.scheduled",
                json!({"review": {"about": "entry", "subject": format!("model/{MODEL}/1"), "owner": "credit", "due": until, "cause": "release/1"}}),
            ),
            made(&review, "finding.opened", json!({"rule": "review.overdue", "message": "it is overdue"})),
            made(
                &format!("actor/{PERSON}"),
                "actor.key-added",
                json!({"algorithm": "ed25519", "key_id": digest, "spki": "MCowBQYDK2VwAyEAYY+zZH0lHzWaY5AObElRbHMLcvTqvudH5GF0NsFMxdM="}),
            ),
            made(
                &format!("model/{MODEL}/1"),
                "attestation.issued",
                json!({"digest": listed.digest, "environment": "production", "expires_at": until, "target": "production", "version_digest": digest}),
            ),
            made(&format!("bundle/{}", listed.digest), "bundle.uploaded", json!({"digest": listed.digest, "files": 1, "size": 2})),
            made("template/card", "template.added", json!({"type": "model-card", "version": 1, "text": listed.digest, "sections": ["limitations"]})),
            made(&format!("model/{SYSTEM}"), "model.created", json!({"name": "desk", "kind": "system", "risk_tier": "high", "profile": {}})),
            made(
                &format!("model/{SYSTEM}/1"),
                "version.registered",
                json!({"name": "desk", "number": 1, "semver": "1.0.0", "files": 0, "size": 0,
                "content_digest": listed.digest, "facts_digest": facts.digest, "version_digest": "cc".repeat(32)}),
            )
            .with(&listed)
            .with(&facts),
            made(&format!("model/{MODEL}"), "model.tier-proposed", json!({"from": "high", "to": "limited", "reason": digest})),
            made(&format!("actor/{PERSON}"), "delegation.given", json!({"role": "security", "to": PERSON, "until": until, "reason": digest})),
        ])
        .await;
    }

    /// Commits entries about who may do what, after those of the approvers.
    pub(crate) async fn access(&mut self) {
        let (digest, until, person) = ("aa".repeat(32), "2027-01-01T00:00:00Z", format!("actor/{PERSON}"));
        let listed = Payload::json("payload", &json!({"files": [], "v": 1})).unwrap();
        let identity = format!("i{}", "0".repeat(32));
        let rules = json!([{"claim": "repository", "match": "exact", "value": "acme/loans"}]);
        let run = json!({"identity": identity, "presented": digest, "facts": digest});
        self.commit(vec![
            made("team/credit", "team.created", json!({"description": "scores loans"})),
            made("team/credit", "team.member-added", json!({"member": PERSON})),
            made(&format!("model/{MODEL}"), "model.transfer-proposed", json!({"from": null, "to": "credit", "reason": digest})).through(OTHER),
            made(&person, "actor.grant-proposed", json!({"grants": ["approver:security@team:credit"]})),
            made("registry", "group.mapped", json!({"group": "ml-credit", "roles": ["contributor@team:credit"]})),
            made(&person, "actor.groups-changed", json!({"groups": ["ml-credit"], "roles": ["contributor@team:credit"]})),
            made(&person, "actor.login-bound", json!({"issuer": "https://idp.example", "subject": digest})),
            made(&person, "actor.password-set", json!({})),
            made(&person, "identity.added", json!({"id": identity, "issuer": "https://ci.example", "audience": "chancery", "shape": "github", "rules": rules})),
            made(&format!("token/t{}", "7".repeat(32)), "token.issued", json!({"actor": PERSON, "expires_at": until, "secret": "b".repeat(64), "run": run})),
            made(&format!("access-policy/{}", listed.digest), "access-policy.installed", json!({"digest": listed.digest, "policies": 3, "reason": digest})),
            made("registry", "access-log.anchored", json!({"day": "2026-05-02", "count": 3, "digest": digest})),
        ])
        .await;
    }

    /// Signs and publishes once, as the running server does.
    pub(crate) async fn sign(&mut self) -> Result<Option<SignedCheckpoint>, Fault> {
        let signer = self.signer();
        self.sign_by(&signer).await
    }

    pub(crate) fn signer(&self) -> Signer {
        Signer::new(self.store.clone(), self.keys.clone(), None)
    }

    pub(crate) async fn sign_by(&mut self, signer: &Signer) -> Result<Option<SignedCheckpoint>, Fault> {
        let Some(job) = signer.next(Timestamp::from_micros(START)).await? else { return Ok(None) };
        let signed = SignedCheckpoint::open(&job.note, self.keys.verifier()).unwrap();
        Ok(publish_by(&mut self.writer, job).await?.then_some(signed))
    }

    pub(crate) async fn verify(&self, mode: Mode) -> Report {
        self.verify_with(mode, None).await
    }

    pub(crate) async fn verify_with(&self, mode: Mode, blobs: Option<&Blobs>) -> Report {
        let memory = self.keys.memory_path();
        let options = Options { mode, logs: self.keys.public().logs(), memory: Some(Path::new(&memory)), schema: &Schema::product(), blobs };
        verify(&self.store, &options).await.unwrap()
    }
}

pub(crate) async fn publish_by(writer: &mut Writer, job: Publish) -> Result<bool, Fault> {
    let mut tx = writer.begin().await?;
    let published = publish(&mut tx, &job).await?;
    tx.commit().await?;
    Ok(published)
}
