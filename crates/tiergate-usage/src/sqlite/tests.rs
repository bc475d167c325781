//! What needs a look inside, or a fault at a certain moment.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tiergate_core::{Limit, Subject};

use crate::{
    Adjustment, Admitted, Claim, CounterKey, CounterWindow, IdempotencyKey, Lease, LeaseEnd,
    LeaseExtension, LeaseId, LeaseOutcome, Replay, Reserve, ReserveOutcome, Settlement,
    SharedStore, StoreErrorKind, UsageStore,
};

use super::fault::Fault;
use super::file::{File, Missing, Place};
use super::{Durability, SqliteUsage};

/// Where tests reach into the writer.
#[derive(Debug, Default)]
pub(super) struct Seam {
    answers_to_lose: AtomicU32,
}

impl Seam {
    /// Fails after a commit that was done, as if the disk had failed before it could say so.
    pub(super) fn lose_answer(&self, path: &Path) -> Result<(), Fault> {
        let less = |left: u32| left.checked_sub(1);
        match self
            .answers_to_lose
            .try_update(Ordering::Relaxed, Ordering::Relaxed, less)
        {
            Ok(_) => Err(Fault::new(
                StoreErrorKind::Unavailable,
                path,
                "failed",
                "wait",
            )),
            Err(_) => Ok(()),
        }
    }
}

const TTL: Duration = Duration::from_secs(600);

fn gauge() -> CounterKey {
    CounterKey::new(Subject::user("a"), "gauge", CounterWindow::Level)
}

/// A store in a file of its own. The folder goes when it is dropped.
struct Trial {
    store: SqliteUsage,
    _folder: TempDir,
}

impl Trial {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: SqliteUsage::open(folder.path().join("usage.db"))
                .await
                .unwrap(),
            _folder: folder,
        }
    }

    /// The next so many commits are done, and nobody hears of it.
    fn lose_answers(&self, commits: u32) {
        let seam = &self.store.desk.seam;
        seam.answers_to_lose.store(commits, Ordering::Relaxed);
    }

    async fn admitted(&self, key: Option<&IdempotencyKey>) -> Admitted {
        let claims = [Claim::new(gauge(), 3, Limit::AtMost(9))];
        let mut request = Reserve::new(&claims, TTL);
        if let Some(key) = key {
            request = request.with_idempotency_key(key);
        }
        match self.store.reserve(request).await {
            Ok(ReserveOutcome::Admitted(admitted)) => admitted,
            other => panic!("it should fit: {other:?}"),
        }
    }

    /// What is committed, and what is open.
    async fn tally(&self) -> (u64, u64) {
        let tally = self.store.tally(&gauge()).await.unwrap();
        (tally.committed(), tally.open())
    }
}

#[tokio::test]
async fn a_reservation_whose_answer_was_lost_counts_once() {
    let trial = Trial::new().await;
    trial.lose_answers(1);
    let admitted = trial.admitted(None).await;
    assert_eq!(admitted.states()[0].used(), 3);
    assert_eq!(trial.tally().await, (0, 3));

    trial.lose_answers(1);
    // The first attempt settled it, which is all that the second can tell.
    let settled = trial.store.commit(admitted.id(), &[2]).await.unwrap();
    assert_eq!(settled, Settlement::AlreadySettled);
    assert_eq!(trial.tally().await, (2, 0));
    assert_eq!(trial.store.statistics().faults(), 2);
}

#[tokio::test]
async fn a_retry_whose_answer_was_lost_joins_once() {
    let trial = Trial::new().await;
    let key = IdempotencyKey::new("k").unwrap();
    let first = trial.admitted(Some(&key)).await;
    trial.lose_answers(1);
    let second = trial.admitted(Some(&key)).await;
    assert_eq!(second.replay(), Replay::Repeated);
    for id in [first.id(), second.id()] {
        let settled = trial.store.release(id).await.unwrap();
        assert_eq!(settled, Settlement::Settled);
    }
    assert_eq!(trial.tally().await, (0, 0), "nobody else holds it");
    assert_eq!(trial.admitted(Some(&key)).await.replay(), Replay::First);
}

#[tokio::test]
async fn a_lease_whose_answers_were_lost_counts_once() {
    let trial = Trial::new().await;
    let key = gauge();
    let id = LeaseId::from_u128(7);
    let lease = Lease {
        key: &key,
        id,
        units: 5,
        kept: 1,
        limit: Limit::AtMost(9),
        ttl: TTL,
    };
    trial.lose_answers(1);
    let outcome = trial.store.lease(lease).await.unwrap();
    assert!(matches!(outcome, LeaseOutcome::Granted(state) if state.used() == 5));
    trial.lose_answers(1);
    let extended = trial.store.extend(&key, id, 2, TTL).await.unwrap();
    assert_eq!(extended, LeaseExtension::Extended);
    trial.lose_answers(1);
    let ended = trial.store.end(&key, id, 4).await.unwrap();
    assert_eq!(ended, LeaseEnd::AlreadyEnded);
    assert_eq!(trial.tally().await, (4, 0));
}

/// It can't be known, so it is not done again.
#[tokio::test]
async fn what_would_count_twice_fails_when_its_answer_was_lost() {
    let trial = Trial::new().await;
    let key = gauge();
    trial.lose_answers(1);
    let raised = trial.store.adjust(&key, Adjustment::Raise(5)).await;
    assert_eq!(raised.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(trial.tally().await, (5, 0));
    trial.lose_answers(1);
    let lowered = trial.store.lower(&key, 2).await;
    assert_eq!(lowered.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(trial.tally().await, (3, 0));
}

#[tokio::test]
async fn a_fault_that_stays_is_told_and_counts_once_all_the_same() {
    let trial = Trial::new().await;
    let claims = [Claim::new(gauge(), 3, Limit::AtMost(9))];
    // The second attempt finds it done and writes nothing, so it has to be another one that fails.
    let key = IdempotencyKey::new("k").unwrap();
    let first = trial.admitted(Some(&key)).await;
    trial.lose_answers(2);
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&key);
    let joined = trial.store.reserve(request).await;
    assert_eq!(joined.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(trial.tally().await, (0, 3));
    let settled = trial.store.commit(first.id(), &[3]).await.unwrap();
    assert_eq!(settled, Settlement::Settled);
    assert_eq!(trial.tally().await, (3, 0));
}

/// What SQLite itself says of how sure a commit is: 2 is after each one, 1 is now and then.
#[tokio::test]
async fn a_connection_is_as_durable_as_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for (durability, level) in [(Durability::Full, 2), (Durability::Normal, 1)] {
        let place = Place {
            path: folder.path().join("usage.db"),
            durability,
        };
        for missing in [Missing::Make, Missing::Refuse] {
            let mut file = File::open(&place, missing).await.unwrap();
            assert_eq!(file.synchronous().await, level, "{durability:?}");
        }
    }
}
