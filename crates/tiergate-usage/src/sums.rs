//! How many units of a counter are committed, and how many are open.

/// Two sums of units that are wider than units, so that no history of 64-bit units overflows them: that
/// takes more than four billion operations, each of all units that there can be. In as little room as
/// can be, because a counter is found the sooner the fewer cache lines it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    committed: u64,
    open: u64,
    committed_high: u32,
    open_high: u32,
}

impl Sums {
    #[cfg(feature = "sqlite")]
    pub(crate) fn new(committed: u128, open: u128) -> Self {
        let mut sums = Self::default();
        sums.set_committed(committed);
        sums.set_open(open);
        sums
    }

    #[inline]
    pub(crate) fn committed(&self) -> u128 {
        u128::from(self.committed_high) << 64 | u128::from(self.committed)
    }

    #[inline]
    pub(crate) fn open(&self) -> u128 {
        u128::from(self.open_high) << 64 | u128::from(self.open)
    }

    #[inline]
    pub(crate) fn used(&self) -> u128 {
        self.committed() + self.open()
    }

    #[inline]
    pub(crate) fn reserve(&mut self, units: u64) {
        self.set_open(self.open() + u128::from(units));
    }

    #[inline]
    pub(crate) fn release(&mut self, units: u64) {
        self.set_open(self.open().saturating_sub(u128::from(units)));
    }

    #[inline]
    pub(crate) fn raise(&mut self, units: u64) {
        self.set_committed(self.committed() + u128::from(units));
    }

    /// Takes up to `units` off what is committed, and tells how many.
    pub(crate) fn lower(&mut self, units: u64) -> u64 {
        let taken = self.committed().min(u128::from(units));
        self.set_committed(self.committed() - taken);
        u64::try_from(taken).unwrap_or(units)
    }

    #[inline]
    fn set_committed(&mut self, units: u128) {
        (self.committed_high, self.committed) = split(units);
    }

    #[inline]
    fn set_open(&mut self, units: u128) {
        (self.open_high, self.open) = split(units);
    }
}

/// The highest number stands for all beyond it.
#[inline]
fn split(units: u128) -> (u32, u64) {
    let low = u64::try_from(units & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    u32::try_from(units >> 64).map_or((u32::MAX, u64::MAX), |high| (high, low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Reserve(u64),
        Release(u64),
        Raise(u64),
        Lower(u64),
    }

    fn units() -> impl Strategy<Value = u64> {
        prop_oneof![0..10_u64, u64::MAX - 10..=u64::MAX, any::<u64>()]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            units().prop_map(Step::Reserve),
            units().prop_map(Step::Release),
            units().prop_map(Step::Raise),
            units().prop_map(Step::Lower),
        ]
    }

    proptest! {
        #[test]
        fn sums_are_those_of_wider_numbers(steps in prop::collection::vec(step(), 1..100)) {
            let (mut sums, mut committed, mut open) = (Sums::default(), 0_u128, 0_u128);
            for step in steps {
                match step {
                    Step::Reserve(units) => {
                        sums.reserve(units);
                        open += u128::from(units);
                    }
                    Step::Release(units) => {
                        sums.release(units);
                        open = open.saturating_sub(units.into());
                    }
                    Step::Raise(units) => {
                        sums.raise(units);
                        committed += u128::from(units);
                    }
                    Step::Lower(units) => {
                        let taken = sums.lower(units);
                        prop_assert_eq!(u128::from(taken), committed.min(units.into()));
                        committed -= u128::from(taken);
                    }
                }
                prop_assert_eq!((sums.committed(), sums.open()), (committed, open));
                prop_assert_eq!(sums.used(), committed + open);
            }
        }
    }
}
