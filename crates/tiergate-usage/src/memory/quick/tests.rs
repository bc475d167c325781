//! However threads take turns, a reservation ends once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::thread;
use tiergate_core::Subject;

use super::super::counters::Counters;
use super::*;
use crate::now::Now;
use crate::{CounterKey, CounterWindow};

const SCHEDULES: usize = 500;
const DEPTH: usize = 3;

#[derive(Debug, Default)]
struct Checked(shuttle::sync::atomic::AtomicU64);

impl Word for Checked {
    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn store(&self, number: u64) {
        self.0.store(number, Ordering::SeqCst);
    }

    fn change(&self, from: u64, to: u64) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

/// A shard of one counter.
struct World {
    berths: Arc<Berths<Checked>>,
    locked: Mutex<Locked>,
    room: Room,
    counter: CounterId,
}

struct Locked {
    quick: Quick<Checked>,
    counts: Counts,
    used: u64,
}

/// How somebody tried to end a reservation.
#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    Release,
    Expire,
}

const UNITS: u64 = 3;
const DEADLINE: u64 = 100;

impl World {
    fn new() -> Self {
        let berths = Arc::new(Berths::new());
        let clock = tiergate_clock::ManualClock::default();
        let key = CounterKey::new(Subject::user("a"), "f", CounterWindow::Level);
        Self {
            locked: Mutex::new(Locked {
                quick: Quick::new(Arc::clone(&berths)),
                counts: Counts::default(),
                used: 0,
            }),
            berths,
            room: Room::new(1_000),
            counter: Counters::default().create(0, &key, &Now::read(&clock)),
        }
    }

    fn open(&self) -> Handle {
        let locked = &mut *self.locked.lock().unwrap();
        let berth = locked.quick.vacancy(&self.room, &mut locked.counts);
        locked.counts.open += 1;
        locked.used += UNITS;
        let single = Single {
            deadline: DEADLINE,
            units: UNITS,
            counter: self.counter,
        };
        locked.quick.open(berth.unwrap(), single)
    }

    /// Whether this call ended it.
    fn end(&self, handle: Handle, end: End) -> bool {
        match end {
            End::Commit => self.berths.commit(handle, UNITS, DEADLINE - 1),
            End::Release => {
                let locked = &mut *self.locked.lock().unwrap();
                let ended = locked.quick.end(handle);
                if let Ok(single) = ended {
                    locked.used -= single.units;
                    locked.counts.open -= 1;
                }
                ended.is_ok()
            }
            End::Expire => {
                let locked = &mut *self.locked.lock().unwrap();
                let due = locked.quick.pop_due(DEADLINE);
                if let Some(single) = due {
                    locked.used -= single.units;
                    locked.counts.open -= 1;
                }
                due.is_some()
            }
        }
    }

    /// Units that are counted, and how many of them are open, as somebody sees it who has the lock.
    fn tally(&self) -> (u64, u128) {
        let locked = self.locked.lock().unwrap();
        // What is open is in what is counted, whatever is committed meanwhile.
        let open = locked.quick.units_of(self.counter);
        assert!(open <= u128::from(locked.used));
        (locked.used, open)
    }

    fn noted(&self) -> Counts {
        let locked = &mut *self.locked.lock().unwrap();
        locked.quick.note_commits(&mut locked.counts);
        locked.counts
    }
}

fn check(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scenario.clone(), SCHEDULES);
    shuttle::check_pct(scenario, SCHEDULES, DEPTH);
}

#[test]
fn of_all_who_end_a_reservation_one_does_and_the_units_are_where_it_says() {
    check(|| {
        let world = Arc::new(World::new());
        let handle = world.open();
        let ends = [End::Commit, End::Commit, End::Release, End::Expire];
        let threads = ends.map(|end| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.end(handle, end))
        });
        let (_, _) = world.tally();
        let ended = threads.map(|thread| thread.join().unwrap());
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1, "{ended:?}");
        let committed = ended[0] || ended[1];
        assert_eq!(world.tally(), (if committed { UNITS } else { 0 }, 0));
        let counts = world.noted();
        assert_eq!((counts.open, counts.committed), (0, u64::from(committed)));
        let gone = world.locked.lock().unwrap().quick.end(handle);
        let expected = if ended[3] {
            Gone::Expired
        } else {
            Gone::Settled
        };
        assert_eq!(gone, Err(expected));
    });
}

#[test]
fn a_late_call_never_ends_the_reservation_that_came_to_its_berth() {
    const ROUNDS: u64 = 12;
    check(|| {
        let world = Arc::new(World::new());
        let threads = [End::Commit, End::Release].map(|other_end| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let mut kept = 0;
                let mut before: Option<Handle> = None;
                for round in 0..ROUNDS {
                    let handle = world.open();
                    if let Some(before) = before.replace(handle) {
                        assert!(!world.end(before, End::Commit), "it is over");
                        assert!(!world.end(before, End::Release), "it is over");
                    }
                    let end = if round % 2 == 0 {
                        End::Commit
                    } else {
                        other_end
                    };
                    assert!(world.end(handle, end), "nobody else has it");
                    kept += u64::from(matches!(end, End::Commit));
                }
                kept
            })
        });
        let kept: u64 = threads.map(|thread| thread.join().unwrap()).iter().sum();
        assert_eq!(world.tally(), (kept * UNITS, 0));
        let counts = world.noted();
        assert_eq!((counts.open, counts.committed), (0, kept));
    });
}

#[test]
fn a_berth_is_left_alone_until_others_have_ended() {
    let berths = Arc::new(Berths::<AtomicU64>::new());
    let mut quick = Quick::new(Arc::clone(&berths));
    let (room, mut counts) = (Room::new(1_000), Counts::default());
    let clock = tiergate_clock::ManualClock::default();
    let key = CounterKey::new(Subject::user("a"), "f", CounterWindow::Level);
    let counter = Counters::default().create(0, &key, &Now::read(&clock));
    let open = |quick: &mut Quick, counts: &mut Counts| {
        let berth = quick.vacancy(&room, counts)?;
        counts.open += 1;
        let deadline = crate::now::nanos(Duration::from_secs(1));
        let single = Single {
            deadline,
            units: 1,
            counter,
        };
        Some(quick.open(berth, single))
    };
    let handles: Vec<Handle> = (0..1_000)
        .map(|_| {
            let handle = open(&mut quick, &mut counts).unwrap();
            assert!(berths.commit(handle, 1, 0));
            handle
        })
        .collect();
    let known = |quick: &mut Quick, handle: &&Handle| quick.end(**handle) == Err(Gone::Settled);
    let known = handles.iter().rev().take_while(|it| known(&mut quick, it));
    assert!((SETTLED_KEPT..=BERTHS).contains(&known.count()));
    assert!(room.taken() <= BERTHS);

    // All that are open stay so, and there is no more than that.
    let still_open: Vec<Handle> = std::iter::from_fn(|| open(&mut quick, &mut counts)).collect();
    assert_eq!(still_open.len(), BERTHS - SETTLED_KEPT);
    assert!(still_open.iter().all(|handle| quick.get(*handle).is_some()));
    quick.shrink(Thrift::Strict, &room, &mut counts);
    assert!(still_open.iter().all(|handle| berths.commit(*handle, 1, 0)));
    quick.shrink(Thrift::Strict, &room, &mut counts);
    assert_eq!((room.taken(), counts.open, counts.committed), (0, 0, 1_016));
}
