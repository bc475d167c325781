//! Committing, and what becomes of commits.

use crate::memory::slab::Handle;

use super::Account;

/// A commit that the store has not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(in crate::leased) struct Pending {
    pub(in crate::leased) handle: Handle,
    units: u64,
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
    /// Whether `units` of an open operation still have granted ones behind them. They may not, once a
    /// block was lost.
    pub(in crate::leased) fn backs(&self, units: u64) -> bool {
        self.committed + u128::from(units) <= self.granted
    }

    /// Whether a commit would be sure at once.
    pub(in crate::leased) fn is_sure(&self, units: u64) -> bool {
        self.committed + u128::from(units) <= self.kept
    }

    /// Counts `units` of an operation that had reserved `reserved`, and that are
    /// [backed](Self::backs).
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
            units,
            mark: self.committed,
        });
        Commit::Pending
    }

    /// Counts units beyond all that is granted, whatever the limit.
    fn overdraw(&mut self, units: u64) {
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

    /// Takes a commit back whose units were lost with their block.
    pub(in crate::leased) fn pop_lost(&mut self) -> Option<Pending> {
        let back = *self.pending.back()?;
        if back.mark <= self.granted {
            return None;
        }
        self.pending.pop_back();
        self.uncount(back.units);
        Some(back)
    }

    /// Takes a commit back that was counted, told or not: the operation was lost elsewhere.
    pub(in crate::leased) fn withdraw(&mut self, handle: Handle, units: u64) {
        let position = self.pending.iter().position(|it| it.handle == handle);
        if let Some(position) = position {
            self.pending.remove(position);
        }
        for later in self.pending.iter_mut().skip(position.unwrap_or(0)) {
            later.mark = later.mark.saturating_sub(u128::from(units));
        }
        self.uncount(units);
    }

    /// Notes that a commit which is counted may yet be taken back.
    pub(in crate::leased) fn unsettle(&mut self, units: u64) {
        self.unsettled += u128::from(units);
    }

    /// Notes that it may not any more.
    pub(in crate::leased) fn settle(&mut self, units: u64) {
        self.unsettled = self.unsettled.saturating_sub(u128::from(units));
    }

    fn uncount(&mut self, units: u64) {
        self.committed = self.committed.saturating_sub(u128::from(units));
        self.settle(units);
        self.release(units);
    }
}
