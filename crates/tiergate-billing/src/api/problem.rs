//! Errors as answers: problem+json (RFC 9457), with the members of the platform's older shape.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::database::FaultKind;
use crate::payment::PaymentErrorKind;
use crate::{BillingError, FieldFault};

/// An error as it is answered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status of the answer.
    pub status: u16,
    /// The kind of problem in one word.
    pub code: &'static str,
    /// The kind of problem in words.
    pub title: &'static str,
    /// What is wrong this time.
    pub detail: String,
    /// Every fault of what was sent.
    pub errors: Vec<FieldFault>,
    /// The version that a record has, where another was expected.
    pub current_version: Option<i64>,
    /// After how many seconds to try again.
    pub(super) retry_after: Option<u64>,
}

/// A problem as it is written.
#[derive(serde::Serialize, ToSchema)]
struct Written<'a> {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is wrong this time.
    detail: &'a str,
    /// The kind of problem in one word.
    code: &'a str,
    /// The same as `code`, for older clients.
    error: &'a str,
    /// The same as `detail`, for older clients.
    message: &'a str,
    /// Every fault of what was sent.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldFault],
    /// The version that a record has, where another was expected.
    #[serde(rename = "currentVersion", skip_serializing_if = "Option::is_none")]
    current_version: Option<i64>,
}

impl serde::Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let word = self.code.to_ascii_lowercase().replace('_', "-");
        let written = Written {
            kind: format!("urn:tiergate:problem:{word}"),
            title: self.title,
            status: self.status,
            detail: &self.detail,
            code: self.code,
            error: self.code,
            message: &self.detail,
            errors: &self.errors,
            current_version: self.current_version,
        };
        written.serialize(serializer)
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Written::schema()
    }
}

impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Written::schemas(schemas);
    }
}

impl Problem {
    /// A problem of that kind.
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status: status.as_u16(),
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            current_version: None,
            retry_after: None,
        }
    }

    /// A request that is not served because of its form.
    pub(crate) fn of_request(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(status, code, title, detail)
    }

    /// The service cannot do it now, and may be able to later.
    pub(crate) fn retry_later(code: &'static str, title: &'static str, detail: &str) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail);
        problem.retry_after = Some(2);
        problem
    }

    /// A fault of this program.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "Internal error",
            "something went wrong here; the log has it under the request id",
        )
    }

    /// There is no such thing, or it is another's: the answer is the same.
    pub(super) fn not_found(what: &'static str) -> Self {
        BillingError::NotFound(what).into()
    }
}

impl From<BillingError> for Problem {
    fn from(error: BillingError) -> Self {
        let retry_after = error.retry_after().map(|wait| wait.as_secs().max(1));
        let detail = error.to_string();
        let mut problem = match error {
            BillingError::Invalid(faults) => {
                let mut problem = Self::new(
                    StatusCode::BAD_REQUEST,
                    "VALIDATION_ERROR",
                    "The request is not valid",
                    detail,
                );
                problem.errors = faults;
                problem
            }
            BillingError::Unauthorized(_) => Self::new(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "Authentication required",
                detail,
            ),
            BillingError::Forbidden(_) => {
                Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "Not allowed", detail)
            }
            BillingError::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found", detail)
            }
            BillingError::SubscriptionExists => Self::new(
                StatusCode::CONFLICT,
                "SUBSCRIPTION_EXISTS",
                "There is a subscription already",
                detail,
            ),
            BillingError::InvalidState(_) => Self::new(
                StatusCode::CONFLICT,
                "INVALID_STATE",
                "Not possible in this state",
                detail,
            ),
            BillingError::Contention => Self::new(
                StatusCode::CONFLICT,
                "CONTENTION",
                "Changed by others at the same time",
                detail,
            ),
            BillingError::VersionMismatch { current } => {
                let mut problem = Self::new(
                    StatusCode::PRECONDITION_FAILED,
                    "VERSION_MISMATCH",
                    "Changed since",
                    detail,
                );
                problem.current_version = Some(current);
                problem
            }
            BillingError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "Idempotency key reused",
                detail,
            ),
            BillingError::Payment(error) => match error.kind() {
                PaymentErrorKind::Declined => Self::new(
                    StatusCode::PAYMENT_REQUIRED,
                    "PAYMENT_DECLINED",
                    "The payment was declined",
                    detail,
                ),
                PaymentErrorKind::Refused => Self::new(
                    StatusCode::CONFLICT,
                    "PAYMENT_REFUSED",
                    "The payment provider refused",
                    detail,
                ),
                PaymentErrorKind::Unsupported => Self::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "NOT_SUPPORTED",
                    "The payment provider cannot do that",
                    detail,
                ),
                PaymentErrorKind::Unavailable => Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "PAYMENT_UNAVAILABLE",
                    "The payment provider cannot be reached",
                    detail,
                ),
            },
            // What a database says is for the log: it may name what is not the caller's.
            BillingError::Database(error) => {
                tracing::error!(target: "tiergate_billing", error = %error, "the database failed");
                match error.kind() {
                    FaultKind::Unavailable => Self::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "DATABASE_UNAVAILABLE",
                        "Temporarily unavailable",
                        "the database cannot be reached; try again shortly",
                    ),
                    FaultKind::Refused | FaultKind::Internal => Self::new(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "INTERNAL",
                        "Internal error",
                        "something went wrong here; the log has it under the request id",
                    ),
                }
            }
        };
        problem.retry_after = retry_after;
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: a 401 says which scheme to use.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What is answered where there is no route.
pub(super) async fn no_such_route() -> Problem {
    Problem::not_found("route")
}

/// What is answered where a route has other methods; axum adds which.
pub(super) async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "Method not allowed",
        "this route has other methods; `Allow` names them",
    )
}
