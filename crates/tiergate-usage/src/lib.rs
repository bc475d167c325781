//! How much of a limit is used.
//!
//! This is a part of [tiergate](https://docs.rs/tiergate), which most users want instead. It counts,
//! and knows nothing of tiers: which limit holds comes with each call, and none is ever stored.
//!
//! An operation reserves its units before it does its work. Of N operations at once, at a limit of L,
//! exactly L are admitted. Then it commits what it has used, or it gives everything back.
//!
//! * A [`Claim`] is so many units of one counter, under a limit. A [`CounterKey`] names the counter:
//!   a gauge, a rate or a quota.
//! * A [`UsageStore`] takes all claims of an operation or none. [`MemoryUsage`] is one that counts in
//!   the memory of one process; `SqliteUsage`, `PostgresUsage` and `RedisUsage`, with the cargo features
//!   `sqlite`, `postgres` and `redis`, count for several. [`choosing`] says which is for whom.
//! * A [`LeasedUsage`] stands in front of one that is shared, and decides in memory.
//! * A [`Reservation`] holds what was admitted, and gives it back when it is dropped.
//! * `recorder`, with the cargo feature of that name, keeps usage for billing in a local journal until
//!   it is delivered.
//! * `testing`, with the cargo feature of that name, has a conformance suite for stores.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tiergate_core::{Limit, Subject};
//! use tiergate_usage::{
//!     Admission, Claim, CounterKey, CounterWindow, MemoryUsage, Reservation, Reserve, UsageStore,
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
//! let minute = CounterWindow::Sliding { length: Duration::from_secs(60) };
//! let calls = CounterKey::new(Subject::user("42"), "api_calls_per_minute", minute);
//! let claims = [Claim::new(calls, 1, Limit::AtMost(1))];
//!
//! for attempt in 1..=2 {
//!     let request = Reserve::new(&claims, Duration::from_secs(30));
//!     match Reservation::admit(Arc::clone(&store), request).await? {
//!         Admission::Admitted(reservation) => {
//!             assert_eq!(attempt, 1);
//!             reservation.commit().await?;
//!         }
//!         Admission::Refused(refused) => {
//!             assert_eq!(attempt, 2);
//!             assert!(refused.state().wait() <= Some(Duration::from_secs(60)));
//!         }
//!     }
//! }
//! # Ok::<(), tiergate_usage::StoreError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Logs
//!
//! Events have the target `tiergate::usage` and a field `event`, which is their name. They name
//! reservations by id, and never a subject.
//!
//! | event | level | fields | when |
//! |---|---|---|---|
//! | `units.reserved` | trace | `reservation` | units were taken |
//! | `units.settled` | trace | `reservation`, `ending`, `outcome` | a reservation was settled |
//! | `units.refused` | debug | `claim`, `reason`, `used` | units did not fit |
//! | `settling.retried` | debug | `reservation`, `ending`, `attempt`, `error` | the store failed to settle, and is asked again |
//! | `counters.swept` | debug | `counters` | idle counters were forgotten |
//! | `store.failed` | warn | `error` | the store failed to reserve |
//! | `settling.late` | warn | `reservation`, `ending`, `outcome` | a reservation had expired, or was not known any more |
//! | `settling.given_up` | warn | `reservation`, `ending`, `error` | the store went on failing to settle |
//! | `units.abandoned` | warn | – | a caller left while units were being reserved, and there was no runtime to release them |
//! | `reservations.expired` | warn | `reservations` | reservations were released that nobody settled in time |
//! | `store.full` | warn | – | a bound of the store was reached |
//! | `store.broken` | warn | `error` | the file of a store failed, and is opened again |
//! | `store.connected` | debug | `connection` | a store in Redis connected, for the so many-th time |
//! | `store.evicts` | warn | `policy` | Redis may throw counters away |
//! | `store.repeated` | debug | `operation`, `error` | a connection broke, or two calls met, and a store in a database is asked again |
//! | `store.timed_out` | debug | `operation` | a store in a database gave no answer within the deadline |
//! | `store.schema_made` | info | `schema`, `version` | a store in a database made its schema |
//!
//! A recorder of usage (`recorder`) names records by id, and never a subject:
//!
//! | event | level | fields | when |
//! |---|---|---|---|
//! | `recorder.opened` | info | `folder`, `records`, `bytes` | a journal was opened, with so much that is not delivered |
//! | `journal.repaired` | warn | `torn_tails`, `broken_tails`, `bytes_cut`, `headers`, `cursors` | it was not as it should be left, and is now |
//! | `journal.damaged` | error | `records` | records could not be read, and are lost |
//! | `journal.set_aside` | error | `file` | a segment of which not all could be read is kept for inspection |
//! | `journal.failed` | error | `doing`, `error` | the disk failed; of failed writes in a row the first is told |
//! | `journal.recovered` | info | – | writing works again |
//! | `journal.full` | error | `bytes` | the journal reached its bound, and records are refused |
//! | `queue.full` | error | `records` | records come faster than they are written; of refusals in a row the first is told |
//! | `delivery.failed` | warn | `error`, `failures`, `pause` | a batch was not delivered, and is sent again after so many seconds |
//! | `delivery.unauthorized` | error | `error`, `failures`, `pause` | the same, because the credential was refused |
//! | `delivery.recovered` | info | – | a batch was delivered after failures |
//! | `delivery.halved` | debug | `records`, `error` | a batch of so many was refused as such, and is sent in halves |
//! | `record.rejected` | warn | `id`, `reason` | a record will not be billed, and is in `rejected.jsonl` |
//! | `sender.failed` | error | – | the sink panicked |
//!
//! Those of [`LeasedUsage`] are listed with it.
//!
//! # Metrics
//!
//! With the cargo feature `metrics`, a [`Reservation`] writes to the recorder of the `metrics` crate:
//!
//! | name | kind | counts |
//! |---|---|---|
//! | `tiergate_reservations_open` | gauge | reservations held now |
//! | `tiergate_reservations_total` | counter | what became of them, by `outcome` |
//!
//! Outcomes of asking are `admitted`, `replayed`, `refused` and `failed`; outcomes of settling are
//! `committed`, `released`, `already_settled`, `expired`, `unknown` and `left_to_expire`.
//!
//! A recorder of usage writes these. With several recorders in one process the gauges are those of the
//! one that wrote last.
//!
//! | name | kind | counts |
//! |---|---|---|
//! | `tiergate_usage_records_total` | counter | records, by `outcome`: `recorded`, then `delivered`, `duplicate`, `rejected`, `expired` or `damaged` |
//! | `tiergate_usage_records_refused_total` | counter | records that were not recorded, by `reason`: `queue_full`, `journal_full`, `disk`, `invalid`, `shut_down` |
//! | `tiergate_usage_delivery_failures_total` | counter | batches that were not delivered, by `kind`: `unavailable`, `unauthorized` |
//! | `tiergate_usage_journal_failures_total` | counter | faults of the disk |
//! | `tiergate_usage_journal_records` | gauge | records that are not delivered |
//! | `tiergate_usage_journal_bytes` | gauge | what the journal takes on the disk |
//! | `tiergate_usage_journal_oldest_seconds` | gauge | the age of the oldest record of the batch under way; 0 when there is none |
//!
//! A store in PostgreSQL writes, too:
//!
//! | name | kind | counts |
//! |---|---|---|
//! | `tiergate_usage_store_repeats_total` | counter | calls that were made again |
//! | `tiergate_usage_store_timeouts_total` | counter | calls that got no answer within the deadline |
//! | `tiergate_usage_store_full_total` | counter | calls that were refused because too many waited |
//!
//! Those of [`LeasedUsage`] are listed with it.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod choosing;
mod claim;
mod count;
mod error;
mod future;
mod hold;
mod holders;
#[cfg(feature = "recorder")]
mod journal;
mod key;
mod key_hash;
mod leased;
mod memory;
mod now;
mod observe;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod rate;
#[cfg(feature = "recorder")]
pub mod recorder;
#[cfg(feature = "redis")]
mod redis;
mod reservation;
mod settle;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod sums;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod urgency;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod when_absent;

#[cfg(feature = "redis")]
pub use self::redis::{RedisConfigError, RedisStatistics, RedisUsage, RedisUsageBuilder};
#[cfg(feature = "recorder")]
pub use async_trait::async_trait;
pub use claim::{Claim, IdempotencyKey, InvalidIdempotencyKeyError, MAX_CLAIMS, Reserve};
pub use error::{StoreError, StoreErrorKind};
pub use future::StoreFuture;
pub use hold::{Asked, Hold, NotHeld};
pub use key::{CounterKey, CounterWindow};
pub use leased::{LeasedUsage, LeasedUsageBuilder, Rates};
pub use memory::{MemoryUsage, MemoryUsageBuilder, Statistics};
#[cfg(feature = "postgres")]
pub use postgres::{
    Pooler, PostgresStatistics, PostgresUsage, PostgresUsageBuilder, PostgresUsageError,
};
pub use reservation::{Admission, Admitting, Reservation};
pub use settle::Settling;
pub use shared::{
    Adjustment, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome, RateBlock,
    RateBlockOutcome, SharedStore, Tally,
};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteStatistics, SqliteUsage, SqliteUsageBuilder};
pub use store::{
    Admitted, CounterState, CounterStates, Lowered, Refusal, Refused, Replay, ReservationId,
    ReserveOutcome, Settlement, UsageStore,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use when_absent::WhenAbsent;

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_anywhere<T: Send + Sync + 'static>() {}
    fn moves_between_threads<T: Send + Unpin + 'static>() {}

    #[test]
    fn public_types_go_where_handlers_go() {
        goes_anywhere::<MemoryUsage>();
        goes_anywhere::<LeasedUsage>();
        goes_anywhere::<Rates>();
        goes_anywhere::<Reservation>();
        goes_anywhere::<Hold>();
        goes_anywhere::<Claim>();
        goes_anywhere::<StoreError>();
        goes_anywhere::<std::sync::Arc<dyn UsageStore>>();
        moves_between_threads::<Admitting>();
        moves_between_threads::<Settling>();
        moves_between_threads::<StoreFuture<Result<ReserveOutcome, StoreError>>>();
    }
}
