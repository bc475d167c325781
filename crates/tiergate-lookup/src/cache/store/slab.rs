use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use super::record::{Beside, NUMBERS, Record};
use super::segments::{Segments, count_of};

/// How many records there is room for at first.
const FIRST: usize = 16;
/// Into how many parts a doubling of the records is cut: an eighth is there in vain at most.
const PARTS: usize = 8;

/// Where the records lie, one after the other in the order in which they came.
///
/// Unlike the places of a table they have no gaps between them, and none of them moves. Readers take no
/// lock: what they read of a record is worth something only if the place that it belongs to is the
/// same before and after.
pub(super) struct Slab {
    slots: Slots,
}

type Slots = Segments<Box<[Slot]>, FIRST, PARTS, { count_of(PARTS) }>;

/// Room for a record.
pub(super) struct Slot {
    numbers: [AtomicU64; NUMBERS],
    beside: ArcSwapOption<Beside>,
}

/// The number of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotNumber(pub(super) u32);

/// Which slots nobody has, for whoever holds the lock.
#[derive(Debug, Default)]
pub(super) struct Vacancies {
    /// The one that was given back last. Each tells of the one before.
    last: Option<SlotNumber>,
    /// How many were ever given out.
    used: usize,
    /// How many there are.
    capacity: usize,
}

impl Slab {
    /// Each number of a slot is below that.
    pub(super) const MOST: usize = Slots::MOST;

    pub(super) fn new() -> Self {
        Self {
            slots: Slots::new(),
        }
    }

    #[inline]
    pub(super) fn get(&self, number: SlotNumber) -> Option<&Slot> {
        let (slots, offset) = self.slots.find(number.0 as usize)?;
        slots.get(offset)
    }

    /// A slot for somebody. `None` if there can be no more.
    pub(super) fn take(&self, vacancies: &mut Vacancies) -> Option<SlotNumber> {
        if let Some(number) = vacancies.last {
            vacancies.last = self.get(number)?.next();
            return Some(number);
        }
        if vacancies.used == vacancies.capacity {
            let empty = |count| (0..count).map(|_| Slot::empty()).collect();
            vacancies.capacity = self.slots.grow(vacancies.capacity, empty)?;
        }
        let number = SlotNumber(u32::try_from(vacancies.used).ok()?);
        vacancies.used = vacancies.used.saturating_add(1);
        Some(number)
    }

    /// Takes a slot back to which no place leads any more.
    pub(super) fn give_back(&self, number: SlotNumber, vacancies: &mut Vacancies) {
        if let Some(slot) = self.get(number) {
            slot.set_next(vacancies.last);
            vacancies.last = Some(number);
        }
    }
}

impl Slot {
    fn empty() -> Self {
        Self {
            numbers: [const { AtomicU64::new(0) }; NUMBERS],
            beside: ArcSwapOption::empty(),
        }
    }

    /// The numbers of the record, for who reads only some of them.
    #[inline]
    pub(super) fn numbers(&self) -> &[AtomicU64; NUMBERS] {
        &self.numbers
    }

    #[inline]
    pub(super) fn load(&self) -> Record {
        let numbers = self
            .numbers
            .each_ref()
            .map(|number| number.load(Ordering::Relaxed));
        Record::from_numbers(numbers, || self.beside.load_full())
    }

    /// Puts a record here, while the place that it belongs to is being written.
    pub(super) fn store(&self, record: Record) {
        let (numbers, beside) = record.into_parts();
        for (place, number) in self.numbers.iter().zip(numbers) {
            place.store(number, Ordering::Relaxed);
        }
        self.beside.store(beside);
    }

    /// What lies beside, for whoever holds the lock.
    pub(super) fn beside(&self) -> Option<Arc<Beside>> {
        self.beside.load_full()
    }

    /// The same, which is gone then.
    pub(super) fn take_beside(&self) -> Option<Arc<Beside>> {
        self.beside.swap(None)
    }

    /// The vacant slot after this one, which is vacant too.
    fn next(&self) -> Option<SlotNumber> {
        let [first, ..] = &self.numbers;
        let next = first.load(Ordering::Relaxed).checked_sub(1)?;
        u32::try_from(next).ok().map(SlotNumber)
    }

    fn set_next(&self, next: Option<SlotNumber>) {
        let [first, ..] = &self.numbers;
        let next = next.map_or(0, |SlotNumber(next)| u64::from(next).saturating_add(1));
        first.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use loom::thread;

    use super::super::atomics::{Atomic, Atomics, CheckedAtomics};
    use super::super::versioned::Versioned;
    use super::*;

    type Narrow = <CheckedAtomics as Atomics>::Narrow;

    /// Two places and the slot that first the one leads to and then the other, as the store writes
    /// them, but for how much there is to write.
    #[test]
    fn who_reads_through_a_place_never_sees_the_record_of_another() {
        loom::model(|| {
            let places = [1, 2].map(|_| Versioned::<CheckedAtomics, 1>::new());
            let shared = Arc::new((places, <Narrow as Atomic<u32>>::new(0)));
            let ([one, _], slot) = &*shared;
            // Who is at a place, and the record that says the same.
            one.write([1], || slot.store(1, Ordering::Relaxed));
            let writer = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let ([one, other], slot) = &*shared;
                    one.write([0], || {});
                    other.write([2], || slot.store(2, Ordering::Relaxed));
                })
            };
            let ([one, other], slot) = &*shared;
            for (place, own) in [(one, 1), (other, 2)] {
                let seen = place.read(|[who]| {
                    let is_there = who.load(Ordering::Relaxed) == u64::from(own);
                    is_there.then(|| slot.load(Ordering::Relaxed))
                });
                if let Some(Some(record)) = seen {
                    assert_eq!(record, own);
                }
            }
            writer.join().unwrap();
        });
    }

    #[test]
    fn what_is_given_back_is_given_out_again_before_anything_new() {
        let (slab, mut vacancies) = (Slab::new(), Vacancies::default());
        let first: Vec<_> = (0..100)
            .map(|_| slab.take(&mut vacancies).unwrap())
            .collect();
        for number in &first {
            slab.give_back(*number, &mut vacancies);
        }
        let mut again: Vec<_> = (0..100)
            .map(|_| slab.take(&mut vacancies).unwrap())
            .collect();
        again.reverse();
        assert_eq!(again, first);
        assert_eq!(slab.take(&mut vacancies), Some(SlotNumber(100)));
    }
}
