//! How many requests a caller may make, by tiergate's own layer.
//!
//! The service has a small catalog for this, which has nothing to do with the one that is sold by: a
//! tier for users, one for services and the operator's people, and one limit. Who has which tier follows
//! from the caller's role, so the lookup asks nobody.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;
use tiergate::denial::{ProblemJson, RenderDenial};
use tiergate::request::RequestHead;
use tiergate::{CheckUsageLimitLayer, TierGate};
use tiergate_clock::Clock;
use tiergate_core::catalog::{CatalogError, FeatureSpec, MetricSpec, TierSpec};
use tiergate_core::{
    Catalog, Denial, Limit, Meter, RatePeriod, Subject, SubjectKind, Subscription,
    SubscriptionStatus,
};
use tiergate_lookup::{Answer, SubscriptionLookup};
use tiergate_usage::MemoryUsage;

use super::authenticate;
use crate::auth::{Caller, Role};

/// The name of the limit, as clients see it in the rate limit fields.
const LIMIT: &str = "billing_requests";
const METRIC: &str = "requests";
const USER: &str = "user";
const OPERATOR: &str = "operator";

/// How many requests a caller may make in a minute. They are counted in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// A user.
    pub users: Limit,
    /// A service or a person of the operator's.
    pub operators: Limit,
}

impl Default for RateLimits {
    /// 300 for users, no bound for the operator's.
    fn default() -> Self {
        Self {
            users: Limit::AtMost(300),
            operators: Limit::Unlimited,
        }
    }
}

/// Limits that nobody could live with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitsError {
    /// Nothing would be let through.
    #[error("a rate limit of 0 would refuse every request; set at least 1, or no limit")]
    Zero,
    /// The limits make no catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The gate could not be made.
    #[error(transparent)]
    Gate(#[from] tiergate::gate::BuildError),
    /// The layer could not be made.
    #[error(transparent)]
    Layer(#[from] tiergate::CheckError),
}

impl RateLimits {
    pub(super) fn layer(
        self,
        clock: &Arc<dyn Clock>,
    ) -> Result<CheckUsageLimitLayer, RateLimitsError> {
        if self.users == Limit::ZERO || self.operators == Limit::ZERO {
            return Err(RateLimitsError::Zero);
        }
        let catalog = Catalog::builder()
            .default_tier(USER)
            .tier(TierSpec::new(USER))
            .tier(TierSpec::new(OPERATOR).includes(USER))
            .metric(MetricSpec::new(METRIC))
            .feature(
                FeatureSpec::limit(LIMIT)
                    .metric(METRIC)
                    .counted(Meter::Rate(RatePeriod::Minute))
                    .value(USER, self.users)
                    .value(OPERATOR, self.operators),
            )
            .build()?;
        let gate = TierGate::builder(catalog)
            .lookup(ByRole)
            .usage(MemoryUsage::with_clock(Arc::clone(clock)))
            .clock(Arc::clone(clock))
            .subject(|head: &RequestHead<'_>| Some(subject(head)))
            .denials(OurProblem(ProblemJson::new()))
            .build()?;
        let layer = gate.check_usage_limit(LIMIT)?;
        // Who shows no valid token is refused where a token is needed, without any work for it.
        Ok(layer.cost_of(|head| u64::from(authenticate::caller(head.extensions()).is_some())))
    }
}

/// Users are counted as users. The operator's are counted as organizations, which are never callers, so
/// that a service and a user of one name share nothing.
fn subject(head: &RequestHead<'_>) -> Subject {
    match authenticate::caller(head.extensions()) {
        None => Subject::organization("nobody"),
        Some(caller) if is_operator(caller) => Subject::organization(caller.id.as_str()),
        Some(caller) => Subject::user(caller.id.as_str()),
    }
}

fn is_operator(caller: &Caller) -> bool {
    caller.is(Role::Admin) || caller.is(Role::Service)
}

/// Who has which tier.
struct ByRole;

#[async_trait]
impl SubscriptionLookup for ByRole {
    async fn lookup(&self, subject: &Subject) -> Answer {
        let tier = match subject.kind() {
            SubjectKind::User => USER,
            SubjectKind::Organization => OPERATOR,
        };
        let status = SubscriptionStatus::Active;
        Answer::Found(Arc::new(Subscription::new(subject.clone(), tier, status)))
    }
}

/// A denial with the members that every problem of this service has.
struct OurProblem(ProblemJson);

impl RenderDenial for OurProblem {
    fn render(&self, denial: &Denial) -> Response<Bytes> {
        let rendered = self.0.render(denial);
        let Ok(Value::Object(mut problem)) = serde_json::from_slice(rendered.body()) else {
            return rendered;
        };
        for (name, older) in [("code", "error"), ("detail", "message")] {
            if let Some(value) = problem.get(name).cloned() {
                problem.insert(older.to_owned(), value);
            }
        }
        // Nobody can buy a faster administration of what they have.
        for member in ["currentTier", "requiredTier", "availableIn", "upgradeUrl"] {
            problem.remove(member);
        }
        if rendered.status() == StatusCode::TOO_MANY_REQUESTS {
            let detail = "too many requests; wait as long as `Retry-After` says";
            problem.insert("detail".to_owned(), detail.into());
            problem.insert("message".to_owned(), detail.into());
        }
        let mut response = Response::new(Bytes::from(Value::Object(problem).to_string()));
        *response.status_mut() = rendered.status();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}
