//! Rates.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, IdempotencyKey, LeasedUsage, LeasedUsageBuilder, Rates,
    Reserve, ReserveOutcome, Settlement, StoreErrorKind, UsageStore,
};

use crate::world::{Front, TTL, TokioClock, Weather, World, kind, world};

const MINUTE: Duration = Duration::from_secs(60);
/// How long a block may be spent by default, and how long that counts.
const WITHIN: Duration = Duration::from_secs(3);
const LIMIT: u64 = 10_000;

/// A world whose counter is a rate per minute.
fn rated(set_up: impl FnOnce(LeasedUsageBuilder) -> LeasedUsageBuilder) -> World {
    let mut w = world(|builder| set_up(builder.rates(Rates::Leased)));
    let window = CounterWindow::Sliding { length: MINUTE };
    w.key = CounterKey::new(Subject::user("a"), "calls", window);
    w
}

/// Spends until blocks are taken.
async fn warm_up(w: &World) -> u64 {
    for _ in 0..200 {
        w.spent(1, LIMIT).await;
    }
    200
}

async fn used_at_store(w: &World) -> u64 {
    let states = w.store.inner.peek(std::slice::from_ref(&w.key)).await;
    states.unwrap().first().unwrap().used()
}

async fn used(w: &World) -> u64 {
    let states = w.usage.peek(std::slice::from_ref(&w.key)).await;
    states.unwrap().first().unwrap().used()
}

/// Takes what it can get one by one, and tells how much that was.
async fn drain(w: &World, usage: &LeasedUsage) -> u64 {
    let claims = [Claim::new(w.key.clone(), 1, Limit::AtMost(LIMIT))];
    let mut taken = 0;
    loop {
        match usage.reserve(Reserve::new(&claims, TTL)).await.unwrap() {
            ReserveOutcome::Admitted(admitted) => {
                usage.commit(admitted.id(), &[1]).await.unwrap();
                taken += 1;
            }
            ReserveOutcome::Refused(_) => return taken,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn most_of_a_rate_is_decided_without_asking() {
    let w = rated(|builder| builder);
    warm_up(&w).await;
    let before = w.store.blocks() + w.store.direct();
    for _ in 0..5_000 {
        w.spent(1, LIMIT).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = w.store.blocks() + w.store.direct() - before;
    assert!(asked <= 250, "{asked} requests for 5,000 operations");
}

#[tokio::test(start_paused = true)]
async fn rates_go_straight_unless_told_otherwise_or_small_short_or_quiet() {
    let set_ups: [fn(LeasedUsageBuilder) -> LeasedUsageBuilder; 2] = [
        |builder| builder.rates(Rates::Direct),
        |builder| builder.rate_share(NonZeroU32::new(3_001).unwrap()),
    ];
    for set_up in set_ups {
        let w = rated(set_up);
        warm_up(&w).await;
        assert_eq!((w.store.blocks(), w.store.direct()), (0, 200));
    }
    let w = rated(|builder| builder);
    for _ in 0..99 {
        w.spent(1, 399).await;
    }
    // Who is alone with his wish would only pay for a block.
    for _ in 0..20 {
        w.spent(1, LIMIT).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!((w.store.blocks(), w.store.direct()), (0, 119));
    assert_eq!(used(&w).await, 119);
}

#[tokio::test(start_paused = true)]
async fn two_replicas_and_the_store_itself_stay_within_the_rate_and_reach_it() {
    let w = rated(|builder| builder);
    let other = LeasedUsage::builder(Arc::new(Front(Arc::clone(&w.store))))
        .clock(Arc::new(TokioClock::new()))
        .rates(Rates::Leased)
        .rate_share(NonZeroU32::new(60).unwrap())
        .build();
    for round in 0..3 {
        let direct = [Claim::new(w.key.clone(), 1_000, Limit::AtMost(LIMIT))];
        let outcome = w.store.inner.reserve(Reserve::new(&direct, TTL)).await;
        assert!(matches!(outcome, Ok(ReserveOutcome::Admitted(_))));
        let (one, two) = tokio::join!(drain(&w, &w.usage), drain(&w, &other));
        let rest = drain(&w, &w.usage).await + drain(&w, &other).await;
        assert_eq!(1_000 + one + two + rest, LIMIT, "round {round}");
        // Neither is refused longer than it is said.
        let told = w.refused(1, LIMIT).await.state().wait().unwrap();
        assert!(told <= MINUTE + WITHIN, "{told:?}");
        tokio::time::sleep(MINUTE + WITHIN).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_costs_nothing_until_the_moment_it_names() {
    let w = rated(|builder| builder);
    warm_up(&w).await;
    drain(&w, &w.usage).await;
    let before = w.store.blocks() + w.store.direct();
    let told = w.refused(1, LIMIT).await.state();
    assert_eq!(told.used(), LIMIT);
    let until = tokio::time::Instant::now() + told.wait().unwrap();
    while tokio::time::Instant::now() < until {
        let refused = w.refused(1, LIMIT).await.state();
        assert_eq!(refused.wait(), Some(until - tokio::time::Instant::now()));
        tokio::time::sleep(Duration::from_secs(1).min(until - tokio::time::Instant::now())).await;
    }
    assert_eq!(w.store.blocks() + w.store.direct(), before);
    w.spent(1, LIMIT).await;
    // A higher limit holds at once.
    drain(&w, &w.usage).await;
    w.spent(1, LIMIT + 1).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_a_block_is_spent_for_a_moment_and_no_longer() {
    for weather in [Weather::Hang, Weather::Away, Weather::LoseAnswers] {
        let w = rated(|builder| builder);
        warm_up(&w).await;
        let held = used_at_store(&w).await - used(&w).await;
        assert!(held > 1, "{held}");
        w.store.set(weather);
        let (mut spent, mut failed) = (0, 0);
        while failed < 3 {
            match w.reserve(1, LIMIT).await {
                Ok(ReserveOutcome::Admitted(_)) => spent += 1,
                Ok(ReserveOutcome::Refused(refused)) => panic!("{refused:?}"),
                Err(_) => failed += 1,
            }
        }
        assert_eq!(spent, held, "under {weather:?}");
        w.store.set(Weather::Fine);
        tokio::time::sleep(Duration::from_secs(5)).await;
        w.spent(1, LIMIT).await;

        warm_up(&w).await;
        w.store.set(weather);
        tokio::time::sleep(WITHIN).await;
        // What is left of the block is over.
        assert!(w.reserve(1, LIMIT).await.is_err(), "under {weather:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_too_late_is_asked_directly() {
    let w = rated(|builder| builder.rate_share(NonZeroU32::new(300).unwrap()));
    warm_up(&w).await;
    // Longer than the 200 ms of a block.
    w.store.set(Weather::Slow(Duration::from_millis(250)));
    let before = used_at_store(&w).await;
    let (blocks, direct) = (w.store.blocks(), w.store.direct());
    for _ in 0..1_000 {
        w.spent(1, LIMIT).await;
    }
    assert!(w.store.direct() - direct >= 800);
    assert!(
        w.store.blocks() - blocks <= 2,
        "{}",
        w.store.blocks() - blocks
    );
    let counted = used_at_store(&w).await - before;
    assert!((800..1_200).contains(&counted), "{counted}");
}

#[tokio::test(start_paused = true)]
async fn many_who_come_at_once_make_few_requests() {
    let w = rated(|builder| builder);
    w.store.set(Weather::Slow(Duration::from_millis(20)));
    let waiting: Vec<_> = (0..500)
        .map(|_| tokio::spawn(w.reserve(1, LIMIT)))
        .collect();
    for waiting in waiting {
        let outcome = waiting.await.unwrap().unwrap();
        assert!(matches!(outcome, ReserveOutcome::Admitted(_)));
    }
    let asked = w.store.blocks() + w.store.direct();
    assert!(asked <= 8, "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_stays_counted_whatever_comes_of_it() {
    let w = rated(|builder| builder);
    let spent = warm_up(&w).await;
    let id = w.admitted(2, LIMIT).await;
    let released = w.usage.release(id).await.unwrap();
    assert_eq!(released, Settlement::Settled);
    let id = w.admitted(3, LIMIT).await;
    w.usage.commit(id, &[1]).await.unwrap();
    assert_eq!(used(&w).await, spent + 5);
    assert_eq!(drain(&w, &w.usage).await, LIMIT - spent - 5);
}

#[tokio::test(start_paused = true)]
async fn more_than_was_reserved_is_counted() {
    let w = rated(|builder| builder);
    let spent = warm_up(&w).await;
    let id = w.admitted(1, LIMIT).await;
    let commit = w.usage.commit(id, &[5_000]).await.unwrap();
    assert_eq!(commit, Settlement::Settled);
    assert_eq!(used(&w).await, spent + 5_000);
    w.usage.shutdown(Duration::from_secs(1)).await.unwrap();
    assert_eq!(used_at_store(&w).await, spent + 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_moment_hears_of_it_later() {
    let w = rated(|builder| builder);
    let spent = warm_up(&w).await;
    let id = w.admitted(1, LIMIT).await;
    w.store.set(Weather::Away);
    w.usage.commit(id, &[5_000]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let late = w.usage.shutdown(Duration::from_secs(1)).await;
    assert_eq!(kind(late), StoreErrorKind::TimedOut);
    w.store.set(Weather::Fine);
    w.usage.shutdown(Duration::from_secs(10)).await.unwrap();
    assert_eq!(used_at_store(&w).await, spent + 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_is_for_the_store_to_decide() {
    let w = rated(|builder| builder.replicas(NonZeroU64::MIN));
    warm_up(&w).await;
    while used(&w).await < 500 || used_at_store(&w).await - used(&w).await < 50 {
        w.spent(1, LIMIT).await;
    }
    // The block that is held was granted when so much was used with it.
    let (granted_at, direct) = (used_at_store(&w).await, w.store.direct());
    w.refused(1, granted_at - 1).await;
    assert_eq!(w.store.direct(), direct + 1);
    w.spent(1, granted_at).await;
    assert_eq!(w.store.direct(), direct + 1);
    // A name makes an operation go straight, too. It sees what is held.
    let name = IdempotencyKey::new("k").unwrap();
    let claims = [Claim::new(w.key.clone(), 1, Limit::AtMost(granted_at))];
    let request = Reserve::new(&claims, TTL).with_idempotency_key(&name);
    let outcome = w.usage.reserve(request).await.unwrap();
    assert!(matches!(outcome, ReserveOutcome::Refused(_)));
    assert_eq!(w.store.direct(), direct + 2);
}

#[tokio::test(start_paused = true)]
async fn a_rate_and_a_quota_are_taken_together_or_not_at_all() {
    let w = rated(|builder| builder.ahead(1_000));
    let quota = world(|builder| builder).key;
    let both = |quota_limit| {
        [
            Claim::new(w.key.clone(), 1, Limit::AtMost(LIMIT)),
            Claim::new(quota.clone(), 1, Limit::AtMost(quota_limit)),
        ]
    };
    let spend = async |quota_limit| {
        let claims = both(quota_limit);
        match w.usage.reserve(Reserve::new(&claims, TTL)).await.unwrap() {
            ReserveOutcome::Admitted(admitted) => {
                let settled = w.usage.commit(admitted.id(), &[1, 1]).await.unwrap();
                assert_eq!(settled, Settlement::Settled);
                None
            }
            ReserveOutcome::Refused(refused) => Some(refused.claim()),
        }
    };
    for _ in 0..1_000 {
        assert_eq!(spend(1_000_000).await, None);
    }
    assert!(w.store.direct() < 10, "{}", w.store.direct());
    for _ in 0..50 {
        assert_eq!(spend(1_000).await, Some(1));
    }
    assert_eq!(
        used(&w).await,
        1_000,
        "a refusal by the quota spends nothing of the rate"
    );
    drain(&w, &w.usage).await;
    assert_eq!(spend(1_000_000).await, Some(0));
    w.usage.shutdown(Duration::from_secs(60)).await.unwrap();
    let quota = w.store.tally(&quota).await;
    assert_eq!(quota, (1_000, 0), "nor one by the rate of the quota");
}

/// Asks at random moments, at `per_second` on average while it is `on`, at one of three replicas; and
/// tells how many of those asked for in the second and third minute were refused.
async fn demand(per_second: f64, on: impl Fn(Duration) -> bool) -> (u64, u64) {
    let w = rated(|builder| builder);
    let replica = || {
        LeasedUsage::builder(Arc::new(Front(Arc::clone(&w.store))))
            .clock(Arc::new(TokioClock::new()))
            .rates(Rates::Leased)
            .build()
    };
    let replicas = [replica(), replica(), replica()];
    w.store.set(Weather::Slow(Duration::from_millis(1)));
    let claims = [Claim::new(w.key.clone(), 1, Limit::AtMost(LIMIT))];
    let mut random = fastrand::Rng::with_seed(7);
    let (mut asked, mut refused, mut at) = (0, 0, Duration::ZERO);
    let begin = tokio::time::Instant::now();
    while at < 3 * MINUTE {
        at += Duration::from_secs_f64(-random.f64().max(1e-9).ln() / per_second);
        if !on(at) {
            continue;
        }
        tokio::time::sleep_until(begin + at).await;
        let usage = random.choice(&replicas).unwrap();
        let outcome = usage.reserve(Reserve::new(&claims, TTL)).await.unwrap();
        if at < MINUTE {
            continue;
        }
        asked += 1;
        match outcome {
            ReserveOutcome::Admitted(admitted) => {
                let settled = usage.commit(admitted.id(), &[1]).await.unwrap();
                assert_eq!(settled, Settlement::Settled);
            }
            ReserveOutcome::Refused(_) => refused += 1,
        }
    }
    (asked, refused)
}

#[tokio::test(start_paused = true)]
async fn demand_below_what_can_be_kept_up_is_met() {
    // At most 10,000 in a minute and three seconds.
    let kept_up = 10_000.0 / 63.0;
    let steady = demand(0.95 * kept_up, |_| true).await;
    let in_turns = demand(2.0 * 0.9 * kept_up, |at| at.as_secs().is_multiple_of(2)).await;
    for (asked, refused) in [steady, in_turns] {
        assert!(refused <= asked / 100, "{refused} of {asked} were refused");
    }
    let (_, refused) = demand(1.2 * kept_up, |_| true).await;
    assert!(refused > 0, "so much cannot be kept up");
}
