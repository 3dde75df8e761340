//! What can be asked of the registry, and the one place where a command becomes entries and an entry becomes rows.

use crate::entry::{Draft, Entry, Subject};
use crate::names::{ActorId, Timestamp};
use crate::refusal::Refusal;
use crate::rows::{Key, Missing, Row, Rows, ToValue};
use crate::tables::{OPEN, TimelineRow};
use crate::{
    access_log, access_policy, actor, alias, attestation, bundle, calendar, delegation, erasure, evidence, exception, finding, grant, group, model, promotion,
    registry, risk, speakers, tag, team, template, version,
};

/// A change that somebody asks for, nested by capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The access log.
    AccessLog(access_log::Command),
    /// Access policies of the organisation.
    AccessPolicy(access_policy::Command),
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
    /// Teams and their members.
    Team(team::Command),
    /// Verification summaries and their revocation.
    Attestation(attestation::Command),
    /// Policy bundles of the organisation.
    Bundle(bundle::Command),
    /// The calendar of reviews.
    Calendar(calendar::Command),
    /// Approvers who let somebody stand in.
    Delegation(delegation::Command),
    /// Erasure of persons.
    Erasure(erasure::Command),
    /// Waivers.
    Exception(exception::Command),
    /// Standing findings of the scheduled checks.
    Finding(finding::Command),
    /// Roles that wait for a second administrator.
    Grant(grant::Command),
    /// What groups of the identity provider give.
    Group(group::Command),
    /// The risk register.
    Risk(risk::Command),
    /// Templates of written documents.
    Template(template::Command),
    /// Versions and their lifecycle.
    Version(version::Command),
}

/// What happened, nested by capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The access log.
    AccessLog(access_log::Event),
    /// Access policies of the organisation.
    AccessPolicy(access_policy::Event),
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
    /// Teams and their members.
    Team(team::Event),
    /// Verification summaries and their revocation.
    Attestation(attestation::Event),
    /// Policy bundles of the organisation.
    Bundle(bundle::Event),
    /// The calendar of reviews.
    Calendar(calendar::Event),
    /// Approvers who let somebody stand in.
    Delegation(delegation::Event),
    /// Erasure of persons.
    Erasure(erasure::Event),
    /// Standing findings of the scheduled checks.
    Finding(finding::Event),
    /// Roles that wait for a second administrator.
    Grant(grant::Event),
    /// What groups of the identity provider give.
    Group(group::Event),
    /// The risk register.
    Risk(risk::Event),
    /// Templates of written documents.
    Template(template::Event),
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
    AccessLog(access_log),
    AccessPolicy(access_policy),
    Actor(actor),
    Alias(alias),
    Evidence(evidence),
    Exception(exception),
    Model(model),
    Promotion(promotion),
    Registry(registry),
    Tag(tag),
    Team(team),
    Version(version),
    Attestation(attestation),
    Bundle(bundle),
    Calendar(calendar),
    Delegation(delegation),
    Erasure(erasure),
    Finding(finding),
    Grant(grant),
    Group(group),
    Risk(risk),
    Template(template),
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
command_from_capability!(
    AccessLog(access_log),
    AccessPolicy(access_policy),
    Actor(actor),
    Alias(alias),
    Evidence(evidence),
    Model(model),
    Promotion(promotion),
    Registry(registry),
    Tag(tag),
    Team(team),
    Version(version),
    Attestation(attestation),
    Bundle(bundle),
    Calendar(calendar),
    Delegation(delegation),
    Erasure(erasure),
    Exception(exception),
    Finding(finding),
    Grant(grant),
    Group(group),
    Risk(risk),
    Template(template)
);

/// Who asks, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// The moment of sequencing, not before the newest entry.
    pub now: Timestamp,
    /// Who asks.
    pub actor: ActorId,
    /// Others who made the credential that he uses.
    pub through: Vec<ActorId>,
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

/// Asks for the rows that a command is certain to need, so that one load serves `decide` and `apply`. Only a hint: whatever it leaves
/// out is asked for later.
pub fn want(rows: &mut Rows, command: &Command) {
    match command {
        Command::Tag(command) => tag::want(rows, command),
        Command::AccessLog(_)
        | Command::AccessPolicy(_)
        | Command::Actor(_)
        | Command::Alias(_)
        | Command::Evidence(_)
        | Command::Model(_)
        | Command::Promotion(_)
        | Command::Registry(_)
        | Command::Version(_)
        | Command::Attestation(_)
        | Command::Bundle(_)
        | Command::Calendar(_)
        | Command::Delegation(_)
        | Command::Erasure(_)
        | Command::Exception(_)
        | Command::Finding(_)
        | Command::Grant(_)
        | Command::Group(_)
        | Command::Risk(_)
        | Command::Team(_)
        | Command::Template(_) => {}
    }
}

/// Decides a command: the entries it makes, or the refusal.
///
/// # Errors
/// [`Stop::Missing`] when rows must be loaded, [`Stop::Refused`] when the rules say no.
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::AccessLog(command) => access_log::decide(rows, context, command),
        Command::AccessPolicy(command) => access_policy::decide(rows, context, command),
        Command::Actor(command) => actor::decide(rows, context, command),
        Command::Alias(command) => alias::decide(rows, context, command),
        Command::Evidence(command) => evidence::decide(rows, context, command),
        Command::Model(command) => model::decide(rows, context, command),
        Command::Promotion(command) => promotion::decide(rows, context, command),
        Command::Registry(command) => registry::decide(rows, context, command),
        Command::Tag(command) => tag::decide(rows, context, command),
        Command::Team(command) => team::decide(rows, context, command),
        Command::Version(command) => version::decide(rows, context, command),
        Command::Attestation(command) => attestation::decide(rows, context, command),
        Command::Bundle(command) => bundle::decide(rows, context, command),
        Command::Calendar(command) => calendar::decide(rows, context, command),
        Command::Delegation(command) => delegation::decide(rows, context, command),
        Command::Erasure(command) => erasure::decide(rows, context, command),
        Command::Exception(command) => exception::decide(rows, context, command),
        Command::Finding(command) => finding::decide(rows, context, command),
        Command::Grant(command) => grant::decide(rows, context, command),
        Command::Group(command) => group::decide(rows, context, command),
        Command::Risk(command) => risk::decide(rows, context, command),
        Command::Template(command) => template::decide(rows, context, command),
    }
}

/// Applies an entry to the derived rows. The one projection code: sequencing, rebuild and verify all run it.
///
/// # Errors
/// [`Missing`] when rows must be loaded.
pub fn apply(rows: &mut Rows, entry: &Entry) -> Result<(), Missing> {
    speakers::apply(rows, entry);
    match &entry.event {
        Event::AccessLog(event) => access_log::apply(rows, entry, event),
        Event::AccessPolicy(event) => access_policy::apply(rows, entry, event),
        Event::Actor(event) => actor::apply(rows, entry, event),
        Event::Alias(event) => alias::apply(rows, entry, event),
        Event::Evidence(event) => evidence::apply(rows, entry, event),
        Event::Exception(event) => exception::apply(rows, entry, event),
        Event::Model(event) => model::apply(rows, entry, event),
        Event::Promotion(event) => promotion::apply(rows, entry, event),
        Event::Registry(event) => registry::apply(rows, entry, event),
        Event::Tag(event) => tag::apply(rows, entry, event),
        Event::Team(event) => team::apply(rows, entry, event),
        Event::Version(event) => version::apply(rows, entry, event),
        Event::Attestation(event) => attestation::apply(rows, entry, event),
        Event::Bundle(event) => bundle::apply(rows, entry, event),
        Event::Calendar(event) => calendar::apply(rows, entry, event),
        Event::Delegation(event) => delegation::apply(rows, entry, event),
        Event::Erasure(event) => erasure::apply(rows, entry, event),
        Event::Finding(event) => finding::apply(rows, entry, event),
        Event::Grant(event) => grant::apply(rows, entry, event),
        Event::Group(event) => group::apply(rows, entry, event),
        Event::Risk(event) => risk::apply(rows, entry, event),
        Event::Template(event) => template::apply(rows, entry, event),
    }
}

/// Asks for the timeline row in force, which [`record`] will read.
pub(crate) fn want_record(rows: &mut Rows, subject: &Subject, attribute: &str) {
    rows.want(&Key { table: TimelineRow::TABLE, values: vec![subject.to_string().value(), attribute.value(), OPEN.value()] });
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
