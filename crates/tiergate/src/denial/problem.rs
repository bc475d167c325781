use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use tiergate_core::{Denial, DenialKind, Limit};

use super::{RenderDenial, usual_status};

/// Says a denial as `application/problem+json` (RFC 9457).
///
/// ```
/// use http::StatusCode;
/// use tiergate::DenialKind;
/// use tiergate::denial::ProblemJson;
///
/// let render = ProblemJson::new()
///     .upgrade_url("https://example.com/pricing")
///     .status(DenialKind::FeatureNotAvailable, StatusCode::PAYMENT_REQUIRED);
/// # let _ = render;
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProblemJson {
    upgrade_url: Option<Box<str>>,
    statuses: Statuses,
}

/// The status of each kind of denial, where it is not the usual one.
#[derive(Clone, Debug, Default)]
pub(super) struct Statuses(Vec<(DenialKind, StatusCode)>);

impl Statuses {
    pub(super) fn set(&mut self, kind: DenialKind, status: StatusCode) {
        self.0.push((kind, status));
    }

    pub(super) fn of(&self, kind: DenialKind) -> StatusCode {
        self.0
            .iter()
            .rev()
            .find(|(set, _)| *set == kind)
            .map_or_else(|| usual_status(kind), |(_, status)| *status)
    }
}

impl ProblemJson {
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

    /// Answers a kind of denial with another status, such as 402 where only paying helps.
    #[must_use]
    pub fn status(mut self, kind: DenialKind, status: StatusCode) -> Self {
        self.statuses.set(kind, status);
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(flatten)]
    members: Members<'a>,
    #[serde(rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    violated_policies: Option<[&'a str; 1]>,
}

/// The members that say what was missing and what would help.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Members<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    available_in: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade_url: Option<&'a str>,
}

impl<'a> Members<'a> {
    pub(super) fn of(denial: &'a Denial, upgrade_url: Option<&'a str>) -> Self {
        Self {
            feature: denial.feature(),
            current_tier: denial.current_tier(),
            required_tier: denial.required_tier(),
            available_in: denial.available_in(),
            limit: denial.limit().and_then(Limit::at_most),
            used: denial.used(),
            remaining: denial.remaining(),
            resets_at: denial.resets_at().map(|reset| reset.to_string()),
            upgrade_url: upgrade_url.filter(|_| denial.required_tier().is_some()),
        }
    }
}

impl RenderDenial for ProblemJson {
    fn render(&self, denial: &Denial) -> Response<Bytes> {
        let kind = denial.kind();
        let status = self.statuses.of(kind);
        let problem = Problem {
            r#type: problem_type(kind),
            title: kind.title(),
            status: status.as_u16(),
            detail: denial.detail(),
            code: kind.code(),
            members: Members::of(denial, self.upgrade_url.as_deref()),
            violated_policies: match kind {
                DenialKind::LimitExceeded => denial.feature().map(|feature| [feature]),
                _ => None,
            },
        };
        json(status, "application/problem+json", &problem)
    }

    fn is_always_the_same(&self) -> bool {
        true
    }
}

/// A problem type is an identifier and need not lead anywhere (RFC 9457, section 3.1.1). The one
/// for a used up quota is that of draft-ietf-httpapi-ratelimit-headers-11.
fn problem_type(kind: DenialKind) -> &'static str {
    match kind {
        DenialKind::Unauthorized => "urn:tiergate:problem:unauthorized",
        DenialKind::FeatureNotAvailable => "urn:tiergate:problem:feature-not-available",
        DenialKind::TierRequired => "urn:tiergate:problem:tier-required",
        DenialKind::SubscriptionInactive => "urn:tiergate:problem:subscription-inactive",
        DenialKind::LimitExceeded => {
            "https://iana.org/assignments/http-problem-types#quota-exceeded"
        }
        DenialKind::CostAboveLimit => "urn:tiergate:problem:cost-above-limit",
        DenialKind::BillingUnavailable => "urn:tiergate:problem:billing-unavailable",
        DenialKind::IdempotencyKeyReused => "urn:tiergate:problem:idempotency-key-reused",
    }
}

pub(super) fn json(
    status: StatusCode,
    content_type: &'static str,
    body: &impl Serialize,
) -> Response<Bytes> {
    // Strings, numbers and lists of strings: there is nothing in it that could fail.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
