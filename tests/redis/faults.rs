//! A server that cannot answer, and how the store recovers by itself.

use std::time::Duration;

use tiergate::usage::{
    RedisUsage, Reserve, ReserveOutcome, Settlement, StoreError, StoreErrorKind, UsageStore,
};
use tiergate_tests::{Redis, Saving, within};

use crate::support::{TTL, ask, claim, gauge, open, store, used};

/// What one more unit of the gauge comes to, up to nine.
async fn one_more(store: &RedisUsage) -> Result<ReserveOutcome, StoreError> {
    store
        .reserve(Reserve::new(&[claim(&gauge("x"), 1, 9)], TTL))
        .await
}

async fn fault(store: &RedisUsage, kind: StoreErrorKind) -> String {
    let fault = one_more(store).await.unwrap_err();
    assert_eq!(fault.kind(), kind, "{fault}");
    fault.to_string()
}

/// Waits until the store answers again, which it does by itself.
async fn recovers(store: &RedisUsage) {
    within("the store's recovery", async {
        while one_more(store).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_ended_is_unavailable_until_it_is_back() {
    let Some(mut server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    let store = store(&server, "p:");
    let before = ask(&*store, claim(&gauge("x"), 1, 9)).await.unwrap();
    server.kill().await;
    for _ in 0..5 {
        let told = fault(&store, StoreErrorKind::Unavailable).await;
        assert!(told.contains("connection"), "{told}");
    }
    server.restart().await;
    recovers(&store).await;
    // It saved nothing.
    assert_eq!(
        store.commit(before.id(), &[1]).await.unwrap(),
        Settlement::Unknown
    );
    assert_eq!(used(&*store, &gauge("x")).await, 1);
}

#[tokio::test]
async fn a_store_may_be_there_before_its_server() {
    let Some(mut server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    server.kill().await;
    let store = store(&server, "p:");
    fault(&store, StoreErrorKind::Unavailable).await;
    server.restart().await;
    recovers(&store).await;
    assert_eq!(store.statistics().connections, 1);
}

#[tokio::test]
async fn a_server_that_forgot_counts_from_zero() {
    let Some(server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    let store = store(&server, "p:");
    let before = ask(&*store, claim(&gauge("x"), 9, 9)).await.unwrap();
    server.command(&["SCRIPT", "FLUSH"]).await;
    assert!(ask(&*store, claim(&gauge("x"), 1, 9)).await.is_none());
    server.command(&["FLUSHALL"]).await;
    assert_eq!(
        store.release(before.id()).await.unwrap(),
        Settlement::Unknown
    );
    assert!(ask(&*store, claim(&gauge("x"), 9, 9)).await.is_some());
    assert_eq!(store.statistics().repeated_calls, 0);
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_unavailable() {
    let Some(server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    let store = store(&server, "p:");
    ask(&*store, claim(&gauge("x"), 1, 9)).await.unwrap();
    // Of a master that is not there.
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let told = fault(&store, StoreErrorKind::Unavailable).await;
    assert!(told.contains("READONLY"), "{told}");
    server.command(&["REPLICAOF", "NO", "ONE"]).await;
    recovers(&store).await;

    server
        .command(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    let told = fault(&store, StoreErrorKind::Unavailable).await;
    assert!(told.contains("NOREPLICAS"), "{told}");
    server
        .command(&["CONFIG", "SET", "min-replicas-to-write", "0"])
        .await;

    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let told = fault(&store, StoreErrorKind::Full).await;
    assert!(told.contains("maxmemory"), "{told}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(
        used(&*store, &gauge("x")).await,
        2,
        "what was refused changed nothing"
    );
}

#[tokio::test]
async fn a_user_without_rights_is_told_so_and_no_secret() {
    let Some(server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    server
        .command(&[
            "ACL", "SETUSER", "poor", "on", ">geheim", "~p:*", "+eval", "+evalsha",
        ])
        .await;
    server
        .command(&[
            "ACL", "SETUSER", "keyless", "on", ">geheim", "~other:*", "+@all",
        ])
        .await;
    let rights = "+eval +evalsha +time +hget +hmget +hset +hdel +zadd +zrem +zrangebyscore +zcard +pttl \
                  +pexpire +scan";
    let mut listed = vec!["ACL", "SETUSER", "listed", "on", ">geheim", "~p:*"];
    listed.extend(rights.split_whitespace());
    server.command(&listed).await;
    server
        .command(&["ACL", "SETUSER", "default", ">other"])
        .await;
    let open = |login: &str| {
        let url = server
            .url()
            .replace("redis://", &format!("redis://{login}"));
        RedisUsage::builder().prefix("p:").open(&url).unwrap()
    };
    let wrong = ["", "poor:geheim@", "keyless:geheim@", "poor:falsch-geheim@"];
    for login in wrong {
        let store = open(login);
        let told = fault(&store, StoreErrorKind::Unavailable).await;
        assert!(told.contains("access"), "{login}: {told}");
        assert!(!format!("{told} {store:?}").contains("geheim"));
    }
    let store = open("listed:geheim@");
    ask(&store, claim(&gauge("x"), 1, 9)).await.unwrap();
    store.sweep().await.unwrap();
}

#[tokio::test]
async fn more_calls_than_the_bound_fail_at_once() {
    let Some(server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    let store = open(
        &server,
        RedisUsage::builder()
            .max_calls(3)
            .deadline(Duration::from_secs(30)),
    );
    let held = ask(&*store, claim(&gauge("x"), 1, 9)).await.unwrap();
    server.pause();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let store = std::sync::Arc::clone(&store);
        waiting.push(tokio::spawn(async move { one_more(&store).await.is_ok() }));
    }
    within("the calls that wait", async {
        while store.statistics().calls < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fault(&store, StoreErrorKind::Full).await;
    assert_eq!(store.statistics().refused_calls, 1);
    // Whoever has units can end that all the same.
    let end = tokio::spawn(store.commit(held.id(), &[1]));
    within("the commit to wait", async {
        while store.statistics().calls < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.resume();
    assert_eq!(end.await.unwrap().unwrap(), Settlement::Settled);
    for call in waiting {
        assert!(call.await.unwrap());
    }
    assert_eq!(used(&*store, &gauge("x")).await, 4);
}

#[tokio::test]
async fn a_server_that_stands_still_is_given_up_in_time() {
    let Some(server) = Redis::start(Saving::Nothing).await else {
        return;
    };
    let store = open(
        &server,
        RedisUsage::builder().deadline(Duration::from_millis(200)),
    );
    ask(&*store, claim(&gauge("x"), 1, 9)).await.unwrap();
    server.pause();
    for _ in 0..3 {
        let fault = one_more(&store).await.unwrap_err();
        let kinds = [StoreErrorKind::TimedOut, StoreErrorKind::Unavailable];
        assert!(kinds.contains(&fault.kind()), "{fault}");
    }
    server.resume();
    recovers(&store).await;
}

/// A caller that leaves breaks nothing for the others, who share its connection.
#[tokio::test]
async fn a_call_that_is_dropped_disturbs_no_other() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let store = store(server, &Redis::prefix());
    for round in 0..200_u64 {
        let key = gauge(&round.to_string());
        let claims = [claim(&key, 1, 9)];
        let mut dropped = store.reserve(Reserve::new(&claims, TTL));
        let polled = futures_util::poll!(&mut dropped);
        drop((polled, dropped));
        let state = store.peek(std::slice::from_ref(&key)).await.unwrap();
        assert!(state[0].used() <= 1);
        let admitted = ask(&*store, claim(&key, 2, 9)).await.unwrap();
        assert_eq!(
            store.commit(admitted.id(), &[2]).await.unwrap(),
            Settlement::Settled
        );
    }
    assert_eq!(store.statistics().connections, 1);
    assert_eq!(store.statistics().calls, 0);
}
