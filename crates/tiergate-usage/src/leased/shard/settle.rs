//! Committing and giving back, and telling those who wait for that.

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::memory::slab::{Ended, Found, Handle};
use crate::now::Now;
use crate::{MAX_CLAIMS, ReservationId, Settlement};

use super::{Committing, Held, Operation, Patience, Settled, Shard, Stage};
use crate::leased::account::Commit;
use crate::leased::accounts::AccountIndex;
use crate::leased::entry::Entry;

impl Shard {
    pub(in crate::leased) fn commit(
        &mut self,
        id: ReservationId,
        units: &[u64],
        patience: Patience,
        now: &Now<'_>,
    ) -> Settled {
        self.expire(now);
        let Some(handle) = self.names.handle(id) else {
            return Settled::Unknown;
        };
        let held = match self.operations.find(handle) {
            Found::Unknown => return Settled::Unknown,
            Found::Gone(Ended::Settled) => return Settled::Now(Settlement::AlreadySettled),
            Found::Gone(Ended::Expired) => return Settled::Now(Settlement::Expired),
            Found::Here(operation) => match &mut operation.stage {
                Stage::Open => operation.held.clone(),
                Stage::Committing(committing) => {
                    if patience == Patience::AtOnce {
                        return Settled::NotAtOnce;
                    }
                    let (tell, told) = oneshot::channel();
                    committing.tell.push(tell);
                    return Settled::Later(told);
                }
            },
        };
        if held.len() != units.len() {
            return Settled::WrongClaims;
        }
        let (mut backed, mut sure) = (true, true);
        for (held, units) in held.iter().zip(units) {
            let Some(account) = self.accounts.get_mut(held.account) else {
                continue;
            };
            if account.doubt_overdue(now.elapsed()) {
                self.drop_lost(held.account);
            }
            if let Some(account) = self.accounts.get(held.account) {
                backed &= account.backs(held.units.min(*units));
                sure &= account.is_sure(*units);
            }
        }
        if !backed {
            self.give_up(handle, &held);
            return Settled::Now(Settlement::Expired);
        }
        if !sure && patience == Patience::AtOnce {
            return Settled::NotAtOnce;
        }
        let mut missing = 0;
        for (held, units) in held.iter().zip(units) {
            if let Some(account) = self.accounts.get_mut(held.account) {
                match account.commit(held.units, *units, handle, now.elapsed()) {
                    Commit::Sure => {}
                    Commit::Pending => missing += 1,
                }
            }
        }
        let settled = if missing == 0 {
            self.operations.remove(handle, |_| Ended::Settled);
            Settled::Now(Settlement::Settled)
        } else {
            let (tell, told) = oneshot::channel();
            for (held, units) in held.iter().zip(units) {
                if let Some(account) = self.accounts.get_mut(held.account) {
                    account.unsettle(*units);
                }
            }
            if let Found::Here(operation) = self.operations.find(handle) {
                for (held, units) in operation.held.iter_mut().zip(units) {
                    held.units = *units;
                }
                let tell = SmallVec::from_buf([tell]);
                operation.stage = Stage::Committing(Box::new(Committing { missing, tell }));
            }
            Settled::Later(told)
        };
        for held in &held {
            self.after_release(held.account, now);
        }
        settled
    }

    pub(in crate::leased) fn release(&mut self, id: ReservationId, now: &Now<'_>) -> Settled {
        self.expire(now);
        let Some(handle) = self.names.handle(id) else {
            return Settled::Unknown;
        };
        match self.operations.find(handle) {
            Found::Unknown => return Settled::Unknown,
            Found::Gone(Ended::Settled) => return Settled::Now(Settlement::AlreadySettled),
            Found::Gone(Ended::Expired) => return Settled::Now(Settlement::Expired),
            Found::Here(Operation { stage, .. }) => match stage {
                Stage::Open => {}
                Stage::Committing(_) => return Settled::Now(Settlement::AlreadySettled),
            },
        }
        if let Some(operation) = self.operations.remove(handle, |_| Ended::Settled) {
            self.put_back(&operation.held, now);
        }
        Settled::Now(Settlement::Settled)
    }

    /// Ends an open operation whose units were lost.
    fn give_up(&mut self, handle: Handle, held: &[Held]) {
        crate::leased::observe::late();
        self.operations.remove(handle, |_| Ended::Expired);
        for held in held {
            if let Some(account) = self.accounts.get_mut(held.account) {
                account.release(held.units);
            }
        }
    }

    pub(super) fn tell_sure(&mut self, index: AccountIndex) {
        while let Some(sure) = self.accounts.get_mut(index).and_then(Entry::pop_sure) {
            let Found::Here(operation) = self.operations.find(sure.handle) else {
                continue;
            };
            let Stage::Committing(committing) = &mut operation.stage else {
                continue;
            };
            committing.missing = committing.missing.saturating_sub(1);
            if committing.missing == 0 {
                self.end_committing(sure.handle, Ended::Settled);
            }
        }
    }

    /// Takes back the commits whose units were lost before the store had acknowledged them.
    pub(super) fn drop_lost(&mut self, index: AccountIndex) {
        while let Some(lost) = self.accounts.get_mut(index).and_then(Entry::pop_lost) {
            crate::leased::observe::late();
            let held = self.end_committing(lost.handle, Ended::Expired);
            for held in held.iter().filter(|held| held.account != index) {
                if let Some(account) = self.accounts.get_mut(held.account) {
                    account.withdraw(lost.handle, held.units);
                }
                self.tell_sure(held.account);
            }
        }
    }

    fn end_committing(&mut self, handle: Handle, ended: Ended) -> SmallVec<[Held; MAX_CLAIMS]> {
        let Some(operation) = self.operations.remove(handle, |_| ended) else {
            return SmallVec::new();
        };
        let settlement = match ended {
            Ended::Settled => Settlement::Settled,
            Ended::Expired => Settlement::Expired,
        };
        if ended == Ended::Settled {
            for held in &operation.held {
                if let Some(account) = self.accounts.get_mut(held.account) {
                    account.settle(held.units);
                }
            }
        }
        if let Stage::Committing(committing) = operation.stage {
            for tell in committing.tell {
                // Whoever left knows that it went on.
                let _ = tell.send(settlement);
            }
        }
        operation.held
    }
}
