//! After a form: back to a page that says what was recorded, or the page again with what was refused, as whoever sent the form may see it and with
//! the path that it has when it is read.

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::layout::Note;
use super::session::{PageError, Shown};
use crate::app::{AppError, Receipt};
use crate::http::{PageQuery, Permit};

/// Back to a page, which says what was recorded ([`Shown::frame`] reads it).
pub(super) fn recorded(path: &str, receipt: &Receipt) -> Response {
    Redirect::to(&format!("{path}?entry={}", receipt.index)).into_response()
}

/// What became of a form.
pub(super) enum Answered<P: Permit> {
    /// It was recorded: the answer.
    Recorded(Response),
    /// It was refused: the page again, its status, and what to say first.
    Refused(Box<Shown<P>>, StatusCode, Note),
}

impl<P: Permit> Shown<P> {
    /// The same person at the page that his form was on.
    ///
    /// # Errors
    /// [`PageError`] for somebody who may send the form and not see the page.
    pub(super) async fn again<R: Permit>(self, parts: &Parts, path: impl Into<String>) -> Result<Shown<R>, PageError> {
        let app = self.allowed.app.clone();
        let mut shown = Shown::<R>::to(self.session, parts, &app).await?;
        shown.visit.path = path.into();
        shown.visit.query.clear();
        Ok(shown)
    }

    /// What became of a form on the page at `path`.
    ///
    /// # Errors
    /// As [`Shown::again`].
    pub(super) async fn answered<R: Permit>(self, parts: &Parts, path: &str, outcome: Result<Receipt, AppError>) -> Result<Answered<R>, PageError> {
        match outcome {
            Ok(receipt) => Ok(Answered::Recorded(recorded(path, &receipt))),
            Err(error) => {
                let (status, note) = Note::of(&error);
                Ok(Answered::Refused(Box::new(self.again(parts, path).await?), status, note))
            }
        }
    }

    /// Which page of a list was asked for.
    pub(super) fn list_page(&self, limit: u32) -> PageQuery {
        PageQuery { limit: Some(limit), after: self.visit.get("after").map(ToOwned::to_owned) }
    }
}
