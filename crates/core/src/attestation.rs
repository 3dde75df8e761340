//! Verification summaries (SLSA VSA v1, standards.md b): what machines are told of a version that passed its gates, and its revocation.
//!
//! One is signed when a promotion to approved or production is executed under `enforce` with every gate passed, never in warn mode. It ends
//! by its expiry, by somebody's word, or because the version is demoted or retired. A deprecated version keeps it until it expires.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::names::{Digest, Label, State, Timestamp};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::AttestationRow;
use crate::version;

crate::words! {
    /// Why an attestation no longer counts.
    RevocationReason, "reason" {
        /// The version went back to an earlier state.
        Demoted = "demoted",
        /// The version was ended.
        Retired = "retired",
        /// A weakness became known.
        Vulnerable = "vulnerable",
        /// The version does harm.
        Incident = "incident",
        /// A key, a scan or a document that it rests on cannot be trusted.
        EvidenceDistrusted = "evidence-distrusted",
        /// Anything else.
        Other = "other",
    }
}

/// An attestation that was signed before sequencing.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed {
    /// The DSSE envelope.
    pub envelope: Payload,
    /// What it is about.
    pub version_digest: Digest,
    /// State that the version is let into.
    pub target: State,
    /// Environment.
    pub environment: Label,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

impl Signed {
    /// The entry about it; its subject is the version.
    pub(crate) fn draft(&self, version: Subject) -> Draft {
        let event = Event::Issued {
            digest: self.envelope.digest,
            version_digest: self.version_digest,
            target: self.target,
            environment: self.environment.clone(),
            expires_at: self.expires_at,
        };
        Draft::new(version, event).payload(self.envelope.clone())
    }
}

/// Commands of this capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Says that an attestation no longer counts.
    Revoke {
        /// Payload with the envelope.
        digest: Digest,
        /// Why, as a word that machines read.
        reason: RevocationReason,
        /// Why, for people.
        comment: PrivateText,
    },
}

/// What happened; the subject is the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// An attestation was signed.
    #[serde(rename = "attestation.issued")]
    Issued {
        /// Payload with the envelope.
        digest: Digest,
        /// What it is about.
        version_digest: Digest,
        /// State that the version is let into.
        target: State,
        /// Environment.
        environment: Label,
        /// Until when it counts.
        expires_at: Timestamp,
    },
    /// An attestation no longer counts.
    #[serde(rename = "attestation.revoked")]
    Revoked {
        /// Payload with the envelope.
        digest: Digest,
        /// Why, as a word that machines read.
        reason: RevocationReason,
        /// Why, for people, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Digest>,
    },
}

fn existing(rows: &mut Rows, digest: &Digest) -> Result<AttestationRow, Stop> {
    rows.get::<AttestationRow>(&[digest])?.ok_or_else(|| Refusal::not_found("attestation", &digest.to_string()).into())
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Revoke { digest, reason, comment } = command;
    let row = existing(rows, digest)?;
    if matches!(reason, RevocationReason::Demoted | RevocationReason::Retired) {
        return Err(Refusal::invalid("reason", &format!("`{reason}` is said when the version is {reason}"))
            .remedy("use one of: vulnerable, incident, evidence-distrusted, other; or demote or retire the version")
            .into());
    }
    if row.revoked.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "the attestation is revoked already")
            .field("digest")
            .remedy("nothing is left to do: it stays revoked, and a version that is let in again gets a new one")
            .into());
    }
    let event = Event::Revoked { digest: *digest, reason: *reason, comment: Some(comment.digest) };
    Ok(vec![Draft::new(Subject::Version(row.model_id, row.number), event).private(Some(comment))])
}

/// The entries by which a version that goes to `to` loses its attestations: those of the states above it, and of an ended version all.
///
/// # Errors
/// [`Stop`].
pub(crate) fn lose(rows: &mut Rows, attestations: &[Digest], to: State) -> Result<Vec<Draft>, Stop> {
    let reason = match to {
        State::Draft | State::Candidate | State::Approved => RevocationReason::Demoted,
        State::Retired => RevocationReason::Retired,
        State::Production | State::Deprecated => return Ok(Vec::new()),
    };
    let mut drafts = Vec::new();
    for digest in attestations {
        let row = existing(rows, digest)?;
        if row.revoked.is_none() && (to == State::Retired || row.target > to) {
            drafts.push(Draft::new(Subject::Version(row.model_id, row.number), Event::Revoked { digest: *digest, reason, comment: None }));
        }
    }
    Ok(drafts)
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Version(model, number) = &entry.subject else { return Ok(()) };
    match event {
        Event::Issued { digest, version_digest, target, environment, expires_at } => rows.put(&AttestationRow {
            digest: *digest,
            model_id: model.clone(),
            number: *number,
            version_digest: *version_digest,
            target: *target,
            environment: environment.clone(),
            issued_at: entry.at,
            expires_at: *expires_at,
            issued_index: entry.index,
            revoked: None,
            revoked_at: None,
            revoked_index: None,
        }),
        Event::Revoked { digest, reason, .. } => {
            if let Some(row) = rows.get::<AttestationRow>(&[digest])? {
                rows.put(&AttestationRow { revoked: Some(*reason), revoked_at: Some(entry.at), revoked_index: Some(entry.index), ..row });
            }
        }
    }
    version::touch_subject(rows, entry)
}

#[cfg(test)]
mod tests;
