//! Aliases: names for versions that serving relies on. Some promise a state, and moving one checks it (LIF-8).

use serde::{Deserialize, Serialize};

use crate::command::{Context, Stop, record};
use crate::entry::{Draft, Entry, Subject};
use crate::names::{AliasName, ModelId, PolicyMode, State, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{AliasRow, VersionRow};
use crate::{model, registry, version};

/// Aliases that promise a state, and the states that keep the promise.
pub const REQUIRED_STATES: &[(&str, &[State])] = &[
    ("champion", &[State::Production]),
    ("canary", &[State::Production]),
    ("stable", &[State::Production]),
    ("production", &[State::Production]),
    ("challenger", &[State::Approved, State::Production]),
];

/// What the caller believes about an alias before it is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is (MLflow's API has no way to say).
    Anything,
    /// It does not exist (`If-None-Match: *`, or no header).
    Absent,
    /// It was set by this entry (`If-Match`).
    Revision(u64),
}

/// Commands on aliases.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Sets or moves an alias.
    Set {
        /// Model.
        model: ModelId,
        /// Alias.
        alias: AliasName,
        /// Version it will name.
        number: VersionNumber,
        /// What the caller saw.
        expected: Expected,
    },
    /// Removes an alias.
    Delete {
        /// Model.
        model: ModelId,
        /// Alias.
        alias: AliasName,
        /// What the caller saw.
        expected: Expected,
    },
}

/// What happened to an alias; the subject is the version it names now, or the model when it was removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It names the subject from now on.
    #[serde(rename = "alias.set")]
    Set {
        /// Alias.
        alias: AliasName,
        /// Version it named before.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<VersionNumber>,
        /// What the alias promises and the version does not keep, when mode `warn` let it pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        finding: Option<String>,
    },
    /// It was removed.
    #[serde(rename = "alias.deleted")]
    Deleted {
        /// Alias.
        alias: AliasName,
        /// Version it named.
        from: VersionNumber,
    },
}

/// The states of which an alias promises one; none when it promises nothing. Capital letters do not matter: a reader takes `Champion` for `champion`.
pub fn promised(alias: &AliasName) -> Option<&'static [State]> {
    let folded = alias.as_str().to_lowercase();
    REQUIRED_STATES.iter().find(|(name, _)| *name == folded).map(|(_, states)| *states)
}

/// Whether a version in `state` may carry `alias`.
///
/// # Errors
/// `transition_refused`, with the state that the alias promises.
pub fn check_state(alias: &AliasName, state: State) -> Result<(), Refusal> {
    match (promised(alias), state) {
        (_, State::Deprecated | State::Retired) => Err(Refusal::new(Code::TransitionRefused, &format!("alias `{alias}` is not for a version that is {state}"))
            .field("version")
            .remedy("choose a version that is not deprecated or retired")),
        (Some(states), state) if !states.contains(&state) => {
            let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
            Err(Refusal::new(Code::TransitionRefused, &format!("alias `{alias}` promises state {}; the version is {state}", words.join(" or ")))
                .field("version")
                .remedy("promote the version first, or use another alias"))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

fn check_expected(alias: &AliasName, expected: Expected, row: Option<&AliasRow>) -> Result<(), Refusal> {
    match (expected, row) {
        (Expected::Anything, _) | (Expected::Absent, None) => Ok(()),
        (Expected::Absent, Some(row)) => Err(Refusal::new(Code::PreconditionRequired, &format!("alias `{alias}` names version {} already", row.number))
            .field("If-Match")
            .remedy("read the alias and send its ETag as If-Match to move it")),
        (Expected::Revision(seen), row) => model::check_revision("alias", Some(seen), row.map_or(u64::MAX, |row| row.revision)),
    }
}

/// Decides a command on an alias.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, _context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Set { model, alias, number, expected } => {
            let version = version::existing(rows, model, *number)?;
            if version.hidden {
                return Err(Refusal::not_found("version", &number.to_string()).into());
            }
            let current = rows.get::<AliasRow>(&[model, alias])?;
            check_expected(alias, *expected, current.as_ref())?;
            let finding = match check_state(alias, version.state) {
                Ok(()) => None,
                Err(refusal) if model::mode(rows, model)? == PolicyMode::Warn => Some(refusal.message),
                Err(refusal) => return Err(refusal.into()),
            };
            let event = Event::Set { alias: alias.clone(), from: current.map(|row| row.number), finding };
            Ok(vec![Draft::new(Subject::Version(model.clone(), *number), event)])
        }
        Command::Delete { model, alias, expected } => {
            model::existing(rows, model)?;
            let current = rows.get::<AliasRow>(&[model, alias])?.ok_or_else(|| Refusal::not_found("alias", alias.as_str()))?;
            if *expected != Expected::Absent {
                check_expected(alias, *expected, Some(&current))?;
            }
            Ok(vec![Draft::new(Subject::Model(model.clone()), Event::Deleted { alias: alias.clone(), from: current.number })])
        }
    }
}

/// The entries that remove aliases of a model together with what they name: all of them, or those that name `number`.
///
/// # Errors
/// [`Missing`], for all rows that must be loaded at once.
pub(crate) fn removals(rows: &mut Rows, model: &ModelId, aliases: &[AliasName], number: Option<VersionNumber>) -> Result<Vec<Draft>, Missing> {
    let found: Vec<Result<Option<AliasRow>, Missing>> = aliases.iter().map(|alias| rows.get::<AliasRow>(&[model, alias])).collect();
    let found = found.into_iter().collect::<Result<Vec<_>, Missing>>()?;
    let removed = found.into_iter().flatten().filter(|row| number.is_none_or(|number| row.number == number));
    Ok(removed.map(|row| Draft::new(Subject::Model(model.clone()), Event::Deleted { alias: row.alias, from: row.number })).collect())
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    match (event, &entry.subject) {
        (Event::Set { alias, .. }, Subject::Version(model, number)) => {
            rows.put(&AliasRow { model_id: model.clone(), alias: alias.clone(), number: *number, revision: entry.index });
            record(rows, entry, &Subject::Model(model.clone()), &format!("alias:{alias}"), Some(&number.to_string()))?;
            registry::move_releases(rows, entry, model);
            if let Some(version) = rows.get::<VersionRow>(&[model, number])? {
                version::touch(rows, entry, VersionRow { shared: true, ..version });
            }
            Ok(())
        }
        (Event::Deleted { alias, .. }, Subject::Model(model)) => {
            rows.remove::<AliasRow>(&[model, alias]);
            record(rows, entry, &entry.subject, &format!("alias:{alias}"), None)?;
            registry::move_releases(rows, entry, model);
            version::touch_subject(rows, entry)
        }
        (Event::Set { .. } | Event::Deleted { .. }, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
