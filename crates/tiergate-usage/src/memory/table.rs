//! A table of what is kept of each counter, in memory.

use crate::{CounterKey, CounterWindow};

use super::families::Families;
use super::name::Name;
use super::tags::{GROUP, Tag, Tags};

/// With more than so many of eight places taken, there are to be more.
const FULL: usize = 7;

/// How many groups of places there are at least, where there are any.
const LEAST_GROUPS: usize = 1;

/// Which one of a table it is, for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    // The lower half of a hash of the key.
    hash: u32,
    // Tells it from others with this hash.
    serial: u32,
}

impl Id {
    /// What no table gives out.
    pub(crate) const NONE: Self = Self {
        hash: u32::MAX,
        serial: 0,
    };

    /// The id as one number.
    #[inline]
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.hash) << u32::BITS | u64::from(self.serial)
    }

    /// The id that is this number.
    #[inline]
    pub(super) fn from_bits(bits: u64) -> Self {
        Self {
            hash: half(bits >> u32::BITS),
            serial: half(bits),
        }
    }
}

/// What lies in a place. It fills whole cache lines where it is as large.
#[repr(align(64))]
#[derive(Debug)]
pub(super) struct Row<T> {
    value: T,
    id: Id,
    name: Name,
}

/// Things by the key of a counter.
///
/// Each lies in the group of places where its hash says, or in the next free place after it. The tags of
/// all are so few bytes that they stay near the processor: so whoever looks for one among many waits for
/// memory once, however full the table is.
#[derive(Debug)]
pub(crate) struct Table<T> {
    // INVARIANT: at least one place is free, if there is any.
    tags: Vec<Tags>,
    // INVARIANT: a group of them for each of the tags; a tag is free if and only if the place is.
    places: Vec<Option<Row<T>>>,
    families: Families,
    taken: usize,
    serial: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            places: Vec::new(),
            families: Families::default(),
            taken: 0,
            serial: 0,
        }
    }
}

impl<T> Table<T> {
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &CounterKey) -> Option<Id> {
        Some(self.search(hash, key)?.1.id)
    }

    /// What there is of `key`, and which one it is.
    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u64, key: &CounterKey) -> Option<(Id, &mut T)> {
        let (place, _) = self.search(hash, key)?;
        let row = self.places.get_mut(place)?.as_mut()?;
        Some((row.id, &mut row.value))
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        Some(&self.row(id)?.1.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let (place, _) = self.row(id)?;
        Some(&mut self.places.get_mut(place)?.as_mut()?.value)
    }

    /// The window of the key of what is there.
    pub(crate) fn window(&self, id: Id) -> Option<CounterWindow> {
        self.families.window(self.row(id)?.1.name.family())
    }

    /// Puts in what is not there.
    pub(crate) fn insert(&mut self, hash: u64, key: &CounterKey, value: T) -> Id {
        if (self.taken + 1) * 8 > self.places.len() * FULL {
            let groups = self.tags.len();
            self.lay_out((groups + groups.div_ceil(2)).max(LEAST_GROUPS));
        }
        let id = self.fresh(half(hash));
        let name = Name::new(key, self.families.join(key));
        self.put(Row { value, id, name });
        self.taken += 1;
        id
    }

    pub(crate) fn remove(&mut self, id: Id) {
        if let Some((place, _)) = self.row(id) {
            self.take_out(place);
        }
    }

    /// Takes out what lies in this place, if it is of that kind. Another may have come there then.
    #[inline]
    pub(crate) fn remove_at(
        &mut self,
        place: usize,
        is_of_kind: impl FnOnce(Id, CounterWindow, &mut T) -> bool,
    ) -> bool {
        // Most are looked at and stay.
        let found = self.places.get_mut(place).and_then(Option::as_mut);
        let goes = found.is_some_and(|row| {
            let window = self.families.window(row.name.family());
            window.is_some_and(|window| is_of_kind(row.id, window, &mut row.value))
        });
        if goes {
            self.take_out(place);
        }
        goes
    }

    fn take_out(&mut self, place: usize) {
        if let Some(Some(row)) = self.places.get_mut(place).map(Option::take) {
            self.families.leave(row.name.family());
            self.set_tag(place, Tag::FREE);
            self.close_up(place);
            self.taken -= 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.places.iter().flatten().map(|row| (row.id, &row.value))
    }

    /// Gives memory back, if most of it is free.
    pub(crate) fn shrink(&mut self) {
        if self.tags.len() > LEAST_GROUPS && self.taken * 8 < self.places.len() {
            self.lay_out((self.taken * 2).div_ceil(GROUP).max(LEAST_GROUPS));
        }
        self.families.shrink();
    }

    #[inline]
    fn search(&self, hash: u64, key: &CounterKey) -> Option<(usize, &Row<T>)> {
        let hash = half(hash);
        self.probe(hash, |row| {
            row.id.hash == hash && row.name.is(key, &self.families)
        })
    }

    #[inline]
    fn row(&self, id: Id) -> Option<(usize, &Row<T>)> {
        self.probe(id.hash, |row| row.id == id)
    }

    /// The first that is it, among those that may lie where such a hash leads, and its place.
    #[inline]
    fn probe(&self, hash: u32, is_it: impl Fn(&Row<T>) -> bool) -> Option<(usize, &Row<T>)> {
        let (groups, tag) = (self.tags.len(), Tag::of(hash));
        let mut group = home(hash, groups);
        loop {
            let tags = *self.tags.get(group)?;
            for lane in tags.with(tag) {
                let place = group * GROUP + lane;
                if let Some(Some(row)) = self.places.get(place)
                    && is_it(row)
                {
                    return Some((place, row));
                }
            }
            // Nothing was pushed past a group with room, and there always is one.
            if !tags.free().is_empty() {
                return None;
            }
            group = after(group, groups);
        }
    }

    /// An id that nothing here has.
    fn fresh(&mut self, hash: u32) -> Id {
        loop {
            self.serial = self.serial.wrapping_add(1);
            let id = Id {
                hash,
                serial: self.serial,
            };
            if id.serial != Id::NONE.serial && self.get(id).is_none() {
                return id;
            }
        }
    }

    /// Puts it in the first free place after its home, of which there has to be one.
    fn put(&mut self, row: Row<T>) {
        let (hash, groups) = (row.id.hash, self.tags.len());
        let mut group = home(hash, groups);
        for _ in 0..groups {
            let free = self.tags.get(group).and_then(|tags| tags.free().next());
            if let Some(lane) = free {
                let place = group * GROUP + lane;
                if let Some(free) = self.places.get_mut(place) {
                    *free = Some(row);
                    self.set_tag(place, Tag::of(hash));
                }
                return;
            }
            group = after(group, groups);
        }
    }

    fn set_tag(&mut self, place: usize, tag: Tag) {
        if let Some(tags) = self.tags.get_mut(place / GROUP) {
            tags.set(place % GROUP, tag);
        }
    }

    /// Lays all out anew in so many groups of places.
    #[cold]
    fn lay_out(&mut self, groups: usize) {
        self.tags = vec![Tags::ALL_FREE; groups];
        let fresh = std::iter::repeat_with(|| None).take(groups * GROUP);
        let before = std::mem::replace(&mut self.places, fresh.collect());
        for row in before.into_iter().flatten() {
            self.put(row);
        }
    }

    /// Moves forward what lies after a place that has become free, so that who looks for it does not
    /// end there.
    fn close_up(&mut self, free: usize) {
        let places = self.places.len();
        let mut free = free;
        let mut place = after(free, places);
        while let Some(Some(row)) = self.places.get(place) {
            let hash = row.id.hash;
            let home = home(hash, self.tags.len()) * GROUP;
            if distance(home, place, places) >= distance(free, place, places) {
                self.places.swap(free, place);
                self.set_tag(free, Tag::of(hash));
                self.set_tag(place, Tag::FREE);
                free = place;
            }
            place = after(place, places);
        }
    }
}

/// In which group something would lie if nothing were in the way: spread evenly over any number of groups
/// (D. Lemire, "Fast random integer generation in an interval").
#[inline]
fn home(hash: u32, groups: usize) -> usize {
    let spread = u64::from(hash).wrapping_mul(groups as u64);
    usize::try_from(spread >> u32::BITS).unwrap_or(0)
}

/// The place or the group after this one, of so many.
#[inline]
fn after(index: usize, count: usize) -> usize {
    let next = index.wrapping_add(1);
    if next < count { next } else { 0 }
}

/// How far it is from one place on to another, of so many.
fn distance(from: usize, to: usize, count: usize) -> usize {
    if to >= from {
        to - from
    } else {
        count - from + to
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "half of it is what is wanted"
)]
#[inline]
fn half(hash: u64) -> u32 {
    hash as u32
}
