//! Blocks of a rate's units, to be spent within a moment.

use std::sync::Arc;
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::Limit;

use super::harness::{MINUTE, SharedHarness, TICK, claim};
use crate::{CounterKey, RateBlock, RateBlockOutcome, Refusal, ReserveOutcome, StoreErrorKind};

/// How long the units of a block may be spent.
const WITHIN: Duration = Duration::from_secs(3);

fn block(key: &CounterKey, units: u64, limit: u64) -> RateBlock<'_> {
    RateBlock {
        key,
        units,
        limit: Limit::AtMost(limit),
        spend_within: WITHIN,
    }
}

/// From when it is taken until a length after the last moment at which it may be spent.
pub async fn a_block_of_a_rate_counts_until_all_of_it_would(h: &SharedHarness) {
    let key = h.alone().rate("rate");
    for round in 0..3 {
        let outcome = h.take_of_rate(block(&key, 4, 9)).await;
        let wait = Some(WITHIN + MINUTE);
        assert!(
            matches!(outcome, RateBlockOutcome::Granted(state)
                if state.used() == 4 && state.wait() == wait),
            "round {round}: {outcome:?}"
        );
        h.alone().refused(&[claim(&key, 6, 9)]).await;
        h.alone().clock().advance(WITHIN + MINUTE - TICK);
        assert_eq!(h.alone().used(&key).await, 4);
        h.alone().clock().advance(TICK);
        assert_eq!(h.alone().used(&key).await, 0);
    }
}

/// Nor says more than how long it would be until it fits.
pub async fn a_refused_block_of_a_rate_changes_nothing(h: &SharedHarness) {
    let key = h.alone().rate("rate");
    h.take_of_rate(block(&key, 4, 9)).await;
    h.alone().clock().advance(Duration::from_secs(10));
    h.take_of_rate(block(&key, 3, 9)).await;
    for (units, wait) in [(3, 53), (6, 53), (7, 63), (9, 63)] {
        for _ in 0..3 {
            let outcome = h.take_of_rate(block(&key, units, 9)).await;
            let wait = Some(Duration::from_secs(wait));
            assert!(
                matches!(outcome, RateBlockOutcome::Refused(Refusal::Full, state)
                    if state.used() == 7 && state.wait() == wait),
                "{units}: {outcome:?}"
            );
        }
    }
    let outcome = h.take_of_rate(block(&key, 10, 9)).await;
    assert!(
        matches!(outcome, RateBlockOutcome::Refused(Refusal::NeverFits, state)
            if state.wait().is_none()),
        "{outcome:?}"
    );
    h.alone().clock().advance(Duration::from_secs(53) - TICK);
    let refused = h.take_of_rate(block(&key, 6, 9)).await;
    assert!(matches!(refused, RateBlockOutcome::Refused(..)));
    h.alone().clock().advance(TICK);
    let granted = h.take_of_rate(block(&key, 6, 9)).await;
    assert!(matches!(granted, RateBlockOutcome::Granted(state) if state.used() == 9));
}

/// By however many processes.
pub async fn blocks_of_a_rate_taken_at_once_stay_within_the_limit(h: &SharedHarness) {
    let key = h.alone().rate("rate");
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let (store, key) = (Arc::clone(h.store()), key.clone());
        tasks.push(tokio::spawn(async move {
            let outcome = store.take_of_rate(block(&key, 3, 32)).await;
            matches!(outcome, Ok(RateBlockOutcome::Granted(_)))
        }));
    }
    let mut granted = 0;
    for task in tasks {
        granted += u64::from(task.await.unwrap_or(false));
    }
    assert_eq!(granted, 10);
    assert_eq!(h.alone().used(&key).await, 30);
}

/// Wherever in its time a block is spent, and whoever asks directly in between. What comes after a
/// block counts longer than by itself, but no longer than the block would have if it had come then.
pub async fn in_no_span_more_than_the_rate_with_blocks(h: &SharedHarness) {
    const LIMIT: u64 = 20;
    let key = h.alone().rate("rate");
    // When it was taken, how long it could be spent, and how many units.
    let mut taken: Vec<(Duration, Duration, u64)> = Vec::new();
    for step in 0..300_u64 {
        let clock = h.alone().clock();
        clock.advance(Duration::from_millis(step * 577 % 2_900));
        let units = step * 5 % 7 + 1;
        let within = Duration::from_secs(match step % 6 {
            0 => 1,
            2 | 4 => 3,
            _ => 0,
        });
        let now = clock.elapsed();
        let granted = if within.is_zero() {
            let outcome = h.alone().ask(&[claim(&key, units, LIMIT)]).await;
            matches!(outcome, ReserveOutcome::Admitted(_))
        } else {
            let spend_within = within;
            let asked = RateBlock {
                spend_within,
                ..block(&key, units, LIMIT)
            };
            matches!(h.take_of_rate(asked).await, RateBlockOutcome::Granted(_))
        };
        let counting = |more: Duration| -> u64 {
            let live = taken
                .iter()
                .filter(|(at, within, _)| *at + (*within).max(more) + MINUTE > now);
            live.map(|(_, _, units)| units).sum()
        };
        let (least, most) = (counting(Duration::ZERO), counting(Duration::from_secs(3)));
        if granted {
            assert!(least + units <= LIMIT, "step {step}");
            taken.push((now, within, units));
        } else {
            assert!(most + units > LIMIT, "step {step}");
        }
    }
    assert!(taken.iter().any(|(_, within, _)| within.is_zero()));
    assert!(taken.len() > 40, "{}", taken.len());
}

/// Only of a rate, and never none.
pub async fn senseless_blocks_are_errors(h: &SharedHarness) {
    let (rate, quota) = (h.alone().rate("rate"), h.alone().quota("quota", MINUTE));
    let gauge = h.alone().gauge("gauge");
    for block in [block(&rate, 0, 5), block(&quota, 1, 5), block(&gauge, 1, 5)] {
        let fault = h.store().take_of_rate(block).await;
        let kind = fault.map_err(|error| error.kind());
        assert_eq!(kind, Err(StoreErrorKind::InvalidClaims), "{block:?}");
    }
    for key in [&rate, &quota, &gauge] {
        assert_eq!(h.alone().used(key).await, 0);
    }
}

/// Up to what a number holds.
pub async fn extreme_blocks_of_a_rate_are_counted_exactly(h: &SharedHarness) {
    let key = h.alone().rate("rate");
    let all = block(&key, u64::MAX, u64::MAX);
    let outcome = h.take_of_rate(all).await;
    assert!(matches!(outcome, RateBlockOutcome::Granted(state) if state.used() == u64::MAX));
    let outcome = h.take_of_rate(block(&key, 1, u64::MAX)).await;
    assert!(matches!(
        outcome,
        RateBlockOutcome::Refused(Refusal::Full, _)
    ));
    let unlimited = RateBlock {
        limit: Limit::Unlimited,
        ..block(&key, 1, 0)
    };
    let outcome = h.take_of_rate(unlimited).await;
    assert!(matches!(outcome, RateBlockOutcome::Granted(_)));
    h.alone().clock().advance(WITHIN + MINUTE);
    assert_eq!(h.alone().used(&key).await, 0);
}
