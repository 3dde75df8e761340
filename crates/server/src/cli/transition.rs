//! What `demote`, `deprecate`, `retire` and `reinstate` share: one request that moves a version by reason.

use serde_json::json;

use super::Outcome;
use super::exit::ExitCode;
use super::reference::Reference;
use super::session::Session;

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
    /// Asks the server to move the version.
    ///
    /// # Errors
    /// [`Failure`](super::failure::Failure).
    pub async fn run(&self, session: &Session) -> Outcome {
        let (name, number) = session.locate(self.reference).await?;
        let mut body = json!({"to": self.to, "reason": self.reason});
        if let (Some(body), Some(successor)) = (body.as_object_mut(), self.successor) {
            body.insert("successor".to_owned(), json!(successor));
        }
        if let (Some(body), Some(sunset)) = (body.as_object_mut(), self.sunset) {
            body.insert("sunset".to_owned(), json!(sunset));
        }
        let answer = session.client.post(session.client.url(&["models", &name, "versions", &number, "transitions"]), &body).await?;
        session.output.receipt(&answer, &format!("{name}/{number} is {}", self.to));
        Ok(ExitCode::Done)
    }
}
