use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

use super::Kept;
use super::key::Key;
use super::place::{Guess, Line, Place, Who};
use crate::cache::glance::Glance;

/// How many places a table starts with. A power of two.
const FIRST: usize = 16;
/// How many segments a table may have. Two double it.
const SEGMENTS: usize = 64;

/// A hash table with linear probing whose readers take no lock.
///
/// It grows by half and then by a third, in segments that stay where they are, so that a reader
/// never looks at memory that is gone. While entries are moved a reader may miss one that is there; it
/// never finds what is not.
pub(super) struct Table {
    segments: [OnceLock<Segment>; SEGMENTS],
    /// How many places are in use, whether anybody is there or not.
    capacity: AtomicUsize,
}

struct Segment {
    lines: Box<[Line]>,
    kept: Box<[ArcSwapOption<Kept>]>,
}

/// Somebody who comes in.
pub(super) struct Arrival {
    pub(super) key: Key,
    pub(super) hash: u64,
    pub(super) glance: Glance,
    pub(super) uses: u32,
    pub(super) kept: Arc<Kept>,
}

/// The index of a place.
pub(super) type Index = usize;

impl Table {
    pub(super) fn new() -> Self {
        Self {
            segments: std::array::from_fn(|_| OnceLock::new()),
            capacity: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Acquire)
    }

    /// The place at `index`, which is below the capacity.
    #[inline]
    pub(super) fn place(&self, index: Index) -> Option<Place<'_>> {
        let (segment, offset) = segment_of(index);
        let segment = self.segments.get(segment)?.get()?;
        Some(Place {
            line: segment.lines.get(offset)?,
            kept: segment.kept.get(offset)?,
        })
    }

    /// Reads of whoever has `key`, without a lock. `None` is not certain.
    #[inline]
    pub(super) fn look<'t, R>(
        &'t self,
        key: &Key,
        hash: u64,
        read: impl Fn(&'t Line, Index, Glance) -> Option<R>,
    ) -> Option<R> {
        let capacity = self.capacity();
        let mut index = home(hash, capacity);
        // Through each segment once, and the one that was begun in once more.
        for _ in 0..=SEGMENTS {
            let (segment, offset) = segment_of(index);
            // Those of one segment lie one after the other.
            let lines = self.segments.get(segment)?.get()?.lines.get(offset..)?;
            for (ahead, line) in lines.iter().enumerate() {
                match Place::guess(line, key) {
                    Guess::Nobody => return None,
                    Guess::SomebodyElse => continue,
                    Guess::Perhaps => {}
                }
                // The sum is the place of that line.
                let at = index.wrapping_add(ahead);
                match Place::look(line, key, |glance| read(line, at, glance))? {
                    Who::Found(found) => return found,
                    Who::Nobody => return None,
                    Who::SomebodyElse => {}
                }
            }
            index = index.saturating_add(lines.len());
            if index >= capacity {
                index = 0;
            }
        }
        None
    }

    /// Where `is_sought` is. For whoever holds the lock, as everything below.
    pub(super) fn find(
        &self,
        key: &Key,
        hash: u64,
        is_sought: impl Fn(Place<'_>) -> bool,
    ) -> Option<Index> {
        let capacity = self.capacity();
        let mut index = home(hash, capacity);
        for _ in 0..capacity {
            let place = self.place(index)?;
            if place.key()? == *key && is_sought(place) {
                return Some(index);
            }
            index = next(index, capacity);
        }
        None
    }

    /// Adds somebody who is not there. There must be room.
    pub(super) fn insert(&self, arrival: Arrival) {
        let capacity = self.capacity();
        let mut index = home(arrival.hash, capacity);
        for _ in 0..capacity {
            let Some(place) = self.place(index) else {
                return;
            };
            if place.key().is_none() {
                place.fill(&arrival.key, arrival.glance, arrival.kept);
                place.set_uses(arrival.uses);
                return;
            }
            index = next(index, capacity);
        }
    }

    /// Takes out whoever is at `index`, and closes the gap: whoever was pushed past it moves up.
    pub(super) fn remove(
        &self,
        index: Index,
        hash_of: impl Fn(Place<'_>) -> Option<u64>,
    ) -> Option<Arc<Kept>> {
        let capacity = self.capacity();
        let removed = self.place(index)?.clear();
        let mut gap = index;
        let mut at = next(index, capacity);
        while let Some(place) = self.place(at)
            && let Some(hash) = hash_of(place)
        {
            let home = home(hash, capacity);
            // Nobody moves to before where they would be looked for first.
            if distance(home, gap, capacity) < distance(home, at, capacity) {
                if let Some(free) = self.place(gap) {
                    free.copy(place);
                }
                place.clear();
                gap = at;
            }
            at = next(at, capacity);
        }
        removed
    }

    /// All places.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        (0..self.capacity()).filter_map(|index| self.place(index))
    }

    /// Makes room for more by a half or a third. Nobody may be in it.
    pub(super) fn grow(&self) {
        let capacity = self.capacity();
        let (segment, _) = segment_of(capacity);
        let Some(added) = self.segments.get(segment) else {
            return;
        };
        let length = if capacity == 0 {
            FIRST
        } else {
            1 << capacity.ilog2().saturating_sub(1)
        };
        added.get_or_init(|| Segment {
            lines: (0..length).map(|_| Line::new()).collect(),
            kept: (0..length).map(|_| ArcSwapOption::empty()).collect(),
        });
        let larger = capacity.saturating_add(length);
        self.capacity.store(larger, Ordering::Release);
    }
}

/// The segment of an index, and the place in it. The first has [`FIRST`] places; after that two have
/// half of a power of two each.
#[inline]
fn segment_of(index: Index) -> (usize, usize) {
    if index < FIRST {
        return (0, index);
    }
    let power = index.ilog2();
    let half = power.saturating_sub(1);
    let is_upper = (index >> half) & 1;
    let segment = (power - FIRST.ilog2()) as usize * 2 + is_upper + 1;
    (segment, index & ((1 << half) - 1))
}

/// Where somebody would be if nobody were in the way: spread evenly over any number of places, by the
/// lower half of the hash (D. Lemire, "Fast random integer generation in an interval").
#[inline]
fn home(hash: u64, capacity: usize) -> Index {
    let spread = (hash & u64::from(u32::MAX)).wrapping_mul(capacity as u64);
    usize::try_from(spread >> 32).unwrap_or(0)
}

#[inline]
fn next(index: Index, capacity: usize) -> Index {
    let next = index.saturating_add(1);
    if next < capacity { next } else { 0 }
}

/// How many steps it is from one place to another, going on from the end to the beginning.
fn distance(from: Index, to: Index, capacity: usize) -> usize {
    if to >= from {
        to.saturating_sub(from)
    } else {
        capacity.saturating_sub(from).saturating_add(to)
    }
}
