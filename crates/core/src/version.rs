//! Versions: registration seals them; only state, description, tags and aliases change afterwards, each change an entry.

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record, record_first};
use crate::entry::{Draft, Entry, Payload, PrivateText, Subject};
use crate::lifecycle::{Move, transition};
use crate::manifest::Manifest;
use crate::model;
use crate::names::{Digest, MAX_DESCRIPTION_BYTES, ModelId, ModelName, PolicyMode, State, Timestamp, VersionNumber, check_text};
use crate::promotion::GateRecord;
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::semver;
use crate::tables::{BlobUseRow, ModelRow, NameRow, PayloadRow, SemverRow, VersionRow};

/// Commands on versions.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Registers a version; its bytes are held already.
    Register {
        /// Model.
        model: ModelId,
        /// The files.
        manifest: Manifest,
        /// Sealed facts, canonical JSON.
        facts: Payload,
        /// Semantic version, when given.
        semver: Option<::semver::Version>,
        /// What the signature demands of the next version, for the suggestion.
        bump: semver::Bump,
        /// Description.
        description: String,
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
    },
    /// Takes a draft out of listings.
    Hide {
        /// Model.
        model: ModelId,
        /// Number.
        number: VersionNumber,
        /// Why.
        reason: PrivateText,
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
        Command::Register { model, manifest, facts, semver, bump, description } => register(rows, model, manifest, facts, semver.as_ref(), *bump, description),
        Command::Describe { model, number, description, expected } => {
            check_text("description", description, MAX_DESCRIPTION_BYTES.min(crate::tag::MAX_ENTRY_VALUE_BYTES))?;
            let version = existing(rows, model, *number)?;
            model::check_revision("version", *expected, version.revision)?;
            Ok(vec![Draft::new(Subject::Version(model.clone(), *number), Event::Described { description: description.clone() })])
        }
        Command::Transition { .. } => change_state(rows, context, command),
        Command::Hide { model, number, reason } => hide(rows, model, *number, reason),
    }
}

fn register(
    rows: &mut Rows,
    id: &ModelId,
    manifest: &Manifest,
    facts: &Payload,
    given: Option<&::semver::Version>,
    bump: semver::Bump,
    description: &str,
) -> Result<Vec<Draft>, Stop> {
    check_text("description", description, MAX_DESCRIPTION_BYTES.min(crate::tag::MAX_ENTRY_VALUE_BYTES))?;
    let model = model::existing(rows, id)?;
    if model.hidden {
        return Err(Refusal::new(Code::TransitionRefused, &format!("model `{}` is hidden and takes no new version", model.name)).field("name").into());
    }
    let semver = semver::choose(given, &model.last_semver, bump);
    // Both are asked for before either can be missing: one load serves both.
    let (name, taken) = (rows.get::<NameRow>(&[&model.name]), rows.get::<SemverRow>(&[id, &semver::precedence(&semver)]));
    let number = VersionNumber::new(name?.map_or(1, |row| row.next_number).max(model.last_number + 1))?;
    if let Some(taken) = taken? {
        return Err(Refusal::new(Code::AlreadyExists, &format!("semantic version `{semver}` is taken by version {}", taken.number))
            .field("semver")
            .remedy("give a higher one, or none: the registry then suggests the next")
            .into());
    }
    let payload = manifest.payload()?;
    let content_digest = payload.digest;
    let event = Event::Registered {
        name: model.name,
        number,
        semver: semver.to_string(),
        content_digest,
        facts_digest: facts.digest,
        version_digest: version_digest(id, number, content_digest, facts.digest),
        files: manifest.files().len() as u64,
        size: manifest.size(),
        description: description.to_owned(),
    };
    Ok(vec![Draft::new(Subject::Version(id.clone(), number), event).payload(payload).payload(facts.clone())])
}

fn change_state(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Transition { model, number, to, reason, successor, sunset, gate, expected } = command else { return Ok(Vec::new()) };
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
    Ok(vec![match gate {
        Some(gate) => draft.payload(gate.payload.clone()),
        None => draft,
    }])
}

fn hide(rows: &mut Rows, model: &ModelId, number: VersionNumber, reason: &PrivateText) -> Result<Vec<Draft>, Stop> {
    let version = existing(rows, model, number)?;
    let enforce = registry::mode(rows)? == PolicyMode::Enforce;
    if enforce && (version.state != State::Draft || version.shared) {
        return Err(Refusal::new(Code::ProtectedDeletion, &format!("version {number} is {} and was shared; it is never deleted", version.state))
            .field("version")
            .remedy("deprecate it (`chancery deprecate`) or retire it (`chancery retire`); nothing serves a retired version, auditors can still fetch it")
            .into());
    }
    Ok(vec![Draft::new(Subject::Version(model.clone(), number), Event::Hidden { reason: reason.digest }).private(Some(reason))])
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Version(id, number) = &entry.subject else { return Ok(()) };
    if let Event::Registered { .. } = event {
        return apply_registered(rows, entry, id, *number, event);
    }
    let Some(version) = rows.get::<VersionRow>(&[id, number])? else { return Ok(()) };
    let released = |to: State| version.state == State::Production || to == State::Production;
    match event {
        Event::Registered { .. } => {}
        Event::Described { description } => {
            record(rows, entry, &entry.subject, "description", Some(description.as_str()).filter(|text| !text.is_empty()))?;
            touch(rows, entry, VersionRow { description: description.clone(), ..version });
        }
        Event::Transitioned { to, ungated, successor, sunset, .. } => {
            record(rows, entry, &entry.subject, "state", Some(to.as_str()))?;
            if *to == State::Production && (*ungated || version.ungated) {
                registry::note_ungated(rows, entry);
            }
            if released(*to) {
                registry::move_releases(rows, entry, id);
            }
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
                    ..version
                },
            );
        }
        Event::Hidden { .. } => {
            record(rows, entry, &entry.subject, "hidden", Some("true"))?;
            if released(State::Retired) {
                registry::move_releases(rows, entry, id);
            }
            record(rows, entry, &entry.subject, "state", Some(State::Retired.as_str()))?;
            touch(rows, entry, VersionRow { hidden: true, state: State::Retired, ..version });
        }
    }
    Ok(())
}

fn apply_registered(rows: &mut Rows, entry: &Entry, id: &ModelId, number: VersionNumber, event: &Event) -> Result<(), Missing> {
    let Event::Registered { name, semver, content_digest, facts_digest, version_digest, files, size, description, .. } = event else { return Ok(()) };
    rows.put(&VersionRow {
        model_id: id.clone(),
        number,
        semver: semver.clone(),
        state: State::Draft,
        content_digest: *content_digest,
        facts_digest: *facts_digest,
        version_digest: *version_digest,
        files: *files,
        size: *size,
        description: description.clone(),
        hidden: false,
        ungated: false,
        shared: false,
        production_index: None,
        successor: None,
        sunset: None,
        registered_index: entry.index,
        registered_at: entry.at,
        registered_by: entry.actor.clone(),
        updated_at: entry.at,
        revision: entry.index,
    });
    let precedence = ::semver::Version::parse(semver).map_or_else(|_| semver.clone(), |version| semver::precedence(&version));
    rows.put(&SemverRow { model_id: id.clone(), semver: precedence, number });
    record_first(rows, entry, "state", Some(State::Draft.as_str()));
    record_first(rows, entry, "description", Some(description.as_str()).filter(|text| !text.is_empty()));
    note_blob_uses(rows, id, number, *content_digest)?;
    if let Some(model) = rows.get::<ModelRow>(&[id])? {
        let last_semver = semver::newer(&model.last_semver, semver);
        model::touch(rows, entry, ModelRow { last_number: model.last_number.max(number.get()), last_semver, ..model });
    }
    model::raise_next_number(rows, name, number.get() + 1)
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
        Subject::Registry | Subject::Promotion(_) | Subject::Actor(_) | Subject::Token(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
