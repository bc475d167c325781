//! The accounts of one shard.

use crate::CounterKey;
use crate::memory::name::Name;
use crate::memory::table::{Id, Named, Table};

use super::entry::Entry;

/// Which account it is, for as long as an operation, a waiter or a task refers to it.
pub(super) type AccountId = Id;

/// Accounts by counter.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    table: Table<Listed>,
}

/// An account, with its name beside it: to look at that behind the pointer would take a wait for memory
/// more.
#[derive(Debug)]
struct Listed {
    id: Id,
    name: Name,
    account: Entry,
}

impl Named for Listed {
    #[inline]
    fn id(&self) -> Id {
        self.id
    }

    #[inline]
    fn name(&self) -> &Name {
        &self.name
    }
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
        let (id, listed) = self.table.find_mut(hash, key)?;
        Some((id, &mut listed.account))
    }

    #[inline]
    pub(super) fn get(&self, id: AccountId) -> Option<&Entry> {
        Some(&self.table.get(id)?.account)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Entry> {
        Some(&mut self.table.get_mut(id)?.account)
    }

    /// Puts in an account that is not there, for which the caller has taken room.
    pub(super) fn insert(&mut self, hash: u64, account: Entry) -> AccountId {
        self.table.insert(hash, |id| Listed {
            id,
            name: Name::of(account.key()),
            account,
        })
    }

    /// Takes out an account that nothing refers to any more.
    pub(super) fn remove(&mut self, id: AccountId) {
        self.table.remove(id);
    }

    pub(super) fn ids(&self) -> Vec<AccountId> {
        self.table.iter().map(Listed::id).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter().map(|listed| &listed.account)
    }
}
