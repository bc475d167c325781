use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A handler wants something that no layer in front of it has left on the request.
///
/// The caller can't help it and is told nothing: as a response it is a 500 with a plain body. The
/// program is told: as it becomes a response, one `tracing` error with the event `missing_layer`
/// names the layer that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingLayer {
    wanted: Wanted,
}

/// What a handler can want of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Access,
    Principal,
    Ticket,
}

impl MissingLayer {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted }
    }

    /// The layer that has to be added.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        match self.wanted {
            Wanted::Access => "`require_feature`, `require_min_tier` or `check_usage_limit`",
            Wanted::Principal => "authentication that puts a principal into the extensions",
            Wanted::Ticket => "`check_usage_limit`",
        }
    }

    fn argument(self) -> &'static str {
        match self.wanted {
            Wanted::Access => "access",
            Wanted::Principal => "principal",
            Wanted::Ticket => "ticket",
        }
    }
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the handler wants the {} of a request, and no layer has left one on it: add {}",
            self.argument(),
            self.layer()
        )
    }
}

impl std::error::Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        tracing::error!(
            target: "tiergate",
            event = "missing_layer",
            wanted = self.argument(),
            missing = self.layer(),
            "a handler wants what no layer has left on the request"
        );
        (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response()
    }
}
