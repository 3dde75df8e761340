//! Evidence: add a document, list documents, read the bytes of one.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use chancery_core::access::Action;
use chancery_core::access_log::AccessKind;
use chancery_core::entry::{MAX_PAYLOAD_BYTES, Payload};
use chancery_core::evidence::read::limit;
use chancery_core::evidence::reading::About;
use chancery_core::evidence::types::describe;
use chancery_core::evidence::{Binding, Body as Document, Command, EvidenceType};
use chancery_core::names::{Digest, Label, ModelName, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{EvidenceRow, ModelRow, VersionRow};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::view::{self, EvidenceView};
use crate::app::{App, AppError};
use crate::blobs::Part;
use crate::fault::Fault;
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Page, PageQuery, Path, Problem, Query, Requested, caller};
use crate::store::Snapshot;
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(of_version)).routes(routes!(types)).routes(routes!(type_schema)).routes(routes!(document))
}

/// What a document is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NewEvidence {
    /// Type of the document.
    #[serde(rename = "type")]
    #[param(value_type = String)]
    evidence_type: EvidenceType,
    /// File name or title.
    #[serde(default)]
    title: String,
    /// What it is about: `content` (unless given), `version` or `file`.
    #[param(value_type = Option<String>)]
    binds_to: Option<Binding>,
    /// The digest that it is about; the version's own unless given. Needed for a file.
    #[param(value_type = Option<String>)]
    binds_digest: Option<Digest>,
    /// Digest of a blob that was uploaded, instead of a body.
    #[param(value_type = Option<String>)]
    digest: Option<Digest>,
    /// Role of approval in which the reviewer speaks, such as `security`; only for a `review`, and only in a role that the caller holds.
    #[param(value_type = Option<String>)]
    role: Option<Label>,
}

/// Attach a document to a version
#[utoipa::path(post, path = "/api/v1/models/{name}/versions/{version}/evidence", operation_id = "evidence_add", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), NewEvidence),
    request_body(content = Vec<u8>, description = "The document, at most 1 MiB; empty with `digest`", content_type = "application/octet-stream"),
    responses((status = 201, description = "Attached", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(
    allowed: Allowed<caller::Read>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Query(ask): Query<NewEvidence>,
    requested: Requested,
    body: Body,
) -> Result<Response, AppError> {
    // Before the document is taken in: who speaks in a role of approval needs that role, everybody else what registering needs.
    let action = if ask.role.is_some() { Action::Review } else { Action::Register };
    allowed.app.allow(&allowed.caller, action).await?;
    let bytes = received(body).await?;
    let requested = Requested { body: Digest::of(format!("{}{}", requested.body, Digest::of(&bytes)).as_bytes()), ..requested };
    let snapshot = allowed.read().await?;
    let (model, version) = view::version_named(&snapshot, &name, number).await?;
    let manifest = view::manifest(&snapshot, &version).await?;
    drop(snapshot);
    let binds_to = ask.binds_to.unwrap_or(Binding::Content);
    let binds_digest = binds_digest(binds_to, ask.binds_digest, &version)?;
    let body = stored(&allowed, ask.digest, bytes).await?;
    let files: Vec<Digest> = manifest.files().iter().map(|file| file.digest).collect();
    let file_of_manifest = files.contains(&binds_digest);
    let about = About { version: version.version_digest, content: version.content_digest, files };
    let files = manifest.files().iter().map(|file| (file.path.clone(), file.digest)).collect();
    let intake = allowed.app.read_document(ask.evidence_type, &body, about, files).await?;
    let command = Command::Add {
        model: model.model_id,
        number,
        evidence_type: ask.evidence_type,
        grade: intake.grade,
        binds_to,
        binds_digest,
        file_of_manifest,
        title: ask.title,
        body,
        read: intake.read,
        role: ask.role,
        signed_by: intake.signed_by,
    };
    let made = allowed.execute(command, &requested).await?;
    Ok(receipt(StatusCode::CREATED, &made, None))
}

async fn received(body: Body) -> Result<Vec<u8>, Refusal> {
    let bytes = axum::body::to_bytes(body, MAX_PAYLOAD_BYTES).await.map_err(|_| {
        Refusal::new(Code::TooLarge, &format!("the document has more than {MAX_PAYLOAD_BYTES} bytes, or broke off"))
            .field("body")
            .remedy("upload it as a blob and attach it with `?digest=`")
    })?;
    Ok(bytes.to_vec())
}

fn binds_digest(binds_to: Binding, given: Option<Digest>, version: &VersionRow) -> Result<Digest, Refusal> {
    match (given, binds_to) {
        (Some(digest), _) => Ok(digest),
        (None, Binding::Content) => Ok(version.content_digest),
        (None, Binding::Version) => Ok(version.version_digest),
        (None, Binding::File) => Err(Refusal::invalid("binds_digest", "a document about a file must say the digest of the file")),
    }
}

/// Where the document is.
async fn stored(allowed: &Allowed<caller::Read>, digest: Option<Digest>, bytes: Vec<u8>) -> Result<Document, AppError> {
    let Some(digest) = digest else {
        if bytes.is_empty() {
            return Err(Refusal::invalid("body", "the document is empty")
                .remedy("send it as the body, or the digest of an uploaded blob as `?digest=`")
                .into());
        }
        return Ok(Document::Payload(Payload::new("document", bytes)?));
    };
    if !bytes.is_empty() {
        return Err(Refusal::invalid("body", "send a body or `?digest=`, not both").into());
    }
    let Some(size) = allowed.app.held_for(&allowed.caller, &digest).await? else {
        return Err(Refusal::new(Code::DigestMismatch, &format!("the bytes of `{digest}` are not held")).field("digest").remedy("upload them first").into());
    };
    Ok(Document::Blob { digest, size })
}

/// List the documents of a version, oldest first
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/evidence", operation_id = "evidence_list", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), PageQuery),
    responses((status = 200, description = "A page", body = Page<EvidenceView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn list(
    allowed: Allowed<caller::Read>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<EvidenceView>>, AppError> {
    let snapshot = allowed.read().await?;
    let (_, version) = view::version_named(&snapshot, &name, number).await?;
    listed(&snapshot, &version, &page).await.map(axum::Json)
}

/// A page of the documents of a version, oldest first.
///
/// # Errors
/// `invalid_field` for a bad limit or cursor; a fault.
pub(in crate::http) async fn listed(snapshot: &Snapshot, version: &VersionRow, page: &PageQuery) -> Result<Page<EvidenceView>, AppError> {
    let limit = page.limit()?;
    let after = super::number_cursor(page)?.unwrap_or(0);
    let tail = "WHERE model_id = $1 AND number = $2 AND entry_index > $3 ORDER BY entry_index LIMIT $4";
    let rows = snapshot.rows::<EvidenceRow>(tail, &values![version.model_id, version.number, after, i64::from(limit) + 1]).await?;
    let views = view::evidence_views(snapshot, version, &rows).await?;
    Ok(Page::new(views, limit, |evidence| evidence.index.to_string()))
}

/// The versions in sight to which a document is attached, the one that had it first in front; at most so many.
///
/// # Errors
/// `not_found` when there is none; a fault.
pub(in crate::http) async fn attached(snapshot: &Snapshot, digest: &Digest, most: u32) -> Result<Vec<(EvidenceRow, ModelRow)>, AppError> {
    let tail = "evidence JOIN models ON models.model_id = evidence.model_id WHERE evidence.digest = $1 ORDER BY evidence.entry_index LIMIT $2";
    let found = snapshot.pairs::<EvidenceRow, ModelRow>(tail, &values![*digest, i64::from(most)]).await?;
    if found.is_empty() {
        return Err(Refusal::not_found("document", &digest.to_string()).into());
    }
    Ok(found)
}

/// A document of a version, with all that was read in it
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/evidence/{digest}", operation_id = "evidence_of_version", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), ("digest" = String, Path, description = "SHA-256 of the document")),
    responses((status = 200, description = "The document", body = EvidenceView), (status = "4XX", description = "Refused", body = Problem)))]
async fn of_version(
    allowed: Allowed<caller::Read>,
    Path((name, number, digest)): Path<(ModelName, VersionNumber, Digest)>,
) -> Result<axum::Json<EvidenceView>, AppError> {
    let snapshot = allowed.read().await?;
    let (_, version) = view::version_named(&snapshot, &name, number).await?;
    let row = snapshot.get::<EvidenceRow>(values![version.model_id, version.number, digest]).await?;
    let row = row.ok_or_else(|| Refusal::not_found("document", &digest.to_string()))?;
    let summary = match &row.summary {
        Some(digest) => Some(view::payload(&snapshot, digest).await?),
        None => None,
    };
    Ok(axum::Json(EvidenceView::new(&row, summary.as_deref())?))
}

/// A type of evidence.
#[derive(Serialize, ToSchema)]
struct TypeView {
    /// Type, as `evidence_add` takes it.
    #[serde(rename = "type")]
    evidence_type: &'static str,
    /// Formats that are read, as `format` of a document names them.
    formats: &'static [&'static str],
    /// Largest document that is read, in bytes; null when a larger one is kept unread.
    largest: Option<u64>,
    /// JSON Schema (2020-12) of the JSON form; a list leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    schema: Option<Box<RawValue>>,
}

fn type_view(evidence_type: EvidenceType) -> TypeView {
    TypeView { evidence_type: evidence_type.as_str(), formats: describe(evidence_type).formats, largest: limit(evidence_type), schema: None }
}

/// List the types of evidence and the formats in which they are read
#[utoipa::path(get, path = "/api/v1/evidence-types", operation_id = "evidence_types", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    responses((status = 200, description = "All types", body = Page<TypeView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn types(_: Allowed<caller::Read>) -> axum::Json<Page<TypeView>> {
    axum::Json(Page { items: EvidenceType::ALL.iter().map(|evidence_type| type_view(*evidence_type)).collect(), next: None })
}

/// Show a type of evidence with its JSON Schema
#[utoipa::path(get, path = "/api/v1/evidence-types/{type}", operation_id = "evidence_type", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("type" = String, Path, description = "Type, such as `evaluation`")),
    responses((status = 200, description = "The type", body = TypeView), (status = "4XX", description = "Refused", body = Problem)))]
async fn type_schema(_: Allowed<caller::Read>, Path(evidence_type): Path<EvidenceType>) -> Result<axum::Json<TypeView>, AppError> {
    let schema = RawValue::from_string(describe(evidence_type).schema.to_owned()).map_err(|error| Fault::database("read a schema", error))?;
    Ok(axum::Json(TypeView { schema: Some(schema), ..type_view(evidence_type) }))
}

/// The bytes of a document, never to be rendered
#[utoipa::path(get, path = "/api/v1/evidence/{digest}", operation_id = "evidence_show", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "SHA-256 of the document")),
    responses((status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", description = "Refused", body = Problem)))]
async fn document(allowed: Allowed<caller::Read>, Path(digest): Path<Digest>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let row = attached(&snapshot, &digest, 1).await?.into_iter().next().map(|(row, _)| row);
    let row = row.ok_or_else(|| Refusal::not_found("document", &digest.to_string()))?;
    allowed.log(AccessKind::Download, &format!("model/{}/{} evidence sha256:{digest}", row.model_id, row.number)).await?;
    let body = if row.in_payloads {
        Body::from(view::payload(&snapshot, &digest).await?)
    } else {
        drop(snapshot);
        Body::from_stream(allowed.app.blobs().read(&digest, Part::Whole).await?.body)
    };
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{digest}\"")),
    ];
    Ok((headers, body).into_response())
}
