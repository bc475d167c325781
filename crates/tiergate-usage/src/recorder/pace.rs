//! How long to wait before a batch is sent again.

use std::time::Duration;

/// The longest pause that a sink may ask for.
const LONGEST_WISH: Duration = Duration::from_secs(300);

/// How long to wait at least when the credential is refused: somebody has to look at it.
const UNAUTHORIZED: Duration = Duration::from_secs(15);

/// The pauses between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// The longest pause after a first failure; it doubles with each more in a row.
    pub(super) first: Duration,
    /// The longest pause.
    pub(super) longest: Duration,
}

/// What is known of the next pause beside how often it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Failure,
    /// The sink wishes to be left alone for so long.
    Wish(Duration),
    Unauthorized,
}

impl Pace {
    /// How long to wait after so many failures in a row. `dice` is from 0 to 1.
    ///
    /// Full jitter, so that those whom one outage stopped do not come back at once; on top of what the
    /// sink wishes, because it told everybody the same.
    pub(super) fn pause(self, failures: u32, cause: Cause, dice: f64) -> Duration {
        let doublings = failures.saturating_sub(1);
        let most = self
            .first
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.longest);
        let least = match cause {
            Cause::Failure => Duration::ZERO,
            Cause::Wish(wish) => wish.min(LONGEST_WISH),
            Cause::Unauthorized => UNAUTHORIZED.min(self.longest),
        };
        let random = Duration::try_from_secs_f64(most.as_secs_f64() * dice).unwrap_or(most);
        least.saturating_add(random)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_grow_from_half_a_second_to_thirty() {
        let expected = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
        for (failures, millis) in (1..).zip(expected) {
            let most = Pace::default().pause(failures, Cause::Failure, 1.0);
            assert_eq!(most, Duration::from_millis(millis));
            let least = Pace::default().pause(failures, Cause::Failure, 0.0);
            assert_eq!(least, Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn a_wish_is_granted_within_a_bound(
            failures: u32, wish in any::<u32>(), dice in 0.0..1.0_f64,
        ) {
            let wish = Duration::from_secs(wish.into());
            let pause = Pace::default().pause(failures, Cause::Wish(wish), dice);
            prop_assert!(pause >= wish.min(LONGEST_WISH));
            prop_assert!(pause <= LONGEST_WISH + Duration::from_secs(30));
        }

        #[test]
        fn a_refused_credential_is_tried_slowly(failures: u32, dice in 0.0..1.0_f64) {
            let pause = Pace::default().pause(failures, Cause::Unauthorized, dice);
            prop_assert!(pause >= UNAUTHORIZED && pause <= Duration::from_secs(45));
        }
    }
}
