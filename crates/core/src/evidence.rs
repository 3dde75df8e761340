//! Evidence: typed documents, known by digest, bound to a version, never overwritten (EVD-2).

pub mod format;
pub mod json;
mod markdown;
mod member;
pub mod read;
pub mod reading;
pub mod signed;
pub mod types;
mod yaml;

use serde::{Deserialize, Serialize};

use crate::actor::ActorKind;
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Payload, Subject};
use crate::lineage;
use crate::names::{Digest, Grade, Label, ModelId, State, VersionNumber, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{ActorKeyRow, ActorRow, BlobUseRow, EvidenceRow};
use crate::version;

crate::words! {
    /// Type of a document.
    EvidenceType, "type" {
        /// Results of an evaluation.
        Evaluation = "evaluation",
        /// Software bill of materials.
        Sbom = "sbom",
        /// Build provenance.
        Provenance = "provenance",
        /// Scan of the artifact.
        ArtifactScan = "artifact-scan",
        /// Known vulnerabilities.
        VulnerabilityReport = "vulnerability-report",
        /// Exploitability of vulnerabilities.
        Vex = "vex",
        /// Model card.
        ModelCard = "model-card",
        /// Datasheet of a dataset.
        Datasheet = "datasheet",
        /// Explainability report.
        Explainability = "explainability",
        /// Risk assessment.
        RiskAssessment = "risk-assessment",
        /// Review.
        Review = "review",
        /// Signature of the artifact.
        Signature = "signature",
        /// Second build.
        Reproducibility = "reproducibility",
        /// Drift report.
        DriftReport = "drift-report",
        /// Rollback or monitoring plan.
        Plan = "plan",
        /// What a change touches, and what it may break.
        ChangeSummary = "change-summary",
        /// Facts that came after registration.
        Addendum = "addendum",
        /// Anything else.
        Other = "other",
    }
}

crate::words! {
    /// What a document says it is about.
    Binding, "binds_to" {
        /// A version digest.
        Version = "version",
        /// A content digest.
        Content = "content",
        /// The digest of one file.
        File = "file",
    }
}

/// Where the bytes of a document are.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Stored with the entry.
    Payload(Payload),
    /// Stored before as a blob; the server checked that it is there.
    Blob {
        /// Digest.
        digest: Digest,
        /// Bytes.
        size: u64,
    },
}

/// What the registry read in a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Format, such as `chancery.evaluation/v1`.
    pub format: String,
    /// The summary as canonical JSON.
    pub summary: Payload,
}

impl Read {
    /// Keeps a reading with the entry.
    ///
    /// # Errors
    /// `too_large` when the summary has more than 1 MiB.
    pub fn new(reading: &reading::Reading) -> Result<Self, Refusal> {
        Ok(Self { format: reading.format.to_owned(), summary: Payload::json("summary", &reading.summary)? })
    }
}

/// Commands on evidence.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Adds a document.
    Add {
        /// Model.
        model: ModelId,
        /// Version.
        number: VersionNumber,
        /// Type.
        evidence_type: EvidenceType,
        /// Grade that the server found out; never what the caller says.
        grade: Grade,
        /// What it is about.
        binds_to: Binding,
        /// The digest that it is about; must be one of this version.
        binds_digest: Digest,
        /// Whether `binds_digest` is the digest of a file of the manifest; found out in prepare.
        file_of_manifest: bool,
        /// File name or title.
        title: String,
        /// The document.
        body: Body,
        /// What was read in it; none for a document that is kept unread.
        read: Option<Read>,
        /// Role of approval in which a reviewer speaks; only for a review. The caller must hold it.
        role: Option<Label>,
        /// Ids of the trusted keys whose signature over it was verified.
        signed_by: Vec<String>,
    },
}

/// What happened; the subject is the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A document was added.
    #[serde(rename = "evidence.added")]
    Added {
        /// Type.
        #[serde(rename = "type")]
        evidence_type: EvidenceType,
        /// Digest of the document.
        digest: Digest,
        /// Grade.
        grade: Grade,
        /// What it is about.
        binds_to: Binding,
        /// The digest that it is about.
        binds_digest: Digest,
        /// File name or title.
        title: String,
        /// Bytes.
        size: u64,
        /// Whether the document is a payload or a blob.
        in_payloads: bool,
        /// Format that it was read as; empty when it was not read.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        format: String,
        /// Payload with what was read in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Digest>,
        /// Role of approval in which a reviewer speaks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Label>,
        /// Ids of the trusted keys whose signature over it was verified.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signed_by: Vec<String>,
    },
}

/// Decides a command on evidence.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Add { model, number, evidence_type, grade, binds_to, binds_digest, file_of_manifest, title, body, read, role, signed_by } = command;
    check_text("title", title, 500)?;
    if role.is_some() && *evidence_type != EvidenceType::Review {
        return Err(Refusal::invalid("role", &format!("a document of type {evidence_type} speaks in no role of approval"))
            .remedy("leave `role` out, or attach the document as a `review`")
            .into());
    }
    let version = version::existing(rows, model, *number)?;
    if version.state == State::Retired {
        return Err(Refusal::new(Code::TransitionRefused, "a retired version takes no new evidence").field("version").into());
    }
    let bound = match binds_to {
        Binding::Version => *binds_digest == version.version_digest,
        Binding::Content => *binds_digest == version.content_digest,
        Binding::File => *file_of_manifest,
    };
    if !bound {
        return Err(Refusal::new(Code::DigestMismatch, &format!("the document is about {binds_to} `{binds_digest}`, which is not a digest of this version"))
            .field("binds_digest")
            .remedy("attach it to the version that it was made for")
            .into());
    }
    check_signers(rows, *grade, signed_by)?;
    let (digest, size, in_payloads) = match body {
        Body::Payload(payload) => (payload.digest, payload.bytes.len() as u64, true),
        Body::Blob { digest, size } => (*digest, *size, false),
    };
    // What is about a digest that the version had before its bytes came says nothing any more, and may be added again.
    let speaks = |row: EvidenceRow| match row.binds_to {
        Binding::Version => row.binds_digest == version.version_digest,
        Binding::Content => row.binds_digest == version.content_digest,
        Binding::File => true,
    };
    if rows.get::<EvidenceRow>(&[model, number, &digest])?.is_some_and(speaks) {
        return Err(Refusal::new(Code::AlreadyExists, &format!("this document (`{digest}`) is attached to the version already")).field("document").into());
    }
    let event = Event::Added {
        evidence_type: *evidence_type,
        digest,
        grade: *grade,
        binds_to: *binds_to,
        binds_digest: *binds_digest,
        title: title.clone(),
        size,
        in_payloads,
        format: read.as_ref().map(|read| read.format.clone()).unwrap_or_default(),
        summary: read.as_ref().map(|read| read.summary.digest),
        role: role.clone(),
        signed_by: signed_by.clone(),
    };
    let mut draft = Draft::new(Subject::Version(model.clone(), *number), event);
    if let Body::Payload(payload) = body {
        draft = draft.payload(payload.clone());
    }
    // A document that is its own summary, as canonical JSON, is one payload.
    if let Some(read) = read.as_ref().filter(|read| !draft.payloads.contains(&read.summary)) {
        draft = draft.payload(read.summary.clone());
    }
    Ok(vec![draft])
}

/// What attests a document is a key in force of a pipeline that has access; it may have been removed since the signature was checked.
fn check_signers(rows: &mut Rows, grade: Grade, signed_by: &[String]) -> Result<(), Stop> {
    if (grade == Grade::Attested) == signed_by.is_empty() {
        return Err(Refusal::invalid("grade", "a document is attested by whoever signed it").into());
    }
    for id in signed_by {
        let id = Digest::parse(id)?;
        let key = rows.get::<ActorKeyRow>(&[&id])?.filter(|key| key.removed_at.is_none());
        let actor = match &key {
            Some(key) => rows.get::<ActorRow>(&[&key.actor_id])?,
            None => None,
        };
        if !actor.is_some_and(|actor| actor.active && actor.kind == ActorKind::Pipeline) {
            return Err(Refusal::invalid("document", &format!("key `{id}` is not the key of a pipeline any more"))
                .remedy("sign the document with a registered key")
                .into());
        }
    }
    Ok(())
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Version(model, number) = &entry.subject else { return Ok(()) };
    let Event::Added { evidence_type, digest, grade, binds_to, binds_digest, title, size, in_payloads, format, summary, role, signed_by } = event;
    rows.put(&EvidenceRow {
        model_id: model.clone(),
        number: *number,
        digest: *digest,
        evidence_type: *evidence_type,
        grade: *grade,
        binds_to: *binds_to,
        binds_digest: *binds_digest,
        title: title.clone(),
        size: *size,
        in_payloads: *in_payloads,
        format: format.clone(),
        summary: *summary,
        role: role.clone(),
        signed_by: signed_by.iter().map(String::as_str).collect(),
        actor: entry.actor.clone(),
        at: entry.at,
        entry_index: entry.index,
    });
    if !in_payloads {
        rows.put(&BlobUseRow { digest: *digest, model_id: model.clone(), number: *number, path: format!("evidence:{digest}") });
    }
    if *evidence_type == EvidenceType::Addendum && *in_payloads {
        lineage::note_addendum(rows, model, *number, digest)?;
    }
    version::touch_subject(rows, entry)
}

#[cfg(test)]
mod tests;
