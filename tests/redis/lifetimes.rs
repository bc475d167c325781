//! What stays, for how long, and what is left behind.

use std::time::Duration;

use redis::Value;
use tiergate::Limit;
use tiergate::clock::{ManualClock, SystemClock};
use tiergate::usage::{
    Adjustment, IdempotencyKey, Lease, LeaseId, RedisUsage, Reserve, ReserveOutcome, Settlement,
    SharedStore, UsageStore,
};
use tiergate_tests::{Redis, Saving, within};

use crate::support::{MINUTE, TTL, ask, claim, clocked, gauge, open, quota, rate, store, used};

async fn keys(server: &Redis, prefix: &str) -> Vec<String> {
    let keys = server.command(&["KEYS", &format!("{prefix}*")]).await;
    redis::from_redis_value(keys).unwrap()
}

/// A bit of everything that a store keeps.
async fn use_everything(store: &RedisUsage, user: &str, clock: &dyn tiergate::clock::Clock) {
    let (level, minute, window) = (gauge(user), rate(user, MINUTE), quota(user, clock));
    let claims = [
        claim(&level, 2, 90),
        claim(&minute, 2, 90),
        claim(&window, 2, 90),
    ];
    let name = IdempotencyKey::new("name").unwrap();
    for ending in ["commit", "release", "leave"] {
        let request = Reserve::new(&claims, TTL);
        let request = match ending {
            "commit" => request.with_idempotency_key(&name),
            _ => request,
        };
        let ReserveOutcome::Admitted(admitted) = store.reserve(request).await.unwrap() else {
            panic!("it fits");
        };
        match ending {
            "commit" => drop(store.commit(admitted.id(), &[2, 2, 2]).await.unwrap()),
            "release" => drop(store.release(admitted.id()).await.unwrap()),
            _ => {}
        }
    }
    for (number, key) in [(1, &level), (2, &window), (3, &level)] {
        let lease = Lease {
            key,
            id: LeaseId::from_u128(number),
            units: 5,
            kept: 1,
            limit: Limit::AtMost(90),
            ttl: TTL,
        };
        store.lease(lease).await.unwrap();
    }
    store
        .extend(&level, LeaseId::from_u128(1), 3, TTL)
        .await
        .unwrap();
    store.end(&window, LeaseId::from_u128(2), 4).await.unwrap();
    store.adjust(&window, Adjustment::Raise(1)).await.unwrap();
    store.lower(&level, 1).await.unwrap();
}

#[tokio::test]
async fn no_key_is_without_an_end_at_any_moment() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let prefix = Redis::prefix();
    let worker = store(server, &prefix);
    let working = tokio::spawn(async move {
        for user in 0..60 {
            use_everything(&worker, &user.to_string(), &SystemClock::new()).await;
        }
    });
    let mut looked_at = 0;
    loop {
        let is_last = working.is_finished();
        for key in keys(server, &prefix).await {
            let left = server.command(&["PTTL", &key]).await;
            // -2 is one that is gone, -1 one without an end.
            assert!(matches!(left, Value::Int(-2 | 0..)), "{key} has {left:?}");
            looked_at += 1;
        }
        if is_last {
            break;
        }
    }
    working.await.unwrap();
    assert!(looked_at >= 120);
}

/// The end of a key covers what it holds, and gauges have one of their own.
#[tokio::test]
async fn keys_live_as_long_as_they_are_of_use() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let clock = ManualClock::default();
    let prefix = Redis::prefix();
    let day = Duration::from_secs(24 * 3_600);
    let builder = RedisUsage::builder()
        .prefix(prefix.clone())
        .gauge_ttl(400 * day);
    let store = open(server, builder.clock(std::sync::Arc::new(clock.clone())));
    let seconds = async || {
        let mut left = Vec::new();
        for key in keys(server, &prefix).await {
            let Value::Int(seconds) = server.command(&["TTL", &key]).await else {
                panic!("a number is answered");
            };
            left.push((
                key.ends_with(":u"),
                Duration::from_secs(seconds.unsigned_abs()),
            ));
        }
        left.sort();
        left
    };
    let minute = rate("x", 2 * TTL);
    ask(&*store, claim(&minute, 1, 9)).await.unwrap();
    for (_, left) in seconds().await {
        assert!(left >= 2 * TTL && left < day, "{left:?}");
    }
    let window = quota("x", &clock);
    let admitted = ask(&*store, claim(&window, 1, 9)).await.unwrap();
    for (_, left) in seconds().await {
        assert!(left >= 101 * day - MINUTE && left < 103 * day, "{left:?}");
    }
    store.release(admitted.id()).await.unwrap();
    store
        .adjust(&gauge("x"), Adjustment::Raise(1))
        .await
        .unwrap();
    let left = seconds().await;
    let [(false, due), (true, hash)] = left[..] else {
        panic!("two keys: {left:?}");
    };
    assert!(
        hash >= 400 * day - MINUTE && due >= 101 * day - MINUTE,
        "{left:?}"
    );
}

#[tokio::test]
async fn nothing_is_left_once_everything_is_over() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let (clock, prefix) = (ManualClock::default(), Redis::prefix());
    let store = clocked(server, &prefix, clock.clone());
    for user in 0..30 {
        use_everything(&store, &user.to_string(), &clock).await;
    }
    assert_eq!(keys(server, &prefix).await.len(), 60);
    // Everything but the gauges ends by itself.
    clock.advance(Duration::from_secs(300 * 24 * 3_600));
    for user in 0..30 {
        store
            .lower(&gauge(&user.to_string()), u64::MAX)
            .await
            .unwrap();
    }
    clock.advance(Duration::from_secs(10 * 24 * 3_600));
    store.sweep().await.unwrap();
    assert_eq!(keys(server, &prefix).await, Vec::<String>::new());
}

/// Without a sweep, by the operations themselves.
#[tokio::test]
async fn operations_leave_little_behind() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let (clock, prefix) = (ManualClock::default(), Redis::prefix());
    let store = clocked(server, &prefix, clock.clone());
    let minute = rate("x", Duration::from_secs(5));
    let entries = async || {
        let mut entries = 0;
        for key in keys(server, &prefix).await {
            let count = if key.ends_with(":u") { "HLEN" } else { "ZCARD" };
            if let Value::Int(number) = server.command(&[count, &key]).await {
                entries += number;
            }
        }
        entries
    };
    for _ in 0..20 {
        for step in 0..100 {
            clock.advance(Duration::from_millis(50));
            let window = quota("x", &clock);
            let admitted = ask(&*store, claim(&window, 1, 9)).await.unwrap();
            store.release(admitted.id()).await.unwrap();
            if step % 2 == 0 {
                ask(&*store, claim(&minute, 1, 1_000)).await.unwrap();
            }
        }
        clock.advance(2 * TTL);
        assert!(entries().await < 700, "{}", entries().await);
    }
    // Those that expire now are remembered for an hour.
    clock.advance(2 * TTL);
    ask(&*store, claim(&gauge("x"), 0, 1)).await.unwrap();
    clock.advance(Duration::from_secs(7_200));
    for _ in 0..10 {
        ask(&*store, claim(&gauge("x"), 0, 1)).await.unwrap();
    }
    // Ten reservations of nothing and one that expired, each with a place in both keys.
    assert!(entries().await <= 22, "{}", entries().await);
}

#[tokio::test]
async fn a_server_that_saves_keeps_counts_over_its_end() {
    let Some(mut server) = Redis::start(Saving::Everything).await else {
        return;
    };
    let clock = SystemClock::new();
    let store_before = store(&server, "p:");
    let keys = [gauge("x"), rate("x", 100 * MINUTE), quota("x", &clock)];
    let mut open = Vec::new();
    for key in &keys {
        let admitted = ask(&*store_before, claim(key, 3, 9)).await.unwrap();
        store_before.commit(admitted.id(), &[3]).await.unwrap();
        open.push(ask(&*store_before, claim(key, 4, 9)).await.unwrap());
    }
    server.kill().await;
    server.restart().await;
    let store_after = store(&server, "p:");
    for (key, open) in keys.iter().zip(open) {
        assert_eq!(used(&*store_after, key).await, 7, "{key:?}");
        assert_eq!(
            store_before.commit(open.id(), &[4]).await.unwrap(),
            Settlement::Settled
        );
        assert!(ask(&*store_before, claim(key, 3, 9)).await.is_none());
        assert!(ask(&*store_after, claim(key, 2, 9)).await.is_some());
    }
    assert_eq!(store_before.statistics().connections, 2);
}

#[tokio::test]
async fn what_a_process_left_open_expires_without_it() {
    let Some(server) = Redis::shared().await else {
        return;
    };
    let prefix = Redis::prefix();
    let (kept, lost) = (gauge("x"), gauge("y"));
    let ended = store(server, &prefix);
    let admitted = ask(&*ended, claim(&kept, 4, 9)).await.unwrap();
    ended.commit(admitted.id(), &[4]).await.unwrap();
    // By the server's own clock.
    let claims = [claim(&lost, 5, 5)];
    let request = Reserve::new(&claims, Duration::from_millis(200));
    assert!(matches!(
        ended.reserve(request).await,
        Ok(ReserveOutcome::Admitted(_))
    ));
    drop(ended);
    let next = store(server, &prefix);
    assert_eq!(used(&*next, &kept).await, 4);
    within("what expires", async {
        while used(&*next, &lost).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(ask(&*next, claim(&lost, 5, 5)).await.is_some());
    assert_eq!(next.statistics().expired, 1);
}
