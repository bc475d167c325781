//! The board under a checker that decides at every lock which thread goes on.
//!
//! The records have no versions unless a test is about versions: what keeps the old state out is
//! that its flight was overtaken, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use shuttle::sync::Mutex;
use shuttle::thread;
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Subscription, SubscriptionStatus};

use super::*;
use crate::cache::landed;

/// How many schedules each test is run under, of each kind.
const SCHEDULES: usize = 1_000;
/// At how many points a schedule of the second kind changes its mind.
const DEPTH: usize = 4;

struct CheckedLocks;

struct CheckedMutex<T>(Mutex<T>);

impl Locks for CheckedLocks {
    type Mutex<T: Send + 'static> = CheckedMutex<T>;
}

impl<T: Send> Locked<T> for CheckedMutex<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }
}

/// A store whose every use is a point at which another thread may go on.
#[derive(Default)]
struct CheckedStore(Mutex<HashMap<Subject, Entry>>);

impl Store for CheckedStore {
    fn get(&self, subject: &Subject) -> Option<Entry> {
        self.0.lock().unwrap().get(subject).cloned()
    }

    fn contains(&self, subject: &Subject) -> bool {
        self.0.lock().unwrap().contains_key(subject)
    }

    fn put(&self, subject: &Subject, entry: Entry, _now: Duration) {
        self.0.lock().unwrap().insert(subject.clone(), entry);
    }

    fn remove(&self, subject: &Subject) {
        self.0.lock().unwrap().remove(subject);
    }

    // Only gives memory back, in its own time: that what was cleared is gone must not rest on it.
    fn remove_all(&self) {}
}

/// A board and the source that it is about.
#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    board: Board<CheckedStore, CheckedLocks>,
    source: Mutex<Subscription>,
    calls: Mutex<Calls>,
    clock: ManualClock,
}

#[derive(Default)]
struct Calls {
    made: usize,
    under_way: usize,
    most_under_way: usize,
}

fn ada() -> Subject {
    Subject::user("ada")
}

fn record(tier: &str) -> Subscription {
    Subscription::new(ada(), tier, SubscriptionStatus::Active).with_id("sub_1")
}

impl World {
    fn new(first: Subscription) -> Self {
        Self(Arc::new(Inner {
            board: Board::new(CheckedStore::default(), CacheConfig::default(), 2),
            source: Mutex::new(first),
            calls: Mutex::default(),
            clock: ManualClock::default(),
        }))
    }

    fn now(&self) -> Moment {
        Moment {
            elapsed: self.0.clock.elapsed(),
            wall: self.0.clock.now(),
        }
    }

    fn call(&self) -> Answer {
        {
            let mut calls = self.0.calls.lock().unwrap();
            calls.made += 1;
            calls.under_way += 1;
            calls.most_under_way = calls.most_under_way.max(calls.under_way);
        }
        let answer = Answer::Found(Arc::new(self.0.source.lock().unwrap().clone()));
        self.0.calls.lock().unwrap().under_way -= 1;
        answer
    }

    /// Asks as the cache does, flying itself where it must. The tier, or `?`.
    fn ask(&self, want: Want) -> String {
        let board = &self.0.board;
        for _ in 0..8 {
            let mut notice = match board.depart(&ada(), want, self.now(), || Ok(())) {
                Departure::Settled(resolution) => return tier(&resolution),
                Departure::Joined(notice) => notice,
                Departure::Leading { flight, notice, .. } => {
                    let answer = self.call();
                    board.land(&ada(), flight, answer, self.now(), Dice::showing(0.5));
                    notice
                }
            };
            if let Some(resolution) = shuttle::future::block_on(landed(&mut notice)) {
                return tier(&resolution);
            }
        }
        "?".to_owned()
    }

    fn holds(&self) -> String {
        let now = self.now();
        let entry = self.0.board.entry(&ada());
        match entry.and_then(|entry| entry.into_snapshot(now.elapsed, || now.wall)) {
            Some(snapshot) => tier(&Resolution::Known(snapshot)),
            None => "?".to_owned(),
        }
    }

    fn push(&self, subscription: Subscription) {
        let known = Known::Found(subscription.into());
        self.0
            .board
            .push(&ada(), known, self.now(), Dice::showing(0.5));
    }

    fn overhear(&self, subscription: Subscription) {
        let known = Known::Found(subscription.into());
        self.0
            .board
            .overhear(&ada(), known, self.now(), Dice::showing(0.5));
    }

    fn changes_to(&self, tier: &str) {
        *self.0.source.lock().unwrap() = record(tier);
    }

    fn spawn<R: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> R + Send + 'static,
    ) -> thread::JoinHandle<R> {
        let world = self.clone();
        thread::spawn(move || work(world))
    }
}

fn tier(resolution: &Resolution) -> String {
    match resolution.snapshot().map(|snapshot| &snapshot.known) {
        Some(Known::Found(subscription)) => subscription.tier.to_string(),
        Some(Known::Missing) => "-".to_owned(),
        None => "?".to_owned(),
    }
}

fn check(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scenario.clone(), SCHEDULES);
    shuttle::check_pct(scenario, SCHEDULES, DEPTH);
}

/// Two ask while one makes a change; the one who changed looks at once, and all look at the end.
fn old_never_comes_back_after(change: impl Fn(&World) + Send + Sync + Clone + 'static) {
    check(move || {
        let world = World::new(record("old"));
        let askers: Vec<_> = (0..2)
            .map(|_| world.spawn(|world| world.ask(Want::Any)))
            .collect();
        let change = change.clone();
        let changer = world.spawn(move |world| {
            world.changes_to("new");
            change(&world);
            assert_ne!(world.holds(), "old");
            assert_eq!(world.ask(Want::Any), "new");
        });
        for asker in askers {
            let told = asker.join().unwrap();
            assert!(matches!(told.as_str(), "old" | "new"), "{told}");
        }
        changer.join().unwrap();
        assert_eq!(world.holds(), "new");
        assert_eq!(world.ask(Want::Any), "new");
    });
}

#[test]
fn the_old_state_never_comes_back_after_a_push() {
    old_never_comes_back_after(|world| world.push(record("new")));
}

#[test]
fn the_old_state_never_comes_back_after_an_invalidation() {
    old_never_comes_back_after(|world| world.0.board.invalidate(&ada()));
}

#[test]
fn the_old_state_never_comes_back_after_a_clearing() {
    old_never_comes_back_after(|world| {
        world.0.board.clear();
    });
}

#[test]
fn many_who_ask_at_once_make_one_call() {
    check(|| {
        let world = World::new(record("old"));
        let askers: Vec<_> = (0..4)
            .map(|n| {
                let want = if n % 2 == 0 {
                    Want::Any
                } else {
                    Want::Confirmation
                };
                world.spawn(move |world| world.ask(want))
            })
            .collect();
        for asker in askers {
            assert_eq!(asker.join().unwrap(), "old");
        }
        let calls = world.0.calls.lock().unwrap();
        assert_eq!((calls.made, calls.most_under_way), (1, 1));
    });
}

#[test]
fn pushed_revisions_end_with_the_highest_whatever_their_order() {
    check(|| {
        let world = World::new(record("flown").with_version(2));
        let flyer = world.spawn(|world| world.ask(Want::Any));
        let pushers: Vec<_> = [3, 5, 4]
            .into_iter()
            .map(|version| {
                world.spawn(move |world| {
                    world.push(record(&version.to_string()).with_version(version));
                })
            })
            .collect();
        flyer.join().unwrap();
        for pusher in pushers {
            pusher.join().unwrap();
        }
        assert_eq!(world.holds(), "5");
    });
}

#[test]
fn changes_from_all_sides_leave_nobody_waiting() {
    check(|| {
        let world = World::new(record("old"));
        let threads = [
            world.spawn(|world| drop(world.ask(Want::Any))),
            world.spawn(|world| drop(world.ask(Want::AtLeast(1)))),
            world.spawn(|world| world.push(record("pushed"))),
            world.spawn(|world| world.0.board.clear()),
            world.spawn(|world| world.0.board.invalidate(&ada())),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
        let left = world.0.board.in_shard(&ada(), |shard| shard.len());
        assert_eq!(left, 0);
    });
}

#[test]
fn nobody_is_denied_by_what_was_read_before_a_doubt() {
    check(|| {
        let world = World::new(record("old"));
        let askers = [
            world.spawn(|world| world.ask(Want::Any)),
            world.spawn(|world| world.ask(Want::Confirmation)),
        ];
        let doubter = world.spawn(|world| {
            world.changes_to("new");
            world.0.board.doubt();
            assert_eq!(world.ask(Want::Confirmation), "new");
        });
        for asker in askers {
            let told = asker.join().unwrap();
            assert!(matches!(told.as_str(), "old" | "new"), "{told}");
        }
        doubter.join().unwrap();
        assert_eq!(world.ask(Want::Refresh), "new");
        assert_eq!(world.holds(), "new");
    });
}

/// The source has replaced one record by another twice, and the changes are told late, in their
/// order, while somebody asks.
#[test]
fn nobody_is_denied_by_changes_that_are_told_late() {
    check(|| {
        let world = World::new(record("old").with_version(1));
        world.ask(Want::Any);
        // Too old to deny by.
        world.0.clock.advance(std::time::Duration::from_secs(3));
        *world.0.source.lock().unwrap() = record("new").with_id("sub_3").with_version(1);
        let asker = world.spawn(|world| world.ask(Want::Confirmation));
        let teller = world.spawn(|world| {
            for change in [
                record("ended").with_id("sub_2").with_version(9),
                record("new").with_id("sub_3").with_version(1),
            ] {
                world.overhear(change);
            }
            assert_eq!(world.holds(), "new");
        });
        assert_eq!(asker.join().unwrap(), "new");
        teller.join().unwrap();
        assert_eq!(world.ask(Want::Confirmation), "new");
        assert_eq!(world.holds(), "new");
    });
}
