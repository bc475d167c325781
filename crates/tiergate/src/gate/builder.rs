use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, SystemClock};
use tiergate_core::Catalog;
use tiergate_core::decision::Policy;
use tiergate_lookup::{CacheConfig, CachedLookup, SubscriptionLookup};
use tiergate_usage::{MemoryUsage, UsageStore};

use super::live::LiveCatalog;
use super::observe::Observer;
use super::{GateId, Inner, TierGate};
use crate::denial::{RenderDenial, Renderer};
use crate::request::{ExtractSubject, SubjectSource, TicketPool};

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
    subject: SubjectSource,
    renderer: Renderer,
}

enum Lookup {
    Plain(Arc<dyn SubscriptionLookup>),
    Cached(CachedLookup),
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "<lookup>",
            Self::Cached(_) => "<cached lookup>",
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
            subject: SubjectSource::default(),
            renderer: Renderer::default(),
        }
    }

    /// Asks `lookup` who has which tier, through a cache.
    pub fn lookup(mut self, lookup: impl SubscriptionLookup) -> Self {
        self.lookup = Some(Lookup::Plain(Arc::new(lookup)));
        self
    }

    /// Asks a cache that was made elsewhere, for example to share it between gates. It keeps its
    /// own configuration and clock.
    pub fn cached_lookup(mut self, lookup: CachedLookup) -> Self {
        self.lookup = Some(Lookup::Cached(lookup));
        self
    }

    /// Configures the cache in front of [`lookup`](Self::lookup).
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
    /// default; it must be longer than the longest request.
    pub fn reservation_ttl(mut self, ttl: Duration) -> Self {
        self.reservation_ttl = ttl;
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
    /// When it has no lookup.
    pub fn build(self) -> Result<TierGate, BuildError> {
        let lookup = match self.lookup {
            Some(Lookup::Plain(lookup)) => {
                CachedLookup::new(lookup, self.cache, Arc::clone(&self.clock))
            }
            Some(Lookup::Cached(lookup)) => lookup,
            None => return Err(BuildError::NoLookup),
        };
        let usage = self
            .usage
            .unwrap_or_else(|| Arc::new(MemoryUsage::with_clock(Arc::clone(&self.clock))));
        Ok(TierGate {
            inner: Arc::new(Inner {
                id: GateId::new(),
                catalog: LiveCatalog::new(self.catalog),
                lookup,
                usage,
                clock: self.clock,
                policy: self.policy,
                reservation_ttl: self.reservation_ttl,
                subject: self.subject,
                renderer: self.renderer,
                tickets: TicketPool::default(),
                observer: Observer::default(),
            }),
        })
    }
}
