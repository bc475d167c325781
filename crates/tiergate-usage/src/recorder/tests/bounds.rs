//! What does not grow, whatever happens.

use super::bench::{PATIENCE, Sink, builder, keep, open, record, until};
use crate::journal::disk::simulated::{Failure, Plan, SimulatedDisk};
use crate::recorder::{RecordError, SinkErrorKind};

#[tokio::test]
async fn with_the_sink_away_memory_stays_within_its_bound_and_then_all_arrives_in_order() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    sink.leave(SinkErrorKind::Unavailable);
    let recorder = open(&disk, &sink, builder().max_queued(500)).await;
    let mut most = 0;
    for first in (0..60_000).step_by(400) {
        keep(&recorder, first..first + 400).await;
        most = most.max(recorder.statistics().in_memory());
    }
    let statistics = recorder.statistics();
    assert_eq!(statistics.backlog(), 60_000);
    assert!(statistics.journal_bytes() > 3_000_000);
    // The queue and one batch.
    assert!(most <= 500 + 1_000, "{most}");
    sink.come_back();
    recorder.flush(PATIENCE).await.unwrap();
    let quantities = sink.quantities();
    assert_eq!(quantities.len(), 60_000);
    assert!(quantities.is_sorted());
    assert_eq!(recorder.statistics().in_memory(), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_takes_again_later() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    let recorder = open(&disk, &sink, builder().max_queued(50)).await;
    disk.fail(Failure::Broken);
    // This one finds the disk failing; those behind it wait.
    recorder.record(record(0)).unwrap().await.unwrap_err();
    let mut waiting = Vec::new();
    let refusal = loop {
        match recorder.record(record(1)) {
            Ok(recording) => waiting.push(recording),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100_000);
    };
    assert!(matches!(refusal, RecordError::QueueFull), "{refusal}");
    assert!(recorder.statistics().refused_queue_full() >= 1);
    assert!(recorder.statistics().in_memory() <= 50 + 1_000);
    disk.plan(Plan::Nothing);
    let mut kept = 0;
    for recording in waiting {
        kept += usize::from(recording.await.is_ok());
    }
    // Whoever is told finds room.
    keep(&recorder, [2]).await;
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities().len(), kept + 1);
}

#[tokio::test]
async fn a_full_journal_refuses_at_once_and_takes_again_when_something_is_delivered() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    sink.leave(SinkErrorKind::Unavailable);
    let recorder = open(&disk, &sink, builder().max_bytes(512 * 1024)).await;
    let mut kept = 0;
    loop {
        match recorder.record(record(kept)) {
            Ok(recording) => match recording.await {
                Ok(()) => kept += 1,
                Err(error) => assert!(matches!(error, RecordError::JournalFull), "{error}"),
            },
            Err(RecordError::JournalFull) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(kept > 4_000, "{kept}");
    assert!(recorder.statistics().journal_bytes() <= 512 * 1024);
    sink.come_back();
    recorder.flush(PATIENCE).await.unwrap();
    keep(&recorder, kept..kept + 1_000).await;
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), (0..kept + 1_000).collect::<Vec<_>>());
    assert!(recorder.statistics().refused_journal_full() > 0);
}

#[tokio::test]
async fn a_full_journal_whose_segments_could_not_be_removed_removes_them_by_itself() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    sink.leave(SinkErrorKind::Unavailable);
    let recorder = open(&disk, &sink, builder().max_bytes(512 * 1024)).await;
    let mut kept = 0;
    while let Ok(recording) = recorder.record(record(kept)) {
        kept += i64::from(recording.await.is_ok());
    }
    disk.fail(Failure::Broken);
    sink.come_back();
    recorder.flush(PATIENCE).await.unwrap();
    assert!(recorder.statistics().journal_bytes() > 500_000);
    disk.plan(Plan::Nothing);
    until("room", || recorder.statistics().journal_bytes() < 100_000).await;
    keep(&recorder, kept..kept + 10).await;
    assert!(disk.get("delivered").is_some());
}

#[tokio::test]
async fn an_invalid_record_is_refused_at_once_and_counted() {
    let disk = SimulatedDisk::default();
    let recorder = open(&disk, &Sink::new(), builder()).await;
    let nobody = tiergate_core::Subject::user("");
    let refused = recorder.record(crate::recorder::UsageRecord::new(nobody, "sms", 1));
    assert!(matches!(refused, Err(RecordError::Invalid(_))));
    assert_eq!(recorder.statistics().refused_invalid(), 1);
}
