use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};
use tiergate_core::Catalog;
use tiergate_core::decision::Policy;
use tiergate_lookup::{CacheConfig, CachedLookup, SubscriptionLookup};
#[cfg(feature = "http-client")]
use tiergate_lookup::{FollowError, HttpLookup};
use tiergate_usage::{MemoryUsage, UsageStore};

use super::alerts::{Alerts, UsageAlerts};
use super::charged::{Listeners, RecordUsage};
use super::glance::Verdicts;
use super::live::LiveCatalog;
use super::observe::Observer;
use super::thresholds::Thresholds;
use super::{GateId, Inner, StoreOutage, TierGate};
use crate::denial::{RenderDenial, Renderer};
use crate::request::{ExtractSubject, SubjectSource};

/// Puts a [`TierGate`] together, see [`TierGate::builder`].
///
/// Only the lookup has no default.
#[derive(Debug)]
#[must_use]
pub struct TierGateBuilder {
    catalog: Catalog,
    lookup: Option<Lookup>,
    cache: CacheConfig,
    usage: Option<Arc<dyn UsageStore>>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    reservation_ttl: Duration,
    answer_wait: Duration,
    outage: Option<StoreOutage>,
    listeners: Listeners,
    subject: SubjectSource,
    renderer: Renderer,
}

enum Lookup {
    Plain(Arc<dyn SubscriptionLookup>),
    Cached(CachedLookup),
    #[cfg(feature = "http-client")]
    Live(HttpLookup),
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "<lookup>",
            Self::Cached(_) => "<cached lookup>",
            #[cfg(feature = "http-client")]
            Self::Live(_) => "<live lookup>",
        })
    }
}

/// Why a gate could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nothing says who has which tier.
    #[error("a gate needs a lookup, give it one with `lookup`, for example an `HttpLookup`")]
    NoLookup,
    /// The changes of the billing service cannot be followed.
    #[cfg(feature = "http-client")]
    #[error(transparent)]
    Follow(#[from] FollowError),
}

impl TierGateBuilder {
    pub(super) fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            lookup: None,
            cache: CacheConfig::default(),
            usage: None,
            clock: Arc::new(SystemClock::new()),
            policy: Policy::default(),
            reservation_ttl: Duration::from_secs(600),
            answer_wait: Duration::from_secs(1),
            outage: None,
            listeners: Listeners::default(),
            subject: SubjectSource::default(),
            renderer: Renderer::default(),
        }
    }

    /// Asks `lookup` who has which tier, through a cache.
    pub fn lookup(mut self, lookup: impl SubscriptionLookup) -> Self {
        self.lookup = Some(Lookup::Plain(Arc::new(lookup)));
        self
    }

    /// Asks the billing service behind `lookup` who has which tier, through a cache, and follows the
    /// changes that it tells of: a new plan, or the end of one, holds at once instead of when the
    /// cached answer grows old. See [`CachedLookup::follow`] for what is promised.
    ///
    /// That goes on until the last clone of the gate is dropped; the layers and handles that a gate
    /// made hold a clone. [`TierGate::following`] tells how it goes, and hears of a new catalog.
    ///
    /// The gate must be built inside a tokio runtime.
    ///
    /// ```
    /// use tiergate::testing::platform_catalog;
    /// use tiergate::{HttpLookup, TierGate};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = TierGate::builder(platform_catalog())
    ///     .live_lookup(HttpLookup::new("http://127.0.0.1:3001")?)
    ///     .build()?;
    /// assert!(gate.following().is_some());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "http-client")]
    pub fn live_lookup(mut self, lookup: HttpLookup) -> Self {
        self.lookup = Some(Lookup::Live(lookup));
        self
    }

    /// Asks a cache that was made elsewhere, for example to share it between gates. It keeps its
    /// own configuration and clock.
    pub fn cached_lookup(mut self, lookup: CachedLookup) -> Self {
        self.lookup = Some(Lookup::Cached(lookup));
        self
    }

    /// Configures the cache in front of `lookup` or `live_lookup`.
    pub fn cache(mut self, config: CacheConfig) -> Self {
        self.cache = config;
        self
    }

    /// Counts usage in `store`. By default it is counted in this process's memory, see
    /// [`MemoryUsage`] for what that can't promise.
    pub fn usage(mut self, store: impl UsageStore) -> Self {
        self.usage = Some(Arc::new(store));
        self
    }

    /// Takes the time from `clock`. By default it is the machine's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Decides by `policy` where neither the catalog nor the subscription settles it.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Gives units back that were reserved and never settled, after this long. Ten minutes by
    /// default; it must be longer than the longest request. What a request used that was open for longer
    /// is not counted, and may be given to another:
    /// [`answered_uncounted`](super::GateStatistics::answered_uncounted) tells how often.
    pub fn reservation_ttl(mut self, ttl: Duration) -> Self {
        self.reservation_ttl = ttl;
        self
    }

    /// Holds an answer back for at most so long until its units are counted, by a store that does not
    /// do that at once. A second by default. What takes longer goes on without the answer; should
    /// the process stop in the meantime, those units are given back when the reservation expires.
    /// Zero does not wait.
    pub fn answer_wait(mut self, most: Duration) -> Self {
        self.answer_wait = most;
        self
    }

    /// Does so with requests that the store of usage gives no answer for. By default they are
    /// refused, unless the policy lets requests pass of whom nothing is known. A layer may
    /// [choose otherwise](crate::CheckUsageLimitLayer::during_store_outage).
    pub fn during_store_outage(mut self, outage: StoreOutage) -> Self {
        self.outage = Some(outage);
        self
    }

    /// Tells `recorder` of everything that is charged, to have it billed.
    pub fn record_usage(mut self, recorder: impl RecordUsage) -> Self {
        self.listeners.recorder = Some(Arc::new(recorder));
        self
    }

    /// Tells `listener` when usage reaches one of the thresholds of a limit, once in each window.
    ///
    /// ```
    /// use tiergate::gate::{ThresholdReached, Thresholds};
    ///
    /// # fn with(builder: tiergate::TierGateBuilder) -> tiergate::TierGateBuilder {
    /// builder.alerts(Thresholds::default(), |reached: &ThresholdReached| {
    ///     println!("{} % of {} are used", reached.percent, reached.feature);
    /// })
    /// # }
    /// ```
    pub fn alerts(mut self, thresholds: Thresholds, listener: impl UsageAlerts) -> Self {
        self.listeners.alerts = Some(Alerts::new(thresholds, Box::new(listener)));
        self
    }

    /// Finds out who a request is decided for. By default it is read from the request's extensions,
    /// see [`FromExtensions`](crate::request::FromExtensions).
    pub fn subject(mut self, extract: impl ExtractSubject) -> Self {
        self.subject = SubjectSource::new(extract);
        self
    }

    /// Says denials by `render`. By default they are `application/problem+json`, see
    /// [`ProblemJson`](crate::denial::ProblemJson).
    pub fn denials(mut self, render: impl RenderDenial) -> Self {
        self.renderer = Renderer::new(render);
        self
    }

    /// The gate.
    ///
    /// # Errors
    ///
    /// When it has no lookup; with `live_lookup`, outside of a tokio runtime.
    pub fn build(self) -> Result<TierGate, BuildError> {
        let clock = Arc::clone(&self.clock);
        let cached = |lookup| CachedLookup::new(lookup, self.cache, clock);
        #[cfg(feature = "http-client")]
        let mut following = None;
        let lookup = match self.lookup {
            Some(Lookup::Plain(lookup)) => cached(lookup),
            Some(Lookup::Cached(lookup)) => lookup,
            #[cfg(feature = "http-client")]
            Some(Lookup::Live(source)) => {
                let lookup = cached(Arc::new(source.clone()));
                following = Some(lookup.follow(&source)?);
                lookup
            }
            None => return Err(BuildError::NoLookup),
        };
        let usage = self
            .usage
            .unwrap_or_else(|| Arc::new(MemoryUsage::with_clock(Arc::clone(&self.clock))));
        let allowance = MemoryUsage::with_clock(Arc::clone(&self.clock));
        Ok(TierGate {
            inner: Arc::new(Inner {
                id: GateId::new(),
                verdicts: Verdicts::new(&self.catalog),
                catalog: LiveCatalog::new(self.catalog),
                lookup,
                #[cfg(feature = "http-client")]
                following,
                usage,
                clock: self.clock,
                policy: self.policy,
                reservation_ttl: self.reservation_ttl,
                answer_wait: self.answer_wait,
                outage: self.outage,
                allowance: Arc::new(allowance),
                listeners: self.listeners,
                subject: self.subject,
                renderer: self.renderer,
                observer: Observer::default(),
            }),
        })
    }
}

#[cfg(all(test, feature = "http-client", feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::platform_catalog;

    #[test]
    fn a_gate_that_follows_changes_is_built_inside_a_runtime() {
        let build = || {
            let lookup = HttpLookup::new("http://127.0.0.1:1").unwrap();
            TierGate::builder(platform_catalog())
                .live_lookup(lookup)
                .build()
        };
        let error = build().unwrap_err();
        assert!(error.to_string().contains("tokio runtime"), "{error}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let gate = runtime.block_on(async { build() }).unwrap();
        assert!(gate.following().is_some());
    }
}
