//! The caller of an MLflow request: as [`Allowed`], with MLflow's door and MLflow's errors.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chancery_core::entry::Door;

use super::error::MlflowError;
use crate::app::App;
use crate::http::{Allowed, Permit};

/// A caller who was allowed the action of `P`, with the application.
#[derive(Clone, Debug)]
pub struct MlflowAllowed<P: Permit>(pub Allowed<P>);

impl<P: Permit> FromRequestParts<App> for MlflowAllowed<P> {
    type Rejection = MlflowError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, MlflowError> {
        Ok(Self(Allowed::at(Door::Mlflow, parts, app).await?))
    }
}
