//! Errors in MLflow's form: `{"error_code", "message"}`. The one place where a refusal gets an MLflow code.
//!
//! INVARIANT: a caller's mistake is never 408, 429 or 5xx. MLflow's client repeats those seven times and hides the message.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chancery_core::policy::Finding;
use chancery_core::refusal::{Code, Refusal};
use serde::Serialize;

use crate::app::AppError;
use crate::fault::{Fault, chain};
use crate::http::Problem;
use crate::http::error::RETRY_AFTER;

/// An error as MLflow's clients read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlflowError {
    /// HTTP status.
    pub status: StatusCode,
    /// The code that clients match on.
    pub error_code: &'static str,
    /// Text for people.
    pub message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error_code: &'a str,
    message: &'a str,
}

impl MlflowError {
    /// An error with a status, a code and a message.
    pub fn new(status: StatusCode, error_code: &'static str, message: impl Into<String>) -> Self {
        Self { status, error_code, message: message.into() }
    }

    /// 400 INVALID_PARAMETER_VALUE.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message)
    }

    /// 404 RESOURCE_DOES_NOT_EXIST.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// RESOURCE_ALREADY_EXISTS, which is 400: clients look at the code.
    pub fn already_exists(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS", message)
    }

    /// 403 PERMISSION_DENIED.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// 404 ENDPOINT_NOT_FOUND.
    pub fn no_endpoint(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND", format!("there is no endpoint `{}`", clipped(path)))
    }

    /// 405: the endpoint does not answer this verb.
    pub fn wrong_verb(verb: &str, path: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", format!("`{}` does not answer {}", clipped(path), clipped(verb)))
    }
}

/// A foreign text for a message: not more than anybody reads.
pub(super) fn clipped(text: &str) -> String {
    let mut shown: String = text.chars().take(200).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Status and MLflow's code of a refusal. What becomes an entry (access, lifecycle, gates) is PERMISSION_DENIED.
fn code(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::InvalidField | Code::TooLarge | Code::IdempotencyKeyReused | Code::DigestMismatch => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
        Code::NotFound => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
        Code::AlreadyExists => (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS"),
        Code::PreconditionFailed | Code::PreconditionRequired | Code::OffsetMismatch => (StatusCode::CONFLICT, "RESOURCE_CONFLICT"),
        Code::Contended => (StatusCode::CONFLICT, "ABORTED"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Code::AccessDenied | Code::TransitionRefused | Code::GateFailed | Code::SeparationOfDuties | Code::NonWaivable | Code::ProtectedDeletion => {
            (StatusCode::FORBIDDEN, "PERMISSION_DENIED")
        }
        Code::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "REQUEST_LIMIT_EXCEEDED"),
    }
}

/// What a person reads at the end of a Python traceback: the message, what to do, and each failed rule on a line of its own.
fn text(message: &str, remedy: Option<&str>, findings: &[Finding]) -> String {
    let mut text = message.to_owned();
    if let Some(remedy) = remedy {
        text.push_str("; ");
        text.push_str(remedy);
    }
    for finding in findings {
        text.push_str(&format!("\n  - {}: {}", finding.rule, finding.message));
        if let Some(remedy) = &finding.remedy {
            text.push_str(&format!(" ({remedy})"));
        }
    }
    text
}

impl From<Refusal> for MlflowError {
    fn from(refusal: Refusal) -> Self {
        let (status, error_code) = code(refusal.code);
        Self::new(status, error_code, text(&refusal.message, refusal.remedy.as_deref(), &refusal.findings))
    }
}

impl From<AppError> for MlflowError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal, _) => (*refusal).into(),
            AppError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for MlflowError {
    /// A fault shows a request id only; its chain goes to the log.
    fn from(fault: Fault) -> Self {
        let request_id = crate::ids::random::<8>().map(hex::encode).unwrap_or_default();
        tracing::error!(request_id, error = %chain(&fault), "a request failed");
        let (status, error_code) = if matches!(fault, Fault::ClockSkew { .. }) {
            (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE")
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR")
        };
        Self::new(status, error_code, format!("the server could not do this; when it stays, give the request id {request_id} to the operator"))
    }
}

impl From<Problem> for MlflowError {
    fn from(problem: Problem) -> Self {
        let text = text(&problem.detail, problem.remedy.as_deref(), &problem.findings);
        match Code::parse(&problem.code) {
            Ok(known) => {
                let (status, error_code) = code(known);
                Self::new(status, error_code, text)
            }
            // The one problem without a code of the core is a fault.
            Err(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", text),
        }
    }
}

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Body { error_code: self.error_code, message: &self.message })).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Users of MLflow's clients give a token, or a token as password.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chancery\", Basic realm=\"chancery\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mistake_of_a_caller_is_a_status_that_clients_repeat() {
        for known in Code::ALL {
            let (status, _) = code(*known);
            let ours = matches!(known, Code::ReadOnly | Code::RateLimited);
            assert_eq!(matches!(status.as_u16(), 408 | 429 | 500..=599), ours, "{known}");
        }
    }

    #[test]
    fn what_was_refused_can_be_read_in_a_traceback() {
        let finding: Finding = serde_json::from_value(serde_json::json!({
            "rule": "sbom.present", "outcome": "fail", "message": "no SBOM", "remedy": "add one", "gate": "candidate", "non_waivable": false,
            "who": ["registrar"], "references": [], "waiver": null,
        }))
        .unwrap();
        let refusal = Refusal::new(Code::GateFailed, "1 rule failed").remedy("repair it").findings(vec![finding]);
        let error = MlflowError::from(refusal);
        assert_eq!((error.status.as_u16(), error.error_code), (403, "PERMISSION_DENIED"));
        assert_eq!(error.message, "1 rule failed; repair it\n  - sbom.present: no SBOM (add one)");
    }
}
