//! How a recorder ends, and what the next one finds.

use std::time::Duration;

use super::bench::{PATIENCE, Sink, builder, keep, open, record};
use crate::journal::disk::simulated::SimulatedDisk;
use crate::recorder::{Durability, OpenErrorKind, RecordError, SinkErrorKind, UsageRecorder};

#[tokio::test]
async fn a_shutdown_delivers_what_it_can_and_says_what_is_left() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    let recorder = open(&disk, &sink, builder()).await;
    for quantity in 0..100 {
        drop(recorder.record(record(quantity)).unwrap());
    }
    recorder.shutdown(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities().len(), 100);
    let refused = recorder.record(record(1)).unwrap_err();
    assert!(matches!(refused, RecordError::ShutDown));
    assert!(disk.is_all_synced());
    // The folder is free, though the recorder still is there.
    sink.leave(SinkErrorKind::Unavailable);
    let second = open(&disk, &sink, builder()).await;
    keep(&second, 100..110).await;
    let left = second
        .shutdown(Duration::from_millis(20))
        .await
        .unwrap_err();
    assert_eq!(left.records(), 10);
    assert_eq!(second.shutdown(PATIENCE).await.unwrap_err().records(), 10);

    sink.come_back();
    let third = open(&disk, &sink, builder()).await;
    assert_eq!(third.statistics().backlog(), 10);
    third.shutdown(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), (0..110).collect::<Vec<_>>());
    recorder.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_recorder_that_is_dropped_writes_what_waits_and_frees_the_folder() {
    let disk = SimulatedDisk::default();
    let sink = Sink::hanging();
    let recorder = open(&disk, &sink, builder()).await;
    let recordings: Vec<_> = (0..1_000)
        .map(|n| recorder.record(record(n)).unwrap())
        .collect();
    drop(recorder);
    for recording in recordings {
        recording.await.unwrap();
    }
    assert!(disk.is_all_synced());
    let sink = Sink::new();
    let recorder = open(&disk, &sink, builder()).await;
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_sent_when_the_process_ended_is_sent_again_and_counts_once() {
    let disk = SimulatedDisk::default();
    let sink = Sink::acting([super::bench::Act::TakeAndFail]);
    let slow = builder().retry_pauses(Duration::from_secs(600), Duration::from_secs(600));
    let recorder = open(&disk, &sink, slow).await;
    keep(&recorder, 0..50).await;
    super::bench::until("the batch", || !sink.batches().is_empty()).await;
    // It was taken, and nobody here knows.
    drop(recorder);
    let recorder = open(&disk, &sink, builder()).await;
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), (0..50).collect::<Vec<_>>());
    let statistics = recorder.statistics();
    assert!(statistics.duplicates() > 0);
    assert_eq!(statistics.duplicates() + statistics.delivered(), 50);
}

#[tokio::test]
async fn a_recording_that_nobody_awaits_is_kept() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    let recorder = open(&disk, &sink, builder()).await;
    drop(recorder.record(record(1)).unwrap());
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), [1]);
}

#[tokio::test]
async fn a_second_recorder_is_refused_with_the_folder_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let first = UsageRecorder::builder(folder.path())
        .open(Sink::new())
        .await
        .unwrap();
    let refused = UsageRecorder::builder(folder.path())
        .open(Sink::new())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), OpenErrorKind::InUse);
    let told = refused.to_string();
    assert!(
        told.contains(&folder.path().display().to_string()),
        "{told}"
    );
    assert!(told.contains("a folder of its own"), "{told}");
    drop(first);
    UsageRecorder::builder(folder.path())
        .open(Sink::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let at = || UsageRecorder::builder(folder.path());
    let moment = Duration::from_millis(1);
    for (builder, word) in [
        (
            at().durability(Durability::Interval(Duration::ZERO)),
            "durability",
        ),
        (at().max_queued(0), "max_queued"),
        (at().max_bytes(1), "max_bytes"),
        (at().max_age(Duration::ZERO), "max_age"),
        (at().linger(Duration::from_secs(61)), "linger"),
        (at().retry_pauses(Duration::ZERO, moment), "retry_pauses"),
        (at().retry_pauses(moment * 2, moment), "retry_pauses"),
    ] {
        let refused = builder.open(Sink::new()).await.unwrap_err();
        assert_eq!(refused.kind(), OpenErrorKind::Setting);
        assert!(refused.to_string().contains(word), "{refused}");
    }
}

#[test]
fn outside_of_a_runtime_it_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let opening = UsageRecorder::builder(folder.path()).open(Sink::new());
    let mut opening = std::pin::pin!(opening);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(opened) = opening.as_mut().poll(&mut context) else {
        panic!("it waits for something");
    };
    assert_eq!(opened.unwrap_err().kind(), OpenErrorKind::Runtime);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    std::fs::write(&file, "a file").unwrap();
    let refused = UsageRecorder::builder(&file)
        .open(Sink::new())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), OpenErrorKind::Disk);
    assert!(refused.to_string().contains("taken"), "{refused}");
}
