//! What is told to the store, and what it answers.

use std::time::Duration;

use tiergate_core::Limit;

use crate::{
    CounterKey, Lease, LeaseExtension, LeaseId, LeaseOutcome, RateBlock, RateBlockOutcome,
    SharedStore, StoreError, StoreErrorKind, StoreFuture,
};

/// What is told to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// See [`SharedStore::lease`](crate::SharedStore::lease).
    Lease {
        id: LeaseId,
        units: u64,
        kept: u64,
        limit: Limit,
    },
    /// See [`SharedStore::extend`](crate::SharedStore::extend).
    Extend { id: LeaseId, kept: u64 },
    /// See [`SharedStore::end`](crate::SharedStore::end).
    End { id: LeaseId, used: u64 },
    /// See [`SharedStore::take_of_rate`](crate::SharedStore::take_of_rate).
    TakeOfRate {
        units: u64,
        limit: Limit,
        spend_within: Duration,
    },
}

/// What the store answered to a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Lease(LeaseOutcome),
    Extend(LeaseExtension),
    /// Whatever it was, the lease is over and what was used is counted.
    End,
    OfRate(RateBlockOutcome),
    /// None, or a fault. It may have acted.
    Fault(StoreErrorKind),
}

impl Message {
    /// Tells it to the store, about that counter. A lease that it makes or extends lives for `ttl`.
    pub(super) fn send(
        self,
        store: &dyn SharedStore,
        key: &CounterKey,
        ttl: Duration,
    ) -> StoreFuture<Result<Answer, StoreError>> {
        match self {
            Self::Lease {
                id,
                units,
                kept,
                limit,
            } => {
                let lease = Lease {
                    key,
                    id,
                    units,
                    kept,
                    limit,
                    ttl,
                };
                store.lease(lease).map(|outcome| outcome.map(Answer::Lease))
            }
            Self::Extend { id, kept } => {
                let extension = store.extend(key, id, kept, ttl);
                extension.map(|extension| extension.map(Answer::Extend))
            }
            Self::End { id, used } => store.end(key, id, used).map(|end| end.map(|_| Answer::End)),
            Self::TakeOfRate {
                units,
                limit,
                spend_within,
            } => {
                let block = RateBlock {
                    key,
                    units,
                    limit,
                    spend_within,
                };
                let outcome = store.take_of_rate(block);
                outcome.map(|outcome| outcome.map(Answer::OfRate))
            }
        }
    }
}
