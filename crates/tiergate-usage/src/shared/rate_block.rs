//! Blocks of a rate's units, to be spent within a moment.

use std::time::Duration;

use tiergate_core::Limit;

use crate::{CounterKey, CounterState, CounterWindow, Refusal, StoreError, StoreErrorKind};

/// A block of a rate's units that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RateBlock<'a> {
    /// The counter: of a rate.
    pub key: &'a CounterKey,
    /// How many units. Above zero.
    pub units: u64,
    /// What all that is used of the counter may come to, this block included.
    pub limit: Limit,
    /// How long after the store has counted them they may be spent.
    pub spend_within: Duration,
}

impl RateBlock<'_> {
    /// Whether this can be asked of a store. Every store calls it first, so that all refuse the
    /// same.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::InvalidClaims`] when there are no units, when the window is empty, or when
    /// the counter is not a rate: others are leased.
    pub fn validate(&self) -> Result<(), StoreError> {
        let fault = if self.units == 0 {
            "a block needs units"
        } else if self.key.window().is_empty() {
            "a window is empty"
        } else if !matches!(self.key.window(), CounterWindow::Sliding { .. }) {
            "only a rate has blocks to be spent at once"
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::InvalidClaims).with_detail(fault))
    }
}

/// What became of a block of a rate's units that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateBlockOutcome {
    /// It is counted. The counter stands as told, this block included.
    Granted(CounterState),
    /// It does not fit. The counter stands as told, without it.
    Refused(Refusal, CounterState),
}

#[cfg(test)]
mod tests {
    use tiergate_core::Subject;

    use super::*;

    #[test]
    fn what_is_no_block_of_a_rate_is_named() {
        let key = |window| CounterKey::new(Subject::user("a"), "f", window);
        let rate = |length| key(CounterWindow::Sliding { length });
        let fault = |key: &CounterKey, units| {
            let block = RateBlock {
                key,
                units,
                limit: Limit::AtMost(5),
                spend_within: Duration::ZERO,
            };
            block.validate().err().map(|fault| fault.to_string())
        };
        let second = rate(Duration::from_secs(1));
        assert_eq!(fault(&second, 5), None);
        assert!(fault(&second, 0).unwrap().contains("needs units"));
        let none = rate(Duration::ZERO);
        assert!(fault(&none, 1).unwrap().contains("window"));
        let level = key(CounterWindow::Level);
        assert!(fault(&level, 1).unwrap().contains("only a rate"));
    }
}
