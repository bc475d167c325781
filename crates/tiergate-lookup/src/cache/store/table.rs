use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::key::Key;
use super::place::{Berth, Line, Place};
use super::segments::{Segments, count_of};
use super::tags::{GROUP, Tag, Tags};
use crate::cache::glance::Glance;

/// How many groups of places there are at first.
const FIRST: usize = 2;
/// Into how many parts a doubling of the places is cut. More would leave fewer places empty, and make the
/// list of the parts, which each reader needs, longer.
const PARTS: usize = 2;
/// How many groups a reader looks at before it leaves the rest to one who holds the lock.
const READER_GROUPS: usize = 8;

/// A hash table with linear probing, from the beginning of a group of places, whose readers take no lock.
///
/// It grows by a half and then by a third, in segments that stay where they are, so that a reader
/// never looks at memory that is gone. While entries are moved a reader may miss one that is there; it
/// never finds what is not.
pub(super) struct Table {
    stretches: Segments<Stretch, FIRST, PARTS, { count_of(PARTS) }>,
    /// How many groups are in use, whether anybody is there or not.
    groups: AtomicUsize,
}

/// Some groups of places, and apart the tags of each, which lie close together so.
struct Stretch {
    tags: Box<[Tags]>,
    lines: Box<[[Line; GROUP]]>,
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
            stretches: Segments::new(),
            groups: AtomicUsize::new(0),
        }
    }

    /// How many places there are.
    pub(super) fn capacity(&self) -> usize {
        self.groups().saturating_mul(GROUP)
    }

    #[inline]
    fn groups(&self) -> usize {
        self.groups.load(Ordering::Acquire)
    }

    #[inline]
    fn group(&self, group: usize) -> Option<(&Tags, &[Line; GROUP])> {
        let (stretch, offset) = self.stretches.find(group)?;
        Some((stretch.tags.get(offset)?, stretch.lines.get(offset)?))
    }

    /// The place at `index`, which is below the capacity.
    pub(super) fn place(&self, index: Index) -> Option<Place<'_>> {
        let lane = index % GROUP;
        let (tags, lines) = self.group(index / GROUP)?;
        let line = lines.get(lane)?;
        Some(Place { line, tags, lane })
    }

    /// Visits those who may have that hash, in the first so many groups from where they would be if nobody
    /// were in the way, and ends where nobody is.
    #[inline]
    fn visit<'t, R>(
        &'t self,
        hash: u64,
        most: usize,
        mut visit: impl FnMut(usize, Place<'t>) -> ControlFlow<R>,
    ) -> Option<R> {
        let groups = self.groups();
        let mut group = home(hash, groups);
        for _ in 0..most {
            let (tags, lines) = self.group(group)?;
            let seen = tags.load();
            for lane in seen.with(Tag::of(hash)) {
                let line = lines.get(lane)?;
                if let ControlFlow::Break(end) = visit(group, Place { line, tags, lane }) {
                    return Some(end);
                }
            }
            if seen.have_room() {
                return None;
            }
            group = next(group, groups);
        }
        None
    }

    /// Reads of whoever has `key`, without a lock, if that is the first in the first group who may have
    /// that hash, as nine in ten are. `None` if it is not: [`look`](Self::look) then.
    #[inline]
    pub(super) fn look_first<'t, R>(
        &'t self,
        key: &Key,
        hash: u64,
        read: impl FnOnce(&'t Line, Glance, Berth) -> R,
    ) -> Option<R> {
        let (tags, lines) = self.group(home(hash, self.groups()))?;
        let line = lines.get(tags.load().with(Tag::of(hash)).next()?)?;
        Place::look(line, key, |glance, berth| read(line, glance, berth))
    }

    /// Reads of whoever has `key`, without a lock. `None` is not certain.
    pub(super) fn look<'t, R>(
        &'t self,
        key: &Key,
        hash: u64,
        mut read: impl FnMut(&'t Line, Glance, Berth) -> Option<R>,
    ) -> Option<R> {
        let looked = self.visit(
            hash,
            READER_GROUPS,
            |_, Place { line, .. }| match Place::look(line, key, |glance, berth| {
                read(line, glance, berth)
            }) {
                Some(found) => ControlFlow::Break(found),
                None => ControlFlow::Continue(()),
            },
        );
        looked?
    }

    /// Where the first of those is, from where they would be if nobody were in the way, who are sought.
    /// For whoever holds the lock, as everything below.
    pub(super) fn find(&self, hash: u64, is_sought: impl Fn(Place<'_>) -> bool) -> Option<Index> {
        self.visit(hash, self.groups(), |group, place| {
            if is_sought(place) {
                ControlFlow::Break(first_of(group).saturating_add(place.lane))
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    /// Adds somebody who is not there, with what `meanwhile` changes of their record. There must be
    /// room.
    pub(super) fn insert(&self, arrival: &Arrival, meanwhile: impl FnOnce()) {
        let (capacity, groups) = (self.capacity(), self.groups());
        let mut index = first_of(home(arrival.hash, groups));
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
        let mut gap = index;
        while let Some(mover) = self.last_pushed_past(gap, &hash_of)
            && let (Some(free), Some(place)) = (self.place(gap), self.place(mover))
        {
            free.copy(place);
            gap = mover;
        }
        if let Some(place) = self.place(gap) {
            place.clear();
        }
    }

    /// The last of those who would be at `gap`, or before, if nobody were in the way. There is none behind
    /// a place where nobody is.
    fn last_pushed_past(
        &self,
        gap: Index,
        hash_of: impl Fn(Place<'_>) -> Option<u64>,
    ) -> Option<Index> {
        let (capacity, groups) = (self.capacity(), self.groups());
        let mut last = None;
        let mut at = next(gap, capacity);
        while at != gap
            && let Some(place) = self.place(at)
            && let Some(hash) = hash_of(place)
        {
            let home = first_of(home(hash, groups));
            // Nobody moves to before where they would be looked for first.
            if distance(home, gap, capacity) < distance(home, at, capacity) {
                last = Some(at);
            }
            at = next(at, capacity);
        }
        last
    }

    /// All places.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        (0..self.capacity()).filter_map(|index| self.place(index))
    }

    /// Makes room for more, if there can be more. Nobody may be in it.
    pub(super) fn grow(&self) {
        let groups = self.groups();
        if let Some(more) = self.stretches.grow(groups, Stretch::new) {
            self.groups.store(more, Ordering::Release);
        }
    }
}

impl Stretch {
    fn new(groups: usize) -> Self {
        let lines = || std::array::from_fn(|_| Line::new());
        Self {
            tags: (0..groups).map(|_| Tags::new()).collect(),
            lines: (0..groups).map(|_| lines()).collect(),
        }
    }
}

/// In which group somebody would be if nobody were in the way: spread evenly over any number of groups, by
/// the lower half of the hash (D. Lemire, "Fast random integer generation in an interval").
#[inline]
fn home(hash: u64, groups: usize) -> usize {
    let spread = (hash & u64::from(u32::MAX)).wrapping_mul(groups as u64);
    usize::try_from(spread >> 32).unwrap_or(0)
}

/// The first place of a group.
fn first_of(group: usize) -> Index {
    group.saturating_mul(GROUP)
}

/// The place or the group after this one, of so many.
#[inline]
fn next(index: usize, count: usize) -> usize {
    let next = index.saturating_add(1);
    if next < count { next } else { 0 }
}

/// How many steps it is from one place to another, going on from the end to the beginning.
fn distance(from: Index, to: Index, capacity: usize) -> usize {
    if to >= from {
        to.saturating_sub(from)
    } else {
        capacity.saturating_sub(from).saturating_add(to)
    }
}
