use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate::lookup::Answer;
use tiergate::time::Timestamp;
use tiergate::{
    Subject, SubjectKind, Subscription, SubscriptionLookup, SubscriptionStatus, async_trait,
};

const TIERS: [&str; 8] = [
    "free",
    "pro",
    "max",
    "premium",
    "team_small",
    "team_growing",
    "team_scale",
    "enterprise",
];

/// A source that knows every user, and no organization. Clones share what they counted.
#[derive(Clone, Default)]
pub(crate) struct Records {
    delay: Duration,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    under_way: AtomicU64,
    most_under_way: AtomicU64,
}

impl Records {
    /// A source that takes so long for an answer.
    pub(crate) fn after(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.counts.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn most_under_way(&self) -> u64 {
        self.counts.most_under_way.load(Ordering::Relaxed)
    }
}

/// What a billing service answers for a user: an id, a tier, a period, a revision.
pub(crate) fn record(subject: Subject) -> Subscription {
    let hash = subject.id().bytes().fold(7_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let place = usize::try_from(hash % TIERS.len() as u64).unwrap_or(0);
    let tier = TIERS.get(place).copied().unwrap_or("free");
    let id = format!("sub_{hash:016x}");
    let start = Timestamp::from_seconds(1_767_225_600);
    let end = Timestamp::from_seconds(1_769_904_000);
    Subscription::new(subject, tier, SubscriptionStatus::Active)
        .with_id(id)
        .with_period(start, end)
        .with_version(3)
}

#[async_trait]
impl SubscriptionLookup for Records {
    async fn lookup(&self, subject: &Subject) -> Answer {
        let counts = &*self.counts;
        counts.calls.fetch_add(1, Ordering::Relaxed);
        let under_way = counts.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        counts
            .most_under_way
            .fetch_max(under_way, Ordering::Relaxed);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        counts.under_way.fetch_sub(1, Ordering::Relaxed);
        match subject.kind() {
            SubjectKind::User => Answer::Found(Arc::new(record(subject.clone()))),
            SubjectKind::Organization => Answer::Missing,
        }
    }
}
