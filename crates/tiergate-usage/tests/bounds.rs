//! Nothing in the store in memory grows without a bound.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails panics"
)]

use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Admitted, Claim, CounterKey, CounterWindow, IdempotencyKey, MemoryUsage, Replay, Reserve,
    ReserveOutcome, Settlement, StoreError, StoreErrorKind, UsageStore,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn key(subject: usize, window: CounterWindow) -> CounterKey {
    CounterKey::new(Subject::user(subject.to_string()), "feature", window)
}

fn rate(subject: usize) -> CounterKey {
    key(subject, CounterWindow::Sliding { length: MINUTE })
}

fn level(subject: usize) -> CounterKey {
    key(subject, CounterWindow::Level)
}

fn ask(store: &MemoryUsage, key: &CounterKey) -> Result<ReserveOutcome, StoreError> {
    let claims = [Claim::new(key.clone(), 1, Limit::AtMost(5))];
    store
        .reserve(Reserve::new(&claims, MINUTE))
        .now_or_never()
        .unwrap()
}

fn admitted(store: &MemoryUsage, key: &CounterKey) -> Admitted {
    match ask(store, key) {
        Ok(ReserveOutcome::Admitted(admitted)) => admitted,
        other => panic!("{other:?}"),
    }
}

fn commit(store: &MemoryUsage, admitted: &Admitted) -> Settlement {
    store
        .commit(admitted.id(), &[1])
        .now_or_never()
        .unwrap()
        .unwrap()
}

fn used(store: &MemoryUsage, key: &CounterKey) -> u64 {
    store
        .peek(std::slice::from_ref(key))
        .now_or_never()
        .unwrap()
        .unwrap()[0]
        .used()
}

#[test]
fn a_million_refusals_leave_the_counter_as_it_was() {
    let store = MemoryUsage::new();
    let key = level(0);
    for _ in 0..5 {
        commit(&store, &admitted(&store, &key));
    }
    let claims = [Claim::new(key.clone(), 1, Limit::AtMost(5))];
    for _ in 0..1_000_000 {
        let outcome = store.reserve(Reserve::new(&claims, MINUTE)).now_or_never();
        assert!(matches!(outcome, Ok(Ok(ReserveOutcome::Refused(_)))));
    }
    assert_eq!(used(&store, &key), 5);
    assert_eq!(store.statistics().refused(), 1_000_000);
    assert_eq!(store.statistics().counters(), 1);
}

#[test]
fn a_flood_of_subjects_stays_within_the_bound_and_is_swept() {
    let clock = ManualClock::default();
    let store = MemoryUsage::builder()
        .clock(Arc::new(clock.clone()))
        .max_counters(20_000)
        .build();
    let mut most = 0;
    for subject in 0..1_000_000 {
        // 10,000 a minute, so no more than 10,000 are in use.
        clock.advance(Duration::from_millis(6));
        admitted(&store, &rate(subject));
        if subject % 50_000 == 0 {
            most = most.max(store.statistics().counters());
        }
    }
    assert!(most <= 20_000, "{most}");
    assert_eq!(store.statistics().no_room(), 0);
    clock.advance(MINUTE);
    store.sweep();
    assert_eq!(store.statistics().counters(), 0);
    assert_eq!(store.statistics().swept(), 1_000_000);
}

#[test]
fn when_all_counters_are_in_use_a_new_one_is_a_fault_and_old_ones_go_on() {
    let clock = ManualClock::default();
    let store = MemoryUsage::builder()
        .clock(Arc::new(clock.clone()))
        .max_counters(100)
        .build();
    for subject in 0..100 {
        commit(&store, &admitted(&store, &rate(subject)));
    }
    for _ in 0..3 {
        assert_eq!(
            ask(&store, &rate(100)).unwrap_err().kind(),
            StoreErrorKind::Full
        );
    }
    assert_eq!(store.statistics().no_room(), 3);
    admitted(&store, &rate(7));
    clock.advance(MINUTE);
    admitted(&store, &rate(100));
    assert!(store.statistics().counters() < 100);
}

#[test]
fn a_refused_or_peeked_counter_is_not_made() {
    let store = MemoryUsage::new();
    let claims = [
        Claim::new(level(0), 1, Limit::AtMost(1)),
        Claim::new(level(1), 1, Limit::ZERO),
    ];
    let outcome = store.reserve(Reserve::new(&claims, MINUTE)).now_or_never();
    assert!(matches!(outcome, Ok(Ok(ReserveOutcome::Refused(_)))));
    assert_eq!(used(&store, &level(2)), 0);
    assert_eq!(store.statistics().counters(), 0);
}

#[test]
fn a_gauge_back_at_zero_is_forgotten_and_one_in_use_never() {
    let clock = ManualClock::default();
    let store = MemoryUsage::with_clock(Arc::new(clock.clone()));
    commit(&store, &admitted(&store, &level(0)));
    let open = admitted(&store, &level(1));
    let released = admitted(&store, &level(2));
    assert_eq!(
        store
            .release(released.id())
            .now_or_never()
            .unwrap()
            .unwrap(),
        Settlement::Settled
    );
    store.sweep();
    assert_eq!(store.statistics().counters(), 2);
    assert_eq!(commit(&store, &open), Settlement::Settled);
    clock.advance(400 * DAY);
    store.sweep();
    assert_eq!((used(&store, &level(0)), used(&store, &level(1))), (1, 1));
}

#[test]
fn a_quota_outlives_its_window_by_a_day_on_both_clocks() {
    let clock = ManualClock::default();
    let store = MemoryUsage::with_clock(Arc::new(clock.clone()));
    let start = clock.now();
    let end = start.saturating_add(MINUTE);
    let quota = key(0, CounterWindow::Fixed { start, end });
    commit(&store, &admitted(&store, &quota));

    // A wall clock that leaps ahead by years and is set right again hands nothing out twice.
    clock.set_wall_clock(start.saturating_add(1_000 * DAY));
    store.sweep();
    clock.set_wall_clock(start);
    assert_eq!(used(&store, &quota), 1);

    clock.advance(MINUTE + DAY);
    store.sweep();
    assert_eq!(used(&store, &quota), 1);
    clock.advance(Duration::from_micros(1));
    store.sweep();
    assert_eq!(store.statistics().counters(), 0);
}

#[test]
fn open_reservations_are_bounded_and_their_room_comes_back() {
    let clock = ManualClock::default();
    let store = MemoryUsage::builder()
        .clock(Arc::new(clock.clone()))
        .max_reservations(50)
        .build();
    let open: Vec<Admitted> = (0..50)
        .map(|subject| admitted(&store, &level(subject)))
        .collect();
    assert_eq!(
        ask(&store, &level(50)).unwrap_err().kind(),
        StoreErrorKind::Full
    );
    assert_eq!(used(&store, &level(50)), 0);
    assert_eq!(store.statistics().counters(), 50);
    for admitted in &open {
        assert_eq!(commit(&store, admitted), Settlement::Settled);
    }
    // Their places lie in other shards, which a sweep empties at most once a second.
    clock.advance(Duration::from_secs(1));
    for subject in 100..150 {
        admitted(&store, &level(subject));
    }
    assert_eq!(store.statistics().open(), 50);
}

#[test]
fn of_too_many_keys_those_committed_first_are_forgotten() {
    let store = MemoryUsage::builder().max_remembered_keys(100).build();
    let replay = |number: usize| {
        let name = IdempotencyKey::new(number.to_string()).unwrap();
        let claims = [Claim::new(level(number), 1, Limit::AtMost(5))];
        let request = Reserve::new(&claims, MINUTE).with_idempotency_key(&name);
        match store.reserve(request).now_or_never().unwrap().unwrap() {
            ReserveOutcome::Admitted(admitted) => admitted,
            ReserveOutcome::Refused(refused) => panic!("{refused:?}"),
        }
    };
    for number in 0..150 {
        commit(&store, &replay(number));
    }
    assert_eq!(store.statistics().remembered_keys(), 100);
    assert_eq!(store.statistics().keys_crowded_out(), 50);
    for number in 50..150 {
        assert_eq!(replay(number).replay(), Replay::Repeated, "{number}");
    }
    for number in 0..50 {
        let again = replay(number);
        assert_eq!(again.replay(), Replay::First, "{number}");
        store.release(again.id()).now_or_never().unwrap().unwrap();
    }
}

#[test]
fn elapsed_keys_go_by_themselves() {
    let clock = ManualClock::default();
    let store = MemoryUsage::with_clock(Arc::new(clock.clone()));
    for number in 0..1_000 {
        clock.advance(Duration::from_secs(1));
        let name = IdempotencyKey::new(number.to_string()).unwrap();
        let claims = [Claim::new(rate(0), 0, Limit::AtMost(5))];
        let request = Reserve::new(&claims, MINUTE).with_idempotency_key(&name);
        let Ok(ReserveOutcome::Admitted(admitted)) = store.reserve(request).now_or_never().unwrap()
        else {
            panic!("it fits");
        };
        store
            .commit(admitted.id(), &[0])
            .now_or_never()
            .unwrap()
            .unwrap();
    }
    assert!(store.statistics().remembered_keys() <= 60);
    assert_eq!(store.statistics().keys_crowded_out(), 0);
}

#[test]
fn how_a_reservation_ended_is_known_for_a_while() {
    let clock = ManualClock::default();
    let store = MemoryUsage::with_clock(Arc::new(clock.clone()));
    let settled = admitted(&store, &level(0));
    commit(&store, &settled);
    let expired = admitted(&store, &rate(0));
    clock.advance(MINUTE);
    store.sweep();
    for _ in 0..16 {
        let next = admitted(&store, &rate(0));
        store.release(next.id()).now_or_never().unwrap().unwrap();
        clock.advance(MINUTE);
    }
    assert_eq!(commit(&store, &expired), Settlement::Expired);
    for _ in 0..3_000 {
        let next = admitted(&store, &rate(0));
        store.release(next.id()).now_or_never().unwrap().unwrap();
        clock.advance(MINUTE);
    }
    assert_eq!(commit(&store, &settled), Settlement::Unknown);
}
