//! Committing, and what becomes of commits.

use crate::memory::slab::Handle;

use super::Account;

/// A commit that the store has not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(in crate::leased) struct Pending {
    pub(in crate::leased) handle: Handle,
    /// What was committed of the counter with it: it is sure once so much is kept.
    mark: u128,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leased) enum Commit {
    /// The store counts it whatever happens.
    Sure,
    /// It is counted, and may be told once the store has acknowledged it.
    Pending,
}

impl Account {
    /// Whether a commit would be sure at once.
    pub(in crate::leased) fn is_sure(&self, units: u64) -> bool {
        self.committed + u128::from(units) <= self.kept
    }

    /// Counts `units` of an operation that had reserved `reserved`.
    pub(in crate::leased) fn commit(
        &mut self,
        reserved: u64,
        units: u64,
        handle: Handle,
    ) -> Commit {
        self.committed += u128::from(units);
        self.used = self.used.saturating_sub(u128::from(reserved)) + u128::from(units);
        if units < reserved {
            self.make_up(reserved - units);
        } else {
            let beyond = self
                .used
                .saturating_sub(self.granted - self.barred.min(self.granted));
            let beyond = u64::try_from(beyond).unwrap_or(u64::MAX);
            self.overdraw(beyond.min(units - reserved));
        }
        if self.committed <= self.kept {
            return Commit::Sure;
        }
        self.pending.push_back(Pending {
            handle,
            mark: self.committed,
        });
        Commit::Pending
    }

    /// Counts units beyond all that is granted, whatever the limit.
    pub(super) fn overdraw(&mut self, units: u64) {
        // What does not fit in one block waits for the next.
        let owed = self.owed.saturating_add(units);
        let more = owed - self.owed;
        self.owed = owed;
        self.granted += u128::from(more);
        self.overdrawn += u128::from(more);
    }

    /// Takes a commit off the list that the store has acknowledged.
    pub(in crate::leased) fn pop_sure(&mut self) -> Option<Pending> {
        let front = self.pending.front()?;
        if front.mark > self.kept {
            return None;
        }
        self.pending.pop_front()
    }

    /// Notes a commit that is counted and not told yet.
    pub(in crate::leased) fn unsettle(&mut self, units: u64) {
        self.unsettled += u128::from(units);
    }

    /// Notes that it is told.
    pub(in crate::leased) fn settle(&mut self, units: u64) {
        self.unsettled = self.unsettled.saturating_sub(u128::from(units));
    }
}
