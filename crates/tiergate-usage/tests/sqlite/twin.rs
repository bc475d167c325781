//! The store in a file answers as the store in memory does, over random histories, however often it is
//! opened again in between, and whichever of two processes is asked.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tiergate_clock::ManualClock;
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Adjustment, Claim, CounterKey, CounterWindow, IdempotencyKey, Lease, LeaseId, MemoryUsage,
    RateBlock, ReservationId, Reserve, ReserveOutcome, Settlement, SharedStore, SqliteUsage,
    UsageStore,
};

use crate::support::{Folder, quota};

const SECOND: Duration = Duration::from_secs(1);

/// What may happen. Numbers are picked from what exists at the time.
#[derive(Clone, Debug)]
enum Event {
    Reserve {
        claims: Vec<(usize, u64, u64)>,
        key: Option<u8>,
        ttl: u32,
    },
    Commit {
        which: usize,
        units: Vec<u64>,
    },
    Release(usize),
    Lease {
        key: usize,
        id: u8,
        units: u64,
        kept: u64,
        ttl: u32,
    },
    Extend {
        key: usize,
        id: u8,
        kept: u64,
        ttl: u32,
    },
    End {
        key: usize,
        id: u8,
        used: u64,
    },
    TakeOfRate {
        key: usize,
        units: u64,
        within: u32,
    },
    Lower(usize, u64),
    Adjust(usize, Adjustment),
    Pass(u32),
    Sweep,
    Reopen,
}

fn event() -> impl Strategy<Value = Event> {
    let which = 0..64_usize;
    let key = 0..6_usize;
    let claims = prop::collection::vec((key.clone(), 0..5_u64, 1..12_u64), 1..4);
    let adjustment = prop_oneof![
        (0..4_u64).prop_map(Adjustment::Raise),
        (0..4_u64).prop_map(Adjustment::Lower)
    ];
    prop_oneof![
        6 => (claims, prop::option::of(0..3_u8), 1..40_u32)
            .prop_map(|(claims, key, ttl)| Event::Reserve { claims, key, ttl }),
        4 => (which.clone(), prop::collection::vec(0..6_u64, 3))
            .prop_map(|(which, units)| Event::Commit { which, units }),
        2 => which.prop_map(Event::Release),
        2 => (key.clone(), 0..5_u8, 1..6_u64, 0..3_u64, 1..40_u32)
            .prop_map(|(key, id, units, kept, ttl)| Event::Lease { key, id, units, kept, ttl }),
        1 => (key.clone(), 0..5_u8, 0..6_u64, 1..40_u32)
            .prop_map(|(key, id, kept, ttl)| Event::Extend { key, id, kept, ttl }),
        1 => (key.clone(), 0..5_u8, 0..6_u64)
            .prop_map(|(key, id, used)| Event::End { key, id, used }),
        2 => (key.clone(), 0..4_u64, 0..8_u32)
            .prop_map(|(key, units, within)| Event::TakeOfRate { key, units, within }),
        1 => (key.clone(), 0..4_u64).prop_map(|(key, units)| Event::Lower(key, units)),
        1 => (key, adjustment).prop_map(|(key, adjustment)| Event::Adjust(key, adjustment)),
        3 => (1..30_u32).prop_map(Event::Pass),
        1 => Just(Event::Sweep),
        1 => Just(Event::Reopen),
    ]
}

/// An operation that both admitted.
struct Admitted {
    claims: usize,
    memory: ReservationId,
    file: ReservationId,
}

struct Twins {
    folder: Folder,
    clock: ManualClock,
    memory: MemoryUsage,
    // Two processes that share the file take turns.
    file: [SqliteUsage; 2],
    turns: usize,
    keys: Vec<CounterKey>,
    admitted: Vec<Admitted>,
}

/// How long ended reservations are known is not the same for both, so it is left out.
fn effect(settlement: Settlement) -> Option<Settlement> {
    (settlement == Settlement::Settled).then_some(settlement)
}

impl Twins {
    async fn new() -> Self {
        let (folder, clock) = (Folder::new(), ManualClock::default());
        let user = |feature: &str, window| CounterKey::new(Subject::user("a"), feature, window);
        let rate = |seconds| CounterWindow::Sliding {
            length: SECOND * seconds,
        };
        let keys = vec![
            user("gauge", CounterWindow::Level),
            CounterKey::new(Subject::organization("a"), "gauge", CounterWindow::Level),
            user("rate", rate(10)),
            user("rate", rate(25)),
            quota(&clock, 60 * SECOND),
            quota(&clock, 90 * SECOND),
        ];
        Self {
            memory: MemoryUsage::with_clock(Arc::new(clock.clone())),
            file: [
                folder.store_at(clock.clone()).await,
                folder.store_at(clock.clone()).await,
            ],
            folder,
            clock,
            turns: 0,
            keys,
            admitted: Vec::new(),
        }
    }

    /// The process whose turn it is.
    fn file(&mut self) -> &SqliteUsage {
        self.turns += 1;
        let [one, other] = &self.file;
        if self.turns.is_multiple_of(3) {
            other
        } else {
            one
        }
    }

    async fn play(&mut self, event: Event) {
        let key = |keys: &[CounterKey], place: usize| keys.get(place).unwrap().clone();
        let seconds = |number: u32| SECOND * number;
        match event {
            Event::Reserve { claims, key, ttl } => self.reserve(&claims, key, seconds(ttl)).await,
            Event::Commit { which, units } => {
                let Some((claims, memory, file)) = self.pick(which) else {
                    return;
                };
                let units = units.get(..claims).unwrap();
                let expected = self.memory.commit(memory, units).await.unwrap();
                let settled = self.file().commit(file, units).await.unwrap();
                assert_eq!(effect(settled), effect(expected));
            }
            Event::Release(which) => {
                let Some((_, memory, file)) = self.pick(which) else {
                    return;
                };
                let expected = self.memory.release(memory).await.unwrap();
                let settled = self.file().release(file).await.unwrap();
                assert_eq!(effect(settled), effect(expected));
            }
            Event::Lease {
                key: place,
                id,
                units,
                kept,
                ttl,
            } => {
                let (key, id) = (key(&self.keys, place), lease_id(place, id));
                let limit = Limit::AtMost(12);
                let ttl = seconds(ttl);
                let lease = Lease {
                    key: &key,
                    id,
                    units,
                    kept,
                    limit,
                    ttl,
                };
                let expected = self.memory.lease(lease).await;
                same(self.file().lease(lease).await, expected);
            }
            Event::Extend {
                key: place,
                id,
                kept,
                ttl,
            } => {
                let (key, id) = (key(&self.keys, place), lease_id(place, id));
                let expected = self.memory.extend(&key, id, kept, seconds(ttl)).await;
                same(
                    self.file().extend(&key, id, kept, seconds(ttl)).await,
                    expected,
                );
            }
            Event::End {
                key: place,
                id,
                used,
            } => {
                let (key, id) = (key(&self.keys, place), lease_id(place, id));
                let expected = self.memory.end(&key, id, used).await;
                same(self.file().end(&key, id, used).await, expected);
            }
            Event::TakeOfRate {
                key: place,
                units,
                within,
            } => {
                let key = key(&self.keys, place);
                let block = RateBlock {
                    key: &key,
                    units,
                    limit: Limit::AtMost(12),
                    spend_within: seconds(within),
                };
                let expected = self.memory.take_of_rate(block).await;
                same(self.file().take_of_rate(block).await, expected);
            }
            Event::Lower(place, units) => {
                let key = key(&self.keys, place);
                let expected = self.memory.lower(&key, units).await;
                same(self.file().lower(&key, units).await, expected);
            }
            Event::Adjust(place, adjustment) => {
                let key = key(&self.keys, place);
                let expected = self.memory.adjust(&key, adjustment).await;
                same(self.file().adjust(&key, adjustment).await, expected);
            }
            Event::Pass(time) => self.clock.advance(seconds(time)),
            Event::Sweep => {
                self.memory.sweep();
                self.file().sweep().await.unwrap();
            }
            Event::Reopen => {
                let again = self.folder.store_at(self.clock.clone()).await;
                let [one, _] = &mut self.file;
                *one = again;
            }
        }
    }

    fn pick(&self, which: usize) -> Option<(usize, ReservationId, ReservationId)> {
        let place = which.checked_rem(self.admitted.len())?;
        let picked = self.admitted.get(place)?;
        Some((picked.claims, picked.memory, picked.file))
    }

    async fn reserve(&mut self, asked: &[(usize, u64, u64)], key: Option<u8>, ttl: Duration) {
        let key = key.map(|key| IdempotencyKey::new(format!("k{key}")).unwrap());
        let claim = |&(place, units, limit): &(usize, u64, u64)| {
            let key = self.keys.get(place).unwrap().clone();
            Claim::new(key, units, Limit::AtMost(limit))
        };
        let claims: Vec<Claim> = asked.iter().map(claim).collect();
        let mut request = Reserve::new(&claims, ttl);
        if let Some(key) = &key {
            request = request.with_idempotency_key(key);
        }
        let expected = self.memory.reserve(request).await;
        let answer = self.file().reserve(request).await;
        match (answer, expected) {
            (Ok(ReserveOutcome::Admitted(file)), Ok(ReserveOutcome::Admitted(memory))) => {
                assert_eq!(file.states(), memory.states());
                assert_eq!(file.replay(), memory.replay());
                self.admitted.push(Admitted {
                    claims: claims.len(),
                    memory: memory.id(),
                    file: file.id(),
                });
            }
            (answer, expected) => same(answer, expected),
        }
    }

    /// All that can be read, of everything.
    async fn compare(&mut self) {
        let keys = self.keys.clone();
        let expected = self.memory.peek(&keys).await.unwrap();
        assert_eq!(self.file().peek(&keys).await.unwrap(), expected);
        for key in &keys {
            let expected = self.memory.tally(key).await;
            same(self.file().tally(key).await, expected);
        }
    }
}

/// No two counters share a lease.
fn lease_id(key: usize, id: u8) -> LeaseId {
    LeaseId::from_u128(u128::from(id) << 64 | u128::try_from(key).unwrap())
}

fn same<T: std::fmt::Debug + PartialEq>(
    answer: Result<T, tiergate_usage::StoreError>,
    expected: Result<T, tiergate_usage::StoreError>,
) {
    let (answer, expected) = (
        answer.map_err(|error| error.kind()),
        expected.map_err(|error| error.kind()),
    );
    assert_eq!(answer, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_file_and_memory_give_the_same_answers(
        events in prop::collection::vec(event(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut twins = Twins::new().await;
            for event in events {
                twins.play(event).await;
                twins.compare().await;
            }
        });
    }
}
