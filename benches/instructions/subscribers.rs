//! Who there is, and a gate that has them all in its cache.

use std::sync::Arc;
use std::time::Duration;

use side_by_side::uuid_of;
use tiergate::testing::platform_catalog;
use tiergate::{CacheConfig, StaticLookup, Subject, Subscription, SubscriptionStatus, TierGate};

use crate::TIMES;
use crate::clock::Still;

/// The feature that is asked for, which `pro` has and `free` has not.
pub(crate) const FEATURE: &str = "crm_enabled";
/// The tier that is asked for.
pub(crate) const MIN_TIER: &str = "pro";
/// The limit that is asked for, of which `pro` has a thousand units, and each of them uses one.
pub(crate) const LIMIT: &str = "workflow_executions_monthly";

/// How many were in the cache before.
const STRANGERS: u32 = 8_000;

/// As many as are counted.
pub(crate) fn subjects() -> Vec<Subject> {
    (0..TIMES)
        .map(|number| Subject::user(uuid_of(number)))
        .collect()
}

/// A gate that has them all in its cache, each on that tier.
pub(crate) fn gate(subjects: &[Subject], tier: &str) -> TierGate {
    let day = Duration::from_secs(24 * 60 * 60);
    let cache = CacheConfig::builder()
        .fresh_for(day)
        // So that a denial does not ask again.
        .confirm_age(day)
        .max_entries(u64::from(STRANGERS))
        .build()
        .expect("the bounds are sound");
    let gate = TierGate::builder(platform_catalog())
        .lookup(StaticLookup::default())
        .cache(cache)
        .clock(Still::default())
        .build()
        .expect("nothing is missing");
    let come = |subject: Subject| {
        let subscription = Subscription::new(subject, tier, SubscriptionStatus::Active);
        gate.lookup().push(Arc::new(subscription));
    };
    // They leave their room behind, so that hardly anybody's place is taken: which places are depends on
    // how hashes are seeded, and that is another way in each run.
    for stranger in TIMES..STRANGERS {
        come(Subject::user(uuid_of(stranger)));
    }
    gate.clear_caches();
    for subject in subjects {
        come(subject.clone());
    }
    // The first reads of an entry are dearer than the later ones.
    for _ in 0..10 {
        for subject in subjects {
            std::hint::black_box(gate.lookup().get(subject).expect("all are there"));
        }
    }
    gate
}
