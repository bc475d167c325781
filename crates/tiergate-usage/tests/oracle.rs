//! The store in memory does what a naive model of it does, over random histories.
//!
//! The model keeps every unit that was ever taken, in one list, and adds up the list whenever it is
//! asked. It shares no code and no data structure with the store.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails panics"
)]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, IdempotencyKey, MemoryUsage, Refusal, Replay, ReservationId,
    Reserve, ReserveOutcome, Settlement, StoreErrorKind, UsageStore,
};

const SECOND: u64 = 1_000;
const RATE: u64 = 10 * SECOND;
const QUOTA: u64 = 40 * SECOND;
const DAY: u64 = 24 * 3_600 * SECOND;

/// What may happen. Numbers are picked from what exists at the time.
#[derive(Clone, Debug)]
enum Event {
    Reserve {
        claims: Vec<Asked>,
        key: Option<u8>,
        ttl: u64,
    },
    Commit {
        which: usize,
        units: Vec<u64>,
    },
    CommitAsReserved {
        which: usize,
    },
    Release {
        which: usize,
    },
    Lower {
        subject: u8,
        units: u64,
    },
    Pass {
        millis: u64,
    },
    SetWallClock {
        back: u64,
    },
    Sweep,
}

#[derive(Clone, Debug)]
struct Asked {
    subject: u8,
    meter: u8,
    units: u64,
    limit: u64,
}

/// All in milliseconds since the beginning.
#[derive(Clone, Debug, PartialEq)]
enum Window {
    Level,
    Sliding,
    Fixed(u64),
}

type Name = (u8, Window);

/// Units of one counter that were taken at a time.
#[derive(Debug)]
struct Taken {
    name: Name,
    at: u64,
    units: u64,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Open,
    Committed,
    Released,
    Expired,
}

#[derive(Debug)]
struct Operation {
    names: Vec<Name>,
    reserved: Vec<u64>,
    key: Option<(u8, u8)>,
    deadline: u64,
    stage: Stage,
    remembered_until: u64,
    /// Ids given out for it, and whether each may still end it.
    holders: Vec<(ReservationId, bool)>,
}

#[derive(Debug, Default)]
struct Model {
    now: u64,
    /// Committed units of gauges and quotas; every unit of rates.
    taken: Vec<Taken>,
    /// Given back by lowering gauges.
    lowered: Vec<(u8, u64)>,
    operations: Vec<Operation>,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    First,
    Repeated(usize),
    Refused {
        claim: usize,
        never: bool,
        used: u64,
        wait: Option<u64>,
    },
    Conflict,
}

impl Model {
    fn used(&self, name: &Name) -> u64 {
        if name.1 == Window::Sliding {
            return self.rate_at(name, self.now);
        }
        let committed: u64 = self
            .taken
            .iter()
            .filter(|taken| taken.name == *name)
            .map(|taken| taken.units)
            .sum();
        let open: u64 = self
            .operations
            .iter()
            .filter(|operation| operation.stage == Stage::Open)
            .flat_map(|operation| operation.names.iter().zip(&operation.reserved))
            .filter(|(other, _)| *other == name)
            .map(|(_, units)| *units)
            .sum();
        let lowered: u64 = match name.1 {
            Window::Level => self
                .lowered
                .iter()
                .filter(|(subject, _)| *subject == name.0)
                .map(|(_, units)| *units)
                .sum(),
            _ => 0,
        };
        committed + open - lowered
    }

    fn rate_at(&self, name: &Name, moment: u64) -> u64 {
        self.taken
            .iter()
            .filter(|taken| taken.name == *name && taken.at <= moment && moment < taken.at + RATE)
            .map(|taken| taken.units)
            .sum()
    }

    fn expire(&mut self) {
        for operation in &mut self.operations {
            if operation.stage == Stage::Open && operation.deadline <= self.now {
                operation.stage = Stage::Expired;
            }
        }
    }

    fn known(&self, key: (u8, u8)) -> Option<usize> {
        self.operations.iter().position(|operation| {
            operation.key == Some(key)
                && match operation.stage {
                    Stage::Open => true,
                    Stage::Committed => operation.remembered_until > self.now,
                    Stage::Released | Stage::Expired => false,
                }
        })
    }

    fn reserve(
        &mut self,
        claims: &[(Name, u64, u64)],
        key: Option<(u8, u8)>,
        ttl: u64,
        wall: u64,
    ) -> Verdict {
        if let Some(known) = key.and_then(|key| self.known(key)) {
            let operation = &self.operations[known];
            let same = operation.names.len() == claims.len()
                && operation
                    .names
                    .iter()
                    .zip(&operation.reserved)
                    .zip(claims)
                    .all(|((name, reserved), (other, units, _))| {
                        feature(name) == feature(other) && name.0 == other.0 && reserved == units
                    });
            return if same {
                let operation = &mut self.operations[known];
                operation.deadline = operation.deadline.max(self.now + ttl);
                Verdict::Repeated(known)
            } else {
                Verdict::Conflict
            };
        }
        for (claim, (name, units, limit)) in claims.iter().enumerate() {
            let used = self.used(name);
            if used + units <= *limit {
                continue;
            }
            let never = units > limit;
            let wait = match name.1 {
                _ if never => None,
                Window::Level => None,
                Window::Fixed(start) => Some((start + QUOTA).saturating_sub(wall)),
                // Try every later moment at which something changes.
                Window::Sliding => self
                    .taken
                    .iter()
                    .map(|taken| taken.at + RATE)
                    .filter(|moment| *moment > self.now)
                    .filter(|moment| self.rate_at(name, *moment) + units <= *limit)
                    .min()
                    .map(|moment| moment - self.now),
            };
            return Verdict::Refused {
                claim,
                never,
                used,
                wait,
            };
        }
        for (name, units, _) in claims.iter().filter(|(name, ..)| name.1 == Window::Sliding) {
            self.taken.push(Taken {
                name: name.clone(),
                at: self.now,
                units: *units,
            });
        }
        self.operations.push(Operation {
            names: claims.iter().map(|(name, ..)| name.clone()).collect(),
            reserved: claims.iter().map(|(_, units, _)| *units).collect(),
            key,
            deadline: self.now + ttl,
            stage: Stage::Open,
            remembered_until: 0,
            holders: Vec::new(),
        });
        Verdict::First
    }

    fn end(&mut self, id: ReservationId, actual: Option<&[u64]>, wall: u64) -> Settlement {
        let Some(operation) = self
            .operations
            .iter_mut()
            .find(|o| o.holders.iter().any(|(held, _)| *held == id))
        else {
            return Settlement::AlreadySettled;
        };
        match operation.stage {
            Stage::Expired => return Settlement::Expired,
            Stage::Committed | Stage::Released => return Settlement::AlreadySettled,
            Stage::Open => {}
        }
        let holder = operation
            .holders
            .iter_mut()
            .find(|(held, _)| *held == id)
            .unwrap();
        if !std::mem::replace(&mut holder.1, false) {
            return Settlement::AlreadySettled;
        }
        let Some(actual) = actual else {
            if operation.holders.iter().all(|(_, here)| !here) {
                operation.stage = Stage::Released;
            }
            return Settlement::Settled;
        };
        operation.stage = Stage::Committed;
        for ((name, reserved), actual) in
            operation.names.iter().zip(&operation.reserved).zip(actual)
        {
            let (units, until) = match name.1 {
                Window::Level => (*actual, self.now + DAY),
                Window::Fixed(start) => (*actual, self.now + (start + QUOTA).saturating_sub(wall)),
                Window::Sliding => (actual.saturating_sub(*reserved), self.now + RATE),
            };
            operation.remembered_until = operation.remembered_until.max(until);
            self.taken.push(Taken {
                name: name.clone(),
                at: self.now,
                units,
            });
        }
        Settlement::Settled
    }
}

fn feature(name: &Name) -> u8 {
    match name.1 {
        Window::Level => 0,
        Window::Sliding => 1,
        Window::Fixed(_) => 2,
    }
}

/// The store, its clock, and the names of the model in its terms.
struct Subjects {
    store: MemoryUsage,
    clock: ManualClock,
    begin: Timestamp,
}

impl Subjects {
    fn wall(&self) -> u64 {
        u64::try_from(self.clock.now().duration_since(self.begin).as_millis()).unwrap()
    }

    fn name(&self, asked: &Asked) -> Name {
        let window = match asked.meter {
            0 => Window::Level,
            1 => Window::Sliding,
            _ => Window::Fixed(self.wall() / QUOTA * QUOTA),
        };
        (asked.subject, window)
    }

    fn key(&self, name: &Name) -> CounterKey {
        let window = match name.1 {
            Window::Level => CounterWindow::Level,
            Window::Sliding => CounterWindow::Sliding {
                length: Duration::from_millis(RATE),
            },
            Window::Fixed(start) => {
                let start = self.begin.saturating_add(Duration::from_millis(start));
                CounterWindow::Fixed {
                    start,
                    end: start.saturating_add(Duration::from_millis(QUOTA)),
                }
            }
        };
        let subject = Subject::user(format!("u{}", name.0));
        CounterKey::new(
            subject,
            ["gauge", "rate", "quota"][usize::from(feature(name))],
            window,
        )
    }

    fn used(&self, name: &Name) -> u64 {
        self.store
            .peek(&[self.key(name)])
            .now_or_never()
            .unwrap()
            .unwrap()[0]
            .used()
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    (0_u8..4, 0_u8..3, 0_u64..50, 0_u64..120).prop_map(|(subject, meter, units, limit)| Asked {
        subject,
        meter,
        units,
        limit,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let key = prop::option::weighted(0.3, 0_u8..3);
    prop_oneof![
        8 => (prop::collection::vec(asked(), 1..=4), key, 1_u64..60)
            .prop_map(|(claims, key, ttl)| Event::Reserve { claims, key, ttl: ttl * SECOND }),
        // The same few operations again and again, for keys to meet.
        4 => (0_u8..2, 0_u8..3).prop_map(|(subject, key)| Event::Reserve {
            claims: vec![Asked { subject, meter: key % 3, units: 5, limit: 100 }],
            key: Some(key),
            ttl: 30 * SECOND,
        }),
        2 => (any::<usize>(), prop::collection::vec(0_u64..80, 4))
            .prop_map(|(which, units)| Event::Commit { which, units }),
        4 => any::<usize>().prop_map(|which| Event::CommitAsReserved { which }),
        4 => any::<usize>().prop_map(|which| Event::Release { which }),
        1 => (0_u8..4, 0_u64..60).prop_map(|(subject, units)| Event::Lower { subject, units }),
        6 => (0_u64..9 * SECOND).prop_map(|millis| Event::Pass { millis }),
        1 => (0_u64..50 * SECOND).prop_map(|back| Event::SetWallClock { back }),
        1 => Just(Event::Sweep),
    ]
}

fn play(events: Vec<Event>) {
    let clock = ManualClock::default();
    let real = Subjects {
        store: MemoryUsage::with_clock(Arc::new(clock.clone())),
        begin: clock.now(),
        clock,
    };
    let mut model = Model::default();
    let mut ids: Vec<(ReservationId, usize)> = Vec::new();
    for event in events {
        model.expire();
        match event {
            Event::Reserve { claims, key, ttl } => {
                let mut asked: Vec<(Name, u64, u64)> = Vec::new();
                for claim in &claims {
                    let name = real.name(claim);
                    if asked.iter().all(|(other, ..)| *other != name) {
                        asked.push((name, claim.units, claim.limit));
                    }
                }
                reserve(&real, &mut model, &mut ids, &asked, key, ttl);
            }
            Event::Commit { which, units } => {
                if let Some((id, claims)) = pick(&ids, which) {
                    let units = &units[..claims];
                    let expected = model.end(id, Some(units), real.wall());
                    let got = real
                        .store
                        .commit(id, units)
                        .now_or_never()
                        .unwrap()
                        .unwrap();
                    assert_eq!(got, expected);
                }
            }
            Event::CommitAsReserved { which } => {
                if let Some((id, claims)) = pick(&ids, which) {
                    let held = |o: &&Operation| o.holders.iter().any(|(held, _)| *held == id);
                    let units = model
                        .operations
                        .iter()
                        .find(held)
                        .map(|o| o.reserved.clone());
                    let units = units.unwrap_or_else(|| vec![1; claims]);
                    let expected = model.end(id, Some(&units), real.wall());
                    let got = real
                        .store
                        .commit(id, &units)
                        .now_or_never()
                        .unwrap()
                        .unwrap();
                    assert_eq!(got, expected);
                }
            }
            Event::Release { which } => {
                if let Some((id, _)) = pick(&ids, which) {
                    let expected = model.end(id, None, real.wall());
                    let got = real.store.release(id).now_or_never().unwrap().unwrap();
                    assert_eq!(got, expected);
                }
            }
            Event::Lower { subject, units } => {
                let name = (subject, Window::Level);
                let open: u64 = model
                    .operations
                    .iter()
                    .filter(|o| o.stage == Stage::Open)
                    .flat_map(|o| o.names.iter().zip(&o.reserved))
                    .filter(|(other, _)| **other == name)
                    .map(|(_, units)| *units)
                    .sum();
                let expected = units.min(model.used(&name) - open);
                model.lowered.push((subject, expected));
                let got = real
                    .store
                    .lower(&real.key(&name), units)
                    .now_or_never()
                    .unwrap();
                assert_eq!(got.unwrap().units(), expected);
            }
            Event::Pass { millis } => {
                model.now += millis;
                real.clock.advance(Duration::from_millis(millis));
            }
            Event::SetWallClock { back } => {
                let now = real.clock.now().saturating_sub(Duration::from_millis(back));
                real.clock.set_wall_clock(now.max(real.begin));
            }
            Event::Sweep => real.store.sweep(),
        }
        model.expire();
        agree(&real, &model);
    }
}

fn pick(ids: &[(ReservationId, usize)], which: usize) -> Option<(ReservationId, usize)> {
    (!ids.is_empty()).then(|| ids[which % ids.len()])
}

fn reserve(
    real: &Subjects,
    model: &mut Model,
    ids: &mut Vec<(ReservationId, usize)>,
    asked: &[(Name, u64, u64)],
    key: Option<u8>,
    ttl: u64,
) {
    let claims: Vec<Claim> = asked
        .iter()
        .map(|(name, units, limit)| Claim::new(real.key(name), *units, Limit::AtMost(*limit)))
        .collect();
    let name = key.map(|key| IdempotencyKey::new(format!("k{key}")).unwrap());
    let request = Reserve::new(&claims, Duration::from_millis(ttl));
    let request = match &name {
        Some(name) => request.with_idempotency_key(name),
        None => request,
    };
    let got = real.store.reserve(request).now_or_never().unwrap();
    let scoped = key.map(|key| (asked[0].0.0, key));
    let before = model.operations.len();
    let expected = model.reserve(asked, scoped, ttl, real.wall());
    match (got, expected) {
        (Ok(ReserveOutcome::Admitted(admitted)), Verdict::First) => {
            assert_eq!(admitted.replay(), Replay::First);
            for ((name, ..), state) in asked.iter().zip(admitted.states()) {
                assert_eq!(state.used(), model.used(name));
            }
            model.operations[before].holders.push((admitted.id(), true));
            ids.push((admitted.id(), claims.len()));
        }
        (Ok(ReserveOutcome::Admitted(admitted)), Verdict::Repeated(known)) => {
            assert_eq!(admitted.replay(), Replay::Repeated);
            let operation = &mut model.operations[known];
            if operation.stage == Stage::Open {
                assert!(operation.holders.iter().all(|(id, _)| *id != admitted.id()));
                operation.holders.push((admitted.id(), true));
            }
            ids.push((admitted.id(), claims.len()));
        }
        (
            Ok(ReserveOutcome::Refused(refused)),
            Verdict::Refused {
                claim,
                never,
                used,
                wait,
            },
        ) => {
            assert_eq!(refused.claim(), claim);
            assert_eq!(refused.reason() == Refusal::NeverFits, never);
            assert_eq!(refused.state().used(), used);
            assert_eq!(refused.state().wait(), wait.map(Duration::from_millis));
        }
        (Err(error), Verdict::Conflict) => {
            assert_eq!(error.kind(), StoreErrorKind::IdempotencyConflict);
        }
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

fn agree(real: &Subjects, model: &Model) {
    for subject in 0..4 {
        let window = Window::Fixed(real.wall() / QUOTA * QUOTA);
        for window in [Window::Level, Window::Sliding, window] {
            let name = (subject, window);
            assert_eq!(real.used(&name), model.used(&name), "{name:?}");
        }
    }
    let open = model
        .operations
        .iter()
        .filter(|o| o.stage == Stage::Open)
        .count();
    assert_eq!(real.store.statistics().open(), open as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Verdicts, states, waits, settlements and conservation, step by step.
    #[test]
    fn the_store_agrees_with_a_naive_model(events in prop::collection::vec(event(), 1..120)) {
        play(events);
    }

    /// The log of what a rate admitted, looked at through every span that begins with an admission.
    #[test]
    fn no_span_of_a_rate_holds_more_than_the_limit(
        limit in 1_u64..60,
        steps in prop::collection::vec((0_u64..3 * SECOND, 0_u64..30), 1..200),
    ) {
        let clock = ManualClock::default();
        let store = MemoryUsage::with_clock(Arc::new(clock.clone()));
        let window = CounterWindow::Sliding { length: Duration::from_millis(RATE) };
        let key = CounterKey::new(Subject::user("a"), "rate", window);
        let mut log = Vec::new();
        for (gap, units) in steps {
            clock.advance(Duration::from_millis(gap));
            let claims = [Claim::new(key.clone(), units, Limit::AtMost(limit))];
            let outcome = store.reserve(Reserve::new(&claims, Duration::from_secs(1))).now_or_never();
            if let Ok(Ok(ReserveOutcome::Admitted(_))) = outcome {
                log.push((clock.elapsed(), units));
            }
        }
        for (start, _) in &log {
            let end = *start + Duration::from_millis(RATE);
            let span = log.iter().filter(|(at, _)| at >= start && *at < end);
            prop_assert!(span.map(|(_, units)| units).sum::<u64>() <= limit);
        }
    }
}
