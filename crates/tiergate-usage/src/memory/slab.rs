//! Numbered places for reservations, which tell a reservation from the one that had its place before.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use super::room::Room;

/// How many settled places are left alone before one is used again, so that whoever settles twice
/// is told so.
pub(super) const SETTLED_KEPT: usize = 16;

/// The same for expired places, where the second call comes later.
pub(super) const EXPIRED_KEPT: usize = 1_024;

/// The name of one value: its place, and which one of the values that were ever there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handle {
    pub(crate) slot: u32,
    pub(crate) generation: u64,
}

/// How a value left its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Settled,
    Expired,
}

/// How much a sweep gives up for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thrift {
    /// A few places of ended reservations stay, so that a late call learns how they ended.
    Ordinary,
    /// Room has run out.
    Strict,
}

/// What a handle leads to.
#[derive(Debug)]
pub(crate) enum Found<'a, T> {
    Here(&'a mut T),
    Gone(Ended),
    Unknown,
}

/// A place that is promised to a value to come.
#[derive(Debug)]
pub(crate) struct Vacancy(u32);

impl Vacancy {
    fn into_slot(self) -> u32 {
        self.0
    }
}

// What every insertion and every end writes stands first.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Slab<T> {
    // Never used twice, and begun at random, so that a handle from another store leads nowhere.
    next_generation: u64,
    occupied: usize,
    settled: VecDeque<u32>,
    slots: Vec<Slot<T>>,
    expired: VecDeque<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u64,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Fresh,
    Taken(T),
    Ended(Ended),
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            settled: VecDeque::new(),
            expired: VecDeque::new(),
            next_generation: foldhash::fast::RandomState::default().hash_one(()),
            occupied: 0,
        }
    }

    pub(crate) fn occupied(&self) -> usize {
        self.occupied
    }

    /// A free place, or none when there is no room for another.
    #[inline]
    pub(crate) fn vacancy(&mut self, room: &Room) -> Option<Vacancy> {
        if self.settled.len() > SETTLED_KEPT {
            return self.settled.pop_front().map(Vacancy);
        }
        if self.expired.len() > EXPIRED_KEPT {
            return self.expired.pop_front().map(Vacancy);
        }
        if let Ok(slot) = u32::try_from(self.slots.len())
            && room.take(1)
        {
            self.slots.push(Slot {
                generation: 0,
                content: Content::Fresh,
            });
            return Some(Vacancy(slot));
        }
        let free = self
            .settled
            .pop_front()
            .or_else(|| self.expired.pop_front());
        free.map(Vacancy)
    }

    /// Hands back a place that was not needed.
    pub(crate) fn decline(&mut self, vacancy: Vacancy) {
        self.settled.push_front(vacancy.into_slot());
    }

    #[inline]
    pub(crate) fn insert(&mut self, vacancy: Vacancy, value: T) -> Handle {
        let handle = Handle {
            slot: vacancy.into_slot(),
            generation: self.next_generation,
        };
        self.next_generation = self.next_generation.wrapping_add(1);
        if let Some(slot) = slot_mut(&mut self.slots, handle.slot) {
            slot.generation = handle.generation;
            slot.content = Content::Taken(value);
            self.occupied += 1;
        }
        handle
    }

    #[inline]
    pub(crate) fn find(&mut self, handle: Handle) -> Found<'_, T> {
        match slot_mut(&mut self.slots, handle.slot) {
            Some(slot) if slot.generation == handle.generation => match &mut slot.content {
                Content::Fresh => Found::Unknown,
                Content::Taken(value) => Found::Here(value),
                Content::Ended(ended) => Found::Gone(*ended),
            },
            _ => Found::Unknown,
        }
    }

    #[inline]
    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.slots.get(usize::try_from(handle.slot).ok()?)?;
        match &slot.content {
            Content::Taken(value) if slot.generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The values that were put in since the one of this generation.
    pub(crate) fn since(&self, generation: u64) -> impl Iterator<Item = (Handle, &T)> {
        // Generations begin anywhere and may wrap, so that only their distance says which was first.
        let is_new = move |other: u64| other.wrapping_sub(generation) < 1 << 63;
        let slots = self.slots.iter().enumerate();
        slots.filter_map(move |(position, slot)| match &slot.content {
            Content::Taken(value) if is_new(slot.generation) => {
                let handle = Handle {
                    slot: u32::try_from(position).ok()?,
                    generation: slot.generation,
                };
                Some((handle, value))
            }
            _ => None,
        })
    }

    pub(crate) fn remove(&mut self, handle: Handle, ended: impl FnOnce(&T) -> Ended) -> Option<T> {
        let slot = slot_mut(&mut self.slots, handle.slot)?;
        if slot.generation != handle.generation {
            return None;
        }
        let Content::Taken(value) = &slot.content else {
            return None;
        };
        let ended = ended(value);
        let before = std::mem::replace(&mut slot.content, Content::Ended(ended));
        self.ended(handle.slot, ended);
        match before {
            Content::Taken(value) => Some(value),
            Content::Fresh | Content::Ended(_) => None,
        }
    }

    /// Ends a value where it is, which spares moving it.
    #[inline]
    pub(crate) fn end(&mut self, handle: Handle, ended: Ended) {
        let Some(slot) = slot_mut(&mut self.slots, handle.slot) else {
            return;
        };
        if slot.generation != handle.generation || !matches!(slot.content, Content::Taken(_)) {
            return;
        }
        slot.content = Content::Ended(ended);
        self.ended(handle.slot, ended);
    }

    #[inline]
    fn ended(&mut self, slot: u32, ended: Ended) {
        self.occupied -= 1;
        match ended {
            Ended::Settled => self.settled.push_back(slot),
            Ended::Expired => self.expired.push_back(slot),
        }
    }

    /// Gives back the room of the free places at the end, if that is worth forgetting who had them.
    pub(crate) fn shrink(&mut self, thrift: Thrift, room: &Room) {
        let before = self.slots.len();
        if thrift == Thrift::Ordinary && before - self.occupied <= 2 * EXPIRED_KEPT {
            return;
        }
        while let Some(slot) = self.slots.last()
            && !matches!(slot.content, Content::Taken(_))
        {
            self.slots.pop();
        }
        let end = self.slots.len();
        let is_left = |slot: &u32| usize::try_from(*slot).is_ok_and(|slot| slot < end);
        self.settled.retain(is_left);
        self.expired.retain(is_left);
        if self.slots.capacity() / 4 > end {
            self.slots.shrink_to(end * 2);
            self.settled.shrink_to(end);
            self.expired.shrink_to(end);
        }
        room.give_back(before - end);
    }
}

#[inline]
fn slot_mut<T>(slots: &mut [Slot<T>], slot: u32) -> Option<&mut Slot<T>> {
    slots.get_mut(usize::try_from(slot).ok()?)
}
