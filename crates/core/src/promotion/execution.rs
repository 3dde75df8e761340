//! Execution: the version moves to the target step by step, and what it replaces is deprecated.

use std::collections::BTreeSet;

use super::{Event, GateRecord, SignedDecision, check_forward, decision_draft, left_behind, open};
use crate::command::Stop;
use crate::entry::{Draft, Subject};
use crate::lifecycle::steps;
use crate::names::{Digest, ModelId, PromotionId, State, VersionNumber};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::{attestation, version};

pub(crate) fn execute(
    rows: &mut Rows,
    promotion: &PromotionId,
    gate: &GateRecord,
    decision: &SignedDecision,
    replaced: &[VersionNumber],
    attestation: Option<&attestation::Signed>,
) -> Result<Vec<Draft>, Stop> {
    let row = open(rows, promotion)?;
    let version = version::existing(rows, &row.model_id, row.number)?;
    check_forward(version.state, row.target)?;
    gate.check()?;
    let mut drafts = Vec::new();
    let mut from = version.state;
    for to in steps(version.state, row.target) {
        let event = version::Event::Transitioned {
            from,
            to,
            reason: None,
            promotion: Some(promotion.clone()),
            verdict: Some(gate.payload.digest),
            ungated: gate.ungated(),
            successor: None,
            sunset: None,
        };
        drafts.push(Draft::new(Subject::Version(row.model_id.clone(), row.number), event));
        from = to;
    }
    drafts.extend(replacements(rows, &row.model_id, replaced, row.number, row.target, None)?);
    drafts.extend(left_behind(rows, &row.model_id, row.number, row.target, Some(promotion), None)?);
    drafts.push(decision_draft(&row, decision));
    drafts.extend(attestation.map(|signed| signed.draft(Subject::Version(row.model_id.clone(), row.number))));
    drafts.push(Draft::new(Subject::Promotion(promotion.clone()), Event::Executed { verdict: gate.payload.digest }).payload(gate.payload.clone()));
    Ok(drafts)
}

/// The states of versions that one which becomes `target` replaces: what is in production, or what is on its way there.
pub fn replaceable(target: State) -> &'static [State] {
    match target {
        State::Candidate => &[State::Candidate, State::Approved],
        State::Production => &[State::Production],
        State::Draft | State::Approved | State::Deprecated | State::Retired => &[],
    }
}

/// The entries that deprecate the versions which one that becomes `target` replaces, each once, and end their promotions.
pub(super) fn replacements(
    rows: &mut Rows,
    model: &ModelId,
    replaced: &[VersionNumber],
    successor: VersionNumber,
    target: State,
    reason: Option<Digest>,
) -> Result<Vec<Draft>, Stop> {
    let numbers: BTreeSet<VersionNumber> = replaced.iter().copied().collect();
    let mut drafts = Vec::new();
    for number in numbers {
        drafts.push(replacement(rows, model, number, successor, target, reason)?);
        drafts.extend(left_behind(rows, model, number, State::Deprecated, None, reason)?);
    }
    Ok(drafts)
}

fn replacement(
    rows: &mut Rows,
    model: &ModelId,
    number: VersionNumber,
    successor: VersionNumber,
    target: State,
    reason: Option<Digest>,
) -> Result<Draft, Stop> {
    let other = version::existing(rows, model, number)?;
    if !replaceable(target).contains(&other.state) {
        return Err(Refusal::new(Code::PreconditionFailed, &format!("version {number}, which would be replaced, is {} and not in {target}", other.state))
            .field("replaced")
            .remedy("read the versions in that state again and repeat the command")
            .into());
    }
    let event = version::Event::Transitioned {
        from: other.state,
        to: State::Deprecated,
        reason,
        promotion: None,
        verdict: None,
        ungated: false,
        successor: Some(successor),
        sunset: None,
    };
    Ok(Draft::new(Subject::Version(model.clone(), number), event))
}
