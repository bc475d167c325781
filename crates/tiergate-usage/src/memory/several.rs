//! Operations of several claims without an idempotency key whose counters are all there, in one shard.
//!
//! Those of one subject are. Others go the way that does for all, in `reserve.rs`.

use std::time::Duration;

use smallvec::SmallVec;

use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterStates, MAX_CLAIMS, Refused, Replay, ReserveOutcome, StoreError,
};

use super::MemoryUsage;
use super::counters::CounterId;
use super::id::{Token, TokenKind};
use super::shard::{Held, HeldUnits, Shard};
use super::shards::Place;
use super::slab::Handle;

/// What became of the claims.
enum Taken {
    Admitted(Handle, CounterStates),
    Refused(Refused),
    /// A counter is not there yet, or a bound of the store was reached.
    Elsewhere,
}

impl MemoryUsage {
    /// Takes all claims or none. None if it has to be done in the way that does for all.
    pub(super) fn reserve_several(
        &self,
        claims: &[Claim],
        places: &[Place],
        ttl: Duration,
    ) -> Option<Result<ReserveOutcome, StoreError>> {
        let shard = places.first()?.shard;
        if places.iter().any(|place| place.shard != shard) {
            return None;
        }
        let now = self.time_of(claims);
        let taken = self.shards.with_one(shard, now, |shard, now| {
            shard.take_several(claims, places, ttl, now)
        });
        Some(Ok(match taken {
            Taken::Admitted(handle, states) => {
                let token = Token {
                    shard,
                    handle,
                    kind: TokenKind::Plain,
                };
                ReserveOutcome::Admitted(Admitted::new(token.encode(), states, Replay::First))
            }
            Taken::Refused(refused) => ReserveOutcome::Refused(refused),
            Taken::Elsewhere => return None,
        }))
    }
}

impl Shard {
    fn take_several(
        &mut self,
        claims: &[Claim],
        places: &[Place],
        ttl: Duration,
        now: &Now<'_>,
    ) -> Taken {
        let mut found = SmallVec::<[CounterId; MAX_CLAIMS]>::new();
        for (index, (claim, place)) in claims.iter().zip(places).enumerate() {
            let Some((id, counter)) = self.counters.find_mut(place.hash, claim.key()) else {
                return Taken::Elsewhere;
            };
            if let Some(state) = counter.refusal(claim, now) {
                self.counts.refused += 1;
                return Taken::Refused(Refused::new(index, claim.refusal(), state));
            }
            found.push(id);
        }
        let room = &self.rooms.reservations;
        let Some(vacancy) = self.plain.vacancy_for_several(room, &mut self.counts) else {
            return Taken::Elsewhere;
        };
        let mut held = HeldUnits::new();
        let mut states = CounterStates::new();
        for (index, (claim, id)) in claims.iter().zip(found).enumerate() {
            if let Some(counter) = self.counters.get_mut(id) {
                counter.reserve(claim.units(), now);
                states.push(counter.state(claim.key().window(), now));
            }
            held.push(Held::new(index, id, claim.units()));
        }
        let deadline = now.latest().saturating_add(nanos(ttl));
        self.due_at(deadline);
        self.counts.admitted += 1;
        self.counts.open += 1;
        let handle = self.plain.hold_several(vacancy, deadline, held, now);
        Taken::Admitted(handle, states)
    }
}
