use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::key::Key;
use super::place::{Berth, Line, Place, Tag, Who};
use super::segments::{Segments, count_of};
use crate::cache::glance::Glance;

/// Into how many parts a doubling of the places is cut. More would leave fewer places empty, and make the
/// list of the parts, which each reader needs, longer.
const PARTS: usize = 2;
/// How far a reader looks before it leaves the rest to one who holds the lock.
const READER_STEPS: usize = 64;

/// A hash table with linear probing whose readers take no lock.
///
/// It grows by a half and then by a third, in segments that stay where they are, so that a reader
/// never looks at memory that is gone. While entries are moved a reader may miss one that is there; it
/// never finds what is not.
pub(super) struct Table {
    lines: Segments<Line, PARTS, { count_of(PARTS) }>,
    /// A byte for each line, as in the tables of M. Kulukundis ("Designing a fast, efficient,
    /// cache-friendly hash table", 2017), so that a reader waits for one line of memory, whoever is in
    /// the way: these bytes are so few that they stay in the processor's caches.
    tags: Segments<AtomicU8, PARTS, { count_of(PARTS) }>,
    /// How many places are in use, whether anybody is there or not.
    capacity: AtomicUsize,
}

/// Somebody who comes in, or moves.
pub(super) struct Arrival {
    pub(super) key: Key,
    pub(super) hash: u64,
    pub(super) glance: Glance,
    pub(super) berth: Berth,
    pub(super) uses: u32,
}

/// The index of a place.
pub(super) type Index = usize;

impl Table {
    pub(super) fn new() -> Self {
        Self {
            lines: Segments::new(),
            tags: Segments::new(),
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
        let (line, tag) = (self.lines.get(index)?, self.tags.get(index)?);
        Some(Place { line, tag })
    }

    /// Reads of whoever has `key`, without a lock. `None` is not certain.
    #[inline]
    pub(super) fn look<'t, R>(
        &'t self,
        key: &Key,
        hash: u64,
        read: impl Fn(&'t Line, Glance, Berth) -> Option<R>,
    ) -> Option<R> {
        let capacity = self.capacity();
        let mut index = home(hash, capacity);
        let sought = Tag::of(hash);
        let mut seen = 0;
        loop {
            let lines = self.lines.from(index)?;
            for (cell, line) in self.tags.from(index)?.iter().zip(lines) {
                let tag = Tag::at(cell);
                if tag == sought {
                    match Place::look(line, key, |glance, berth| read(line, glance, berth))? {
                        Who::Found(found) => return found,
                        Who::Nobody => return None,
                        Who::SomebodyElse => {}
                    }
                } else if tag == Tag::NOBODY {
                    return None;
                }
                index += 1;
                seen += 1;
                if seen > READER_STEPS {
                    return None;
                }
            }
            if index >= capacity {
                index = 0;
            }
        }
    }

    /// Where the first of those is, from where they would be if nobody were in the way, who are sought.
    /// For whoever holds the lock, as everything below.
    pub(super) fn find(&self, hash: u64, is_sought: impl Fn(Place<'_>) -> bool) -> Option<Index> {
        let capacity = self.capacity();
        let mut index = home(hash, capacity);
        for _ in 0..capacity {
            let place = self.place(index).filter(Place::is_taken)?;
            if place.tag() == Tag::of(hash) && is_sought(place) {
                return Some(index);
            }
            index = next(index, capacity);
        }
        None
    }

    /// Adds somebody who is not there, with what `meanwhile` changes of their record. There must be
    /// room.
    pub(super) fn insert(&self, arrival: &Arrival, meanwhile: impl FnOnce()) {
        let capacity = self.capacity();
        let mut index = home(arrival.hash, capacity);
        for _ in 0..capacity {
            let Some(place) = self.place(index) else {
                return;
            };
            if !place.is_taken() {
                place.fill(&arrival.key, arrival.glance, arrival.berth, meanwhile);
                place.set_uses(arrival.uses);
                place.set_tag(Tag::of(arrival.hash));
                return;
            }
            index = next(index, capacity);
        }
    }

    /// Takes out whoever is at `index`, and closes the gap: whoever was pushed past it moves up.
    pub(super) fn remove(&self, index: Index, hash_of: impl Fn(Place<'_>) -> Option<u64>) {
        let capacity = self.capacity();
        if let Some(place) = self.place(index) {
            place.clear();
        }
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
    }

    /// All places.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        (0..self.capacity()).filter_map(|index| self.place(index))
    }

    /// Makes room for more, if there can be more. Nobody may be in it.
    pub(super) fn grow(&self) {
        let capacity = self.capacity();
        // The tags first: whoever finds a line finds its tag.
        if self.tags.grow(capacity, || AtomicU8::new(0)).is_some()
            && let Some(larger) = self.lines.grow(capacity, Line::new)
        {
            self.capacity.store(larger, Ordering::Release);
        }
    }
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
