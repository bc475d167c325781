use std::time::Duration;

use crate::jitter::Dice;

/// How long the one who follows waits for what.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// The longest pause after a first failure; it is doubled with each more in a row.
    pub(super) first_pause: Duration,
    /// The longest pause after failures.
    pub(super) longest_pause: Duration,
    /// The longest pause that the service may ask for.
    pub(super) longest_wish: Duration,
    /// The pause when the service has no stream of changes.
    pub(super) pause_without_offer: Duration,
    /// How long opening the stream may take, a token and the head of the answer included.
    pub(super) opening: Duration,
    /// How long not a byte may come. The service says something every 15 seconds.
    pub(super) silence: Duration,
    /// A stream that was open for so long was no failure.
    pub(super) steady_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            longest_wish: Duration::from_secs(300),
            pause_without_offer: Duration::from_secs(300),
            opening: Duration::from_secs(10),
            silence: Duration::from_secs(45),
            steady_after: Duration::from_secs(30),
        }
    }
}

impl Pace {
    /// How long to wait before the stream is opened again, after so many failures in a row, when
    /// the service wishes to be left alone for `wish`.
    ///
    /// Full jitter, so that those whom one restart cut off do not come back at once; on top of what
    /// the service wishes, because it told everybody the same.
    pub(super) fn pause(&self, failures: u32, wish: Duration, dice: Dice) -> Duration {
        let doublings = failures.saturating_sub(1);
        let most = self
            .first_pause
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.longest_pause);
        wish.min(self.longest_wish).saturating_add(dice.below(most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_grow_from_half_a_second_to_thirty() {
        let most =
            |failures| Pace::default().pause(failures, Duration::ZERO, Dice::showing(0.999_999_9));
        let expected = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
        for (failures, millis) in (1..).zip(expected) {
            let pause = most(failures);
            let expected = Duration::from_millis(millis);
            assert!(pause <= expected && pause > expected.mul_f64(0.999));
        }
    }

    proptest! {
        #[test]
        fn a_pause_is_as_long_as_wished_and_has_a_bound(
            failures in any::<u32>(), wish in any::<u32>(), dice in 0.0..1.0_f64,
        ) {
            let wish = Duration::from_secs(wish.into());
            let pause = Pace::default().pause(failures, wish, Dice::showing(dice));
            prop_assert!(pause >= wish.min(Duration::from_secs(300)));
            prop_assert!(pause <= Duration::from_secs(330));
        }
    }
}
