use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tiergate_core::Subject;

use super::Kept;
use super::key::Key;
use super::place::Place;
use super::table::{Arrival, Index, Table};

type Hasher = foldhash::fast::RandomState;

/// How many places are looked at for what is too old, whenever something is put in.
const LOOKS: usize = 2;

/// A part of the store, with the lock for its changes.
pub(super) struct Shard {
    pub(super) table: Table,
    ledger: Mutex<Ledger>,
}

/// Who holds it may change the table.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: usize,
    /// Where the next who must go is looked for.
    hand: Index,
    /// Where the next who is too old is looked for.
    watch: Index,
}

/// A shard whose lock is held.
pub(super) struct Held<'a> {
    pub(super) table: &'a Table,
    ledger: MutexGuard<'a, Ledger>,
    hasher: &'a Hasher,
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            ledger: Mutex::default(),
        }
    }

    pub(super) fn hold<'a>(&'a self, hasher: &'a Hasher) -> Held<'a> {
        Held {
            table: &self.table,
            // What a panic could leave behind is an entry too few, which is looked up again.
            ledger: self.ledger.lock().unwrap_or_else(PoisonError::into_inner),
            hasher,
        }
    }

    /// The same, unless somebody holds it.
    pub(super) fn try_hold<'a>(&'a self, hasher: &'a Hasher) -> Option<Held<'a>> {
        let ledger = match self.ledger.try_lock() {
            Ok(ledger) => ledger,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Held {
            table: &self.table,
            ledger,
            hasher,
        })
    }
}

impl Held<'_> {
    /// Where `subject` is, and what is kept of them.
    pub(super) fn find(&self, subject: &Subject, key: &Key, hash: u64) -> Option<Index> {
        self.table.find(key, hash, |place| {
            let kept = place.kept.load();
            kept.as_ref().is_some_and(|kept| kept.is_of(subject))
        })
    }

    /// Adds somebody who is not there.
    pub(super) fn insert(&mut self, arrival: Arrival) {
        let wanted = self.ledger.entries.saturating_add(1);
        if wanted.saturating_mul(4) > self.table.capacity().saturating_mul(3) {
            self.grow();
        }
        self.table.insert(arrival);
        self.ledger.entries = wanted;
    }

    pub(super) fn remove(&mut self, index: Index) -> Option<Arc<Kept>> {
        let removed = self
            .table
            .remove(index, |place| hash_of(place, self.hasher));
        if removed.is_some() {
            self.ledger.entries = self.ledger.entries.saturating_sub(1);
        }
        removed
    }

    /// Takes out who was used least of late: a clock whose hand lets go by who was used since it last
    /// came by, up to three times (A. J. Smith's generalized clock). Who comes once goes before who
    /// comes often.
    pub(super) fn evict(&mut self) -> Option<Arc<Kept>> {
        if self.ledger.entries == 0 {
            return None;
        }
        let capacity = self.table.capacity();
        // Four rounds find somebody even if everybody was used as often as is counted.
        for _ in 0..capacity.saturating_mul(4) {
            let index = advance(&mut self.ledger.hand, capacity);
            let Some(place) = self
                .table
                .place(index)
                .filter(|place| place.key().is_some())
            else {
                continue;
            };
            match place.uses().checked_sub(1) {
                Some(fewer) => place.set_uses(fewer),
                None => {
                    // Somebody else may have moved up to there.
                    self.ledger.hand = index;
                    return self.remove(index);
                }
            }
        }
        None
    }

    /// Takes out who is over, looking at a few places at a time.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<Arc<Kept>> {
        let capacity = self.table.capacity();
        (0..LOOKS.min(capacity))
            .filter_map(|_| {
                let index = advance(&mut self.ledger.watch, capacity);
                let kept = self.table.place(index)?.kept.load_full()?;
                if !kept.entry.is_over(now) {
                    return None;
                }
                // Somebody else may have moved up to there.
                self.ledger.watch = index;
                self.remove(index)
            })
            .collect()
    }

    /// Takes everybody out.
    pub(super) fn clear(&mut self) -> Vec<Arc<Kept>> {
        self.ledger.entries = 0;
        self.table
            .places()
            .filter_map(|place| place.clear())
            .collect()
    }

    fn grow(&mut self) {
        let everybody: Vec<_> = self
            .table
            .places()
            .filter_map(|place| {
                let (key, glance, uses) = (place.key()?, place.glance(), place.uses());
                Some(Arrival {
                    key,
                    hash: key.hash(self.hasher),
                    glance,
                    uses,
                    kept: place.clear()?,
                })
            })
            .collect();
        self.table.grow();
        for one in everybody {
            self.table.insert(one);
        }
    }
}

fn advance(hand: &mut Index, capacity: usize) -> Index {
    let index = if *hand < capacity { *hand } else { 0 };
    *hand = index.saturating_add(1);
    index
}

/// The hash that who is here was put in by.
fn hash_of(place: Place<'_>, hasher: &Hasher) -> Option<u64> {
    place.key().map(|key| key.hash(hasher))
}
