use std::sync::Arc;

/// The shares of a limit whose crossing is told: when recorded usage of a metric takes its total from
/// below such a share of a limit to it or beyond.
///
/// ```
/// use tiergate_billing::usage::Thresholds;
///
/// let thresholds = Thresholds::new([100, 80, 80])?;
/// assert_eq!(thresholds.percents(), [80, 100]);
/// assert_eq!(Thresholds::default().percents(), [50, 80, 90, 100]);
/// # Ok::<(), tiergate_billing::usage::ThresholdsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    // INVARIANT: in rising order, each once, 1 to `GREATEST`; at most `MOST`.
    percents: Arc<[u16]>,
}

/// Shares that cannot be thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdsError {
    /// One is not in the range.
    #[error("{0} is out of range: a threshold is 1 to {most} percent", most = Thresholds::GREATEST)]
    OutOfRange(u16),
    /// There are too many.
    #[error("{0} thresholds are too many: there may be {most}", most = Thresholds::MOST)]
    TooMany(usize),
}

impl Thresholds {
    /// The most thresholds: each can make a batch tell something more of each of its records.
    pub const MOST: usize = 16;
    /// The greatest of them, in percent. Recording usage refuses none for being beyond a limit, so
    /// there may be more than 100 percent.
    pub const GREATEST: u16 = 1_000;

    /// Thresholds in percent, in any order.
    ///
    /// # Errors
    ///
    /// When one is not 1 to [`GREATEST`](Self::GREATEST), or they are more than [`MOST`](Self::MOST).
    pub fn new(percents: impl IntoIterator<Item = u16>) -> Result<Self, ThresholdsError> {
        let mut percents: Vec<u16> = percents.into_iter().collect();
        percents.sort_unstable();
        percents.dedup();
        let range = 1..=Self::GREATEST;
        if let Some(odd) = percents.iter().find(|percent| !range.contains(*percent)) {
            return Err(ThresholdsError::OutOfRange(*odd));
        }
        if percents.len() > Self::MOST {
            return Err(ThresholdsError::TooMany(percents.len()));
        }
        Ok(Self {
            percents: percents.into(),
        })
    }

    /// No threshold: nothing is told.
    #[must_use]
    pub fn none() -> Self {
        Self {
            percents: Arc::new([]),
        }
    }

    /// The thresholds in percent, in rising order.
    #[must_use]
    pub fn percents(&self) -> &[u16] {
        &self.percents
    }

    /// The least total that reaches each threshold of a limit. A limit of zero has none: nothing can
    /// come near it.
    pub(super) fn marks(&self, limit: u64) -> impl Iterator<Item = Mark> {
        let percents = if limit == 0 { &[] } else { &*self.percents };
        percents.iter().map(move |percent| {
            let units = (u128::from(limit) * u128::from(*percent)).div_ceil(100);
            Mark {
                percent: *percent,
                // No total is that great.
                units: i64::try_from(units).unwrap_or(i64::MAX),
            }
        })
    }
}

impl Default for Thresholds {
    /// 50, 80, 90 and 100 percent.
    fn default() -> Self {
        Self {
            percents: Arc::new([50, 80, 90, 100]),
        }
    }
}

/// What a total has to be to reach a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The threshold.
    pub(super) percent: u16,
    /// The least total that reaches it.
    pub(super) units: i64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_can_be_no_threshold_is_refused() {
        for odd in [0, Thresholds::GREATEST + 1] {
            let refused = Thresholds::new([50, odd]);
            assert_eq!(refused, Err(ThresholdsError::OutOfRange(odd)));
        }
        let most = u16::try_from(Thresholds::MOST).unwrap();
        assert!(Thresholds::new(1..=most).is_ok());
        let refused = Thresholds::new(1..=most + 1);
        assert_eq!(refused, Err(ThresholdsError::TooMany(17)));
        assert_eq!(Thresholds::new([]), Ok(Thresholds::none()));
    }

    #[test]
    fn a_limit_of_zero_has_no_marks() {
        assert_eq!(Thresholds::default().marks(0).count(), 0);
    }

    proptest! {
        /// The oracle is the share itself, as a fraction.
        #[test]
        fn a_mark_is_the_least_total_that_reaches_the_share(
            limit in 1_u64..=u64::MAX / 2_000, percent in 1_u16..=Thresholds::GREATEST,
        ) {
            let thresholds = Thresholds::new([percent]).unwrap();
            let mark = thresholds.marks(limit).next().unwrap();
            let reaches = |units: i64| {
                i128::from(units) * 100 >= i128::from(limit) * i128::from(percent)
            };
            prop_assert_eq!(mark.percent, percent);
            prop_assert!(reaches(mark.units) && !reaches(mark.units - 1));
        }
    }
}
