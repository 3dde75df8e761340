//! The registry as a whole: first start, settings, recorded checks and recorded refusals.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::names::{Digest, ModelId, PolicyMode, State, Timestamp, VersionNumber};
use crate::promotion::GateRecord;
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::SettingRow;
use crate::{bundle, version};

/// Setting that moves whenever roles or tokens change.
pub const ACCESS: &str = "access";
/// Setting that moves whenever a version enters production ungated: a change of the mode must not overlook one.
pub const UNGATED: &str = "policy.ungated";
/// Setting with the seconds by which the clock of the server was moved when it was last started.
pub const CLOCK_OFFSET: &str = "clock.offset";
/// Setting with the policy mode.
pub const POLICY_MODE: &str = "policy.mode";

/// What a key of the registry signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Decisions, approvals, attestations: ECDSA P-256; its public key is written as SPKI PEM.
    Decision,
    /// Checkpoints: Ed25519; its public key is written as vkey (C2SP signed-note).
    Checkpoint,
}

impl KeyPurpose {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// Stands between the two parts of [`key_in_force`]; neither a PEM nor a vkey nor a time has it.
pub const KEY_SEPARATOR: char = '|';

/// Setting with the key in force, once a key was rotated: public key, [`KEY_SEPARATOR`], and until when the one before signs, too.
pub fn key_in_force(purpose: KeyPurpose) -> String {
    format!("keys.{}", purpose.as_str())
}

/// Commands on the registry.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// First start of an empty registry.
    Start {
        /// Origin of the ledger.
        origin: String,
        /// Mode to begin with.
        mode: PolicyMode,
        /// Document of the baseline policy.
        baseline: Payload,
    },
    /// Changes the policy mode.
    SetPolicyMode {
        /// New mode.
        mode: PolicyMode,
        /// Why.
        reason: PrivateText,
        /// Ungated versions that are in production, found in prepare.
        ungated: Vec<String>,
    },
    /// Records by how much the clock of the server is moved; nothing when that is known.
    MoveClock {
        /// Seconds that are added to the system's clock.
        offset_seconds: i64,
    },
    /// Puts another key in the place of one of the registry's own.
    RotateKey {
        /// What it signs.
        purpose: KeyPurpose,
        /// The public key that goes.
        old: String,
        /// The public key that comes.
        new: String,
        /// Until when the old one signs, too.
        overlap_until: Option<Timestamp>,
    },
    /// Records a check that changes nothing.
    RecordCheck {
        /// Model.
        model: ModelId,
        /// Version.
        number: VersionNumber,
        /// Target.
        target: State,
        /// What the gates said.
        gate: GateRecord,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// The registry began.
    #[serde(rename = "registry.started")]
    Started {
        /// Origin of the ledger.
        origin: String,
        /// Mode.
        mode: PolicyMode,
        /// Payload with the document of the baseline policy.
        baseline: Digest,
    },
    /// The policy mode changed.
    #[serde(rename = "policy.mode-changed")]
    PolicyModeChanged {
        /// Mode.
        mode: PolicyMode,
        /// Why, in the vault.
        reason: Digest,
    },
    /// The server was started with a moved clock, or with a true one again: for rehearsals, never for records that count.
    #[serde(rename = "clock.moved")]
    ClockMoved {
        /// Seconds that are added to the system's clock; 0 when it is true again.
        offset_seconds: i64,
    },
    /// Another key took the place of one of the registry's own.
    #[serde(rename = "keys.rotated")]
    KeysRotated {
        /// What it signs.
        purpose: KeyPurpose,
        /// The public key that went.
        old: String,
        /// The public key that came.
        new: String,
        /// Until when the old one signs, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlap_until: Option<Timestamp>,
    },
    /// Gates were evaluated without a promotion.
    #[serde(rename = "check.recorded")]
    CheckRecorded {
        /// Target.
        target: State,
        /// Payload with the verdict.
        verdict: Digest,
        /// Whether nothing failed.
        passed: bool,
        /// Rules that failed.
        failed: Vec<String>,
    },
    /// An attempt was refused. Moves no revision.
    #[serde(rename = "refused")]
    Refused {
        /// What was asked.
        action: String,
        /// Stable code.
        code: Code,
        /// Rules that failed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<String>,
        /// Payload with the verdict, when gates were evaluated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Digest>,
    },
    /// More attempts of one actor were refused than are recorded one by one. Moves no revision.
    #[serde(rename = "refusals.suppressed")]
    RefusalsSuppressed {
        /// How many were not recorded.
        count: u64,
        /// When the first of them was refused.
        from: Timestamp,
        /// When the last of them was refused.
        to: Timestamp,
    },
}

/// The policy mode in force.
pub(crate) fn mode(rows: &mut Rows) -> Result<PolicyMode, Stop> {
    let row = rows.get::<SettingRow>(&[&POLICY_MODE])?;
    Ok(row.and_then(|row| PolicyMode::parse(&row.value).ok()).unwrap_or(PolicyMode::Enforce))
}

/// Moves the access revision to this entry.
pub(crate) fn move_access_revision(rows: &mut Rows, entry: &Entry) -> Result<(), Missing> {
    rows.put(&SettingRow { name: ACCESS.to_owned(), value: String::new(), revision: entry.index });
    Ok(())
}

/// Notes that a version entered production ungated.
pub(crate) fn note_ungated(rows: &mut Rows, entry: &Entry) {
    rows.put(&SettingRow { name: UNGATED.to_owned(), value: String::new(), revision: entry.index });
}

/// Setting whose revision moves when the releases or aliases of a model change. A gate compares with them and a release
/// replaces them, so both note it.
pub fn releases(model: &ModelId) -> String {
    format!("releases/{model}")
}

/// Setting whose revision moves when an exception of a model or of one of its versions is granted or taken back. Gates note it.
pub fn exceptions(model: &ModelId) -> String {
    format!("exceptions/{model}")
}

/// Moves the revision of the exceptions of a model to this entry.
pub(crate) fn move_exceptions(rows: &mut Rows, entry: &Entry, model: &ModelId) {
    rows.put(&SettingRow { name: exceptions(model), value: String::new(), revision: entry.index });
}

/// The revision of the releases of a model, 0 when nothing moved it yet.
pub(crate) fn releases_revision(rows: &mut Rows, model: &ModelId) -> Result<u64, Missing> {
    Ok(rows.get::<SettingRow>(&[&releases(model)])?.map_or(0, |row| row.revision))
}

/// Moves the revision of the releases of a model to this entry.
pub(crate) fn move_releases(rows: &mut Rows, entry: &Entry, model: &ModelId) {
    rows.put(&SettingRow { name: releases(model), value: String::new(), revision: entry.index });
}

/// Setting whose revision moves when risks or reviews of a model change: its gates read them, but its own revision stays.
pub fn attached(model: &ModelId) -> String {
    format!("attached/{model}")
}

/// Moves the revision of what is attached to a model to this entry.
pub(crate) fn move_attached(rows: &mut Rows, entry: &Entry, model: &ModelId) {
    rows.put(&SettingRow { name: attached(model), value: String::new(), revision: entry.index });
}

/// The entry that records a refused attempt.
pub fn refused(subject: Subject, action: &str, refusal: &Refusal, gate: Option<&GateRecord>) -> Draft {
    let event = Event::Refused {
        action: action.to_owned(),
        code: refusal.code,
        rules: refusal.findings.iter().map(|finding| finding.rule.clone()).collect(),
        verdict: gate.map(|gate| gate.payload.digest),
    };
    let draft = Draft::new(subject, event);
    match gate {
        Some(gate) => draft.payload(gate.payload.clone()),
        None => draft,
    }
}

/// Decides a command on the registry.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Start { origin, mode, baseline } => {
            if rows.get::<SettingRow>(&[&POLICY_MODE])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, "the registry was started already").into());
            }
            let event = Event::Started { origin: origin.clone(), mode: *mode, baseline: baseline.digest };
            Ok(vec![Draft::new(Subject::Registry, event).payload(baseline.clone())])
        }
        Command::SetPolicyMode { mode, reason, ungated } => {
            if *mode == PolicyMode::Enforce && !ungated.is_empty() {
                return Err(Refusal::new(Code::TransitionRefused, &format!("ungated versions are in production: {}", ungated.join(", ")))
                    .field("mode")
                    .remedy("promote them through their gates, or demote them, and try again")
                    .into());
            }
            Ok(vec![Draft::new(Subject::Registry, Event::PolicyModeChanged { mode: *mode, reason: reason.digest }).private(Some(reason))])
        }
        Command::MoveClock { offset_seconds } => {
            let known = rows.get::<SettingRow>(&[&CLOCK_OFFSET])?.map_or_else(|| "0".to_owned(), |row| row.value);
            if known == offset_seconds.to_string() {
                return Err(Refusal::new(Code::AlreadyExists, "this offset of the clock is recorded already").into());
            }
            Ok(vec![Draft::new(Subject::Registry, Event::ClockMoved { offset_seconds: *offset_seconds })])
        }
        Command::RotateKey { purpose, old, new, overlap_until } => {
            let name = purpose.as_str();
            if old == new {
                return Err(Refusal::invalid("new", &format!("this is the {name} key that is in force")).into());
            }
            let known = rows.get::<SettingRow>(&[&key_in_force(*purpose)])?;
            if known.is_some_and(|row| row.value.split(KEY_SEPARATOR).next() != Some(old.as_str())) {
                return Err(Refusal::new(Code::PreconditionFailed, &format!("another {name} key is in force"))
                    .field("old")
                    .remedy("bring the keys of the server that rotated it here, and try again")
                    .into());
            }
            let event = Event::KeysRotated { purpose: *purpose, old: old.clone(), new: new.clone(), overlap_until: *overlap_until };
            Ok(vec![Draft::new(Subject::Registry, event)])
        }
        Command::RecordCheck { model, number, target, gate } => {
            version::existing(rows, model, *number)?;
            let event = Event::CheckRecorded { target: *target, verdict: gate.payload.digest, passed: gate.failed.is_empty(), failed: gate.failed_rules() };
            Ok(vec![Draft::new(Subject::Version(model.clone(), *number), event).payload(gate.payload.clone())])
        }
    }
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    match event {
        Event::Started { mode, baseline, .. } => {
            bundle::set(rows, entry, bundle::POLICY_BASELINE, &baseline.to_string())?;
            set_mode(rows, entry, *mode)
        }
        Event::ClockMoved { offset_seconds } => {
            rows.put(&SettingRow { name: CLOCK_OFFSET.to_owned(), value: offset_seconds.to_string(), revision: entry.index });
            Ok(())
        }
        Event::KeysRotated { purpose, new, overlap_until, .. } => {
            let until = overlap_until.map(|until| until.to_string()).unwrap_or_default();
            rows.put(&SettingRow { name: key_in_force(*purpose), value: format!("{new}{KEY_SEPARATOR}{until}"), revision: entry.index });
            Ok(())
        }
        Event::PolicyModeChanged { mode, .. } => set_mode(rows, entry, *mode),
        Event::CheckRecorded { .. } | Event::Refused { .. } | Event::RefusalsSuppressed { .. } => Ok(()),
    }
}

fn set_mode(rows: &mut Rows, entry: &Entry, mode: PolicyMode) -> Result<(), Missing> {
    rows.put(&SettingRow { name: POLICY_MODE.to_owned(), value: mode.to_string(), revision: entry.index });
    record(rows, entry, &entry.subject, POLICY_MODE, Some(mode.as_str()))
}

#[cfg(test)]
mod tests;
