//! The in-toto Statement v1 and our predicate for decisions, as they stand in a signed envelope's payload.
//!
//! The structs are the wire format of `decision-v1.schema.json`: lowerCamelCase, times as RFC 3339 text ending in `Z`,
//! digests as lower-case hex. Unknown members are ignored on reading, so a later minor version may add members.

mod decision;

use serde::{Deserialize, Serialize};

pub use decision::{
    AppliedMode, AppliedPolicy, ApprovalCondition, Check, CheckOutcome, ConditionEffect, DecidedModel, DecidedRiskTier, DecidedRun, DecidedState, Decision,
    DecisionApproval, Principal, PrincipalKind, Registration, Transition, Verdict,
};

/// The `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The `predicateType` of a decision. It never changes.
pub const DECISION_PREDICATE_TYPE: &str = "https://chancery.dev/attestation/decision/v1";

/// An in-toto Statement v1: what `predicate` says holds for each subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// What the statement is about; of a decision one model version by its version digest.
    pub subject: Vec<Resource>,
    /// Which kind of predicate follows, such as [`DECISION_PREDICATE_TYPE`].
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// Something named by digest: an in-toto ResourceDescriptor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// A name for people, or the composite id of a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the resource is identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The media type of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Where its bytes can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// The digest that identifies it.
    pub digest: Digest,
    /// Further facts about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

/// An in-toto DigestSet, of which we write and read SHA-256 only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Why a payload is not a statement of a decision.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The bytes are not JSON of this shape.
    #[error("not a decision statement: {0}")]
    Json(#[from] serde_json::Error),
    /// The statement or predicate type is another.
    #[error("statement has type `{found}` instead of `{expected}`")]
    Type {
        /// The type that a decision has.
        expected: &'static str,
        /// The type found.
        found: String,
    },
}

impl Statement<Decision> {
    /// The statement of a decision about the version whose descriptor is `subject`.
    pub fn of_decision(subject: Resource, decision: Decision) -> Self {
        Self { statement_type: STATEMENT_TYPE.to_owned(), subject: vec![subject], predicate_type: DECISION_PREDICATE_TYPE.to_owned(), predicate: decision }
    }

    /// Reads a payload that [`super::Envelope::verify`] gave, and checks both types before the predicate.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let statement: Statement<serde_json::Value> = serde_json::from_slice(payload)?;
        for (expected, found) in [(STATEMENT_TYPE, &statement.statement_type), (DECISION_PREDICATE_TYPE, &statement.predicate_type)] {
            if found != expected {
                let found = found.clone();
                return Err(StatementError::Type { expected, found });
            }
        }
        Ok(Self {
            statement_type: statement.statement_type,
            subject: statement.subject,
            predicate_type: statement.predicate_type,
            predicate: serde_json::from_value(statement.predicate)?,
        })
    }
}

#[cfg(test)]
mod tests;
