//! Thresholds of a limit are told of once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiergate_usage::MemoryUsage;

use super::support::{CALLS, FLOWS, STORAGE, by, ok_app, seconds, send};
use crate::gate::{ThresholdReached, Thresholds};
use crate::testing::{Clock, TestGate, platform_catalog};

type Told = Arc<Mutex<Vec<(String, u8)>>>;

/// Replicas that share a store, and what they tell.
fn replicas(number: usize) -> (Vec<TestGate>, Told) {
    let told = Told::default();
    let clock = Clock::default();
    let store = Arc::new(MemoryUsage::with_clock(Arc::new(clock)));
    let replica = |_| {
        let (told, store) = (Arc::clone(&told), Arc::clone(&store));
        let gate = TestGate::configured(platform_catalog(), move |builder| {
            let listener = move |reached: &ThresholdReached| {
                let one = (reached.feature.to_string(), reached.percent);
                told.lock().unwrap().push(one);
            };
            builder.usage(store).alerts(Thresholds::default(), listener)
        });
        gate.user("ada", "pro").user("bob", "pro")
    };
    ((0..number).map(replica).collect(), told)
}

/// Alerts are told in a task of their own.
async fn settled(told: &Told) -> Vec<(String, u8)> {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    told.sort();
    told
}

fn percents(told: &[(String, u8)]) -> Vec<u8> {
    told.iter().map(|(_, percent)| *percent).collect()
}

#[tokio::test]
async fn each_threshold_is_told_once_whichever_replica_sees_it() {
    let (gates, told) = replicas(3);
    let apps: Vec<_> = gates
        .iter()
        .map(|test| ok_app(&test.gate().check_usage_limit(FLOWS).unwrap().cost(100)))
        .collect();
    let mut all = Vec::new();
    for request in 0..10 {
        send(&apps[request % 3], by("ada")).await;
        all.extend(percents(&settled(&told).await));
        let expected: &[u8] = match request {
            0..=3 => &[],
            4..=6 => &[50],
            7 => &[50, 80],
            8 => &[50, 80, 90],
            _ => &[50, 80, 90, 100],
        };
        assert_eq!(all, expected, "after {} of 1,000", (request + 1) * 100);
    }
    for app in &apps {
        send(app, by("ada")).await;
    }
    assert_eq!(settled(&told).await, []);
}

#[tokio::test]
async fn a_jump_over_several_tells_each() {
    let (gates, told) = replicas(1);
    let layer = gates[0].gate().check_usage_limit(FLOWS).unwrap();
    send(&ok_app(&layer.cost(950)), by("ada")).await;
    assert_eq!(percents(&settled(&told).await), [50, 80, 90]);
}

#[tokio::test]
async fn another_subject_and_the_next_window_have_alerts_of_their_own() {
    let (gates, told) = replicas(2);
    let app = |test: &TestGate| ok_app(&test.gate().check_usage_limit(FLOWS).unwrap().cost(500));
    send(&app(&gates[0]), by("ada")).await;
    assert_eq!(percents(&settled(&told).await), [50]);
    send(&app(&gates[1]), by("bob")).await;
    assert_eq!(percents(&settled(&told).await), [50]);
    for test in &gates {
        test.clock().advance(Duration::from_secs(40 * 86_400));
    }
    send(&app(&gates[1]), by("ada")).await;
    assert_eq!(percents(&settled(&told).await), [50]);
}

#[tokio::test]
async fn a_gauge_is_told_of_once_a_day_and_a_rate_never() {
    let (gates, told) = replicas(1);
    let gate = gates[0].gate();
    let storage = ok_app(&gate.check_usage_limit(STORAGE).unwrap().cost(20));
    send(&storage, by("ada")).await;
    assert_eq!(settled(&told).await, []);
    send(&storage, by("ada")).await;
    assert_eq!(percents(&settled(&told).await), [50, 80]);
    gate.lower(&crate::Subject::user("ada"), STORAGE, 20)
        .await
        .unwrap();
    send(&storage, by("ada")).await;
    assert_eq!(settled(&told).await, [], "the same day");
    gates[0].clock().advance(seconds(86_400));
    gate.lower(&crate::Subject::user("ada"), STORAGE, 20)
        .await
        .unwrap();
    send(&storage, by("ada")).await;
    assert_eq!(percents(&settled(&told).await), [50, 80]);

    let calls = ok_app(&gate.check_usage_limit(CALLS).unwrap().cost(119));
    send(&calls, by("ada")).await;
    assert_eq!(settled(&told).await, []);
}
