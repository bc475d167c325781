use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::ManualClock;
use tiergate_core::{Subject, Subscription, SubscriptionStatus};

use crate::testing::ScriptedLookup;
use crate::{CacheConfig, CachedLookup, Resolution, Snapshot};

/// A cache over a scripted source, on a clock that the test moves.
pub(super) struct Bench {
    pub(super) source: ScriptedLookup,
    pub(super) clock: ManualClock,
    pub(super) cache: CachedLookup,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(CacheConfig::default())
    }

    pub(super) fn with(config: CacheConfig) -> Self {
        let source = ScriptedLookup::default();
        let clock = ManualClock::default();
        let cache = CachedLookup::new(Arc::new(source.clone()), config, Arc::new(clock.clone()));
        Self {
            source,
            clock,
            cache,
        }
    }

    /// Moves both this clock and tokio's, which deadlines are measured by.
    pub(super) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        tokio::time::advance(time).await;
        settle().await;
    }

    pub(super) fn give(&self, tier: &str, version: u64) {
        self.source.subscriptions().set(record(tier, version));
    }

    /// What `get` says: the tier, `-` for none, `?` for unknown.
    pub(super) fn sees(&self) -> String {
        seen(self.cache.get(&ada()).as_ref())
    }

    pub(super) async fn resolves(&self) -> String {
        told(&self.cache.resolve(&ada()).await)
    }

    pub(super) async fn confirms(&self) -> String {
        told(&self.cache.confirm(&ada()).await)
    }
}

pub(super) fn ada() -> Subject {
    Subject::user("ada")
}

pub(super) fn record(tier: &str, version: u64) -> Subscription {
    Subscription::new(ada(), tier, SubscriptionStatus::Active)
        .with_id("sub_1")
        .with_version(version)
}

pub(super) fn seen(snapshot: Option<&Snapshot>) -> String {
    match snapshot {
        None => "?".to_owned(),
        Some(snapshot) => match snapshot.known.subscription() {
            Some(subscription) => subscription.tier.to_string(),
            None => "-".to_owned(),
        },
    }
}

pub(super) fn told(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Known(snapshot) => seen(Some(snapshot)),
        Resolution::Failed(error) => error.kind().as_str().to_owned(),
    }
}

/// Longer than the pause after a first failure ever is.
pub(super) const PAUSE: Duration = Duration::from_millis(1_200);

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Lets every task that can go on go on.
pub(super) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
