use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tiergate_core::Denial;
use tiergate_core::decision::{Assurance, Grant};
use tiergate_usage::StoreError;

use super::{Inquiry, ThresholdReached};
use crate::layer::rule::Rule;

/// Tells what the gate does: as `tracing` events, as metrics, and as plain numbers. The names are
/// in the documentation of the crate's `observability` module and are part of its interface.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    denied: AtomicU64,
    degraded: AtomicU64,
    unknown_tiers: AtomicU64,
    store_failures: AtomicU64,
    answered_uncounted: AtomicU64,
    mistakes: AtomicU64,
    warned_tiers: Mutex<HashSet<Box<str>>>,
}

/// What a gate counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateStatistics {
    /// Requests that a layer refused.
    pub denied: u64,
    /// Requests that a layer allowed without knowing the subscription, or without counting them.
    pub degraded: u64,
    /// Decisions about a subscription whose tier the catalog does not name.
    pub unknown_tiers: u64,
    /// Questions that the store of usage did not answer.
    pub store_failures: u64,
    /// Answers that went out and were not counted then: because the store of usage took too long, which
    /// may count them afterwards; or because it failed, or the reservation had expired, which will not.
    /// With an [`answer_wait`](crate::TierGateBuilder::answer_wait) of zero only those of which it was
    /// known at once.
    pub answered_uncounted: u64,
    /// Decisions that a mistake in the program prevented.
    pub mistakes: u64,
}

/// Why an answer was not counted when it went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncounted {
    /// The store took too long. It may count it yet.
    Slow,
    /// The reservation had expired, or the store did not know it any more.
    Late,
    /// The store failed for good.
    Failed,
}

impl Observer {
    /// How many unknown tiers are told apart, so that nobody can fill the memory with them.
    const WARNED_TIERS: usize = 100;

    pub(crate) fn statistics(&self) -> GateStatistics {
        GateStatistics {
            denied: self.denied.load(Ordering::Relaxed),
            degraded: self.degraded.load(Ordering::Relaxed),
            unknown_tiers: self.unknown_tiers.load(Ordering::Relaxed),
            store_failures: self.store_failures.load(Ordering::Relaxed),
            answered_uncounted: self.answered_uncounted.load(Ordering::Relaxed),
            mistakes: self.mistakes.load(Ordering::Relaxed),
        }
    }

    #[inline]
    pub(crate) fn allowed<R: Rule>(&self, rule: &R, inquiry: &Inquiry, grant: Grant) {
        // Known and allowed is what nearly every request is: nothing shared is written for it.
        if grant.assurance == Assurance::Degraded {
            self.degraded.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                target: "tiergate",
                event = "request.degraded",
                requirement = rule.kind(),
                subject_kind = inquiry.subject.kind().as_str(),
                "allowed without knowing all that decides"
            );
        }
        allowed_metric(rule.kind(), grant.assurance);
    }

    /// The same, where it is known without looking.
    #[inline]
    pub(crate) fn allowed_as_known<R: Rule>(&self, rule: &R) {
        allowed_metric(rule.kind(), Assurance::Known);
    }

    pub(crate) fn refused<R: Rule>(&self, rule: &R, inquiry: Option<&Inquiry>, denial: &Denial) {
        self.denied.fetch_add(1, Ordering::Relaxed);
        let code = denial.kind().code();
        tracing::debug!(
            target: "tiergate",
            event = "request.denied",
            requirement = rule.kind(),
            wanted = %rule,
            code,
            subject = inquiry.map(|inquiry| tracing::field::display(&inquiry.subject)),
            "denied"
        );
        denied_metric(rule.kind(), code);
    }

    pub(crate) fn unknown_tier(&self, tier: &str) {
        self.unknown_tiers.fetch_add(1, Ordering::Relaxed);
        counter_metric("tiergate_unknown_tiers_total");
        let mut warned = self
            .warned_tiers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if warned.contains(tier) || warned.len() >= Self::WARNED_TIERS {
            return;
        }
        warned.insert(tier.into());
        drop(warned);
        tracing::warn!(
            target: "tiergate",
            event = "tier.unknown",
            tier = ?tier,
            "a subscription has a tier that the catalog does not name, it counts as the default tier"
        );
    }

    pub(crate) fn store_failed(&self, error: &StoreError) {
        self.store_failures.fetch_add(1, Ordering::Relaxed);
        counter_metric("tiergate_usage_store_failures_total");
        tracing::error!(
            target: "tiergate",
            event = "usage.store_failed",
            %error,
            "the store of usage did not answer"
        );
    }

    pub(crate) fn answered_uncounted(&self, why: Uncounted) {
        self.answered_uncounted.fetch_add(1, Ordering::Relaxed);
        counter_metric("tiergate_answers_uncounted_total");
        let reason = match why {
            Uncounted::Slow => "slow",
            Uncounted::Late => "late",
            Uncounted::Failed => "failed",
        };
        tracing::warn!(
            target: "tiergate",
            event = "usage.answered_uncounted",
            reason,
            "an answer went out and its units were not counted"
        );
    }

    pub(crate) fn mistake(&self, error: &dyn std::error::Error) {
        self.mistakes.fetch_add(1, Ordering::Relaxed);
        counter_metric("tiergate_mistakes_total");
        tracing::error!(
            target: "tiergate",
            event = "guard.mistake",
            %error,
            "a guard names something that is not the catalog's"
        );
    }

    pub(crate) fn reloaded(&self, revision: u32) {
        counter_metric("tiergate_catalog_reloads_total");
        tracing::info!(
            target: "tiergate",
            event = "catalog.reloaded",
            revision,
            "a new catalog is in force"
        );
    }

    pub(crate) fn reload_failed(&self, error: &dyn std::error::Error) {
        counter_metric("tiergate_catalog_reload_failures_total");
        tracing::error!(
            target: "tiergate",
            event = "catalog.reload_failed",
            %error,
            "the catalog was not reloaded, the one in force stays"
        );
    }
}

/// Tells that usage has reached a threshold. A feature is one of the catalog's, so the series are
/// bounded.
pub(super) fn threshold_reached(reached: &ThresholdReached) {
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "tiergate_usage_thresholds_total",
        "feature" => reached.feature.to_string(),
        "percent" => reached.percent.to_string()
    )
    .increment(1);
    tracing::info!(
        target: "tiergate",
        event = "usage.threshold_reached",
        feature = &*reached.feature,
        percent = reached.percent,
        limit = reached.limit,
        used = reached.used,
        subject_kind = reached.subject.kind().as_str(),
        "usage has reached a threshold of its limit"
    );
}

#[cfg(feature = "metrics")]
fn allowed_metric(requirement: &'static str, assurance: Assurance) {
    // A label that is no literal costs an allocation, on the path of every request.
    macro_rules! count {
        ($outcome:literal, $($requirement:literal)*) => {
            match requirement {
                $($requirement => metrics::counter!(
                    "tiergate_decisions_total",
                    "requirement" => $requirement,
                    "outcome" => $outcome
                )
                .increment(1),)*
                // There are no others.
                _ => {}
            }
        };
    }
    match assurance {
        Assurance::Known => count!("allowed", "feature" "min_tier" "limit"),
        Assurance::Degraded => count!("allowed_degraded", "feature" "min_tier" "limit"),
    }
}

#[cfg(not(feature = "metrics"))]
fn allowed_metric(_requirement: &'static str, _assurance: Assurance) {}

#[cfg(feature = "metrics")]
fn denied_metric(requirement: &'static str, code: &'static str) {
    metrics::counter!(
        "tiergate_decisions_total",
        "requirement" => requirement,
        "outcome" => code
    )
    .increment(1);
}

#[cfg(not(feature = "metrics"))]
fn denied_metric(_requirement: &'static str, _code: &'static str) {}

#[cfg(feature = "metrics")]
fn counter_metric(name: &'static str) {
    metrics::counter!(name).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn counter_metric(_name: &'static str) {}
