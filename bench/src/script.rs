//! The commands of the write figures, and the rows that the rules make of them. The load sends the same commands over HTTP.

use std::collections::BTreeMap;

use anyhow::bail;
use chancery_core::entry::{Door, Entry, Payload};
use chancery_core::ledger::merkle::leaf_hash;
use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::model::{self, Profile};
use chancery_core::names::{ActorId, Digest, ModelId, ModelKind, ModelName, RiskTier, TagKey, Timestamp, VersionNumber};
use chancery_core::rows::{Change, Key, Missing, Rows};
use chancery_core::semver::Bump;
use chancery_core::tables::EntryRow;
use chancery_core::{Command, Context, Stop, apply, decide, tag, version};
use serde_json::{Value, json};

/// Connections of the load, each with a model of its own.
pub const CONNECTIONS: usize = 64;
/// Versions of each model that get tags.
pub const VERSIONS: u64 = 20;
/// The tag that is changed.
pub const TAG: &str = "stage";

/// The three files of a version: two that are inspected and one of numbers.
pub const FILES: [(&str, &[u8]); 3] = [
    ("MLmodel", include_bytes!("../../examples/loan-approval/v1/model/MLmodel")),
    ("requirements.txt", include_bytes!("../../examples/loan-approval/v1/model/requirements.txt")),
    ("weights.bin", &[0x5a; 4096]),
];

/// Name of the model of a connection.
pub fn model_name(connection: usize) -> String {
    format!("credit-scoring-{connection:03}")
}

/// Value of the tag after so many changes.
pub fn tag_value(number: u64) -> String {
    format!("shadow-deployment-{number}")
}

/// Files of version `number` as the API takes them: no two versions have the same manifest.
pub fn files(number: u64) -> Vec<Value> {
    let path = |path: &str| if path == "weights.bin" { format!("data/weights-{number}.bin") } else { path.to_owned() };
    FILES.iter().map(|(name, bytes)| json!({"path": path(name), "size": bytes.len(), "digest": Digest::of(bytes).to_string()})).collect()
}

/// What a caller says about version `number`.
pub fn facts(number: u64) -> Value {
    json!({
        "intended_use": "Scores applications for consumer credit; a person decides.",
        "training": {
            "run_id": format!("run-{number:08}"), "date": "2026-11-20", "seed": 17,
            "code": {"repository": "https://git.example.com/risk/credit-scoring", "commit": "4f2c9a1be87d60c35a9f21b04d8e6c7730a15b92", "branch": "main", "dirty": false},
            "hyperparameters": {"learning_rate": 0.05, "max_depth": 6, "trees": 400},
        },
        "metrics": [{"name": "auc_roc", "value": 0.81}, {"name": "accuracy", "value": 0.77}],
    })
}

/// Profile of a model as the API takes it.
pub fn profile() -> Value {
    json!({
        "description": "Credit scoring for consumer loans", "use_case": "credit scoring", "limitations": "Not for companies",
        "intended_users": ["credit officers"], "licence": "Apache-2.0",
        "ownership": {"owner": "dana", "backup_owner": "ali", "escalation_contact": "risk@example.com", "business_unit": "retail"},
    })
}

/// One transaction: what the rules make of a group of commands.
#[derive(Debug)]
pub struct Group {
    /// The entries.
    pub entries: Vec<EntryRow>,
    /// Rows to put and to remove.
    pub changes: BTreeMap<Key, Change>,
    /// Entries in the ledger afterwards.
    pub size: u64,
    /// Time of the last one, in microseconds.
    pub at: i64,
}

/// Makes groups of commands.
#[derive(Debug)]
pub struct Script {
    /// The rows that it knows.
    pub rows: Rows,
    /// Entries so far.
    pub size: u64,
    at: i64,
    actor: ActorId,
    models: Vec<ModelId>,
    /// Facts as the server seals them.
    sealed: Value,
}

impl Script {
    /// A script for a ledger of `size` entries, the newest of which was made at `at`; `sealed` are the facts of a version.
    pub fn new(size: u64, at: Timestamp, sealed: Value) -> anyhow::Result<Self> {
        let actor = chancery::ids::actor(chancery_core::actor::ActorKind::Person)?;
        Ok(Self { rows: Rows::default(), size, at: at.micros(), actor, models: Vec::new(), sealed })
    }

    /// The command that makes one more model.
    pub fn create(&mut self) -> anyhow::Result<Command> {
        let profile: Profile = serde_json::from_value(profile())?;
        let id = chancery::ids::model()?;
        let name = ModelName::parse(&model_name(self.models.len()))?;
        self.models.push(id.clone());
        Ok(model::Command::Create { id, name, kind: ModelKind::Model, risk_tier: RiskTier::High, profile: Box::new(profile), tags: Vec::new() }.into())
    }

    fn model(&self, connection: usize) -> anyhow::Result<ModelId> {
        self.models.get(connection).cloned().ok_or_else(|| anyhow::anyhow!("no model {connection}"))
    }

    /// The command that registers version `number` of a connection's model.
    pub fn register(&self, connection: usize, number: u64) -> anyhow::Result<Command> {
        let files: Vec<ManifestFile> = serde_json::from_value(Value::Array(files(number)))?;
        let mut facts = self.sealed.clone();
        if let Some(run) = facts.pointer_mut("/training/run_id") {
            *run = json!(format!("run-{connection:03}-{number:08}"));
        }
        let facts = Payload::json("facts", &facts)?;
        let manifest = Manifest::new(files)?;
        let model = self.model(connection)?;
        Ok(version::Command::Register { model, manifest, facts, semver: None, bump: Bump::Minor, description: String::new(), origin: None, tags: Vec::new() }
            .into())
    }

    /// The command that changes the tag of a version of a connection's model.
    pub fn tag(&self, connection: usize, number: u64) -> anyhow::Result<Command> {
        let version = VersionNumber::new(1 + number % VERSIONS)?;
        Ok(tag::Command::Set { model: self.model(connection)?, number: Some(version), key: TagKey::parse(TAG)?, value: tag_value(number) }.into())
    }

    /// Runs commands on the known rows; `None` when rows must be filled in first.
    pub fn group(&mut self, commands: &[Command]) -> anyhow::Result<Option<Group>> {
        self.rows.forget_changes();
        let now = Timestamp::from_micros(self.at + 1000);
        let context = Context { now, actor: self.actor.clone(), through: Vec::new() };
        let mut entries = Vec::with_capacity(commands.len());
        let mut is_complete = true;
        for command in commands {
            is_complete &= self.one(&context, command, &mut entries)?;
        }
        if !is_complete {
            return Ok(None);
        }
        self.size += entries.len() as u64;
        self.at = now.micros();
        Ok(Some(Group { entries, changes: self.rows.take_changes(), size: self.size, at: self.at }))
    }

    fn one(&mut self, context: &Context, command: &Command, entries: &mut Vec<EntryRow>) -> anyhow::Result<bool> {
        let drafts = match decide(&mut self.rows, context, command) {
            Ok(drafts) => drafts,
            Err(Stop::Missing(Missing::Row)) => return Ok(false),
            // What it is about may be made by a command before it that still lacks rows.
            Err(Stop::Refused(_)) if self.rows.is_missing() => return Ok(false),
            Err(other) => bail!("the rules stopped a command of the bench: {other:?}"),
        };
        for draft in drafts {
            let index = self.size + entries.len() as u64;
            let entry = Entry {
                index,
                at: context.now,
                actor: self.actor.clone(),
                door: Door::Api,
                subject: draft.subject,
                event: draft.event,
                request: None,
                run: None,
                through: Vec::new(),
            };
            for payload in draft.payloads {
                self.rows.put(&chancery_core::tables::PayloadRow { digest: payload.digest, bytes: payload.bytes });
            }
            match apply(&mut self.rows, &entry) {
                Ok(()) => {}
                Err(Missing::Row) => return Ok(false),
                Err(Missing::Bad(bad)) => return Err(bad.into()),
            }
            let bytes = entry.to_bytes()?;
            let leaf_hash = leaf_hash(&bytes).as_bytes().to_vec();
            entries.push(EntryRow { entry_index: index, leaf_hash, subject: entry.subject.to_string(), request: None, bytes });
        }
        Ok(true)
    }

    /// As [`Script::group`] in an empty registry: what is not known is not there.
    pub fn group_alone(&mut self, commands: &[Command]) -> anyhow::Result<Group> {
        loop {
            if let Some(group) = self.group(commands)? {
                return Ok(group);
            }
            for key in self.rows.take_missing() {
                self.rows.fill(key, None);
            }
        }
    }
}
