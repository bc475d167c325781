//! Ending a reservation.

use smallvec::SmallVec;

use crate::count::remembered_until;
use crate::holders::Holder;
use crate::now::Now;
use crate::urgency::Urgency;
use crate::{MAX_CLAIMS, Settlement, StoreError, StoreErrorKind};

use super::id::OperationId;
use super::ledger::{Ledger, Progress, Stage};
use super::operation::{Effect, Operation, Wanted};

/// How a holder ends a reservation.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// It has used so much of each claim.
    Commit(SmallVec<[u64; MAX_CLAIMS]>),
    /// It has used nothing.
    Release,
}

/// Ends a reservation for one of its holders.
#[derive(Debug)]
pub(super) struct Settle {
    pub(super) operation: OperationId,
    pub(super) holder: Holder,
    pub(super) ending: Ending,
}

impl Operation for Settle {
    type Answer = Settlement;

    const EFFECT: Effect = Effect::Idempotent;
    const URGENCY: Urgency = Urgency::Ends;

    fn want(&self, wanted: &mut Wanted) {
        wanted.operations.push(self.operation);
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<Settlement, StoreError> {
        let (id, holder) = (self.operation, self.holder);
        let Some(reservation) = ledger.reservations.look_at(&id) else {
            return Ok(Settlement::Unknown);
        };
        match reservation.stage {
            Stage::Open => {}
            Stage::Settled => return Ok(Settlement::AlreadySettled),
            Stage::Expired => return Ok(Settlement::Expired),
        }
        if let Ending::Commit(units) = &self.ending
            && units.len() != reservation.held.len()
        {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("a commit names the units of each claim"));
        }
        if !reservation.holders.contains(holder) {
            return Ok(Settlement::AlreadySettled);
        }
        if let Some(reservation) = ledger.reservations.change(&id) {
            reservation.holders.leave(holder);
            match &self.ending {
                Ending::Release if !reservation.holders.is_empty() => {}
                Ending::Release => ledger.give_back(id, Stage::Settled, now),
                Ending::Commit(units) => commit(id, units, ledger, now),
            }
        }
        Ok(Settlement::Settled)
    }
}

fn commit(id: OperationId, units: &[u64], ledger: &mut Ledger, now: &Now<'_>) {
    let Some((held, key)) = ledger.close(id, Stage::Settled, now) else {
        return;
    };
    let mut until = now.elapsed();
    for (held, used) in held.iter().zip(units) {
        ledger
            .counter(&held.key, now)
            .commit(held.units, *used, now);
        until = until.max(remembered_until(held.key.window(), now));
    }
    if let Some(remembered) = key.and_then(|key| ledger.keys.change(&key)) {
        remembered.progress = Progress::Done { until };
    }
}
