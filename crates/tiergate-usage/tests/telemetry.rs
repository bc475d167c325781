//! The names in logs and metrics that the crate documents are those that it writes.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use tiergate_clock::ManualClock;
use tiergate_core::{Limit, Subject};
use tiergate_usage::testing::{Call, Fault, ScriptedStore};
use tiergate_usage::{
    Admission, Claim, CounterKey, CounterWindow, IdempotencyKey, MemoryUsage, Reservation, Reserve,
    StoreErrorKind, UsageStore,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const TTL: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Default)]
struct Figures(Arc<Mutex<BTreeMap<String, f64>>>);

struct Figure(Figures, String);

impl Figure {
    fn add(&self, value: f64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Figure {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {}
}

impl Figures {
    fn figure(&self, key: &Key) -> Arc<Figure> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Figure(
            self.clone(),
            format!("{}{{{}}}", key.name(), labels.join(",")),
        ))
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Events as text: level, target and fields.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0.push_str(&format!(" {}={value:?}", field.name()));
            }
        }
        let mut text = Text(format!(
            "{} {}",
            event.metadata().level(),
            event.metadata().target()
        ));
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
}

fn claims(units: u64) -> [Claim; 1] {
    let key = CounterKey::new(Subject::user("secret-id"), "feature", CounterWindow::Level);
    [Claim::new(key, units, Limit::AtMost(5))]
}

fn admit(store: &Arc<ScriptedStore>, request: Reserve<'_>) -> Option<Reservation> {
    let store = Arc::clone(store) as Arc<dyn UsageStore>;
    match Reservation::admit(store, request).now_or_never().unwrap() {
        Ok(Admission::Admitted(reservation)) => Some(reservation),
        Ok(Admission::Refused(_)) | Err(_) => None,
    }
}

/// The two tests take turns: tracing decides once for all threads whether anybody listens.
static TURN: Mutex<()> = Mutex::new(());

/// One of everything that can happen.
fn history() {
    let clock = ManualClock::default();
    let memory = Arc::new(MemoryUsage::with_clock(Arc::new(clock.clone())));
    let store = Arc::new(ScriptedStore::new(memory));
    let (few, many) = (claims(1), claims(6));
    let request = Reserve::new(&few, TTL);
    let name = IdempotencyKey::new("k").unwrap();

    drop(admit(&store, request).unwrap().commit());
    drop(admit(&store, request).unwrap());
    assert!(admit(&store, Reserve::new(&many, TTL)).is_none());
    store.plan(
        Call::Reserve,
        Fault::FailAtOnce(StoreErrorKind::Unavailable),
    );
    assert!(admit(&store, request).is_none());

    let named = request.with_idempotency_key(&name);
    drop(admit(&store, named).unwrap().commit());
    drop(admit(&store, named).unwrap().commit());

    let late = admit(&store, request).unwrap();
    clock.advance(TTL);
    drop(late.commit());

    store.plan(Call::Commit, Fault::FailAtOnce(StoreErrorKind::Unavailable));
    drop(admit(&store, request).unwrap().commit());
    drop(admit(&store, request).unwrap());
}

#[test]
fn metrics_count_each_outcome_and_the_gauge_returns_to_zero() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let figures = Figures::default();
    metrics::with_local_recorder(&figures, history);
    let figures = figures.0.lock().unwrap().clone();
    let expected = [
        ("tiergate_reservations_open{}", 0.0),
        ("tiergate_reservations_total{outcome=admitted}", 6.0),
        ("tiergate_reservations_total{outcome=already_settled}", 1.0),
        ("tiergate_reservations_total{outcome=committed}", 2.0),
        ("tiergate_reservations_total{outcome=expired}", 1.0),
        ("tiergate_reservations_total{outcome=failed}", 1.0),
        ("tiergate_reservations_total{outcome=left_to_expire}", 1.0),
        ("tiergate_reservations_total{outcome=refused}", 1.0),
        ("tiergate_reservations_total{outcome=released}", 2.0),
        ("tiergate_reservations_total{outcome=replayed}", 1.0),
    ];
    let expected: BTreeMap<String, f64> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(figures, expected);
}

#[test]
fn events_have_their_target_and_tell_no_subject() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(lines.clone());
    tracing::subscriber::with_default(subscriber, history);
    let lines = lines.0.lock().unwrap().clone();
    for start in [
        "TRACE tiergate::usage message=reserved event=\"units.reserved\" reservation=",
        "TRACE tiergate::usage message=settled event=\"units.settled\" reservation=",
        "DEBUG tiergate::usage message=refused event=\"units.refused\" claim=0 reason=NeverFits used=1",
        "WARN tiergate::usage message=the store could not reserve event=\"store.failed\" error=the usage store is unavailable",
        "WARN tiergate::usage message=released reservations that nobody settled in time event=\"reservations.expired\" reservations=1",
        "WARN tiergate::usage message=settled too late event=\"settling.late\" reservation=",
        "WARN tiergate::usage message=could not settle, left to expire event=\"settling.given_up\" reservation=",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{start} in {lines:#?}"
        );
    }
    assert!(
        lines.iter().all(|line| line.contains(" tiergate::usage ")),
        "{lines:#?}"
    );
    assert!(
        lines.iter().all(|line| !line.contains("secret-id")),
        "{lines:#?}"
    );
}
