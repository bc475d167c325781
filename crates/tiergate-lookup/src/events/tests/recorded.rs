use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Keeps the last value of every series, and the sum of counters and histograms' samples.
#[derive(Clone, Default)]
pub(crate) struct Series(Arc<Mutex<BTreeMap<String, f64>>>);

struct One {
    name: String,
    series: Series,
}

impl Series {
    /// Every series with its value.
    pub(crate) fn seen(&self) -> BTreeMap<String, f64> {
        self.0.lock().unwrap().clone()
    }

    fn one(&self, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(One {
            name: format!("{}{{{}}}", key.name(), labels.join(",")),
            series: self.clone(),
        })
    }
}

impl One {
    fn change(&self, change: impl FnOnce(&mut f64)) {
        change(
            self.series
                .0
                .lock()
                .unwrap()
                .entry(self.name.clone())
                .or_default(),
        );
    }
}

impl CounterFn for One {
    fn increment(&self, by: u64) {
        self.change(|value| *value += by as f64);
    }

    fn absolute(&self, to: u64) {
        self.change(|value| *value = to as f64);
    }
}

impl GaugeFn for One {
    fn increment(&self, by: f64) {
        self.change(|value| *value += by);
    }

    fn decrement(&self, by: f64) {
        self.change(|value| *value -= by);
    }

    fn set(&self, to: f64) {
        self.change(|value| *value = to);
    }
}

impl HistogramFn for One {
    fn record(&self, _: f64) {
        self.change(|samples| *samples += 1.0);
    }
}

impl Recorder for Series {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

#[test]
fn the_metrics_are_those_that_are_documented_and_their_labels_are_bounded() {
    let series = Series::default();
    metrics::with_local_recorder(&series, || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(super::everything());
    });
    let seen = series.seen();
    let expected = [
        ("tiergate_cache_age_seconds{}", 2.0),
        ("tiergate_cache_discarded_total{}", 1.0),
        ("tiergate_cache_refreshes_skipped_total{}", 1.0),
        ("tiergate_cache_requests_total{result=miss}", 24.0),
        ("tiergate_cache_requests_total{result=stale}", 2.0),
        ("tiergate_cache_revalidations_total{}", 1.0),
        ("tiergate_circuit_open{}", 0.0),
        ("tiergate_lookup_seconds{}", 24.0),
        ("tiergate_lookups_total{outcome=interrupted}", 1.0),
        ("tiergate_lookups_total{outcome=missing}", 2.0),
        ("tiergate_lookups_total{outcome=timed_out}", 1.0),
        ("tiergate_lookups_total{outcome=unavailable}", 1.0),
        ("tiergate_lookups_total{outcome=unreachable}", 19.0),
    ];
    let counted: Vec<_> = seen
        .iter()
        .filter(|(name, _)| *name != "tiergate_cache_entries{}")
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(counted, expected);
    assert!(seen.contains_key("tiergate_cache_entries{}"));
    for name in seen.keys() {
        let name = &name[..name.find('{').unwrap()];
        assert!(
            include_str!("../../events.rs").contains(&format!("| `{name}` |")),
            "{name}"
        );
    }
}
