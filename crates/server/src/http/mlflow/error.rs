//! Errors in MLflow's shape: `{"error_code": …, "message": …}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chancery_core::refusal::{Code, Refusal};
use serde_json::json;

use crate::app::AppError;
use crate::fault::chain;

/// An error as MLflow's clients read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlflowError {
    /// HTTP status. Clients retry 408, 429, 500, 502, 503 and 504: those are never the caller's mistake.
    pub status: StatusCode,
    /// The code that clients match on.
    pub error_code: &'static str,
    /// Text for people.
    pub message: String,
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
}

impl From<Refusal> for MlflowError {
    fn from(refusal: Refusal) -> Self {
        let (status, error_code) = match refusal.code {
            Code::NotFound => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
            Code::AlreadyExists => (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS"),
            Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
            Code::AccessDenied | Code::GateFailed | Code::SeparationOfDuties | Code::NonWaivable | Code::ProtectedDeletion | Code::TransitionRefused => {
                (StatusCode::FORBIDDEN, "PERMISSION_DENIED")
            }
            Code::Contended | Code::PreconditionFailed => (StatusCode::CONFLICT, "ABORTED"),
            Code::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
            Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "REQUEST_LIMIT_EXCEEDED"),
            Code::InvalidField | Code::TooLarge | Code::PreconditionRequired | Code::IdempotencyKeyReused | Code::DigestMismatch | Code::OffsetMismatch => {
                (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE")
            }
        };
        Self::new(status, error_code, refusal.to_string())
    }
}

impl From<AppError> for MlflowError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal, _) => (*refusal).into(),
            AppError::Fault(fault) => {
                let request_id = crate::ids::random::<8>().map(hex::encode).unwrap_or_default();
                tracing::error!(request_id, error = %chain(&fault), "a request failed");
                let message = format!("the server could not do this; when it stays, give the request id {request_id} to the operator");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
            }
        }
    }
}

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({"error_code": self.error_code, "message": self.message}))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chancery\""));
        }
        response
    }
}
