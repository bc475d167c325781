//! What a gate counts is what is recorded; where it is not, precisely that is told and put right.

use std::collections::BTreeSet;

use tiergate::Subject;
use tiergate::usage::{Adjustment, Tally};

use crate::report::{Differences, differences};
use crate::shop::{DAILY, FLOWS, Kind, MONTHLY, STORAGE, Shop};

/// Uses something of everything. Two of the subjects have no subscription before it is recorded, and one
/// has the id of another.
async fn use_everything(shop: &Shop) {
    let (ada, bob, eagle) = (
        Subject::user("ada"),
        Subject::user("bob"),
        Subject::organization("ada"),
    );
    let through = Box::pin(async {
        tokio::join!(
            shop.ask(&ada, "/mail", 30),
            shop.ask(&bob, "/mail", 17),
            shop.ask(&eagle, "/mail", 9),
            shop.ask(&ada, "/fails", 5),
            shop.ask(&ada, "/flow", 4),
            shop.ask(&ada, "/store", 20),
            // Who is free has no more than five.
            shop.ask(&bob, "/store", 8),
        )
    });
    let through = through.await;
    assert_eq!(through, (30, 17, 9, 0, 4, 20, 5));
    shop.gate.lower(&ada, STORAGE, 6).await.unwrap();
    shop.deliver().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gates_count_in_any_store_is_what_is_recorded() {
    for kind in Kind::ALL {
        let Some(shop) = Shop::open(kind).await else {
            continue;
        };
        use_everything(&shop).await;
        let ada = Subject::user("ada");
        for (feature, units) in [(DAILY, 30), (MONTHLY, 30), (FLOWS, 12), (STORAGE, 14)] {
            let tally = shop.tally(&ada, feature).await;
            assert_eq!(tally, Tally::new(units, 0), "{kind:?} {feature}");
        }
        let report = shop.report(&[]).await;
        assert_eq!(report.differences, Differences::new(), "{kind:?}");
        assert_eq!(report.code, 0, "{report:?}");
        // Three owners with six limits that are counted in windows or as levels.
        assert_eq!(report.counts, [18, 9, 0], "{kind:?}");

        // A rebuild changes nothing either.
        let rebuild = shop.report(&["--rebuild"]).await;
        assert_eq!((rebuild.code, rebuild.rebuilt), (0, Vec::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_difference_is_told_and_put_right_and_no_other_counter_is_touched() {
    for kind in Kind::ALL {
        let Some(shop) = Shop::open(kind).await else {
            continue;
        };
        use_everything(&shop).await;
        let (ada, bob, eagle) = (
            Subject::user("ada"),
            Subject::user("bob"),
            Subject::organization("ada"),
        );
        // A record is lost, and two counters are changed: one has too little now, the other too much.
        shop.billing
            .execute(
                "DELETE FROM usage_records WHERE metric = 'storage' AND idempotency_key = \
                 (SELECT MIN(idempotency_key) FROM usage_records WHERE metric = 'storage' \
                 AND subscription_id = (SELECT id FROM subscriptions WHERE user_id = 'bob'))",
            )
            .await;
        for (who, feature, change) in [
            (&ada, FLOWS, Adjustment::Lower(5)),
            (&eagle, DAILY, Adjustment::Raise(4)),
        ] {
            let key = shop.counter(who, feature).await;
            shop.store.adjust(&key, change).await.unwrap();
        }
        let all = differences([
            ("user:bob", STORAGE, -1),
            ("user:ada", FLOWS, 5),
            ("organization:ada", DAILY, -4),
        ]);
        let report = shop.report(&[]).await;
        assert_eq!(report.differences, all, "{kind:?}");
        assert_eq!(report.code, 1);

        // What may be on its way is no difference yet.
        let report = shop.report_unsettled(&[]).await;
        assert_eq!(report.differences, differences([("user:ada", FLOWS, 5)]));
        assert_eq!(report.counts, [18, 9, 2], "{kind:?}");

        let report = shop.report(&["--metric", "email_sends"]).await;
        let mails = differences([("organization:ada", DAILY, -4)]);
        assert_eq!(report.differences, mails);
        assert_eq!(report.counts, [6, 6, 0], "{kind:?}");
        let others = ["--metric", "storage", "--metric", "bandwidth"];
        let report = shop.report(&others).await;
        assert_eq!(
            report.differences,
            differences([("user:bob", STORAGE, -1)]),
            "{kind:?}"
        );
        assert_eq!(report.counts, [6, 2, 0], "{kind:?}");

        // Nothing else is put right by it.
        let report = shop.report(&["--metric", "storage", "--rebuild"]).await;
        assert_eq!(report.code, 0, "{report:?}");
        assert_eq!(report.rebuilt, [("lowered".to_owned(), Some(1))]);
        assert_eq!(shop.tally(&bob, STORAGE).await, Tally::new(4, 0));
        let report = shop.report(&["--rebuild"]).await;
        assert_eq!(report.code, 0, "{report:?}");
        let rebuilt: BTreeSet<_> = report.rebuilt.into_iter().collect();
        let expected = [("lowered", 4), ("raised", 5)];
        let expected = expected.map(|(outcome, units)| (outcome.to_owned(), Some(units)));
        assert_eq!(rebuilt, expected.into(), "{kind:?}");
        shop.is_in_step().await;
        for (who, feature, units) in [
            (&ada, FLOWS, 12),
            (&ada, DAILY, 30),
            (&bob, DAILY, 17),
            (&eagle, DAILY, 9),
            (&eagle, MONTHLY, 9),
        ] {
            let tally = shop.tally(who, feature).await;
            assert_eq!(tally, Tally::new(units, 0), "{kind:?} {who} {feature}");
        }
        // The gate goes by them: there is room again for what was not recorded, and for no more.
        assert_eq!(shop.ask(&bob, "/store", 3).await, 1);
    }
}

/// What a store has lost is put back from the records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_everything_is_said_to_be_empty_and_is_filled_again() {
    for kind in Kind::ALL {
        let Some(shop) = Shop::open(kind).await else {
            continue;
        };
        use_everything(&shop).await;
        for who in [
            Subject::user("ada"),
            Subject::user("bob"),
            Subject::organization("ada"),
        ] {
            for feature in [DAILY, MONTHLY, FLOWS, STORAGE] {
                let key = shop.counter(&who, feature).await;
                let all = Adjustment::Lower(u64::MAX);
                shop.store.adjust(&key, all).await.unwrap();
            }
        }
        let report = shop.report(&[]).await;
        assert_eq!((report.code, report.counts), (1, [18, 0, 0]), "{kind:?}");
        assert_eq!(report.differences.len(), 9);
        assert!(report.notes.contains("--rebuild"), "{}", report.notes);
        let report = shop.report(&["--rebuild"]).await;
        assert_eq!((report.code, report.rebuilt.len()), (0, 9), "{kind:?}");
        let report = shop.report(&[]).await;
        assert_eq!((report.code, report.counts), (0, [18, 9, 0]), "{kind:?}");
        assert!(!report.notes.contains("note:"), "{}", report.notes);
    }
}
