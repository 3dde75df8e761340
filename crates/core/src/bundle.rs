//! Policy bundles: what ships with the program, and what the organisation adds, put in force by two persons.
//!
//! INVARIANT: nobody puts a bundle in force that he uploaded, and nobody takes one out of force that he activated.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::names::{ActorId, Digest};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{BundleRow, SettingRow};

/// Setting with the digest of the organisation's bundle in force; empty when the baseline is alone.
pub const POLICY_BUNDLE: &str = "policy.bundle";
/// Setting with the digest of the baseline in force.
pub const POLICY_BASELINE: &str = "policy.baseline";

crate::words! {
    /// Where a bundle stands.
    Status, "status" {
        /// Kept, without effect.
        Uploaded = "uploaded",
        /// In force beside the baseline.
        Active = "active",
        /// Taken out; it can be activated again.
        Withdrawn = "withdrawn",
    }
}

/// Commands on policy bundles.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Keeps a bundle. It has no effect yet.
    Upload {
        /// Its document: canonical JSON from path to text.
        document: Payload,
        /// Files.
        files: u64,
        /// Bytes of all files.
        size: u64,
        /// Why.
        reason: Option<PrivateText>,
    },
    /// Puts a bundle in force, whose tests passed in prepare.
    Activate {
        /// The bundle.
        bundle: Digest,
        /// Digest of baseline and bundle together.
        effective: Digest,
        /// Why.
        reason: PrivateText,
    },
    /// Takes a bundle out of force, or away before it was.
    Withdraw {
        /// The bundle.
        bundle: Digest,
        /// Why.
        reason: PrivateText,
    },
    /// Notes the baseline of a program that was started.
    Ship {
        /// Its document.
        document: Payload,
    },
}

/// What happened; the subject is the bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A bundle was kept.
    #[serde(rename = "bundle.uploaded")]
    Uploaded {
        /// Payload with its document.
        digest: Digest,
        /// Files.
        files: u64,
        /// Bytes of all files.
        size: u64,
        /// Why, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
    },
    /// A bundle is in force from here on.
    #[serde(rename = "bundle.activated")]
    Activated {
        /// Digest of baseline and bundle together: what verdicts and decisions name.
        effective: Digest,
        /// The bundle that it replaces.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<Digest>,
        /// Who uploaded it: the other person.
        uploaded_by: ActorId,
        /// Why, in the vault.
        reason: Digest,
    },
    /// A bundle is out.
    #[serde(rename = "bundle.withdrawn")]
    Withdrawn {
        /// Whether the baseline is alone from here on.
        was_active: bool,
        /// Why, in the vault.
        reason: Digest,
    },
    /// A program with another baseline was started.
    #[serde(rename = "bundle.shipped")]
    Shipped {
        /// Payload with its document.
        digest: Digest,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Upload { document, files, size, reason } => {
            check_person(&context.actor, "uploads")?;
            if let Some(row) = rows.get::<BundleRow>(&[&document.digest])? {
                return Err(Refusal::new(Code::AlreadyExists, &format!("bundle `{}` exists: it is {}", row.digest, row.status))
                    .remedy("somebody else can activate it with `policy activate`")
                    .into());
            }
            let event = Event::Uploaded { digest: document.digest, files: *files, size: *size, reason: reason.as_ref().map(|text| text.digest) };
            Ok(vec![Draft::new(Subject::Bundle(document.digest), event).payload(document.clone()).private(reason.as_ref())])
        }
        Command::Activate { bundle, effective, reason } => activate(rows, context, *bundle, *effective, reason),
        Command::Withdraw { bundle, reason } => withdraw(rows, context, *bundle, reason),
        Command::Ship { document } => {
            let event = Event::Shipped { digest: document.digest };
            Ok(vec![Draft::new(Subject::Bundle(document.digest), event).payload(document.clone())])
        }
    }
}

fn activate(rows: &mut Rows, context: &Context, bundle: Digest, effective: Digest, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, bundle)?;
    if row.status == Status::Active {
        return Err(Refusal::new(Code::TransitionRefused, "the bundle is in force already").field("digest").into());
    }
    check_person(&context.actor, "activates")?;
    let own = Refusal::new(Code::SeparationOfDuties, "you uploaded this bundle: another person must activate it")
        .field("digest")
        .remedy("ask another person who may manage the policy");
    speakers::check_second(rows, context, &row.uploaded_by, row.uploaded_index, own)?;
    let replaced = in_force(rows)?;
    let event = Event::Activated { effective, replaced, uploaded_by: row.uploaded_by, reason: reason.digest };
    Ok(vec![Draft::new(Subject::Bundle(bundle), event).private(Some(reason))])
}

fn withdraw(rows: &mut Rows, context: &Context, bundle: Digest, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, bundle)?;
    check_person(&context.actor, "withdraws")?;
    let was_active = match row.status {
        Status::Withdrawn => return Err(Refusal::new(Code::TransitionRefused, "the bundle is withdrawn already").field("digest").into()),
        Status::Uploaded => false,
        Status::Active => {
            let own = Refusal::new(Code::SeparationOfDuties, "you activated this bundle: another person must withdraw it")
                .field("digest")
                .remedy("ask another person who may manage the policy");
            if let Some(other) = &row.activated_by {
                // Nothing changed the row since it was activated.
                speakers::check_second(rows, context, other, row.revision, own)?;
            }
            true
        }
    };
    Ok(vec![Draft::new(Subject::Bundle(bundle), Event::Withdrawn { was_active, reason: reason.digest }).private(Some(reason))])
}

/// Two persons answer for the policy: what a pipeline does, its owner could have done alone.
fn check_person(actor: &ActorId, what: &str) -> Result<(), Refusal> {
    if actor.as_str().starts_with('u') {
        return Ok(());
    }
    Err(Refusal::new(Code::SeparationOfDuties, &format!("only a person {what} a policy bundle")).remedy("ask a person who may manage the policy"))
}

fn existing(rows: &mut Rows, bundle: Digest) -> Result<BundleRow, Stop> {
    Ok(rows.get::<BundleRow>(&[&bundle])?.ok_or_else(|| Refusal::not_found("bundle", &bundle.to_string()).field("digest"))?)
}

/// The organisation's bundle in force.
fn in_force(rows: &mut Rows) -> Result<Option<Digest>, Missing> {
    Ok(rows.get::<SettingRow>(&[&POLICY_BUNDLE])?.and_then(|row| Digest::parse(&row.value).ok()))
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    match event {
        Event::Uploaded { digest, files, size, .. } => {
            rows.put(&BundleRow {
                digest: *digest,
                files: *files,
                size: *size,
                status: Status::Uploaded,
                uploaded_by: entry.actor.clone(),
                uploaded_at: entry.at,
                uploaded_index: entry.index,
                effective: None,
                activated_by: None,
                activated_at: None,
                revision: entry.index,
            });
            Ok(())
        }
        Event::Activated { effective, replaced, .. } => {
            if let Some(before) = replaced {
                change(rows, entry, *before, |row| row.status = Status::Uploaded)?;
            }
            let Subject::Bundle(bundle) = entry.subject else { return Ok(()) };
            change(rows, entry, bundle, |row| {
                row.status = Status::Active;
                row.effective = Some(*effective);
                row.activated_by = Some(entry.actor.clone());
                row.activated_at = Some(entry.at);
            })?;
            set(rows, entry, POLICY_BUNDLE, &bundle.to_string())
        }
        Event::Withdrawn { was_active, .. } => {
            let Subject::Bundle(bundle) = entry.subject else { return Ok(()) };
            change(rows, entry, bundle, |row| row.status = Status::Withdrawn)?;
            if *was_active { set(rows, entry, POLICY_BUNDLE, "") } else { Ok(()) }
        }
        Event::Shipped { digest } => set(rows, entry, POLICY_BASELINE, &digest.to_string()),
    }
}

fn change(rows: &mut Rows, entry: &Entry, bundle: Digest, change: impl FnOnce(&mut BundleRow)) -> Result<(), Missing> {
    if let Some(mut row) = rows.get::<BundleRow>(&[&bundle])? {
        change(&mut row);
        row.revision = entry.index;
        rows.put(&row);
    }
    Ok(())
}

/// Sets one of the two settings, and keeps when it had which value: a replay asks for it.
pub(crate) fn set(rows: &mut Rows, entry: &Entry, name: &str, value: &str) -> Result<(), Missing> {
    rows.put(&SettingRow { name: name.to_owned(), value: value.to_owned(), revision: entry.index });
    record(rows, entry, &Subject::Registry, name, (!value.is_empty()).then_some(value))
}

#[cfg(test)]
mod tests;
