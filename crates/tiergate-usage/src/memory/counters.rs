//! The counters of one shard.

use hashbrown::HashTable;

use crate::CounterKey;
use crate::now::Now;

use super::counter::Counter;
use super::room::Room;

/// How many counters are looked at, whenever one is made, for one that can go. More than one, so
/// that idle counters go faster than new ones come.
const SWEPT_PER_NEW: usize = 4;

/// Where a counter is, for as long as a reservation refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CounterIndex(u32);

/// Counters by key.
///
/// They are made when they are first used, and forgotten when that changes no answer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    index: HashTable<CounterIndex>,
    slots: Vec<Option<Counter>>,
    vacant: Vec<CounterIndex>,
    cursor: usize,
}

impl Counters {
    pub(super) fn find(&self, hash: u64, key: &CounterKey) -> Option<CounterIndex> {
        let slots = &self.slots;
        self.index
            .find(hash, |&index| {
                slot(slots, index).is_some_and(|counter| counter.is_of(hash, key))
            })
            .copied()
    }

    /// The counter of `key`, and where it is.
    pub(super) fn find_mut(
        &mut self,
        hash: u64,
        key: &CounterKey,
    ) -> Option<(CounterIndex, &mut Counter)> {
        let index = self.find(hash, key)?;
        Some((index, self.get_mut(index)?))
    }

    pub(super) fn get_mut(&mut self, index: CounterIndex) -> Option<&mut Counter> {
        let position = usize::try_from(index.0).ok()?;
        self.slots.get_mut(position)?.as_mut()
    }

    /// Makes a counter for which the caller has taken room.
    pub(super) fn create(&mut self, hash: u64, key: &CounterKey, now: &Now<'_>) -> CounterIndex {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // Room is bounded below this.
            CounterIndex(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        let position = usize::try_from(index.0).unwrap_or(usize::MAX);
        if let Some(slot) = self.slots.get_mut(position) {
            *slot = Some(Counter::new(key, hash, now));
        }
        let slots = &self.slots;
        self.index
            .insert_unique(hash, index, |&other| hash_of(slots, other));
        index
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Looks at the next few counters in turn, and forgets the idle ones. Tells how many.
    pub(super) fn sweep_some(&mut self, now: &Now<'_>, room: &Room) -> u64 {
        let mut swept = 0;
        for _ in 0..SWEPT_PER_NEW {
            if self.cursor >= self.slots.len() {
                self.cursor = 0;
            }
            swept += u64::from(self.forget_if_idle(self.cursor, now, room));
            self.cursor += 1;
        }
        swept
    }

    /// Looks at every counter, forgets the idle ones and gives their memory back. Tells how many.
    pub(super) fn sweep(&mut self, now: &Now<'_>, room: &Room) -> u64 {
        let mut swept = 0;
        for position in 0..self.slots.len() {
            swept += u64::from(self.forget_if_idle(position, now, room));
        }
        while matches!(self.slots.last(), Some(None)) {
            self.slots.pop();
        }
        let end = self.slots.len();
        self.vacant
            .retain(|index| usize::try_from(index.0).is_ok_and(|position| position < end));
        if self.slots.capacity() / 4 > end {
            let slots = &mut self.slots;
            slots.shrink_to(end * 2);
            self.vacant.shrink_to(end);
            let slots = &self.slots;
            self.index
                .shrink_to(self.index.len() * 2, |&index| hash_of(slots, index));
        }
        swept
    }

    fn forget_if_idle(&mut self, position: usize, now: &Now<'_>, room: &Room) -> bool {
        let Some(slot) = self.slots.get_mut(position) else {
            return false;
        };
        let Some(counter) = slot.take_if(|counter| counter.is_idle(now)) else {
            return false;
        };
        let index = CounterIndex(u32::try_from(position).unwrap_or(u32::MAX));
        if let Ok(entry) = self
            .index
            .find_entry(counter.hash(), |&other| other == index)
        {
            entry.remove();
        }
        self.vacant.push(index);
        room.give_back(1);
        true
    }
}

fn slot(slots: &[Option<Counter>], index: CounterIndex) -> Option<&Counter> {
    slots.get(usize::try_from(index.0).ok()?)?.as_ref()
}

fn hash_of(slots: &[Option<Counter>], index: CounterIndex) -> u64 {
    slot(slots, index).map_or(0, Counter::hash)
}
