//! The names in logs and metrics that the crate documents are those that a recorder writes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tiergate_core::Subject;
use tiergate_usage::async_trait;
use tiergate_usage::recorder::{
    Outcome, Record, SinkError, SinkErrorKind, UsageRecord, UsageRecorder, UsageSink,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const DOCUMENTED: &str = include_str!("../../src/lib.rs");

#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    fn add(&self, name: impl Into<String>) {
        self.0.lock().unwrap().insert(name.into());
    }
}

impl Recorder for Names {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.add(key.name());
        for label in key.labels() {
            self.add(label.value());
        }
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.add(key.name());
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// The names of events, and everything that is in them.
#[derive(Clone, Debug, Default)]
struct Events {
    names: Names,
    texts: Names,
}

impl<S: tracing::Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Fields<'a>(&'a Events);
        impl Visit for Fields<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.texts.add(format!("{value:?}"));
                if field.name() == "event" {
                    self.0.names.add(format!("{value:?}").trim_matches('"'));
                }
            }
        }
        if event.metadata().target() == "tiergate::usage" {
            event.record(&mut Fields(self));
        }
    }
}

/// Fails, halves, rejects, and then takes everything.
#[derive(Debug, Default)]
struct Sink(Mutex<u32>);

#[async_trait]
impl UsageSink for Sink {
    async fn deliver(&self, batch: &[Record]) -> Result<Vec<Outcome>, SinkError> {
        let call = {
            let mut calls = self.0.lock().unwrap();
            *calls += 1;
            *calls
        };
        match call {
            1 | 6 => Err(SinkError::new(SinkErrorKind::Unavailable)),
            2 => Err(SinkError::new(SinkErrorKind::Unauthorized)),
            3 => Err(SinkError::new(SinkErrorKind::BadBatch)),
            4 => panic!("as the test wants"),
            5 => Ok(vec![Outcome::Duplicate; batch.len()]),
            _ => {
                let reason = "no".to_owned();
                let mut outcomes = vec![Outcome::Accepted; batch.len() - 1];
                outcomes.push(Outcome::Rejected { reason });
                Ok(outcomes)
            }
        }
    }
}

#[test]
fn what_is_told_is_documented_and_names_nobody() {
    let events = Events::default();
    let metrics = Names::default();
    metrics::set_global_recorder(metrics.clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(events.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // A last record that was being written, and a segment that cannot be read.
        std::fs::write(folder.path().join("00000000000000000000.segment"), [7; 90]).unwrap();
        std::fs::write(folder.path().join("00000000000000000003.segment"), [7; 90]).unwrap();
        let recorder = UsageRecorder::builder(folder.path())
            // Nothing is sent before it is waited for.
            .linger(Duration::from_secs(60))
            .retry_pauses(Duration::from_millis(1), Duration::from_millis(2))
            .open(Sink::default())
            .await
            .unwrap();
        for _ in 0..2 {
            for quantity in 0..4 {
                let subject = Subject::user("secret-id");
                let record = UsageRecord::new(subject, "sms_messages", quantity);
                recorder.record(record).unwrap().await.unwrap();
            }
            recorder.flush(Duration::from_secs(60)).await.unwrap();
        }
        let nobody = UsageRecord::new(Subject::user(""), "sms_messages", 1);
        recorder.record(nobody).unwrap_err();
        recorder.shutdown(Duration::from_secs(60)).await.unwrap();
        let late = UsageRecord::new(Subject::user("a"), "sms_messages", 1);
        recorder.record(late).unwrap_err();
    });

    let names = events.names.0.lock().unwrap().clone();
    for event in [
        "recorder.opened",
        "journal.repaired",
        "journal.damaged",
        "journal.set_aside",
        "delivery.failed",
        "delivery.unauthorized",
        "delivery.recovered",
        "delivery.halved",
        "record.rejected",
        "sender.failed",
    ] {
        assert!(names.contains(event), "{event} is not told: {names:?}");
    }
    let written = metrics.0.lock().unwrap().clone();
    for metric in [
        "tiergate_usage_records_total",
        "tiergate_usage_records_refused_total",
        "tiergate_usage_delivery_failures_total",
        "tiergate_usage_journal_records",
        "tiergate_usage_journal_bytes",
        "tiergate_usage_journal_oldest_seconds",
        "recorded",
        "delivered",
        "duplicate",
        "rejected",
        "damaged",
        "invalid",
        "shut_down",
    ] {
        assert!(
            written.contains(metric),
            "{metric} is not written: {written:?}"
        );
    }
    for name in names.iter().chain(&written) {
        assert!(
            DOCUMENTED.contains(&format!("`{name}`")),
            "{name} is not documented"
        );
    }
    let texts = events.texts.0.lock().unwrap();
    assert!(texts.iter().all(|text| !text.contains("secret-id")));
}
