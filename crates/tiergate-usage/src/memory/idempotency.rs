//! The idempotency keys of one shard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use tiergate_core::Subject;

use crate::{Claim, IdempotencyKey};

use super::room::Room;
use super::slab::Handle;

/// How many elapsed keys an operation forgets at most, so that none pays for many.
const FORGOTTEN_AT_ONCE: usize = 4;

/// A key, in the name of the subject who used it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ScopedKey {
    subject: Subject,
    key: IdempotencyKey,
}

impl ScopedKey {
    pub(super) fn new(subject: &Subject, key: &IdempotencyKey) -> Self {
        Self {
            subject: subject.clone(),
            key: key.clone(),
        }
    }
}

/// What an operation asked for, apart from what may differ when it is retried: the limit, which a
/// change of plan moves, and the window, which time moves.
#[derive(Debug)]
pub(super) struct Fingerprint(Box<[(Subject, Arc<str>, u64)]>);

impl Fingerprint {
    pub(super) fn of(claims: &[Claim]) -> Self {
        let part = |claim: &Claim| {
            let key = claim.key();
            (key.subject().clone(), key.shared_feature(), claim.units())
        };
        Self(claims.iter().map(part).collect())
    }

    pub(super) fn matches(&self, claims: &[Claim]) -> bool {
        self.0.len() == claims.len()
            && self
                .0
                .iter()
                .zip(claims)
                .all(|((subject, feature, units), claim)| {
                    let key = claim.key();
                    subject == key.subject()
                        && **feature == *key.feature()
                        && *units == claim.units()
                })
    }
}

/// What is known of a key.
#[derive(Debug)]
pub(super) enum Known<'a> {
    /// Its operation is under way.
    Open(Handle),
    /// Its operation was committed.
    Done {
        fingerprint: &'a Fingerprint,
        age: u64,
    },
}

#[derive(Debug)]
enum Entry {
    Open(Handle),
    Done(Done),
}

#[derive(Debug)]
struct Done {
    fingerprint: Fingerprint,
    until: u64,
    /// Rises with every committed key of the store.
    age: u64,
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    entries: HashMap<ScopedKey, Entry, foldhash::fast::RandomState>,
    by_age: BTreeMap<u64, ScopedKey>,
    by_end: BTreeSet<(u64, u64)>,
}

impl Keys {
    pub(super) fn find(&self, key: &ScopedKey, now: u64) -> Option<Known<'_>> {
        match self.entries.get(key)? {
            Entry::Open(handle) => Some(Known::Open(*handle)),
            Entry::Done(done) => (done.until > now).then_some(Known::Done {
                fingerprint: &done.fingerprint,
                age: done.age,
            }),
        }
    }

    /// Binds a key to an open reservation.
    pub(super) fn open(&mut self, key: ScopedKey, handle: Handle, room: &Room) {
        if let Some(Entry::Done(elapsed)) = self.entries.insert(key, Entry::Open(handle)) {
            self.by_age.remove(&elapsed.age);
            self.by_end.remove(&(elapsed.until, elapsed.age));
            room.give_back(1);
        }
    }

    /// Frees the key of a reservation that came to nothing.
    pub(super) fn free(&mut self, key: &ScopedKey) {
        self.entries.remove(key);
    }

    /// Remembers that the operation of a key was committed.
    pub(super) fn complete(
        &mut self,
        key: ScopedKey,
        fingerprint: Fingerprint,
        until: u64,
        age: u64,
        room: &Room,
    ) {
        room.squeeze();
        self.by_end.insert((until, age));
        self.by_age.insert(age, key.clone());
        let done = Done {
            fingerprint,
            until,
            age,
        };
        self.entries.insert(key, Entry::Done(done));
    }

    /// Forgets a few keys whose time is over.
    pub(super) fn forget_some_elapsed(&mut self, now: u64, room: &Room) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            if !self.forget_one_elapsed(now, room) {
                return;
            }
        }
    }

    /// Forgets all keys whose time is over.
    pub(super) fn forget_elapsed(&mut self, now: u64, room: &Room) {
        while self.forget_one_elapsed(now, room) {}
        if self.entries.capacity() / 4 > self.entries.len() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    fn forget_one_elapsed(&mut self, now: u64, room: &Room) -> bool {
        match self.by_end.first() {
            Some(&(until, age)) if until <= now => self.forget(age, room),
            _ => false,
        }
    }

    /// Forgets the key that was committed first.
    pub(super) fn forget_oldest(&mut self, room: &Room) -> bool {
        self.oldest().is_some_and(|age| self.forget(age, room))
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.by_age.first_key_value().map(|(age, _)| *age)
    }

    /// When the next key is to be forgotten.
    pub(super) fn next_end(&self) -> u64 {
        self.by_end.first().map_or(u64::MAX, |(until, _)| *until)
    }

    pub(super) fn remembered(&self) -> usize {
        self.by_age.len()
    }

    fn forget(&mut self, age: u64, room: &Room) -> bool {
        let Some(key) = self.by_age.remove(&age) else {
            return false;
        };
        if let Some(Entry::Done(done)) = self.entries.remove(&key) {
            self.by_end.remove(&(done.until, age));
        }
        room.give_back(1);
        true
    }
}
