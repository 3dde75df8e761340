//! What the registry reads in a document when it is added: the form that rules, pages and comparisons use.
//!
//! A reader is a pure function of the bytes. It refuses what is malformed by naming the member, and gives a summary with fixed
//! members for each type of evidence, whatever format the document came in.

use serde_json::Value;

use crate::names::Digest;

/// What a document says it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A version digest.
    Version(Digest),
    /// A content digest.
    Content(Digest),
    /// The digest of a composition of a system.
    Composition(Digest),
    /// The digest of a file.
    File(Digest),
    /// A digest without a word of what it is of: a file, the content or the version.
    Any(Digest),
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Format, such as `chancery.evaluation/v1`, `cyclonedx` or `grype`.
    pub format: &'static str,
    /// What rules read.
    pub summary: Value,
    /// What the document says it is about; empty when it does not say.
    pub claims: Vec<Claim>,
}
