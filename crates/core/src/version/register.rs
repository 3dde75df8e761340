//! Registration: what is sealed, under which number and semantic version.

use super::{Command, Event, composition, note_blob_uses, version_digest};
use crate::command::{Stop, begin};
use crate::entry::{Draft, Entry, Subject};
use crate::lineage;
use crate::model;
use crate::names::{MAX_DESCRIPTION_BYTES, ModelId, ModelKind, State, VersionNumber, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::semver;
use crate::tables::{ModelRow, NameRow, SemverRow, VersionRow};
use crate::tag;

pub(super) fn decide(rows: &mut Rows, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Register { model: id, manifest, facts, semver, bump, description, origin, tags } = command else { return Ok(Vec::new()) };
    check_text("description", description, MAX_DESCRIPTION_BYTES.min(tag::MAX_ENTRY_VALUE_BYTES))?;
    origin.as_ref().map_or(Ok(()), super::Origin::check)?;
    let model = model::existing(rows, id)?;
    if manifest.files().is_empty() && manifest.pins().is_empty() && origin.is_none() && model.kind != ModelKind::System {
        return Err(Refusal::invalid("files", "a package needs at least one file").remedy("give files, or the source where the bytes are").into());
    }
    composition::check(rows, &model, manifest, facts, origin.as_ref())?;
    if model.hidden {
        return Err(Refusal::new(Code::TransitionRefused, &format!("model `{}` is hidden and takes no new version", model.name)).field("name").into());
    }
    let semver = semver::choose(semver.as_ref(), &model.last_semver, *bump);
    // Both are asked for before either is looked at: one load instead of two.
    let (name, taken) = (rows.get::<NameRow>(&[&model.name]), rows.get::<SemverRow>(&[id, &semver::precedence(&semver)]));
    let next = name?.map_or(1, |row| row.next_number).max(model.last_number + 1);
    let number = VersionNumber::new(next)?;
    if let Some(taken) = taken? {
        return Err(Refusal::new(Code::AlreadyExists, &format!("semantic version `{semver}` is taken by version {}", taken.number))
            .field("semver")
            .remedy("give a higher one as `semver` of the request (`--semver`, or `semver` in the facts file), or none: the registry then suggests the next")
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
        description: description.clone(),
        origin: origin.clone().map(Box::new),
    };
    let subject = Subject::Version(id.clone(), number);
    let mut drafts = vec![Draft::new(subject.clone(), event).payload(payload).payload(facts.clone())];
    drafts.extend(tag::drafts(&subject, tags)?);
    Ok(drafts)
}

pub(super) fn apply(rows: &mut Rows, entry: &Entry, id: &ModelId, number: VersionNumber, event: &Event) -> Result<(), Missing> {
    let Event::Registered { name, semver, content_digest, facts_digest, version_digest, files, size, description, origin, .. } = event else { return Ok(()) };
    let held = *files > 0 || origin.is_none();
    let origin = origin.as_deref().cloned().unwrap_or_default();
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
        source: origin.source,
        run_id: origin.run_id,
        run_link: origin.run_link,
        held,
        hidden: false,
        ungated: false,
        shared: false,
        pinned: false,
        production_index: None,
        successor: None,
        sunset: None,
        registered_index: entry.index,
        registered_at: entry.at,
        registered_by: entry.actor.clone(),
        attached_by: None,
        attached_index: None,
        last_updated_at: entry.at,
        updated_at: entry.at,
        revision: entry.index,
    });
    let precedence = ::semver::Version::parse(semver).map_or_else(|_| semver.clone(), |version| semver::precedence(&version));
    rows.put(&SemverRow { model_id: id.clone(), semver: precedence, number });
    begin(rows, entry, "state", State::Draft.as_str());
    begin(rows, entry, "description", description);
    if !held {
        // Only such a version gets another digest one day, and the first one must be found for ever.
        begin(rows, entry, "version_digest", &version_digest.to_string());
    }
    // All are asked for before any is looked at: one load instead of three.
    let (blobs, sealed) = (note_blob_uses(rows, id, number, *content_digest), lineage::note_facts(rows, entry, id, number, facts_digest));
    blobs.and(sealed)?;
    if let Some(model) = rows.get::<ModelRow>(&[id])? {
        let last_semver = semver::newer(&model.last_semver, semver);
        let last_number = model.last_number.max(number.get());
        model::touch(rows, entry, ModelRow { last_number, last_semver, last_updated_at: entry.at, ..model });
    }
    model::raise_next_number(rows, name, number.get() + 1)
}
