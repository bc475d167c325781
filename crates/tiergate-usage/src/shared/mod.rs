//! What several processes need of the store that they share.

mod lease;
mod rate_block;
mod tally;

pub use lease::{Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome};
pub use rate_block::{RateBlock, RateBlockOutcome};
pub use tally::{Adjustment, Tally};

use std::sync::Arc;
use std::time::Duration;

use crate::{CounterKey, StoreError, StoreFuture, UsageStore};

/// A store that hands out blocks of units to processes, and whose books can be put right.
///
/// A lease is a block of units of one quota or gauge that one process holds, to admit operations out
/// of its memory. What is leased counts as used. The holder tells from time to time how much stays
/// counted whatever becomes of it: the units that are *kept*. A lease that nobody extends in time is
/// over, once and for good: its kept units stay counted, the others go back to the counter they came
/// from. So a holder that admits no more than is kept never admits a unit that somebody else gets,
/// wherever it stops.
///
/// Rules that every such store keeps, and that the conformance suite of the `testing` feature checks:
///
/// * The id of a lease is its fencing token. The holder makes it; the store accepts it once. Whoever
///   comes with the id of a lease that is over changes what is counted only by telling, once, how
///   much was really used.
/// * Every message may come twice, or late. A lease that is granted again is the same lease, kept
///   units only rise, and an end that is told twice is one end.
/// * The time is the store's. A lease is open until just before its time to live has passed since
///   the store last granted or extended it.
/// * A lease settles in the window where it was granted, also after that window has ended.
///
/// A store remembers a lease that is over until a day after its window, at least.
///
/// A rate gives nothing back, so nothing of it is leased. A process [takes blocks](Self::take_of_rate)
/// of it instead, which it has to spend within a moment.
pub trait SharedStore: UsageStore {
    /// Takes a block of units.
    ///
    /// The future fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) when
    /// [`Lease::validate`] does, and with [`Full`](crate::StoreErrorKind::Full) when a bound of the
    /// store is reached.
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>>;

    /// Gives an open lease `ttl` from now, and keeps at least `kept` of its units. Neither its end
    /// nor what is kept ever moves back.
    ///
    /// Fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) when `kept` is more than
    /// was leased, or `ttl` is zero; nothing changes then.
    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>>;

    /// Ends a lease of which `used` units were used; the others go back. More than was leased is
    /// counted in full, even beyond the limit.
    ///
    /// If the lease is over already, what was kept of it is replaced by what was used, once.
    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>>;

    /// Takes a block of a rate's units, which may be spent until `spend_within` from now.
    ///
    /// They count from now until just before `spend_within` and then the length of the rate have
    /// passed: wherever a unit is spent in between, it counts for a length from there. So in no span
    /// of that length more than the limit is spent, by whomever and with whichever `spend_within`,
    /// units that were [reserved](UsageStore::reserve) directly included. Of those that come after a
    /// block, some may count for as much longer.
    ///
    /// Nothing is given back, and nothing has to be settled. It is not idempotent: asked twice, it
    /// counts twice, and whoever gets no answer has to take the units for spent.
    ///
    /// The future fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) when
    /// [`RateBlock::validate`] does, and with [`Full`](crate::StoreErrorKind::Full) when a bound of the
    /// store is reached.
    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>>;

    /// What the counter of a quota or gauge is made of.
    ///
    /// Fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) for a rate.
    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>>;

    /// Changes what is committed of a quota or gauge, and tells what it is made of afterwards. Takes
    /// what is there when less is committed than is to be taken off.
    ///
    /// This is for putting a counter right that is known to be wrong. It is not idempotent.
    ///
    /// Fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) for a rate.
    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>>;

    /// The longest that a call takes until it answers or fails, if the store sees to that.
    fn deadline(&self) -> Option<Duration> {
        None
    }
}

impl<S: SharedStore + ?Sized> SharedStore for Arc<S> {
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>> {
        (**self).lease(lease)
    }

    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>> {
        (**self).extend(key, id, kept, ttl)
    }

    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>> {
        (**self).end(key, id, used)
    }

    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>> {
        (**self).take_of_rate(block)
    }

    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>> {
        (**self).tally(key)
    }

    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        (**self).adjust(key, adjustment)
    }

    fn deadline(&self) -> Option<Duration> {
        (**self).deadline()
    }
}
