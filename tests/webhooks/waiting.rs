//! What comes too early waits, what cannot be helped is given up and stays visible, and neither stops
//! anything else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::events::{CREATED, DELETED, THEN, UPDATED, event, invoice, payment, subscription};
use crate::office::Office;
use crate::sql::Sql;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn pia() -> Value {
    json!({"userId": "pia"})
}

async fn states(sql: &mut Sql) -> Vec<String> {
    let lines = sql
        .lines("SELECT event_id, state FROM webhook_inbox ORDER BY 1")
        .await;
    let text = |line: Vec<Option<String>>| {
        let columns = line.into_iter().map(Option::unwrap_or_default);
        columns.collect::<Vec<_>>().join(" ")
    };
    lines.into_iter().map(text).collect()
}

#[tokio::test]
async fn an_invoice_that_comes_before_its_subscription_waits_and_then_both_are_right() {
    for office in Office::each().await {
        let paid = invoice("in_1", "cus_1", "sub_1", "paid");
        office
            .deliver(&event("evt_1", "invoice.paid", THEN, &paid))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(states(&mut sql).await, ["evt_1 waiting"]);
        assert_eq!(sql.count("invoices").await, 0);
        // No time has to pass.
        let new = subscription("sub_1", "cus_1", "active", &pia());
        office.deliver(&event("evt_2", CREATED, THEN, &new)).await;
        office.work().await;
        assert_eq!(states(&mut sql).await, ["evt_1 done", "evt_2 done"]);
        let row = "SELECT i.stripe_invoice_id, i.status, CAST(i.total AS TEXT), s.tier, s.status \
             FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id";
        let row = sql.lines(row).await.remove(0);
        let row: Vec<_> = row.iter().map(|it| it.as_deref().unwrap()).collect();
        assert_eq!(row, ["in_1", "paid", "1200", "pro", "active"]);
    }
}

#[tokio::test]
async fn what_is_told_by_an_event_of_no_known_kind_counts_too() {
    for office in Office::each().await {
        let new = subscription("sub_1", "cus_1", "active", &pia());
        office.deliver(&event("evt_1", CREATED, THEN, &new)).await;
        let open = invoice("in_1", "cus_1", "sub_1", "open");
        office
            .deliver(&event("evt_2", "invoice.finalized", THEN, &open))
            .await;
        office.work().await;
        let void = invoice("in_1", "cus_1", "sub_1", "void");
        office
            .deliver(&event("evt_3", "invoice.voided", THEN + 5, &void))
            .await;
        let paused = subscription("sub_1", "cus_1", "paused", &pia());
        office
            .deliver(&event(
                "evt_4",
                "customer.subscription.paused",
                THEN + 6,
                &paused,
            ))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(
            sql.one("SELECT status FROM invoices").await.as_deref(),
            Some("void")
        );
        assert_eq!(
            sql.one("SELECT status FROM subscriptions").await.as_deref(),
            Some("paused")
        );
        assert_eq!(sql.count("webhook_inbox WHERE state = 'done'").await, 4);
    }
}

#[tokio::test]
async fn a_second_subscription_waits_for_the_end_of_the_first_and_not_longer() {
    for office in Office::each().await {
        let [one, two] = ["sub_1", "sub_2"].map(|id| subscription(id, "cus_1", "active", &pia()));
        office.deliver(&event("evt_1", CREATED, THEN, &one)).await;
        office.work().await;
        office
            .deliver(&event("evt_2", CREATED, THEN + 9, &two))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(states(&mut sql).await, ["evt_1 done", "evt_2 waiting"]);
        // Time passes, so that the wait has become a long one.
        for _ in 0..14 {
            office.clock.advance(Duration::from_secs(60 * 60));
            office.work().await;
        }
        // What is no end wakes nobody.
        let tries = "SELECT CAST(attempts AS TEXT) FROM webhook_inbox WHERE event_id = 'evt_2'";
        let before = sql.one(tries).await;
        office
            .deliver(&event("evt_3", UPDATED, THEN + 10, &one))
            .await;
        office.work().await;
        assert_eq!(sql.one(tries).await, before);
        let mut ended = subscription("sub_1", "cus_1", "canceled", &pia());
        ended["ended_at"] = json!(THEN + 8);
        office
            .deliver(&event("evt_4", DELETED, THEN + 8, &ended))
            .await;
        office.work().await;
        let all = ["evt_1 done", "evt_2 done", "evt_3 done", "evt_4 done"];
        assert_eq!(states(&mut sql).await, all);
    }
}

#[tokio::test]
async fn what_has_waited_for_three_days_is_given_up_and_visible() {
    for office in Office::each().await {
        let lost = invoice("in_1", "cus_1", "sub_lost", "paid");
        office
            .deliver(&event("evt_1", "invoice.paid", THEN, &lost))
            .await;
        let mut sql = office.sql().await;
        for hour in 0..72 {
            office.work().await;
            assert_eq!(states(&mut sql).await, ["evt_1 waiting"], "hour {hour}");
            office.clock.advance(DAY / 24);
        }
        office.clock.advance(DAY / 24);
        office.work().await;
        assert_eq!(states(&mut sql).await, ["evt_1 dead"]);
        let fault = sql.one("SELECT fault FROM webhook_inbox").await.unwrap();
        assert_eq!(fault, "its subscription has not come yet");
        // It is tried no more by itself.
        office.clock.advance(DAY);
        assert_eq!(office.webhooks.work().await.unwrap().total(), 0);
        // It is not forgotten either: when the subscription comes after all, it is part of it.
        let late = subscription("sub_lost", "cus_1", "active", &pia());
        office.deliver(&event("evt_2", UPDATED, THEN, &late)).await;
        office.work().await;
        assert_eq!(sql.count("invoices WHERE status = 'paid'").await, 1);
        assert_eq!(states(&mut sql).await, ["evt_1 done", "evt_2 done"]);
    }
}

#[tokio::test]
async fn a_worker_that_was_away_for_long_gives_nothing_up_at_the_first_try() {
    for office in Office::each().await {
        let early = invoice("in_1", "cus_1", "sub_1", "paid");
        office
            .deliver(&event("evt_1", "invoice.paid", THEN, &early))
            .await;
        office.clock.advance(5 * DAY);
        office.work().await;
        assert_eq!(states(&mut office.sql().await).await, ["evt_1 waiting"]);
    }
}

#[tokio::test]
async fn a_price_that_nobody_knows_holds_up_its_own_subscription_only() {
    for office in Office::each().await {
        let mut unknown = subscription("sub_1", "cus_1", "active", &pia());
        unknown["items"]["data"][0]["price"]["lookup_key"] = json!("gold_monthly");
        office
            .deliver(&event("evt_1", CREATED, THEN, &unknown))
            .await;
        let good = subscription("sub_2", "cus_2", "active", &json!({"userId": "tom"}));
        office.deliver(&event("evt_2", CREATED, THEN, &good)).await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(states(&mut sql).await, ["evt_1 waiting", "evt_2 done"]);
        let fault = "SELECT fault FROM webhook_inbox WHERE event_id = 'evt_1'";
        let fault = sql.one(fault).await.unwrap();
        assert!(fault.contains("price price_1 names no tier"), "{fault}");
        assert_eq!(sql.count("subscriptions").await, 1);
    }
}

#[tokio::test]
async fn text_that_a_database_cannot_hold_stops_nothing() {
    for office in Office::each().await {
        let new = subscription("sub_1", "cus_1", "active", &pia());
        office.deliver(&event("evt_1", CREATED, THEN, &new)).await;
        let mut odd = invoice("in_1", "cus_1", "sub_1", "paid");
        odd["lines"]["data"][0]["description"] = json!("Pro\0 plan");
        odd["number"] = json!("A\0-1");
        odd["metadata"] = json!({"no\0te": "a\0b"});
        office
            .deliver(&event("evt_2", "invoice.paid", THEN, &odd))
            .await;
        let mut failed = payment("pi_1", "cus_1", "requires_payment_method");
        failed["last_payment_error"] = json!({"code": "de\0clined"});
        office
            .deliver(&event(
                "evt_3",
                "payment_intent.payment_failed",
                THEN,
                &failed,
            ))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(
            states(&mut sql).await,
            ["evt_1 done", "evt_2 done", "evt_3 done"]
        );
    }
}

#[tokio::test]
async fn a_payment_that_names_its_invoice_finds_it_whichever_comes_first() {
    for office in Office::each().await {
        let mut paid = payment("pi_1", "cus_1", "succeeded");
        paid["invoice"] = json!("in_1");
        office
            .deliver(&event("evt_1", "payment_intent.succeeded", THEN, &paid))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(sql.count("payments WHERE invoice_id IS NULL").await, 1);
        let new = subscription("sub_1", "cus_1", "active", &pia());
        office.deliver(&event("evt_2", CREATED, THEN, &new)).await;
        let of_it = invoice("in_1", "cus_1", "sub_1", "paid");
        office
            .deliver(&event("evt_3", "invoice.paid", THEN, &of_it))
            .await;
        office.work().await;
        let linked = "payments p JOIN invoices i ON i.id = p.invoice_id \
             AND i.subscription_id = p.subscription_id";
        assert_eq!(sql.count(linked).await, 1);
    }
}

#[tokio::test]
async fn what_another_version_could_not_read_is_part_of_the_history_once_it_can_be() {
    for office in Office::each().await {
        let new = subscription("sub_1", "cus_1", "active", &pia());
        office.deliver(&event("evt_1", CREATED, THEN, &new)).await;
        // As an older version stores what it cannot read: without the names of the object.
        let mut sql = office.sql().await;
        sql.execute(
            "UPDATE webhook_inbox SET object_kind = NULL, object_id = NULL, \
             subscription_ref = NULL, customer_ref = NULL",
        )
        .await;
        office.work().await;
        assert_eq!(states(&mut sql).await, ["evt_1 done"]);
        assert_eq!(
            sql.count("webhook_inbox WHERE subscription_ref = 'sub_1'")
                .await,
            1
        );
        assert_eq!(sql.count("subscriptions").await, 1);
    }
}

#[tokio::test]
async fn who_follows_an_owner_never_hears_of_an_old_subscription_after_the_new() {
    for office in Office::each().await {
        let two = subscription("sub_2", "cus_1", "active", &pia());
        office
            .deliver(&event("evt_2", CREATED, THEN + 9, &two))
            .await;
        office.work().await;
        // The end of the one before comes late.
        let mut one = subscription("sub_1", "cus_1", "canceled", &pia());
        one["created"] = json!(THEN - 100);
        office
            .deliver(&event("evt_1", DELETED, THEN + 8, &one))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(sql.count("subscriptions").await, 2);
        let told = "SELECT CAST(payload AS TEXT) FROM outbox WHERE kind = 'subscription' \
             ORDER BY sequence DESC LIMIT 1";
        let told: Value = serde_json::from_str(&sql.one(told).await.unwrap()).unwrap();
        assert_eq!(told["subscription"]["status"], "active");
        // And whoever asks hears the same.
        let newest = "SELECT stripe_subscription_id FROM subscriptions \
             ORDER BY created_at DESC, id DESC LIMIT 1";
        assert_eq!(sql.one(newest).await.as_deref(), Some("sub_2"));
    }
}

#[tokio::test]
async fn versions_go_on_where_the_subscription_before_left_off() {
    for office in Office::each().await {
        for (number, status) in ["incomplete", "active", "past_due", "canceled"]
            .iter()
            .enumerate()
        {
            let it = subscription("sub_1", "cus_1", status, &pia());
            let at = THEN + i64::try_from(number).unwrap();
            office
                .deliver(&event(&format!("evt_{number}"), UPDATED, at, &it))
                .await;
            office.work().await;
        }
        let mut next = subscription("sub_2", "cus_1", "active", &pia());
        next["created"] = json!(THEN + 50);
        office
            .deliver(&event("evt_9", CREATED, THEN + 50, &next))
            .await;
        office.work().await;
        let told = "SELECT CAST(version AS TEXT) FROM outbox WHERE kind = 'subscription' \
             ORDER BY sequence";
        let lines = office.sql().await.lines(told).await;
        let versions: Vec<_> = lines
            .iter()
            .map(|line| line[0].as_deref().unwrap())
            .collect();
        assert_eq!(versions, ["1", "2", "3", "4", "5"]);
    }
}
