//! Counting on counters that exist allocates nothing.

use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::{Clock, ManualClock};
use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Admission, Claim, CounterKey, CounterWindow, LeasedUsage, MemoryUsage, Rates, Reservation,
    Reserve, ReserveOutcome, UsageStore,
};

const TTL: Duration = Duration::from_secs(3_600);

fn claims(subjects: [Subject; 3], limit: Limit) -> [Claim; 3] {
    let [a, b, c] = subjects;
    let year = Duration::from_secs(365 * 24 * 3_600);
    let quota = CounterWindow::Fixed {
        start: tiergate_core::time::Timestamp::from_seconds(0),
        end: tiergate_core::time::Timestamp::MAX,
    };
    [
        Claim::new(CounterKey::new(a, "gauge", CounterWindow::Level), 1, limit),
        Claim::new(
            CounterKey::new(b, "rate", CounterWindow::Sliding { length: year }),
            1,
            limit,
        ),
        Claim::new(CounterKey::new(c, "quota", quota), 1, limit),
    ]
}

fn one_subject() -> [Subject; 3] {
    std::array::from_fn(|_| Subject::user("a"))
}

fn several_subjects() -> [Subject; 3] {
    ["a", "b", "c"].map(Subject::organization)
}

/// Enough for every queue and log to have its full size.
const WARM_UP: usize = 5_000;

fn allocations(mut operation: impl FnMut()) -> u64 {
    for _ in 0..WARM_UP {
        operation();
    }
    allocation_counter::measure(|| {
        for _ in 0..1_000 {
            operation();
        }
    })
    .count_total
}

#[test]
fn reserving_and_committing_allocates_nothing() {
    for subjects in [one_subject(), several_subjects()] {
        let store = MemoryUsage::new();
        let claims = claims(subjects, Limit::Unlimited);
        let count = allocations(|| {
            let outcome = store
                .reserve(Reserve::new(&claims, TTL))
                .now_or_never()
                .unwrap();
            let Ok(ReserveOutcome::Admitted(admitted)) = outcome else {
                panic!("it fits");
            };
            store
                .commit(admitted.id(), &[1, 1, 1])
                .now_or_never()
                .unwrap()
                .unwrap();
        });
        assert_eq!(count, 0);
    }
}

#[test]
fn refusing_allocates_nothing() {
    let store = MemoryUsage::new();
    let claims = claims(one_subject(), Limit::ZERO);
    let count = allocations(|| {
        let outcome = store
            .reserve(Reserve::new(&claims, TTL))
            .now_or_never()
            .unwrap();
        assert!(matches!(outcome, Ok(ReserveOutcome::Refused(_))));
    });
    assert_eq!(count, 0);
}

#[test]
fn a_guard_allocates_nothing_of_its_own() {
    let store: Arc<dyn UsageStore> = Arc::new(MemoryUsage::new());
    let claims = claims(one_subject(), Limit::Unlimited);
    let mut committing = false;
    let count = allocations(|| {
        let request = Reserve::new(&claims, TTL);
        let admission = Reservation::admit(Arc::clone(&store), request)
            .now_or_never()
            .unwrap();
        let Ok(Admission::Admitted(reservation)) = admission else {
            panic!("it fits");
        };
        committing = !committing;
        if committing {
            reservation.commit().now_or_never().unwrap().unwrap();
        } else {
            drop(reservation);
        }
    });
    assert_eq!(count, 0);
}

/// Has enough leased of a counter for all that follows, and decides with it.
#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails panics"
)]
async fn allocations_of_deciding(claim: Claim) -> u64 {
    // Time stands still, so that nothing is over.
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let store = LeasedUsage::builder(Arc::new(MemoryUsage::with_clock(Arc::clone(&clock))))
        .clock(clock)
        .rates(Rates::Leased)
        .ahead(1_000_000)
        .build();
    for _ in 0..2 {
        let many = [Claim::new(claim.key().clone(), 50_000, Limit::Unlimited)];
        let outcome = store.reserve(Reserve::new(&many, TTL)).await.unwrap();
        let ReserveOutcome::Admitted(admitted) = outcome else {
            panic!("there is no limit");
        };
        store.release(admitted.id()).await.unwrap();
    }
    let claims = [claim];
    let mut committing = false;
    allocations(|| {
        let outcome = store.reserve(Reserve::new(&claims, TTL)).now_or_never();
        let Ok(Ok(ReserveOutcome::Admitted(admitted))) = outcome else {
            panic!("it is leased");
        };
        committing = !committing;
        let settled = if committing {
            store.commit(admitted.id(), &[1]).now_or_never()
        } else {
            store.release(admitted.id()).now_or_never()
        };
        settled.unwrap().unwrap();
    })
}

#[tokio::test]
async fn deciding_with_leased_units_allocates_nothing() {
    let [_, rate, quota] = claims(one_subject(), Limit::Unlimited);
    assert_eq!(allocations_of_deciding(quota).await, 0);
    assert_eq!(allocations_of_deciding(rate).await, 0);
}

#[test]
fn the_counting_counts() {
    assert!(allocations(|| drop(Box::new([0_u8; 64]))) >= 1_000);
}

#[cfg(feature = "recorder")]
mod recording {
    use tiergate_usage::async_trait;
    use tiergate_usage::recorder::{
        Outcome, Record, SinkError, SinkErrorKind, UsageRecord, UsageRecorder, UsageSink,
    };

    use super::Subject;

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait]
    impl UsageSink for Nowhere {
        async fn deliver(&self, _: &[Record]) -> Result<Vec<Outcome>, SinkError> {
            Err(SinkError::new(SinkErrorKind::Unavailable))
        }
    }

    #[test]
    fn recording_allocates_the_record_and_its_answer() {
        const RECORDS: u64 = 1_000;
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let opening = UsageRecorder::builder(folder.path()).open(Nowhere);
        let recorder = runtime.block_on(opening).unwrap();
        let subject = Subject::organization("eagle");
        let record = || {
            let record = UsageRecord::new(subject.clone(), "sms_messages", 1);
            recorder.record(record).unwrap()
        };
        // Enough for the queue to have its full size, on both of its sides.
        for _ in 0..3 {
            let recordings: Vec<_> = (0..super::WARM_UP).map(|_| record()).collect();
            for recording in recordings {
                runtime.block_on(recording).unwrap();
            }
        }
        let count = allocation_counter::measure(|| {
            for _ in 0..RECORDS {
                drop(record());
            }
        })
        .count_total;
        // The queue may have to grow a few times all the same.
        assert!(count <= 2 * RECORDS + 20, "{count}");
    }
}
