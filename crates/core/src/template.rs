//! Templates of written documents: versioned, approved by a second person, withdrawn, never changed (DOC-8).
//!
//! A document names the version of the template that it was written by; whether that one is approved and current, and which of its
//! sections the document leaves out, is found when a gate is evaluated. So every event moves the setting [`TEMPLATES`].

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::evidence::EvidenceType;
use crate::evidence::format::written;
use crate::names::{Digest, Label};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{SettingRow, TemplateNameRow, TemplateRow};

/// Setting that moves with every template: a gate whose documents name templates notes it.
pub const TEMPLATES: &str = "templates";
/// Most versions of one template.
pub const MAX_VERSIONS: u64 = 1_000;
/// Largest text of a template, in bytes.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Most sections that a template requires.
pub const MAX_SECTIONS: usize = 200;

crate::words! {
    /// Where a version of a template stands.
    Status, "status" {
        /// Added, and nobody else looked at it yet.
        Proposed = "proposed",
        /// Approved by another person than the one who added it.
        Approved = "approved",
        /// Withdrawn, for good.
        Withdrawn = "withdrawn",
    }
}

/// Commands on templates.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Adds the next version of a template.
    Add {
        /// Name.
        name: Label,
        /// Type of the documents that are written by it.
        evidence_type: EvidenceType,
        /// Markdown.
        text: Payload,
        /// Ids of the sections that a document must fill in; every heading that is not marked optional unless given.
        sections: Option<Vec<String>>,
    },
    /// Approves a version.
    Approve {
        /// Name.
        name: Label,
        /// Version.
        version: u64,
    },
    /// Withdraws a version.
    Withdraw {
        /// Name.
        name: Label,
        /// Version.
        version: u64,
        /// Why.
        reason: PrivateText,
    },
}

/// What happened; the subject is the template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A version was added.
    #[serde(rename = "template.added")]
    Added {
        /// Version.
        version: u64,
        /// Type of the documents.
        #[serde(rename = "type")]
        evidence_type: EvidenceType,
        /// Payload with the Markdown.
        text: Digest,
        /// Ids of the sections that a document must fill in.
        sections: Vec<String>,
    },
    /// A version was approved.
    #[serde(rename = "template.approved")]
    Approved {
        /// Version.
        version: u64,
    },
    /// A version was withdrawn.
    #[serde(rename = "template.withdrawn")]
    Withdrawn {
        /// Version.
        version: u64,
        /// Why, in the vault.
        reason: Digest,
    },
}

/// Whether documents of this type are written by people, so that a template helps.
pub fn is_written(evidence_type: EvidenceType) -> bool {
    match evidence_type {
        EvidenceType::ModelCard
        | EvidenceType::Datasheet
        | EvidenceType::Explainability
        | EvidenceType::RiskAssessment
        | EvidenceType::Review
        | EvidenceType::Reproducibility
        | EvidenceType::Plan
        | EvidenceType::ChangeSummary => true,
        EvidenceType::Evaluation
        | EvidenceType::Sbom
        | EvidenceType::Provenance
        | EvidenceType::ArtifactScan
        | EvidenceType::VulnerabilityReport
        | EvidenceType::Vex
        | EvidenceType::Signature
        | EvidenceType::DriftReport
        | EvidenceType::Addendum
        | EvidenceType::Other => false,
    }
}

impl Command {
    /// The template that the command is about.
    pub fn name(&self) -> &Label {
        match self {
            Self::Add { name, .. } | Self::Approve { name, .. } | Self::Withdraw { name, .. } => name,
        }
    }
}

/// Decides a command on a template.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Add { name, evidence_type, text, sections } => {
            let version = next(rows, name, *evidence_type)?;
            let sections = required(name, version, text, sections.as_deref())?;
            let event = Event::Added { version, evidence_type: *evidence_type, text: text.digest, sections };
            Ok(vec![Draft::new(Subject::Template(name.clone()), event).payload(text.clone())])
        }
        Command::Approve { name, version } => {
            let row = existing(rows, name, *version)?;
            match row.status {
                Status::Proposed => {}
                Status::Approved => return Err(Refusal::new(Code::AlreadyExists, &format!("template `{name}@{version}` is approved already")).into()),
                Status::Withdrawn => return Err(withdrawn(name, *version).into()),
            }
            check_approver(rows, context, &row)?;
            Ok(vec![Draft::new(Subject::Template(name.clone()), Event::Approved { version: *version })])
        }
        Command::Withdraw { name, version, reason } => {
            if existing(rows, name, *version)?.status == Status::Withdrawn {
                return Err(withdrawn(name, *version).into());
            }
            let event = Event::Withdrawn { version: *version, reason: reason.digest };
            Ok(vec![Draft::new(Subject::Template(name.clone()), event).private(Some(reason))])
        }
    }
}

/// The number of the next version.
fn next(rows: &mut Rows, name: &Label, evidence_type: EvidenceType) -> Result<u64, Stop> {
    if !is_written(evidence_type) {
        let message = format!("a document of type {evidence_type} is written by a tool, not by a template");
        return Err(Refusal::invalid("type", &message).into());
    }
    let Some(known) = rows.get::<TemplateNameRow>(&[name])? else { return Ok(1) };
    if known.evidence_type != evidence_type {
        let message = format!("template `{name}` is for documents of type {}", known.evidence_type);
        return Err(Refusal::invalid("type", &message).remedy("give the template of another type another name").into());
    }
    if known.latest >= MAX_VERSIONS {
        return Err(Refusal::new(Code::TooLarge, &format!("template `{name}` has {MAX_VERSIONS} versions"))
            .field("name")
            .remedy("go on under another name")
            .into());
    }
    Ok(known.latest + 1)
}

/// The sections that a document must fill in, checked against the text.
fn required(name: &Label, version: u64, text: &Payload, given: Option<&[String]>) -> Result<Vec<String>, Refusal> {
    if text.bytes.len() > MAX_TEXT_BYTES {
        return Err(Refusal::new(Code::TooLarge, &format!("text has {} bytes; at most {MAX_TEXT_BYTES} are accepted", text.bytes.len())).field("text"));
    }
    let outline = written::outline(&text.bytes).map_err(|refusal| refusal.field("text"))?;
    if let Some((named, number)) = &outline.template
        && (named.as_str() != name.as_str() || *number != version)
    {
        let message = format!("the text says `template: {named}@{number}`; it would be `{name}@{version}`");
        return Err(Refusal::invalid("text", &message).remedy(&format!("write `template: {name}@{version}` in its front matter")));
    }
    let sections = given.map_or_else(|| outline.required.clone(), <[String]>::to_vec);
    if sections.len() > MAX_SECTIONS {
        return Err(Refusal::new(Code::TooLarge, &format!("there are {} sections; at most {MAX_SECTIONS} can be required", sections.len())).field("sections"));
    }
    if let Some(absent) = sections.iter().find(|id| !outline.all.contains(id)) {
        let shown: String = absent.chars().filter(|letter| !letter.is_control()).take(80).collect();
        return Err(Refusal::invalid("sections", &format!("section `{shown}` has no heading in the text"))
            .remedy(&format!("its headings are: {}", outline.all.iter().take(20).cloned().collect::<Vec<_>>().join(", "))));
    }
    if sections.is_empty() {
        return Err(Refusal::invalid("sections", "a template requires at least one section").remedy("add a heading that is not marked [optional]"));
    }
    Ok(sections)
}

fn existing(rows: &mut Rows, name: &Label, version: u64) -> Result<TemplateRow, Stop> {
    Ok(rows.get::<TemplateRow>(&[name, &version])?.ok_or_else(|| Refusal::not_found("template", &format!("{name}@{version}")))?)
}

fn withdrawn(name: &Label, version: u64) -> Refusal {
    Refusal::new(Code::TransitionRefused, &format!("template `{name}@{version}` was withdrawn")).remedy("add a new version")
}

/// A template is approved by a person who did not add it.
fn check_approver(rows: &mut Rows, context: &Context, row: &TemplateRow) -> Result<(), Stop> {
    let own = Refusal::new(Code::SeparationOfDuties, "who added a template does not approve it").remedy("ask another person to approve it");
    // Nothing changed the row since it was added.
    speakers::check_second(rows, context, &row.added_by, row.revision, own)?;
    if !context.actor.as_str().starts_with('u') {
        return Err(Refusal::new(Code::SeparationOfDuties, "a template is approved by a person").remedy("ask a person to approve it").into());
    }
    Ok(())
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Template(name) = &entry.subject else { return Ok(()) };
    let (version, status) = match event {
        Event::Added { version, evidence_type, text, sections } => {
            rows.put(&TemplateRow {
                name: name.clone(),
                version: *version,
                evidence_type: *evidence_type,
                text: *text,
                sections: sections.iter().map(String::as_str).collect(),
                status: Status::Proposed,
                added_by: entry.actor.clone(),
                added_at: entry.at,
                approved_by: None,
                approved_at: None,
                revision: entry.index,
            });
            let in_force = rows.get::<TemplateNameRow>(&[name])?.and_then(|row| row.in_force);
            rows.put(&TemplateNameRow { name: name.clone(), evidence_type: *evidence_type, latest: *version, in_force });
            (*version, Status::Proposed)
        }
        Event::Approved { version } => {
            if let Some(row) = rows.get::<TemplateRow>(&[name, version])? {
                rows.put(&TemplateRow {
                    status: Status::Approved,
                    approved_by: Some(entry.actor.clone()),
                    approved_at: Some(entry.at),
                    revision: entry.index,
                    ..row
                });
            }
            put_in_force(rows, name)?;
            (*version, Status::Approved)
        }
        Event::Withdrawn { version, .. } => {
            if let Some(row) = rows.get::<TemplateRow>(&[name, version])? {
                rows.put(&TemplateRow { status: Status::Withdrawn, revision: entry.index, ..row });
            }
            put_in_force(rows, name)?;
            (*version, Status::Withdrawn)
        }
    };
    rows.put(&SettingRow { name: TEMPLATES.to_owned(), value: String::new(), revision: entry.index });
    record(rows, entry, &entry.subject, &format!("version:{version}"), Some(status.as_str()))
}

/// The newest approved version is in force.
fn put_in_force(rows: &mut Rows, name: &Label) -> Result<(), Missing> {
    let Some(known) = rows.get::<TemplateNameRow>(&[name])? else { return Ok(()) };
    let mut in_force = None;
    for version in (1..=known.latest).rev() {
        if rows.get::<TemplateRow>(&[name, &version])?.is_some_and(|row| row.status == Status::Approved) {
            in_force = Some(version);
            break;
        }
    }
    rows.put(&TemplateNameRow { in_force, ..known });
    Ok(())
}

#[cfg(test)]
mod tests;
