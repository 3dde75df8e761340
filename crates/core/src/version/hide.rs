//! Hiding: a version leaves the listings, and its aliases leave it. Entries, bytes and number stay.

use super::{Event, each, existing, touch};
use crate::alias;
use crate::command::{Stop, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::model;
use crate::names::{AliasName, ModelId, PolicyMode, State, VersionNumber};
use crate::promotion;
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::tables::VersionRow;

pub(super) fn decide(
    rows: &mut Rows,
    model: &ModelId,
    number: VersionNumber,
    reason: &PrivateText,
    aliases: &[AliasName],
    expected: u64,
) -> Result<Vec<Draft>, Stop> {
    let version = existing(rows, model, number)?;
    if version.hidden {
        return Err(Refusal::not_found("version", &number.to_string()).into());
    }
    let enforce = model::mode(rows, model)? == PolicyMode::Enforce;
    if enforce && (version.state != State::Draft || version.shared) {
        return Err(Refusal::new(Code::ProtectedDeletion, &format!("version {number} is {} and was shared; it is never deleted", version.state))
            .field("version")
            .remedy("deprecate it (`chancery deprecate`) or retire it (`chancery retire`); nothing serves a retired version, auditors can still fetch it")
            .into());
    }
    model::check_revision("version", Some(expected), version.revision)?;
    let mut drafts = alias::removals(rows, model, aliases, Some(number))?;
    drafts.push(Draft::new(Subject::Version(model.clone(), number), Event::Hidden { reason: reason.digest }).private(Some(reason)));
    drafts.extend(promotion::left_behind(rows, model, number, State::Retired, None, Some(reason.digest))?);
    Ok(drafts)
}

/// Hides one version, whether its own entry says so or that of its model.
pub(super) fn apply(rows: &mut Rows, entry: &Entry, version: VersionRow) -> Result<(), Missing> {
    let subject = Subject::Version(version.model_id.clone(), version.number);
    // Both are asked for before either is looked at: one load instead of two.
    let (hidden, state) = (record(rows, entry, &subject, "hidden", Some("true")), record(rows, entry, &subject, "state", Some(State::Retired.as_str())));
    hidden.and(state)?;
    if version.state == State::Production {
        registry::move_releases(rows, entry, &version.model_id);
    }
    touch(rows, entry, VersionRow { hidden: true, state: State::Retired, last_updated_at: entry.at, ..version });
    Ok(())
}

/// Hides every version of a model that is hidden with this entry.
///
/// # Errors
/// [`Missing`], for all rows that must be loaded at once.
pub(crate) fn hide_all(rows: &mut Rows, entry: &Entry, model: &ModelId, last: u64) -> Result<(), Missing> {
    each(rows, model, last, |rows, version| if version.hidden { Ok(()) } else { apply(rows, entry, version) })
}

#[cfg(test)]
mod tests;
