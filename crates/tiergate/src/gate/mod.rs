//! The gate: a catalog, a lookup, a store of usage, a clock and a policy, put together.

mod alerts;
mod answer;
mod asked;
mod builder;
mod charged;
mod count_by_tier;
mod error;
mod functions;
mod given;
mod glance;
mod handles;
mod inquiry;
mod learned;
mod live;
mod metering;
mod names;
mod now;
mod observe;
mod outage;
mod reload;
mod reserved;
mod tab;
mod thresholds;
mod units;

pub use alerts::{ThresholdReached, UsageAlerts};
pub use builder::{BuildError, TierGateBuilder};
pub use charged::{Charged, RecordUsage};
pub use error::{CheckError, ReserveError};
pub use handles::{FeatureHandle, LimitHandle, TierHandle};
pub use observe::GateStatistics;
pub use outage::StoreOutage;
pub use reload::{CatalogWatcher, ReloadError, Reloaded};
pub use reserved::Reserved;
pub use thresholds::{InvalidThresholdError, Thresholds};
pub use units::UsageReport;

pub(crate) use count_by_tier::ByTier;
pub(crate) use inquiry::{Inquiry, unconfirmed, with_retry};
pub(crate) use learned::Learned;
pub(crate) use metering::{Asking, Count, CountError, Counting};
pub(crate) use now::Question;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::catalog::{UnknownFeatureError, UnknownTierError};
use tiergate_core::decision::Policy;
use tiergate_core::{Catalog, FeatureId, TierId};
use tiergate_lookup::CachedLookup;
#[cfg(feature = "http-client")]
use tiergate_lookup::Following;
use tiergate_usage::UsageStore;

use crate::denial::Renderer;
use crate::request::SubjectSource;
use charged::Listeners;
use glance::Verdicts;
use live::LiveCatalog;
use observe::Observer;

/// Answers what a subject may do, and makes the layers that enforce it.
///
/// It is made once and cloned freely: clones share everything.
///
/// ```
/// use tiergate::testing::TestGate;
/// use tiergate::Subject;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let gate = TestGate::platform().user("ada", "pro").into_gate();
///
/// assert!(gate.has_feature_access(&Subject::user("ada"), "crm_enabled").await?);
/// assert!(!gate.has_feature_access(&Subject::user("bob"), "crm_enabled").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TierGate {
    inner: Arc<Inner>,
}

struct Inner {
    id: GateId,
    catalog: LiveCatalog,
    verdicts: Verdicts,
    lookup: CachedLookup,
    #[cfg(feature = "http-client")]
    following: Option<Following>,
    usage: Arc<dyn UsageStore>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    reservation_ttl: Duration,
    answer_wait: Duration,
    outage: Option<StoreOutage>,
    /// What this process may spend by itself while the store is away.
    allowance: Arc<dyn UsageStore>,
    listeners: Listeners,
    subject: SubjectSource,
    renderer: Renderer,
    observer: Observer,
}

/// Tells the gates of a process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateId(u64);

impl GateId {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl TierGate {
    /// Puts a gate together.
    pub fn builder(catalog: Catalog) -> TierGateBuilder {
        TierGateBuilder::new(catalog)
    }

    /// The catalog in force.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog.load()
    }

    /// The lookup with its cache, for statistics and for pushed changes.
    #[must_use]
    pub fn lookup(&self) -> &CachedLookup {
        &self.inner.lookup
    }

    /// How the changes of the billing service are followed, if the gate was built with
    /// [`live_lookup`](TierGateBuilder::live_lookup).
    #[cfg(feature = "http-client")]
    #[must_use]
    pub fn following(&self) -> Option<&Following> {
        self.inner.following.as_ref()
    }

    /// The store of usage.
    #[must_use]
    pub fn usage_store(&self) -> &Arc<dyn UsageStore> {
        &self.inner.usage
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.inner.policy
    }

    /// What the gate counted since it was made.
    #[must_use]
    pub fn statistics(&self) -> GateStatistics {
        self.inner.observer.statistics()
    }

    /// The feature of that key.
    ///
    /// # Errors
    ///
    /// When the catalog has none. The message proposes the nearest key.
    pub fn feature_id(&self, key: &str) -> Result<FeatureId, UnknownFeatureError> {
        self.inner.catalog.feature_id(key)
    }

    /// The tier of that key.
    ///
    /// # Errors
    ///
    /// When the catalog has none. The message proposes the nearest key.
    pub fn tier_id(&self, key: &str) -> Result<TierId, UnknownTierError> {
        self.inner.catalog.tier_id(key)
    }

    pub(crate) fn id(&self) -> GateId {
        self.inner.id
    }

    pub(crate) fn subject_source(&self) -> &SubjectSource {
        &self.inner.subject
    }

    pub(crate) fn renderer(&self) -> &Renderer {
        &self.inner.renderer
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.inner.observer
    }
}

impl fmt::Debug for TierGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TierGate")
            .field("catalog_revision", &self.catalog().revision())
            .field("usage", &self.inner.usage)
            .field("clock", &self.inner.clock)
            .field("policy", &self.inner.policy)
            .finish_non_exhaustive()
    }
}
