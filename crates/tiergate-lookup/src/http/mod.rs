//! A lookup that asks a billing service over HTTP.

mod address;
mod body;
mod budget;
mod builder;
mod cached_token;
mod changes;
mod request;
mod token;
mod usage;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tiergate_core::Subject;

use crate::{Answer, LookupError, LookupErrorKind, SubscriptionLookup};

use address::Base;
use budget::RetryBudget;
pub use builder::{HttpLookupBuilder, HttpLookupError};
pub use cached_token::{CachedToken, IssuedToken, TokenIssuer};
pub(crate) use changes::{ChangeStream, Unopened};
pub use token::{AfterRefusal, StaticToken, TokenError, TokenProvider};
pub use usage::{UsageOutcome, UsageSubmission};

/// Asks the billing service who has which subscription.
///
/// It gets `{base}/api/subscriptions/user/{id}` or `{base}/api/subscriptions/organization/{id}` and
/// reads the [envelope](crate::wire). Everything has a bound:
///
/// * All of it takes 500 ms at most, connecting 250 ms.
/// * It is tried again once, after a random pause, when no connection came about or the service
///   answered 5xx or 429; not when the service asks for a longer pause than is left, and no more
///   than a tenth of the lookups over time.
/// * No more than 256 KiB are read, of JSON only, unpacked by nobody.
/// * No redirect is followed, no proxy is taken from the environment, no cookie is kept: the
///   credential goes to the one address that was given, and nowhere else.
/// * Plain `http` is for loopback addresses.
///
/// | answer | outcome |
/// |---|---|
/// | 200 with a subscription of the subject | [`Answer::Found`] |
/// | 200 with `"data": null`, or 404 that is no web page | [`Answer::Missing`] |
/// | 200 with anything else | [`InvalidAnswer`](LookupErrorKind::InvalidAnswer) |
/// | 401, 403 | [`Unauthorized`](LookupErrorKind::Unauthorized) |
/// | 429 | [`Throttled`](LookupErrorKind::Throttled) |
/// | any other status | [`Unavailable`](LookupErrorKind::Unavailable) |
///
/// An id that is `.` or `..` cannot be sent as a part of an address and fails with
/// [`InvalidSubject`](LookupErrorKind::InvalidSubject), like one that is empty or too long.
///
/// Put a [`CachedLookup`](crate::CachedLookup) in front of it. Clones share their connections.
///
/// ```
/// use tiergate_lookup::{HttpLookup, StaticToken};
///
/// let lookup = HttpLookup::builder("http://127.0.0.1:3001/billing")
///     .token(StaticToken::new("a token of role service"))
///     .build()?;
/// let insecure = HttpLookup::new("http://billing.example.com").unwrap_err();
/// assert!(insecure.to_string().contains("https"));
/// # Ok::<(), tiergate_lookup::HttpLookupError>(())
/// ```
#[derive(Clone)]
pub struct HttpLookup {
    inner: Arc<Inner>,
}

struct Inner {
    base: Base,
    client: reqwest::Client,
    tokens: Option<Box<dyn TokenProvider>>,
    deadline: Duration,
    budget: RetryBudget,
}

impl HttpLookup {
    /// A lookup at `base` with the defaults and without a credential.
    ///
    /// # Errors
    ///
    /// As [`HttpLookupBuilder::build`].
    pub fn new(base: &str) -> Result<Self, HttpLookupError> {
        Self::builder(base).build()
    }

    /// Starts from the defaults, at `base`: an address with or without a path, such as
    /// `https://billing.internal/v1`.
    pub fn builder(base: &str) -> HttpLookupBuilder {
        HttpLookupBuilder::new(base)
    }
}

#[async_trait]
impl SubscriptionLookup for HttpLookup {
    async fn lookup(&self, subject: &Subject) -> Answer {
        let Some(url) = self.inner.base.url(subject) else {
            return Answer::Failed(LookupErrorKind::InvalidSubject.into());
        };
        let outcome = tokio::time::timeout(self.inner.deadline, self.inner.ask(subject, &url));
        match outcome.await {
            Ok(Ok(Some(subscription))) => Answer::Found(Arc::new(subscription)),
            Ok(Ok(None)) => Answer::Missing,
            Ok(Err(error)) => Answer::Failed(error),
            Err(_elapsed) => Answer::Failed(LookupError::new(LookupErrorKind::TimedOut)),
        }
    }
}

impl fmt::Debug for HttpLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLookup")
            .field("base", &self.inner.base)
            .field("deadline", &self.inner.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
