//! Entries: the write itself. An entry is made once, as RFC 8785 JSON, and never serialised again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{ActorId, Digest, ModelId, PromotionId, Timestamp, TokenId, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::tables::{CredentialRow, DirectoryRow, HandleRow, PrivateRow};
use crate::{Event, alias, evidence, exception, model, promotion, registry, tag, version};

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
            _ => Err(Refusal::invalid("subject", "a subject is `registry`, `model/ID`, `model/ID/NUMBER`, `promotion/ID`, `actor/ID` or `token/ID`")),
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
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    actor: ActorId,
    at: Timestamp,
    data: Value,
    door: Door,
    index: u64,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request>,
    subject: Subject,
    v: u32,
}

impl Event {
    /// Name of the event, such as `version.registered`, and its data.
    ///
    /// # Errors
    /// Never for the events of this crate; the error is serde's.
    pub fn tagged(&self) -> Result<(String, Value), serde_json::Error> {
        let value = match self {
            Self::Actor(event) => serde_json::to_value(event),
            Self::Alias(event) => serde_json::to_value(event),
            Self::Evidence(event) => serde_json::to_value(event),
            Self::Exception(event) => serde_json::to_value(event),
            Self::Model(event) => serde_json::to_value(event),
            Self::Promotion(event) => serde_json::to_value(event),
            Self::Registry(event) => serde_json::to_value(event),
            Self::Tag(event) => serde_json::to_value(event),
            Self::Version(event) => serde_json::to_value(event),
        }?;
        let mut members = if let Value::Object(members) = value { members } else { serde_json::Map::new() };
        match (members.remove("kind"), members.remove("data")) {
            (Some(Value::String(kind)), data) => Ok((kind, data.unwrap_or_default())),
            (other, _) => Err(serde::ser::Error::custom(format!("an event without a kind: {other:?}"))),
        }
    }

    fn parse(kind: &str, data: Value) -> Result<Self, serde_json::Error> {
        fn event<T: serde::de::DeserializeOwned>(kind: &str, data: Value) -> Result<T, serde_json::Error> {
            serde_json::from_value(serde_json::json!({"kind": kind, "data": data}))
        }
        match kind.split('.').next().unwrap_or_default() {
            "actor" | "token" => event(kind, data).map(Self::Actor),
            "alias" => event::<alias::Event>(kind, data).map(Self::Alias),
            "evidence" => event::<evidence::Event>(kind, data).map(Self::Evidence),
            "exception" => event::<exception::Event>(kind, data).map(Self::Exception),
            "model" => event::<model::Event>(kind, data).map(Self::Model),
            "promotion" | "approval" | "decision" => event::<promotion::Event>(kind, data).map(Self::Promotion),
            "tag" => event::<tag::Event>(kind, data).map(Self::Tag),
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
        let (kind, data) = self.event.tagged().map_err(failed)?;
        let wire = Wire {
            actor: self.actor.clone(),
            at: self.at,
            data,
            door: self.door,
            index: self.index,
            kind,
            request: self.request.clone(),
            subject: self.subject.clone(),
            v: 1,
        };
        let bytes = serde_json_canonicalizer::to_vec(&wire).map_err(failed)?;
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
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if wire.v != 1 {
            return Err(format!("entry format {} is not known to this program", wire.v));
        }
        let event = Event::parse(&wire.kind, wire.data).map_err(|error| format!("{}: {error}", wire.kind))?;
        Ok(Self { index: wire.index, at: wire.at, actor: wire.actor, door: wire.door, subject: wire.subject, event, request: wire.request })
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
    /// The hashed secret of a token.
    Credential(CredentialRow),
    /// The name of an actor, with its handle.
    Directory(DirectoryRow, HandleRow),
    /// Free text.
    Private(PrivateRow),
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
