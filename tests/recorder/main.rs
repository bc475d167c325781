//! Usage that is recorded in a service and billed elsewhere: by the billing service as a process, over
//! HTTP and both databases.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tiergate::lookup::StaticToken;
use tiergate::recorder::{BillingSink, RecordId, UsageRecord, UsageRecorder};
use tiergate::usage::IdempotencyKey;
use tiergate::{HttpLookup, Subject};
use tiergate_tests::{Rows, Service, Store, Trial, eventually_in};

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

async fn services() -> Vec<Service> {
    let mut services = Vec::new();
    for store in [Store::Sqlite, Store::Postgres] {
        services.extend(Service::start(store, Trial::None).await);
    }
    services
}

async fn recorder(service: &Service, folder: &Path) -> UsageRecorder {
    let billing = HttpLookup::builder(&service.url())
        .token(StaticToken::new(service.service_token()))
        .connect_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    UsageRecorder::builder(folder)
        .linger(Duration::from_millis(10))
        .retry_pauses(Duration::from_millis(20), Duration::from_millis(200))
        .open(BillingSink::new(billing))
        .await
        .unwrap()
}

/// One e-mail, sent by somebody for an organization.
fn email() -> UsageRecord {
    UsageRecord::new(Subject::organization("eagle"), "email_sends", 1).by_user("ada")
}

async fn keep(recorder: &UsageRecorder, records: usize) -> Vec<RecordId> {
    let recordings: Vec<_> = (0..records)
        .map(|_| recorder.record(email()).unwrap())
        .collect();
    let mut ids = Vec::new();
    for recording in recordings {
        ids.push(recording.id().clone());
        recording.await.unwrap();
    }
    ids
}

/// How many records of a metric are stored, and how much they come to.
async fn billed(service: &Service) -> Rows {
    service
        .rows(
            "SELECT metric, CAST(COUNT(*) AS TEXT), CAST(CAST(SUM(quantity) AS BIGINT) AS TEXT) \
             FROM usage_records GROUP BY metric ORDER BY metric",
        )
        .await
}

async fn stored_keys(service: &Service) -> Vec<String> {
    let rows = service
        .rows("SELECT idempotency_key FROM usage_records ORDER BY idempotency_key")
        .await;
    rows.into_iter().flatten().collect()
}

fn sorted(ids: &[RecordId]) -> Vec<String> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    ids
}

fn rejected(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("rejected.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_billed_once_and_what_cannot_be_billed_is_kept_for_people() {
    for service in services().await {
        let folder = tempfile::tempdir().unwrap();
        let recorder = recorder(&service, folder.path()).await;
        let mut ids = keep(&recorder, 1_500).await;

        let key = || IdempotencyKey::new("job-4711").unwrap();
        let more = serde_json::json!({"region": "eu", "note": "\u{e9}\u{1f600}"});
        let storage = || UsageRecord::new(Subject::user("ada"), "storage", 5);
        let first = storage()
            .with_idempotency_key(key())
            .with_metadata(more.as_object().unwrap().clone());
        let first = recorder.record(first).unwrap();
        ids.push(first.id().clone());
        first.await.unwrap();
        // It went down again; and something nobody sells.
        let less = UsageRecord::new(Subject::user("ada"), "storage", -2);
        ids.push(recorder.record(less).unwrap().id().clone());
        let pigeon = UsageRecord::new(Subject::user("ada"), "pigeons", 1);
        let pigeon = recorder.record(pigeon).unwrap().id().clone();
        ids.extend(keep(&recorder, 10).await);
        recorder.flush(PATIENCE).await.unwrap();

        assert_eq!(
            billed(&service).await,
            [["email_sends", "1510", "1510"], ["storage", "2", "3"]]
        );
        assert_eq!(stored_keys(&service).await, sorted(&ids));
        let lines = rejected(folder.path());
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["record"]["idempotencyKey"], pigeon.to_string());
        assert!(
            line["reason"].as_str().unwrap().starts_with("metric:"),
            "{line}"
        );
        let statistics = recorder.statistics();
        assert_eq!((statistics.delivered(), statistics.rejected()), (1_512, 1));
        recorder.shutdown(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_billing_is_down_usage_is_kept_and_afterwards_it_is_billed() {
    for service in services().await {
        let folder = tempfile::tempdir().unwrap();
        let first = recorder(&service, folder.path()).await;
        let mut ids = keep(&first, 100).await;
        first.flush(PATIENCE).await.unwrap();
        service.program().kill().await;

        ids.extend(keep(&first, 2_500).await);
        let left = first.flush(Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(left.records(), 2_500);
        // The guarded service is restarted meanwhile, without a word.
        drop(first);
        let second = recorder(&service, folder.path()).await;
        assert_eq!(second.statistics().backlog(), 2_500);
        ids.extend(keep(&second, 100).await);
        eventually_in(PATIENCE, "an attempt", || {
            second.statistics().delivery_faults() > 0
        })
        .await;

        service.program().restart().await;
        second.flush(PATIENCE).await.unwrap();
        assert_eq!(billed(&service).await, [["email_sends", "2700", "2700"]]);
        assert_eq!(stored_keys(&service).await, sorted(&ids));
        second.shutdown(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_that_is_killed_while_it_takes_usage_bills_each_record_once() {
    for service in services().await {
        let folder = tempfile::tempdir().unwrap();
        let recorder = recorder(&service, folder.path()).await;
        let mut ids = Vec::new();
        for _ in 0..6 {
            let before = recorder.statistics().delivered();
            ids.extend(keep(&recorder, 3_000).await);
            // One batch is through, so that the next is on its way or just answered.
            eventually_in(PATIENCE, "a batch", || {
                recorder.statistics().delivered() > before
            })
            .await;
            service.program().kill().await;
            service.program().restart().await;
        }
        recorder.flush(PATIENCE).await.unwrap();
        assert_eq!(billed(&service).await, [["email_sends", "18000", "18000"]]);
        assert_eq!(stored_keys(&service).await, sorted(&ids));
        assert!(rejected(folder.path()).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_stops_nothing_but_the_delivery() {
    let service = Service::start(Store::Sqlite, Trial::None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stranger = HttpLookup::builder(&service.url())
        .token(StaticToken::new("no token of theirs"))
        .build()
        .unwrap();
    let refused = UsageRecorder::builder(folder.path())
        .retry_pauses(Duration::from_millis(1), Duration::from_millis(5))
        .open(BillingSink::new(stranger))
        .await
        .unwrap();
    let ids = keep(&refused, 50).await;
    eventually_in(PATIENCE, "attempts", || {
        refused.statistics().delivery_faults() > 2
    })
    .await;
    assert_eq!(
        refused
            .shutdown(Duration::ZERO)
            .await
            .unwrap_err()
            .records(),
        50
    );
    let right = recorder(&service, folder.path()).await;
    right.flush(PATIENCE).await.unwrap();
    assert_eq!(stored_keys(&service).await, sorted(&ids));
    assert!(rejected(folder.path()).is_empty());
}
