//! The store that counts in Redis.

mod call;
mod config;
mod eviction;
mod fault;
mod id;
mod link;
mod name;
mod reply;
mod script;
mod send;
mod settle;
mod shared;
mod statistics;
mod sweep;
mod usage;

pub use config::{RedisConfigError, RedisUsageBuilder};
pub use statistics::RedisStatistics;

use std::sync::Arc;

use tiergate_clock::Clock;

use link::Link;
use name::Prefix;
use send::Sender;

/// Counts in Redis or Valkey, exactly, for any number of processes.
///
/// Every operation is one script, which runs alone on the server: of N operations at once, in however
/// many processes, at a limit of L, exactly L are admitted. Each is one round trip, of some tens of
/// microseconds on the server; a second one where the server does not know the script yet, or where
/// claims of several subjects are settled. [`peek`](crate::UsageStore::peek) is one for each subject.
///
/// It needs Redis 6.2, or any Valkey. A cluster is opened with
/// [`open_cluster`](RedisUsageBuilder::open_cluster). There, one operation cannot have claims of
/// several subjects, and fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) if it has.
/// The store connects with the first call, and again whenever the connection is lost.
///
/// # What Redis keeps
///
/// What Redis keeps is kept, and no more:
///
/// * Without persistence a restart forgets everything. With `appendonly yes`, and `appendfsync
///   everysec` as it is by default, a crash of the server's host loses about the last second;
///   `appendfsync always` loses nothing that was acknowledged.
/// * A failover to a replica loses what had not reached it.
/// * `maxmemory-policy` has to be `noeviction`. Every key here has an end, so all other policies throw
///   counters away when memory is full. The store warns of them, if it may ask.
/// * After `FLUSHALL` or a loss everything counts from zero, and reservations of before are
///   [`Unknown`](crate::Settlement::Unknown). What was used can be put back with
///   [`adjust`](crate::SharedStore::adjust), from records of it.
///
/// # How it counts
///
/// As [`MemoryUsage`](crate::MemoryUsage) does, to the microsecond, and with sums that are exact up to
/// 2^84. The time is the server's clock, of which there is one for all processes:
///
/// * If it is set back, no unit of a rate leaves early: time stands still for the rate until the clock
///   has caught up. Open reservations and leases live longer by as much.
/// * If it is set forward, everything ends earlier by as much.
///
/// # What is bounded, and what is removed
///
/// * A call has a [deadline](RedisUsageBuilder::deadline), and at most
///   [`max_calls`](RedisUsageBuilder::max_calls) are under way.
/// * A call whose connection breaks is sent once more, under the same name, so that it counts once.
/// * No key is without an end. The keys of a subject live as long as they are of use: until a day after
///   the window of a quota, until the last unit of a rate has left, until open reservations and leases
///   are over and those that are over are forgotten. A gauge above zero is kept for
///   [`gauge_ttl`](RedisUsageBuilder::gauge_ttl) after its subject was last written.
/// * A reservation that was settled is remembered for a minute, or 5 seconds where a subject has
///   more than 10,000 of them; one that expired for an hour. Up to 63 calls may ever join one
///   operation by its idempotency key while it is open.
/// * Each operation removes some of what is over of its subjects. [`sweep`](Self::sweep) does so for
///   all subjects, for quiet hours.
///
/// What is open when a process ends expires with its time to live, as the next operation on the subject
/// finds. When so much has expired at once that one script should not deal with it, the store asks
/// several times before it answers.
///
/// # Keys, and rights
///
/// All keys begin with the [prefix](RedisUsageBuilder::prefix). Each subject has two, in one hash slot:
/// `tiergate:usage:{<tag>}:u`, a hash, and `tiergate:usage:{<tag>}:d`, a sorted set. The tag is a hash
/// of the subject; the fields have its name. To remove a subject with all its counters, delete both.
///
/// A user of Redis needs these keys and the commands `EVAL`, `EVALSHA`, `TIME`, `HGET`, `HMGET`, `HSET`,
/// `HDEL`, `ZADD`, `ZREM`, `ZRANGEBYSCORE`, `ZCARD`, `PTTL` and `PEXPIRE`; `SCAN` to sweep; and may have
/// `CONFIG GET`, so that the store can warn.
///
/// ```no_run
/// use std::time::Duration;
/// use tiergate_core::{Limit, Subject};
/// use tiergate_usage::{
///     Claim, CounterKey, CounterWindow, RedisUsage, Reserve, ReserveOutcome, UsageStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let usage = RedisUsage::open("redis://127.0.0.1:6379/0")?;
/// let stored = CounterKey::new(Subject::user("42"), "storage_limit_gb", CounterWindow::Level);
/// let claims = [Claim::new(stored, 3, Limit::AtMost(5))];
///
/// let request = Reserve::new(&claims, Duration::from_secs(60));
/// if let ReserveOutcome::Admitted(admitted) = usage.reserve(request).await? {
///     usage.commit(admitted.id(), &[3]).await?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RedisUsage {
    sender: Arc<Sender>,
}

impl RedisUsage {
    /// The store on the server that `url` names, with the defaults of [`RedisUsageBuilder`]. Does not
    /// connect yet: the first call does.
    ///
    /// # Errors
    ///
    /// As for [`RedisUsageBuilder::open`].
    pub fn open(url: &str) -> Result<Self, RedisConfigError> {
        Self::builder().open(url)
    }

    /// A store with settings of its own.
    pub fn builder() -> RedisUsageBuilder {
        RedisUsageBuilder::new()
    }

    /// What the store has done so far, in this process.
    #[must_use]
    pub fn statistics(&self) -> RedisStatistics {
        self.sender.statistics()
    }

    fn from_parts(
        link: Link,
        prefix: Prefix,
        clock: Option<Arc<dyn Clock>>,
        settings: &RedisUsageBuilder,
    ) -> Self {
        let sender = Arc::new(Sender::new(link, prefix, clock, settings));
        Self { sender }
    }
}
