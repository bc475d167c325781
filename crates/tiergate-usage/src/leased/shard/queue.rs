//! Operations that wait for units, in turn.

use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::memory::slab::Ended;
use crate::now::Now;
use crate::{Claim, MAX_CLAIMS, Refusal, Refused, ReserveOutcome, StoreErrorKind};

use super::{Attempt, Queued, Shard};
use crate::leased::account::{Check, Service};
use crate::leased::accounts::AccountId;
use crate::leased::entry::Entry;
use crate::leased::waiter::{Part, Verdict, Waiter, Wants};

impl Shard {
    /// The same for one that may wait: then it is in the queue when this returns.
    pub(in crate::leased) fn attempt_or_wait(
        &mut self,
        claims: &[Claim],
        hashes: &[u64],
        ttl: Duration,
        now: &Now<'_>,
    ) -> Queued {
        match self.attempt(claims, hashes, ttl, now) {
            Attempt::Decided(outcome) => return Queued::Told(Verdict::Decided(outcome)),
            Attempt::Failed(kind) => return Queued::Told(Verdict::Failed(kind)),
            Attempt::AskStore => return Queued::Told(Verdict::AskStore),
            Attempt::Lacking => {}
        }
        if self.service == Service::Closing {
            return Queued::Told(Verdict::AskStore);
        }
        let mut parts = SmallVec::new();
        for (claim, hash) in claims.iter().zip(hashes) {
            let Some(account) = self.account_of(claim, *hash, now) else {
                // A counter more than may be held is not leased, which costs time and nothing else.
                return Queued::Told(Verdict::AskStore);
            };
            parts.push(Part {
                account,
                key: claim.key().clone(),
                units: claim.units(),
                limit: claim.limit(),
            });
        }
        let wants = Wants { parts, ttl };
        let (tell, told) = oneshot::channel();
        let waiter = Waiter {
            wants,
            moves: 0,
            tell,
        };
        if self.is_for_store(&waiter.wants, now) {
            return Queued::Told(Verdict::AskStore);
        }
        let at = self.lacking(&waiter.wants, now);
        if let Some(account) = self.accounts.get_mut(at) {
            account.waiting_mut().push_back(waiter);
        }
        self.kick(at);
        Queued::Waiting(told)
    }

    fn account_of(&mut self, claim: &Claim, hash: u64, now: &Now<'_>) -> Option<AccountId> {
        if let Some(index) = self.accounts.find(hash, claim.key()) {
            return Some(index);
        }
        if !self.rooms.accounts.take(1) {
            return None;
        }
        let key = claim.key().clone();
        let Some(entry) = Entry::new(key, now.elapsed(), &self.terms) else {
            self.rooms.accounts.give_back(1);
            return None;
        };
        Some(self.accounts.insert(hash, entry))
    }

    /// Whether one of the counters, which may be new, says that the store is to be asked.
    fn is_for_store(&mut self, wants: &Wants, now: &Now<'_>) -> bool {
        let straight = wants
            .parts
            .iter()
            .find(|part| self.check_of(part, now) == Some(Check::AskStore));
        let Some(part) = straight else {
            return false;
        };
        if let Some(account) = self.accounts.get_mut(part.account) {
            account.goes_straight(part.units, now.elapsed());
        }
        true
    }

    fn check_of(&self, part: &Part, now: &Now<'_>) -> Option<Check> {
        let account = self.accounts.get(part.account)?;
        Some(account.check(part.units, part.limit, now.elapsed(), &self.terms))
    }

    /// The counter that an operation has to wait for.
    fn lacking(&self, wants: &Wants, now: &Now<'_>) -> AccountId {
        let lacking = wants
            .parts
            .iter()
            .find(|part| self.check_of(part, now) != Some(Check::Fits));
        let part = lacking.or(wants.parts.first());
        part.map_or(AccountId::NONE, |part| part.account)
    }

    /// Admits those in the queue whose turn it is, and tells those who wait in vain.
    pub(super) fn serve(&mut self, index: AccountId, now: &Now<'_>) {
        while let Some(front) = self.accounts.get(index).and_then(|it| it.waiting().front()) {
            let parts = &front.wants.parts;
            let mut decision = None;
            if !front.tell.is_closed() {
                for (position, part) in parts.iter().enumerate() {
                    // Only this queue keeps its account from being forgotten, and another may be in
                    // the place of a forgotten one.
                    let account = self.accounts.get(part.account);
                    let Some(account) = account.filter(|it| *it.key() == part.key) else {
                        decision = Some((part.account, Some(Verdict::AskStore)));
                        break;
                    };
                    let (units, limit) = (part.units, part.limit);
                    let verdict = match account.check_front(units, limit, now.elapsed()) {
                        Some(Check::Fits) => continue,
                        None | Some(Check::Lacking | Check::Crowded) => None,
                        Some(Check::AskStore) => Some(Verdict::AskStore),
                        Some(Check::Fault(kind)) => Some(Verdict::Failed(kind)),
                        Some(Check::Refused) => {
                            let state = account.refused_state(now);
                            let refused = Refused::new(position, Refusal::Full, state);
                            Some(Verdict::refused(refused))
                        }
                    };
                    decision = Some((part.account, verdict));
                    break;
                }
                if matches!(decision, Some((at, None)) if at == index) {
                    return;
                }
            }
            let waiter = self
                .accounts
                .get_mut(index)
                .and_then(|account| account.waiting_mut().pop_front());
            let Some(mut waiter) = waiter else { return };
            match decision {
                None => self.admit_waiter(waiter, now),
                Some((_, Some(verdict))) => drop(waiter.tell.send(verdict)),
                // It went from queue to queue, and what it found was gone each time it came back.
                Some((_, None)) if waiter.moves >= MAX_CLAIMS => {
                    drop(waiter.tell.send(Verdict::AskStore));
                }
                Some((at, None)) => {
                    waiter.moves += 1;
                    if let Some(account) = self.accounts.get_mut(at) {
                        account.waiting_mut().push_back(waiter);
                    }
                    self.kick(at);
                }
            }
        }
    }

    fn admit_waiter(&mut self, waiter: Waiter, now: &Now<'_>) {
        if waiter.tell.is_closed() {
            return;
        }
        let mut taken: SmallVec<[(AccountId, u64); MAX_CLAIMS]> = SmallVec::new();
        for part in &waiter.wants.parts {
            if let Some(account) = self.accounts.get_mut(part.account) {
                account.take(part.units, part.limit, now.elapsed(), &self.terms);
            }
            taken.push((part.account, part.units));
        }
        let verdict = match self.admit(&taken, waiter.wants.ttl, now) {
            Some(admitted) => Verdict::Decided(ReserveOutcome::Admitted(admitted)),
            None => Verdict::Failed(StoreErrorKind::Full),
        };
        if let Err(Verdict::Decided(ReserveOutcome::Admitted(admitted))) = waiter.tell.send(verdict)
            && let Some(handle) = self.names.handle(admitted.id())
            && let Some(operation) = self.operations.remove(handle, |_| Ended::Settled)
        {
            for held in &operation.held {
                if let Some(account) = self.accounts.get_mut(held.account) {
                    account.take_back(held.units, now.elapsed());
                }
            }
        }
    }
}
