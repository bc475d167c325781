//! The accounts of one shard.

use hashbrown::HashTable;

use crate::CounterKey;

use super::entry::Entry;

/// Where an account is, for as long as an operation, a waiter or a task refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AccountIndex(u32);

impl AccountIndex {
    /// Where no account is.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// Accounts by counter.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    index: HashTable<AccountIndex>,
    slots: Vec<Option<Entry>>,
    vacant: Vec<AccountIndex>,
}

impl Accounts {
    pub(super) fn find(&self, hash: u64, key: &CounterKey) -> Option<AccountIndex> {
        let slots = &self.slots;
        let is_it = |index: &AccountIndex| slot(slots, *index).is_some_and(|it| it.key() == key);
        self.index.find(hash, is_it).copied()
    }

    pub(super) fn get(&self, index: AccountIndex) -> Option<&Entry> {
        slot(&self.slots, index)
    }

    pub(super) fn get_mut(&mut self, index: AccountIndex) -> Option<&mut Entry> {
        let position = usize::try_from(index.0).ok()?;
        self.slots.get_mut(position)?.as_mut()
    }

    /// Puts in an account that is not there, for which the caller has taken room.
    pub(super) fn insert(&mut self, account: Entry) -> AccountIndex {
        let hash = account.hash();
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // Room is bounded below this.
            AccountIndex(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        let position = usize::try_from(index.0).unwrap_or(usize::MAX);
        if let Some(slot) = self.slots.get_mut(position) {
            *slot = Some(account);
        }
        let slots = &self.slots;
        let rehash = |other: &AccountIndex| slot(slots, *other).map_or(0, Entry::hash);
        self.index.insert_unique(hash, index, rehash);
        index
    }

    /// Takes out an account that nothing refers to any more.
    pub(super) fn remove(&mut self, index: AccountIndex) {
        let position = usize::try_from(index.0).unwrap_or(usize::MAX);
        let Some(account) = self.slots.get_mut(position).and_then(Option::take) else {
            return;
        };
        let entry = self
            .index
            .find_entry(account.hash(), |other| *other == index);
        if let Ok(entry) = entry {
            entry.remove();
        }
        self.vacant.push(index);
    }

    pub(super) fn indexes(&self) -> impl Iterator<Item = AccountIndex> + use<> {
        let end = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        (0..end).map(AccountIndex)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }
}

fn slot(slots: &[Option<Entry>], index: AccountIndex) -> Option<&Entry> {
    slots.get(usize::try_from(index.0).ok()?)?.as_ref()
}
