//! What can be asked of the registry, and the one place where a command becomes entries and an entry becomes rows.

use crate::entry::{Draft, Entry, Subject};
use crate::names::{ActorId, Timestamp};
use crate::refusal::Refusal;
use crate::rows::{Missing, Rows};
use crate::tables::{OPEN, TimelineRow};
use crate::{actor, alias, evidence, exception, model, promotion, registry, tag, version};

/// A change that somebody asks for, nested by capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Users, pipelines, services, tokens.
    Actor(actor::Command),
    /// Aliases.
    Alias(alias::Command),
    /// Evidence.
    Evidence(evidence::Command),
    /// Models.
    Model(model::Command),
    /// Promotions, approvals, decisions, rollback.
    Promotion(promotion::Command),
    /// Settings, recorded checks.
    Registry(registry::Command),
    /// Tags.
    Tag(tag::Command),
    /// Versions and their lifecycle.
    Version(version::Command),
}

/// What happened, nested by capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Users, pipelines, services, tokens.
    Actor(actor::Event),
    /// Aliases.
    Alias(alias::Event),
    /// Evidence.
    Evidence(evidence::Event),
    /// Waivers.
    Exception(exception::Event),
    /// Models.
    Model(model::Event),
    /// Promotions, approvals, decisions.
    Promotion(promotion::Event),
    /// Settings, recorded checks, refusals.
    Registry(registry::Event),
    /// Tags.
    Tag(tag::Event),
    /// Versions.
    Version(version::Event),
}

macro_rules! from_capability {
    ($($variant:ident($module:ident)),+ $(,)?) => {
        $(impl From<$module::Event> for Event {
            fn from(event: $module::Event) -> Self {
                Self::$variant(event)
            }
        })+
    };
}
from_capability!(
    Actor(actor),
    Alias(alias),
    Evidence(evidence),
    Exception(exception),
    Model(model),
    Promotion(promotion),
    Registry(registry),
    Tag(tag),
    Version(version),
);

macro_rules! command_from_capability {
    ($($variant:ident($module:ident)),+ $(,)?) => {
        $(impl From<$module::Command> for Command {
            fn from(command: $module::Command) -> Self {
                Self::$variant(command)
            }
        })+
    };
}
command_from_capability!(Actor(actor), Alias(alias), Evidence(evidence), Model(model), Promotion(promotion), Registry(registry), Tag(tag), Version(version),);

/// Who asks, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// The moment of sequencing, not before the newest entry.
    pub now: Timestamp,
    /// Who asks.
    pub actor: ActorId,
}

/// Why `decide` or `apply` stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Rows must be loaded first.
    Missing(Missing),
    /// The rules say no.
    Refused(Refusal),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Decides a command: the entries it makes, or the refusal.
///
/// # Errors
/// [`Stop::Missing`] when rows must be loaded, [`Stop::Refused`] when the rules say no.
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Actor(command) => actor::decide(rows, context, command),
        Command::Alias(command) => alias::decide(rows, context, command),
        Command::Evidence(command) => evidence::decide(rows, context, command),
        Command::Model(command) => model::decide(rows, context, command),
        Command::Promotion(command) => promotion::decide(rows, context, command),
        Command::Registry(command) => registry::decide(rows, context, command),
        Command::Tag(command) => tag::decide(rows, context, command),
        Command::Version(command) => version::decide(rows, context, command),
    }
}

/// Applies an entry to the derived rows. The one projection code: sequencing, rebuild and verify all run it.
///
/// # Errors
/// [`Missing`] when rows must be loaded.
pub fn apply(rows: &mut Rows, entry: &Entry) -> Result<(), Missing> {
    match &entry.event {
        Event::Actor(event) => actor::apply(rows, entry, event),
        Event::Alias(event) => alias::apply(rows, entry, event),
        Event::Evidence(event) => evidence::apply(rows, entry, event),
        Event::Exception(event) => exception::apply(rows, entry, event),
        Event::Model(event) => model::apply(rows, entry, event),
        Event::Promotion(event) => promotion::apply(rows, entry, event),
        Event::Registry(event) => registry::apply(rows, entry, event),
        Event::Tag(event) => tag::apply(rows, entry, event),
        Event::Version(event) => version::apply(rows, entry, event),
    }
}

/// Records the first value of an attribute of a subject that this entry makes; nothing when it is empty.
///
/// Nothing can have been in force before, so nothing has to be loaded.
pub(crate) fn begin(rows: &mut Rows, entry: &Entry, attribute: &str, value: &str) {
    if !value.is_empty() {
        let (subject, attribute, value) = (entry.subject.to_string(), attribute.to_owned(), value.to_owned());
        rows.put(&TimelineRow { subject, attribute, to_index: OPEN, from_index: entry.index, value });
    }
}

/// Records in the timeline that `attribute` of `subject` has `value` from this entry on (`None`: it was removed).
///
/// The row in force always has the key (subject, attribute, [`OPEN`]), so closing it needs no search.
///
/// # Errors
/// [`Missing`] when the row in force must be loaded.
pub(crate) fn record(rows: &mut Rows, entry: &Entry, subject: &Subject, attribute: &str, value: Option<&str>) -> Result<(), Missing> {
    let subject = subject.to_string();
    if let Some(open) = rows.get::<TimelineRow>(&[&subject, &attribute, &OPEN])? {
        rows.put(&TimelineRow { to_index: entry.index, ..open });
        if value.is_none() {
            rows.remove::<TimelineRow>(&[&subject, &attribute, &OPEN]);
        }
    }
    if let Some(value) = value {
        rows.put(&TimelineRow { subject, attribute: attribute.to_owned(), to_index: OPEN, from_index: entry.index, value: value.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
