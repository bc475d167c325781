//! The board under a checker that decides at every lock which thread goes on.

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::thread;
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};

use crate::leased::account::Step;
use crate::leased::accounts::AccountId;
use crate::leased::board::{Board, Lock, ShardIndex};
use crate::leased::message::{Answer, Message};
use crate::leased::shard::{Kicks, Patience, Queued, Settled, Shard};
use crate::leased::terms::Terms;
use crate::leased::waiter::Verdict;
use crate::now::Now;
use crate::{
    Claim, CounterKey, CounterWindow, MemoryUsage, ReservationId, Reserve, ReserveOutcome,
    Settlement, SharedStore, UsageStore,
};

/// How many schedules each test is run under, of each kind.
const SCHEDULES: usize = 500;
/// At how many points a schedule of the second kind changes its mind.
const DEPTH: usize = 4;

const TTL: Duration = Duration::from_secs(600);

struct CheckedCell(Mutex<Shard>);

impl Lock for CheckedCell {
    fn around(shard: Shard) -> Self {
        Self(Mutex::new(shard))
    }

    fn with<R>(&self, work: impl FnOnce(&mut Shard) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }
}

/// A process and its store. Its tasks are threads.
#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    board: Board<CheckedCell>,
    store: MemoryUsage,
    clock: ManualClock,
    key: CounterKey,
    limit: u64,
    told: Mutex<u64>,
    tasks: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl World {
    fn new(limit: u64, ahead: u64) -> Self {
        let start = ManualClock::default().now();
        let end = start.saturating_add(Duration::from_secs(24 * 3_600));
        Self::of(CounterWindow::Fixed { start, end }, limit, ahead)
    }

    fn of(window: CounterWindow, limit: u64, ahead: u64) -> Self {
        let clock = ManualClock::default();
        let terms = Terms {
            ahead_most: ahead,
            rates: super::rates::terms(0),
            ..Terms::default()
        };
        Self(Arc::new(Inner {
            board: Board::new(Arc::new(clock.clone()), terms, 10, 100),
            store: MemoryUsage::with_clock(Arc::new(clock.clone())),
            clock,
            key: CounterKey::new(Subject::user("a"), "requests", window),
            limit,
            told: Mutex::new(0),
            tasks: Mutex::default(),
        }))
    }

    fn with<R>(&self, shard: ShardIndex, act: impl FnOnce(&mut Shard, &Now<'_>) -> R) -> R {
        let (result, kicks) = self.0.board.with(shard, act);
        self.start(shard, &kicks);
        result
    }

    fn start(&self, shard: ShardIndex, kicks: &Kicks) {
        for account in kicks.iter().copied() {
            let world = self.clone();
            let task = thread::spawn(move || world.see_to(shard, account));
            self.0.tasks.lock().unwrap().push(task);
        }
    }

    fn see_to(&self, shard: ShardIndex, account: AccountId) {
        loop {
            let fresh = self.0.board.fresh_lease();
            let (step, sent) = self.with(shard, |it, now| {
                (it.step(account, fresh, now), now.elapsed())
            });
            let Step::Send(message) = step else {
                assert_eq!(step, Step::Rest);
                return;
            };
            thread::yield_now();
            let answer = self.tell(message);
            thread::yield_now();
            self.with(shard, |it, now| {
                it.answered(account, message, answer, sent, now, 1);
            });
        }
    }

    fn tell(&self, message: Message) -> Answer {
        let (store, ttl) = (&self.0.store, Terms::default().ttl);
        let told = message.send(store, &self.0.key, ttl).now_or_never();
        told.unwrap().unwrap()
    }

    fn reserve(&self, units: u64) -> Option<(ShardIndex, ReservationId)> {
        let limit = Limit::AtMost(self.0.limit);
        let claims = [Claim::new(self.0.key.clone(), units, limit)];
        let place = self.0.board.place(&Reserve::new(&claims, TTL)).unwrap();
        let queued = self.with(place.shard, |it, now| {
            it.attempt_or_wait(&claims, &place.hashes, TTL, now)
        });
        let verdict = match queued {
            Queued::Told(verdict) => verdict,
            Queued::Waiting(told) => shuttle::future::block_on(told).unwrap(),
        };
        match verdict {
            Verdict::Decided(ReserveOutcome::Admitted(it)) => Some((place.shard, it.id())),
            Verdict::Decided(ReserveOutcome::Refused(_)) => None,
            Verdict::AskStore => {
                self.ask_store(units);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    /// What is not decided here, the store does.
    fn ask_store(&self, units: u64) {
        let limit = Limit::AtMost(self.0.limit);
        let claims = [Claim::new(self.0.key.clone(), units, limit)];
        let outcome = self
            .0
            .store
            .reserve(Reserve::new(&claims, TTL))
            .now_or_never();
        if let ReserveOutcome::Admitted(_) = outcome.unwrap().unwrap() {
            *self.0.told.lock().unwrap() += units;
        }
    }

    fn spend(&self, units: u64) {
        let Some((shard, id)) = self.reserve(units) else {
            return;
        };
        let settled = self.with(shard, |it, now| {
            it.commit(id, &[units], Patience::MayWait, now)
        });
        let settlement = match settled {
            Settled::Now(settlement) => settlement,
            Settled::Later(told) => shuttle::future::block_on(told).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(settlement, Settlement::Settled);
        *self.0.told.lock().unwrap() += units;
    }

    fn return_one(&self, units: u64) {
        if let Some((shard, id)) = self.reserve(units) {
            let settled = self.with(shard, |it, now| it.release(id, now));
            assert!(matches!(settled, Settled::Now(Settlement::Settled)));
        }
    }

    fn at_once(&self, work: Vec<Work>) {
        let threads: Vec<_> = work
            .into_iter()
            .map(|work| {
                let world = self.clone();
                thread::spawn(move || work(&world))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        self.join_tasks();
    }

    fn join_tasks(&self) {
        loop {
            let task = self.0.tasks.lock().unwrap().pop();
            let Some(task) = task else { return };
            task.join().unwrap();
        }
    }

    fn give_all_back(&self) {
        for shard in ShardIndex::all() {
            self.with(shard, Shard::close);
        }
        self.join_tasks();
    }

    /// What is committed, and what is open.
    fn tally(&self) -> (u64, u64) {
        let tally = self.0.store.tally(&self.0.key).now_or_never();
        let tally = tally.unwrap().unwrap();
        (tally.committed(), tally.open())
    }

    fn told(&self) -> u64 {
        *self.0.told.lock().unwrap()
    }
}

type Work = Box<dyn FnOnce(&World) + Send>;

fn check(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scenario.clone(), SCHEDULES);
    shuttle::check_pct(scenario, SCHEDULES, DEPTH);
}

fn spend(units: u64) -> Work {
    Box::new(move |world| world.spend(units))
}

fn return_one(units: u64) -> Work {
    Box::new(move |world| world.return_one(units))
}

#[test]
fn racing_operations_stay_within_the_limit_and_all_of_it_can_be_had() {
    check(|| {
        let world = World::new(5, 0);
        world.at_once(vec![spend(2), return_one(2), spend(2), spend(1)]);
        assert!(world.told() <= 5);
        world.give_all_back();
        assert_eq!(world.tally(), (world.told(), 0));
    });
}

#[test]
fn what_was_told_is_kept_if_the_process_dies_then() {
    for ahead in [0, 10] {
        check(move || {
            let world = World::new(100_000, ahead);
            world.at_once(vec![spend(1), spend(3), return_one(2), spend(1)]);
            assert_eq!(world.told(), 5);
            world.0.clock.advance(TTL);
            let (committed, open) = world.tally();
            assert_eq!(open, 0);
            assert!((5..=7 + ahead).contains(&committed), "{committed}");
        });
    }
}

#[test]
fn racing_operations_stay_within_a_rate_and_all_of_it_can_be_had() {
    check(|| {
        let length = super::rates::LENGTH;
        let limit = super::rates::LIMIT;
        let world = World::of(CounterWindow::Sliding { length }, limit, 0);
        world.at_once((0..5).map(|_| spend(90)).collect());
        assert_eq!(world.told(), 360);
        // A block is taken for those who wait, and for nobody else so near the limit.
        world.spend(limit - 360);
        assert_eq!(world.told(), limit);
        world.spend(1);
        assert_eq!(world.told(), limit);
        world.give_all_back();
    });
}
