//! Ending blocks.

use super::Account;
use super::block::{Block, Closing};

impl Account {
    /// Ends the oldest blocks as far as as much is committed for good as they have units.
    pub(super) fn retire(&mut self) {
        while let Some(block) = self.blocks.front() {
            // What was used of earlier blocks is in all three sums.
            let live: u128 = self.blocks.iter().map(|it| u128::from(it.usable())).sum();
            let earlier = self
                .granted
                .saturating_sub(live + u128::from(self.owed_in_all()));
            let used = block.usable();
            let settled = self.committed.saturating_sub(self.unsettled);
            // What is not kept yet is reported first, when it is used: an end must not raise what
            // stays counted beyond that.
            if used == 0 || block.kept < used || settled.saturating_sub(earlier) < u128::from(used)
            {
                return;
            }
            if let Some(block) = self.blocks.pop_front() {
                self.close(&block, used);
            }
        }
    }

    /// Begins to give back one block whose units are not needed. Whether there was one.
    pub(super) fn give_back(&mut self) -> bool {
        // With an end under way, what is kept is not known well enough to lower it; nor while commits
        // wait for it.
        if !self.closing.is_empty() || self.unsettled > 0 || self.asking.is_some() || self.owed > 0
        {
            return false;
        }
        let found = self.blocks.iter().position(|block| {
            self.granted_without(block) >= self.used && self.keeps_without(block)
        });
        let Some(block) = found.and_then(|position| self.blocks.remove(position)) else {
            return false;
        };
        // Or the next one would be asked for at once.
        self.low_water = 0;
        let used = self.least_used(&block);
        let left = block.usable() - used;
        self.granted -= u128::from(left);
        self.barred = self.barred.saturating_sub(u128::from(left));
        self.close(&block, used);
        if self.blocks.is_empty() {
            self.overdrawn = 0;
            self.barred = 0;
        }
        true
    }

    /// The least that must stay counted of a block, for all that is committed to be kept without
    /// the rest of it.
    fn least_used(&self, block: &Block) -> u64 {
        let without = self.kept - u128::from(block.kept);
        let least = self.committed.saturating_sub(without);
        // No more than is kept of it, as all that is committed is kept.
        u64::try_from(least).unwrap_or(u64::MAX).min(block.kept)
    }

    fn granted_without(&self, block: &Block) -> u128 {
        self.granted - u128::from(block.usable()) + u128::from(self.least_used(block))
    }

    /// Whether all that is used stays kept when a block ends with the least that is used of it. What is
    /// open and might be of that block must not be counted as used of it: it may yet be released.
    fn keeps_without(&self, block: &Block) -> bool {
        let without = self.kept - u128::from(block.kept);
        without + u128::from(self.least_used(block)) >= self.used
    }

    /// Has a block ended that is out of the list. No more than is kept of it was used, so that the
    /// store counts `used` units of it at least, whether or not it hears of the end.
    fn close(&mut self, block: &Block, used: u64) {
        self.kept -= u128::from(block.kept - used);
        self.closing.push_back(Closing {
            id: block.id,
            used,
            at_store: block.units,
        });
        self.refresh_floor();
    }

    pub(super) fn refresh_floor(&mut self) {
        let floors = self.blocks.iter().map(|block| block.floor);
        self.floor = floors.max().unwrap_or(0);
    }
}
