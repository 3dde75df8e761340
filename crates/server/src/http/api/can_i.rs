//! May I, and why.

use chancery_core::access::Action;
use chancery_core::names::{ActorId, Label};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::named;
use crate::app::can_i::{CanI, Question, model_meant};
use crate::app::{App, AppError};
use crate::http::{Allowed, Problem, Query, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(can_i))
}

/// What is asked.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Asked {
    /// The action, such as `edit-model` or `execute`.
    #[param(value_type = String)]
    pub(in crate::http) action: Action,
    /// Name or id of a model; without it the registry, or models in general.
    pub(in crate::http) model: Option<String>,
    /// Environment of a promotion.
    #[param(value_type = Option<String>)]
    pub(in crate::http) environment: Option<Label>,
    /// Name or id of somebody else; only auditors and administrators ask about others.
    #[serde(rename = "as")]
    pub(in crate::http) who: Option<String>,
}

/// Ask whether an action is allowed, and why
#[utoipa::path(get, path = "/api/v1/can-i", operation_id = "can_i", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(Asked),
    responses((status = 200, description = "Yes or no, with the policies that decided or what would allow it", body = CanI), (status = "4XX", description = "Refused", body = Problem)))]
async fn can_i(allowed: Allowed<caller::Read>, Query(asked): Query<Asked>) -> Result<axum::Json<CanI>, AppError> {
    answered(&allowed, asked).await.map(axum::Json)
}

/// The answer.
///
/// # Errors
/// As [`App::can_i`].
pub(in crate::http) async fn answered(allowed: &Allowed<caller::Read>, asked: Asked) -> Result<CanI, AppError> {
    let snapshot = allowed.read().await?;
    let who = match &asked.who {
        None => None,
        // Before the name is looked up: who may not ask about others learns no names.
        Some(text) => {
            let own = *text == allowed.caller.actor.id.as_str();
            if !own {
                allowed.app.allow(&allowed.caller, Action::ReadEntries).await?;
            }
            Some(match ActorId::parse(text) {
                Ok(id) => id,
                Err(_) => named(&snapshot, &Label::parse(text)?).await?,
            })
        }
    };
    let model = match &asked.model {
        Some(text) => Some(model_meant(&snapshot, text).await?),
        None => None,
    };
    drop(snapshot);
    let question = Question { action: asked.action, model, environment: asked.environment, who };
    allowed.app.can_i(&allowed.caller, question).await
}
