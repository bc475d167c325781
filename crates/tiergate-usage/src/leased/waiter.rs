//! Operations that wait for units.

use std::time::Duration;

use smallvec::SmallVec;
use tiergate_core::Limit;
use tokio::sync::oneshot;

use crate::{CounterKey, MAX_CLAIMS, Refused, ReserveOutcome, StoreError, StoreErrorKind};

use super::accounts::AccountId;

/// What an operation that waited is told.
#[derive(Debug)]
pub(super) enum Verdict {
    Decided(ReserveOutcome),
    Failed(StoreErrorKind),
    /// Only the store can tell.
    AskStore,
}

impl Verdict {
    pub(super) fn refused(refused: Refused) -> Self {
        Self::Decided(ReserveOutcome::Refused(refused))
    }
}

/// The fault told to those who asked for units in vain.
pub(super) fn failed(kind: StoreErrorKind) -> StoreError {
    let error = StoreError::new(kind);
    match kind {
        StoreErrorKind::Full => {
            error.with_detail("too many operations wait for units of a counter")
        }
        _ => error.with_detail("no units could be leased"),
    }
}

/// An operation, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) wants: Wants,
    /// In how many queues it was before.
    pub(super) moves: usize,
    pub(super) tell: oneshot::Sender<Verdict>,
}

/// An operation whose counters are all in one shard.
#[derive(Clone, Debug)]
pub(super) struct Wants {
    pub(super) parts: SmallVec<[Part; MAX_CLAIMS]>,
    pub(super) ttl: Duration,
}

/// Units of one counter.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) account: AccountId,
    pub(super) key: CounterKey,
    pub(super) units: u64,
    pub(super) limit: Limit,
}

impl Waiter {
    pub(super) fn units_of(&self, key: &CounterKey) -> u64 {
        self.part(key).map_or(0, |part| part.units)
    }

    pub(super) fn limit_of(&self, key: &CounterKey) -> Limit {
        self.part(key).map_or(Limit::ZERO, |part| part.limit)
    }

    fn part(&self, key: &CounterKey) -> Option<&Part> {
        match self.wants.parts.as_slice() {
            [only] => Some(only),
            parts => parts.iter().find(|part| part.key == *key),
        }
    }
}
