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
//!   the memory of one process.
//! * A [`Reservation`] holds what was admitted, and gives it back when it is dropped.
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

#![cfg_attr(docsrs, feature(doc_cfg))]

mod claim;
mod error;
mod future;
mod key;
mod memory;
mod observe;
mod reservation;
mod settle;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use claim::{Claim, IdempotencyKey, InvalidIdempotencyKeyError, MAX_CLAIMS, Reserve};
pub use error::{StoreError, StoreErrorKind};
pub use future::StoreFuture;
pub use key::{CounterKey, CounterWindow};
pub use memory::{MemoryUsage, MemoryUsageBuilder, Statistics};
pub use reservation::{Admission, Admitting, Reservation};
pub use settle::Settling;
pub use store::{
    Admitted, CounterState, CounterStates, Lowered, Refusal, Refused, Replay, ReservationId,
    ReserveOutcome, Settlement, UsageStore,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_anywhere<T: Send + Sync + 'static>() {}
    fn moves_between_threads<T: Send + Unpin + 'static>() {}

    #[test]
    fn public_types_go_where_handlers_go() {
        goes_anywhere::<MemoryUsage>();
        goes_anywhere::<Reservation>();
        goes_anywhere::<Claim>();
        goes_anywhere::<StoreError>();
        goes_anywhere::<std::sync::Arc<dyn UsageStore>>();
        moves_between_threads::<Admitting>();
        moves_between_threads::<Settling>();
        moves_between_threads::<StoreFuture<Result<ReserveOutcome, StoreError>>>();
    }
}
