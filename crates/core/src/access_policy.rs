//! Access policies of the organisation: kept, put in force by a second person beside those that ship with the program, taken out.
//!
//! INVARIANT: nobody puts access policies in force that he installed, and nobody takes some out of force that he activated.

use serde::{Deserialize, Serialize};

use crate::access::class;
use crate::bundle::{self, Status};
use crate::command::{Context, Stop};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::names::{ActorId, Digest, ModelId};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::speakers;
use crate::tables::{AccessPolicyRow, SettingRow};

/// Setting with the digest of the organisation's access policies in force; empty when the shipped ones are alone.
pub const ACCESS_POLICY: &str = "access.policy";

/// Commands on access policies.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Keeps policies, which were checked against the schema. They have no effect yet.
    Install {
        /// Their document: canonical JSON from path to text.
        document: Payload,
        /// How many policies there are in the files.
        policies: u64,
        /// Why.
        reason: Option<PrivateText>,
    },
    /// Puts policies in force, which were checked in prepare to leave an administrator.
    Activate {
        /// Their digest.
        digest: Digest,
        /// Models that they name: each gets an access class of its own.
        models: Vec<ModelId>,
        /// Why.
        reason: PrivateText,
    },
    /// Takes policies out of force, or away before they were.
    Withdraw {
        /// Their digest.
        digest: Digest,
        /// Why.
        reason: PrivateText,
    },
}

/// What happened; the subject is the access policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// Policies were kept.
    #[serde(rename = "access-policy.installed")]
    Installed {
        /// Payload with their document.
        digest: Digest,
        /// How many policies.
        policies: u64,
        /// Why, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
    },
    /// Policies are in force from here on.
    #[serde(rename = "access-policy.activated")]
    Activated {
        /// Those that they replace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<Digest>,
        /// Who installed them: the other person.
        installed_by: ActorId,
        /// Models that they name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        models: Vec<ModelId>,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Policies are out.
    #[serde(rename = "access-policy.withdrawn")]
    Withdrawn {
        /// Whether the shipped policies are alone from here on.
        was_active: bool,
        /// Why, in the vault.
        reason: Digest,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Install { document, policies, reason } => {
            check_person(&context.actor, "installs")?;
            if let Some(row) = rows.get::<AccessPolicyRow>(&[&document.digest])? {
                return Err(Refusal::new(Code::AlreadyExists, &format!("access policy `{}` exists: it is {}", row.digest, row.status))
                    .remedy("somebody else can activate it with `access-policy activate`")
                    .into());
            }
            let event = Event::Installed { digest: document.digest, policies: *policies, reason: reason.as_ref().map(|text| text.digest) };
            Ok(vec![Draft::new(Subject::AccessPolicy(document.digest), event).payload(document.clone()).private(reason.as_ref())])
        }
        Command::Activate { digest, models, reason } => activate(rows, context, *digest, models, reason),
        Command::Withdraw { digest, reason } => withdraw(rows, context, *digest, reason),
    }
}

fn activate(rows: &mut Rows, context: &Context, digest: Digest, models: &[ModelId], reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, digest)?;
    if row.status == Status::Active {
        return Err(Refusal::new(Code::TransitionRefused, "the access policy is in force already").field("digest").into());
    }
    check_person(&context.actor, "activates")?;
    let own = Refusal::new(Code::SeparationOfDuties, "you installed this access policy: another person must activate it")
        .field("digest")
        .remedy("ask another administrator");
    speakers::check_second(rows, context, &row.installed_by, row.installed_index, own)?;
    let event = Event::Activated { replaced: in_force(rows)?, installed_by: row.installed_by, models: models.to_vec(), reason: reason.digest };
    Ok(vec![Draft::new(Subject::AccessPolicy(digest), event).private(Some(reason))])
}

fn withdraw(rows: &mut Rows, context: &Context, digest: Digest, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let row = existing(rows, digest)?;
    check_person(&context.actor, "withdraws")?;
    let was_active = match row.status {
        Status::Withdrawn => return Err(Refusal::new(Code::TransitionRefused, "the access policy is withdrawn already").field("digest").into()),
        Status::Uploaded => false,
        Status::Active => {
            let own = Refusal::new(Code::SeparationOfDuties, "you activated this access policy: another person must withdraw it")
                .field("digest")
                .remedy("ask another administrator");
            if let Some(other) = &row.activated_by {
                // Nothing changed the row since it was activated.
                speakers::check_second(rows, context, other, row.revision, own)?;
            }
            true
        }
    };
    Ok(vec![Draft::new(Subject::AccessPolicy(digest), Event::Withdrawn { was_active, reason: reason.digest }).private(Some(reason))])
}

/// Two persons answer for who may do what.
fn check_person(actor: &ActorId, what: &str) -> Result<(), Refusal> {
    if actor.as_str().starts_with('u') {
        return Ok(());
    }
    Err(Refusal::new(Code::SeparationOfDuties, &format!("only a person {what} access policies")).remedy("ask an administrator"))
}

fn existing(rows: &mut Rows, digest: Digest) -> Result<AccessPolicyRow, Stop> {
    Ok(rows.get::<AccessPolicyRow>(&[&digest])?.ok_or_else(|| Refusal::not_found("access policy", &digest.to_string()).field("digest"))?)
}

/// The organisation's access policies in force.
fn in_force(rows: &mut Rows) -> Result<Option<Digest>, Missing> {
    Ok(rows.get::<SettingRow>(&[&ACCESS_POLICY])?.and_then(|row| Digest::parse(&row.value).ok()))
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::AccessPolicy(subject) = entry.subject else { return Ok(()) };
    match event {
        Event::Installed { digest, policies, .. } => {
            rows.put(&AccessPolicyRow {
                digest: *digest,
                policies: *policies,
                status: Status::Uploaded,
                installed_by: entry.actor.clone(),
                installed_at: entry.at,
                installed_index: entry.index,
                activated_by: None,
                activated_at: None,
                revision: entry.index,
            });
            Ok(())
        }
        Event::Activated { replaced, models, .. } => {
            registry::move_access_revision(rows, entry)?;
            for model in models {
                class::name(rows, entry, model)?;
            }
            if let Some(before) = replaced {
                change(rows, entry, *before, |row| row.status = Status::Uploaded)?;
            }
            change(rows, entry, subject, |row| {
                row.status = Status::Active;
                row.activated_by = Some(entry.actor.clone());
                row.activated_at = Some(entry.at);
            })?;
            bundle::set(rows, entry, ACCESS_POLICY, &subject.to_string())
        }
        Event::Withdrawn { was_active, .. } => {
            change(rows, entry, subject, |row| row.status = Status::Withdrawn)?;
            if *was_active {
                registry::move_access_revision(rows, entry)?;
                bundle::set(rows, entry, ACCESS_POLICY, "")?;
            }
            Ok(())
        }
    }
}

fn change(rows: &mut Rows, entry: &Entry, digest: Digest, change: impl FnOnce(&mut AccessPolicyRow)) -> Result<(), Missing> {
    if let Some(mut row) = rows.get::<AccessPolicyRow>(&[&digest])? {
        change(&mut row);
        row.revision = entry.index;
        rows.put(&row);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
