use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use tiergate_core::{Denial, DenialKind};

use super::RenderDenial;
use super::problem::{Members, Statuses, json};

/// Says a denial as `{"error": CODE, "message": …, "details": {…}}`, the shape that clients of the
/// older platform read.
///
/// ```
/// use tiergate::denial::PlatformJson;
///
/// let render = PlatformJson::new().upgrade_url("https://example.com/pricing");
/// # let _ = render;
/// ```
#[derive(Clone, Debug, Default)]
pub struct PlatformJson {
    upgrade_url: Option<Box<str>>,
    statuses: Statuses,
}

impl PlatformJson {
    /// The usual statuses, and no link.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `upgradeUrl` to every denial that another tier would lift.
    #[must_use]
    pub fn upgrade_url(mut self, url: impl Into<Box<str>>) -> Self {
        self.upgrade_url = Some(url.into());
        self
    }

    /// Answers a kind of denial with another status.
    #[must_use]
    pub fn status(mut self, kind: DenialKind, status: StatusCode) -> Self {
        self.statuses.set(kind, status);
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'static str,
    message: String,
    details: Members<'a>,
}

impl RenderDenial for PlatformJson {
    fn render(&self, denial: &Denial) -> Response<Bytes> {
        let body = Body {
            error: denial.kind().code(),
            message: denial.detail(),
            details: Members::of(denial, self.upgrade_url.as_deref()),
        };
        json(self.statuses.of(denial.kind()), "application/json", &body)
    }

    fn is_always_the_same(&self) -> bool {
        true
    }
}
