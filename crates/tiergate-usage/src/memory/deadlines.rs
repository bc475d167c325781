//! When reservations expire.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::slab::{Handle, Slab};

/// How many deadlines of settled reservations are kept at least, before they are thrown out.
const SLACK: usize = 64;

/// Deadlines nearer than this are put in order at once, in nanoseconds.
const NEAR: u64 = 1_000_000_000;

/// Something that is given up at some moment.
pub(crate) trait Expiring {
    /// By the monotonic clock, in nanoseconds.
    fn deadline(&self) -> u64;
}

/// Deadlines, the nearest first.
///
/// Nearly all reservations are settled long before they expire. So a new one only lowers the moment
/// `unordered`, and is put in order when that comes and it is still open: all that are then open are
/// looked at, which is at most once in [`NEAR`], and each at most once.
///
/// The deadline of a settled reservation that was put in order stays until it is due or too many have
/// gathered.
#[derive(Debug)]
pub(crate) struct Deadlines {
    ordered: BinaryHeap<Reverse<(u64, Handle)>>,
    /// No later than any deadline that is not in order yet.
    unordered: u64,
    /// Reservations from this generation on may not be in order.
    generation: Option<u64>,
}

impl Deadlines {
    /// Notes the deadline of what is newly at `handle`.
    #[inline]
    pub(crate) fn add<T>(&mut self, deadline: u64, now: u64, handle: Handle, all: &Slab<T>) {
        if self.generation.is_none() {
            self.generation = Some(handle.generation);
        }
        if deadline.saturating_sub(now) < NEAR {
            self.push(deadline, handle);
            self.thin_out(all);
        } else {
            // Hardly ever is, and what is not written need not be fetched for writing.
            if deadline < self.unordered {
                self.unordered = deadline;
            }
        }
    }

    /// Notes that something has longer than it was said to have.
    pub(crate) fn push(&mut self, deadline: u64, handle: Handle) {
        self.ordered.push(Reverse((deadline, handle)));
    }

    /// No later than the next deadline.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        let first = self.ordered.peek().map(|Reverse((deadline, _))| *deadline);
        first.unwrap_or(u64::MAX).min(self.unordered)
    }

    /// Takes a deadline that has come.
    pub(crate) fn pop_due<T: Expiring>(&mut self, now: u64, all: &Slab<T>) -> Option<Handle> {
        if self.unordered <= now {
            self.put_in_order(all);
        }
        let Reverse((deadline, _)) = self.ordered.peek()?;
        if *deadline > now {
            return None;
        }
        self.ordered.pop().map(|Reverse((_, handle))| handle)
    }

    fn put_in_order<T: Expiring>(&mut self, all: &Slab<T>) {
        self.unordered = u64::MAX;
        let Some(generation) = self.generation.take() else {
            return;
        };
        let new = all.since(generation);
        self.ordered
            .extend(new.map(|(handle, value)| Reverse((value.deadline(), handle))));
        self.thin_out(all);
    }

    /// Throws out the deadlines that nobody waits for, once they outnumber the others.
    fn thin_out<T>(&mut self, all: &Slab<T>) {
        if self.ordered.len() > all.occupied().saturating_mul(2).saturating_add(SLACK) {
            self.ordered
                .retain(|Reverse((_, handle))| all.get(*handle).is_some());
        }
    }

    pub(crate) fn shrink(&mut self) {
        let end = self.ordered.len().saturating_add(SLACK);
        if self.ordered.capacity() / 4 > end {
            self.ordered.shrink_to(end * 2);
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            ordered: BinaryHeap::new(),
            unordered: u64::MAX,
            generation: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::room::Room;
    use super::super::slab::Ended;
    use super::*;

    struct Until(u64);

    impl Expiring for Until {
        fn deadline(&self) -> u64 {
            self.0
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Open {
            length: u64,
        },
        /// The so-manieth of those that are open.
        Settle(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..5 * NEAR).prop_map(|length| Step::Open { length }),
            1 => (1..NEAR / 1_000).prop_map(|length| Step::Open { length }),
            3 => any::<usize>().prop_map(Step::Settle),
            2 => (0..2 * NEAR).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn what_is_open_is_told_at_its_deadline_and_never_before(
            steps in prop::collection::vec(step(), 1..400),
        ) {
            let room = Room::new(10_000);
            let (mut slab, mut deadlines) = (Slab::new(), Deadlines::default());
            let mut open: Vec<(u64, Handle)> = Vec::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Open { length } => {
                        let vacancy = slab.vacancy(&room).unwrap();
                        let handle = slab.insert(vacancy, Until(now + length));
                        deadlines.add(now + length, now, handle, &slab);
                        open.push((now + length, handle));
                    }
                    Step::Settle(at) if !open.is_empty() => {
                        let (_, handle) = open.swap_remove(at % open.len());
                        prop_assert!(slab.remove(handle, |_| Ended::Settled).is_some());
                    }
                    Step::Settle(_) => {}
                    Step::Wait(length) => now += length,
                }
                let first = open.iter().map(|(deadline, _)| *deadline).min();
                prop_assert!(deadlines.next() <= first.unwrap_or(u64::MAX));
                let mut told = Vec::new();
                while let Some(handle) = deadlines.pop_due(now, &slab) {
                    if let Some(Until(deadline)) = slab.remove(handle, |_| Ended::Expired) {
                        told.push((deadline, handle));
                    }
                }
                let mut due: Vec<_> = open.extract_if(.., |(deadline, _)| *deadline <= now).collect();
                due.sort();
                told.sort();
                prop_assert_eq!(told, due);
                prop_assert!(deadlines.ordered.len() <= 2 * open.len() + SLACK + 1);
            }
        }
    }
}
