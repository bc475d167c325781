//! The accounts of one shard.

use crate::CounterKey;
use crate::memory::table::{Id, Table};

use super::entry::Entry;

/// Which account it is, for as long as an operation, a waiter or a task refers to it.
pub(super) type AccountId = Id;

/// Accounts by counter.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    table: Table<Entry>,
}

impl Accounts {
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &CounterKey) -> Option<AccountId> {
        self.table.find(hash, key)
    }

    /// The account of `key`, and which it is.
    #[inline]
    pub(super) fn find_mut(
        &mut self,
        hash: u64,
        key: &CounterKey,
    ) -> Option<(AccountId, &mut Entry)> {
        self.table.find_mut(hash, key)
    }

    #[inline]
    pub(super) fn get(&self, id: AccountId) -> Option<&Entry> {
        self.table.get(id)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Entry> {
        self.table.get_mut(id)
    }

    /// Puts in an account that is not there, for which the caller has taken room.
    pub(super) fn insert(&mut self, hash: u64, account: Entry) -> AccountId {
        let key = account.key().clone();
        self.table.insert(hash, &key, account)
    }

    /// Takes out an account that nothing refers to any more.
    pub(super) fn remove(&mut self, id: AccountId) {
        self.table.remove(id);
    }

    pub(super) fn ids(&self) -> Vec<AccountId> {
        self.table.iter().map(|(id, _)| id).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter().map(|(_, account)| account)
    }
}
