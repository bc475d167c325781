//! How a denial is said to an HTTP client.

mod desk;
mod fields;
mod kept;
mod platform;
mod problem;
mod renderer;

pub use platform::PlatformJson;
pub use problem::ProblemJson;
pub use renderer::{FromBytes, MakeBody, RenderDenial};

pub(crate) use fields::{RateLimitField, RateLimitFields};
pub(crate) use kept::{KeptDenial, KeptDenials, Kind};
pub(crate) use renderer::Renderer;

use http::StatusCode;
use tiergate_core::DenialKind;

/// The status that says a kind of denial, unless a renderer says otherwise.
///
/// ```
/// use http::StatusCode;
/// use tiergate::DenialKind;
/// use tiergate::denial::usual_status;
///
/// assert_eq!(usual_status(DenialKind::LimitExceeded), StatusCode::TOO_MANY_REQUESTS);
/// ```
#[must_use]
pub fn usual_status(kind: DenialKind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::FORBIDDEN)
}
