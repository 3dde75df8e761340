//! The end of a person's time here: what is in his hands, and the erasure of his name.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chancery_core::names::Label;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ActorRow, ModelRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user::{handle, named_or_id};
use crate::app::erasure::Remaining;
use crate::app::offboarding::Section;
use crate::app::{App, AppError};
use crate::http::extract::ReceiptView;
use crate::http::{Allowed, Json, Path, Problem, caller};
use crate::store::Snapshot;
use crate::values;

/// What is said about the signed records that stay.
const UNTIL: &str = "as long as their version is kept: a signed record cannot be changed";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(offboarding)).routes(routes!(erase))
}

/// A thing that a person has in hand.
#[derive(Serialize, ToSchema)]
struct HeldView {
    /// What it is, as commands name it.
    reference: String,
    /// More words.
    about: String,
    /// Until when (RFC 3339), where it ends by itself.
    until: Option<String>,
}

/// Things of a kind.
#[derive(Serialize, ToSchema)]
struct SectionView {
    /// `models`, `teams`, `promotions`, `approvals`, `delegations_given`, `delegations_taken`, `tokens`, `sessions`, `exceptions_granted`,
    /// `reviews`, `risks`, `conditions`, `keys` or `grant_proposals`.
    name: &'static str,
    /// What becomes of them when the access ends.
    end: &'static str,
    /// The things, at most 500.
    items: Vec<HeldView>,
    /// Whether there are more.
    more: bool,
}

/// What a person has in hand.
#[derive(Serialize, ToSchema)]
struct OffboardingView {
    /// Id of the person.
    id: String,
    /// His name for commands; null when it was erased.
    name: Option<String>,
    /// Whether he has access.
    active: bool,
    /// Every kind, also those of which there is nothing.
    sections: Vec<SectionView>,
}

/// Say what a person who leaves has in hand
#[utoipa::path(get, path = "/api/v1/users/{name}/offboarding", operation_id = "user_offboarding", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the user, or id when the name was erased")),
    responses((status = 200, description = "Kind by kind", body = OffboardingView), (status = "4XX", description = "Refused", body = Problem)))]
async fn offboarding(allowed: Allowed<caller::ManageActors>, Path(name): Path<Label>) -> Result<axum::Json<OffboardingView>, AppError> {
    let snapshot = allowed.read().await?;
    let id = named_or_id(&snapshot, &name).await?;
    let row = snapshot.get::<ActorRow>(values![id]).await?.ok_or_else(|| Refusal::not_found("user", name.as_str()))?;
    let sections = allowed.app.offboarding(&snapshot, &row).await?;
    let name = handle(&snapshot, &id).await?;
    Ok(axum::Json(OffboardingView { id: id.to_string(), name, active: row.active, sections: sections.into_iter().map(section).collect() }))
}

fn section(section: Section) -> SectionView {
    let Section { name, end, items, more } = section;
    let items = items.into_iter().map(|held| HeldView { reference: held.reference, about: held.about, until: held.until.map(|at| at.to_string()) });
    SectionView { name, end, items: items.collect(), more }
}

/// Nothing is asked yet; the body makes sure that it was no mistake.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Erase {}

/// A signed record that still names the person.
#[derive(Serialize, ToSchema)]
struct RemainingView {
    /// `decision` or `approval`.
    kind: &'static str,
    /// Digest of its envelope.
    digest: String,
    /// Entry that recorded it.
    index: u64,
    /// The model, by name.
    model: Option<String>,
    /// The version.
    version: Option<u64>,
}

/// What was erased and what stays.
#[derive(Serialize, ToSchema)]
struct ErasedView {
    /// The entries that say so.
    receipt: ReceiptView,
    /// Private texts that were taken away.
    texts: usize,
    /// Lines of the access log whose address, program and claimed name were taken away.
    access_log_lines: u64,
    /// Signed records that still name the person.
    remaining: Vec<RemainingView>,
    /// Until when they do.
    remaining_until: &'static str,
}

/// Erase the name of a person whose access ended, and the private texts that the person wrote
///
/// The ledger verifies as before. Signed decisions and approvals name the person as long as their version is kept; the answer lists them.
#[utoipa::path(post, path = "/api/v1/users/{name}/erase", operation_id = "user_erase", tag = "access", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the user")), request_body = Erase,
    responses((status = 200, description = "Erased", body = ErasedView), (status = "4XX", description = "Refused", body = Problem)))]
async fn erase(allowed: Allowed<caller::ErasePerson>, Path(name): Path<Label>, body: Json<Erase>) -> Result<Response, AppError> {
    let Erase {} = body.value;
    let actor = named_or_id(&allowed.read().await?, &name).await?;
    let erased = allowed.app.erase_person(&allowed.caller, &actor, &allowed.options(&body.requested)).await?;
    let snapshot = allowed.read().await?;
    let mut remaining = Vec::with_capacity(erased.remaining.len());
    for record in erased.remaining {
        remaining.push(view(&snapshot, record).await?);
    }
    let receipt = ReceiptView::from(&erased.receipt);
    let body = ErasedView { receipt, texts: erased.texts, access_log_lines: erased.lines, remaining, remaining_until: UNTIL };
    Ok((StatusCode::OK, axum::Json(body)).into_response())
}

async fn view(snapshot: &Snapshot, record: Remaining) -> Result<RemainingView, AppError> {
    let Remaining { kind, digest, index, version } = record;
    let (model, version) = version.unzip();
    let model = match model {
        Some(id) => snapshot.get::<ModelRow>(values![id]).await?.map(|row| row.name.to_string()),
        None => None,
    };
    Ok(RemainingView { kind, digest: digest.to_string(), index, model, version: version.map(|number| number.get()) })
}
