//! When an event is tried again.

use std::time::Duration;

use tiergate_core::time::Timestamp;

/// For how long an event is tried: as long as Stripe itself tries to deliver one.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How often an event is tried at least: nothing is given up because nobody worked for three days.
const FEWEST: i64 = 8;
/// The first wait; each is twice the one before.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// When an event that came at `received_at` and failed for the `attempts`th time is tried again; none if
/// it has been tried for long enough.
///
/// `share`, from 0 to 1, spreads events that failed together over half of the wait.
pub(super) fn next_try(
    received_at: Timestamp,
    attempts: i64,
    now: Timestamp,
    share: f64,
) -> Option<Timestamp> {
    if attempts >= FEWEST && now.duration_since(received_at) >= PATIENCE {
        return None;
    }
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or_default();
    let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    Some(now.saturating_add(wait / 2 + (wait / 2).mul_f64(share.clamp(0.0, 1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_up_before_it_was_tried_a_few_times() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let late = start.saturating_add(PATIENCE * 2);
        assert!(next_try(start, FEWEST - 1, late, 0.5).is_some());
        assert!(next_try(start, FEWEST, late, 0.5).is_none());
    }

    #[test]
    fn waits_grow_to_an_hour_and_end_after_three_days() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let wait = |attempts| {
            next_try(start, attempts, start, 1.0)
                .unwrap()
                .duration_since(start)
        };
        assert_eq!(wait(1), FIRST);
        assert_eq!(wait(2), FIRST * 2);
        assert_eq!(wait(13), LONGEST);
        assert_eq!(wait(i64::MAX), LONGEST);
        let half = next_try(start, 2, start, 0.0)
            .unwrap()
            .duration_since(start);
        assert_eq!(half, FIRST);

        let mut now = start;
        let mut tries = 0;
        while let Some(next) = next_try(start, tries + 1, now, 0.5) {
            now = next;
            tries += 1;
        }
        assert!(now.duration_since(start) >= PATIENCE);
        assert!(now.duration_since(start) < PATIENCE + LONGEST);
        assert!((80..120).contains(&tries), "{tries}");
    }
}
