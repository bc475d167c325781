use std::collections::VecDeque;

use super::slab::SlotNumber;

/// Those who came of late and are on trial: who is not used again while others come goes first. So a
/// flood of those who come once passes through this queue and drives nobody else out.
///
/// Whoever had to go is remembered for a while, by a part of the hash, and stays when coming again.
///
/// These are the small queue and the ghosts of J. Yang, Y. Zhang, Z. Qiu, Y. Yue and K. V. Rashmi,
/// "FIFO queues are all you need for cache eviction" (SOSP 2023).
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    queue: VecDeque<Newcomer>,
    /// By a part of the hash, the rest of it. Who comes to the same place takes it.
    ghosts: Box<[u32]>,
}

/// Somebody who may have been taken out meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer {
    /// The lower half of the hash, by which the place is found.
    pub(super) hash: u32,
    pub(super) slot: SlotNumber,
}

/// One of so many is on trial.
const SHARE: usize = 10;

impl Newcomers {
    pub(super) fn add(&mut self, newcomer: Newcomer) {
        self.queue.push_back(newcomer);
    }

    /// The one who came first.
    pub(super) fn oldest(&mut self) -> Option<Newcomer> {
        self.queue.pop_front()
    }

    /// Whether there are enough among so many entries for the oldest to go when somebody has to.
    pub(super) fn are_many_of(&self, entries: usize) -> bool {
        self.queue.len() > entries / SHARE
    }

    /// Whether there are more, so that the oldest has been on trial for long enough even if nobody has
    /// to go.
    pub(super) fn are_too_many_of(&self, entries: usize) -> bool {
        self.queue.len() > entries / SHARE + 1
    }

    /// Notes that somebody had to go, where there are so many entries.
    pub(super) fn let_go(&mut self, hash: u32, entries: usize) {
        if self.ghosts.len() < entries / 2 {
            self.ghosts = vec![0; entries].into();
        }
        if let Some(ghost) = ghost(&mut self.ghosts, hash) {
            *ghost = hash;
        }
    }

    /// Whether somebody had to go of late. That is forgotten then.
    pub(super) fn have_let_go(&mut self, hash: u32) -> bool {
        match ghost(&mut self.ghosts, hash) {
            // Zero stands for nobody. Who has it is new each time.
            Some(ghost) if *ghost == hash && hash != 0 => {
                *ghost = 0;
                true
            }
            _ => false,
        }
    }

    /// Forgets everybody.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn ghost(ghosts: &mut [u32], hash: u32) -> Option<&mut u32> {
    let spread = u64::from(hash).wrapping_mul(ghosts.len() as u64);
    ghosts.get_mut(usize::try_from(spread >> 32).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_is_on_trial_and_the_first_goes_first() {
        let mut newcomers = Newcomers::default();
        for hash in 0..11 {
            assert!(!newcomers.are_many_of(100));
            newcomers.add(Newcomer {
                hash,
                slot: SlotNumber(hash),
            });
        }
        assert!(newcomers.are_many_of(100) && !newcomers.are_too_many_of(100));
        assert_eq!(newcomers.oldest().map(|one| one.hash), Some(0));
        assert!(!newcomers.are_many_of(100));
    }

    #[test]
    fn who_had_to_go_is_known_when_coming_again_and_only_once() {
        let mut newcomers = Newcomers::default();
        assert!(!newcomers.have_let_go(7));
        newcomers.let_go(7, 100);
        assert!(!newcomers.have_let_go(8));
        assert!(newcomers.have_let_go(7));
        assert!(!newcomers.have_let_go(7));
    }
}
