//! Whatever is done, the store in Redis answers as the one in memory does.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tiergate::clock::{Clock, ManualClock};
use tiergate::usage::{
    Adjustment, Claim, CounterKey, CounterWindow, IdempotencyKey, Lease, LeaseId, MemoryUsage,
    RateBlock, ReservationId, Reserve, ReserveOutcome, Settlement, SharedStore, UsageStore,
};
use tiergate::{Limit, Subject};

use crate::support::{ask, claim, empty, rate, used};

#[derive(Clone, Debug)]
enum Step {
    Reserve {
        claims: Vec<(usize, u64, u64)>,
        named: Option<u8>,
        ttl: u64,
    },
    Commit {
        which: usize,
        units: u64,
    },
    Release {
        which: usize,
    },
    Lower {
        key: usize,
        units: u64,
    },
    Lease {
        key: usize,
        id: u8,
        units: u64,
        kept: u64,
        limit: u64,
    },
    Extend {
        key: usize,
        id: u8,
        kept: u64,
    },
    End {
        key: usize,
        id: u8,
        used: u64,
    },
    TakeOfRate {
        key: usize,
        units: u64,
        limit: u64,
        within: u64,
    },
    Adjust {
        key: usize,
        change: Adjustment,
    },
    Advance {
        micros: u64,
    },
}

const KEYS: usize = 10;

fn units() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..8, 1 => Just(u64::MAX), 1 => Just(1 << 53)]
}

fn step() -> impl Strategy<Value = Step> {
    let change = (any::<bool>(), units()).prop_map(|(up, units)| match up {
        true => Adjustment::Raise(units),
        false => Adjustment::Lower(units),
    });
    prop_oneof![
        6 => (
            prop::collection::vec((0..KEYS, units(), units()), 1..4),
            prop::option::of(0_u8..3),
            1_u64..5_000_000,
        ).prop_map(|(claims, named, ttl)| Step::Reserve { claims, named, ttl }),
        3 => (0_usize..50, units()).prop_map(|(which, units)| Step::Commit { which, units }),
        2 => (0_usize..50).prop_map(|which| Step::Release { which }),
        1 => (0..KEYS, units()).prop_map(|(key, units)| Step::Lower { key, units }),
        2 => (0..KEYS, 0_u8..6, units(), units(), units())
            .prop_map(|(key, id, units, kept, limit)| Step::Lease { key, id, units, kept, limit }),
        2 => (0..KEYS, 0_u8..6, units()).prop_map(|(key, id, kept)| Step::Extend { key, id, kept }),
        2 => (0..KEYS, 0_u8..6, units()).prop_map(|(key, id, used)| Step::End { key, id, used }),
        2 => (0..KEYS, units(), units(), 0_u64..800_000).prop_map(|(key, units, limit, within)| {
            Step::TakeOfRate { key, units, limit, within }
        }),
        1 => (0..KEYS, change).prop_map(|(key, change)| Step::Adjust { key, change }),
        3 => (0_u64..2_000_000).prop_map(|micros| Step::Advance { micros }),
    ]
}

/// Counters of two subjects, in windows of all kinds.
fn keys(clock: &ManualClock) -> Vec<CounterKey> {
    let start = clock.now();
    let end = |seconds| start.saturating_add(Duration::from_secs(seconds));
    let windows = [
        CounterWindow::Level,
        CounterWindow::Sliding {
            length: Duration::from_millis(1_500),
        },
        CounterWindow::Sliding {
            length: Duration::from_secs(5),
        },
        CounterWindow::Fixed { start, end: end(3) },
        CounterWindow::Fixed {
            start,
            end: end(1_000),
        },
    ];
    let subjects = [Subject::user("x"), Subject::organization("x")];
    let of =
        |subject: &Subject| windows.map(|window| CounterKey::new(subject.clone(), "f", window));
    subjects.iter().flat_map(of).collect()
}

struct Twins {
    clock: ManualClock,
    keys: Vec<CounterKey>,
    both: [Arc<dyn SharedStore>; 2],
    /// What was admitted, by its id in each, with its number of claims.
    admitted: Vec<([ReservationId; 2], usize)>,
}

impl Twins {
    /// What the two answer to a step, without what they may tell apart: ids, and how long they know
    /// what has ended.
    async fn take(&mut self, step: &Step) -> [String; 2] {
        let mut told = [String::new(), String::new()];
        if let Step::Advance { micros } = step {
            self.clock.advance(Duration::from_micros(*micros));
        }
        let mut ids = Vec::new();
        for (side, told) in told.iter_mut().enumerate() {
            *told = self.tell(side, step, &mut ids).await;
            let states = self.both[side].peek(&self.keys).await.unwrap();
            told.push_str(&format!(" then {states:?}"));
        }
        if let ([(memory, claims), (redis, _)], Step::Reserve { .. }) = (&ids[..], step) {
            self.admitted.push(([*memory, *redis], *claims));
        }
        told
    }

    async fn tell(
        &self,
        side: usize,
        step: &Step,
        ids: &mut Vec<(ReservationId, usize)>,
    ) -> String {
        let store = &self.both[side];
        let id =
            |number: u8, key: usize| LeaseId::from_u128(u128::from(number) * 100 + key as u128);
        match step {
            Step::Reserve { claims, named, ttl } => {
                let mut all: Vec<Claim> = Vec::new();
                for (key, units, limit) in claims {
                    if all.iter().all(|other| *other.key() != self.keys[*key]) {
                        let limit = match limit {
                            7 => Limit::Unlimited,
                            limit => Limit::AtMost(limit.saturating_mul(2)),
                        };
                        all.push(Claim::new(self.keys[*key].clone(), *units, limit));
                    }
                }
                let name = named.map(|name| IdempotencyKey::new(format!("k{name}")).unwrap());
                let request = Reserve::new(&all, Duration::from_micros(*ttl));
                let request = match &name {
                    Some(name) => request.with_idempotency_key(name),
                    None => request,
                };
                match store.reserve(request).await {
                    Ok(ReserveOutcome::Admitted(admitted)) => {
                        ids.push((admitted.id(), all.len()));
                        format!("{:?} {:?}", admitted.replay(), admitted.states())
                    }
                    other => format!("{other:?}"),
                }
            }
            Step::Commit { which, units } => match self.known(*which) {
                Some((ids, claims)) => {
                    let units: Vec<u64> = (0..claims as u64).map(|claim| units ^ claim).collect();
                    ending(store.commit(ids[side], &units).await.unwrap())
                }
                None => String::new(),
            },
            Step::Release { which } => match self.known(*which) {
                Some((ids, _)) => ending(store.release(ids[side]).await.unwrap()),
                None => String::new(),
            },
            Step::Lower { key, units } => {
                format!(
                    "{:?}",
                    store
                        .lower(&self.keys[*key], *units)
                        .await
                        .map_err(|it| it.kind())
                )
            }
            Step::Lease {
                key,
                id: number,
                units,
                kept,
                limit,
            } => {
                let lease = Lease {
                    key: &self.keys[*key],
                    id: id(*number, *key),
                    units: *units,
                    kept: *kept,
                    limit: Limit::AtMost(limit.saturating_mul(2)),
                    ttl: Duration::from_secs(2),
                };
                format!("{:?}", store.lease(lease).await.map_err(|it| it.kind()))
            }
            Step::Extend {
                key,
                id: number,
                kept,
            } => {
                let ttl = Duration::from_secs(3);
                let answer = store
                    .extend(&self.keys[*key], id(*number, *key), *kept, ttl)
                    .await;
                format!("{:?}", answer.map_err(|it| it.kind()))
            }
            Step::End {
                key,
                id: number,
                used,
            } => {
                let answer = store.end(&self.keys[*key], id(*number, *key), *used).await;
                format!("{:?}", answer.map_err(|it| it.kind()))
            }
            Step::TakeOfRate {
                key,
                units,
                limit,
                within,
            } => {
                let block = RateBlock {
                    key: &self.keys[*key],
                    units: *units,
                    limit: Limit::AtMost(limit.saturating_mul(2)),
                    spend_within: Duration::from_micros(*within),
                };
                let answer = store.take_of_rate(block).await;
                format!("{:?}", answer.map_err(|it| it.kind()))
            }
            Step::Adjust { key, change } => {
                let answer = store.adjust(&self.keys[*key], *change).await;
                format!("{:?}", answer.map_err(|it| it.kind()))
            }
            Step::Advance { .. } => String::new(),
        }
    }

    fn known(&self, which: usize) -> Option<([ReservationId; 2], usize)> {
        let last = self.admitted.len().checked_sub(1)?;
        self.admitted.get(which.min(last)).copied()
    }
}

fn ending(settlement: Settlement) -> String {
    match settlement {
        Settlement::Settled => "settled".to_owned(),
        _ => "not settled".to_owned(),
    }
}

async fn twins() -> Option<Twins> {
    let clock = ManualClock::default();
    let redis = empty(clock.clone()).await?;
    let memory = Arc::new(MemoryUsage::with_clock(Arc::new(clock.clone())));
    Some(Twins {
        keys: keys(&clock),
        clock,
        both: [memory, redis],
        admitted: Vec::new(),
    })
}

#[tokio::test]
async fn redis_and_memory_answer_alike() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::default());
    let steps = prop::collection::vec(step(), 60..120);
    for _ in 0..60 {
        let Some(mut twins) = twins().await else {
            return;
        };
        let steps = steps.new_tree(&mut runner).unwrap().current();
        for (number, step) in steps.iter().enumerate() {
            let [memory, redis] = twins.take(step).await;
            assert_eq!(redis, memory, "step {number} of {:#?}", &steps[..=number]);
        }
    }
}

/// Long enough for a log to be merged several times.
#[tokio::test]
async fn a_long_log_is_merged_as_in_memory() {
    let clock = ManualClock::default();
    let Some(redis) = empty(clock.clone()).await else {
        return;
    };
    let memory = MemoryUsage::with_clock(Arc::new(clock.clone()));
    // A length that 512 cells divide evenly in both units of time.
    let key = rate("x", Duration::from_micros(512 * 10_000));
    let stores: [&dyn UsageStore; 2] = [&*redis, &memory];
    for step in 0..6_000_u64 {
        clock.advance(Duration::from_micros(400 + step * 7_919 % 3_000));
        let mut told = Vec::new();
        for store in stores {
            let limit = if step % 5 == 0 { 300 } else { u64::MAX };
            let admitted = ask(store, claim(&key, step % 3, limit)).await;
            told.push(admitted.map(|admitted| admitted.states().to_vec()));
        }
        assert_eq!(told[0], told[1], "step {step}");
    }
    assert!(used(&*redis, &key).await > 1_024);
}
