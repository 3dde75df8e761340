//! A registry in memory for the tests: decides, writes entry bytes, parses them back and applies what it parsed.

use std::collections::BTreeMap;

use crate::approval::ApprovalVerdict;
use crate::entry::{Door, Draft, Entry, Payload, PrivateText, Subject};
use crate::model::Profile;
use crate::names::{ActorId, Digest, FilePath, Label, ModelId, ModelKind, ModelName, PolicyMode, PromotionId, RiskTier, State, Timestamp, VersionNumber};
use crate::policy::{Finding, Outcome};
use crate::promotion::{DecisionKind, GateRecord, SignedDecision};
use crate::refusal::Refusal;
use crate::rows::{Change, Class, Key, Row, Rows};
use crate::tables::{AliasRow, PayloadRow, SettingRow, VersionRow};
use crate::{Command, Context, Stop, access, actor, alias, apply, decide, model, promotion, registry, semver, version};

/// Microseconds of 2026-05-03T12:00:00Z.
const START: i64 = 1_777_809_600_000_000;

/// A registry in memory.
#[derive(Default)]
pub(crate) struct World {
    /// The derived rows, with payloads and vault.
    pub rows: Rows,
    /// Every entry.
    pub entries: Vec<Entry>,
    /// The bytes of every entry.
    pub bytes: Vec<Vec<u8>>,
    /// Every payload that an entry refers to.
    pub payloads: Vec<Payload>,
    /// Others who made the credential of whoever asks.
    pub through: Vec<ActorId>,
    seconds: i64,
}

/// A document that stands for the baseline policy.
pub(crate) fn baseline() -> Payload {
    Payload::json("baseline", &serde_json::json!({"lib.rego": "package chancery.lib"})).unwrap()
}

impl World {
    /// An empty registry that was started in mode `enforce`.
    pub fn new() -> Self {
        Self::with_mode(PolicyMode::Enforce)
    }

    /// An empty registry that was started in this mode.
    pub fn with_mode(mode: PolicyMode) -> Self {
        let mut world = Self { rows: Rows::empty(), ..Self::default() };
        world.ok(&system(), registry::Command::Start { origin: "registry.example".to_owned(), mode, baseline: baseline() });
        world
    }

    /// Now: one second later with every command.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(START).plus_seconds(self.seconds)
    }

    /// Lets time pass.
    pub fn skip(&mut self, seconds: i64) {
        self.seconds += seconds;
    }

    /// Runs a command as the sequencer does; a refused one leaves no trace.
    pub fn run(&mut self, actor: &ActorId, command: impl Into<Command>) -> Result<Vec<Entry>, Refusal> {
        self.seconds += 1;
        let context = Context { now: self.now(), actor: actor.clone(), through: self.through.clone() };
        let drafts = match decide(&mut self.rows, &context, &command.into()) {
            Ok(drafts) => drafts,
            Err(Stop::Refused(refusal)) => return Err(refusal),
            Err(Stop::Missing(missing)) => panic!("a complete overlay misses nothing: {missing:?}"),
        };
        let first = self.entries.len() as u64;
        let entries: Vec<Entry> = drafts.iter().zip(first..).map(|(draft, index)| entry(index, &context, draft)).collect();
        let bytes = entries.iter().map(Entry::to_bytes).collect::<Result<Vec<_>, Refusal>>()?;
        for (draft, bytes) in drafts.iter().zip(bytes) {
            put_beside(&mut self.rows, draft);
            self.payloads.extend(draft.payloads.iter().cloned());
            let parsed = Entry::from_bytes(&bytes).unwrap();
            apply(&mut self.rows, &parsed).unwrap();
            self.entries.push(parsed);
            self.bytes.push(bytes);
        }
        assert_eq!(entries, self.entries[self.entries.len() - entries.len()..], "what was decided is what is read back");
        Ok(entries)
    }

    /// Runs a command that must be accepted.
    pub fn ok(&mut self, actor: &ActorId, command: impl Into<Command>) -> Vec<Entry> {
        self.run(actor, command).unwrap()
    }

    /// Runs a command that must be refused, and checks that no row changed.
    pub fn refused(&mut self, actor: &ActorId, command: impl Into<Command>) -> Refusal {
        let before = self.rows.changes().clone();
        let refusal = self.run(actor, command).unwrap_err();
        assert_eq!(&before, self.rows.changes(), "a refused command changed rows: {refusal}");
        check_style(&refusal);
        refusal
    }

    /// One row as it stands.
    pub fn row<R: Row>(&mut self, key: &[&dyn crate::rows::ToValue]) -> Option<R> {
        self.rows.get::<R>(key).unwrap()
    }

    /// Every row of one table.
    pub fn all<R: Row>(&self) -> Vec<R> {
        all(&self.rows)
    }

    /// A command that hides a version, with the aliases and the revision that the application reads before.
    pub fn hide_version(&self, model: &ModelId, number: VersionNumber) -> version::Command {
        let aliases = self.all::<AliasRow>().into_iter().filter(|row| row.model_id == *model && row.number == number);
        let row = self.all::<VersionRow>().into_iter().find(|row| row.model_id == *model && row.number == number);
        let (aliases, expected) = (aliases.map(|row| row.alias).collect(), row.map_or(0, |row| row.revision));
        version::Command::Hide { model: model.clone(), number, reason: reason(), aliases, expected }
    }

    /// A command that hides a model, with the aliases and the revision that the application reads before.
    pub fn hide_model(&self, id: &ModelId) -> model::Command {
        let aliases = self.all::<AliasRow>().into_iter().filter(|row| row.model_id == *id);
        let setting = self.all::<SettingRow>().into_iter().find(|row| row.name == registry::releases(id));
        let (aliases, releases) = (aliases.map(|row| row.alias).collect(), setting.map_or(0, |row| row.revision));
        model::Command::Hide { id: id.clone(), reason: reason(), aliases, releases }
    }

    /// A model of tier `minimal`, created by [`alice`].
    pub fn model(&mut self, name: &str) -> ModelId {
        let id = model_id(self.entries.len());
        self.ok(&alice(), create_model(&id, name, RiskTier::Minimal));
        id
    }

    /// A version with one small file, registered by [`alice`].
    pub fn version(&mut self, model: &ModelId) -> VersionNumber {
        let content = format!("weights {}", self.entries.len());
        let subject = self.ok(&alice(), register_version(model, &content))[0].subject.clone();
        let Subject::Version(_, number) = subject else { panic!("registration is about a version, not {subject}") };
        number
    }

    /// A version that was moved to this state by the shortest way.
    pub fn version_in(&mut self, model: &ModelId, state: State) -> VersionNumber {
        let number = self.version(model);
        match state {
            State::Draft => {}
            State::Candidate | State::Approved | State::Production => self.promote(model, number, state),
            State::Deprecated | State::Retired => drop(self.ok(&alice(), move_version(model, number, state))),
        }
        number
    }

    /// Gives a person an account with roles, as the program; the person's id again.
    pub fn person(&mut self, id: &ActorId, roles: &[&str]) -> ActorId {
        let roles = roles.iter().map(|role| crate::access::Grant::parse(role).unwrap()).collect();
        let handle = label(id.as_str());
        self.ok(&system(), actor::Command::Create { id: id.clone(), kind: actor::ActorKind::Person, handle, display_name: String::new(), roles });
        id.clone()
    }

    /// Opens and executes a promotion whose gates pass.
    pub fn promote(&mut self, model: &ModelId, number: VersionNumber, target: State) {
        let id = self.open(model, number, target);
        self.ok(
            &carol(),
            promotion::Command::Execute {
                promotion: id,
                gate: passing(),
                decision: signed(DecisionKind::Executed, self.entries.len()),
                replaced: vec![],
                attestation: None,
            },
        );
    }

    /// Opens a promotion, as [`alice`].
    pub fn open(&mut self, model: &ModelId, number: VersionNumber, target: State) -> PromotionId {
        let id = promotion_id(self.entries.len());
        self.ok(&alice(), open_promotion(&id, model, number, target));
        id
    }
}

fn entry(index: u64, context: &Context, draft: &Draft) -> Entry {
    Entry {
        index,
        at: context.now,
        actor: context.actor.clone(),
        door: Door::Api,
        subject: draft.subject.clone(),
        event: draft.event.clone(),
        request: None,
        run: None,
        through: context.through.clone(),
    }
}

/// Writes what stands beside an entry: payloads and vault.
pub(crate) fn put_beside(rows: &mut Rows, draft: &Draft) {
    for payload in &draft.payloads {
        rows.put(&PayloadRow { digest: payload.digest, bytes: payload.bytes.clone() });
    }
    for row in &draft.vault {
        row.put(rows);
    }
}

/// Every row of one table.
pub(crate) fn all<R: Row>(rows: &Rows) -> Vec<R> {
    let of_table = rows.changes().iter().filter(|(key, _)| key.table.name == R::TABLE.name);
    of_table.filter_map(|(_, change)| if let Change::Put(values) = change { Some(R::from_values(values.clone()).unwrap()) } else { None }).collect()
}

/// Folds entries into fresh rows; payloads are there before, as in a rebuild.
pub(crate) fn replay(bytes: &[Vec<u8>], payloads: &[Payload]) -> Rows {
    let mut rows = Rows::empty();
    for payload in payloads {
        rows.put(&PayloadRow { digest: payload.digest, bytes: payload.bytes.clone() });
    }
    for bytes in bytes {
        apply(&mut rows, &Entry::from_bytes(bytes).unwrap()).unwrap();
    }
    rows
}

/// The derived rows that exist.
pub(crate) fn derived(rows: &Rows) -> BTreeMap<Key, Change> {
    let exists = |key: &Key, change: &Change| key.table.class == Class::Derived && *change != Change::Remove;
    rows.changes().iter().filter(|(key, change)| exists(key, change)).map(|(key, change)| (key.clone(), change.clone())).collect()
}

/// A message begins in lower case, is one line, and names no type of Rust.
pub(crate) fn check_style(refusal: &Refusal) {
    let texts = std::iter::once(&refusal.message).chain(&refusal.remedy);
    for text in texts {
        let first = text.chars().next().unwrap();
        assert!(!first.is_uppercase(), "begins with a capital: {text}");
        assert!(!text.contains('\n') && !text.ends_with('.'), "one line without a full stop: {text}");
        for word in ["::", "Some(", "None", "Err(", "ModelId", "VersionNumber", "Digest(", "PromotionId", "Value::"] {
            assert!(!text.contains(word), "names `{word}`: {text}");
        }
    }
}

fn person(last: &str) -> ActorId {
    ActorId::parse(&format!("u{last:0>32}")).unwrap()
}

/// The program itself.
pub(crate) fn system() -> ActorId {
    ActorId::parse("system").unwrap()
}

/// Registers and asks.
pub(crate) fn alice() -> ActorId {
    person("a")
}

/// Reviews.
pub(crate) fn bob() -> ActorId {
    person("b")
}

/// Executes.
pub(crate) fn carol() -> ActorId {
    person("c")
}

/// A model id made of a number.
pub(crate) fn model_id(number: usize) -> ModelId {
    ModelId::parse(&format!("m{number:0>32}")).unwrap()
}

/// A promotion id made of a number.
pub(crate) fn promotion_id(number: usize) -> PromotionId {
    PromotionId::parse(&format!("p{number:0>32}")).unwrap()
}

/// A label.
pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// A version number.
pub(crate) fn numbered(number: u64) -> VersionNumber {
    VersionNumber::new(number).unwrap()
}

/// A reason.
pub(crate) fn reason() -> PrivateText {
    PrivateText::new("reason", "it has to be", [7; 16]).unwrap()
}

/// Digest of the evidence set that every promotion of these tests has.
pub(crate) fn evidence_set() -> Digest {
    Digest::of(b"evidence")
}

/// A command that creates a model.
pub(crate) fn create_model(id: &ModelId, name: &str, risk_tier: RiskTier) -> model::Command {
    model::Command::Create {
        id: id.clone(),
        name: ModelName::parse(name).unwrap(),
        kind: ModelKind::Model,
        risk_tier,
        profile: Box::new(Profile::default()),
        tags: vec![],
    }
}

/// A command that renames a model.
pub(crate) fn rename_model(id: &ModelId, to: &str) -> model::Command {
    model::Command::Rename { id: id.clone(), to: ModelName::parse(to).unwrap() }
}

/// A package with one file of this content.
pub(crate) fn manifest(content: &str) -> crate::manifest::Manifest {
    let file = crate::manifest::ManifestFile {
        digest: Digest::of(content.as_bytes()),
        path: FilePath::parse("model.safetensors").unwrap(),
        size: content.len() as u64,
    };
    crate::manifest::Manifest::new(vec![file]).unwrap()
}

/// A command that registers a version.
pub(crate) fn register_version(model: &ModelId, content: &str) -> version::Command {
    register_version_as(model, content, None)
}

/// A command that registers a version under this semantic version.
pub(crate) fn register_version_as(model: &ModelId, content: &str, semver: Option<&str>) -> version::Command {
    version::Command::Register {
        model: model.clone(),
        manifest: manifest(content),
        facts: Payload::json("facts", &serde_json::json!({"framework": "sklearn"})).unwrap(),
        semver: semver.map(|text| semver::parse(text).unwrap()),
        bump: semver::Bump::Minor,
        description: String::new(),
        origin: None,
        tags: vec![],
    }
}

/// A command that moves a version by reason; a reinstatement to candidate has passed its gate.
pub(crate) fn move_version(model: &ModelId, number: VersionNumber, to: State) -> version::Command {
    let gate = (to == State::Candidate).then(passing);
    version::Command::Transition {
        model: model.clone(),
        number,
        to,
        reason: reason(),
        successor: None,
        sunset: None,
        gate,
        expected: None,
        attestations: vec![],
    }
}

/// A command that sets an alias, whatever it names now.
pub(crate) fn set_alias(model: &ModelId, alias: &str, number: VersionNumber) -> alias::Command {
    alias::Command::Set { model: model.clone(), alias: crate::names::AliasName::parse(alias).unwrap(), number, expected: alias::Expected::Anything }
}

/// A command that opens a promotion whose gates passed.
pub(crate) fn open_promotion(id: &PromotionId, model: &ModelId, number: VersionNumber, target: State) -> promotion::Command {
    promotion::Command::Open {
        id: id.clone(),
        model: model.clone(),
        number,
        target,
        environment: label("production"),
        evidence_set: evidence_set(),
        gate: passing(),
        comment: None,
    }
}

/// A verdict in a role, given by its holder.
pub(crate) fn review_of(id: &PromotionId, role: &str, verdict: ApprovalVerdict) -> promotion::Review {
    promotion::Review {
        promotion: id.clone(),
        role: label(role),
        delegated_by: None,
        verdict,
        evidence_set: evidence_set(),
        comment: None,
        ticket: None,
        conditions: vec![],
        expires_at: Timestamp::from_micros(START).plus_seconds(86_400),
        envelope: Payload::new("envelope", format!("approval of {id} as {role}").into_bytes()).unwrap(),
        signed_with: None,
        authors: vec![alice()].into(),
        other_roles: vec![],
        decision: None,
    }
}

/// The command that gives it.
pub(crate) fn give_review(id: &PromotionId, role: &str, verdict: ApprovalVerdict) -> promotion::Command {
    promotion::Command::Review(Box::new(review_of(id, role, verdict)))
}

/// A command that rolls back to a version.
pub(crate) fn roll_back(model: &ModelId, to: VersionNumber, replaced: Vec<VersionNumber>) -> promotion::Command {
    promotion::Command::Rollback {
        model: model.clone(),
        to,
        replaced,
        reason: reason(),
        gate: passing(),
        exceptions: vec![],
        exceptions_end: Timestamp::from_micros(START).plus_seconds(72 * 3600),
        aliases: vec![],
        decision: signed(DecisionKind::Executed, usize::MAX),
    }
}

/// A signed decision, told from others by a number.
pub(crate) fn signed(decision: DecisionKind, salt: usize) -> SignedDecision {
    let envelope = Payload::new("envelope", format!("{decision} {salt}").into_bytes()).unwrap();
    SignedDecision { id: format!("d{salt}"), decision, envelope, expires_at: None }
}

/// Gates that passed.
pub(crate) fn passing() -> GateRecord {
    GateRecord { payload: Payload::json("verdict", &serde_json::json!({"passed": true})).unwrap(), failed: vec![], blocks: false }
}

/// Gates of which one rule failed.
pub(crate) fn failing(non_waivable: bool, blocks: bool) -> GateRecord {
    let finding = Finding {
        rule: "evaluation.complete".to_owned(),
        outcome: Outcome::Fail,
        message: "no evaluation".to_owned(),
        remedy: Some("add one".to_owned()),
        gate: "approved".to_owned(),
        non_waivable,
        who: vec![],
        references: vec![],
        waiver: None,
    };
    GateRecord { payload: Payload::json("verdict", &serde_json::json!({"passed": false})).unwrap(), failed: vec![finding], blocks }
}

/// A command that creates a person with roles.
pub(crate) fn create_actor(id: &ActorId, kind: actor::ActorKind, handle: &str, roles: &[&str]) -> actor::Command {
    let roles = roles.iter().map(|role| crate::access::Grant::parse(role).unwrap()).collect();
    actor::Command::Create { id: id.clone(), kind, handle: label(handle), display_name: handle.to_owned(), roles }
}

/// Whether somebody is allowed a command on what lies in no team, by the shipped policies.
pub(crate) fn authorize_in_registry(actor: &access::Actor, command: Command) -> Result<access::Authorized<Command>, Refusal> {
    authorize_at(actor, access::Resource::Registry, command)
}

/// Whether somebody is allowed a command at a resource, by the shipped policies.
pub(crate) fn authorize_at(actor: &access::Actor, resource: access::Resource, command: Command) -> Result<access::Authorized<Command>, Refusal> {
    let place = match access::about(&command) {
        access::About::Own => access::Place::Anywhere,
        access::About::Registry
        | access::About::New(_)
        | access::About::Model(_)
        | access::About::Changed(..)
        | access::About::Transfer(..)
        | access::About::Models(_)
        | access::About::Promotion(_)
        | access::About::Exception(_)
        | access::About::Risk(_)
        | access::About::Link(..)
        | access::About::Review(_)
        | access::About::Attestation(_) => access::Place::At(vec![resource]),
    };
    access::authorize(&access::Policies::shipped(), actor, &place, &access::Circumstances::at(Door::Api), command)
}
