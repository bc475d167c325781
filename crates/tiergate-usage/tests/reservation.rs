//! A reservation is settled once, whatever becomes of its owner and its store.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails panics"
)]

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::ManualClock;
use tiergate_core::{Limit, Subject};
use tiergate_usage::testing::{Call, Fault, ScriptedStore};
use tiergate_usage::{
    Admission, Claim, CounterKey, CounterStates, CounterWindow, Hold, Lowered, MemoryUsage,
    NotHeld, Refusal, Reservation, ReservationId, Reserve, ReserveOutcome, Settlement, StoreError,
    StoreErrorKind, StoreFuture, UsageStore,
};

const TTL: Duration = Duration::from_secs(600);

/// A memory store, and the same store behind a script.
struct Stage {
    memory: Arc<MemoryUsage>,
    script: Arc<ScriptedStore>,
    clock: ManualClock,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::default();
        let memory = Arc::new(MemoryUsage::with_clock(Arc::new(clock.clone())));
        let script = Arc::new(ScriptedStore::new(
            Arc::clone(&memory) as Arc<dyn UsageStore>
        ));
        Self {
            memory,
            script,
            clock,
        }
    }

    fn store(&self) -> Arc<dyn UsageStore> {
        Arc::clone(&self.script) as Arc<dyn UsageStore>
    }

    async fn reservation(&self) -> Reservation {
        match Reservation::admit(self.store(), Reserve::new(&claims(), TTL)).await {
            Ok(Admission::Admitted(reservation)) => reservation,
            other => panic!("it fits, but {other:?}"),
        }
    }

    fn used(&self) -> u64 {
        self.memory.peek(&[key()]).now_or_never().unwrap().unwrap()[0].used()
    }

    /// Waits, on a paused clock, until nothing is left to do.
    async fn settled(&self) {
        for _ in 0..1_000 {
            if self.memory.statistics().open() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("a reservation stays open");
    }
}

fn key() -> CounterKey {
    CounterKey::new(Subject::user("a"), "feature", CounterWindow::Level)
}

fn claims() -> [Claim; 1] {
    [Claim::new(key(), 3, Limit::AtMost(5))]
}

fn admit_at_once(store: Arc<dyn UsageStore>) -> Reservation {
    match Reservation::admit(store, Reserve::new(&claims(), TTL)).now_or_never() {
        Ok(Ok(Admission::Admitted(reservation))) => reservation,
        other => panic!("it fits, but {other:?}"),
    }
}

#[test]
fn a_ready_store_needs_no_runtime() {
    let stage = Stage::new();
    let reservation = admit_at_once(stage.store());
    assert_eq!((stage.used(), reservation.units()), (3, &[3][..]));
    drop(reservation);
    assert_eq!(stage.used(), 0);
    let settling = admit_at_once(stage.store()).commit_with(&[2]);
    assert_eq!(
        settling.now_or_never().unwrap().unwrap(),
        Settlement::Settled
    );
    assert_eq!(stage.used(), 2);
    let settling = admit_at_once(stage.store()).release();
    assert_eq!(
        settling.now_or_never().unwrap().unwrap(),
        Settlement::Settled
    );
    assert_eq!(stage.used(), 2);
}

#[test]
fn a_commit_that_nobody_awaits_is_a_commit() {
    let stage = Stage::new();
    drop(admit_at_once(stage.store()).commit());
    assert_eq!(stage.used(), 3);
    assert_eq!(stage.script.calls(Call::Release), 0);
}

/// A store that panics when it is asked to give units back.
#[derive(Debug)]
struct PanicsOnRelease(MemoryUsage);

impl UsageStore for PanicsOnRelease {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        self.0.reserve(request)
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        self.0.commit(id, units)
    }

    fn release(&self, _: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        panic!("the store fails");
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        self.0.peek(keys)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        self.0.lower(key, units)
    }
}

#[test]
fn a_store_that_panics_while_a_handler_does_ends_the_handler_and_not_the_process() {
    let store = || Arc::new(PanicsOnRelease(MemoryUsage::new()));
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _reservation = admit_at_once(store());
        std::panic::resume_unwind(Box::new("a handler fails"));
    }));
    let payload = result.unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"a handler fails"));
    drop(admit_at_once(store()));
}

#[test]
fn a_panic_gives_the_units_back() {
    let stage = Stage::new();
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _reservation = admit_at_once(stage.store());
        std::panic::resume_unwind(Box::new("a handler fails"));
    }));
    assert!(result.is_err());
    assert_eq!(stage.used(), 0);
}

#[test]
fn a_refusal_and_a_fault_hold_nothing() {
    let stage = Stage::new();
    let _held = admit_at_once(stage.store());
    let refused = Reservation::admit(stage.store(), Reserve::new(&claims(), TTL)).now_or_never();
    match refused {
        Ok(Ok(Admission::Refused(refused))) => assert_eq!(refused.reason(), Refusal::Full),
        other => panic!("{other:?}"),
    }
    stage.script.plan(
        Call::Reserve,
        Fault::FailAtOnce(StoreErrorKind::Unavailable),
    );
    let failed = Reservation::admit(stage.store(), Reserve::new(&claims(), TTL)).now_or_never();
    assert_eq!(
        failed.unwrap().unwrap_err().kind(),
        StoreErrorKind::Unavailable
    );
    assert_eq!(stage.used(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_released_in_a_task() {
    let stage = Stage::new();
    stage
        .script
        .plan(Call::Release, Fault::Delay(Duration::from_secs(1)));
    drop(stage.reservation().await);
    assert_eq!(stage.used(), 3);
    stage.settled().await;
    assert_eq!(stage.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_release_is_tried_again() {
    let stage = Stage::new();
    for fault in [
        Fault::FailAtOnce(StoreErrorKind::Unavailable),
        Fault::Fail(StoreErrorKind::TimedOut),
        Fault::Hang,
    ] {
        stage.script.plan(Call::Release, fault);
    }
    drop(stage.reservation().await);
    stage.settled().await;
    assert_eq!(stage.used(), 0);
    assert_eq!(stage.script.calls(Call::Release), 4);
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_counts_once() {
    let stage = Stage::new();
    stage
        .script
        .plan(Call::Commit, Fault::LoseAnswer(StoreErrorKind::TimedOut));
    let settlement = stage.reservation().await.commit_with(&[2]).await;
    assert_eq!(settlement.unwrap(), Settlement::AlreadySettled);
    assert_eq!(stage.used(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_commit_goes_on_when_its_caller_leaves() {
    let stage = Stage::new();
    stage
        .script
        .plan(Call::Commit, Fault::Fail(StoreErrorKind::Unavailable));
    stage
        .script
        .plan(Call::Commit, Fault::Delay(Duration::from_secs(2)));
    let settling = stage.reservation().await.commit();
    let patience = tokio::time::timeout(Duration::from_millis(1), settling).await;
    assert!(patience.is_err());
    stage.settled().await;
    assert_eq!(stage.used(), 3);
    assert_eq!(stage.script.calls(Call::Release), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_leaves_the_reservation_to_expire() {
    let stage = Stage::new();
    for _ in 0..16 {
        stage
            .script
            .plan(Call::Commit, Fault::Fail(StoreErrorKind::Unavailable));
    }
    let error = stage.reservation().await.commit().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(stage.script.calls(Call::Commit), 12);
    assert_eq!(stage.used(), 3);
    stage.clock.advance(TTL);
    assert_eq!(stage.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_a_retry_cannot_help_is_not_retried() {
    let stage = Stage::new();
    stage.script.plan(Call::Commit, Fault::Later);
    let error = stage
        .reservation()
        .await
        .commit_with(&[1, 2])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::InvalidClaims);
    assert_eq!(stage.script.calls(Call::Commit), 1);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_answer_holds_nothing() {
    let stage = Stage::new();
    stage
        .script
        .plan(Call::Reserve, Fault::Delay(Duration::from_secs(1)));
    let claims = claims();
    let admitting = Reservation::admit(stage.store(), Reserve::new(&claims, TTL));
    assert!(
        tokio::time::timeout(Duration::from_millis(1), admitting)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.memory.statistics().admitted(), 1);
    assert_eq!(stage.memory.statistics().released(), 1);
    assert_eq!(stage.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_never_waits_for_the_answer_never_asks() {
    let stage = Stage::new();
    stage.script.plan(Call::Reserve, Fault::Later);
    drop(Reservation::admit(
        stage.store(),
        Reserve::new(&claims(), TTL),
    ));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.memory.statistics().admitted(), 0);
}

#[test]
fn without_a_runtime_a_slow_release_is_left_to_expire() {
    let stage = Stage::new();
    stage.script.plan(Call::Release, Fault::Later);
    drop(admit_at_once(stage.store()));
    assert_eq!(stage.used(), 3);
    stage.clock.advance(TTL);
    assert_eq!(stage.used(), 0);
}

#[test]
fn a_runtime_that_shuts_down_takes_its_tasks_without_a_loop() {
    let stage = Stage::new();
    stage.script.plan(Call::Release, Fault::Hang);
    stage.script.plan(Call::Reserve, Fault::Later);
    stage.script.plan(Call::Reserve, Fault::Hang);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let reservation = stage.reservation().await;
        tokio::spawn(async move {
            let _held = reservation;
            std::future::pending::<()>().await;
        });
        let (store, claims) = (stage.store(), claims());
        tokio::spawn(async move {
            drop(Reservation::admit(store, Reserve::new(&claims, TTL)).await);
        });
        tokio::task::yield_now().await;
    });
    drop(runtime);
    stage.clock.advance(TTL);
    assert_eq!(stage.used(), 0);
}

#[tokio::test]
async fn ten_thousand_operations_of_every_fate_balance() {
    let stage = Stage::new();
    let key = key();
    let mut expected = 0;
    for number in 0..10_000_u64 {
        let claims = [Claim::new(key.clone(), 2, Limit::Unlimited)];
        let request = Reserve::new(&claims, TTL);
        let Ok(Admission::Admitted(reservation)) = Reservation::admit(stage.store(), request).await
        else {
            panic!("it fits");
        };
        match number % 5 {
            0 => drop(reservation),
            1 => drop(reservation.commit()),
            2 => {
                reservation.commit_with(&[7]).await.unwrap();
            }
            3 => {
                let task = tokio::spawn(async move {
                    let _held = reservation;
                    std::future::pending::<()>().await;
                });
                tokio::task::yield_now().await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
            _ => {
                reservation.release().await.unwrap();
            }
        }
        expected += [0, 2, 7, 0, 0][usize::try_from(number % 5).unwrap()];
    }
    assert_eq!(stage.used(), expected);
    assert_eq!(stage.memory.statistics().open(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_at_once_is_held_and_the_rest_says_why_not() {
    let stage = Stage::new();
    let store = stage.store();
    let claims = claims();
    let mut told = 0;
    let mut take = || {
        let request = Reserve::new(&claims, TTL);
        Hold::take(&store, request, |admitted| {
            told = admitted.states()[0].used();
        })
    };

    let hold = take().unwrap();
    assert_eq!(stage.used(), 3);
    assert!(matches!(*take().unwrap_err(), NotHeld::Refused(_)));
    drop(hold);
    assert_eq!(stage.used(), 0);

    stage.script.plan(Call::Reserve, Fault::Later);
    let NotHeld::Later(admitting) = *take().unwrap_err() else {
        panic!("it is not there at once")
    };
    // Nothing has begun.
    drop(admitting);
    assert_eq!(stage.used(), 0);
    let failure = Fault::FailAtOnce(StoreErrorKind::Unavailable);
    stage.script.plan(Call::Reserve, failure);
    assert!(matches!(*take().unwrap_err(), NotHeld::Failed(_)));

    let hold = take().unwrap();
    assert_eq!(told, 3);
    let settled = hold.commit_now(&[2]).unwrap();
    assert_eq!(settled.unwrap(), Settlement::Settled);
    assert_eq!(stage.used(), 2);
    let request = [Claim::new(key(), 1, Limit::AtMost(5))];
    let hold = Hold::take(&store, Reserve::new(&request, TTL), |_| ()).unwrap();
    stage.script.plan(Call::Commit, failure);
    let settling = hold.commit_now(&[1]).unwrap_err();
    assert_eq!(settling.await.unwrap(), Settlement::Settled);
    assert_eq!(stage.used(), 3);
}
