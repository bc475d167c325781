//! The names of the events and metrics that a gate emits. They are part of its interface.
//!
//! # Events
//!
//! `tracing` events with the target `tiergate` and a field `event`, which is the name. Nothing
//! secret is in them; a subject is named at level `debug` only.
//!
//! | event | level | fields | when |
//! |---|---|---|---|
//! | `request.denied` | debug | `requirement`, `wanted`, `code`, `subject` | a layer refused a request |
//! | `request.degraded` | warn | `requirement`, `subject_kind` | a layer allowed a request without knowing the subscription |
//! | `tier.unknown` | warn, once for each tier | `tier` | a subscription has a tier that the catalog does not name |
//! | `usage.store_failed` | error | `error` | the store of usage did not answer |
//! | `usage.answered_uncounted` | warn | `reason` | an answer went out that was not counted: the store of usage was `slow` and may count it yet, the reservation had expired (`late`), or the store `failed` for good |
//! | `usage.threshold_reached` | info | `feature`, `percent`, `limit`, `used`, `subject_kind` | usage has reached a threshold of its limit |
//! | `catalog.reloaded` | info | `revision` | a new catalog is in force |
//! | `catalog.reload_failed` | error, once for each mistake | `error` | a catalog file was not put in force |
//! | `guard.mistake` | error | `error` | a guard names something that is not the catalog's, which start-up should have found |
//!
//! `requirement` is `feature`, `min_tier` or `limit`; `wanted` says which one in words; `code` is that
//! of the [`DenialKind`](crate::DenialKind).
//!
//! Lookups and the cache emit events of their own, see [`lookup::events`](crate::lookup::events), and
//! so does the store of usage, see [`usage`](crate::usage).
//!
//! # Metrics
//!
//! With the cargo feature `metrics`, through the `metrics` facade. No label names a subject, so the
//! number of series is bounded.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `tiergate_decisions_total` | counter | `requirement`; `outcome`: `allowed`, `allowed_degraded`, or the code of the denial |
//! | `tiergate_unknown_tiers_total` | counter | – |
//! | `tiergate_usage_store_failures_total` | counter | – |
//! | `tiergate_answers_uncounted_total` | counter | – |
//! | `tiergate_usage_thresholds_total` | counter | `feature`, `percent` |
//! | `tiergate_catalog_reloads_total` | counter | – |
//! | `tiergate_catalog_reload_failures_total` | counter | – |
//! | `tiergate_mistakes_total` | counter | – |
//!
//! # Numbers without a facade
//!
//! [`TierGate::statistics`](crate::TierGate::statistics),
//! [`CachedLookup::statistics`](crate::CachedLookup::statistics),
//! `Following::statistics` (of [`lookup`](crate::lookup), with the feature `http-client`) and
//! [`MemoryUsage::statistics`](crate::MemoryUsage::statistics) tell the same as plain numbers.
