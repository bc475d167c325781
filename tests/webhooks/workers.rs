//! Several workers over one database, and workers that end in the middle.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use serde_json::json;
use tiergate_billing::webhook::StripeWebhooks;
use tiergate_tests::{Postgres, within};

use crate::account::{Account, Action, Link, Owner, Start, Story, Versions};
use crate::delivery;
use crate::events::{CREATED, THEN, event, subscription};
use crate::office::Office;
use crate::random::Random;
use crate::records::Records;

/// Accounts with something of everything.
fn accounts(count: u64) -> Vec<Account> {
    let actions = [
        Action::SetPrice(2),
        Action::EndPeriod,
        Action::Fail(0),
        Action::Wait(60),
        Action::Pay(0),
        Action::EndPeriod,
        Action::Void(0),
        Action::CancelNow,
        Action::SubscribeAgain,
        Action::Pay(0),
    ];
    let story = |number: u64| Story {
        owner: if number.is_multiple_of(2) {
            Owner::User
        } else {
            Owner::Both
        },
        link: Link::Both,
        versions: Versions::Mixed,
        start: Start::Trialing,
        actions: actions.to_vec(),
        seed: number,
    };
    let play = |number: u64| Account::play(&format!("w{number}"), &story(number));
    (0..count).map(play).collect()
}

async fn work_until_idle(webhooks: &StripeWebhooks) -> usize {
    let mut settled = 0;
    let mut idle = 0;
    // The other may still hold what this one waits for.
    while idle < 20 {
        let worked = webhooks.work().await.unwrap();
        settled += worked.settled;
        idle = if worked.total() == 0 { idle + 1 } else { 0 };
        if worked.total() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    settled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_five_hundred_events_and_none_is_lost_or_done_twice() {
    let Some(server) = Postgres::shared().await else {
        return;
    };
    let (office, calm) = (Office::postgres(server).await, Office::sqlite().await);
    let (mut sql, mut calm_sql) = (office.sql().await, calm.sql().await);
    let accounts = accounts(24);
    let events: Vec<String> = {
        let all = accounts.iter().flat_map(|account| &account.events);
        let mut all: Vec<String> = all.map(ToString::to_string).collect();
        Random(7).shuffle(&mut all);
        all
    };
    assert!(events.len() >= 500, "{}", events.len());
    let other = office.another_worker().await;
    // They begin while events still come.
    let delivery = async {
        for chunk in events.chunks(8) {
            let all = chunk.iter().map(|body| office.deliver(body));
            for reply in futures_util::future::join_all(all).await {
                assert_eq!(reply.json()["data"]["duplicate"], false);
            }
        }
    };
    let both = async {
        tokio::join!(
            delivery,
            work_until_idle(&office.webhooks),
            work_until_idle(&other)
        )
    };
    let ((), mine, others) = within_a_minute(Box::pin(both)).await;
    assert!(mine > 0 && others > 0, "{mine} and {others}");
    for account in &accounts {
        office.settle(&mut sql, &account.customer()).await;
        delivery::in_order(&calm, &mut calm_sql, account, 0).await;
        assert_eq!(
            Records::read(&mut sql, account).await,
            Records::read(&mut calm_sql, account).await
        );
    }
    let total = sql.count("webhook_inbox WHERE state = 'done'").await;
    assert_eq!(total, events.len());
    // Nothing failed on the way: no deadlock, no violated rule.
    assert_eq!(sql.count("webhook_inbox WHERE state = 'failed'").await, 0);
    // Each thing was made once.
    for (made, rows) in [
        ("subscription.created", "subscriptions"),
        ("invoice.created", "invoices"),
    ] {
        let made = sql
            .count(&format!("audit_log WHERE action = '{made}'"))
            .await;
        assert_eq!(made, sql.count(rows).await, "{rows}");
    }
    let deadlocks = "SELECT CAST(deadlocks AS TEXT) FROM pg_stat_database \
         WHERE datname = current_database()";
    assert_eq!(sql.one(deadlocks).await.as_deref(), Some("0"));
}

async fn within_a_minute<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, future)
        .await
        .expect("the workers end")
}

#[tokio::test]
async fn what_a_worker_took_before_it_ended_is_taken_again() {
    for office in Office::each().await {
        let new = subscription("sub_1", "cus_1", "active", &json!({"userId": "pia"}));
        office.deliver(&event("evt_1", CREATED, THEN, &new)).await;
        let mut sql = office.sql().await;
        // Taken by a process that is no more.
        let until = tiergate_clock::Clock::now(&*office.clock).as_micros() + 120_000_000;
        sql.execute(&format!(
            "UPDATE webhook_inbox SET claimed_until = {until}, attempts = attempts + 1"
        ))
        .await;
        assert_eq!(office.webhooks.work().await.unwrap().total(), 0);
        office.clock.advance(Duration::from_secs(119));
        assert_eq!(office.webhooks.work().await.unwrap().total(), 0);
        office.clock.advance(Duration::from_secs(1));
        assert_eq!(office.webhooks.work().await.unwrap().settled, 1);
        assert_eq!(sql.count("subscriptions").await, 1);
    }
}

/// Works until the worker has waited `polls` times, and drops it there.
async fn work_and_die(webhooks: &StripeWebhooks, mut polls: u32) -> bool {
    let mut work = pin!(webhooks.work());
    within(
        "the worker",
        poll_fn(|context| {
            if polls == 0 {
                return Poll::Ready(false);
            }
            polls -= 1;
            work.as_mut().poll(context).map(|worked| worked.is_ok())
        }),
    )
    .await
}

#[tokio::test]
async fn wherever_a_worker_dies_the_records_end_the_same() {
    for office in Office::each().await {
        let (mut sql, calm) = (office.sql().await, Office::sqlite().await);
        let mut calm_sql = calm.sql().await;
        let mut finished = false;
        let mut polls = 1;
        while !finished {
            let account = Account::play(&format!("d{polls}"), &accounts(1)[0].story);
            for event in &account.events {
                office.deliver(&event.to_string()).await;
            }
            finished = work_and_die(&office.webhooks, polls).await;
            office.clock.advance(Duration::from_secs(121));
            office.settle(&mut sql, &account.customer()).await;
            delivery::in_order(&calm, &mut calm_sql, &account, 0).await;
            assert_eq!(
                Records::read(&mut sql, &account).await,
                Records::read(&mut calm_sql, &account).await,
                "died after {polls} waits"
            );
            // Not after each of them: all of them would take minutes.
            polls += 1 + polls / 8;
            assert!(polls < 100_000, "it never gets to its end");
        }
        let made = sql
            .count("audit_log WHERE action = 'subscription.created'")
            .await;
        assert_eq!(made, sql.count("subscriptions").await);
    }
}
