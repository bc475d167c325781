//! Who there is, what they are subscribed to, and the gate that knows of them.

use std::sync::Arc;
use std::time::Duration;

use side_by_side::Zipf;
use tiergate::clock::{Clock, SystemClock};
use tiergate::lookup::{Answer, LookupErrorKind, SubscriptionLookup, async_trait};
use tiergate::request::{ExtractSubject, FromExtensions};
use tiergate::time::Timestamp;
use tiergate::{
    CacheConfig, Catalog, StaticLookup, Subject, Subscription, SubscriptionStatus, TierGate,
};
use tokio::runtime::{Builder, Runtime};

/// The feature that is asked for, which `free` does not have.
pub(crate) const FEATURE: &str = "crm_enabled";
/// The tier that is asked for.
pub(crate) const MIN_TIER: &str = "pro";
/// The limit that is asked for, of which `free` has nothing and `pro` a thousand units.
pub(crate) const LIMIT: &str = "workflow_executions_monthly";

/// Tiers that are given whatever is asked for, for as long as anybody measures.
const GENEROUS: [&str; 2] = ["premium", "enterprise"];

/// One subscriber of each tier, beside the many.
pub(crate) const ONE_OF_EACH: [&str; 8] = [
    "free",
    "pro",
    "max",
    "premium",
    "team_small",
    "team_growing",
    "team_scale",
    "enterprise",
];

/// A subscriber who was suspended.
pub(crate) const SUSPENDED: &str = "suspended";
/// Somebody of whom billing says nothing.
pub(crate) const UNKNOWABLE: &str = "unknowable";

/// Everything that does not differ from column to column.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) ids: Vec<String>,
    catalog: Catalog,
    lookup: Arc<Billing>,
    walk: Zipf,
}

impl World {
    /// So many subscribers, and one more of each tier.
    pub(crate) fn of(subscribers: usize) -> Self {
        let ids: Vec<String> = (0..subscribers)
            .map(|number| format!("{number:08x}-0000-4000-8000-{number:012x}"))
            .collect();
        let now = SystemClock::new().now();
        let generous = ids.iter().zip(GENEROUS.iter().cycle());
        let each = ONE_OF_EACH.iter().map(|tier| (*tier, tier));
        let all = generous.map(|(id, tier)| (id.as_str(), tier)).chain(each);
        let all = all.map(|(id, tier)| subscription(id, tier, SubscriptionStatus::Active, now));
        let suspended = subscription(SUSPENDED, "pro", SubscriptionStatus::Suspended, now);
        Self {
            runtime: Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime without I/O can always be built"),
            catalog: catalog(),
            lookup: Arc::new(Billing(StaticLookup::new(all.chain([suspended])))),
            walk: Zipf::below(subscribers, 0),
            ids,
        }
    }

    /// The tier of a subscriber.
    pub(crate) fn tier_of(number: usize) -> &'static str {
        GENEROUS.get(number % GENEROUS.len()).unwrap_or(&"free")
    }

    /// A gate that has all subscriptions in its cache.
    pub(crate) fn gate(&self) -> TierGate {
        self.gate_that_reads(FromExtensions::new())
    }

    /// The same, with a way of its own to find the subject.
    pub(crate) fn gate_that_reads(&self, extract: impl ExtractSubject) -> TierGate {
        let room = self.ids.len().saturating_add(1_000) as u64;
        let cache = CacheConfig::builder()
            .max_entries(room * 2)
            .max_bytes(room * 4_096)
            .fresh_for(Duration::from_secs(24 * 60 * 60))
            .build()
            .expect("the bounds are sound");
        let gate = TierGate::builder(self.catalog.clone())
            .lookup(Arc::clone(&self.lookup))
            .cache(cache)
            .subject(extract)
            .build()
            .expect("it has a lookup");
        self.runtime.block_on(async {
            let everybody = self.ids.iter().map(String::as_str).chain(ONE_OF_EACH);
            for id in everybody {
                let subject = Subject::user(id);
                gate.lookup().resolve(&subject).await;
                // The first reads of an entry are dearer than the later ones.
                for _ in 0..4 {
                    std::hint::black_box(gate.lookup().get(&subject));
                }
            }
        });
        gate
    }

    /// A walk over the subscribers, few of whom come often.
    pub(crate) fn walk(&self) -> Zipf {
        self.walk.clone()
    }
}

/// What tiergate comes with, but that nobody uses up what is unlimited there: fields are sent of
/// limits alone.
pub(crate) fn catalog() -> Catalog {
    let text = include_str!("../../feature-flags.yaml");
    let text = text.replace("unlimited", "900000000000000");
    Catalog::from_yaml(&text).expect("only numbers were changed")
}

fn subscription(id: &str, tier: &str, status: SubscriptionStatus, now: Timestamp) -> Subscription {
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    Subscription::new(Subject::user(id), tier, status)
        .with_period(now.saturating_sub(days(10)), now.saturating_add(days(20)))
}

/// Says of everybody what is known, and of one that it cannot say.
struct Billing(StaticLookup);

#[async_trait]
impl SubscriptionLookup for Billing {
    async fn lookup(&self, subject: &Subject) -> Answer {
        if subject.id() == UNKNOWABLE {
            return Answer::Failed(LookupErrorKind::Unreachable.into());
        }
        self.0.lookup(subject).await
    }
}
