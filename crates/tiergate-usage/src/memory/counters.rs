//! The counters of one shard.

use crate::now::Now;
use crate::{CounterKey, CounterWindow};

use super::counter::Counter;
use super::room::Room;
use super::shard::Held;
use super::table::{Id, Row, Table};

/// How many places are looked at, whenever a counter is made, for one that can go. As many counters are
/// in them as go faster than new ones come: places are filled to three eighths at least when they have
/// just been doubled.
const SWEPT_PER_NEW: usize = 8;

/// A counter with its key is in one cache line, as what finding and counting costs is above all that memory
/// has to be fetched.
const _: () = assert!(size_of::<Option<Row<Counter>>>() == 64);

/// Which counter it is, for as long as a reservation refers to it.
pub(super) type CounterId = Id;

/// Counters by key.
///
/// They are made when they are first used, and forgotten when that changes no answer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    table: Table<Counter>,
    cursor: usize,
}

impl Counters {
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &CounterKey) -> Option<CounterId> {
        self.table.find(hash, key)
    }

    /// The counter of `key`, and which it is.
    #[inline]
    pub(super) fn find_mut(
        &mut self,
        hash: u64,
        key: &CounterKey,
    ) -> Option<(CounterId, &mut Counter)> {
        self.table.find_mut(hash, key)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: CounterId) -> Option<&mut Counter> {
        self.table.get_mut(id)
    }

    /// Makes a counter for which the caller has taken room.
    pub(super) fn create(&mut self, hash: u64, key: &CounterKey, now: &Now<'_>) -> CounterId {
        self.table
            .insert(hash, key, Counter::new(key.window(), now))
    }

    /// Gives held units back to the counters they came from.
    pub(super) fn give_back(&mut self, held: &[Held]) {
        for held in held {
            if let Some(counter) = self.get_mut(held.counter) {
                counter.release(held.units);
            }
        }
    }

    /// The window of a counter.
    pub(super) fn window(&self, id: CounterId) -> Option<CounterWindow> {
        self.table.window(id)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Looks at the next few places in turn, and forgets the counters there that are idle. Tells how
    /// many.
    pub(super) fn sweep_some(
        &mut self,
        now: &Now<'_>,
        room: &Room,
        is_held: impl Fn(CounterId) -> bool,
    ) -> u64 {
        let mut swept = 0;
        for _ in 0..SWEPT_PER_NEW {
            if self.cursor >= self.table.places() {
                self.cursor = 0;
            }
            if self.forget_if_idle(self.cursor, now, room, &is_held) {
                // Another may have come to its place.
                swept += 1;
            } else {
                self.cursor += 1;
            }
        }
        swept
    }

    /// Looks at every counter, forgets the idle ones and gives their memory back. Tells how many.
    pub(super) fn sweep(
        &mut self,
        now: &Now<'_>,
        room: &Room,
        is_held: impl Fn(CounterId) -> bool,
    ) -> u64 {
        let mut swept = 0;
        let mut place = 0;
        while place < self.table.places() {
            if self.forget_if_idle(place, now, room, &is_held) {
                swept += 1;
            } else {
                place += 1;
            }
        }
        self.table.shrink();
        swept
    }

    #[inline]
    fn forget_if_idle(
        &mut self,
        place: usize,
        now: &Now<'_>,
        room: &Room,
        is_held: &impl Fn(CounterId) -> bool,
    ) -> bool {
        let is_idle =
            |id, window, counter: &mut Counter| counter.is_idle(window, now) && !is_held(id);
        let forgotten = self.table.remove_at(place, is_idle);
        if forgotten {
            room.give_back(1);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use tiergate_clock::ManualClock;
    use tiergate_core::Subject;
    use tiergate_core::time::Timestamp;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// Takes a unit of the counter with that number, which is made if it is not there.
        Take(u64),
        /// Gives it back.
        Leave(u64),
        SweepSome,
        Sweep,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..200_u64).prop_map(Step::Take),
            8 => (0..200_u64).prop_map(Step::Leave),
            2 => Just(Step::SweepSome),
            1 => Just(Step::Sweep),
        ]
    }

    fn key(number: u64) -> CounterKey {
        CounterKey::new(Subject::user(number.to_string()), "f", CounterWindow::Level)
    }

    proptest! {
        /// Wherever they lie, and however many have the same hash or one nearby: also around the end.
        #[test]
        fn every_counter_in_use_is_found_by_its_key_and_its_id(
            steps in prop::collection::vec(step(), 1..600),
            hashes in 1..40_u64,
            start in prop_oneof![Just(0), Just(u64::MAX - 3), any::<u64>()],
        ) {
            let clock = ManualClock::at(Timestamp::from_seconds(0));
            let now = Now::read(&clock);
            let room = Room::new(1_000);
            let mut counters = Counters::default();
            let mut open: HashMap<u64, (CounterId, u64)> = HashMap::new();
            let hash = |number: u64| start.wrapping_add(number % hashes);
            for step in steps {
                match step {
                    Step::Take(number) => {
                        let found = counters.find(hash(number), &key(number));
                        let id = found.unwrap_or_else(|| {
                            assert!(room.take(1), "there is room for all");
                            counters.create(hash(number), &key(number), &now)
                        });
                        counters.get_mut(id).unwrap().reserve(1, &now);
                        open.entry(number).or_insert((id, 0)).1 += 1;
                    }
                    Step::Leave(number) => {
                        if let Some((id, units)) = open.get_mut(&number) {
                            counters.get_mut(*id).unwrap().release(1);
                            *units -= 1;
                        }
                        open.retain(|_, (_, units)| *units > 0);
                    }
                    Step::SweepSome => {
                        counters.sweep_some(&now, &room, |_| false);
                    }
                    Step::Sweep => {
                        counters.sweep(&now, &room, |_| false);
                        prop_assert_eq!(counters.len(), open.len());
                    }
                }
                prop_assert_eq!(room.taken(), counters.len());
                for (number, (id, units)) in &open {
                    prop_assert_eq!(counters.find(hash(*number), &key(*number)), Some(*id));
                    let counter = counters.get_mut(*id).unwrap();
                    let state = counter.state(CounterWindow::Level, &now);
                    prop_assert_eq!(state.used(), *units);
                }
            }
        }
    }
}
