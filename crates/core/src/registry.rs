//! The registry as a whole: first start, settings, recorded checks and recorded refusals.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{Digest, ModelId, PolicyMode, State, Timestamp, VersionNumber};
use crate::promotion::GateRecord;
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::SettingRow;
use crate::version;

/// Setting that moves whenever roles or tokens change.
pub const ACCESS: &str = "access";
/// Setting that moves whenever a version enters production ungated: a change of the mode must not overlook one.
pub const UNGATED: &str = "policy.ungated";
/// Setting with the seconds by which the clock of the server was moved when it was last started.
pub const CLOCK_OFFSET: &str = "clock.offset";
/// Setting with the policy mode.
pub const POLICY_MODE: &str = "policy.mode";

/// Commands on the registry.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// First start of an empty registry.
    Start {
        /// Origin of the ledger.
        origin: String,
        /// Mode to begin with.
        mode: PolicyMode,
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
        Command::Start { origin, mode } => {
            if rows.get::<SettingRow>(&[&POLICY_MODE])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, "the registry was started already").into());
            }
            Ok(vec![Draft::new(Subject::Registry, Event::Started { origin: origin.clone(), mode: *mode })])
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
        Event::Started { mode, .. } | Event::PolicyModeChanged { mode, .. } => {
            rows.put(&SettingRow { name: POLICY_MODE.to_owned(), value: mode.to_string(), revision: entry.index });
            record(rows, entry, &entry.subject, POLICY_MODE, Some(mode.as_str()))
        }
        Event::ClockMoved { offset_seconds } => {
            rows.put(&SettingRow { name: CLOCK_OFFSET.to_owned(), value: offset_seconds.to_string(), revision: entry.index });
            Ok(())
        }
        Event::CheckRecorded { .. } | Event::Refused { .. } | Event::RefusalsSuppressed { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests;
