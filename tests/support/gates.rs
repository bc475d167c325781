use std::sync::Arc;
use std::time::Duration;

use tiergate::gate::TierGateBuilder;
use tiergate::lookup::{CacheConfig, HttpLookup};
use tiergate::testing::platform_catalog;
use tiergate::usage::MemoryUsage;
use tiergate::{Limit, Subject, Subscription, SubscriptionStatus, TierGate};
use tiergate_clock::ManualClock;
use tiergate_core::subscription::{Override, OverrideValue};

use crate::Billing;

/// Longer than a busy machine takes for one exchange over loopback.
const PATIENT: Duration = Duration::from_secs(10);

/// An active subscription.
#[must_use]
pub fn active(subject: Subject, tier: &str) -> Subscription {
    Subscription::new(subject, tier, SubscriptionStatus::Active)
}

/// An active subscription of the tier enterprise that has `units` of one limit.
#[must_use]
pub fn limited(subject: Subject, feature: &str, units: u64) -> Subscription {
    active(subject, "enterprise").with_override(Override {
        feature: feature.into(),
        value: OverrideValue::Limit(Limit::AtMost(units)),
        expires_at: None,
    })
}

/// A lookup whose deadline does not pass while the billing service answers.
#[must_use]
pub fn patient_lookup(billing: &Billing) -> HttpLookup {
    HttpLookup::builder(&billing.url())
        .deadline(PATIENT)
        .connect_timeout(PATIENT)
        .build()
        .expect("the address is loopback")
}

/// A cache by default, but for a deadline that does not pass while the billing service answers.
#[must_use]
pub fn patient_cache() -> CacheConfig {
    CacheConfig::builder()
        .flight_deadline(PATIENT)
        .build()
        .expect("the settings fit together")
}

/// The beginning of a gate with the platform's catalog, in front of `billing`.
pub fn http_gate(billing: &Billing, clock: &ManualClock) -> TierGateBuilder {
    TierGate::builder(platform_catalog())
        .lookup(patient_lookup(billing))
        .cache(patient_cache())
        .clock(clock.clone())
}

/// A gate with the platform's catalog, in front of `billing`.
#[must_use]
pub fn gate_on(billing: &Billing, clock: &ManualClock) -> TierGate {
    http_gate(billing, clock).build().expect("it has a lookup")
}

/// A gate with the platform's catalog, in front of `billing`, and the store that it counts in.
#[must_use]
pub fn metered_gate(billing: &Billing, clock: &ManualClock) -> (TierGate, Arc<MemoryUsage>) {
    let usage = Arc::new(MemoryUsage::with_clock(Arc::new(clock.clone())));
    let gate = http_gate(billing, clock)
        .usage(Arc::clone(&usage))
        .build()
        .expect("it has a lookup");
    (gate, usage)
}
