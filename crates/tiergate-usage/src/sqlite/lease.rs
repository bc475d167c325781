//! Blocks of units that processes hold.

use std::time::Duration;

use crate::now::{Now, nanos};
use crate::urgency::Urgency;
use crate::{
    Claim, CounterKey, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome, StoreError,
    StoreErrorKind,
};

use super::ledger::{HeldLease, Keys, Ledger, Stage};
use super::operation::{Effect, Operation, Wanted};
use super::reserve::refusal;

/// Takes a block of units.
#[derive(Debug)]
pub(super) struct TakeLease {
    claim: Claim,
    id: LeaseId,
    kept: u64,
    ttl: u64,
}

impl TakeLease {
    /// # Errors
    ///
    /// As [`Lease::validate`].
    pub(super) fn new(lease: Lease<'_>) -> Result<Self, StoreError> {
        lease.validate()?;
        Ok(Self {
            claim: Claim::new(lease.key.clone(), lease.units, lease.limit),
            id: lease.id,
            kept: lease.kept,
            ttl: nanos(lease.ttl),
        })
    }
}

impl Operation for TakeLease {
    type Answer = LeaseOutcome;

    const EFFECT: Effect = Effect::Idempotent;

    fn want(&self, wanted: &mut Wanted) {
        wanted.leases.push(self.id);
        wanted.counters.push(self.claim.key().clone());
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<LeaseOutcome, StoreError> {
        let key = self.claim.key();
        match ledger.leases.get(&self.id) {
            Some(held) if held.stage == Stage::Open && held.key == *key => {
                return Ok(LeaseOutcome::Granted(ledger.state(key, now)));
            }
            Some(_) => return Ok(LeaseOutcome::Over),
            None => {}
        }
        if let Some((reason, state)) = refusal(&self.claim, ledger, now) {
            return Ok(LeaseOutcome::Refused(reason, state));
        }
        let missing = usize::from(ledger.counters.get(key).is_none());
        ledger.make_room(missing, Keys::None)?;
        ledger.counter(key, now).reserve(self.claim.units(), now);
        let held = HeldLease {
            key: key.clone(),
            units: self.claim.units(),
            kept: self.kept,
            stage: Stage::Open,
            due: now.elapsed().saturating_add(self.ttl),
        };
        ledger.leases.put(self.id, held);
        Ok(LeaseOutcome::Granted(ledger.state(key, now)))
    }
}

/// Gives an open lease more time, and keeps more of it.
#[derive(Debug)]
pub(super) struct Extend {
    pub(super) key: CounterKey,
    pub(super) id: LeaseId,
    pub(super) kept: u64,
    pub(super) ttl: Duration,
}

impl Operation for Extend {
    type Answer = LeaseExtension;

    const EFFECT: Effect = Effect::Idempotent;
    const URGENCY: Urgency = Urgency::Ends;

    fn want(&self, wanted: &mut Wanted) {
        wanted.leases.push(self.id);
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<LeaseExtension, StoreError> {
        let Some(held) = ledger
            .leases
            .look_at(&self.id)
            .filter(|it| it.key == self.key)
        else {
            return Ok(LeaseExtension::Unknown);
        };
        match held.stage {
            Stage::Open => {}
            Stage::Expired => return Ok(LeaseExtension::Expired),
            Stage::Settled => return Ok(LeaseExtension::Ended),
        }
        if self.kept > held.units || self.ttl.is_zero() {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("a lease keeps no more than its units, for some time"));
        }
        if let Some(held) = ledger.leases.change(&self.id) {
            held.kept = held.kept.max(self.kept);
            held.due = held.due.max(now.elapsed().saturating_add(nanos(self.ttl)));
        }
        Ok(LeaseExtension::Extended)
    }
}

/// Ends a lease, by what was used of it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) key: CounterKey,
    pub(super) id: LeaseId,
    pub(super) used: u64,
}

impl Operation for End {
    type Answer = LeaseEnd;

    const EFFECT: Effect = Effect::Idempotent;
    const URGENCY: Urgency = Urgency::Ends;

    fn want(&self, wanted: &mut Wanted) {
        wanted.leases.push(self.id);
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<LeaseEnd, StoreError> {
        let held = ledger.leases.get(&self.id).filter(|it| it.key == self.key);
        let Some(stage) = held.map(|held| held.stage) else {
            return Ok(LeaseEnd::Unknown);
        };
        if stage == Stage::Settled {
            return Ok(LeaseEnd::AlreadyEnded);
        }
        let Some((key, units, kept)) = ledger.close_lease(self.id, Stage::Settled, now) else {
            return Ok(LeaseEnd::Unknown);
        };
        let count = ledger.counter(&key, now);
        if stage == Stage::Open {
            count.commit(units, self.used, now);
            return Ok(LeaseEnd::Ended);
        }
        count.raise(self.used.saturating_sub(kept));
        count.lower(kept.saturating_sub(self.used));
        Ok(LeaseEnd::Corrected)
    }
}
