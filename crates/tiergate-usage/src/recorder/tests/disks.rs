//! What callers are told while the disk fails.

use std::time::Duration;

use super::bench::{PATIENCE, Sink, builder, keep, open, record, until};
use crate::journal::disk::simulated::{Failure, Plan, SimulatedDisk};
use crate::recorder::{Durability, RecordError};

#[tokio::test]
async fn while_the_disk_fails_nothing_is_acknowledged_and_afterwards_everything_is() {
    for durability in [
        Durability::Os,
        Durability::Interval(Duration::from_millis(1)),
        Durability::Every,
    ] {
        for failure in Failure::ALL {
            let disk = SimulatedDisk::default();
            let sink = Sink::new();
            let recorder = open(&disk, &sink, builder().durability(durability)).await;
            keep(&recorder, 0..10).await;
            recorder.flush(PATIENCE).await.unwrap();
            disk.fail(failure);
            for quantity in 100..103 {
                let answer = recorder.record(record(quantity)).unwrap().await;
                assert!(matches!(answer, Err(RecordError::Disk(_))), "{answer:?}");
            }
            let statistics = recorder.statistics();
            assert_eq!(statistics.refused_disk(), 3);
            assert!(statistics.disk_faults() >= 3);
            disk.plan(Plan::Nothing);
            keep(&recorder, 10..20).await;
            recorder.flush(PATIENCE).await.unwrap();
            assert_eq!(
                sink.quantities(),
                (0..20).collect::<Vec<_>>(),
                "{failure:?}"
            );
            drop(recorder);

            // Nothing of what failed comes back with the next start.
            let recorder = open(&disk, &sink, builder()).await;
            recorder.flush(PATIENCE).await.unwrap();
            assert_eq!(sink.quantities().len(), 20);
            assert_eq!(recorder.statistics().repaired(), 0);
        }
    }
}

#[tokio::test]
async fn with_an_interval_the_journal_is_synced_without_more_records() {
    let disk = SimulatedDisk::default();
    let sink = Sink::hanging();
    let every = Durability::Interval(Duration::from_millis(5));
    let recorder = open(&disk, &sink, builder().durability(every)).await;
    keep(&recorder, 0..5).await;
    until("all syncs", || disk.is_all_synced()).await;
    drop(recorder);
}

#[tokio::test]
async fn what_is_acknowledged_with_every_is_synced_already() {
    let disk = SimulatedDisk::default();
    let recorder = open(
        &disk,
        &Sink::hanging(),
        builder().durability(Durability::Every),
    )
    .await;
    for quantity in 0..20 {
        keep(&recorder, [quantity]).await;
        assert!(disk.is_all_synced());
    }
}
