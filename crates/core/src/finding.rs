//! Standing findings: what the scheduled checks found wrong, open until it is put right. Only the registry itself writes them.
//!
//! INVARIANT: a subject has at most one open finding of a rule, however often and on however many servers the checks run.

use serde::{Deserialize, Serialize};

use crate::calendar;
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Subject};
use crate::names::{ModelId, Timestamp};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{FindingRow, ReviewRow};

/// Longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 8_000;

crate::words! {
    /// Where a finding stands.
    Status, "status" {
        /// It is wrong.
        Open = "open",
        /// It was put right, or another finding took its place.
        Closed = "closed",
    }
}

crate::words! {
    /// Why a finding was closed.
    Closing, "reason" {
        /// What it said is not so any more.
        Resolved = "resolved",
        /// Another finding of the rule about the subject takes its place: it is due at another time.
        Superseded = "superseded",
    }
}

/// Commands on findings.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Opens a finding; one that is due at another time takes the place of the open one.
    Open {
        /// What it is about.
        subject: Subject,
        /// Rule.
        rule: String,
        /// What is wrong.
        message: String,
        /// When it becomes, or became, pressing.
        due: Option<Timestamp>,
    },
    /// Closes a finding because what it said is not so any more.
    Close {
        /// What it is about.
        subject: Subject,
        /// Rule.
        rule: String,
    },
    /// Records that the checks ran.
    Ran(Counts),
}

/// What a run of the checks did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Versions whose rules were evaluated.
    pub versions: u64,
    /// Versions whose rules could not be evaluated; their findings stay as they are.
    pub failed: u64,
    /// Findings that were opened.
    pub opened: u64,
    /// Findings that were closed.
    pub closed: u64,
    /// Reviews that were scheduled.
    pub scheduled: u64,
    /// Versions that were deprecated.
    pub deprecated: u64,
}

/// What happened to a finding; the subject is what it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was opened.
    #[serde(rename = "finding.opened")]
    Opened {
        /// Rule.
        rule: String,
        /// What is wrong.
        message: String,
        /// When it becomes, or became, pressing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// It was closed.
    #[serde(rename = "finding.closed")]
    Closed {
        /// Rule.
        rule: String,
        /// Why.
        reason: Closing,
    },
    /// The scheduled checks ran; the subject is the registry.
    #[serde(rename = "finding.checks-run")]
    Ran(Counts),
}

/// Decides a command on a finding.
///
/// # Errors
/// [`Stop`]: `already_exists` and `not_found` say that another run was faster.
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    if let Command::Ran(counts) = command {
        return Ok(vec![Draft::new(Subject::Registry, Event::Ran(*counts))]);
    }
    // INVARIANT: nobody opens or closes a finding by hand; what is put right closes it.
    if context.actor.as_str() != "system" {
        return Err(Refusal::new(Code::AccessDenied, "findings are opened and closed by the scheduled checks only")
            .remedy("put right what the finding says, then run the checks")
            .into());
    }
    match command {
        Command::Open { subject, rule, message, due } => {
            let open = open(rows, subject, rule)?;
            let mut drafts = Vec::new();
            if let Some(row) = open {
                if row.due == *due {
                    return Err(Refusal::new(Code::AlreadyExists, &format!("a finding of `{rule}` about `{subject}` is open already")).into());
                }
                drafts.push(Draft::new(subject.clone(), Event::Closed { rule: rule.clone(), reason: Closing::Superseded }));
            }
            drafts.push(Draft::new(subject.clone(), Event::Opened { rule: rule.clone(), message: clipped(message), due: *due }));
            Ok(drafts)
        }
        Command::Close { subject, rule } => match open(rows, subject, rule)? {
            Some(_) => Ok(vec![Draft::new(subject.clone(), Event::Closed { rule: rule.clone(), reason: Closing::Resolved })]),
            None => Err(Refusal::not_found("finding", &format!("{rule} about {subject}")).into()),
        },
        Command::Ran(_) => Ok(Vec::new()),
    }
}

fn open(rows: &mut Rows, subject: &Subject, rule: &str) -> Result<Option<FindingRow>, Missing> {
    Ok(rows.get::<FindingRow>(&[&subject.to_string(), &rule.to_owned()])?.filter(|row| row.status == Status::Open))
}

/// The message within its limit, cut between letters.
fn clipped(message: &str) -> String {
    let end = (0..=MAX_MESSAGE_BYTES.min(message.len())).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
    message.get(..end).unwrap_or_default().to_owned()
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let subject = entry.subject.to_string();
    match event {
        Event::Opened { rule, message, due } => {
            let model_id = concerned(rows, &entry.subject)?;
            rows.put(&FindingRow {
                subject,
                rule: rule.clone(),
                model_id,
                message: message.clone(),
                due: *due,
                status: Status::Open,
                reason: None,
                opened_at: entry.at,
                opened_index: entry.index,
                closed_at: None,
                closed_index: None,
            });
        }
        Event::Closed { rule, reason } => {
            if let Some(row) = rows.get::<FindingRow>(&[&subject, rule])? {
                rows.put(&FindingRow { status: Status::Closed, reason: Some(*reason), closed_at: Some(entry.at), closed_index: Some(entry.index), ..row });
            }
        }
        Event::Ran(_) => {}
    }
    Ok(())
}

/// The model that a finding concerns, where it concerns one.
fn concerned(rows: &mut Rows, subject: &Subject) -> Result<Option<ModelId>, Missing> {
    if let Subject::Review(id) = subject {
        return Ok(rows.get::<ReviewRow>(&[id])?.and_then(|row| row.model_id));
    }
    let models = calendar::models_of(rows, subject)?;
    // A risk of several models is a finding of its own, not of one of them.
    Ok(if models.len() == 1 { models.into_iter().next() } else { None })
}

#[cfg(test)]
mod tests;
