use std::sync::atomic::{AtomicU32, Ordering};

/// What one retry costs, in what one lookup earns.
const PRICE: u32 = 10;
/// The most that is saved: as many retries may follow each other without lookups between them.
const MOST: u32 = 10 * PRICE;

/// Lets one retry happen for every ten lookups, so that retries cannot multiply the load on a
/// service that fails.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicU32);

impl RetryBudget {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(MOST))
    }

    pub(super) fn earn(&self) {
        self.change(|saved| (saved < MOST).then(|| saved.saturating_add(1)));
    }

    /// Pays for a retry, if there is enough.
    pub(super) fn spend(&self) -> bool {
        self.change(|saved| saved.checked_sub(PRICE))
    }

    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_a_tenth_is_retried() {
        let budget = RetryBudget::new();
        let retried = (0..1_000)
            .filter(|_| {
                budget.earn();
                budget.spend()
            })
            .count();
        assert_eq!(retried, 100 + 9);
    }
}
