//! A refusal: the rules say no. It carries a stable code, the field, what to do, and never an inner error.
//!
//! A refusal is not a fault (disk, database); faults live in the server and show the caller a request id only.

use serde::{Deserialize, Serialize};

crate::words! {
    /// Stable code of a refusal. Codes never change their meaning; clients may match on them.
    Code, "code" {
        /// A field is missing, malformed or of the wrong type.
        InvalidField = "invalid_field",
        /// A value, count or depth is over its limit.
        TooLarge = "too_large",
        /// There is no such thing, or the caller may not know of it.
        NotFound = "not_found",
        /// The thing exists already.
        AlreadyExists = "already_exists",
        /// The subject changed since the revision that the caller named.
        PreconditionFailed = "precondition_failed",
        /// The command needs If-Match.
        PreconditionRequired = "precondition_required",
        /// Others changed the subject again and again while this command was prepared.
        Contended = "contended",
        /// The idempotency key was used with another body.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// No valid credential.
        Unauthenticated = "unauthenticated",
        /// The actor's roles do not allow the action.
        AccessDenied = "access_denied",
        /// The lifecycle does not allow the transition.
        TransitionRefused = "transition_refused",
        /// A gate failed.
        GateFailed = "gate_failed",
        /// Authors do not approve, and nobody decides about himself.
        SeparationOfDuties = "separation_of_duties",
        /// A rule that nobody can waive.
        NonWaivable = "non_waivable",
        /// Deletion of something that must be kept.
        ProtectedDeletion = "protected_deletion",
        /// The digest does not match the bytes.
        DigestMismatch = "digest_mismatch",
        /// The upload is not at this offset.
        OffsetMismatch = "offset_mismatch",
        /// The registry serves no writes now (restored backup, clock, lost key).
        ReadOnly = "read_only",
        /// Too many requests.
        RateLimited = "rate_limited",
    }
}

/// Whether the attempt is part of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The refusal becomes an entry.
    Entry,
    /// It does not.
    No,
}

/// The rules say no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", .remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default())]
pub struct Refusal {
    /// Stable code.
    pub code: Code,
    /// What was refused and why: lower case, one line, user input in backticks.
    pub message: String,
    /// The field of the request that broke the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the caller can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Rules of a gate that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<crate::policy::Finding>,
}

impl Refusal {
    /// A refusal with a code and a message.
    pub fn new(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned(), field: None, remedy: None, findings: Vec::new() }
    }

    /// A malformed field.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self::new(Code::InvalidField, message).field(field)
    }

    /// A word outside a closed set.
    pub fn unknown_word(field: &str, given: &str, accepted: &[&str]) -> Self {
        let shown: String = given.chars().filter(|c| !c.is_control()).take(80).collect();
        Self::invalid(field, &format!("{field} `{shown}` is not known")).remedy(&format!("use one of: {}", accepted.join(", ")))
    }

    /// Something that does not exist for this caller.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(Code::NotFound, &format!("{what} `{name}` does not exist"))
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// Says what the caller can do.
    #[must_use]
    pub fn remedy(mut self, remedy: &str) -> Self {
        self.remedy = Some(remedy.to_owned());
        self
    }

    /// Adds the failed rules of a gate.
    #[must_use]
    pub fn findings(mut self, findings: Vec<crate::policy::Finding>) -> Self {
        self.findings = findings;
        self
    }

    /// Whether the attempt becomes an entry: what says who tried to pass a rule does; a typing mistake does not.
    pub fn recorded(&self) -> Recorded {
        match self.code {
            Code::AccessDenied | Code::TransitionRefused | Code::GateFailed | Code::SeparationOfDuties | Code::NonWaivable | Code::ProtectedDeletion => {
                Recorded::Entry
            }
            Code::InvalidField
            | Code::TooLarge
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PreconditionFailed
            | Code::PreconditionRequired
            | Code::Contended
            | Code::IdempotencyKeyReused
            | Code::Unauthenticated
            | Code::DigestMismatch
            | Code::OffsetMismatch
            | Code::ReadOnly
            | Code::RateLimited => Recorded::No,
        }
    }
}

#[cfg(test)]
mod tests;
