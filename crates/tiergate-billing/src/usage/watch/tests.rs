//! What is told of thresholds, on real databases.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tiergate_core::{Catalog, Subject};

use crate::auth::Role;
use crate::database::on;
use crate::record::{OverrideRecord, SubscriptionRecord, Time};
use crate::table::{outbox, overrides, subscriptions};
use crate::testing::{Office, operator};
use crate::usage::{self, Submission, Thresholds};
use crate::{Billing, SubscriptionId};

/// The catalog that comes with tiergate, with limits on mails a day and a month.
fn catalog() -> Catalog {
    let mut text = include_str!("../../../feature-flags.yaml").to_owned();
    for (key, period, free) in [("mails_daily", "day", 10), ("mails_monthly", "month", 40)] {
        let tiers = [
            "pro",
            "max",
            "premium",
            "team_small",
            "team_growing",
            "team_scale",
            "enterprise",
        ];
        let others = tiers.map(|tier| format!("{tier}: unlimited"));
        text.push_str(&format!(
            "\n  {key}:\n    name: Mails per {period}\n    category: service\n    kind: limit\n    \
             metric: email_sends\n    counted: quota per {period}\n    \
             tiers: {{ free: {free}, {} }}\n",
            others.join(", ")
        ));
    }
    Catalog::from_yaml(&text).unwrap()
}

async fn offices() -> Vec<Office> {
    let offices = Office::each().await;
    for office in &offices {
        office.billing.replace_catalog(catalog()).unwrap();
    }
    offices
}

async fn subscribe(office: &Office, owner: &str, tier: &str) -> SubscriptionId {
    let now = office.billing.now().into();
    let at = |text: &str| Some(Time(text.parse().unwrap()));
    let record = SubscriptionRecord {
        current_period_start: at("2025-12-15T00:00:00Z"),
        current_period_end: at("2026-01-15T00:00:00Z"),
        ..SubscriptionRecord::none(&Subject::user(owner), tier, now)
    };
    let mut write = office.billing.database().write().await.unwrap();
    let record = subscriptions::insert(&mut write, record).await.unwrap();
    write.commit().await.unwrap();
    record.id.unwrap()
}

async fn give(office: &Office, id: SubscriptionId, feature: &str, value: Value, until: &str) {
    let record = OverrideRecord {
        feature_key: feature.to_owned(),
        value,
        expires_at: Some(Time(until.parse().unwrap())),
        reason: "a test".to_owned(),
        created_by: "test".to_owned(),
        created_at: office.billing.now().into(),
    };
    let mut write = office.billing.database().write().await.unwrap();
    overrides::put(&mut write, id, &record).await.unwrap();
    write.commit().await.unwrap();
}

fn one(key: &str, metric: &str, quantity: i64) -> Value {
    json!({ "idempotencyKey": key, "userId": "ada", "metric": metric, "quantity": quantity })
}

fn earlier(mut record: Value, at: &str) -> Value {
    record["occurredAt"] = json!(at);
    record
}

async fn send(billing: &Billing, office: &Office, records: Value) {
    let meter = operator("meter", Role::Service);
    let records: Vec<Submission> = serde_json::from_value(records).unwrap();
    let context = office.context(&meter);
    usage::record(billing, &meter, &context, records)
        .await
        .unwrap();
}

async fn record(office: &Office, records: Value) {
    send(&office.billing, office, records).await;
}

/// What was told of thresholds, in order.
async fn events(office: &Office) -> Vec<outbox::Stored> {
    let mut read = office.billing.database().read().await.unwrap();
    let mut events = outbox::after(&mut read, 0, 100_000).await.unwrap();
    events.retain(|event| event.kind == "usage.threshold_reached");
    events
}

/// The same in short: feature, threshold and what is used.
async fn told(office: &Office) -> Vec<(String, u64, i64)> {
    let told = events(office).await.into_iter().map(|event| {
        let payload = event.payload;
        (
            payload["feature"].as_str().unwrap().to_owned(),
            payload["threshold"].as_u64().unwrap(),
            payload["used"].as_i64().unwrap(),
        )
    });
    told.collect()
}

fn of(feature: &str, told: &[(u64, i64)]) -> Vec<(String, u64, i64)> {
    let told = told.iter();
    told.map(|(threshold, used)| (feature.to_owned(), *threshold, *used))
        .collect()
}

async fn run(office: &Office, statement: &'static str) {
    let mut write = office.billing.database().write().await.unwrap();
    on!(&mut write, connection => sqlx::query(statement)
        .execute(connection)
        .await
        .unwrap()
        .rows_affected());
    write.commit().await.unwrap();
}

#[tokio::test]
async fn every_threshold_that_a_batch_passes_is_told_once() {
    for office in offices().await {
        let id = subscribe(&office, "ada", "pro").await;
        let sms = |key: &str, quantity: i64| one(key, "sms_messages", quantity);
        record(&office, json!([sms("a", 49)])).await;
        assert_eq!(told(&office).await, []);
        record(&office, json!([sms("b", 1), sms("c", 29), sms("b", 1)])).await;
        let first = of("sms_messages", &[(50, 79)]);
        assert_eq!(told(&office).await, first);
        // What came before does not count again, and what is refused does not at all.
        record(&office, json!([sms("c", 29), sms("a", 49), sms("d", -1)])).await;
        assert_eq!(told(&office).await, first);
        record(&office, json!([sms("e", 500), sms("e", 500)])).await;
        let all = of(
            "sms_messages",
            &[(50, 79), (80, 579), (90, 579), (100, 579)],
        );
        assert_eq!(told(&office).await, all);
        record(&office, json!([sms("f", 500)])).await;
        assert_eq!(told(&office).await, all);

        let events = events(&office).await;
        assert_eq!(events[0].subject, Some(Subject::user("ada")));
        assert_eq!(
            events[0].payload,
            json!({
                "subject": { "userId": "ada", "organizationId": null },
                "subscriptionId": id, "feature": "sms_messages", "metric": "sms_messages",
                "threshold": 50, "limit": 100, "used": 79,
                "windowStart": "2025-12-15T00:00:00Z", "windowEnd": "2026-01-15T00:00:00Z",
            })
        );
    }
}

#[tokio::test]
async fn a_late_record_counts_in_its_own_window() {
    for office in offices().await {
        subscribe(&office, "ada", "pro").await;
        let at = "2026-01-20T00:00:00Z".parse().unwrap();
        office.clock.set_wall_clock(at);
        let sms = |key: &str, quantity: i64| one(key, "sms_messages", quantity);
        let before = "2026-01-14T23:59:59Z";
        record(
            &office,
            json!([earlier(sms("a", 45), before), sms("b", 45)]),
        )
        .await;
        assert_eq!(told(&office).await, []);
        record(&office, json!([earlier(sms("c", 5), before)])).await;
        let events = events(&office).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].payload["windowEnd"], "2026-01-15T00:00:00Z");
        record(&office, json!([sms("d", 5)])).await;
        assert_eq!(
            told(&office).await,
            of("sms_messages", &[(50, 50), (50, 50)])
        );
    }
}

#[tokio::test]
async fn limits_on_one_metric_count_in_their_own_windows() {
    for office in offices().await {
        subscribe(&office, "ada", "free").await;
        let mail = |key: &str, quantity: i64| one(key, "email_sends", quantity);
        record(&office, json!([mail("a", 9)])).await;
        let mut expected = of("mails_daily", &[(50, 9), (80, 9), (90, 9)]);
        assert_eq!(told(&office).await, expected);
        for (day, used) in [(2, 18), (3, 27)] {
            office.clock.advance(Duration::from_secs(86_400));
            record(&office, json!([mail(&format!("day-{day}"), 9)])).await;
            expected.extend(of("mails_daily", &[(50, 9), (80, 9), (90, 9)]));
            if used >= 20 {
                expected.extend(of("mails_monthly", &[(50, used)]));
            }
        }
        let mut told = told(&office).await;
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn the_limit_is_what_the_subscription_has_then() {
    for office in offices().await {
        let id = subscribe(&office, "ada", "pro").await;
        let sms = |key: &str, quantity: i64| one(key, "sms_messages", quantity);
        give(
            &office,
            id,
            "sms_messages",
            json!(10),
            "2026-01-02T00:00:00Z",
        )
        .await;
        record(&office, json!([sms("a", 5)])).await;
        let mut expected = of("sms_messages", &[(50, 5)]);
        assert_eq!(told(&office).await, expected);
        let later = "2026-02-01T00:00:00Z";
        give(&office, id, "sms_messages", json!("unlimited"), later).await;
        record(&office, json!([sms("b", 70)])).await;
        assert_eq!(told(&office).await, expected);
        // Half of it was told in this window, if of another limit.
        give(&office, id, "sms_messages", json!(150), later).await;
        record(&office, json!([sms("c", 60)])).await;
        expected.extend(of("sms_messages", &[(80, 135), (90, 135)]));
        assert_eq!(told(&office).await, expected);
        give(&office, id, "sms_messages", json!(0), later).await;
        record(&office, json!([sms("d", 1)])).await;
        assert_eq!(told(&office).await, expected);
    }
}

#[tokio::test]
async fn what_is_not_bounded_or_not_counted_reaches_nothing() {
    for office in offices().await {
        subscribe(&office, "ada", "premium").await;
        let many = 1_000_000_000;
        record(
            &office,
            json!([
                one("unlimited", "storage", many),
                one("a rate", "api_calls", many),
                one("no limit", "payment_transactions", many),
            ]),
        )
        .await;
        subscribe(&office, "bob", "free").await;
        let zero = json!({
            "idempotencyKey": "a", "userId": "bob", "metric": "sms_messages", "quantity": many,
        });
        record(&office, json!([zero])).await;
        assert_eq!(told(&office).await, []);
    }
}

#[tokio::test]
async fn a_level_is_told_each_time_it_rises_to_a_threshold() {
    for office in offices().await {
        subscribe(&office, "ada", "pro").await;
        let storage = |key: &str, quantity: i64| one(key, "storage", quantity);
        let reached = |told: &[(u64, i64)]| of("storage_limit_gb", told);
        record(&office, json!([storage("a", 26)])).await;
        record(&office, json!([storage("b", -2)])).await;
        assert_eq!(told(&office).await, reached(&[(50, 26)]));
        record(&office, json!([storage("c", 1)])).await;
        assert_eq!(told(&office).await, reached(&[(50, 26), (50, 25)]));
        // Up and down again within one batch is not up; and nothing is told twice for being sent twice.
        record(
            &office,
            json!([storage("d", 40), storage("e", -40), storage("c", 1)]),
        )
        .await;
        assert_eq!(told(&office).await, reached(&[(50, 26), (50, 25)]));
        let events = events(&office).await;
        assert_eq!(events[0].payload["windowStart"], Value::Null);
    }
}

#[tokio::test]
async fn what_was_recorded_before_there_were_totals_counts() {
    for office in offices().await {
        subscribe(&office, "ada", "pro").await;
        let (late, sms) = ("2025-12-14T12:00:00Z", "sms_messages");
        record(
            &office,
            json!([one("a", sms, 49), earlier(one("b", sms, 30), late)]),
        )
        .await;
        record(&office, json!([one("c", "storage", 20)])).await;
        run(&office, "DELETE FROM usage_running_totals").await;
        record(&office, json!([one("d", sms, 1), one("e", "storage", 5)])).await;
        let mut expected = of(sms, &[(50, 50)]);
        expected.extend(of("storage_limit_gb", &[(50, 25)]));
        assert_eq!(told(&office).await, expected);
        // The window before, of which nothing is known either.
        record(&office, json!([earlier(one("f", sms, 20), late)])).await;
        assert_eq!(told(&office).await.last(), of(sms, &[(50, 50)]).last());
    }
}

#[tokio::test]
async fn without_thresholds_nothing_is_told_and_totals_are_kept_all_the_same() {
    for office in offices().await {
        subscribe(&office, "ada", "pro").await;
        let silent = office.billing.clone().with_thresholds(Thresholds::none());
        let sms = |key: &str, quantity: i64| json!([one(key, "sms_messages", quantity)]);
        send(&silent, &office, sms("a", 60)).await;
        assert_eq!(told(&office).await, []);
        let odd = Thresholds::new([61, 250]).unwrap();
        let other = office.billing.clone().with_thresholds(odd);
        send(&other, &office, sms("b", 190)).await;
        let expected = of("sms_messages", &[(61, 250), (250, 250)]);
        assert_eq!(told(&office).await, expected);
    }
}

/// None of the batches reaches a threshold by what it brings, and all of them together reach each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_at_once_tell_each_threshold_once_between_them() {
    for office in offices().await {
        subscribe(&office, "ada", "pro").await;
        subscribe(&office, "bob", "pro").await;
        for round in 0..8_usize {
            let batches = (0..40_usize).map(|batch| {
                let record = |user: &str, metric: &str, quantity: i64| {
                    json!({
                        "idempotencyKey": format!("{round}-{batch}-{metric}"), "userId": user,
                        "metric": metric, "quantity": quantity,
                    })
                };
                // All limits are 100, so 40 times 3 passes them, and units are percent.
                let mut records = vec![
                    record("ada", "sms_messages", 3),
                    record("bob", "sms_messages", 3),
                    record("ada", "bandwidth", 3),
                ];
                if batch % 2 == 0 {
                    records.reverse();
                }
                let sent = Value::from(records);
                let (billing, context) = (office.billing.clone(), &office);
                // Every batch is sent twice at once.
                async move {
                    tokio::join!(
                        send(&billing, context, sent.clone()),
                        send(&billing, context, sent.clone())
                    )
                }
            });
            futures_util::future::join_all(batches).await;
            let mut times: BTreeMap<_, u64> = BTreeMap::new();
            for event in events(&office).await {
                let key = ["subject", "feature", "threshold", "windowStart"]
                    .map(|name| event.payload[name].to_string());
                *times.entry(key).or_default() += 1;
                let used = event.payload["used"].as_u64().unwrap();
                let mark = event.payload["threshold"].as_u64().unwrap();
                // No step is longer than what one batch brings.
                assert!((mark..mark + 3).contains(&used), "{event:?}");
            }
            assert_eq!(times.len(), 12 * (round + 1), "{times:?}");
            assert!(times.values().all(|times| *times == 1), "{times:?}");
            office.clock.advance(Duration::from_secs(31 * 86_400));
        }
    }
}

/// A record as the oracle sees it: owner, key, day, metric, quantity.
type Plain = (u8, u8, u8, usize, i64);

/// Feature, period and limit.
type Counted = (&'static str, &'static str, i64);

const METRICS: [(&str, &[Counted]); 3] = [
    ("storage", &[("storage_limit_gb", "ever", 5)]),
    ("bandwidth", &[("bandwidth_limit_gb", "month", 10)]),
    (
        "email_sends",
        &[("mails_daily", "day", 10), ("mails_monthly", "month", 40)],
    ),
];

/// What is told of batches, worked out by adding up in a map.
#[derive(Default)]
struct Oracle {
    known: BTreeMap<(u8, u8), ()>,
    totals: BTreeMap<(u8, &'static str, String), i64>,
    told: Vec<(u8, &'static str, String, i64)>,
}

impl Oracle {
    fn take(&mut self, batch: &[Plain]) {
        let before = self.totals.clone();
        for (owner, key, day, metric, quantity) in batch {
            let (metric, limits) = METRICS[*metric];
            if (*quantity < 0 && metric != "storage")
                || self.known.insert((*owner, *key), ()).is_some()
            {
                continue;
            }
            for (feature, period, _) in limits {
                let window = match *period {
                    "ever" => String::new(),
                    "month" => format!("2026-0{}", 1 + day / 31),
                    _ => day.to_string(),
                };
                *self.totals.entry((*owner, feature, window)).or_default() += quantity;
            }
        }
        for ((owner, feature, window), total) in &self.totals {
            let place = (*owner, *feature, window.clone());
            let old = before.get(&place).copied().unwrap_or(0);
            let limits = METRICS.iter().flat_map(|(_, limits)| limits.iter());
            let limit = limits.clone().find(|limit| limit.0 == *feature).unwrap().2;
            for percent in [50, 80, 90, 100] {
                if old * 100 < limit * percent && limit * percent <= total * 100 {
                    self.told.push((*owner, *feature, window.clone(), percent));
                }
            }
        }
    }
}

async fn follow_the_oracle(office: &Office, batches: &[Vec<Plain>]) {
    // A day on which every day of the batches is over, and none too long ago.
    let now = "2026-02-02T12:00:00Z".parse().unwrap();
    office.clock.set_wall_clock(now);
    let mut oracle = Oracle::default();
    for plain in batches {
        let records = plain.iter().map(|(owner, key, day, metric, quantity)| {
            let date = match day {
                0..=30 => format!("2026-01-{:02}", day + 1),
                _ => format!("2026-02-{:02}", day - 30),
            };
            json!({
                "idempotencyKey": format!("k{key}"), "userId": format!("u{owner}"),
                "metric": METRICS[*metric].0, "quantity": quantity,
                "occurredAt": format!("{date}T10:00:00Z"),
            })
        });
        record(office, Value::from_iter(records)).await;
        oracle.take(plain);
    }
    let mut told: Vec<_> = events(office)
        .await
        .into_iter()
        .map(|event| {
            let owner = event.subject.as_ref().unwrap().id()[1..].parse().unwrap();
            let start = event.payload["windowStart"].as_str().unwrap_or_default();
            let feature = event.payload["feature"].as_str().unwrap().to_owned();
            let window = match &*feature {
                "mails_daily" => {
                    let (month, day) = (&start[5..7], &start[8..10]);
                    let day: u8 = day.parse().unwrap();
                    (day - 1 + if month == "02" { 31 } else { 0 }).to_string()
                }
                "storage_limit_gb" => String::new(),
                _ => start[..7].to_owned(),
            };
            let percent = event.payload["threshold"].as_i64().unwrap();
            (owner, feature, window, percent)
        })
        .collect();
    let mut expected: Vec<_> = oracle
        .told
        .into_iter()
        .map(|(owner, feature, window, percent)| (owner, feature.to_owned(), window, percent))
        .collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected, "{batches:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_is_what_a_map_tells(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..2, 0_u8..60, 0_u8..33, 0_usize..3, -2_i64..6), 1..30),
            1..8,
        )
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for office in offices().await {
                follow_the_oracle(&office, &batches).await;
                office.billing.database().close().await;
            }
        });
    }
}
