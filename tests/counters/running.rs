//! Counters are put right while a gate goes on counting: what is under way is neither lost nor counted
//! twice, and what cannot be known yet is left, or put right later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tiergate::Subject;
use tiergate::usage::{Adjustment, Tally};
use tiergate_billing::Context;
use tiergate_billing::reports::{Metrics, Rebuild, Rebuilt, counters};
use tiergate_tests::{eventually, eventually_in};

use crate::PATIENCE;
use crate::report::{Differences, differences};
use crate::shop::{DAILY, Kind, MONTHLY, STORAGE, Shop};

async fn shops() -> Vec<Shop> {
    let mut shops = Vec::new();
    for kind in Kind::ALL {
        shops.extend(Shop::open(kind).await);
    }
    shops
}

impl Shop {
    async fn adjust(&self, who: &Subject, feature: &str, adjustment: Adjustment) {
        let key = self.counter(who, feature).await;
        self.store.adjust(&key, adjustment).await.unwrap();
    }
}

/// Of open units nobody knows whether they are among those that are recorded. So they hide as many that
/// are lost; those are found when they are open no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_under_way_hide_as_many_that_are_lost_until_they_are_settled() {
    for shop in shops().await {
        let shop = Arc::new(shop);
        let ada = Subject::user("ada");
        assert_eq!(shop.ask(&ada, "/mail", 10).await, 10);
        shop.deliver().await;
        shop.adjust(&ada, DAILY, Adjustment::Lower(6)).await;
        let inside: Vec<_> = (0..3)
            .map(|_| {
                let (shop, ada) = (Arc::clone(&shop), ada.clone());
                tokio::spawn(async move { shop.ask(&ada, "/slow", 1).await })
            })
            .collect();
        eventually("three requests", || shop.room.entered() == 3).await;
        assert_eq!(shop.tally(&ada, DAILY).await, Tally::new(4, 3));

        let report = shop.report(&["--rebuild"]).await;
        assert_eq!(report.differences, differences([("user:ada", DAILY, 3)]));
        assert_eq!(report.rebuilt, [("raised".to_owned(), Some(3))]);
        assert_eq!(shop.tally(&ada, DAILY).await, Tally::new(7, 3));

        shop.room.open();
        for request in inside {
            assert_eq!(request.await.unwrap(), 1);
        }
        shop.deliver().await;
        let report = shop.report(&["--rebuild"]).await;
        assert_eq!(report.differences, differences([("user:ada", DAILY, 3)]));
        assert_eq!(report.code, 0);
        for feature in [DAILY, MONTHLY] {
            assert_eq!(shop.tally(&ada, feature).await, Tally::new(13, 0));
        }
        shop.is_in_step().await;
    }
}

/// A counter is never raised beyond what was used, however much goes on; and when all is quiet, nothing is
/// wrong any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_that_are_rebuilt_under_load_never_count_a_unit_twice() {
    for shop in shops().await {
        let shop = Arc::new(shop);
        let ada = Subject::user("ada");
        let goes_on = Arc::new(AtomicBool::new(true));
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let (shop, goes_on) = (Arc::clone(&shop), Arc::clone(&goes_on));
                let ada = ada.clone();
                tokio::spawn(async move {
                    let mut through = 0;
                    while goes_on.load(Ordering::Relaxed) {
                        // One of eight gives back what it takes.
                        let path = if client == 0 { "/fails" } else { "/mail" };
                        through += shop.ask(&ada, path, 1).await;
                    }
                    u64::try_from(through).unwrap()
                })
            })
            .collect();
        let statistics = || shop.recorder.statistics();
        for round in 1..=3 {
            let more = statistics().delivered() + 40;
            eventually_in(PATIENCE, "usage", || statistics().delivered() >= more).await;
            shop.adjust(&ada, MONTHLY, Adjustment::Lower(20)).await;
            // The other counter is not touched: it is what was used.
            eventually_in(PATIENCE, "more usage", || {
                statistics().delivered() >= more + 20
            })
            .await;
            let report = shop.report_unsettled(&["--rebuild"]).await;
            assert_eq!(report.code, 0, "round {round}: {report:?}");
            let monthly = shop.tally(&ada, MONTHLY).await;
            let daily = shop.tally(&ada, DAILY).await;
            assert!(
                monthly.committed() <= daily.committed() + daily.open(),
                "round {round}: {monthly:?} of {daily:?}"
            );
        }
        goes_on.store(false, Ordering::Relaxed);
        let mut used = 0;
        for client in clients {
            used += client.await.unwrap();
        }
        shop.deliver().await;
        let daily = shop.settled_tally(&ada, DAILY).await;
        assert_eq!(daily, Tally::new(used, 0));
        let left = shop.settled_tally(&ada, MONTHLY).await;
        assert!(left.committed() <= used, "{left:?} of {used}");
        let report = shop.report(&["--rebuild"]).await;
        assert_eq!(report.code, 0, "{report:?}");
        assert_eq!(shop.tally(&ada, MONTHLY).await, Tally::new(used, 0));
        shop.is_in_step().await;
    }
}

/// What is used while a rebuild waits for the settling time is not taken off, whether its record is there
/// by then or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_while_a_surplus_settles_is_kept() {
    for shop in shops().await {
        let ada = Subject::user("ada");
        assert_eq!(shop.ask(&ada, "/mail", 10).await, 10);
        shop.deliver().await;
        for feature in [DAILY, MONTHLY] {
            shop.adjust(&ada, feature, Adjustment::Raise(7)).await;
        }
        let billing = shop.same_billing().await;
        let settled = Duration::ZERO;
        let report = counters(&billing, &*shop.store, &Metrics::All, settled);
        let report = report.await.unwrap();
        let rebuild = Rebuild::begin(&billing, &*shop.store).await.unwrap();
        let mut outcomes = Vec::new();
        for row in &report.counters {
            assert_eq!(row.difference, -7);
            if row.feature == DAILY {
                // Nothing is recorded while billing is away.
                shop.billing.program().kill().await;
                assert_eq!(shop.ask(&ada, "/mail", 4).await, 4);
            } else {
                assert_eq!(shop.ask(&ada, "/mail", 4).await, 4);
                shop.deliver().await;
            }
            let context = Context::system("a test", billing.clock().now());
            let outcome = rebuild.counter(&context, &report, row, settled).await;
            outcomes.push((row.feature.as_str(), outcome.unwrap()));
            if row.feature == DAILY {
                shop.billing.program().restart().await;
                shop.deliver().await;
            }
        }
        rebuild.end().await.unwrap();
        // The second is asked about when eight more are used and recorded, which may be of the seven.
        let expected = [(DAILY, Rebuilt::Lowered(7)), (MONTHLY, Rebuilt::Moved)];
        assert_eq!(outcomes, expected);
        assert_eq!(shop.tally(&ada, DAILY).await, Tally::new(18, 0));
        assert_eq!(shop.tally(&ada, MONTHLY).await, Tally::new(25, 0));
        let report = shop.report(&["--rebuild"]).await;
        let surplus = differences([("user:ada", MONTHLY, -7)]);
        assert_eq!(report.differences, surplus);
        assert_eq!(report.code, 0, "{report:?}");
        assert_eq!(shop.tally(&ada, MONTHLY).await, Tally::new(18, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_surplus_is_looked_at_again_after_the_settling_time_and_taken_off() {
    let Some(shop) = Shop::open(Kind::Sqlite).await else {
        return;
    };
    let ada = Subject::user("ada");
    assert_eq!(shop.ask(&ada, "/mail", 10).await, 10);
    shop.deliver().await;
    shop.adjust(&ada, DAILY, Adjustment::Raise(7)).await;
    let surplus = differences([("user:ada", DAILY, -7)]);
    let settled = ["--settled-before", "1s"];
    let found = async { while shop.report_unsettled(&settled).await.differences != surplus {} };
    tokio::time::timeout(PATIENCE, found).await.unwrap();
    let rebuild = [&settled[..], &["--rebuild"]].concat();
    let report = shop.report_unsettled(&rebuild).await;
    assert_eq!(report.rebuilt, [("lowered".to_owned(), Some(7))]);
    assert!(report.notes.contains("looked at again"), "{}", report.notes);
    assert_eq!(report.code, 0);
    shop.is_in_step().await;
}

/// Usage that is kept back for longer than the settling time looks like too much. It is counted again once
/// it is recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_off_before_its_record_came_is_put_back() {
    for shop in shops().await {
        let ada = Subject::user("ada");
        assert_eq!(shop.ask(&ada, "/mail", 3).await, 3);
        assert_eq!(shop.ask(&ada, "/store", 9).await, 9);
        shop.deliver().await;
        shop.billing.program().kill().await;
        assert_eq!(shop.ask(&ada, "/mail", 5).await, 5);
        shop.gate.lower(&ada, STORAGE, 2).await.unwrap();

        let too_much = differences([("user:ada", DAILY, -5), ("user:ada", MONTHLY, -5)]);
        let report = shop.report(&["--metric", "email_sends", "--rebuild"]).await;
        assert_eq!(report.differences, too_much);
        assert_eq!(report.code, 0);
        let report = shop.report(&["--metric", "storage", "--rebuild"]).await;
        assert_eq!(report.differences, differences([("user:ada", STORAGE, 2)]));
        assert_eq!(report.code, 0);

        shop.billing.program().restart().await;
        shop.deliver().await;
        let report = shop.report(&["--rebuild"]).await;
        let missing = differences([
            ("user:ada", DAILY, 5),
            ("user:ada", MONTHLY, 5),
            ("user:ada", STORAGE, -2),
        ]);
        assert_eq!(report.differences, missing);
        assert_eq!(report.code, 0, "{report:?}");
        assert_eq!(shop.report(&[]).await.differences, Differences::new());
        assert_eq!(shop.tally(&ada, DAILY).await, Tally::new(8, 0));
        assert_eq!(shop.tally(&ada, STORAGE).await, Tally::new(7, 0));
    }
}
