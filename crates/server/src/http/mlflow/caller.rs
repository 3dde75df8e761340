//! The caller of an MLflow request: [`Allowed`] whose rejection is an [`MlflowError`], at the door `mlflow`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chancery_core::Command;
use chancery_core::entry::Door;

use super::error::MlflowError;
use crate::app::{App, Options, Receipt};
use crate::http::{Allowed, Permit};
use crate::store::Snapshot;

/// A caller who was allowed the action of `P`, with the application.
#[derive(Clone, Debug)]
pub struct MlflowAllowed<P: Permit>(pub Allowed<P>);

impl<P: Permit> MlflowAllowed<P> {
    /// A consistent read.
    ///
    /// # Errors
    /// INTERNAL_ERROR.
    pub async fn read(&self) -> Result<Snapshot, MlflowError> {
        Ok(self.0.read().await?)
    }

    /// Executes a command as this caller. MLflow's API has no idempotency keys.
    ///
    /// # Errors
    /// What the rules refuse, or INTERNAL_ERROR.
    pub async fn execute(&self, command: impl Into<Command>) -> Result<Receipt, MlflowError> {
        let authorized = self.0.app.allow_command(&self.0.caller, command).await?;
        Ok(self.0.app.execute(authorized, &self.options()).await?)
    }

    /// What goes with a command.
    pub fn options(&self) -> Options {
        Options::of(&self.0.caller)
    }
}

impl<P: Permit> FromRequestParts<App> for MlflowAllowed<P> {
    type Rejection = MlflowError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, MlflowError> {
        Ok(Self(Allowed::at(Door::Mlflow, parts, app).await?))
    }
}
