//! Units that may be spent, each until its moment.

use std::collections::VecDeque;

/// How many blocks are told apart. With more, neighbours are spent by the earlier of their moments.
const MOST: usize = 16;

/// Units of one block.
#[derive(Clone, Copy, Debug)]
struct Block {
    units: u64,
    /// They may be spent until just before then.
    until: u64,
    /// What was used of the counter with it. Under a limit of as much or more it would have been
    /// granted too.
    floor: u64,
}

/// What a process has of one rate.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    // INVARIANT: moments rise from front to back.
    blocks: VecDeque<Block>,
}

impl Allowance {
    /// The units that may be spent now.
    pub(super) fn unspent(&self, now: u64) -> u64 {
        let live = self.blocks.iter().filter(|block| now < block.until);
        live.fold(0, |sum, block| sum.saturating_add(block.units))
    }

    /// The lowest limit under which all of it would have been granted.
    pub(super) fn floor(&self, now: u64) -> u64 {
        let live = self
            .blocks
            .iter()
            .filter(|block| now < block.until && block.units > 0);
        live.map(|block| block.floor).max().unwrap_or(0)
    }

    /// Puts in a block that may be spent until then.
    pub(super) fn put(&mut self, units: u64, until: u64, floor: u64, now: u64) {
        self.blocks
            .retain(|block| now < block.until && block.units > 0);
        let at = self.blocks.partition_point(|block| block.until <= until);
        self.blocks.insert(
            at,
            Block {
                units,
                until,
                floor,
            },
        );
        while self.blocks.len() > MOST {
            self.merge();
        }
    }

    fn merge(&mut self) {
        let Some(last) = self.blocks.pop_back() else {
            return;
        };
        if let Some(before) = self.blocks.back_mut() {
            before.units = before.units.saturating_add(last.units);
            before.floor = before.floor.max(last.floor);
        }
    }

    /// Spends up to so many units, those first that end first, and tells how many there were.
    pub(super) fn spend(&mut self, units: u64, now: u64) -> u64 {
        let mut left = units;
        for block in &mut self.blocks {
            if left == 0 {
                break;
            }
            if now < block.until {
                let taken = block.units.min(left);
                block.units -= taken;
                left -= taken;
            }
        }
        units - left
    }

    /// Takes back what was spent at this very moment, and told to nobody.
    pub(super) fn take_back(&mut self, units: u64, now: u64) {
        // Blocks stay in their place when they are empty, so none that it was spent of ends earlier.
        if let Some(block) = self.blocks.iter_mut().find(|block| now < block.until) {
            block.units = block.units.saturating_add(units);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_spent_until_just_before_their_moment_the_oldest_first() {
        let mut allowance = Allowance::default();
        allowance.put(5, 100, 5, 0);
        allowance.put(3, 200, 20, 10);
        assert_eq!((allowance.unspent(99), allowance.floor(99)), (8, 20));
        assert_eq!(allowance.spend(6, 99), 6);
        assert_eq!(allowance.unspent(99), 2);
        assert_eq!(allowance.unspent(100), 2, "the older ones were spent first");
        assert_eq!(allowance.spend(6, 199), 2);
        allowance.put(7, 300, 30, 200);
        assert_eq!((allowance.unspent(299), allowance.unspent(300)), (7, 0));
        assert_eq!((allowance.spend(1, 300), allowance.floor(300)), (0, 0));
    }

    #[test]
    fn what_is_taken_back_ends_no_later_than_what_it_was_spent_of() {
        let mut allowance = Allowance::default();
        allowance.put(5, 100, 0, 0);
        allowance.put(5, 200, 0, 0);
        assert_eq!(allowance.spend(7, 50), 7);
        allowance.take_back(7, 50);
        assert_eq!((allowance.unspent(50), allowance.unspent(100)), (10, 3));
    }

    proptest! {
        /// However blocks come, in order or not, and however many: none is spent too late.
        #[test]
        fn no_more_is_spent_than_ends_later(
            steps in prop::collection::vec((0..4_u64, 0..20_u64, 0..90_u64), 1..200),
        ) {
            let mut allowance = Allowance::default();
            let (mut now, mut granted, mut spent) = (0, Vec::new(), Vec::new());
            for (gap, units, life) in steps {
                now += gap;
                if life > 30 {
                    allowance.put(units, now + life, 0, now);
                    granted.push((now + life, units));
                } else {
                    spent.push((now, allowance.spend(units, now)));
                }
                // What is spent from some moment on comes of blocks that end after it.
                for from in 0..=now {
                    let later: u64 = spent.iter().filter(|it| it.0 >= from).map(|it| it.1).sum();
                    let room: u64 = granted.iter().filter(|it| it.0 > from).map(|it| it.1).sum();
                    prop_assert!(later <= room);
                }
                prop_assert!(allowance.blocks.len() <= MOST);
            }
        }
    }
}
