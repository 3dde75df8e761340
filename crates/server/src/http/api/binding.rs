//! Who of the identity provider is which person here.

use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::actor::binding::{Command, Identity};
use chancery_core::actor::{self};
use chancery_core::entry::PrivateText;
use chancery_core::names::Label;
use chancery_core::refusal::Refusal;
use chancery_core::tables::LoginIdentityRow;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::named;
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, Requested, receipt};
use crate::http::{Allowed, Json, Path, Problem, caller};
use crate::{ids, values};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(bind, unbind))
}

/// Somebody, as the provider knows him.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Subject {
    /// The provider; it must be the configured one, which it is unless given.
    #[serde(default)]
    issuer: Option<String>,
    /// Who, for the provider: `sub` of his ID tokens.
    subject: String,
}

/// Let a person log in as somebody of the identity provider
#[utoipa::path(post, path = "/api/v1/users/{name}/oidc", operation_id = "user_bind", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the person")), request_body = Subject,
    responses((status = 201, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn bind(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>, body: Json<Subject>) -> Result<Response, AppError> {
    let configured = allowed.app.logins().issuer.clone();
    let Some(issuer) = configured.filter(|known| body.value.issuer.as_ref().is_none_or(|given| given == known)) else {
        let refusal = Refusal::invalid("issuer", "this is not the identity provider of this registry");
        return Err(refusal.remedy("the operator configures it as `login.issuer`").into());
    };
    let id = named(&allowed.read().await?, &name).await?;
    let subject = PrivateText::new("subject", &body.value.subject, ids::random()?)?;
    let command = Command::Bind { actor: id, identity: Identity { issuer, subject } };
    let made = allowed.execute(actor::Command::Binding(command), &body.requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, None))
}

/// End every login of a person by the identity provider
#[utoipa::path(delete, path = "/api/v1/users/{name}/oidc", operation_id = "user_unbind", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the person")),
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn unbind(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>, requested: Requested) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let id = named(&snapshot, &name).await?;
    let rows = snapshot.rows::<LoginIdentityRow>("WHERE actor_id = $1 ORDER BY identity LIMIT 100", &values![id]).await?;
    drop(snapshot);
    let command = Command::Unbind { actor: id, identities: rows.into_iter().map(|row| row.identity).collect() };
    let made = allowed.execute(actor::Command::Binding(command), &requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
