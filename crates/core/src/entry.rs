//! Entries: the write itself. An entry is made once, as RFC 8785 JSON, and never serialised again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{ActorId, Digest, ExceptionId, Label, ModelId, PromotionId, ReviewId, RiskId, Timestamp, TokenId, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::rows::{Key, Rows};
use crate::speakers::MAX_MAKERS;
use crate::tables::{DirectoryRow, HandleRow, LoginIdentityRow, PasswordRow, PrivateRow};
use crate::{
    Event, access_log, access_policy, alias, attestation, bundle, calendar, delegation, erasure, evidence, exception, finding, grant, group, model, promotion,
    registry, risk, tag, team, template, version,
};

/// Largest entry in bytes (C2SP tlog-tiles: an entry has a 16-bit length).
pub const MAX_ENTRY_BYTES: usize = 65_535;
/// Data larger than this belongs in a payload.
pub const MAX_DATA_BYTES: usize = 32 * 1024;
/// Largest payload that is stored in the database; larger ones are blobs.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

crate::words! {
    /// Through which surface a command came.
    Door, "door" {
        /// `/api/v1`.
        Api = "api",
        /// MLflow's registry API.
        Mlflow = "mlflow",
        /// The web pages.
        Pages = "pages",
        /// A scheduled job.
        Schedule = "schedule",
        /// The program itself: first start, rebuild, rotation.
        System = "system",
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// The registry as a whole: settings, first start.
    Registry,
    /// A model.
    Model(ModelId),
    /// A version.
    Version(ModelId, VersionNumber),
    /// A promotion.
    Promotion(PromotionId),
    /// An actor.
    Actor(ActorId),
    /// A token.
    Token(TokenId),
    /// A waiver that was asked for.
    Exception(ExceptionId),
    /// A risk of the register.
    Risk(RiskId),
    /// A review of the calendar.
    Review(ReviewId),
    /// A policy bundle, by its digest.
    Bundle(Digest),
    /// A template of a written document.
    Template(Label),
    /// A team.
    Team(Label),
    /// A set of access policies, by its digest.
    AccessPolicy(Digest),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry => formatter.write_str("registry"),
            Self::Model(id) => write!(formatter, "model/{id}"),
            Self::Version(id, number) => write!(formatter, "model/{id}/{number}"),
            Self::Promotion(id) => write!(formatter, "promotion/{id}"),
            Self::Actor(id) => write!(formatter, "actor/{id}"),
            Self::Token(id) => write!(formatter, "token/{id}"),
            Self::Exception(id) => write!(formatter, "exception/{id}"),
            Self::Risk(id) => write!(formatter, "risk/{id}"),
            Self::Review(id) => write!(formatter, "review/{id}"),
            Self::Bundle(digest) => write!(formatter, "bundle/{digest}"),
            Self::Template(name) => write!(formatter, "template/{name}"),
            Self::Team(name) => write!(formatter, "team/{name}"),
            Self::AccessPolicy(digest) => write!(formatter, "access-policy/{digest}"),
        }
    }
}

impl Subject {
    /// The version that it is, if it is one.
    pub fn version(&self) -> Option<(&ModelId, VersionNumber)> {
        match self {
            Self::Version(model, number) => Some((model, *number)),
            Self::Registry
            | Self::Model(_)
            | Self::Promotion(_)
            | Self::Actor(_)
            | Self::Token(_)
            | Self::Exception(_)
            | Self::Risk(_)
            | Self::Review(_)
            | Self::Bundle(_)
            | Self::Template(_)
            | Self::Team(_)
            | Self::AccessPolicy(_) => None,
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["registry"] => Ok(Self::Registry),
            ["model", id] => Ok(Self::Model(ModelId::parse(id)?)),
            ["model", id, number] => {
                let number = number.parse().map_err(|_| Refusal::invalid("subject", "a version number must be a number"))?;
                Ok(Self::Version(ModelId::parse(id)?, VersionNumber::new(number)?))
            }
            ["promotion", id] => Ok(Self::Promotion(PromotionId::parse(id)?)),
            ["actor", id] => Ok(Self::Actor(ActorId::parse(id)?)),
            ["token", id] => Ok(Self::Token(TokenId::parse(id)?)),
            ["exception", id] => Ok(Self::Exception(ExceptionId::parse(id)?)),
            ["risk", id] => Ok(Self::Risk(RiskId::parse(id)?)),
            ["review", id] => Ok(Self::Review(ReviewId::parse(id)?)),
            ["bundle", digest] => Ok(Self::Bundle(Digest::parse(digest)?)),
            ["template", name] => Ok(Self::Template(Label::parse(name)?)),
            ["team", name] => Ok(Self::Team(Label::parse(name)?)),
            ["access-policy", digest] => Ok(Self::AccessPolicy(Digest::parse(digest)?)),
            _ => Err(Refusal::invalid("subject", "this is no subject of an entry").remedy(
                "a subject is `registry`, `model/ID`, `model/ID/NUMBER`, or `promotion`, `actor`, `token`, `exception`, `risk`, `review`, `bundle`, `template`, `team` or `access-policy` and its id",
            )),
        }
    }
}

/// The idempotency receipt that the first entry of a keyed command carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Digest over the actor and the key.
    pub key: Digest,
    /// Digest of the request's body.
    pub body: Digest,
    /// How many entries the command made.
    pub entries: u64,
}

/// One entry, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Position in the ledger, from 0.
    pub index: u64,
    /// When it was sequenced; never before the entry in front of it.
    pub at: Timestamp,
    /// Who.
    pub actor: ActorId,
    /// Through which surface.
    pub door: Door,
    /// About what.
    pub subject: Subject,
    /// What happened.
    pub event: Event,
    /// Idempotency receipt.
    pub request: Option<Request>,
    /// The token of the pipeline run that did it, when a pipeline was recognised by its workload identity. The entry that issued the token
    /// says which run that was.
    pub run: Option<TokenId>,
    /// Others who made the credential by which it was done: who issued the token for the actor, or ended his password. They spoke as well.
    pub through: Vec<ActorId>,
}

/// What is written. The event gives the members `kind` and `data`; the canonicalizer sorts all of them.
#[derive(Serialize)]
struct Written<'a> {
    actor: &'a ActorId,
    at: Timestamp,
    door: Door,
    #[serde(flatten)]
    event: &'a Event,
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a TokenId>,
    subject: &'a Subject,
    #[serde(skip_serializing_if = "<[ActorId]>::is_empty")]
    through: &'a [ActorId],
    v: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    actor: ActorId,
    at: Timestamp,
    data: Value,
    door: Door,
    index: u64,
    kind: String,
    request: Option<Request>,
    run: Option<TokenId>,
    subject: Subject,
    #[serde(default)]
    through: Vec<ActorId>,
    v: u32,
}

impl Serialize for Event {
    /// As `{"kind": …, "data": …}`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AccessLog(event) => event.serialize(serializer),
            Self::AccessPolicy(event) => event.serialize(serializer),
            Self::Actor(event) => event.serialize(serializer),
            Self::Alias(event) => event.serialize(serializer),
            Self::Attestation(event) => event.serialize(serializer),
            Self::Bundle(event) => event.serialize(serializer),
            Self::Calendar(event) => event.serialize(serializer),
            Self::Delegation(event) => event.serialize(serializer),
            Self::Erasure(event) => event.serialize(serializer),
            Self::Evidence(event) => event.serialize(serializer),
            Self::Exception(event) => event.serialize(serializer),
            Self::Finding(event) => event.serialize(serializer),
            Self::Grant(event) => event.serialize(serializer),
            Self::Group(event) => event.serialize(serializer),
            Self::Model(event) => event.serialize(serializer),
            Self::Promotion(event) => event.serialize(serializer),
            Self::Registry(event) => event.serialize(serializer),
            Self::Risk(event) => event.serialize(serializer),
            Self::Tag(event) => event.serialize(serializer),
            Self::Team(event) => event.serialize(serializer),
            Self::Template(event) => event.serialize(serializer),
            Self::Version(event) => event.serialize(serializer),
        }
    }
}

impl Event {
    /// Whether an entry with this event can have this subject. What does not fit would change nothing when it is applied.
    fn is_about(&self, subject: &Subject) -> bool {
        use crate::actor::Event as Actor;
        use crate::alias::Event as Alias;
        use crate::promotion::Event as Promotion;
        use crate::registry::Event as Registry;
        match self {
            Self::Actor(
                Actor::Created { .. }
                | Actor::RolesChanged { .. }
                | Actor::Deactivated {}
                | Actor::KeyAdded { .. }
                | Actor::KeyRemoved { .. }
                | Actor::IdentityAdded(_)
                | Actor::IdentityRemoved { .. }
                | Actor::PasswordSet {}
                | Actor::PasswordReset { .. }
                | Actor::LoginBound { .. }
                | Actor::LoginUnbound { .. }
                | Actor::GroupsChanged { .. },
            ) => matches!(subject, Subject::Actor(_)),
            Self::Actor(Actor::TokenIssued(_) | Actor::TokenRotated { .. } | Actor::TokenRevoked {}) => matches!(subject, Subject::Token(_)),
            Self::Model(_) | Self::Alias(Alias::Deleted { .. }) => matches!(subject, Subject::Model(_)),
            Self::Alias(Alias::Set { .. }) | Self::Evidence(_) | Self::Version(_) => matches!(subject, Subject::Version(..)),
            Self::Tag(_) => matches!(subject, Subject::Model(_) | Subject::Version(..)),
            Self::Promotion(Promotion::DecisionRecorded { .. }) | Self::Registry(Registry::CheckRecorded { .. }) => matches!(subject, Subject::Version(..)),
            Self::Promotion(_) => matches!(subject, Subject::Promotion(_)),
            Self::Registry(Registry::Started { .. } | Registry::PolicyModeChanged { .. } | Registry::ClockMoved { .. } | Registry::KeysRotated { .. }) => {
                *subject == Subject::Registry
            }
            Self::Registry(Registry::RefusalsSuppressed { .. }) => matches!(subject, Subject::Actor(_)),
            Self::Registry(Registry::Refused { .. }) | Self::Finding(_) => true,
            Self::Attestation(_) => matches!(subject, Subject::Version(..)),
            Self::AccessPolicy(_) => matches!(subject, Subject::AccessPolicy(_)),
            Self::Bundle(_) => matches!(subject, Subject::Bundle(_)),
            Self::Calendar(_) => matches!(subject, Subject::Review(_)),
            Self::AccessLog(_) => *subject == Subject::Registry,
            Self::Delegation(_) | Self::Erasure(_) | Self::Grant(_) => matches!(subject, Subject::Actor(_)),
            Self::Exception(_) => matches!(subject, Subject::Exception(_)),
            Self::Group(_) => *subject == Subject::Registry,
            Self::Risk(_) => matches!(subject, Subject::Risk(_)),
            Self::Team(_) => matches!(subject, Subject::Team(_)),
            Self::Template(_) => matches!(subject, Subject::Template(_)),
        }
    }

    fn parse(kind: &str, data: Value) -> Result<Self, serde_json::Error> {
        fn event<T: serde::de::DeserializeOwned>(kind: &str, data: Value) -> Result<T, serde_json::Error> {
            // Moved, not copied, into the form that the event is written in.
            let members = [("kind".to_owned(), Value::from(kind)), ("data".to_owned(), data)];
            serde_json::from_value(Value::Object(members.into_iter().collect()))
        }
        // What waits for a second administrator is about an actor, in words of its own.
        if kind.starts_with("actor.grant-") {
            return event::<grant::Event>(kind, data).map(Self::Grant);
        }
        match kind.split('.').next().unwrap_or_default() {
            "access-log" => event::<access_log::Event>(kind, data).map(Self::AccessLog),
            "access-policy" => event::<access_policy::Event>(kind, data).map(Self::AccessPolicy),
            "actor" | "identity" | "token" => event(kind, data).map(Self::Actor),
            "alias" => event::<alias::Event>(kind, data).map(Self::Alias),
            "attestation" => event::<attestation::Event>(kind, data).map(Self::Attestation),
            "bundle" => event::<bundle::Event>(kind, data).map(Self::Bundle),
            "review" => event::<calendar::Event>(kind, data).map(Self::Calendar),
            "delegation" => event::<delegation::Event>(kind, data).map(Self::Delegation),
            "finding" => event::<finding::Event>(kind, data).map(Self::Finding),
            "group" => event::<group::Event>(kind, data).map(Self::Group),
            "risk" => event::<risk::Event>(kind, data).map(Self::Risk),
            "template" => event::<template::Event>(kind, data).map(Self::Template),
            "evidence" => event::<evidence::Event>(kind, data).map(Self::Evidence),
            "exception" => event::<exception::Event>(kind, data).map(Self::Exception),
            "payload" => event::<erasure::Event>(kind, data).map(Self::Erasure),
            "model" => event::<model::Event>(kind, data).map(Self::Model),
            "promotion" | "approval" | "condition" | "decision" => event::<promotion::Event>(kind, data).map(Self::Promotion),
            "tag" => event::<tag::Event>(kind, data).map(Self::Tag),
            "team" => event::<team::Event>(kind, data).map(Self::Team),
            "version" => event::<version::Event>(kind, data).map(Self::Version),
            _ => event::<registry::Event>(kind, data).map(Self::Registry),
        }
    }
}

impl Entry {
    /// The bytes to store and hash: RFC 8785 JSON.
    ///
    /// # Errors
    /// `too_large` when the entry would have more than [`MAX_ENTRY_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Refusal> {
        let failed = |error: serde_json::Error| Refusal::invalid("entry", &format!("the entry cannot be written: {error}"));
        let written = Written {
            actor: &self.actor,
            at: self.at,
            door: self.door,
            event: &self.event,
            index: self.index,
            request: self.request.as_ref(),
            run: self.run.as_ref(),
            subject: &self.subject,
            through: &self.through,
            v: 1,
        };
        let bytes = serde_json_canonicalizer::to_vec(&written).map_err(failed)?;
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(Refusal::new(Code::TooLarge, &format!("the entry would have {} bytes; at most {MAX_ENTRY_BYTES} are possible", bytes.len()))
                .remedy("shorten the text fields, or attach the content as evidence"));
        }
        Ok(bytes)
    }

    /// Parses stored bytes.
    ///
    /// # Errors
    /// A message that says what does not fit; the bytes were altered or belong to a newer program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if wire.v != 1 {
            return Err(format!("entry format {} is not known to this program", wire.v));
        }
        if wire.through.len() > MAX_MAKERS {
            return Err(format!("{}: a credential has at most {MAX_MAKERS} makers", wire.kind));
        }
        let event = Event::parse(&wire.kind, std::mem::take(&mut wire.data)).map_err(|error| format!("{}: {error}", wire.kind))?;
        if !event.is_about(&wire.subject) {
            return Err(format!("{}: the subject cannot be `{}`", wire.kind, wire.subject));
        }
        let Wire { actor, at, door, index, request, run, subject, through, .. } = wire;
        Ok(Self { index, at, actor, door, subject, event, request, run, through })
    }
}

/// Bytes that an entry refers to by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes, at most [`MAX_PAYLOAD_BYTES`].
    pub bytes: Vec<u8>,
}

impl Payload {
    /// A payload of canonical JSON.
    ///
    /// # Errors
    /// `too_large` above [`MAX_PAYLOAD_BYTES`].
    pub fn json<T: Serialize>(field: &str, value: &T) -> Result<Self, Refusal> {
        let bytes = serde_json_canonicalizer::to_vec(value).map_err(|error| Refusal::invalid(field, &format!("{field} cannot be written as JSON: {error}")))?;
        Self::new(field, bytes)
    }

    /// A payload of these bytes.
    ///
    /// # Errors
    /// `too_large` above [`MAX_PAYLOAD_BYTES`].
    pub fn new(field: &str, bytes: Vec<u8>) -> Result<Self, Refusal> {
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(Refusal::new(Code::TooLarge, &format!("{field} has {} bytes; at most {MAX_PAYLOAD_BYTES} are accepted", bytes.len())).field(field));
        }
        Ok(Self { digest: Digest::of(&bytes), bytes })
    }
}

/// Free text of a person: the entry names its salted digest, the text can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateText {
    /// Digest over salt and text.
    pub digest: Digest,
    salt: [u8; 16],
    text: String,
}

impl PrivateText {
    /// Salts `text`.
    ///
    /// # Errors
    /// `too_large` when it is longer than [`crate::names::MAX_REASON_BYTES`].
    pub fn new(field: &'static str, text: &str, salt: [u8; 16]) -> Result<Self, Refusal> {
        crate::names::check_text(field, text, crate::names::MAX_REASON_BYTES)?;
        if text.trim().is_empty() {
            return Err(Refusal::invalid(field, &format!("{field} is empty")).remedy("say why, in words that a reader of the record understands"));
        }
        let mut bytes = salt.to_vec();
        bytes.extend_from_slice(text.as_bytes());
        Ok(Self { digest: Digest::of(&bytes), salt, text: text.to_owned() })
    }

    /// The row of the vault.
    pub fn row(&self) -> PrivateRow {
        PrivateRow { digest: self.digest, salt: self.salt.to_vec(), text: self.text.clone() }
    }

    /// The text as the person wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A row of the vault that is written with an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Vault {
    /// The name of an actor, with its handle.
    Directory(DirectoryRow, HandleRow),
    /// Who of the identity provider somebody is.
    LoginIdentity(LoginIdentityRow),
    /// What a person proves himself with.
    Password(PasswordRow),
    /// Free text.
    Private(PrivateRow),
    /// A row of the vault that goes away.
    Forget(Key),
}

impl Vault {
    /// Makes the change on the rows.
    pub fn put(&self, rows: &mut Rows) {
        match self {
            Self::Directory(row, handle) => {
                rows.put(row);
                rows.put(handle);
            }
            Self::LoginIdentity(row) => rows.put(row),
            Self::Password(row) => rows.put(row),
            Self::Private(row) => rows.put(row),
            Self::Forget(key) => rows.remove_key(key.clone()),
        }
    }
}

/// What a command decided: an entry without its place in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// About what.
    pub subject: Subject,
    /// What happens.
    pub event: Event,
    /// Bytes that the event refers to.
    pub payloads: Vec<Payload>,
    /// Rows of the vault.
    pub vault: Vec<Vault>,
}

impl Draft {
    /// A draft without payloads.
    pub fn new(subject: Subject, event: impl Into<Event>) -> Self {
        Self { subject, event: event.into(), payloads: Vec::new(), vault: Vec::new() }
    }

    /// Adds a payload.
    #[must_use]
    pub fn payload(mut self, payload: Payload) -> Self {
        self.payloads.push(payload);
        self
    }

    /// Adds free text to the vault.
    #[must_use]
    pub fn private(mut self, text: Option<&PrivateText>) -> Self {
        self.vault.extend(text.map(|text| Vault::Private(text.row())));
        self
    }
}

#[cfg(test)]
mod tests;
