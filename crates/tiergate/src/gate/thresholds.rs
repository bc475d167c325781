use smallvec::SmallVec;

/// Shares of a limit that are told of, in percent.
///
/// ```
/// use tiergate::gate::Thresholds;
///
/// assert_eq!(Thresholds::default().percents(), [50, 80, 90, 100]);
/// assert_eq!(Thresholds::new([100, 75, 75])?.percents(), [75, 100]);
/// assert!(Thresholds::new([0]).is_err());
/// # Ok::<(), tiergate::gate::InvalidThresholdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    // INVARIANT: rising.
    percents: SmallVec<[u8; 4]>,
}

/// A threshold is not between 1 and 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a threshold of {percent} % is never reached by crossing it, use 1 to 100")]
pub struct InvalidThresholdError {
    percent: u8,
}

impl Thresholds {
    /// Thresholds of so many percent each, in any order.
    ///
    /// # Errors
    ///
    /// When one is 0 or above 100.
    pub fn new(percents: impl IntoIterator<Item = u8>) -> Result<Self, InvalidThresholdError> {
        let mut percents: SmallVec<[u8; 4]> = percents.into_iter().collect();
        if let Some(&percent) = percents.iter().find(|it| !(1..=100).contains(*it)) {
            return Err(InvalidThresholdError { percent });
        }
        percents.sort_unstable();
        percents.dedup();
        Ok(Self { percents })
    }

    /// The thresholds, rising.
    #[must_use]
    pub fn percents(&self) -> &[u8] {
        &self.percents
    }

    /// Those that `used` of `limit` has reached and `known` has not.
    pub(super) fn reached(&self, used: u64, limit: u64, known: u8) -> SmallVec<[u8; 4]> {
        let is_reached =
            |percent: u8| u128::from(used) * 100 >= u128::from(limit) * u128::from(percent);
        let percents = self.percents.iter().copied();
        percents
            .filter(|it| *it > known && is_reached(*it))
            .collect()
    }
}

impl Default for Thresholds {
    /// 50, 80, 90 and 100 percent.
    fn default() -> Self {
        Self {
            percents: SmallVec::from_slice(&[50, 80, 90, 100]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_reached_exactly_at_their_share() {
        let thresholds = Thresholds::default();
        let reached = |used, limit, known| thresholds.reached(used, limit, known).to_vec();
        assert_eq!(reached(49, 100, 0), [] as [u8; 0]);
        assert_eq!(reached(50, 100, 0), [50]);
        assert_eq!(reached(95, 100, 50), [80, 90]);
        assert_eq!(reached(200, 100, 0), [50, 80, 90, 100]);
        assert_eq!(reached(1, 3, 0), [] as [u8; 0]);
        assert_eq!(reached(2, 3, 0), [50]);
        assert_eq!(reached(u64::MAX, u64::MAX, 90), [100]);
    }
}
