//! The futures of those who wait.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::{
    Claim, MAX_CLAIMS, Refusal, ReservationId, Reserve, ReserveOutcome, Settlement, StoreError,
    StoreErrorKind, StoreFuture,
};

use super::board::{Place, ShardIndex};
use super::observe::{Waited, waited};
use super::office::{Office, has_runtime};
use super::shard::{Patience, Queued, Settled};
use super::waiter::{Verdict, failed};

/// An operation that lacks units.
pub(super) struct Later {
    pub(super) office: Arc<Office>,
    pub(super) place: Place,
    pub(super) claims: SmallVec<[Claim; MAX_CLAIMS]>,
    pub(super) ttl: std::time::Duration,
}

impl Later {
    pub(super) async fn reserve(self) -> Result<ReserveOutcome, StoreError> {
        match self.verdict().await? {
            Verdict::Decided(outcome) => Ok(outcome),
            Verdict::Failed(kind) => Err(failed(kind)),
            Verdict::AskStore => {
                let request = Reserve::new(&self.claims, self.ttl);
                reserve_straight(&self.office, request).await
            }
        }
    }

    async fn verdict(&self) -> Result<Verdict, StoreError> {
        if !has_runtime() {
            return Ok(Verdict::AskStore);
        }
        let Place { shard, hashes } = &self.place;
        let queued = self.office.with(*shard, |shard, now| {
            shard.attempt_or_wait(&self.claims, hashes, self.ttl, now)
        });
        let told = match queued {
            Queued::Told(verdict) => return Ok(verdict),
            Queued::Waiting(told) => told,
        };
        self.office.keep();
        let mut wait = Wait {
            office: &self.office,
            told,
        };
        match timeout(self.office.terms.wait, &mut wait.told).await {
            Ok(Ok(verdict)) => {
                waited(match verdict {
                    Verdict::Failed(_) => Waited::Failed,
                    Verdict::Decided(_) | Verdict::AskStore => Waited::Decided,
                });
                Ok(verdict)
            }
            Ok(Err(_)) => {
                let ended = StoreError::new(StoreErrorKind::Internal);
                Err(ended.with_detail("the queue for units ended early"))
            }
            Err(_) => {
                waited(Waited::TimedOut);
                let late = StoreError::new(StoreErrorKind::TimedOut);
                Err(late.with_detail("no units were leased in time"))
            }
        }
    }
}

/// Asks the store itself.
pub(super) fn reserve_straight(
    office: &Arc<Office>,
    request: Reserve<'_>,
) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
    let answer = match office.store.reserve(request).now_or_never() {
        Ok(Ok(ReserveOutcome::Refused(refused)))
            if refused.reason() == Refusal::Full && has_runtime() =>
        {
            StoreFuture::ready(Ok(ReserveOutcome::Refused(refused)))
        }
        Ok(answer) => return StoreFuture::ready(answer),
        Err(answer) => answer,
    };
    let office = Arc::clone(office);
    let claims: SmallVec<[Claim; MAX_CLAIMS]> = SmallVec::from(request.claims());
    let (ttl, name) = (request.ttl(), request.idempotency_key().cloned());
    StoreFuture::boxed(async move {
        let refused = match answer.await? {
            ReserveOutcome::Refused(refused) if refused.reason() == Refusal::Full => refused,
            outcome => return Ok(outcome),
        };
        let Some(claim) = claims.get(refused.claim()) else {
            return Ok(ReserveOutcome::Refused(refused));
        };
        // What this very process holds and does not use must not be what it is refused for.
        if !has_runtime() || !office.recall(claim.key()).await {
            return Ok(ReserveOutcome::Refused(refused));
        }
        let request = Reserve::new(&claims, ttl);
        let again = office.store.reserve(match &name {
            Some(name) => request.with_idempotency_key(name),
            None => request,
        });
        again.await
    })
}

/// A place in the queue. Whoever leaves it takes nothing along.
struct Wait<'a> {
    office: &'a Arc<Office>,
    told: oneshot::Receiver<Verdict>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.told.close();
        let Ok(Verdict::Decided(ReserveOutcome::Admitted(admitted))) = self.told.try_recv() else {
            return;
        };
        waited(Waited::Left);
        if let Some(shard) = self.office.board.shard_of(admitted.id()) {
            self.office
                .with(shard, |shard, now| shard.release(admitted.id(), now));
        }
    }
}

/// Commits, and waits until the store has acknowledged it.
pub(super) async fn commit(
    office: Arc<Office>,
    shard: ShardIndex,
    id: ReservationId,
    units: SmallVec<[u64; MAX_CLAIMS]>,
) -> Result<Settlement, StoreError> {
    let settled = office.with(shard, |shard, now| {
        shard.commit(id, &units, Patience::MayWait, now)
    });
    let told = match settled {
        Settled::Now(settlement) => return Ok(settlement),
        Settled::WrongClaims => return Err(wrong_claims()),
        Settled::Unknown => return office.store.commit(id, &units).await,
        Settled::Later(told) => told,
        Settled::NotAtOnce => {
            return Err(StoreError::new(StoreErrorKind::Internal));
        }
    };
    // More was committed than reserved, or the store would have kept it.
    match timeout(2 * office.terms.ttl, told).await {
        Ok(Ok(settlement)) => Ok(settlement),
        Ok(Err(_)) | Err(_) => {
            let late = StoreError::new(StoreErrorKind::TimedOut);
            Err(late.with_detail("the store did not acknowledge the commit; it may be counted"))
        }
    }
}

pub(super) fn wrong_claims() -> StoreError {
    let fault = StoreError::new(StoreErrorKind::InvalidClaims);
    fault.with_detail("a commit names the units of each claim")
}
