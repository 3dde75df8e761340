//! What `demote`, `deprecate`, `retire` and `reinstate` share: one request that moves a version by reason.

use chancery_core::lifecycle::{self, Move};
use chancery_core::names::State;
use reqwest::Method;
use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use super::reference::Reference;
use super::session::{Session, member};

/// A move without a promotion.
#[derive(Debug)]
pub struct Transition<'a> {
    /// The version.
    pub reference: &'a Reference,
    /// The new state.
    pub to: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Number of the version that replaces it.
    pub successor: Option<u64>,
    /// When running use must end, RFC 3339.
    pub sunset: Option<&'a str>,
}

impl Transition<'_> {
    /// Asks the server to move the version, whatever its state is now.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, session: &Session) -> Outcome {
        let (name, number) = session.locate(self.reference).await?;
        self.send(session, &name, &number, None).await
    }

    /// Asks the server to move the version back, when that is the kind of move that was asked for: the server tells them apart only by the
    /// state that the version has.
    ///
    /// # Errors
    /// [`Failure`]; `transition_refused` with the command for the state that the version has.
    pub async fn run_back(&self, session: &Session, back: Back) -> Outcome {
        let found = session.resolve(self.reference).await?;
        let state = member(&found.view.value, "/state")?;
        // A state that this program does not know is left to the server.
        if let (Ok(from), Ok(to)) = (State::parse(&state), State::parse(self.to)) {
            back.check(&found.label(), from, to)?;
        }
        // What was looked at must still be so: deprecated meanwhile, the same request would be the other move.
        self.send(session, &found.name, &found.number, found.view.etag.as_deref()).await
    }

    async fn send(&self, session: &Session, name: &str, number: &str, seen: Option<&str>) -> Outcome {
        let mut body = json!({"to": self.to, "reason": self.reason});
        if let (Some(body), Some(successor)) = (body.as_object_mut(), self.successor) {
            body.insert("successor".to_owned(), json!(successor));
        }
        if let (Some(body), Some(sunset)) = (body.as_object_mut(), self.sunset) {
            body.insert("sunset".to_owned(), json!(sunset));
        }
        let url = session.client.url(&["models", name, "versions", number, "transitions"]);
        let answer = session.client.change(Method::POST, url, &body, seen).await?;
        session.output.receipt(&answer, &format!("{name}/{number} is {}", self.to));
        Ok(ExitCode::Done)
    }
}

/// The two moves back, which differ only in the state that a version comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// From candidate, approved or production.
    Demote,
    /// From deprecated.
    Reinstate,
}

impl Back {
    /// Refuses what is another kind of move than the command that was called.
    ///
    /// # Errors
    /// `transition_refused`, with the command to use.
    fn check(self, label: &str, from: State, to: State) -> Result<(), Failure> {
        let demote = |to: State| format!("move it down with: chancery demote {label} --to {to} --reason TEXT");
        let promote = |to: State| format!("move it up with: chancery promote {label} --to {to}");
        let (rule, remedy) = match (self, lifecycle::transition(from, to)) {
            (Self::Demote, Move::Demote) | (Self::Reinstate, Move::Reinstate) => return Ok(()),
            (Self::Demote, Move::Reinstate) => {
                ("a deprecated version is reinstated, not demoted", format!("bring it back with: chancery reinstate {label} --to {to} --reason TEXT"))
            }
            (Self::Demote, Move::Promote) => ("demoting leads to a lower state", promote(to)),
            (Self::Demote, Move::Same) => ("demoting leads to a lower state", format!("see it with: chancery version show {label}")),
            (Self::Reinstate, Move::Demote) => ("only a deprecated version is reinstated", demote(to)),
            (Self::Reinstate, Move::Promote) => ("only a deprecated version is reinstated", promote(to)),
            (Self::Reinstate, Move::Same) => ("only a deprecated version is reinstated", format!("see it with: chancery version show {label}")),
            (Self::Demote | Self::Reinstate, Move::Refused(why)) => ("this move is not possible", why.to_owned()),
            (Self::Demote | Self::Reinstate, Move::Rollback | Move::Deprecate | Move::Retire) => {
                let remedy = "use `chancery rollback`, `chancery deprecate` or `chancery retire`";
                ("this is another move", remedy.to_owned())
            }
        };
        Err(Failure::transition_refused(&format!("{label} is {from}: {rule}"), &remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_move_back_is_for_its_own_states() {
        let cases = [
            (Back::Demote, State::Production, State::Approved, None),
            (Back::Demote, State::Candidate, State::Draft, None),
            (Back::Reinstate, State::Deprecated, State::Draft, None),
            (Back::Reinstate, State::Deprecated, State::Candidate, None),
            (Back::Demote, State::Deprecated, State::Draft, Some("chancery reinstate loan/2 --to draft")),
            (Back::Demote, State::Deprecated, State::Approved, Some("reinstate it to candidate")),
            (Back::Demote, State::Draft, State::Candidate, Some("chancery promote loan/2 --to candidate")),
            (Back::Demote, State::Draft, State::Draft, Some("chancery version show loan/2")),
            (Back::Demote, State::Retired, State::Draft, Some("register the artifact as a new version")),
            (Back::Reinstate, State::Production, State::Draft, Some("chancery demote loan/2 --to draft")),
            (Back::Reinstate, State::Draft, State::Candidate, Some("chancery promote loan/2 --to candidate")),
            (Back::Reinstate, State::Candidate, State::Candidate, Some("chancery version show loan/2")),
            (Back::Reinstate, State::Retired, State::Draft, Some("register the artifact as a new version")),
        ];
        for (back, from, to, remedy) in cases {
            let told = back.check("loan/2", from, to).map_err(|failure| (failure.exit_code().number(), failure.lines().join("\n")));
            match (told, remedy) {
                (Ok(()), None) => {}
                (Err((1, lines)), Some(remedy)) => {
                    assert!(lines.starts_with(&format!("refused: loan/2 is {from}")) && lines.contains(remedy), "{back:?} {from} {to}: {lines}");
                }
                (told, _) => panic!("{back:?} {from} {to}: {told:?}"),
            }
        }
    }
}
