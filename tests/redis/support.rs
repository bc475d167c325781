//! Stores on servers, and short words for what tests do to them.

use std::sync::Arc;
use std::time::Duration;

use tiergate::clock::{Clock, ManualClock};
use tiergate::usage::{
    Admitted, Claim, CounterKey, CounterWindow, RedisUsage, RedisUsageBuilder, Reserve,
    ReserveOutcome, UsageStore,
};
use tiergate::{Limit, Subject};
use tiergate_tests::Redis;

pub(crate) const TTL: Duration = Duration::from_secs(600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A store on a server, with a prefix.
pub(crate) fn store(server: &Redis, prefix: &str) -> Arc<RedisUsage> {
    open(server, RedisUsage::builder().prefix(prefix))
}

/// A store on a server, with a prefix, that reads a clock.
pub(crate) fn clocked(server: &Redis, prefix: &str, clock: impl Clock) -> Arc<RedisUsage> {
    open(
        server,
        RedisUsage::builder().prefix(prefix).clock(Arc::new(clock)),
    )
}

pub(crate) fn open(server: &Redis, builder: RedisUsageBuilder) -> Arc<RedisUsage> {
    Arc::new(builder.open(&server.url()).unwrap())
}

/// An empty store that reads a clock, on the shared server.
pub(crate) async fn empty(clock: ManualClock) -> Option<Arc<RedisUsage>> {
    let server = Redis::shared().await?;
    Some(clocked(server, &Redis::prefix(), clock))
}

pub(crate) fn gauge(user: &str) -> CounterKey {
    CounterKey::new(Subject::user(user), "gauge", CounterWindow::Level)
}

pub(crate) fn rate(user: &str, length: Duration) -> CounterKey {
    CounterKey::new(
        Subject::user(user),
        "rate",
        CounterWindow::Sliding { length },
    )
}

/// A quota whose window holds the moment that a clock tells, and a hundred days.
pub(crate) fn quota(user: &str, clock: &dyn Clock) -> CounterKey {
    let start = clock.now();
    let end = start.saturating_add(Duration::from_secs(100 * 24 * 3_600));
    CounterKey::new(
        Subject::user(user),
        "quota",
        CounterWindow::Fixed { start, end },
    )
}

pub(crate) fn claim(key: &CounterKey, units: u64, limit: u64) -> Claim {
    Claim::new(key.clone(), units, Limit::AtMost(limit))
}

/// What was admitted of one claim; None if it was refused.
pub(crate) async fn ask(store: &dyn UsageStore, claim: Claim) -> Option<Admitted> {
    match store.reserve(Reserve::new(&[claim], TTL)).await.unwrap() {
        ReserveOutcome::Admitted(admitted) => Some(admitted),
        ReserveOutcome::Refused(_) => None,
    }
}

pub(crate) async fn used(store: &dyn UsageStore, key: &CounterKey) -> u64 {
    store.peek(std::slice::from_ref(key)).await.unwrap()[0].used()
}
