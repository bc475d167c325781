//! Blocks of a rate's units, to be spent within a moment.

use crate::now::{Now, nanos};
use crate::{Claim, RateBlock, RateBlockOutcome, StoreError};

use super::ledger::{Keys, Ledger};
use super::operation::{Effect, Operation, Wanted};
use super::reserve::refusal;

/// Takes a block of a rate's units.
#[derive(Debug)]
pub(super) struct TakeOfRate {
    claim: Claim,
    ahead: u64,
}

impl TakeOfRate {
    /// # Errors
    ///
    /// As [`RateBlock::validate`].
    pub(super) fn new(block: RateBlock<'_>) -> Result<Self, StoreError> {
        block.validate()?;
        Ok(Self {
            claim: Claim::new(block.key.clone(), block.units, block.limit),
            ahead: nanos(block.spend_within),
        })
    }
}

impl Operation for TakeOfRate {
    type Answer = RateBlockOutcome;

    const EFFECT: Effect = Effect::Adds;

    fn want(&self, wanted: &mut Wanted) {
        wanted.counters.push(self.claim.key().clone());
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<RateBlockOutcome, StoreError> {
        if let Some((reason, state)) = refusal(&self.claim, ledger, now) {
            return Ok(RateBlockOutcome::Refused(reason, state));
        }
        let key = self.claim.key();
        let missing = usize::from(ledger.counters.get(key).is_none());
        ledger.make_room(missing, Keys::None)?;
        let count = ledger.counter(key, now);
        count.take_ahead(self.claim.units(), self.ahead, now);
        Ok(RateBlockOutcome::Granted(ledger.state(key, now)))
    }
}
