//! A table of what is kept of each counter, in memory.

use crate::CounterKey;

use super::name::Name;

/// With more than so many of four places taken, there are to be more.
const FULL: usize = 3;

const LEAST_PLACES: usize = 8;

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
}

/// What lies in a table.
pub(crate) trait Named {
    /// Which one it is, as it was made.
    fn id(&self) -> Id;

    /// What it is found by.
    fn name(&self) -> &Name;
}

/// Things by the key of a counter.
///
/// Each lies where its hash says, or in the next free place after it. So whoever looks for one among many
/// waits for memory once; in a table of numbers of places it would be two or three times.
#[derive(Debug)]
pub(crate) struct Table<T> {
    // INVARIANT: a power of two of them or none, and one at least is free.
    places: Vec<Option<T>>,
    taken: usize,
    serial: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            taken: 0,
            serial: 0,
        }
    }
}

impl<T: Named> Table<T> {
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &CounterKey) -> Option<Id> {
        Some(self.search(hash, key)?.1.id())
    }

    /// What there is of `key`, and which one it is.
    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u64, key: &CounterKey) -> Option<(Id, &mut T)> {
        let (place, _) = self.search(hash, key)?;
        let value = self.places.get_mut(place)?.as_mut()?;
        Some((value.id(), value))
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        Some(self.probe(id.hash, |value| value.id() == id)?.1)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let (place, _) = self.probe(id.hash, |value| value.id() == id)?;
        self.places.get_mut(place)?.as_mut()
    }

    /// Puts in what is not there.
    pub(crate) fn insert(&mut self, hash: u64, make: impl FnOnce(Id) -> T) -> Id {
        if (self.taken + 1) * 4 > self.places.len() * FULL {
            self.lay_out((self.places.len() * 2).max(LEAST_PLACES));
        }
        let id = self.fresh(half(hash));
        self.put(make(id));
        self.taken += 1;
        id
    }

    pub(crate) fn remove(&mut self, id: Id) {
        if let Some((place, _)) = self.probe(id.hash, |value| value.id() == id) {
            self.remove_at(place, |_| true);
        }
    }

    /// Takes out what lies in this place, if it is of that kind. Another may have come there then.
    #[inline]
    pub(crate) fn remove_at(
        &mut self,
        place: usize,
        is_of_kind: impl FnOnce(&mut T) -> bool,
    ) -> bool {
        // Most are looked at and stay.
        let found = self.places.get_mut(place).and_then(Option::as_mut);
        let goes = found.is_some_and(is_of_kind);
        if goes {
            self.take_out(place);
        }
        goes
    }

    fn take_out(&mut self, place: usize) {
        if let Some(slot) = self.places.get_mut(place) {
            *slot = None;
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    /// Gives memory back, if most of it is free.
    pub(crate) fn shrink(&mut self) {
        if self.places.len() > LEAST_PLACES && self.taken * 8 < self.places.len() {
            let places = (self.taken * 2).next_power_of_two();
            self.lay_out(places.max(LEAST_PLACES));
        }
    }

    #[inline]
    fn search(&self, hash: u64, key: &CounterKey) -> Option<(usize, &T)> {
        let hash = half(hash);
        self.probe(hash, |value| {
            value.id().hash == hash && value.name().is(key)
        })
    }

    /// The first that is it, among those that may lie where such a hash leads, and its place.
    #[inline]
    fn probe(&self, hash: u32, is_it: impl Fn(&T) -> bool) -> Option<(usize, &T)> {
        let mut place = self.home(hash);
        loop {
            // A free place ends it, and there is always one.
            let value = self.places.get(place)?.as_ref()?;
            if is_it(value) {
                return Some((place, value));
            }
            place = self.after(place);
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
    fn put(&mut self, value: T) {
        let mut place = self.home(value.id().hash);
        while let Some(Some(_)) = self.places.get(place) {
            place = self.after(place);
        }
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(value);
        }
    }

    /// Lays all out anew in so many places.
    #[cold]
    fn lay_out(&mut self, places: usize) {
        let fresh = std::iter::repeat_with(|| None).take(places).collect();
        let before = std::mem::replace(&mut self.places, fresh);
        for value in before.into_iter().flatten() {
            self.put(value);
        }
    }

    /// Moves forward what lies after a place that has become free, so that who looks for it does not
    /// end there.
    fn close_up(&mut self, free: usize) {
        let mut free = free;
        let mut place = self.after(free);
        while let Some(Some(value)) = self.places.get(place) {
            let home = self.home(value.id().hash);
            if self.distance(home, place) >= self.distance(free, place) {
                self.places.swap(free, place);
                free = place;
            }
            place = self.after(place);
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        usize::try_from(hash).unwrap_or(usize::MAX) & self.mask()
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.mask()
    }

    /// How far it is from one place on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    #[inline]
    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
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
