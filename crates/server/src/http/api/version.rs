//! Versions: register, attach, list, show, describe, manifest, fixity, decisions, hide.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use chancery_core::entry::PrivateText;
use chancery_core::manifest::ManifestFile;
use chancery_core::names::{ModelKind, ModelName, State, TagKey, VersionNumber};
use chancery_core::tables::{ModelRow, VersionRow};
use chancery_core::version::{Command, Origin};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::as_of::{self, AsOfQuery};
use super::model::Reason;
use crate::app::as_of::Cut;
use crate::app::current::{Answer, Question};
use crate::app::lineage::{Shown, Unreadable};
use crate::app::register::NewVersion;
use crate::app::view::{self, DecisionView, FixityView, VersionView};
use crate::app::{App, AppError};
use crate::http::extract::{ReceiptView, receipt, shown};
use crate::http::file::encode;
use crate::http::{Allowed, IfMatch, Json, Page, PageQuery, Path, Permit, Problem, Queries, Query, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, register))
        .routes(routes!(show, describe))
        .routes(routes!(attach))
        .routes(routes!(manifest))
        .routes(routes!(fixity))
        .routes(routes!(decisions))
        .routes(routes!(hide))
}

/// A new version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// Path, size and SHA-256 of each file; the bytes were uploaded before. May be left out with an origin: the bytes are elsewhere then;
    /// and for a system, which is what `facts.composition` says.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    files: Vec<ManifestFile>,
    /// What is known about it, by the schema `facts.schema.json`. What the registry reads from the bytes replaces it.
    #[schema(value_type = Object)]
    facts: serde_json::Value,
    /// Semantic version; suggested unless given.
    semver: Option<String>,
    /// Description.
    #[serde(default)]
    description: String,
    /// Where the bytes come from.
    origin: Option<Source>,
    /// Tags that it has from the start.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    tags: BTreeMap<TagKey, String>,
}

/// Where the bytes of a version come from: a claim, nothing of it is opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Source {
    /// Where the bytes are.
    source: String,
    /// The run that made them.
    #[serde(default)]
    run_id: String,
    /// Where the run can be looked at.
    #[serde(default)]
    run_link: String,
}

impl From<Source> for Origin {
    fn from(Source { source, run_id, run_link }: Source) -> Self {
        Self { source, run_id, run_link, download_uri: None }
    }
}

/// Register a version
#[utoipa::path(post, path = "/api/v1/models/{name}/versions", operation_id = "version_register", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model")), request_body = Registration,
    responses((status = 201, description = "Registered, and frozen from now on", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn register(allowed: Allowed<caller::Register>, Path(name): Path<ModelName>, body: Json<Registration>) -> Result<Response, AppError> {
    let Registration { files, facts, semver, description, origin, tags } = body.value;
    let snapshot = allowed.read().await?;
    let model = view::model_named(&snapshot, &name).await?;
    let new = NewVersion { files, facts, semver, description, origin: origin.map(Into::into), tags: tags.into_iter().collect() };
    let command = allowed.app.registration(&allowed.caller, snapshot, &model, new).await?;
    let made = allowed.execute(command, &body.requested).await?;
    let location = made.first()?.subject.version().map(|(_, number)| format!("/api/v1/models/{}/versions/{number}", encode(name.as_str())));
    Ok(receipt(StatusCode::CREATED, &made, location.as_deref()))
}

/// The files of a version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Attachment {
    /// Path, size and SHA-256 of each file; the bytes were uploaded before.
    #[schema(value_type = Vec<Object>)]
    files: Vec<ManifestFile>,
}

/// Bring in the bytes of a version whose bytes are elsewhere
#[utoipa::path(post, path = "/api/v1/models/{name}/versions/{version}/attach", operation_id = "version_attach", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")),
    request_body = Attachment,
    responses((status = 200, description = "Held, and frozen from now on; approvals that were given before do not count any more", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn attach(
    allowed: Allowed<caller::Register>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    IfMatch(expected): IfMatch,
    body: Json<Attachment>,
) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let (_, row) = view::version_named(&snapshot, &name, number).await?;
    let command = allowed.app.attachment(&allowed.caller, snapshot, &row, body.value.files, expected).await?;
    let made = allowed.execute(command, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// Which versions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VersionFilter {
    /// Only this state.
    state: Option<String>,
}

/// List versions, newest first
#[utoipa::path(get, path = "/api/v1/models/{name}/versions", operation_id = "version_list", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), VersionFilter, PageQuery, AsOfQuery),
    responses((status = 200, description = "A page", body = Page<VersionView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::Read>,
    Path(name): Path<ModelName>,
    Queries((filter, page, moment)): Queries<(VersionFilter, PageQuery, AsOfQuery)>,
) -> Result<axum::Json<Page<Shown<VersionView>>>, AppError> {
    let limit = page.limit()?;
    let state = filter.state.as_deref().map(State::parse).transpose()?;
    let before = super::number_cursor(&page)?.unwrap_or(i64::MAX as u64);
    let snapshot = allowed.read().await?;
    let mut items = Vec::new();
    if let Some(cut) = as_of::cut(&snapshot, moment).await? {
        let past = crate::app::as_of::model_named(&snapshot, &name, cut).await?;
        for number in past.numbers(state).into_iter().filter(|number| number.get() < before).take(limit as usize + 1) {
            let view = past.version(&snapshot, number).await?;
            let unreadable = Unreadable::behind(&snapshot, past.row(number)?).await?;
            items.push((view.number, unreadable.shown(view)?));
        }
    } else {
        let model = view::model_named(&snapshot, &name).await?;
        let tail = "WHERE model_id = $1 AND hidden = 0 AND number < $2 AND state LIKE $3 ORDER BY number DESC LIMIT $4";
        let parameters = values![model.model_id, before, state.map_or("%", State::as_str), i64::from(limit) + 1];
        for row in snapshot.rows::<VersionRow>(tail, &parameters).await? {
            let mut view = view::version(&snapshot, &model, &row).await?;
            allowed.app.measure(&snapshot, &model, &row, &mut view).await?;
            items.push((view.number, Unreadable::behind(&snapshot, &row).await?.shown(view)?));
        }
    }
    let Page { items, next } = Page::new(items, limit, |(number, _)| number.to_string());
    Ok(axum::Json(Page { items: items.into_iter().map(|(_, view)| view).collect(), next }))
}

/// Read a version
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}", operation_id = "version_show", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), AsOfQuery),
    responses((status = 200, description = "The version", body = VersionView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(
    allowed: Allowed<caller::Read>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Query(moment): Query<AsOfQuery>,
) -> Result<Response, AppError> {
    let question = Question::Version(name.clone(), number);
    if moment.is_now()
        && let Some(answer) = allowed.kept(&question)
    {
        return Ok(shown(answer));
    }
    let snapshot = allowed.read().await?;
    let cut = as_of::cut(&snapshot, moment).await?;
    let seen = seen(&allowed, &snapshot, &name, number, cut).await?;
    let answer = Answer::json(Some(seen.revision), &seen.view)?;
    if cut.is_some() || seen.model.kind == ModelKind::System || !seen.is_whole() {
        // It shows how its parts stand: entries about other models make it old. Or it is for this caller, and not whole.
        return Ok(shown(answer));
    }
    Ok(shown(allowed.app.keep_whole(&allowed.caller, question, &seen.row, &snapshot, answer).await?))
}

/// A version as its caller may see it.
pub(in crate::http) struct Seen {
    /// Its model.
    pub(in crate::http) model: ModelRow,
    /// The version as it stands now.
    pub(in crate::http) row: VersionRow,
    /// The view: of now, or of a moment of the past.
    pub(in crate::http) view: Shown<VersionView>,
    /// Last entry that changed what is shown.
    revision: u64,
}

impl Seen {
    fn is_whole(&self) -> bool {
        match self.view {
            Shown::Whole(_) => true,
            Shown::Part(_) => false,
        }
    }
}

/// A version now, or as of a cut.
pub(in crate::http) async fn seen<P: Permit>(
    allowed: &Allowed<P>,
    snapshot: &Snapshot,
    name: &ModelName,
    number: VersionNumber,
    cut: Option<Cut>,
) -> Result<Seen, AppError> {
    let (model, row) = view::version_named(snapshot, name, number).await?;
    let view = match cut {
        Some(cut) => crate::app::as_of::past(snapshot, &model, cut).await?.version(snapshot, number).await?,
        None => {
            let mut view = view::version(snapshot, &model, &row).await?;
            allowed.app.measure(snapshot, &model, &row, &mut view).await?;
            view
        }
    };
    let unreadable = Unreadable::behind(snapshot, &row).await?;
    Ok(Seen { revision: view.revision, view: unreadable.shown(view)?, model, row })
}

/// A description.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// The text.
    description: String,
}

/// Replace the description of a version
#[utoipa::path(patch, path = "/api/v1/models/{name}/versions/{version}", operation_id = "version_describe", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), ("If-Match" = Option<String>, Header, description = "ETag that was seen")),
    request_body = Describe,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn describe(
    allowed: Allowed<caller::Register>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    IfMatch(expected): IfMatch,
    body: Json<Describe>,
) -> Result<Response, AppError> {
    let model = allowed.model_of_version(&name, number).await?;
    let command = Command::Describe { model, number, description: body.value.description, expected };
    let made = allowed.execute(command, &body.requested).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}

/// The manifest of a version: the bytes whose SHA-256 is the content digest
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/manifest", operation_id = "version_manifest", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number")),
    responses((status = 200, description = "RFC 8785 JSON", body = Object), (status = "4XX", description = "Refused", body = Problem)))]
async fn manifest(allowed: Allowed<caller::Read>, Path((name, number)): Path<(ModelName, VersionNumber)>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let (_, row) = view::version_named(&snapshot, &name, number).await?;
    let bytes = view::payload(&snapshot, &row.content_digest).await?;
    Ok(([(CONTENT_TYPE, "application/json".to_owned()), (ETAG, format!("\"{}\"", row.content_digest))], bytes).into_response())
}

/// Hash every file of a version again
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/fixity", operation_id = "version_fixity", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number")),
    responses((status = 200, description = "What was found", body = FixityView), (status = "4XX", description = "Refused", body = Problem)))]
async fn fixity(allowed: Allowed<caller::Read>, Path((name, number)): Path<(ModelName, VersionNumber)>) -> Result<axum::Json<FixityView>, AppError> {
    let snapshot = allowed.read().await?;
    let (_, row) = view::version_named(&snapshot, &name, number).await?;
    view::check_held(&row)?;
    let manifest = view::manifest(&snapshot, &row).await?;
    drop(snapshot);
    Ok(axum::Json(view::fixity(allowed.app.blobs(), &manifest).await?))
}

/// The signed decisions about a version, oldest first
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/decisions", operation_id = "version_decisions", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number")),
    responses((status = 200, description = "The decisions", body = Vec<DecisionView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn decisions(allowed: Allowed<caller::Read>, Path((name, number)): Path<(ModelName, VersionNumber)>) -> Result<axum::Json<Vec<DecisionView>>, AppError> {
    let snapshot = allowed.read().await?;
    let (_, row) = view::version_named(&snapshot, &name, number).await?;
    Ok(axum::Json(view::decisions(&snapshot, &row).await?))
}

/// Take a draft version out of listings
#[utoipa::path(post, path = "/api/v1/models/{name}/versions/{version}/hide", operation_id = "version_hide", tag = "versions", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number")), request_body = Reason,
    responses((status = 200, description = "Done", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn hide(allowed: Allowed<caller::Retire>, Path((name, number)): Path<(ModelName, VersionNumber)>, body: Json<Reason>) -> Result<Response, AppError> {
    let (model, _) = view::version_named(&allowed.read().await?, &name, number).await?;
    let reason = PrivateText::new("reason", &body.value.reason, crate::ids::random()?)?;
    let made = allowed.app.hide_version(&allowed.caller, &model.model_id, number, &reason, &allowed.options(&body.requested)).await?;
    Ok(receipt(StatusCode::OK, &made, None))
}
