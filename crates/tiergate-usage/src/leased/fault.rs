//! How long a store that failed is left alone.

use crate::StoreErrorKind;

/// How long the store is left alone after its first failure, at the most; each further failure
/// doubles that.
const FIRST_PAUSE: u64 = 50_000_000;

/// The longest such pause.
const LAST_PAUSE: u64 = 2_000_000_000;

/// That the store has failed, and not answered since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) kind: StoreErrorKind,
    failures: u32,
    /// Not before this moment is it asked again.
    pub(super) retry_at: u64,
}

impl Fault {
    /// The fault of a failure after `before`, if that had failed too. `dice` is any number.
    pub(super) fn after(before: Option<Self>, kind: StoreErrorKind, now: u64, dice: u64) -> Self {
        let failures = before.map_or(0, |fault| fault.failures);
        let longest = FIRST_PAUSE
            .saturating_mul(1 << failures.min(16))
            .min(LAST_PAUSE);
        // Between half of it and all, so that those who failed together do not return together.
        let pause = longest / 2 + dice % (longest / 2);
        Self {
            kind,
            failures: failures.saturating_add(1),
            retry_at: now.saturating_add(pause),
        }
    }

    /// Whether those who come now are told at once, and do not wait for the next attempt. One failure
    /// may be a moment's: a connection that broke, a store that was slow.
    pub(super) fn turns_away(self, now: u64) -> bool {
        now < self.retry_at && (self.failures > 1 || !self.kind.is_transient())
    }

    /// Whether those who wait are told. Who waits for a store that is slow or full may well be served by
    /// the next attempt, and goes when its own time is up. A store that said twice that it is away is.
    pub(super) fn ends_waits(self) -> bool {
        match self.kind {
            StoreErrorKind::TimedOut | StoreErrorKind::Full => false,
            StoreErrorKind::Unavailable => self.failures > 1,
            StoreErrorKind::IdempotencyConflict
            | StoreErrorKind::InvalidClaims
            | StoreErrorKind::Internal => true,
        }
    }
}
