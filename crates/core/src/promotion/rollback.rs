//! Rollback: back to a version that was in production, with waivers for what the ordinary way would have asked for.

use super::execution::replacements;
use super::{Command, Event};
use crate::command::Stop;
use crate::entry::{Draft, Subject};
use crate::lifecycle::{Move, transition};
use crate::names::{Label, State, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::{alias, exception, version};

/// Whether a version in `state` can be rolled back to; that it was in production is a rule of the gate.
///
/// # Errors
/// `transition_refused`.
pub fn check_deprecated(number: VersionNumber, state: State) -> Result<(), Refusal> {
    if transition(state, State::Production) == Move::Rollback {
        return Ok(());
    }
    let remedy = if state == State::Retired { "register its artifact as a new version" } else { "promote it through its gates" };
    let message = format!("version {number} is {state}: only a deprecated version can be rolled back to");
    Err(Refusal::new(Code::TransitionRefused, &message).field("to").remedy(remedy))
}

pub(super) fn rollback(rows: &mut Rows, command: &Command) -> Result<Vec<Draft>, Stop> {
    let Command::Rollback { model, to, replaced, reason, gate, exceptions, exceptions_end, aliases, decision } = command else { return Ok(Vec::new()) };
    let version = version::existing(rows, model, *to)?;
    check_deprecated(*to, version.state)?;
    if version.production_index.is_none() {
        let message = format!("version {to} was never in production: only a deprecated version that was can be rolled back to");
        return Err(Refusal::new(Code::TransitionRefused, &message).field("to").remedy("promote it through its gates").into());
    }
    gate.check()?;
    let subject = Subject::Version(model.clone(), *to);
    let event = version::Event::Transitioned {
        from: version.state,
        to: State::Production,
        reason: Some(reason.digest),
        promotion: None,
        verdict: Some(gate.payload.digest),
        ungated: gate.ungated(),
        successor: None,
        sunset: None,
    };
    let mut drafts = vec![Draft::new(subject.clone(), event).payload(gate.payload.clone()).private(Some(reason))];
    drafts.extend(replacements(rows, model, replaced, *to, State::Production, Some(reason.digest))?);
    let waived =
        exception::Imposed { origin: exception::Origin::Rollback, model, number: *to, reason: reason.digest, expires_at: *exceptions_end, promotion: None };
    drafts.extend(exception::imposed(&waived, exceptions)?);
    for name in aliases {
        let from = rows.get::<crate::tables::AliasRow>(&[model, name])?.map(|row| row.number);
        drafts.push(Draft::new(subject.clone(), alias::Event::Set { alias: name.clone(), from, finding: None }));
    }
    let event = Event::DecisionRecorded {
        id: decision.id.clone(),
        decision: decision.decision,
        envelope: decision.envelope.digest,
        promotion: None,
        target: State::Production,
        environment: Label::parse("production")?,
        expires_at: decision.expires_at,
    };
    drafts.push(Draft::new(subject, event).payload(decision.envelope.clone()));
    Ok(drafts)
}
