//! Evidence: add a document, list documents, read the bytes of one.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use chancery_core::entry::{MAX_PAYLOAD_BYTES, Payload};
use chancery_core::evidence::{Binding, Body as Document, Command, EvidenceType};
use chancery_core::names::{Digest, Grade, ModelName, VersionNumber};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{EvidenceRow, VersionRow};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::view::{self, EvidenceView};
use crate::app::{App, AppError};
use crate::blobs::{Blobs, Part};
use crate::http::extract::{ReceiptView, receipt};
use crate::http::{Allowed, Page, PageQuery, Path, Problem, Query, Requested, caller};
use crate::values;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(document))
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
}

/// Attach a document to a version
#[utoipa::path(post, path = "/api/v1/models/{name}/versions/{version}/evidence", operation_id = "evidence_add", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("entry"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), NewEvidence),
    request_body(content = Vec<u8>, description = "The document, at most 1 MiB; empty with `digest`", content_type = "application/octet-stream"),
    responses((status = 201, description = "Attached", body = ReceiptView), (status = "4XX", description = "Refused", body = Problem)))]
async fn add(
    allowed: Allowed<caller::Register>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Query(ask): Query<NewEvidence>,
    requested: Requested,
    body: Body,
) -> Result<Response, AppError> {
    let bytes = received(body).await?;
    let requested = Requested { body: Digest::of(format!("{}{}", requested.body, Digest::of(&bytes)).as_bytes()), ..requested };
    let snapshot = allowed.read().await?;
    let (model, version) = view::version_named(&snapshot, &name, number).await?;
    let manifest = view::manifest(&snapshot, &version).await?;
    drop(snapshot);
    let binds_to = ask.binds_to.unwrap_or(Binding::Content);
    let binds_digest = binds_digest(binds_to, ask.binds_digest, &version)?;
    let body = stored(allowed.app.blobs(), ask.digest, bytes, &version).await?;
    let command = Command::Add {
        model: model.model_id,
        number,
        evidence_type: ask.evidence_type,
        grade: Grade::Claimed,
        binds_to,
        binds_digest,
        file_of_manifest: manifest.files().iter().any(|file| file.digest == binds_digest),
        title: ask.title,
        body,
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

/// Where the document is; one that says of which content it speaks must speak of this version's.
async fn stored(blobs: &Blobs, digest: Option<Digest>, bytes: Vec<u8>, version: &VersionRow) -> Result<Document, AppError> {
    let Some(digest) = digest else {
        if bytes.is_empty() {
            return Err(Refusal::invalid("body", "the document is empty")
                .remedy("send it as the body, or the digest of an uploaded blob as `?digest=`")
                .into());
        }
        check_subject(&bytes, version)?;
        return Ok(Document::Payload(Payload::new("document", bytes)?));
    };
    if !bytes.is_empty() {
        return Err(Refusal::invalid("body", "send a body or `?digest=`, not both").into());
    }
    let Some(size) = blobs.contains(&digest).await? else {
        return Err(Refusal::new(Code::DigestMismatch, &format!("the bytes of `{digest}` are not held")).field("digest").remedy("upload them first").into());
    };
    if size <= MAX_PAYLOAD_BYTES as u64 {
        check_subject(&blobs.read_all(&digest, size).await?, version)?;
    }
    Ok(Document::Blob { digest, size })
}

fn check_subject(bytes: &[u8], version: &VersionRow) -> Result<(), Refusal> {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(bytes) else { return Ok(()) };
    let Some(subject) = document.pointer("/subject/content_digest") else { return Ok(()) };
    let digest = Digest::parse(subject.as_str().unwrap_or_default()).map_err(|refusal| refusal.field("subject.content_digest"))?;
    if digest == version.content_digest {
        return Ok(());
    }
    Err(Refusal::new(Code::DigestMismatch, &format!("the document is about content `{digest}`; the content of this version is `{}`", version.content_digest))
        .field("subject.content_digest")
        .remedy("attach it to the version that it was made for"))
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
    let limit = page.limit()?;
    let after = super::number_cursor(&page)?.unwrap_or(0);
    let snapshot = allowed.read().await?;
    let (_, version) = view::version_named(&snapshot, &name, number).await?;
    let tail = "WHERE model_id = $1 AND number = $2 AND entry_index > $3 ORDER BY entry_index LIMIT $4";
    let rows = snapshot.rows::<EvidenceRow>(tail, &values![version.model_id, number, after, i64::from(limit) + 1]).await?;
    Ok(axum::Json(Page::new(rows.iter().map(EvidenceView::from).collect(), limit, |evidence| evidence.index.to_string())))
}

/// The bytes of a document, never to be rendered
#[utoipa::path(get, path = "/api/v1/evidence/{digest}", operation_id = "evidence_show", tag = "evidence", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "SHA-256 of the document")),
    responses((status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", description = "Refused", body = Problem)))]
async fn document(allowed: Allowed<caller::Read>, Path(digest): Path<Digest>) -> Result<Response, AppError> {
    let snapshot = allowed.read().await?;
    let rows = snapshot.rows::<EvidenceRow>("WHERE digest = $1 LIMIT 1", &values![digest]).await?;
    let row = rows.first().ok_or_else(|| Refusal::not_found("document", &digest.to_string()))?;
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
