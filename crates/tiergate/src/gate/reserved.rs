use tiergate_core::Limit;
use tiergate_core::time::Timestamp;
use tiergate_usage::{Claim, CounterState, Hold, Settling};

use super::TierGate;
use super::charged::Account;
use super::metering::resets_at;
use super::tab::Item;

/// Units of a limit that were reserved for plain code, see
/// [`TierGate::reserve`](super::TierGate::reserve).
///
/// Dropping it gives them back, also on panic and when the task is cancelled.
#[derive(Debug)]
#[must_use = "what is reserved is given back when this is dropped"]
pub struct Reserved {
    item: Item,
    claim: Claim,
    state: CounterState,
    resets_at: Option<Timestamp>,
    hold: Hold,
    /// There where somebody wants to hear of what is charged.
    account: Option<(TierGate, Account)>,
}

impl Reserved {
    pub(super) fn new(
        hold: Hold,
        (item, claim): (Item, Claim),
        account: Option<(TierGate, Account)>,
        now: Timestamp,
    ) -> Option<Self> {
        let state = item.state?;
        Some(Self {
            resets_at: resets_at(item.window, state, now),
            item,
            claim,
            state,
            hold,
            account,
        })
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.claim.limit()
    }

    /// How many units are used, those that are reserved here included.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state.used()
    }

    /// How many units are left; none if there is no bound.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.limit().remaining(self.used())
    }

    /// When the window ends that they count in; none for a gauge.
    #[must_use]
    pub fn resets_at(&self) -> Option<Timestamp> {
        self.resets_at
    }

    /// Charges what was reserved. It is on its way when this returns, and goes on when the future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The future fails when the store cannot be reached after several tries. The units come back
    /// when the reservation expires.
    #[must_use = "the result tells whether it was charged"]
    pub fn commit(self) -> Settling {
        let units = self.claim.units();
        self.commit_units(units)
    }

    /// Charges what was really used, more or less than was reserved.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    #[must_use = "the result tells whether it was charged"]
    pub fn commit_units(self, units: u64) -> Settling {
        let settling = self.hold.commit(&[units]);
        if let Some((gate, account)) = &self.account {
            gate.charged(account, &self.item, &self.claim, units);
        }
        settling
    }

    /// Gives the units back, and tells how that went. A rate is never given back.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    #[must_use = "the result tells whether it was given back"]
    pub fn release(self) -> Settling {
        self.hold.release()
    }
}
