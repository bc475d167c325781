//! What a recorder does with a sink that fails in every way it can.

use std::time::Duration;

use serde_json::Value;
use tiergate_clock::ManualClock;
use tiergate_core::Subject;

use super::bench::{Act, PATIENCE, Sink, builder, keep, open, record, until};
use crate::IdempotencyKey;
use crate::journal::disk::simulated::{Failure, Plan, SimulatedDisk};
use crate::recorder::{SinkError, SinkErrorKind};

fn rejected(disk: &SimulatedDisk) -> Vec<Value> {
    let lines = disk.get("rejected.jsonl").unwrap_or_default();
    let lines = String::from_utf8(lines).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn records_arrive_once_in_their_order_whatever_the_sink_does_meanwhile() {
    let disk = SimulatedDisk::default();
    let sink = Sink::acting([
        Act::Fail(SinkError::new(SinkErrorKind::Unavailable)),
        Act::TakeAndFail,
        Act::Miscount,
        Act::Panic,
        Act::Fail(SinkError::new(SinkErrorKind::Unauthorized)),
    ]);
    let recorder = open(&disk, &sink, builder()).await;
    for first in (0..3_000).step_by(500) {
        keep(&recorder, first..first + 500).await;
    }
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), (0..3_000).collect::<Vec<_>>());
    let statistics = recorder.statistics();
    assert_eq!(statistics.recorded(), 3_000);
    assert_eq!(statistics.delivered() + statistics.duplicates(), 3_000);
    assert!(statistics.duplicates() > 0);
    assert_eq!((statistics.backlog(), statistics.rejected()), (0, 0));
    assert!(sink.batches().iter().all(|records| *records <= 1_000));
}

#[tokio::test]
async fn one_bad_record_is_found_and_holds_up_no_other() {
    let disk = SimulatedDisk::default();
    let sink = Sink::hanging();
    sink.refuse_batches_with(333);
    sink.refuse_batches_with(999);
    sink.reject(7);
    let recorder = open(&disk, &sink, builder()).await;
    keep(&recorder, 0..1_000).await;
    sink.go_on();
    recorder.flush(PATIENCE).await.unwrap();
    let expected: Vec<i64> = (0..1_000).filter(|n| ![7, 333, 999].contains(n)).collect();
    assert_eq!(sink.quantities(), expected);
    let quantities: Vec<_> = rejected(&disk)
        .iter()
        .map(|line| line["record"]["quantity"].as_i64().unwrap())
        .collect();
    assert_eq!(quantities, [7, 333, 999]);
    assert!(sink.batches().len() < 60, "{:?}", sink.batches());
    assert_eq!(recorder.statistics().rejected(), 3);
}

#[tokio::test]
async fn a_rejected_record_is_written_down_as_it_could_be_sent_by_hand() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    sink.reject(3);
    let clock = ManualClock::default();
    let recorder = open(&disk, &sink, builder().clock(std::sync::Arc::new(clock))).await;
    let key = IdempotencyKey::new("job-4711").unwrap();
    let more = serde_json::json!({"region": "eu"});
    let record = crate::recorder::UsageRecord::new(Subject::organization("eagle"), "sms", 3)
        .by_user("ada")
        .with_idempotency_key(key.clone())
        .with_metadata(more.as_object().unwrap().clone());
    let recording = recorder.record(record).unwrap();
    assert_eq!(recording.id().given_key(), Some(&key));
    recorder.flush(PATIENCE).await.unwrap();
    let line = &rejected(&disk)[0];
    assert_eq!(line["reason"], "not good");
    assert_eq!(
        line["record"],
        serde_json::json!({
            "idempotencyKey": "job-4711", "organizationId": "eagle", "userId": "ada",
            "metric": "sms", "quantity": 3, "occurredAt": "2026-01-01T00:00:00Z",
            "metadata": {"region": "eu"},
        })
    );
}

#[tokio::test]
async fn a_rejected_record_that_cannot_be_written_down_is_not_forgotten() {
    let disk = SimulatedDisk::default();
    let sink = Sink::hanging();
    sink.reject(1);
    let recorder = open(&disk, &sink, builder()).await;
    keep(&recorder, [1]).await;
    disk.fail(Failure::Full);
    sink.go_on();
    until("the attempt", || recorder.statistics().disk_faults() > 2).await;
    assert_eq!(recorder.statistics().rejected(), 0);
    assert_eq!(
        recorder.flush(Duration::ZERO).await.unwrap_err().records(),
        1
    );
    disk.plan(Plan::Nothing);
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(rejected(&disk).len(), 1);
}

#[tokio::test]
async fn what_grew_too_old_is_written_down_and_not_sent() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    sink.leave(SinkErrorKind::Unavailable);
    let clock = ManualClock::default();
    let settings = builder().clock(std::sync::Arc::new(clock.clone()));
    let recorder = open(&disk, &sink, settings).await;
    keep(&recorder, 0..5).await;
    until("an attempt", || !sink.batches().is_empty()).await;
    clock.advance(Duration::from_secs(35 * 86_400));
    keep(&recorder, 5..8).await;
    clock.advance(Duration::from_secs(1));
    // The attempt that is under way may have begun before.
    let before = sink.batches().len();
    until("another attempt", || sink.batches().len() > before + 1).await;
    sink.come_back();
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.quantities(), [5, 6, 7]);
    assert_eq!(rejected(&disk).len(), 5);
    assert_eq!(recorder.statistics().expired(), 5);
}

#[tokio::test]
async fn a_sink_that_never_answers_is_asked_again() {
    let disk = SimulatedDisk::default();
    let sink = Sink::hanging();
    let recorder = open(&disk, &sink, builder()).await;
    drop(recorder.record(record(1)).unwrap());
    until("the question", || sink.asked() == 1).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    until("the next", || sink.asked() == 2).await;
    assert_eq!(recorder.statistics().delivery_faults(), 1);
    sink.go_on();
    until("the delivery", || sink.quantities() == [1]).await;
}

#[tokio::test]
async fn a_batch_waits_a_little_for_more_but_not_when_somebody_waits_for_it() {
    let disk = SimulatedDisk::default();
    let sink = Sink::new();
    let recorder = open(&disk, &sink, builder().linger(Duration::from_secs(60))).await;
    keep(&recorder, 0..10).await;
    assert!(sink.batches().is_empty());
    recorder.flush(PATIENCE).await.unwrap();
    assert_eq!(sink.batches(), [10]);
    // A full batch does not wait either.
    keep(&recorder, 10..1_010).await;
    until("a full batch", || sink.batches() == [10, 1_000]).await;
}
