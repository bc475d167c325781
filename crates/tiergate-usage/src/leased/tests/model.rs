//! Several replicas, one store, and a network that does its worst.
//!
//! Every history must keep to the limit. The oracle is a sum: of what replicas were told is
//! committed. It knows nothing of blocks. That of the rate is in `rates.rs`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject};
use tokio::sync::oneshot;

use super::rates;
use crate::leased::account::Step;
use crate::leased::accounts::AccountId;
use crate::leased::board::{Board, Cell, ShardIndex};
use crate::leased::message::{Answer, Message};
use crate::leased::shard::{Attempt, Patience, Queued, Settled, Shard};
use crate::leased::terms::Terms;
use crate::leased::waiter::Verdict;
use crate::now::Now;
use crate::{
    Claim, CounterKey, CounterWindow, LeaseId, LeaseOutcome, MemoryUsage, ReservationId, Reserve,
    ReserveOutcome, Settlement, SharedStore, StoreErrorKind, UsageStore,
};

const QUOTAS: usize = 2;
const COUNTERS: usize = QUOTAS + 1;
/// The one counter that is a rate.
pub(super) const RATE: usize = QUOTAS;
const OPERATION_TTL: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) enum Event {
    Reserve {
        replica: usize,
        counter: usize,
        units: u64,
        both: bool,
    },
    Commit {
        which: usize,
        change: i64,
    },
    Release {
        which: usize,
    },
    Leave {
        which: usize,
    },
    /// Lets a task go on until it has sent something.
    Drive {
        which: usize,
    },
    Deliver {
        which: usize,
    },
    Duplicate {
        which: usize,
    },
    LoseLetter {
        which: usize,
    },
    Reply {
        which: usize,
    },
    LoseReply {
        which: usize,
    },
    TimeOut {
        which: usize,
    },
    /// Everything under way arrives, and all tasks go on.
    CalmDown,
    LookAfter {
        replica: usize,
    },
    Crash {
        replica: usize,
    },
    Pass {
        millis: u64,
    },
    SetLimit {
        limit: u64,
    },
    Direct {
        counter: usize,
        units: u64,
    },
}

pub(super) fn event(crashes: bool) -> impl Strategy<Value = Event> {
    let which = any::<usize>;
    let replica = 0..3_usize;
    let counter = || 0..COUNTERS;
    prop_oneof![
        20 => (replica.clone(), counter(), 1..12_u64, prop::bool::weighted(0.15))
            .prop_map(|(replica, counter, units, both)| Event::Reserve { replica, counter, units, both }),
        14 => which().prop_map(|which| Event::Commit { which, change: 0 }),
        2 => (which(), -6..=0_i64).prop_map(|(which, change)| Event::Commit { which, change }),
        1 => (which(), 1..=5_i64).prop_map(|(which, change)| Event::Commit { which, change }),
        5 => which().prop_map(|which| Event::Release { which }),
        1 => which().prop_map(|which| Event::Leave { which }),
        20 => which().prop_map(|which| Event::Drive { which }),
        18 => which().prop_map(|which| Event::Deliver { which }),
        3 => which().prop_map(|which| Event::Duplicate { which }),
        2 => which().prop_map(|which| Event::LoseLetter { which }),
        18 => which().prop_map(|which| Event::Reply { which }),
        2 => which().prop_map(|which| Event::LoseReply { which }),
        3 => which().prop_map(|which| Event::TimeOut { which }),
        3 => Just(Event::CalmDown),
        4 => replica.clone().prop_map(|replica| Event::LookAfter { replica }),
        3 => replica.prop_map(move |replica| match crashes {
            true => Event::Crash { replica },
            false => Event::LookAfter { replica },
        }),
        6 => (0..1_200_u64).prop_map(|millis| Event::Pass { millis }),
        1 => prop::sample::select(vec![3_u64, 40, 300, 1_000, 1_500])
            .prop_map(|limit| Event::SetLimit { limit }),
        2 => (counter(), 1..20_u64).prop_map(|(counter, units)| Event::Direct { counter, units }),
    ]
}

/// A clock that began elsewhere, and goes a little wrong.
#[derive(Debug)]
struct Wrong {
    right: ManualClock,
    offset: Duration,
    per_mille: u32,
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        self.right.now().saturating_add(self.offset / 1_000)
    }

    fn elapsed(&self) -> Duration {
        self.offset + self.right.elapsed() * self.per_mille / 1_000
    }
}

struct Replica {
    board: Board<Cell>,
    turns: Vec<Turn>,
    open: Vec<Open>,
    waiting: Vec<Waiting>,
    committing: Vec<Committing>,
    /// The most units of each counter that were under way at once.
    peak: [u64; COUNTERS],
}

/// A task that sees to an account.
struct Turn {
    shard: ShardIndex,
    account: AccountId,
    /// The letter it waits for an answer to.
    awaits: Option<(u64, Message, u64)>,
}

struct Open {
    shard: ShardIndex,
    id: ReservationId,
    since: Duration,
    units: [u64; COUNTERS],
    claims: Vec<usize>,
}

struct Waiting {
    shard: ShardIndex,
    told: oneshot::Receiver<Verdict>,
    units: [u64; COUNTERS],
    claims: Vec<usize>,
}

struct Committing {
    told: oneshot::Receiver<Settlement>,
    units: [u64; COUNTERS],
    beyond: [u64; COUNTERS],
}

#[derive(Clone)]
struct Letter {
    number: u64,
    replica: usize,
    key: CounterKey,
    message: Message,
}

struct Reply {
    number: u64,
    replica: usize,
    answer: Answer,
}

pub(super) struct World {
    clock: ManualClock,
    store: MemoryUsage,
    terms: Terms,
    keys: [CounterKey; COUNTERS],
    replicas: Vec<Replica>,
    letters: Vec<Letter>,
    replies: Vec<Reply>,
    numbers: u64,
    limit: u64,
    highest_limit: u64,
    /// What was told to be committed, and how much of it had not been reserved.
    committed: [u64; COUNTERS],
    beyond: [u64; COUNTERS],
    /// What the crashes so far may have cost for good.
    crashes: [u64; COUNTERS],
    /// Leases that were refused. One that arrives once more may be granted, and nobody knows.
    refused: HashSet<LeaseId>,
    pub(super) spent: rates::Spent,
}

impl World {
    pub(super) fn new(ahead: u64, per_mille: [u32; 3], refusal_kept: u64) -> Self {
        let clock = ManualClock::default();
        let terms = Terms {
            ttl: Duration::from_secs(3),
            clock_bound: Duration::from_millis(300),
            ahead_most: ahead,
            ahead_share: std::num::NonZeroU64::new(10).unwrap(),
            replicas: std::num::NonZeroU64::new(3).unwrap(),
            refusal_kept: Duration::from_millis(refusal_kept),
            ..Terms::default()
        };
        let start = clock.now();
        let key = |length| {
            let end = start.saturating_add(Duration::from_secs(length));
            let window = CounterWindow::Fixed { start, end };
            CounterKey::new(Subject::user("a"), "requests", window)
        };
        let length = rates::LENGTH;
        let window = CounterWindow::Sliding { length };
        let rate = CounterKey::new(Subject::user("a"), "requests", window);
        let mut world = Self {
            store: MemoryUsage::with_clock(Arc::new(clock.clone())),
            clock,
            terms,
            // One ends in the middle.
            keys: [key(12), key(30 * 24 * 3_600), rate],
            replicas: Vec::new(),
            letters: Vec::new(),
            replies: Vec::new(),
            numbers: 0,
            limit: 1_000,
            highest_limit: 1_000,
            committed: [0; COUNTERS],
            beyond: [0; COUNTERS],
            crashes: [0; COUNTERS],
            refused: HashSet::new(),
            spent: rates::Spent::default(),
        };
        for (which, per_mille) in per_mille.into_iter().enumerate() {
            world.replicas.push(world.replica(which, per_mille));
        }
        world
    }

    fn replica(&self, which: usize, per_mille: u32) -> Replica {
        let terms = Terms {
            rates: rates::terms(which),
            ..self.terms
        };
        let clock = Arc::new(Wrong {
            right: self.clock.clone(),
            offset: Duration::from_secs(u64::from(per_mille)),
            per_mille,
        });
        Replica {
            board: Board::new(clock, terms, 100, 1_000),
            turns: Vec::new(),
            open: Vec::new(),
            waiting: Vec::new(),
            committing: Vec::new(),
            peak: [0; COUNTERS],
        }
    }

    pub(super) fn play(&mut self, event: &Event) {
        match *event {
            Event::Reserve {
                replica,
                counter,
                units,
                both,
            } => self.reserve(replica, counter, units, both),
            Event::Commit { which, change } => self.commit(which, change),
            Event::Release { which } => self.release(which),
            Event::Leave { which } => {
                let all = self.replicas.iter_mut().map(|it| &mut it.waiting);
                drop(take_any(all, which));
            }
            Event::Drive { which } => self.drive(which),
            Event::Deliver { which } => {
                if let Some(letter) = take(&mut self.letters, which) {
                    self.deliver(&letter);
                }
            }
            Event::Duplicate { which } => {
                if let Some(letter) = take(&mut self.letters, which) {
                    self.letters.push(letter.clone());
                    self.deliver(&letter);
                }
            }
            Event::LoseLetter { which } => drop(take(&mut self.letters, which)),
            Event::Reply { which } => {
                if let Some(reply) = take(&mut self.replies, which) {
                    self.hear(&reply);
                }
            }
            Event::LoseReply { which } => drop(take(&mut self.replies, which)),
            Event::TimeOut { which } => self.time_out(which),
            Event::CalmDown => self.calm_down(8),
            Event::LookAfter { replica } => {
                self.with_shard(replica, Shard::look_after);
            }
            Event::Crash { replica } => self.crash(replica),
            Event::Pass { millis } => self.clock.advance(Duration::from_millis(millis)),
            Event::SetLimit { limit } => {
                self.limit = limit;
                self.highest_limit = self.highest_limit.max(limit);
            }
            Event::Direct { counter, units } => {
                let claims = [self.claim(counter, units)];
                self.ask_store(&claims, &[counter]);
            }
        }
        self.listen();
    }

    fn claim(&self, counter: usize, units: u64) -> Claim {
        let limit = match counter {
            RATE => rates::LIMIT,
            _ => self.limit,
        };
        Claim::new(self.keys[counter].clone(), units, Limit::AtMost(limit))
    }

    fn with<R>(
        &mut self,
        replica: usize,
        shard: ShardIndex,
        act: impl FnOnce(&mut Shard, &Now<'_>) -> R,
    ) -> R {
        let replica = &mut self.replicas[replica];
        let (result, kicks) = replica.board.with(shard, act);
        for account in kicks {
            assert!(
                replica
                    .turns
                    .iter()
                    .all(|it| (it.shard, it.account) != (shard, account)),
                "one task for an account"
            );
            replica.turns.push(Turn {
                shard,
                account,
                awaits: None,
            });
        }
        result
    }

    fn with_shard(&mut self, replica: usize, act: impl FnOnce(&mut Shard, &Now<'_>)) {
        // There is one subject, so the others are empty.
        let (shard, _) = self.replicas[replica].board.place_of(&self.keys[0]);
        self.with(replica, shard, act);
    }

    fn reserve(&mut self, replica: usize, counter: usize, units: u64, both: bool) {
        let mut claimed = vec![counter];
        if both {
            claimed = vec![1, if counter == RATE { RATE } else { 0 }];
        }
        let claims: Vec<Claim> = claimed
            .iter()
            .map(|counter| self.claim(*counter, units))
            .collect();
        let request = Reserve::new(&claims, OPERATION_TTL);
        let Some(place) = self.replicas[replica].board.place(&request) else {
            return self.ask_store(&claims, &claimed);
        };
        let mut held = [0; COUNTERS];
        for counter in &claimed {
            held[*counter] = units;
        }
        let attempt = self.with(replica, place.shard, |shard, now| {
            shard.attempt(&claims, &place.hashes, OPERATION_TTL, now)
        });
        let outcome = match attempt {
            Attempt::Decided(outcome) => outcome,
            Attempt::Failed(_) => return,
            Attempt::AskStore => return self.ask_store(&claims, &claimed),
            Attempt::Lacking => {
                let queued = self.with(replica, place.shard, |shard, now| {
                    shard.attempt_or_wait(&claims, &place.hashes, OPERATION_TTL, now)
                });
                match queued {
                    Queued::Told(Verdict::Decided(outcome)) => outcome,
                    Queued::Told(Verdict::Failed(_)) => return,
                    Queued::Told(Verdict::AskStore) => return self.ask_store(&claims, &claimed),
                    Queued::Waiting(told) => {
                        self.replicas[replica].waiting.push(Waiting {
                            shard: place.shard,
                            told,
                            units: held,
                            claims: claimed,
                        });
                        return;
                    }
                }
            }
        };
        if let ReserveOutcome::Admitted(admitted) = outcome {
            self.spent.record(held[RATE], self.clock.elapsed());
            self.replicas[replica].open.push(Open {
                shard: place.shard,
                id: admitted.id(),
                since: self.clock.elapsed(),
                units: held,
                claims: claimed,
            });
        }
    }

    /// What no replica decides, the store does, at once.
    fn ask_store(&mut self, claims: &[Claim], counters: &[usize]) {
        let request = Reserve::new(claims, OPERATION_TTL);
        let Ok(Ok(ReserveOutcome::Admitted(admitted))) = self.store.reserve(request).now_or_never()
        else {
            return;
        };
        let units = request.units();
        let settled = self.store.commit(admitted.id(), &units).now_or_never();
        assert!(matches!(settled, Ok(Ok(Settlement::Settled))));
        for (counter, units) in counters.iter().zip(units) {
            self.committed[*counter] += units;
            if *counter == RATE {
                self.spent.record(units, self.clock.elapsed());
            }
        }
    }

    fn commit(&mut self, which: usize, change: i64) {
        let Some((replica, open)) =
            take_any(self.replicas.iter_mut().map(|it| &mut it.open), which)
        else {
            return;
        };
        let mut units = open.units;
        let mut beyond = [0; COUNTERS];
        for counter in &open.claims {
            units[*counter] = units[*counter].saturating_add_signed(change);
            beyond[*counter] = units[*counter].saturating_sub(open.units[*counter]);
        }
        let named: Vec<u64> = open.claims.iter().map(|counter| units[*counter]).collect();
        let settled = self.with(replica, open.shard, |shard, now| {
            shard.commit(open.id, &named, Patience::MayWait, now)
        });
        match settled {
            Settled::Now(Settlement::Settled) => self.count(units, beyond),
            // Nothing but its own time ends an operation.
            Settled::Now(Settlement::Expired) => {
                let age = self.clock.elapsed() - open.since;
                assert!(age > OPERATION_TTL * 98 / 100, "it expired after {age:?}");
            }
            Settled::Later(told) => self.replicas[replica].committing.push(Committing {
                told,
                units,
                beyond,
            }),
            other => panic!("an open operation was {other:?}"),
        }
    }

    fn release(&mut self, which: usize) {
        let all = self.replicas.iter_mut().map(|it| &mut it.open);
        if let Some((replica, open)) = take_any(all, which) {
            let settled = self.with(replica, open.shard, |shard, now| {
                shard.release(open.id, now)
            });
            assert!(matches!(
                settled,
                Settled::Now(Settlement::Settled | Settlement::Expired)
            ));
        }
    }

    fn count(&mut self, units: [u64; COUNTERS], beyond: [u64; COUNTERS]) {
        for counter in 0..QUOTAS {
            self.committed[counter] += units[counter];
            self.beyond[counter] += beyond[counter];
            assert!(
                self.committed[counter] - self.beyond[counter] <= self.highest_limit,
                "{} of {} were committed",
                self.committed[counter] - self.beyond[counter],
                self.highest_limit,
            );
        }
    }

    /// Takes in what replicas were told.
    fn listen(&mut self) {
        for replica in 0..self.replicas.len() {
            let waiting = std::mem::take(&mut self.replicas[replica].waiting);
            for mut waiter in waiting {
                match waiter.told.try_recv() {
                    Ok(Verdict::Decided(ReserveOutcome::Admitted(admitted))) => {
                        self.spent.record(waiter.units[RATE], self.clock.elapsed());
                        self.replicas[replica].open.push(Open {
                            shard: waiter.shard,
                            id: admitted.id(),
                            since: self.clock.elapsed(),
                            units: waiter.units,
                            claims: waiter.claims,
                        });
                    }
                    Ok(_) => {}
                    Err(oneshot::error::TryRecvError::Empty) => {
                        self.replicas[replica].waiting.push(waiter);
                    }
                    Err(oneshot::error::TryRecvError::Closed) => panic!("nobody was told"),
                }
            }
            let committing = std::mem::take(&mut self.replicas[replica].committing);
            for mut commit in committing {
                match commit.told.try_recv() {
                    Ok(Settlement::Settled) => self.count(commit.units, commit.beyond),
                    Ok(other) => panic!("a commit was {other:?}"),
                    Err(oneshot::error::TryRecvError::Empty) => {
                        self.replicas[replica].committing.push(commit);
                    }
                    Err(oneshot::error::TryRecvError::Closed) => panic!("nobody was told"),
                }
            }
            let replica = &mut self.replicas[replica];
            for counter in 0..COUNTERS {
                let open: u64 = replica.open.iter().map(|it| it.units[counter]).sum();
                let waiting: u64 = replica.waiting.iter().map(|it| it.units[counter]).sum();
                let committing: u64 = replica.committing.iter().map(|it| it.units[counter]).sum();
                let under_way = open + waiting + committing;
                replica.peak[counter] = replica.peak[counter].max(under_way);
            }
        }
    }

    fn drive(&mut self, which: usize) {
        let all: Vec<(usize, usize)> = self
            .replicas
            .iter()
            .enumerate()
            .flat_map(|(replica, it)| (0..it.turns.len()).map(move |turn| (replica, turn)))
            .filter(|(replica, turn)| self.replicas[*replica].turns[*turn].awaits.is_none())
            .collect();
        if all.is_empty() {
            return;
        }
        let (replica, turn) = all[which % all.len()];
        self.step(replica, turn);
    }

    fn step(&mut self, replica: usize, turn: usize) {
        let Turn { shard, account, .. } = self.replicas[replica].turns[turn];
        let fresh = self.replicas[replica].board.fresh_lease();
        let (step, key, sent) = self.with(replica, shard, |shard, now| {
            let key = shard.key(account);
            (shard.step(account, fresh, now), key, now.elapsed())
        });
        match step {
            Step::Rest => drop(self.replicas[replica].turns.remove(turn)),
            Step::PauseUntil(_) => {}
            Step::Send(message) => {
                self.numbers += 1;
                self.replicas[replica].turns[turn].awaits = Some((self.numbers, message, sent));
                self.letters.push(Letter {
                    number: self.numbers,
                    replica,
                    key: key.unwrap(),
                    message,
                });
            }
        }
    }

    fn deliver(&mut self, letter: &Letter) {
        let Letter { key, message, .. } = letter;
        let told = message
            .send(&self.store, key, self.terms.ttl)
            .now_or_never();
        let answer = told.unwrap().unwrap();
        if let (Message::Lease { id, kept, .. }, Answer::Lease(outcome)) = (*message, answer) {
            match outcome {
                LeaseOutcome::Refused(..) => {
                    self.refused.insert(id);
                }
                LeaseOutcome::Granted(_) if self.refused.contains(&id) => {
                    let counter = self.keys.iter().position(|it| it == key).unwrap();
                    self.crashes[counter] += kept;
                }
                LeaseOutcome::Granted(_) | LeaseOutcome::Over => {}
            }
        }
        self.replies.push(Reply {
            number: letter.number,
            replica: letter.replica,
            answer,
        });
    }

    fn hear(&mut self, reply: &Reply) {
        let turns = &mut self.replicas[reply.replica].turns;
        let awaited = turns
            .iter_mut()
            .find(|turn| matches!(turn.awaits, Some((number, ..)) if number == reply.number));
        // One that has timed out is not listened to any more.
        let Some(turn) = awaited else { return };
        let Some((_, message, sent)) = turn.awaits.take() else {
            return;
        };
        let (shard, account) = (turn.shard, turn.account);
        self.with(reply.replica, shard, |shard, now| {
            shard.answered(account, message, reply.answer, sent, now, 7);
        });
    }

    fn time_out(&mut self, which: usize) {
        let all: Vec<(usize, u64)> = self
            .replicas
            .iter()
            .enumerate()
            .flat_map(|(replica, it)| {
                let awaited = it.turns.iter().filter_map(|turn| turn.awaits);
                awaited.map(move |(number, ..)| (replica, number))
            })
            .collect();
        if !all.is_empty() {
            let (replica, number) = all[which % all.len()];
            self.hear(&Reply {
                number,
                replica,
                answer: Answer::Fault(StoreErrorKind::TimedOut),
            });
        }
    }

    fn calm_down(&mut self, rounds: usize) {
        self.time_out_what_was_lost();
        for _ in 0..rounds {
            while let Some(letter) = self.letters.pop() {
                self.deliver(&letter);
            }
            while let Some(reply) = self.replies.pop() {
                self.hear(&reply);
            }
            for replica in 0..self.replicas.len() {
                for turn in (0..self.replicas[replica].turns.len()).rev() {
                    if self.replicas[replica].turns[turn].awaits.is_none() {
                        self.step(replica, turn);
                    }
                }
            }
            self.listen();
        }
    }

    fn time_out_what_was_lost(&mut self) {
        for replica in 0..self.replicas.len() {
            let turns = self.replicas[replica].turns.iter();
            let awaited: Vec<u64> = turns.filter_map(|it| Some(it.awaits?.0)).collect();
            for number in awaited {
                let is_under_way = self.letters.iter().any(|it| it.number == number)
                    || self.replies.iter().any(|it| it.number == number);
                if !is_under_way {
                    self.hear(&Reply {
                        number,
                        replica,
                        answer: Answer::Fault(StoreErrorKind::TimedOut),
                    });
                }
            }
        }
    }

    fn crash(&mut self, which: usize) {
        for counter in 0..COUNTERS {
            self.crashes[counter] += self.terms.ahead_most + self.replicas[which].peak[counter];
        }
        // Nothing that was sent to it reaches the one that comes after it.
        self.replies.retain(|reply| reply.replica != which);
        let fresh = self.replica(which, 1_000);
        self.replicas[which] = fresh;
        for letter in &mut self.letters {
            if letter.replica == which {
                letter.number = 0;
            }
        }
    }

    /// Ends everything in order, and adds up.
    pub(super) fn finish(mut self) {
        while self.replicas.iter().any(|it| !it.open.is_empty()) {
            self.commit(0, 0);
            self.listen();
        }
        for round in 0..400 {
            for replica in 0..self.replicas.len() {
                self.with_shard(replica, Shard::close);
            }
            self.calm_down(8);
            while self.replicas.iter().any(|it| !it.open.is_empty()) {
                self.release(0);
                self.listen();
            }
            // Longer than any pause, and in the end longer than any lease.
            self.clock
                .advance(Duration::from_millis(if round < 20 { 100 } else { 1_500 }));
            let returned = |it: &Replica| it.turns.is_empty() && it.board.holdings().0 == 0;
            if round > 24 && self.letters.is_empty() && self.replicas.iter().all(returned) {
                break;
            }
        }
        for replica in &self.replicas {
            assert!(replica.waiting.is_empty(), "somebody waits for ever");
            assert!(replica.committing.is_empty(), "a commit is never told");
            assert_eq!(replica.board.holdings().0, 0, "a block is held for ever");
            assert!(replica.turns.is_empty(), "a task goes on for ever");
        }
        for counter in 0..QUOTAS {
            let tally = self.store.tally(&self.keys[counter]).now_or_never();
            let tally = tally.unwrap().unwrap();
            assert_eq!(tally.open(), 0, "units are held by nobody");
            let (counted, told) = (tally.committed(), self.committed[counter]);
            assert!(told <= counted, "{told} told, {counted} counted");
            assert!(
                counted - told <= self.crashes[counter],
                "{told} told, {counted} counted, crashes cost {} at most",
                self.crashes[counter],
            );
            self.spend_the_rest(counter, counted);
        }
        // Longer than any block counts.
        self.clock.advance(2 * rates::LENGTH);
        let state = self.store.peek(&self.keys[RATE..]).now_or_never();
        assert_eq!(state.unwrap().unwrap()[0].used(), 0);
    }

    fn spend_the_rest(&mut self, counter: usize, counted: u64) {
        self.limit = self.highest_limit;
        let rest = self.limit.saturating_sub(counted);
        self.replicas[0] = self.replica(0, 1_000);
        for (units, fits) in [(rest, true), (1, false)] {
            if units == 0 {
                continue;
            }
            self.reserve(0, counter, units, false);
            self.calm_down(8);
            let replica = &self.replicas[0];
            assert_eq!(replica.open.len() == 1, fits, "{units} units");
            assert!(replica.waiting.is_empty());
            while !self.replicas[0].open.is_empty() {
                self.commit(0, 0);
                self.calm_down(8);
            }
        }
    }
}

fn take<T>(all: &mut Vec<T>, which: usize) -> Option<T> {
    (!all.is_empty()).then(|| all.remove(which % all.len()))
}

/// One of the things of all replicas, and whose it was.
fn take_any<'a, T: 'a>(
    all: impl Iterator<Item = &'a mut Vec<T>>,
    which: usize,
) -> Option<(usize, T)> {
    let mut all: Vec<(usize, &mut Vec<T>)> = all
        .enumerate()
        .filter(|(_, things)| !things.is_empty())
        .collect();
    let count = all.len();
    let (owner, things) = all.get_mut(which.checked_rem(count)?)?;
    let position = which / count % things.len();
    Some((*owner, things.remove(position)))
}

/// How many histories are tried; the variable `TIERGATE_HISTORIES` sets another number.
pub(super) fn histories() -> ProptestConfig {
    let wanted = std::env::var("TIERGATE_HISTORIES").ok();
    let cases = wanted.and_then(|text| text.parse().ok()).unwrap_or(1_000);
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

pub(super) fn wrong_clocks() -> impl Strategy<Value = [u32; 3]> {
    prop::array::uniform3(991..1_010_u32)
}

proptest! {
    #![proptest_config(histories())]

    /// What was told to be committed is counted, and nothing else.
    #[test]
    fn nothing_is_admitted_twice_or_lost(
        ahead in 0..6_u64,
        clocks in wrong_clocks(),
        refusal_kept in 0..200_u64,
        events in prop::collection::vec(event(false), 1..160),
    ) {
        let mut world = World::new(ahead, clocks, refusal_kept);
        for event in &events {
            world.play(event);
        }
        world.finish();
    }

    /// Whoever crashes costs no more than is said, and admits nothing twice.
    #[test]
    fn a_crash_admits_nothing_twice(
        ahead in 0..6_u64,
        clocks in wrong_clocks(),
        events in prop::collection::vec(event(true), 1..160),
    ) {
        let mut world = World::new(ahead, clocks, 100);
        for event in &events {
            world.play(event);
        }
        world.finish();
    }
}
