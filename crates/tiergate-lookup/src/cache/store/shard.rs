use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tiergate_core::Subject;

use super::key::{Key, KeyHasher};
use super::newcomers::{Newcomer, Newcomers};
use super::place::{Berth, Place, Tenure};
use super::record::{Beside, Record, bytes_of};
use super::slab::{Slab, Slot, Vacancies};
use super::table::{Arrival, Index, Table};
use crate::cache::glance::Glance;

/// How many places are looked at for what is too old, whenever something is put in.
const LOOKS: usize = 2;

/// A part of the store, with the lock for its changes.
pub(super) struct Shard {
    pub(super) table: Table,
    /// Apart, so that what readers need of all tables lies close together.
    pub(super) slab: Box<Slab>,
    ledger: Mutex<Ledger>,
}

/// Who holds it may change the table and the records.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: usize,
    /// Where the next who must go is looked for.
    hand: Index,
    /// Where the next who is too old is looked for.
    watch: Index,
    newcomers: Newcomers,
    vacancies: Vacancies,
}

/// A shard whose lock is held.
pub(super) struct Held<'a> {
    pub(super) table: &'a Table,
    slab: &'a Slab,
    ledger: MutexGuard<'a, Ledger>,
    hasher: &'a KeyHasher,
}

/// Somebody who comes in.
pub(super) struct Guest {
    pub(super) key: Key,
    pub(super) hash: u64,
    pub(super) glance: Glance,
    pub(super) record: Record,
    /// How they stood with the store before; `None` for who was not there.
    pub(super) before: Option<Familiar>,
}

/// How somebody stood with the store who was taken out to come in anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Familiar {
    uses: u32,
    tenure: Tenure,
}

/// What was beside the record of somebody who was taken out.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) bytes_beside: u64,
}

/// There is no room for one more, whoever goes.
#[derive(Debug)]
pub(super) struct Full;

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            slab: Box::new(Slab::new()),
            ledger: Mutex::default(),
        }
    }

    pub(super) fn hold<'a>(&'a self, hasher: &'a KeyHasher) -> Held<'a> {
        // What a panic could leave behind is an entry too few, which is looked up again.
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        self.held(ledger, hasher)
    }

    /// The same, unless somebody holds it.
    pub(super) fn try_hold<'a>(&'a self, hasher: &'a KeyHasher) -> Option<Held<'a>> {
        let ledger = match self.ledger.try_lock() {
            Ok(ledger) => ledger,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(self.held(ledger, hasher))
    }

    fn held<'a>(&'a self, ledger: MutexGuard<'a, Ledger>, hasher: &'a KeyHasher) -> Held<'a> {
        Held {
            table: &self.table,
            slab: &self.slab,
            ledger,
            hasher,
        }
    }
}

impl Held<'_> {
    /// Where `subject` is.
    pub(super) fn find(&self, subject: &Subject, key: &Key, hash: u64) -> Option<Index> {
        self.table.find(hash, |place| {
            place.key() == Some(*key)
                && (!key.shape.is_long()
                    || self
                        .slot(place.berth())
                        .is_some_and(|slot| slot.load().is_of(subject)))
        })
    }

    pub(super) fn slot(&self, berth: Berth) -> Option<&Slot> {
        self.slab.get(berth.slot)
    }

    /// How many bytes lie beside the record of who is at `index`.
    pub(super) fn bytes_beside(&self, index: Index) -> u64 {
        let place = self.table.place(index);
        let slot = place.and_then(|place| self.slot(place.berth()));
        bytes_of(slot.and_then(Slot::beside).as_deref())
    }

    /// Puts another record in the place of the one at `index`, which is about the same subject.
    pub(super) fn replace(&self, index: Index, key: &Key, glance: Glance, record: Record) {
        if let Some(place) = self.table.place(index)
            && let Some(slot) = self.slot(place.berth())
        {
            place.fill(key, glance, place.berth(), || slot.store(record));
        }
    }

    /// Adds somebody who is not there.
    pub(super) fn insert(&mut self, guest: Guest) -> Result<(), Full> {
        let ledger = &mut *self.ledger;
        let wanted = ledger.entries.saturating_add(1);
        if wanted.saturating_mul(4) > self.table.capacity().saturating_mul(3) {
            self.grow();
        }
        // A place must stay free, where who looks for nobody stops.
        if wanted >= self.table.capacity() {
            return Err(Full);
        }
        let ledger = &mut *self.ledger;
        let Guest {
            key,
            hash,
            glance,
            record,
            before,
        } = guest;
        let number = self.slab.take(&mut ledger.vacancies).ok_or(Full)?;
        let slot = self.slab.get(number).ok_or(Full)?;
        let familiar = before.unwrap_or_else(|| Familiar {
            uses: 0,
            tenure: if ledger.newcomers.have_let_go(lower(hash)) {
                Tenure::Regular
            } else {
                Tenure::OnTrial
            },
        });
        if familiar.tenure == Tenure::OnTrial {
            ledger.newcomers.add(Newcomer {
                hash: lower(hash),
                slot: number,
            });
        }
        let arrival = Arrival {
            key,
            hash,
            glance,
            berth: Berth {
                slot: number,
                tenure: familiar.tenure,
            },
            uses: familiar.uses,
        };
        self.table.insert(&arrival, || slot.store(record));
        ledger.entries = wanted;
        // As long as there is room, who was on trial for long enough stays.
        while self.ledger.newcomers.are_too_many_of(wanted)
            && let Some(oldest) = self.ledger.newcomers.oldest()
        {
            if let Some(index) = self.on_trial(oldest)
                && let Some(place) = self.table.place(index)
            {
                place.make_regular();
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, index: Index) -> Option<(Removed, Familiar)> {
        let place = self.table.place(index).filter(Place::is_taken)?;
        let (berth, uses) = (place.berth(), place.uses());
        self.table
            .remove(index, |place| hash_of(place, self.hasher));
        let removed = self.vacate(berth);
        self.ledger.entries = self.ledger.entries.saturating_sub(1);
        let tenure = berth.tenure;
        Some((removed, Familiar { uses, tenure }))
    }

    /// Takes the slot back to which no place leads any more.
    fn vacate(&mut self, berth: Berth) -> Removed {
        let beside = self.slab.get(berth.slot).and_then(Slot::take_beside);
        self.slab.give_back(berth.slot, &mut self.ledger.vacancies);
        let beside: Option<&Beside> = beside.as_deref();
        Removed {
            bytes_beside: bytes_of(beside),
        }
    }

    /// Takes out who is needed least: who is on trial for the longest and was not used again, or, where
    /// few are on trial, who was used least of late.
    pub(super) fn evict(&mut self) -> Option<Removed> {
        while self.ledger.newcomers.are_many_of(self.ledger.entries) {
            if let Some(removed) = self.try_oldest() {
                return Some(removed);
            }
        }
        if let Some(removed) = self.evict_regular() {
            return Some(removed);
        }
        // Nobody stays but who is on trial.
        while let Some(oldest) = self.ledger.newcomers.oldest() {
            if let Some(index) = self.on_trial(oldest) {
                return self.remove(index).map(|(removed, _)| removed);
            }
        }
        None
    }

    /// Ends the trial of who came first, and takes them out if they were not used.
    fn try_oldest(&mut self) -> Option<Removed> {
        let oldest = self.ledger.newcomers.oldest()?;
        let index = self.on_trial(oldest)?;
        let place = self.table.place(index)?;
        if place.uses() > 0 {
            place.make_regular();
            return None;
        }
        let entries = self.ledger.entries;
        self.ledger.newcomers.let_go(oldest.hash, entries);
        self.remove(index).map(|(removed, _)| removed)
    }

    /// A clock whose hand lets go by who was used since it last came by, up to three times (A. J.
    /// Smith's generalized clock).
    fn evict_regular(&mut self) -> Option<Removed> {
        let capacity = self.table.capacity();
        // Four rounds find somebody even if everybody was used as often as is counted.
        for _ in 0..capacity.saturating_mul(4) {
            let index = advance(&mut self.ledger.hand, capacity);
            let Some(place) = self
                .table
                .place(index)
                .filter(|place| place.is_taken() && place.berth().tenure == Tenure::Regular)
            else {
                continue;
            };
            match place.uses().checked_sub(1) {
                Some(fewer) => place.set_uses(fewer),
                None => {
                    // Somebody else may have moved up to there.
                    self.ledger.hand = index;
                    return self.remove(index).map(|(removed, _)| removed);
                }
            }
        }
        None
    }

    /// Where a newcomer is who is on trial still.
    fn on_trial(&self, Newcomer { hash, slot }: Newcomer) -> Option<Index> {
        let tenure = Tenure::OnTrial;
        self.table.find(u64::from(hash), |place| {
            place.berth() == Berth { slot, tenure }
        })
    }

    /// Takes out who is over, looking at a few places at a time.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<Removed> {
        let capacity = self.table.capacity();
        (0..LOOKS.min(capacity))
            .filter_map(|_| {
                let index = advance(&mut self.ledger.watch, capacity);
                let place = self.table.place(index).filter(Place::is_taken)?;
                if !self.slot(place.berth())?.load().is_over(now) {
                    return None;
                }
                // Somebody else may have moved up to there.
                self.ledger.watch = index;
                self.remove(index).map(|(removed, _)| removed)
            })
            .collect()
    }

    /// Takes everybody out.
    pub(super) fn clear(&mut self) -> Vec<Removed> {
        self.ledger.entries = 0;
        self.ledger.newcomers.clear();
        let mut all = Vec::new();
        for place in self.table.places().filter(Place::is_taken) {
            let berth = place.berth();
            place.clear();
            all.push(self.vacate(berth));
        }
        all
    }

    fn grow(&self) {
        let everybody: Vec<_> = self
            .table
            .places()
            .filter_map(|place| {
                let key = place.key()?;
                let moving = Arrival {
                    key,
                    hash: self.hasher.hash(&key),
                    glance: place.glance(),
                    berth: place.berth(),
                    uses: place.uses(),
                };
                place.clear();
                Some(moving)
            })
            .collect();
        self.table.grow();
        for one in &everybody {
            self.table.insert(one, || {});
        }
    }
}

/// The half of a hash by which a place is found.
fn lower(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn advance(hand: &mut Index, capacity: usize) -> Index {
    let index = if *hand < capacity { *hand } else { 0 };
    *hand = index.saturating_add(1);
    index
}

/// The hash that who is here was put in by.
fn hash_of(place: Place<'_>, hasher: &KeyHasher) -> Option<u64> {
    place.key().map(|key| hasher.hash(&key))
}
