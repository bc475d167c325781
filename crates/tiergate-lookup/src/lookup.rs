use std::sync::Arc;

use async_trait::async_trait;
use tiergate_core::Subject;

use crate::Answer;

/// A source that knows who has which subscription.
///
/// Implementations do no caching and no limiting of their own: a
/// [`CachedLookup`](crate::CachedLookup) in front of them sees to that. They are called from a task
/// of their own, at most once at a time for one subject, and dropped when the cache's deadline
/// passes. They must not block the thread. A panic is caught and counts as a failure.
///
/// ```
/// use std::sync::Arc;
/// use tiergate_core::{Subject, Subscription, SubscriptionStatus};
/// use tiergate_lookup::{Answer, SubscriptionLookup, async_trait};
///
/// struct EverybodyIsPro;
///
/// #[async_trait]
/// impl SubscriptionLookup for EverybodyIsPro {
///     async fn lookup(&self, subject: &Subject) -> Answer {
///         let status = SubscriptionStatus::Active;
///         Answer::Found(Arc::new(Subscription::new(subject.clone(), "pro", status)))
///     }
/// }
/// ```
#[async_trait]
pub trait SubscriptionLookup: Send + Sync + 'static {
    /// Finds the subscription of `subject`.
    ///
    /// An answer about another subject than the one asked about is taken for a failure. Dropping
    /// the future ends the lookup.
    async fn lookup(&self, subject: &Subject) -> Answer;
}

#[async_trait]
impl<T: SubscriptionLookup + ?Sized> SubscriptionLookup for Arc<T> {
    async fn lookup(&self, subject: &Subject) -> Answer {
        (**self).lookup(subject).await
    }
}
