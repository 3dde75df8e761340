//! Moves by reason: demotion, deprecation, reinstatement, retirement.

use chancery_core::access::Action;
use chancery_core::entry::PrivateText;
use chancery_core::lifecycle::{Move, transition};
use chancery_core::names::{Label, ModelName, State, Timestamp, VersionNumber};
use chancery_core::policy::Gate;
use chancery_core::version;
use futures_util::FutureExt;

use crate::app::access::Caller;
use crate::app::execute::{Options, Receipt};
use crate::app::{App, AppError, attestation, view};
use crate::ids;

/// A transition by reason.
#[derive(Clone, Debug)]
pub struct TransitionAsk {
    /// New state.
    pub to: State,
    /// Why.
    pub reason: String,
    /// Version that replaces it.
    pub successor: Option<VersionNumber>,
    /// When running use must end.
    pub sunset: Option<Timestamp>,
    /// Revision that the caller saw.
    pub expected: Option<u64>,
}

impl App {
    /// Demotes, deprecates, reinstates or retires a version.
    ///
    /// # Errors
    /// `transition_refused` (recorded); `gate_failed` for a reinstatement to candidate.
    pub async fn transition(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
        ask: &TransitionAsk,
        options: &Options,
    ) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let action = match version::move_kind(ask.to) {
            version::DirectMove::Demotion => Action::Demote,
            version::DirectMove::End => Action::Retire,
        };
        let (receipt, ()) = self
            .prepared(caller, action, options, |caller| {
                async move {
                    let caller = &caller;
                    let snapshot = self.seen_by(caller).await?;
                    let (model, version) = view::version_named(&snapshot, model, number).await?;
                    let gated = transition(version.state, ask.to) == Move::Reinstate && ask.to == State::Candidate;
                    let environment = Label::parse("production")?;
                    let subjects = self.subjects(&snapshot, caller, model, version, ask.to, &environment, None).await?;
                    let attestations = attestation::in_force(&snapshot, &subjects.version).await?;
                    drop(snapshot);
                    let evaluated = if gated { Some(self.evaluate(vec![Gate::Candidate], &subjects).await?) } else { None };
                    let command = version::Command::Transition {
                        model: subjects.model.model_id.clone(),
                        number,
                        to: ask.to,
                        reason: PrivateText::new("reason", &ask.reason, ids::random()?)?,
                        successor: ask.successor,
                        sunset: ask.sunset,
                        gate: evaluated.as_ref().map(|evaluated| evaluated.record.clone()),
                        expected: ask.expected,
                        attestations,
                    };
                    Ok((self.ready(caller, command.into(), &subjects, evaluated)?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }
}
