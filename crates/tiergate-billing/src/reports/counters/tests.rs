//! Counters of a store in memory against records in real databases.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tiergate_core::Limit;
use tiergate_usage::{Adjustment, Lease, LeaseId, MemoryUsage};

use super::*;
use crate::Context;
use crate::auth::Role;
use crate::record::{OverrideRecord, SubscriptionRecord};
use crate::table::audit_search::{self, AuditQuery};
use crate::table::{overrides, subscriptions};
use crate::testing::{Office, operator};
use crate::usage::{self, Submission};

const SETTLING: Duration = Duration::from_secs(15 * 60);

/// An office with two owners and what they used, long enough ago to be settled.
struct Bench {
    office: Office,
    store: MemoryUsage,
}

impl Bench {
    async fn each() -> Vec<Self> {
        let mut benches = Vec::new();
        for office in Office::each().await {
            let at = |text: &str| Some(Time(text.parse().unwrap()));
            for (owner, tier) in [
                (Subject::user("ada"), "pro"),
                (Subject::organization("ada"), "team_small"),
            ] {
                let now = office.billing.now().into();
                let record = SubscriptionRecord {
                    current_period_start: at("2025-12-15T00:00:00Z"),
                    current_period_end: at("2026-01-15T00:00:00Z"),
                    ..SubscriptionRecord::none(&owner, tier, now)
                };
                let mut write = office.billing.database().write().await.unwrap();
                let record = subscriptions::insert(&mut write, record).await.unwrap();
                let given = OverrideRecord {
                    feature_key: "sms_messages".to_owned(),
                    value: json!(7),
                    expires_at: None,
                    reason: "a test".to_owned(),
                    created_by: "test".to_owned(),
                    created_at: now,
                };
                let id = record.id.unwrap();
                overrides::put(&mut write, id, &given).await.unwrap();
                write.commit().await.unwrap();
            }
            let bench = Self {
                store: MemoryUsage::with_clock(office.clock.clone()),
                office,
            };
            bench
                .record(json!([
                    {"idempotencyKey": "a", "userId": "ada", "metric": "sms_messages", "quantity": 12},
                    {"idempotencyKey": "b", "userId": "ada", "metric": "storage", "quantity": 40},
                    {"idempotencyKey": "c", "userId": "ada", "metric": "storage", "quantity": -10},
                    {"idempotencyKey": "d", "userId": "bob", "metric": "bandwidth", "quantity": 3},
                    {"idempotencyKey": "e", "organizationId": "ada", "metric": "sms_messages",
                     "quantity": 5},
                    // Of the window before: it counts in no counter that is looked at.
                    {"idempotencyKey": "f", "userId": "ada", "metric": "sms_messages",
                     "quantity": 100, "occurredAt": "2025-12-14T23:59:59Z"},
                    {"idempotencyKey": "g", "userId": "ada", "metric": "api_calls", "quantity": 9},
                ]))
                .await;
            bench.office.clock.advance(SETTLING);
            benches.push(bench);
        }
        benches
    }

    async fn record(&self, records: Value) {
        let meter = operator("meter", Role::Service);
        let records: Vec<Submission> = serde_json::from_value(records).unwrap();
        let context = self.office.context(&meter);
        usage::record(&self.office.billing, &meter, &context, records)
            .await
            .unwrap();
    }

    async fn report(&self) -> CountersReport {
        self.report_of(&Metrics::All).await.unwrap()
    }

    async fn report_of(&self, metrics: &Metrics) -> Result<CountersReport, CountersError> {
        counters(&self.office.billing, &self.store, metrics, SETTLING).await
    }

    async fn rebuild(&self, report: &CountersReport) -> Vec<Rebuilt> {
        let billing = &self.office.billing;
        let context = Context::system("rebuild-counters", billing.now());
        let rebuild = Rebuild::begin(billing, &self.store).await.unwrap();
        let mut outcomes = Vec::new();
        for row in &report.counters {
            let done = rebuild.counter(&context, report, row, SETTLING);
            outcomes.push(done.await.unwrap());
        }
        rebuild.end().await.unwrap();
        outcomes
    }

    /// The same, when everything has settled.
    async fn rebuild_settled(&self, report: &CountersReport) -> Vec<Rebuilt> {
        self.office.clock.advance(SETTLING);
        self.rebuild(report).await
    }

    async fn change(&self, row: &CounterRow, adjustment: Adjustment) {
        self.store.adjust(&row.place.key, adjustment).await.unwrap();
    }

    async fn tally(&self, row: &CounterRow) -> Tally {
        self.store.tally(&row.place.key).await.unwrap()
    }

    async fn entries(&self) -> usize {
        let mut read = self.office.billing.database().read().await.unwrap();
        let query = AuditQuery {
            action: Some("counter.adjusted".to_owned()),
            ..AuditQuery::default()
        };
        let found = audit_search::search(&mut read, &query, Default::default()).await;
        found.unwrap().items.len()
    }
}

/// Whose, of what, and by how much.
fn differences(report: &CountersReport) -> BTreeMap<(String, &str), i64> {
    let rows = report.counters.iter();
    rows.map(|row| {
        let owner = row.place.question.owner.to_string();
        ((owner, row.feature.as_str()), row.difference)
    })
    .collect()
}

fn row<'r>(report: &'r CountersReport, feature: &str) -> &'r CounterRow {
    let mut rows = report.counters.iter();
    rows.find(|row| row.feature == feature && row.user_id.is_some())
        .unwrap()
}

#[tokio::test]
async fn counters_of_a_store_that_lost_all_are_what_the_ledger_says() {
    for bench in Bench::each().await {
        let report = bench.report().await;
        let owner = |text: &str| text.to_owned();
        assert_eq!(
            differences(&report),
            BTreeMap::from([
                ((owner("user:ada"), "sms_messages"), 12),
                ((owner("user:ada"), "storage_limit_gb"), 30),
                ((owner("user:bob"), "bandwidth_limit_gb"), 3),
                ((owner("organization:ada"), "sms_messages"), 5),
            ])
        );
        // Three owners, and every limit that is no rate.
        let catalog = bench.office.billing.catalog();
        let counted = catalog.features().filter(|(_, feature)| {
            matches!(
                feature.kind,
                FeatureKind::Limit {
                    metric: Some(_),
                    meter: Some(Meter::Gauge | Meter::Quota(_)),
                }
            )
        });
        assert_eq!(report.checked, 3 * u64::try_from(counted.count()).unwrap());
        let window = |row: &CounterRow| row.window_end.map(|end| end.to_string());
        assert_eq!(window(row(&report, "storage_limit_gb")), None);
        let end = window(row(&report, "sms_messages"));
        assert_eq!(end.as_deref(), Some("2026-01-15T00:00:00Z"));

        assert_eq!(report.counting, 0);
        // What lowers a level may be on its way.
        let early = bench.rebuild(&report).await;
        for (row, outcome) in report.counters.iter().zip(early) {
            let is_level = row.feature == "storage_limit_gb";
            let raised = u64::try_from(row.difference).unwrap();
            let expected = match is_level {
                true => Rebuilt::TooEarly,
                false => Rebuilt::Raised(raised),
            };
            assert_eq!(outcome, expected, "{row:?}");
        }
        let outcomes = bench.rebuild_settled(&report).await;
        assert!(outcomes.iter().all(|outcome| outcome.is_settled()));
        for row in &report.counters {
            let committed = u64::try_from(row.ledger).unwrap();
            assert_eq!(bench.tally(row).await, Tally::new(committed, 0));
        }
        let again = bench.report().await;
        assert_eq!((again.counters, again.counting), (Vec::new(), 4));
        assert_eq!(bench.entries().await, 4);
        // Once more changes nothing.
        let outcomes = bench.rebuild(&report).await;
        assert_eq!(outcomes, [Rebuilt::InStep; 4]);
        assert_eq!(bench.entries().await, 4);
    }
}

#[tokio::test]
async fn a_counter_that_has_too_much_is_lowered_once_everything_has_settled() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let sms = row(&lost, "sms_messages");
        bench.change(sms, Adjustment::Raise(8)).await;
        let report = bench.report().await;
        let ahead = (String::from("user:ada"), "sms_messages");
        assert_eq!(differences(&report), BTreeMap::from([(ahead, -8)]));
        assert_eq!(bench.rebuild(&report).await, [Rebuilt::TooEarly]);
        bench.office.clock.advance(SETTLING);
        assert_eq!(bench.rebuild(&report).await, [Rebuilt::Lowered(8)]);
        assert_eq!(bench.tally(sms).await, Tally::new(12, 0));
        assert_eq!(bench.report().await.counters, []);
    }
}

#[tokio::test]
async fn of_a_quota_that_is_used_meanwhile_only_what_is_surely_too_much_is_taken_off() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let sms = row(&lost, "sms_messages");
        bench.change(sms, Adjustment::Raise(8)).await;
        let report = bench.report().await;
        // Two more are used: the record of one is there, that of the other is on its way.
        bench.change(sms, Adjustment::Raise(2)).await;
        let new = json!([
            {"idempotencyKey": "new", "userId": "ada", "metric": "sms_messages", "quantity": 1},
        ]);
        bench.record(new).await;
        assert_eq!(
            bench.rebuild_settled(&report).await,
            [Rebuilt::Lowered(7)],
            "the one that came may have been of the eight"
        );
        assert_eq!(bench.tally(sms).await, Tally::new(15, 0));
        // What was on its way comes, and what is left is sure.
        let late = json!([
            {"idempotencyKey": "late", "userId": "ada", "metric": "sms_messages", "quantity": 1},
        ]);
        bench.record(late).await;
        bench.office.clock.advance(SETTLING);
        let report = bench.report().await;
        assert_eq!(bench.rebuild_settled(&report).await, [Rebuilt::Lowered(1)]);
        assert_eq!(bench.tally(sms).await, Tally::new(14, 0));
    }
}

#[tokio::test]
async fn a_surplus_that_turns_out_to_be_usage_on_its_way_is_left() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let sms = row(&lost, "sms_messages");
        bench.change(sms, Adjustment::Raise(8)).await;
        let report = bench.report().await;
        bench.change(sms, Adjustment::Raise(3)).await;
        let late = json!([
            {"idempotencyKey": "late", "userId": "ada", "metric": "sms_messages", "quantity": 8},
        ]);
        bench.record(late).await;
        assert_eq!(bench.rebuild_settled(&report).await, [Rebuilt::Moved]);
        assert_eq!(bench.tally(sms).await, Tally::new(23, 0));
        // Nor is anything taken off twice.
        let report = bench.report().await;
        bench.change(sms, Adjustment::Lower(1)).await;
        assert_eq!(bench.rebuild_settled(&report).await, [Rebuilt::Moved]);
        assert_eq!(bench.tally(sms).await, Tally::new(22, 0));
    }
}

/// A level that has just fallen looks like one that lacks units, until its record comes.
#[tokio::test]
async fn a_level_is_put_right_only_if_it_stands_still() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let storage = row(&lost, "storage_limit_gb");
        bench.change(storage, Adjustment::Lower(4)).await;
        let report = bench.report().await;
        assert_eq!(row(&report, "storage_limit_gb").difference, 4);
        assert_eq!(bench.rebuild(&report).await, [Rebuilt::TooEarly]);
        let late = json!([
            {"idempotencyKey": "late", "userId": "ada", "metric": "storage", "quantity": -3},
        ]);
        bench.record(late).await;
        assert_eq!(bench.rebuild_settled(&report).await, [Rebuilt::Moved]);
        assert_eq!(bench.tally(storage).await, Tally::new(26, 0));
        let report = bench.report().await;
        assert_eq!(bench.rebuild_settled(&report).await, [Rebuilt::Raised(1)]);
        bench.change(storage, Adjustment::Raise(9)).await;
        let report = bench.report().await;
        assert_eq!(bench.rebuild_settled(&report).await, [Rebuilt::Lowered(9)]);
        assert_eq!(bench.tally(storage).await, Tally::new(27, 0));
    }
}

#[tokio::test]
async fn a_level_that_has_just_been_recorded_is_no_difference() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let storage = row(&lost, "storage_limit_gb");
        let new = json!([
            {"idempotencyKey": "new", "userId": "ada", "metric": "storage", "quantity": 6},
        ]);
        bench.record(new).await;
        // Six more, and five of them gone again, of which there is no record yet.
        bench.change(storage, Adjustment::Raise(1)).await;
        let report = bench.report().await;
        assert_eq!((report.settling, report.counters.len()), (1, 0));
    }
}

#[tokio::test]
async fn one_at_a_time_rebuilds_a_store() {
    for bench in Bench::each().await {
        let billing = &bench.office.billing;
        let first = Rebuild::begin(billing, &bench.store).await.unwrap();
        let second = Rebuild::begin(billing, &bench.store).await;
        assert!(matches!(second, Err(CountersError::RebuiltElsewhere)));
        first.end().await.unwrap();

        // One that is never heard of again.
        let lost = Rebuild::begin(billing, &bench.store).await.unwrap();
        bench.office.clock.advance(rebuild::RIGHT_FOR);
        let report = bench.report().await;
        let next = Rebuild::begin(billing, &bench.store).await.unwrap();
        let context = Context::system("rebuild-counters", billing.now());
        let row = row(&report, "sms_messages");
        let late = lost.counter(&context, &report, row, SETTLING).await;
        assert!(matches!(late, Err(CountersError::RightLost)));
        assert_eq!(bench.tally(row).await, Tally::default());
        let done = next.counter(&context, &report, row, SETTLING).await;
        assert_eq!(done.unwrap(), Rebuilt::Raised(12));
    }
}

#[tokio::test]
async fn only_the_metrics_that_are_named_are_compared() {
    for bench in Bench::each().await {
        let all = bench.report().await;
        let only = |key: &str| Metrics::Only([key.to_owned()].into());
        let report = bench.report_of(&only("sms_messages")).await.unwrap();
        assert_eq!(report.checked, 3);
        let of_sms = all
            .counters
            .iter()
            .filter(|row| row.metric == "sms_messages");
        assert_eq!(report.counters, of_sms.cloned().collect::<Vec<_>>());
        // A rate is no counter, and a metric that nobody counts none either.
        for odd in ["api_calls", "pigeons", ""] {
            let fault = bench.report_of(&only(odd)).await.unwrap_err().to_string();
            assert!(fault.contains("sms_messages, storage"), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_counter_ahead_of_a_ledger_that_still_grows_is_no_difference() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let sms = row(&lost, "sms_messages");
        bench.change(sms, Adjustment::Raise(8)).await;
        let new = json!([
            {"idempotencyKey": "new", "userId": "ada", "metric": "sms_messages", "quantity": 2},
        ]);
        bench.record(new).await;
        let report = bench.report().await;
        assert_eq!((report.settling, report.counters.len()), (1, 0));
        bench.office.clock.advance(SETTLING);
        let report = bench.report().await;
        assert_eq!((report.settling, report.counters.len()), (0, 1));
        assert_eq!(report.counters[0].difference, -6);
    }
}

#[tokio::test]
async fn what_is_committed_between_report_and_rebuild_is_kept() {
    for bench in Bench::each().await {
        let report = bench.report().await;
        let sms = row(&report, "sms_messages");
        bench.change(sms, Adjustment::Raise(5)).await;
        let new = json!([
            {"idempotencyKey": "new", "userId": "ada", "metric": "sms_messages", "quantity": 5},
        ]);
        bench.record(new).await;
        bench.rebuild(&report).await;
        assert_eq!(bench.tally(sms).await, Tally::new(17, 0));
    }
}

#[tokio::test]
async fn open_units_may_be_in_the_ledger_or_not() {
    for bench in Bench::each().await {
        let report = bench.report().await;
        let sms = row(&report, "sms_messages");
        let lease = |number, units| Lease {
            key: &sms.place.key,
            id: LeaseId::from_u128(number),
            units,
            kept: 0,
            limit: Limit::Unlimited,
            ttl: Duration::from_secs(3_600),
        };
        bench.store.lease(lease(1, 10)).await.unwrap();
        let again = bench.report().await;
        assert_eq!(row(&again, "sms_messages").difference, 2);
        bench.store.lease(lease(2, 90)).await.unwrap();
        let again = bench.report().await;
        assert_eq!(again.counters.len(), report.counters.len() - 1);
    }
}

#[tokio::test]
async fn a_new_window_begins_in_step() {
    for bench in Bench::each().await {
        let lost = bench.report().await;
        bench.rebuild_settled(&lost).await;
        let next = "2026-02-15T00:00:00Z".parse().unwrap();
        bench.office.clock.set_wall_clock(next);
        let report = bench.report().await;
        assert_eq!(report.counters, []);
        let late = json!([
            {"idempotencyKey": "late", "userId": "ada", "metric": "sms_messages", "quantity": 4,
             "occurredAt": "2026-02-14T23:59:59Z"},
        ]);
        bench.record(late).await;
        assert_eq!(bench.report().await.counters, []);
    }
}

proptest! {
    /// The oracle tries every number of open units that may have been recorded.
    #[test]
    fn a_counter_is_in_step_if_some_of_its_open_units_explain_the_ledger(
        committed in 0_u64..20, open in 0_u64..20, ledger in -5_i64..50,
    ) {
        let tally = Tally::new(committed, open);
        let total = |of_open: u64| i64::try_from(committed + of_open).unwrap();
        let nearest = (0..=open).map(|of_open| ledger.max(0) - total(of_open));
        let nearest = nearest.min_by_key(|difference| difference.abs()).unwrap();
        let verdict = match compare(tally, ledger) {
            Verdict::InStep => 0,
            Verdict::Behind(units) => i64::try_from(units).unwrap(),
            Verdict::Ahead(units) => -i64::try_from(units).unwrap(),
        };
        prop_assert_eq!(verdict, nearest);
    }
}
