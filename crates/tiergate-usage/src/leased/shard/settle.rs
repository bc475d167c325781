//! Committing and giving back, and telling those who wait for that.

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::memory::slab::{Ended, Found, Handle};
use crate::now::Now;
use crate::{ReservationId, Settlement};

use super::{Committing, Operation, Patience, Settled, Shard, Stage};
use crate::leased::account::{Commit, Service};
use crate::leased::accounts::AccountId;
use crate::leased::entry::Entry;

impl Shard {
    /// Commits an open operation of one claim, if nothing comes of it but that its units are counted:
    /// it is within its time, the store counts them whatever happens, and nobody waits for what is left
    /// of them. None if it is not as plain as that, and then nothing was done.
    ///
    /// `now` may be some milliseconds ago, as no units are taken by it.
    pub(in crate::leased) fn commit_plain(
        &mut self,
        id: ReservationId,
        units: &[u64],
        now: &Now<'_>,
    ) -> Option<Settlement> {
        if self.deadlines.next() <= now.elapsed() || self.service == Service::Closing {
            return None;
        }
        let handle = self.names.handle(id)?;
        let Operation {
            stage: Stage::Open,
            held,
            ..
        } = self.operations.get(handle)?
        else {
            return None;
        };
        let ([held], [units]) = (held.as_slice(), units) else {
            return None;
        };
        let account = self.accounts.get_mut(held.account)?;
        // What goes beyond takes units.
        if *units > held.units || !account.waiting().is_empty() || !account.is_sure(*units) {
            return None;
        }
        let index = held.account;
        // It is sure, so there is nobody to be told later.
        let _ = account.commit(held.units, *units, handle, now.elapsed());
        let is_pressing = account.is_pressing(now.elapsed());
        self.operations.end(handle, Ended::Settled);
        if is_pressing {
            self.kick(index);
        }
        Some(Settlement::Settled)
    }

    pub(in crate::leased) fn commit(
        &mut self,
        id: ReservationId,
        units: &[u64],
        patience: Patience,
        now: &Now<'_>,
    ) -> Settled {
        self.expire(now);
        if let Some(settlement) = self.commit_plain(id, units, now) {
            return Settled::Now(settlement);
        }
        let Some(handle) = self.names.handle(id) else {
            return Settled::Unknown;
        };
        let held = match self.operations.find(handle) {
            Found::Unknown => return Settled::Unknown,
            Found::Gone(Ended::Settled) => return Settled::Now(Settlement::AlreadySettled),
            Found::Gone(Ended::Expired) => {
                crate::leased::observe::late();
                return Settled::Now(Settlement::Expired);
            }
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
        let is_sure = held.iter().zip(units).all(|(held, units)| {
            let account = self.accounts.get(held.account);
            account.is_none_or(|account| account.is_sure(*units))
        });
        if !is_sure && patience == Patience::AtOnce {
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
            self.operations.end(handle, Ended::Settled);
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

    pub(super) fn tell_sure(&mut self, index: AccountId) {
        while let Some(sure) = self.accounts.get_mut(index).and_then(Entry::pop_sure) {
            let Found::Here(operation) = self.operations.find(sure.handle) else {
                continue;
            };
            let Stage::Committing(committing) = &mut operation.stage else {
                continue;
            };
            committing.missing = committing.missing.saturating_sub(1);
            if committing.missing == 0 {
                self.end_committing(sure.handle);
            }
        }
    }

    fn end_committing(&mut self, handle: Handle) {
        let Some(operation) = self.operations.remove(handle, |_| Ended::Settled) else {
            return;
        };
        for held in &operation.held {
            if let Some(account) = self.accounts.get_mut(held.account) {
                account.settle(held.units);
            }
        }
        if let Stage::Committing(committing) = operation.stage {
            for tell in committing.tell {
                // Whoever left knows that it went on.
                let _ = tell.send(Settlement::Settled);
            }
        }
    }
}
