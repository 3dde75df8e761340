//! Versions: registration seals them; only state, description, tags and aliases change afterwards, each change an entry.
//!
//! A version whose bytes are elsewhere is sealed too, and takes its bytes once: see [`Command::Attach`].

mod attach;
pub mod composition;
mod hide;
mod origin;
mod register;

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::lifecycle::{Move, transition};
use crate::manifest::Manifest;
use crate::model;
use crate::names::{AliasName, Digest, MAX_DESCRIPTION_BYTES, ModelId, ModelName, State, TagKey, Timestamp, VersionNumber, check_text};
use crate::promotion::{self, GateRecord};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::semver;
use crate::tables::{BlobUseRow, ModelRow, PayloadRow, VersionRow};

pub use composition::MAX_COMPONENTS;
pub(crate) use hide::hide_all;
pub use origin::{MAX_ADDRESS_BYTES, MAX_RUN_BYTES, Origin};

/// Commands on versions.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Registers a version. Its bytes are held already, unless it has an origin and no files.
    Register {
        /// Model.
        model: ModelId,
        /// The files; none only with an origin.
        manifest: Manifest,
        /// Sealed facts, canonical JSON.
        facts: Payload,
        /// Semantic version, when given.
        semver: Option<::semver::Version>,
        /// What the signature demands of the next version, for the suggestion.
        bump: semver::Bump,
        /// Description.
        description: String,
        /// Where the bytes come from, when the caller said so.
        origin: Option<Origin>,
        /// Tags that it has from the start; of a key that appears twice the last value counts.
        tags: Vec<(TagKey, String)>,
    },
    /// Brings in the bytes of a version whose bytes are elsewhere.
    Attach {
        /// Model.
        model: ModelId,
        /// Number.
        number: VersionNumber,
        /// The files.
        manifest: Manifest,
        /// The sealed facts and what was read from the bytes, canonical JSON.
        facts: Payload,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
    },
    /// Replaces the description.
    Describe {
        /// Model.
        model: ModelId,
        /// Number.
        number: VersionNumber,
        /// New text.
        description: String,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
    },
    /// Demotes, deprecates, reinstates or retires.
    Transition {
        /// Model.
        model: ModelId,
        /// Number.
        number: VersionNumber,
        /// New state.
        to: State,
        /// Why.
        reason: PrivateText,
        /// Version that replaces it.
        successor: Option<VersionNumber>,
        /// When running use must end.
        sunset: Option<Timestamp>,
        /// What the candidate gate said, for a reinstatement to candidate.
        gate: Option<GateRecord>,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
        /// Attestations of the version that are in force, found in prepare: a version that falls back or ends loses them.
        attestations: Vec<Digest>,
    },
    /// Takes a version out of listings, and the aliases off it.
    Hide {
        /// Model.
        model: ModelId,
        /// Number.
        number: VersionNumber,
        /// Why.
        reason: PrivateText,
        /// Every alias that named it at revision `expected`; those that are gone meanwhile do not matter.
        aliases: Vec<AliasName>,
        /// Revision at which the aliases were read: an alias that is set on it moves the revision.
        expected: u64,
    },
}

/// What happened to a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was registered: frozen from now on.
    #[serde(rename = "version.registered")]
    Registered {
        /// Name at registration; `name/number` means this version for ever.
        name: ModelName,
        /// Number.
        number: VersionNumber,
        /// Semantic version.
        semver: String,
        /// Digest of the manifest, which is a payload.
        content_digest: Digest,
        /// Digest of the facts, which are a payload.
        facts_digest: Digest,
        /// Digest over model, number, content and facts.
        version_digest: Digest,
        /// Number of files.
        files: u64,
        /// Bytes of all files.
        size: u64,
        /// Description.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        description: String,
        /// Where the bytes come from. With an origin and no files the bytes are not held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Box<Origin>>,
    },
    /// Its bytes, which were elsewhere, are held from now on.
    #[serde(rename = "version.attached")]
    Attached {
        /// Digest of the manifest, which is a payload.
        content_digest: Digest,
        /// Digest of the facts, which are a payload.
        facts_digest: Digest,
        /// Digest over model, number, content and facts.
        version_digest: Digest,
        /// Number of files.
        files: u64,
        /// Bytes of all files.
        size: u64,
    },
    /// Its description was replaced.
    #[serde(rename = "version.described")]
    Described {
        /// New text.
        description: String,
    },
    /// Its state changed.
    #[serde(rename = "version.transitioned")]
    Transitioned {
        /// Before.
        from: State,
        /// After.
        to: State,
        /// Why, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
        /// Promotion that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promotion: Option<crate::names::PromotionId>,
        /// Payload with the verdict of the gates.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Digest>,
        /// Whether rules failed and mode warn let it pass.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ungated: bool,
        /// Version that replaces it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        successor: Option<VersionNumber>,
        /// When running use must end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sunset: Option<Timestamp>,
    },
    /// It was taken out of listings.
    #[serde(rename = "version.hidden")]
    Hidden {
        /// Why, in the vault.
        reason: Digest,
    },
}

/// Whether a transition by reason needs the role for demotions or for ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectMove {
    /// Demote or deprecate.
    Demotion,
    /// Retire or reinstate.
    End,
}

/// The kind of direct move that leads to a state.
pub fn move_kind(to: State) -> DirectMove {
    match to {
        State::Draft | State::Candidate | State::Approved | State::Production | State::Deprecated => DirectMove::Demotion,
        State::Retired => DirectMove::End,
    }
}

/// The version, or the refusal that it does not exist.
pub(crate) fn existing(rows: &mut Rows, model: &ModelId, number: VersionNumber) -> Result<VersionRow, Stop> {
    rows.get::<VersionRow>(&[model, &number])?.ok_or_else(|| Refusal::not_found("version", &number.to_string()).into())
}

/// The digest that approvals and decisions are about: SHA-256 of canonical JSON {v, model id, number, content digest, facts digest}.
pub fn version_digest(model: &ModelId, number: VersionNumber, content: Digest, facts: Digest) -> Digest {
    // RFC 8785 by hand: the members in order, no character that needs an escape.
    Digest::of(format!(r#"{{"content_digest":"{content}","facts_digest":"{facts}","model_id":"{model}","number":{number},"v":1}}"#).as_bytes())
}

/// Decides a command on a version.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Register { .. } => register::decide(rows, command),
        Command::Attach { model, number, manifest, facts, expected } => attach::decide(rows, model, *number, manifest, facts, *expected),
        Command::Describe { model, number, description, expected } => {
            check_text("description", description, MAX_DESCRIPTION_BYTES.min(crate::tag::MAX_ENTRY_VALUE_BYTES))?;
            let version = existing(rows, model, *number)?;
            model::check_revision("version", *expected, version.revision)?;
            Ok(vec![Draft::new(Subject::Version(model.clone(), *number), Event::Described { description: description.clone() })])
        }
        Command::Transition { .. } => change_state(rows, context, command),
        Command::Hide { model, number, reason, aliases, expected } => hide::decide(rows, model, *number, reason, aliases, *expected),
    }
}

fn change_state(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Transition { model, number, to, reason, successor, sunset, gate, expected, attestations } = command else { return Ok(Vec::new()) };
    let version = existing(rows, model, *number)?;
    model::check_revision("version", *expected, version.revision)?;
    let refused =
        |why: &str, remedy: &str| Refusal::new(Code::TransitionRefused, &format!("version {number} is {}: {why}", version.state)).field("to").remedy(remedy);
    match transition(version.state, *to) {
        Move::Same => return Err(refused("nothing would change", "choose another state").into()),
        Move::Promote => return Err(refused("forward moves go through a promotion", "use `promote`").into()),
        Move::Rollback => return Err(refused("going back to production is a rollback", "use `rollback`").into()),
        Move::Refused(remedy) => return Err(refused(&format!("it cannot become {to}"), remedy).into()),
        Move::Demote | Move::Retire => {}
        Move::Deprecate => {
            if let Some(sunset) = sunset.filter(|sunset| *sunset <= context.now) {
                return Err(Refusal::invalid("sunset", &format!("sunset {sunset} is over already"))
                    .remedy("name a time by which users can move to the successor, or retire the version")
                    .into());
            }
            if *successor == Some(*number) {
                return Err(Refusal::invalid("successor", &format!("version {number} cannot replace itself")).into());
            }
            if let Some(successor) = successor {
                existing(rows, model, *successor)?;
            }
        }
        Move::Reinstate => {
            if let Some(gate) = gate {
                gate.check()?;
            } else if *to == State::Candidate {
                return Err(Refusal::new(Code::GateFailed, "reinstating to candidate needs the candidate gate").into());
            }
        }
    }
    let event = Event::Transitioned {
        from: version.state,
        to: *to,
        reason: Some(reason.digest),
        promotion: None,
        verdict: gate.as_ref().map(|gate| gate.payload.digest),
        ungated: gate.as_ref().is_some_and(GateRecord::ungated),
        successor: *successor,
        sunset: *sunset,
    };
    let draft = Draft::new(Subject::Version(model.clone(), *number), event).private(Some(reason));
    let mut drafts = vec![match gate {
        Some(gate) => draft.payload(gate.payload.clone()),
        None => draft,
    }];
    drafts.extend(promotion::left_behind(rows, model, *number, *to, None, Some(reason.digest))?);
    drafts.extend(crate::attestation::lose(rows, attestations, *to)?);
    Ok(drafts)
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Version(id, number) = &entry.subject else { return Ok(()) };
    if let Event::Registered { .. } = event {
        return register::apply(rows, entry, id, *number, event);
    }
    let Some(version) = rows.get::<VersionRow>(&[id, number])? else { return Ok(()) };
    let released = |to: State| version.state == State::Production || to == State::Production;
    match event {
        Event::Registered { .. } => {}
        Event::Attached { .. } => attach::apply(rows, entry, version, event)?,
        Event::Described { description } => {
            record(rows, entry, &entry.subject, "description", Some(description.as_str()).filter(|text| !text.is_empty()))?;
            touch(rows, entry, VersionRow { description: description.clone(), last_updated_at: entry.at, ..version });
        }
        Event::Transitioned { to, ungated, successor, sunset, .. } => {
            record(rows, entry, &entry.subject, "state", Some(to.as_str()))?;
            if *to == State::Production && (*ungated || version.ungated) {
                registry::note_ungated(rows, entry);
            }
            if released(*to) {
                registry::move_releases(rows, entry, id);
            }
            model::note_update(rows, entry, id)?;
            // Successor and sunset end with the deprecation: a version that is back in use is not replaced by anything.
            let ends = matches!(to, State::Deprecated | State::Retired);
            touch(
                rows,
                entry,
                VersionRow {
                    state: *to,
                    ungated: *ungated || (version.ungated && *to != State::Draft),
                    shared: version.shared || *to != State::Draft,
                    production_index: if *to == State::Production { Some(entry.index) } else { version.production_index },
                    successor: ends.then_some(successor.map(VersionNumber::get).or(version.successor)).flatten(),
                    sunset: ends.then_some(sunset.or(version.sunset)).flatten(),
                    last_updated_at: entry.at,
                    ..version
                },
            );
        }
        Event::Hidden { .. } => {
            model::note_update(rows, entry, id)?;
            hide::apply(rows, entry, version)?;
        }
    }
    Ok(())
}

/// Notes which blobs the version uses, from the manifest that was stored with the entry.
fn note_blob_uses(rows: &mut Rows, id: &ModelId, number: VersionNumber, content: Digest) -> Result<(), Missing> {
    let payload = rows.get::<PayloadRow>(&[&content])?;
    let manifest: Option<Manifest> = payload.and_then(|row| serde_json::from_slice(&row.bytes).ok());
    for file in manifest.iter().flat_map(Manifest::files) {
        rows.put(&BlobUseRow { digest: file.digest, model_id: id.clone(), number, path: file.path.to_string() });
    }
    Ok(())
}

/// Writes a version with its revision moved to this entry.
pub(crate) fn touch(rows: &mut Rows, entry: &Entry, version: VersionRow) {
    rows.put(&VersionRow { updated_at: entry.at, revision: entry.index, ..version });
}

/// Notes that every version of a model changed for those who read it by the model's name: its last update, not its revision.
///
/// # Errors
/// [`Missing`], for all rows that must be loaded at once.
pub(crate) fn note_update_of_all(rows: &mut Rows, entry: &Entry, model: &ModelId, last: u64) -> Result<(), Missing> {
    each(rows, model, last, |rows, version| {
        rows.put(&VersionRow { last_updated_at: entry.at, ..version });
        Ok(())
    })
}

/// Runs `change` on every version of a model up to number `last`. It goes on where rows are missing, so that all of them are asked for at once.
fn each(rows: &mut Rows, model: &ModelId, last: u64, mut change: impl FnMut(&mut Rows, VersionRow) -> Result<(), Missing>) -> Result<(), Missing> {
    let mut all = Ok(());
    for number in 1..=last {
        let done = match rows.get::<VersionRow>(&[model, &number]) {
            Ok(Some(version)) => change(rows, version),
            Ok(None) => Ok(()),
            Err(missing) => Err(missing),
        };
        match done {
            Ok(()) => {}
            Err(Missing::Row) => all = Err(Missing::Row),
            Err(bad @ Missing::Bad(_)) => return Err(bad),
        }
    }
    all
}

/// Notes that other versions come from this one, so that it cannot be hidden any more; a system that pins it also freezes its digest.
/// Its revision stays: nothing that is shown of it changed.
pub(crate) fn note_use(rows: &mut Rows, model: &ModelId, number: VersionNumber, is_pinned: bool) -> Result<(), Missing> {
    if let Some(version) = rows.get::<VersionRow>(&[model, &number])?
        && (!version.shared || (is_pinned && !version.pinned))
    {
        rows.put(&VersionRow { shared: true, pinned: version.pinned || is_pinned, ..version });
    }
    Ok(())
}

/// Moves the revision of the entry's subject, a model or a version.
pub(crate) fn touch_subject(rows: &mut Rows, entry: &Entry) -> Result<(), Missing> {
    match &entry.subject {
        Subject::Version(model, number) => {
            if let Some(version) = rows.get::<VersionRow>(&[model, number])? {
                touch(rows, entry, version);
            }
        }
        Subject::Model(model) => {
            if let Some(model) = rows.get::<ModelRow>(&[model])? {
                model::touch(rows, entry, model);
            }
        }
        Subject::Registry
        | Subject::Promotion(_)
        | Subject::Actor(_)
        | Subject::Token(_)
        | Subject::Exception(_)
        | Subject::Risk(_)
        | Subject::Review(_)
        | Subject::Bundle(_)
        | Subject::Template(_)
        | Subject::Team(_)
        | Subject::AccessPolicy(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
