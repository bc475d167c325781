//! What the keys of many counters have in common.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::{CounterKey, CounterWindow};

/// Which family it is, for as long as it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FamilyId(u32);

/// A feature in a window, of which many subjects may have a counter.
///
/// It is kept once, so that a counter takes half the room: more of them are in the processor's caches
/// then. At worst, where everybody has a window of their own, it takes the room that it spares.
#[derive(Debug)]
struct Family {
    feature: Arc<str>,
    window: CounterWindow,
    members: u32,
}

/// The families of the counters of one table.
#[derive(Debug, Default)]
pub(crate) struct Families {
    // INVARIANT: those without members are in `free`, the others in `by_key`.
    list: Vec<Family>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
    hash: foldhash::fast::RandomState,
}

impl Families {
    /// The family of a key, with one member more.
    pub(super) fn join(&mut self, key: &CounterKey) -> FamilyId {
        let hash = self.hash_of(key.feature(), key.window());
        let list = &self.list;
        let is_it = |index: &u32| family(list, *index).is_some_and(|it| it.is_of(key));
        if let Some(index) = self.by_key.find(hash, is_it).copied() {
            if let Some(family) = family_mut(&mut self.list, index) {
                family.members = family.members.saturating_add(1);
            }
            return FamilyId(index);
        }
        let family = Family {
            feature: key.shared_feature(),
            window: key.window(),
            members: 1,
        };
        let index = self.put(family);
        let (list, hasher) = (&self.list, &self.hash);
        self.by_key
            .insert_unique(hash, index, |index| hash_of(hasher, list, *index));
        FamilyId(index)
    }

    /// Takes a member off a family.
    pub(super) fn leave(&mut self, FamilyId(index): FamilyId) {
        let Some(family) = family_mut(&mut self.list, index) else {
            return;
        };
        family.members = family.members.saturating_sub(1);
        if family.members > 0 {
            return;
        }
        let hash = hash_of(&self.hash, &self.list, index);
        if let Ok(entry) = self.by_key.find_entry(hash, |other| *other == index) {
            entry.remove();
        }
        self.free.push(index);
    }

    /// Whether the key is of that family.
    #[inline]
    pub(super) fn has(&self, FamilyId(index): FamilyId, key: &CounterKey) -> bool {
        family(&self.list, index).is_some_and(|family| family.is_of(key))
    }

    pub(super) fn window(&self, FamilyId(index): FamilyId) -> Option<CounterWindow> {
        Some(family(&self.list, index)?.window)
    }

    /// Gives back the room of those at the end that have no members.
    pub(super) fn shrink(&mut self) {
        while let Some(family) = self.list.last()
            && family.members == 0
        {
            self.list.pop();
        }
        let end = self.list.len();
        self.free
            .retain(|index| usize::try_from(*index).is_ok_and(|index| index < end));
        if self.list.capacity() / 4 > end {
            self.list.shrink_to(end * 2);
            self.free.shrink_to(end);
            let (list, hasher) = (&self.list, &self.hash);
            self.by_key
                .shrink_to(end * 2, |index| hash_of(hasher, list, *index));
        }
    }

    fn put(&mut self, family: Family) -> u32 {
        if let Some(index) = self.free.pop()
            && let Some(place) = family_mut(&mut self.list, index)
        {
            *place = family;
            return index;
        }
        // There are no more families than counters, which are numbered by `u32`.
        let index = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(family);
        index
    }

    fn hash_of(&self, feature: &str, window: CounterWindow) -> u64 {
        self.hash.hash_one((feature, window))
    }
}

impl Family {
    #[inline]
    fn is_of(&self, key: &CounterKey) -> bool {
        self.window == key.window() && is_same(&self.feature, key.feature_ref())
    }
}

#[inline]
fn family(list: &[Family], index: u32) -> Option<&Family> {
    list.get(usize::try_from(index).ok()?)
}

fn family_mut(list: &mut [Family], index: u32) -> Option<&mut Family> {
    list.get_mut(usize::try_from(index).ok()?)
}

fn hash_of(hasher: &foldhash::fast::RandomState, list: &[Family], index: u32) -> u64 {
    family(list, index).map_or(0, |family| {
        hasher.hash_one((&*family.feature, family.window))
    })
}

/// Features come from one catalog, so nearly always the text lies in one place.
#[inline]
fn is_same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use tiergate_core::Subject;
    use tiergate_core::time::Timestamp;

    use super::*;

    fn key(number: i64) -> CounterKey {
        let window = CounterWindow::Fixed {
            start: Timestamp::from_seconds(0),
            end: Timestamp::from_seconds(1 + number / 2),
        };
        let feature = if number % 2 == 0 { "f" } else { "g" };
        CounterKey::new(Subject::user("a"), feature, window)
    }

    proptest! {
        #[test]
        fn a_family_stays_as_long_as_it_has_members_and_is_no_other(
            steps in prop::collection::vec((0..20_i64, 0..5_u8), 1..400),
        ) {
            let mut families = Families::default();
            let mut members: HashMap<i64, (FamilyId, u32)> = HashMap::new();
            for (number, step) in steps {
                match (step, members.get_mut(&number)) {
                    (0..2, Some((id, count))) => {
                        prop_assert_eq!(families.join(&key(number)), *id);
                        *count += 1;
                    }
                    (0..2, None) => {
                        members.insert(number, (families.join(&key(number)), 1));
                    }
                    (2..4, Some((id, count))) => {
                        families.leave(*id);
                        *count -= 1;
                        members.retain(|_, (_, count)| *count > 0);
                    }
                    (2..4, None) => {}
                    (_, _) => families.shrink(),
                }
                for (number, (id, _)) in &members {
                    prop_assert_eq!(families.window(*id), Some(key(*number).window()));
                    for other in 0..20 {
                        prop_assert_eq!(families.has(*id, &key(other)), other == *number);
                    }
                }
                prop_assert_eq!(families.by_key.len(), members.len());
                prop_assert_eq!(families.list.len(), members.len() + families.free.len());
            }
        }
    }
}
