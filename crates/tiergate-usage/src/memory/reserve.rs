//! Taking units: all claims or none.

use smallvec::SmallVec;

use crate::count::unused;
use crate::holders::Holders;
use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterState, CounterStates, MAX_CLAIMS, Refused, Replay, Reserve,
    ReserveOutcome, StoreError, StoreErrorKind,
};

use super::counters::CounterId;
use super::id::{Token, TokenKind};
use super::idempotency::{Fingerprint, Known, ScopedKey};
use super::room::Rooms;
use super::shard::{Held, HeldUnits, Home, Keyed, Part, Role};
use super::shards::{Locked, Place, ShardIndex, ShardSet};
use super::slab::{Found, Handle, Vacancy};

/// One operation, and where its counters are.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) request: Reserve<'a>,
    pub(super) places: SmallVec<[Place; MAX_CLAIMS]>,
    pub(super) home: ShardIndex,
    pub(super) shards: ShardSet,
    pub(super) key: Option<ScopedKey>,
}

/// Why nothing was taken, other than by a limit.
#[derive(Debug)]
pub(super) enum Failure {
    /// A bound of the store was reached; a sweep may help.
    NoRoom,
    /// Nothing helps.
    Final(StoreError),
}

type FoundCounters = SmallVec<[Option<CounterId>; MAX_CLAIMS]>;

impl Operation<'_> {
    pub(super) fn run(
        &self,
        locked: &mut Locked<'_>,
        now: &Now<'_>,
        rooms: &Rooms,
    ) -> Result<ReserveOutcome, Failure> {
        if let Some(key) = &self.key
            && let Some(admitted) = self.replay(key, locked, now)?
        {
            locked.shard(self.home).counts.replayed += 1;
            return Ok(ReserveOutcome::Admitted(admitted));
        }
        let found = match self.check(locked, now) {
            Ok(found) => found,
            Err(refused) => {
                locked.shard(self.home).counts.refused += 1;
                return Ok(ReserveOutcome::Refused(refused));
            }
        };
        let vacancies = self.make_room(&found, locked, now, rooms)?;
        let admitted = self.take(&found, vacancies, locked, now);
        let counts = &mut locked.shard(self.home).counts;
        counts.admitted += 1;
        counts.open += 1;
        Ok(ReserveOutcome::Admitted(admitted))
    }

    fn claims(&self) -> impl Iterator<Item = (&Claim, &Place)> {
        self.request.claims().iter().zip(&self.places)
    }

    /// What the same operation came to before, if it was asked for before.
    fn replay(
        &self,
        key: &ScopedKey,
        locked: &mut Locked<'_>,
        now: &Now<'_>,
    ) -> Result<Option<Admitted>, Failure> {
        let claims = self.request.claims();
        let home = locked.shard(self.home);
        let (matches, handle, kind) = match home.keys.find(key, now.elapsed()) {
            None => return Ok(None),
            Some(Known::Done { fingerprint, age }) => {
                let handle = Handle {
                    slot: 0,
                    generation: age,
                };
                (
                    fingerprint.matches(claims),
                    handle,
                    Some(TokenKind::Replayed),
                )
            }
            Some(Known::Open(handle)) => {
                let Found::Here(Part {
                    role: Role::Home(open),
                    ..
                }) = home.reservations.find(handle)
                else {
                    return Ok(None);
                };
                let keyed = open.key.as_ref();
                if keyed.is_some_and(|keyed| keyed.fingerprint.matches(claims)) {
                    (true, handle, open.holders.join().map(TokenKind::Holder))
                } else {
                    (false, handle, None)
                }
            }
        };
        if !matches {
            let conflict = StoreError::new(StoreErrorKind::IdempotencyConflict);
            return Err(Failure::Final(conflict));
        }
        if let Some(TokenKind::Holder(_)) = kind {
            self.put_off(handle, locked, now);
        }
        let Some(kind) = kind else {
            let full = StoreError::new(StoreErrorKind::Full)
                .with_detail("too many retries of one operation are under way");
            return Err(Failure::Final(full));
        };
        let token = Token {
            shard: self.home,
            handle,
            kind,
        };
        let states = self.states(locked, now);
        Ok(Some(Admitted::new(
            token.encode(),
            states,
            Replay::Repeated,
        )))
    }

    /// Who joins an open operation has as long to settle it as if it were new.
    fn put_off(&self, handle: Handle, locked: &mut Locked<'_>, now: &Now<'_>) {
        let deadline = now.elapsed().saturating_add(nanos(self.request.ttl()));
        let home = locked.shard(self.home);
        let away = match home.reservations.find(handle) {
            Found::Here(Part {
                role: Role::Home(open),
                ..
            }) => open.away.clone(),
            _ => SmallVec::new(),
        };
        home.put_off(handle, deadline);
        for (shard, handle) in away {
            locked.shard(shard).put_off(handle, deadline);
        }
    }

    /// Whether all claims fit. Changes nothing.
    fn check(&self, locked: &mut Locked<'_>, now: &Now<'_>) -> Result<FoundCounters, Refused> {
        let mut found = FoundCounters::new();
        for (index, (claim, place)) in self.claims().enumerate() {
            let counters = &mut locked.shard(place.shard).counters;
            let counter = counters.find(place.hash, claim.key());
            let refused_at = match counter.and_then(|counter| counters.get_mut(counter)) {
                Some(counter) => counter.refusal(claim, now),
                None => (!claim.can_fit()).then(CounterState::default),
            };
            if let Some(state) = refused_at {
                return Err(Refused::new(index, claim.refusal(), state));
            }
            found.push(counter);
        }
        Ok(found)
    }

    /// Room for the new counters, and a place in every shard.
    fn make_room(
        &self,
        found: &FoundCounters,
        locked: &mut Locked<'_>,
        now: &Now<'_>,
        rooms: &Rooms,
    ) -> Result<SmallVec<[(ShardIndex, Vacancy); MAX_CLAIMS]>, Failure> {
        let missing = found.iter().filter(|counter| counter.is_none()).count();
        if !rooms.counters.take(missing) {
            for shard in self.shards.iter() {
                locked.shard(shard).sweep_some(now);
            }
            return Err(Failure::NoRoom);
        }
        let mut vacancies = SmallVec::new();
        for shard in self.shards.iter() {
            if let Some(vacancy) = locked.shard(shard).vacancy() {
                vacancies.push((shard, vacancy));
                continue;
            }
            for (shard, vacancy) in vacancies {
                locked.shard(shard).reservations.decline(vacancy);
            }
            rooms.counters.give_back(missing);
            return Err(Failure::NoRoom);
        }
        Ok(vacancies)
    }

    /// Takes all claims. Nothing can fail any more.
    fn take(
        &self,
        found: &FoundCounters,
        vacancies: SmallVec<[(ShardIndex, Vacancy); MAX_CLAIMS]>,
        locked: &mut Locked<'_>,
        now: &Now<'_>,
    ) -> Admitted {
        let deadline = now.elapsed().saturating_add(nanos(self.request.ttl()));
        let mut states = CounterStates::from_elem(CounterState::default(), found.len());
        let mut away = SmallVec::new();
        let mut at_home = None;
        for (shard, vacancy) in vacancies {
            if shard == self.home {
                at_home = Some(vacancy);
                continue;
            }
            let held = self.take_in(shard, found, &mut states, locked, now);
            let part = Part {
                deadline,
                held,
                role: Role::Away,
            };
            away.push((shard, locked.shard(shard).insert(vacancy, part, now)));
        }
        let (holders, holder) = Holders::first();
        let keyed = self.key.as_ref().map(|key| {
            Box::new(Keyed {
                key: key.clone(),
                fingerprint: Fingerprint::of(self.request.claims()),
            })
        });
        let handle = at_home.map(|vacancy| {
            let held = self.take_in(self.home, found, &mut states, locked, now);
            let role = Role::Home(Home {
                claims: self.request.claims().len(),
                holders,
                away,
                key: keyed,
            });
            let part = Part {
                deadline,
                held,
                role,
            };
            locked.shard(self.home).insert(vacancy, part, now)
        });
        // The home is one of the shards, so there always is a handle.
        let handle = handle.unwrap_or(Handle {
            slot: u32::MAX,
            generation: 0,
        });
        if let Some(key) = &self.key {
            let home = locked.shard(self.home);
            home.keys.open(key.clone(), handle, &home.rooms.keys);
        }
        let token = Token {
            shard: self.home,
            handle,
            kind: TokenKind::Holder(holder),
        };
        Admitted::new(token.encode(), states, Replay::First)
    }

    fn take_in(
        &self,
        shard: ShardIndex,
        found: &FoundCounters,
        states: &mut CounterStates,
        locked: &mut Locked<'_>,
        now: &Now<'_>,
    ) -> HeldUnits {
        let shard_of_claims = locked.shard(shard);
        let mut held = HeldUnits::new();
        let mut created = 0;
        for (claim, ((asked, place), known)) in self.claims().zip(found).enumerate() {
            if place.shard != shard {
                continue;
            }
            let counters = &mut shard_of_claims.counters;
            let counter = known.unwrap_or_else(|| {
                created += 1;
                counters.create(place.hash, asked.key(), now)
            });
            if let Some(counter) = counters.get_mut(counter) {
                counter.reserve(asked.units(), now);
                if let Some(state) = states.get_mut(claim) {
                    *state = counter.state(asked.key().window(), now);
                }
            }
            held.push(Held::new(claim, counter, asked.units()));
        }
        // After the new counters are held, so that none of them is taken for idle.
        for _ in 0..created {
            shard_of_claims.sweep_some(now);
        }
        held
    }

    fn states(&self, locked: &mut Locked<'_>, now: &Now<'_>) -> CounterStates {
        let state = |(claim, place): (&Claim, &Place)| {
            let counters = &mut locked.shard(place.shard).counters;
            match counters
                .find(place.hash, claim.key())
                .and_then(|index| counters.get_mut(index))
            {
                Some(counter) => counter.state(claim.key().window(), now),
                None => unused(claim.key().window(), now),
            }
        };
        self.claims().map(state).collect()
    }
}
