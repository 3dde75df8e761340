//! The page again after its form was refused: as whoever sent the form may see it, with the path that it has when it is read.

use axum::http::request::Parts;

use super::session::{PageError, Shown};
use crate::http::{PageQuery, Permit};

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

    /// Which page of a list was asked for.
    pub(super) fn list_page(&self, limit: u32) -> PageQuery {
        PageQuery { limit: Some(limit), after: self.visit.get("after").map(ToOwned::to_owned) }
    }
}
