//! Refusals and faults as RFC 9457 problems. The one place where a code becomes a status.

use axum::Json;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use chancery_core::policy::Finding;
use chancery_core::refusal::{Code, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use super::ui::layout::{Note, message};
use crate::app::AppError;
use crate::blobs::{BlobError, BlobFault};
use crate::fault::{Fault, chain};

/// Media type of a problem.
pub(super) const PROBLEM: &str = "application/problem+json";

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Address that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// What was refused and why.
    pub detail: String,
    /// The field that broke the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Rules that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Finding>,
    /// Index of the entry that records the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Names this failure in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// When a caller who calls too often may try again: an actor's bucket has a new token within a second.
pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// HTTP status of a code.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidField | Code::IdempotencyKeyReused | Code::DigestMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Contended | Code::TransitionRefused | Code::ProtectedDeletion | Code::OffsetMismatch => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::AccessDenied | Code::GateFailed | Code::SeparationOfDuties | Code::NonWaivable => StatusCode::FORBIDDEN,
        Code::ReadOnly => StatusCode::SERVICE_UNAVAILABLE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
    }
}

impl Problem {
    fn of(refusal: Refusal, entry: Option<u64>) -> Self {
        Self {
            kind: format!("https://chancery.dev/problems/{}", refusal.code),
            title: refusal.code.as_str().replace('_', " "),
            status: status(refusal.code).as_u16(),
            code: refusal.code.to_string(),
            detail: refusal.message,
            field: refusal.field,
            remedy: refusal.remedy,
            findings: refusal.findings,
            entry,
            request_id: None,
        }
    }

    fn respond(self, status: StatusCode) -> Response {
        let unauthenticated = status == StatusCode::UNAUTHORIZED;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chancery\""));
        }
        response
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal, entry) => {
                let status = status(refusal.code);
                Problem::of(*refusal, entry).respond(status)
            }
            Self::Fault(fault) => fault_response(&fault),
        }
    }
}

/// Writes a fault to the log; gives the status of the answer and the request id under which it is found there.
pub(super) fn log_fault(fault: &Fault) -> (StatusCode, String) {
    let request_id = crate::ids::random::<8>().map(hex::encode).unwrap_or_default();
    tracing::error!(request_id, error = %chain(fault), "a request failed");
    let read_only = matches!(fault, Fault::ClockSkew { .. });
    (if read_only { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR }, request_id)
}

/// A fault shows a request id only; its chain goes to the log.
fn fault_response(fault: &Fault) -> Response {
    let (status, request_id) = log_fault(fault);
    let problem = Problem {
        kind: "https://chancery.dev/problems/fault".to_owned(),
        title: "fault".to_owned(),
        status: status.as_u16(),
        code: "fault".to_owned(),
        detail: "the server could not do this; nothing was recorded unless a later read shows it".to_owned(),
        field: None,
        remedy: Some("try again; when it stays, give the request id to the operator".to_owned()),
        findings: Vec::new(),
        entry: None,
        request_id: Some(request_id),
    };
    problem.respond(status)
}

/// The answer to an unknown path: a page to a browser, a problem to a program.
pub(super) async fn no_such_route(uri: Uri, headers: HeaderMap) -> Response {
    let refusal = Refusal::new(Code::NotFound, &format!("there is no page `{}`", uri.path().chars().take(100).collect::<String>()));
    if accepts_pages(&headers) {
        let (status, note) = Note::of(&refusal.into());
        return message(status, "Nothing here", None, note);
    }
    AppError::from(refusal).into_response()
}

/// The answer where there is a page or an endpoint, and not for this method.
pub(super) async fn no_such_method(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path: String = uri.path().chars().take(100).collect();
    let refusal = Refusal::new(Code::NotFound, &format!("`{path}` does not answer {}", method.as_str().chars().take(20).collect::<String>()))
        .remedy("the header `Allow` names the methods that it answers");
    if accepts_pages(&headers) {
        let (_, note) = Note::of(&refusal.into());
        return message(StatusCode::METHOD_NOT_ALLOWED, "Nothing here", None, note);
    }
    Problem { status: StatusCode::METHOD_NOT_ALLOWED.as_u16(), ..Problem::of(refusal, None) }.into_response()
}

/// Whether the answer is read by a browser.
fn accepts_pages(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accepted| accepted.contains("text/html"))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.respond(status)
    }
}

/// Malformed HTTP input: 400 with code `invalid_field`.
pub(super) fn malformed(field: &str, message: &str) -> Problem {
    let mut problem = Problem::of(Refusal::invalid(field, message), None);
    problem.status = StatusCode::BAD_REQUEST.as_u16();
    problem
}

/// A refusal as a problem, without an entry.
pub(super) fn refused(refusal: Refusal) -> Problem {
    Problem::of(refusal, None)
}

/// An error of the artifact store.
pub fn blob_error(error: BlobError) -> AppError {
    match error {
        BlobError::Refused(refusal) => refusal.into(),
        BlobError::Fault(BlobFault::Full { .. }) => Refusal::new(Code::ReadOnly, "the artifact store is full; nothing of this upload is visible").into(),
        BlobError::Fault(fault) => AppError::Fault(Fault::database("use the artifact store", fault)),
    }
}
