//! Ending a reservation.

use smallvec::SmallVec;

use crate::count;
use crate::holders::Holder;
use crate::now::Now;
use crate::{MAX_CLAIMS, Settlement, StoreError, StoreErrorKind};

use super::counters::Counters;
use super::id::Token;
use super::shard::{Held, Home, Part, Role, Shard};
use super::shards::{Locked, ShardIndex, ShardSet};
use super::slab::{Ended, Found, Handle};

/// How a holder ends a reservation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending<'a> {
    /// It has used so much.
    Commit(&'a [u64]),
    /// It has used nothing.
    Release,
}

/// What became of an attempt to end a reservation.
#[derive(Debug)]
pub(super) enum Step {
    Done(Settlement),
    /// Nothing yet: it holds units in more shards than were locked.
    Widen(ShardSet),
}

/// Ends the reservation of `token` for one of its holders, in shards of which its own is one.
pub(super) fn settle(
    token: Token,
    holder: Holder,
    ending: Ending<'_>,
    set: ShardSet,
    age: impl FnOnce() -> u64,
    locked: &mut Locked<'_>,
    now: &Now<'_>,
) -> Result<Step, StoreError> {
    let shard = locked.shard(token.shard);
    let part = match shard.reservations.find(token.handle) {
        Found::Here(part) => part,
        Found::Gone(Ended::Settled) => return Ok(Step::Done(Settlement::AlreadySettled)),
        Found::Gone(Ended::Expired) => return Ok(Step::Done(Settlement::Expired)),
        Found::Unknown => return Ok(Step::Done(Settlement::Unknown)),
    };
    let home = match &mut part.role {
        Role::Home(home) => home,
        Role::Away => return Ok(Step::Done(Settlement::Unknown)),
        Role::Committed(holders) => {
            holders.leave(holder);
            if holders.is_empty() {
                shard.reservations.remove(token.handle, |_| Ended::Settled);
            }
            return Ok(Step::Done(Settlement::AlreadySettled));
        }
    };
    if let Ending::Commit(units) = ending
        && units.len() != home.claims
    {
        return Err(wrong_claims());
    }
    if !home.holders.contains(holder) {
        return Ok(Step::Done(Settlement::AlreadySettled));
    }
    let needed = home
        .away
        .iter()
        .fold(set, |set, (shard, _)| set.with(*shard));
    if needed != set {
        return Ok(Step::Widen(needed));
    }
    home.holders.leave(holder);
    match ending {
        Ending::Release if !home.holders.is_empty() => {}
        Ending::Release => release(token, locked),
        Ending::Commit(units) => commit(token, units, age, locked, now),
    }
    Ok(Step::Done(Settlement::Settled))
}

pub(super) fn wrong_claims() -> StoreError {
    StoreError::new(StoreErrorKind::InvalidClaims)
        .with_detail("a commit names the units of each claim")
}

fn release(token: Token, locked: &mut Locked<'_>) {
    let shard = locked.shard(token.shard);
    let Some((home, part)) = take_home(shard, token.handle) else {
        return;
    };
    shard.counters.give_back(&part);
    if let Some(keyed) = home.key {
        shard.keys.free(&keyed.key);
    }
    shard.reservations.remove(token.handle, |_| Ended::Settled);
    shard.counts.open -= 1;
    shard.counts.released += 1;
    for (index, held) in take_away(&home.away, locked) {
        locked.shard(index).counters.give_back(&held);
    }
}

fn commit(
    token: Token,
    units: &[u64],
    age: impl FnOnce() -> u64,
    locked: &mut Locked<'_>,
    now: &Now<'_>,
) {
    let shard = locked.shard(token.shard);
    if commit_in_place(shard, token.handle, units, now) {
        return;
    }
    let Some((home, held)) = take_committed(shard, token.handle) else {
        return;
    };
    commit_in(&mut shard.counters, &held, units, now);
    shard.counts.open -= 1;
    shard.counts.committed += 1;
    let away = take_away(&home.away, locked);
    for (index, held) in &away {
        commit_in(&mut locked.shard(*index).counters, held, units, now);
    }
    // How long to remember takes the wall clock, so only those who need it ask.
    if let Some(keyed) = home.key {
        let at_home = remembered_until(locked.shard(token.shard), &held, now);
        let until = away.iter().fold(at_home, |until, (index, held)| {
            until.max(remembered_until(locked.shard(*index), held, now))
        });
        let shard = locked.shard(token.shard);
        shard.due_at(until);
        let keyed = *keyed;
        shard.keys.complete(
            keyed.key,
            keyed.fingerprint,
            until,
            age(),
            &shard.rooms.keys,
        );
    }
}

/// Commits what has no key, no other holder and nothing in another shard, as nearly all do: then nothing
/// has to be moved. Whether it was so.
fn commit_in_place(shard: &mut Shard, handle: Handle, units: &[u64], now: &Now<'_>) -> bool {
    let Found::Here(part) = shard.reservations.find(handle) else {
        return false;
    };
    match &part.role {
        Role::Home(home)
            if home.key.is_none() && home.away.is_empty() && home.holders.is_empty() => {}
        _ => return false,
    }
    commit_in(&mut shard.counters, &part.held, units, now);
    shard.reservations.end(handle, Ended::Settled);
    shard.counts.open -= 1;
    shard.counts.committed += 1;
    true
}

/// Counts what was used of one shard's counters.
pub(super) fn commit_in(counters: &mut Counters, held: &[Held], units: &[u64], now: &Now<'_>) {
    for held in held {
        let actual = units.get(held.claim()).copied().unwrap_or(held.units);
        if let Some(counter) = counters.get_mut(held.counter) {
            counter.commit(held.units, actual, now);
        }
    }
}

/// Until when an operation on these counters is remembered.
fn remembered_until(shard: &Shard, held: &[Held], now: &Now<'_>) -> u64 {
    held.iter().fold(now.elapsed(), |until, held| {
        let window = shard.counters.window(held.counter);
        until.max(window.map_or(0, |window| count::remembered_until(window, now)))
    })
}

/// Takes what a reservation is out of its place, which stays for the other holders if there are any.
fn take_committed(shard: &mut Shard, handle: Handle) -> Option<(Home, HeldOfHome)> {
    let Found::Here(part) = shard.reservations.find(handle) else {
        return None;
    };
    match &part.role {
        Role::Home(home) if home.holders.is_empty() => {}
        _ => return take_home(shard, handle),
    }
    // It spares moving what it holds twice.
    let part = shard.reservations.remove(handle, |_| Ended::Settled)?;
    match part.role {
        Role::Home(home) => Some((home, part.held)),
        Role::Away | Role::Committed(_) => None,
    }
}

type HeldOfHome = SmallVec<[Held; MAX_CLAIMS]>;

/// Takes what an open reservation is out of its place, and leaves it there as committed.
fn take_home(shard: &mut Shard, handle: Handle) -> Option<(Home, HeldOfHome)> {
    let Found::Here(Part { role, held, .. }) = shard.reservations.find(handle) else {
        return None;
    };
    let holders = match role {
        Role::Home(home) => home.holders,
        Role::Away | Role::Committed(_) => return None,
    };
    match std::mem::replace(role, Role::Committed(holders)) {
        Role::Home(home) => Some((home, std::mem::take(held))),
        Role::Away | Role::Committed(_) => None,
    }
}

fn take_away(
    away: &[(ShardIndex, Handle)],
    locked: &mut Locked<'_>,
) -> SmallVec<[(ShardIndex, HeldOfHome); MAX_CLAIMS]> {
    let mut taken = SmallVec::new();
    for (index, handle) in away {
        let reservations = &mut locked.shard(*index).reservations;
        if let Some(part) = reservations.remove(*handle, |_| Ended::Settled) {
            taken.push((*index, part.held));
        }
    }
    taken
}
