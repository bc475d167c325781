//! Batches against real databases: SQLite always, PostgreSQL where the tests are told of one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tiergate_core::Subject;

use super::{Submission, UsageSummary};
use crate::auth::{Caller, Role};
use crate::change::IdempotencyKey;
use crate::context::Context;
use crate::database::on;
use crate::record::SubscriptionRecord;
use crate::table::{subscriptions, usage, usage_reports};
use crate::testing::{Office, operator, user};
use crate::{BillingError, SubscriptionId};

fn meter() -> Caller {
    operator("meter", Role::Service)
}

fn batch(records: Value) -> Vec<Submission> {
    serde_json::from_value(records).unwrap()
}

async fn send(office: &Office, records: Value) -> Value {
    let context = office.context(&meter());
    send_with(office, &context, records).await.unwrap()
}

async fn send_with(
    office: &Office,
    context: &Context,
    records: Value,
) -> Result<Value, BillingError> {
    let reply = super::record(&office.billing, &meter(), context, batch(records)).await?;
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    Ok(body["data"].take())
}

fn outcomes(answer: &Value) -> Vec<&str> {
    let records = answer["records"].as_array().unwrap().iter();
    records
        .map(|record| record["outcome"].as_str().unwrap())
        .collect()
}

async fn subscribe(office: &Office, record: SubscriptionRecord) -> SubscriptionId {
    let mut write = office.billing.database().write().await.unwrap();
    let record = subscriptions::insert(&mut write, record).await.unwrap();
    write.commit().await.unwrap();
    record.id.unwrap()
}

fn blank(office: &Office, owner: &Subject, tier: &str) -> SubscriptionRecord {
    SubscriptionRecord::none(owner, tier, office.billing.now().into())
}

async fn summary(office: &Office, id: SubscriptionId) -> UsageSummary {
    super::of_subscription(&office.billing, &meter(), id)
        .await
        .unwrap()
}

async fn used(office: &Office, id: SubscriptionId, metric: &str) -> Option<i64> {
    let summary = summary(office, id).await;
    let mut lines = summary.metrics.iter();
    lines.find(|line| line.metric == metric).unwrap().used
}

async fn count(office: &Office, table: &'static str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let mut read = office.billing.database().read().await.unwrap();
    on!(&mut read, connection => sqlx::query_scalar(statement)
        .fetch_one(connection)
        .await
        .unwrap())
}

#[tokio::test]
async fn each_record_of_a_batch_has_an_outcome_of_its_own() {
    for office in Office::each().await {
        let id = subscribe(&office, blank(&office, &Subject::user("ada"), "pro")).await;
        let record = json!({
            "idempotencyKey": "a", "subscriptionId": id, "userId": "ada",
            "metric": "sms_messages", "quantity": 3,
            "cost": {"amount": 12, "currency": "USD"}, "metadata": {"to": [1e2, 0.1, "x"]},
        });
        let other = |change: fn(&mut Value)| {
            let mut other = record.clone();
            change(&mut other);
            other
        };
        let first = send(
            &office,
            json!([
                record,
                record,
                other(|other| other["quantity"] = json!(4)),
                other(|other| other["metric"] = json!("sms_mesages")),
                other(|other| other["idempotencyKey"] = json!("b")),
                other(
                    |other| other["subscriptionId"] = json!("019b7762-9c00-7000-8000-000000000000")
                ),
            ]),
        )
        .await;
        assert_eq!(
            outcomes(&first),
            [
                "accepted",
                "duplicate",
                "rejected",
                "rejected",
                "accepted",
                "rejected"
            ],
            "{first}"
        );
        assert_eq!(
            [&first["accepted"], &first["duplicates"], &first["rejected"]],
            [2, 1, 3]
        );
        let records = &first["records"];
        assert_eq!(records[0]["id"], records[1]["id"]);
        let reasons = [2, 3, 5].map(|index: usize| records[index]["reason"].as_str().unwrap());
        assert!(
            reasons[0].contains("came with another record"),
            "{reasons:?}"
        );
        assert!(
            reasons[1].contains("did you mean `sms_messages`?"),
            "{reasons:?}"
        );
        assert!(reasons[2].contains("no such subscription"), "{reasons:?}");

        // Later, and beside another that is new.
        office.clock.advance(Duration::from_secs(60));
        let again = send(
            &office,
            json!([
                other(|other| other["idempotencyKey"] = json!("c")),
                record,
                other(|other| other["metadata"] = json!({})),
                other(|other| other["userId"] = Value::Null),
                other(|other| other["cost"] = Value::Null),
                other(|other| other["occurredAt"] = json!("2026-01-01T00:00:00Z")),
                other(|other| other["occurredAt"] = json!("2026-01-01T00:00:01Z")),
            ]),
        )
        .await;
        let expected = [
            "accepted",
            "duplicate",
            "rejected",
            "rejected",
            "rejected",
            "duplicate",
            "rejected",
        ];
        assert_eq!(outcomes(&again), expected, "{again}");
        assert_eq!(again["records"][1]["id"], records[0]["id"]);
        assert_eq!(used(&office, id, "sms_messages").await, Some(9));
    }
}

#[tokio::test]
async fn only_services_and_admins_record_usage() {
    let office = Office::open().await;
    let ada = user("ada");
    let records = json!([
        {"idempotencyKey": "a", "userId": "ada", "metric": "sms_messages", "quantity": 1},
    ]);
    let context = office.context(&ada);
    let refused = super::record(&office.billing, &ada, &context, batch(records)).await;
    assert!(matches!(refused, Err(BillingError::Forbidden(_))));
    assert_eq!(count(&office, "usage_records").await, 0);
}

#[tokio::test]
async fn an_owner_without_a_subscription_gets_one_with_the_first_record_that_counts() {
    for office in Office::each().await {
        let (ada, eagle) = (Subject::user("ada"), Subject::organization("ada"));
        let record = |key: &str, owner: &str, metric: &str| {
            let mut record = json!({"idempotencyKey": key, "metric": metric, "quantity": 1});
            record[owner] = json!("ada");
            record
        };
        let refused = send(&office, json!([record("a", "userId", "tea")])).await;
        assert_eq!(outcomes(&refused), ["rejected"]);
        assert_eq!(count(&office, "subscriptions").await, 0);

        let records = json!([
            record("a", "userId", "email_sends"),
            record("b", "userId", "email_sends"),
            record("a", "organizationId", "email_sends"),
        ]);
        let answer = send(&office, records.clone()).await;
        assert_eq!(outcomes(&answer), ["accepted"; 3], "{answer}");
        assert_eq!(outcomes(&send(&office, records).await), ["duplicate"; 3]);
        assert_eq!(count(&office, "subscriptions").await, 2);
        // The change is told and written down like any other.
        assert_eq!(count(&office, "outbox").await, 2);
        assert_eq!(count(&office, "audit_log").await, 2);
        for (owner, total) in [(ada, 2), (eagle, 1)] {
            let mut read = office.billing.database().read().await.unwrap();
            let row = subscriptions::live_of(&mut read, &owner).await.unwrap();
            let row = row.unwrap();
            assert_eq!(
                (&*row.tier, &*row.status, row.version),
                ("free", "active", 1)
            );
            assert_eq!(
                used(&office, row.id.unwrap(), "email_sends").await,
                Some(total)
            );
        }
    }
}

#[tokio::test]
async fn usage_counts_for_the_subscription_that_an_owner_has() {
    for office in Office::each().await {
        let ada = Subject::user("ada");
        let at = |text: &str| Some(crate::record::Time(text.parse().unwrap()));
        let canceled = |ends: &str| SubscriptionRecord {
            status: "canceled".to_owned(),
            cancel_at_period_end: true,
            current_period_start: at("2025-12-31T00:00:00Z"),
            current_period_end: at(ends),
            ..blank(&office, &ada, "pro")
        };
        subscribe(&office, canceled("2026-01-01T00:00:00Z")).await;
        office.clock.advance(Duration::from_secs(1));
        let paid = subscribe(&office, canceled("2026-01-31T00:00:00Z")).await;
        let record = |key: &str| json!([{"idempotencyKey": key, "userId": "ada", "metric": "email_sends", "quantity": 1}]);
        send(&office, record("a")).await;
        assert_eq!(used(&office, paid, "email_sends").await, Some(1));
        assert_eq!(count(&office, "subscriptions").await, 2);

        let live = subscribe(&office, blank(&office, &ada, "free")).await;
        send(&office, record("b")).await;
        assert_eq!(used(&office, live, "email_sends").await, Some(1));
        assert_eq!(used(&office, paid, "email_sends").await, Some(1));
        assert_eq!(count(&office, "subscriptions").await, 3);
    }
}

#[tokio::test]
async fn a_record_is_placed_in_its_period_and_month() {
    for office in Office::each().await {
        let at = |text: &str| crate::record::Time(text.parse().unwrap());
        let id = subscribe(
            &office,
            SubscriptionRecord {
                current_period_start: Some(at("2025-12-31T10:00:00Z")),
                current_period_end: Some(at("2026-01-31T10:00:00Z")),
                ..blank(&office, &Subject::user("ada"), "pro")
            },
        )
        .await;
        office
            .clock
            .set_wall_clock("2026-02-01T00:00:00Z".parse().unwrap());
        let record = |key: &str, at: &str| {
            json!({
                "idempotencyKey": key, "subscriptionId": id, "metric": "bandwidth",
                "quantity": 5, "unit": "GB", "occurredAt": at,
            })
        };
        send(
            &office,
            json!([
                record("before", "2026-01-31T09:59:59.999999Z"),
                record("after", "2026-01-31T10:00:00Z"),
            ]),
        )
        .await;
        let mut read = office.billing.database().read().await.unwrap();
        let mut stored = usage::by_keys(&mut read, &[(id, "before"), (id, "after"), (id, "none")])
            .await
            .unwrap();
        stored.sort_by_key(|record| record.occurred_at);
        let placed: Vec<_> = stored
            .iter()
            .map(|record| {
                (
                    record.period_start,
                    record.period_end,
                    &*record.billing_month,
                )
            })
            .collect();
        let boundary = at("2026-01-31T10:00:00Z");
        assert_eq!(
            placed,
            [
                (at("2025-12-31T10:00:00Z"), boundary, "2026-01"),
                (boundary, at("2026-02-28T10:00:00Z"), "2026-01"),
            ]
        );
        assert_eq!(stored[0].unit.as_deref(), Some("GB"));
        // Only what happened in the current period counts in it.
        assert_eq!(used(&office, id, "bandwidth").await, Some(5));
    }
}

#[tokio::test]
async fn a_summary_shows_each_limit_in_its_own_window() {
    for office in Office::each().await {
        let id = subscribe(&office, blank(&office, &Subject::user("ada"), "pro")).await;
        let record = |key: &str, metric: &str, quantity: i64| json!({"idempotencyKey": key, "userId": "ada", "metric": metric, "quantity": quantity});
        send(
            &office,
            json!([
                record("a", "storage", 40),
                record("b", "storage", -10),
                record("c", "sms_messages", 130),
                record("d", "api_calls", 7),
                record("e", "email_sends", 2),
            ]),
        )
        .await;
        office
            .clock
            .set_wall_clock("2026-01-20T00:00:00Z".parse().unwrap());
        let shown = |summary: &UsageSummary, metric: &str| {
            let mut lines = summary.metrics.iter();
            let line = lines.find(|line| line.metric == metric).unwrap();
            json!([line.used, line.limit, line.remaining, line.resets_at])
        };
        let january = summary(&office, id).await;
        let reset = "2026-02-01T00:00:00Z";
        assert_eq!(shown(&january, "storage"), json!([30, 50, 20, null]));
        assert_eq!(shown(&january, "sms_messages"), json!([130, 100, 0, reset]));
        assert_eq!(shown(&january, "api_calls"), json!([null, 120, null, null]));
        assert_eq!(
            shown(&january, "email_sends"),
            json!([2, null, null, reset])
        );

        office
            .clock
            .set_wall_clock("2026-02-01T00:00:00Z".parse().unwrap());
        let february = summary(&office, id).await;
        assert_eq!(shown(&february, "storage"), json!([30, 50, 20, null]));
        let reset = "2026-03-01T00:00:00Z";
        assert_eq!(
            shown(&february, "sms_messages"),
            json!([0, 100, 100, reset])
        );

        let other = super::of_subscription(&office.billing, &user("eve"), id).await;
        assert!(matches!(other, Err(BillingError::NotFound(_))));
    }
}

#[tokio::test]
async fn a_batch_that_is_sent_again_under_its_key_is_answered_the_same() {
    let office = Office::open().await;
    let context = Context {
        idempotency: Some(IdempotencyKey {
            scope: "service:meter POST /api/usage".to_owned(),
            key: "batch".to_owned(),
            fingerprint: vec![1],
        }),
        ..office.context(&meter())
    };
    let records = json!([
        {"idempotencyKey": "a", "userId": "ada", "metric": "email_sends", "quantity": 1},
    ]);
    let first = send_with(&office, &context, records.clone()).await.unwrap();
    let again = send_with(&office, &context, records).await.unwrap();
    assert_eq!(outcomes(&again), ["accepted"]);
    assert_eq!(first, again);
    assert_eq!(count(&office, "usage_records").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_at_once_count_each_record_once() {
    for office in Office::each().await {
        // Every batch has the same records, in another order, for owners whom nobody knows yet.
        let sends = (0..8).map(|turn: usize| {
            let mut records: Vec<_> = (0..120)
                .map(|index| {
                    json!({
                        "idempotencyKey": format!("k{index}"),
                        "organizationId": format!("o{}", index % 7),
                        "metric": "workflow_executions",
                        "quantity": index + 1,
                    })
                })
                .collect();
            records.rotate_left(turn * 17 % 120);
            if turn % 2 == 1 {
                records.reverse();
            }
            send(&office, Value::from(records))
        });
        let answers = futures_util::future::join_all(sends).await;
        let total = |field: &str| -> i64 {
            let counts = answers.iter().map(|answer| answer[field].as_i64().unwrap());
            counts.sum()
        };
        assert_eq!(
            (total("accepted"), total("duplicates"), total("rejected")),
            (120, 840, 0)
        );
        assert_eq!(count(&office, "subscriptions").await, 7);
        assert_eq!(count(&office, "usage_records").await, 120);
        let mut read = office.billing.database().read().await.unwrap();
        let month = "2026-01".parse().unwrap();
        let by_metric = usage_reports::usage_by_metric(&mut read, month)
            .await
            .unwrap();
        assert_eq!(by_metric.len(), 1);
        assert_eq!(
            (
                by_metric[0].quantity,
                by_metric[0].records,
                by_metric[0].subscriptions
            ),
            (120 * 121 / 2, 120, 7)
        );
        let top = usage_reports::top_owners(&mut read, "workflow_executions", month, 3)
            .await
            .unwrap();
        // Of o0: 1 + 8 + … + 120, 18 records; of o6: 7 + 14 + … + 119, 17 of them.
        let of = |first: i64| (first..=120).step_by(7).sum::<i64>();
        let owners: Vec<_> = top
            .iter()
            .map(|top| (top.owner.to_string(), top.quantity))
            .collect();
        let expected = [("o0", of(1)), ("o6", of(7)), ("o5", of(6))];
        assert_eq!(
            owners,
            expected.map(|(owner, sum)| (format!("organization:{owner}"), sum))
        );
    }
}

/// A record as the oracle sees it: owner, key, metric, quantity.
type Plain = (u8, u8, usize, i64);

const METRICS: [&str; 3] = ["storage", "email_sends", "sms_messages"];

/// What batches come to, told by a map: the first record of a key counts, if it is right.
#[derive(Default)]
struct Oracle {
    known: HashMap<(u8, u8), (usize, i64)>,
    totals: BTreeMap<(u8, usize), i64>,
}

impl Oracle {
    fn take(&mut self, (owner, key, metric, quantity): Plain) -> &'static str {
        if quantity < 0 && METRICS[metric] != "storage" {
            return "rejected";
        }
        match self.known.get(&(owner, key)) {
            Some(known) if *known == (metric, quantity) => "duplicate",
            Some(_) => "rejected",
            None => {
                self.known.insert((owner, key), (metric, quantity));
                *self.totals.entry((owner, metric)).or_default() += quantity;
                "accepted"
            }
        }
    }
}

async fn follow_the_oracle(office: &Office, batches: &[Vec<Plain>]) {
    let mut oracle = Oracle::default();
    for plain in batches {
        let records: Vec<_> = plain
            .iter()
            .map(|(owner, key, metric, quantity)| {
                json!({
                    "idempotencyKey": format!("k{key}"), "userId": format!("u{owner}"),
                    "metric": METRICS[*metric], "quantity": quantity,
                })
            })
            .collect();
        let answer = send(office, Value::from(records)).await;
        let expected: Vec<_> = plain.iter().map(|plain| oracle.take(*plain)).collect();
        assert_eq!(outcomes(&answer), expected, "{plain:?}");
    }
    for owner in 0..3 {
        let subject = Subject::user(format!("u{owner}"));
        let mut read = office.billing.database().read().await.unwrap();
        let row = subscriptions::live_of(&mut read, &subject).await.unwrap();
        drop(read);
        for (metric, key) in METRICS.iter().enumerate() {
            let total = oracle.totals.get(&(owner, metric)).copied();
            match &row {
                Some(row) => {
                    let used = used(office, row.id.unwrap(), key).await;
                    assert_eq!(used, Some(total.unwrap_or(0)), "{owner} {key}");
                }
                None => assert_eq!(total, None, "{owner} {key}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_those_of_a_map(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..3, 0_u8..12, 0_usize..3, -1_i64..3), 1..40),
            1..6,
        )
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for office in Office::each().await {
                follow_the_oracle(&office, &batches).await;
                office.billing.database().close().await;
            }
        });
    }
}
