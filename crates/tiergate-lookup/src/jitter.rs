use std::time::Duration;

/// A random number from 0 to 1, 1 excluded. Rules take it as an argument, so that tests choose it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(f64);

impl Dice {
    pub(crate) fn roll() -> Self {
        Self(fastrand::f64())
    }

    #[cfg(test)]
    pub(crate) const fn showing(value: f64) -> Self {
        Self(value)
    }

    /// `base`, give or take a tenth.
    pub(crate) fn around(self, base: Duration) -> Duration {
        scale(base, 0.2_f64.mul_add(self.0, 0.9))
    }

    /// From `base` to six fifths of it.
    pub(crate) fn beyond(self, base: Duration) -> Duration {
        scale(base, 0.2_f64.mul_add(self.0, 1.0))
    }

    /// From nothing to `base`: full jitter.
    #[cfg(feature = "http-client")]
    pub(crate) fn below(self, base: Duration) -> Duration {
        scale(base, self.0)
    }
}

fn scale(base: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(base.as_secs_f64() * factor).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn jitter_stays_within_its_bounds(dice in 0.0..1.0_f64, seconds in 0..31_536_000_u64) {
            let base = Duration::from_secs(seconds);
            let dice = Dice::showing(dice);
            let around = dice.around(base);
            prop_assert!(around >= base.mul_f64(0.899) && around <= base.mul_f64(1.101));
            let beyond = dice.beyond(base);
            prop_assert!(beyond >= base && beyond <= base.mul_f64(1.201));
        }
    }
}
