//! Attaching: the bytes of a version that was sealed without them come in, once.
//!
//! Content, facts and version digest are new from then on, so whatever was approved before was approved of something else.

use super::{Event, existing, note_blob_uses, touch, version_digest};
use crate::command::{Stop, record};
use crate::entry::{Draft, Entry, Payload, Subject};
use crate::lineage;
use crate::manifest::Manifest;
use crate::model;
use crate::names::{ModelId, State, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::VersionRow;

pub(super) fn decide(
    rows: &mut Rows,
    id: &ModelId,
    number: VersionNumber,
    manifest: &Manifest,
    facts: &Payload,
    expected: Option<u64>,
) -> Result<Vec<Draft>, Stop> {
    if manifest.files().is_empty() {
        return Err(Refusal::invalid("files", "a package needs at least one file").into());
    }
    let version = existing(rows, id, number)?;
    model::check_revision("version", expected, version.revision)?;
    check(&version)?;
    let payload = manifest.payload()?;
    let event = Event::Attached {
        content_digest: payload.digest,
        facts_digest: facts.digest,
        version_digest: version_digest(id, number, payload.digest, facts.digest),
        files: manifest.files().len() as u64,
        size: manifest.size(),
    };
    Ok(vec![Draft::new(Subject::Version(id.clone(), number), event).payload(payload).payload(facts.clone())])
}

/// Whether bytes can be attached to a version.
///
/// # Errors
/// `transition_refused`.
pub fn check(version: &VersionRow) -> Result<(), Refusal> {
    let refused = |why: &str, remedy: &str| {
        let message = format!("version {} {why}", version.number);
        Err(Refusal::new(Code::TransitionRefused, &message).field("version").remedy(remedy))
    };
    if version.pinned {
        return refused("is a part of a system, which pins its digest", "register the bytes as a new version, and a new version of the system with it");
    }
    match (version.held, version.state) {
        (true, _) => refused("is frozen with the bytes that it has", "register other bytes as a new version"),
        (false, State::Retired) => refused("is retired and takes no bytes", "register the bytes as a new version"),
        (false, State::Draft | State::Candidate | State::Approved | State::Production | State::Deprecated) => Ok(()),
    }
}

pub(super) fn apply(rows: &mut Rows, entry: &Entry, version: VersionRow, event: &Event) -> Result<(), Missing> {
    let Event::Attached { content_digest, facts_digest, version_digest, files, size } = event else { return Ok(()) };
    record(rows, entry, &entry.subject, "version_digest", Some(&version_digest.to_string()))?;
    let forgotten = lineage::forget_facts(rows, &version.model_id, version.number, &version.facts_digest);
    let blobs = note_blob_uses(rows, &version.model_id, version.number, *content_digest);
    forgotten.and(blobs)?;
    lineage::note_facts(rows, entry, &version.model_id, version.number, facts_digest)?;
    touch(
        rows,
        entry,
        VersionRow {
            content_digest: *content_digest,
            facts_digest: *facts_digest,
            version_digest: *version_digest,
            files: *files,
            size: *size,
            held: true,
            attached_by: Some(entry.actor.clone()),
            attached_index: Some(entry.index),
            last_updated_at: entry.at,
            ..version
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests;
