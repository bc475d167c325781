//! How many units of a counter are committed, and how many are open.

/// Two sums of units that are wider than units, so that no history of 64-bit units overflows them.
///
/// In as little room as can be, because a counter is found the sooner the fewer cache lines it is in.
#[derive(Debug)]
pub(crate) enum Sums {
    /// As nearly all are.
    Narrow {
        open_high: u16,
        open_low: u32,
        committed: u64,
    },
    /// One of them was too much for the other case. It stays here, so that memory is asked for once.
    Wide(Box<WideSums>),
}

#[derive(Debug)]
pub(crate) struct WideSums {
    committed: u128,
    open: u128,
}

impl Default for Sums {
    fn default() -> Self {
        Self::Narrow {
            open_high: 0,
            open_low: 0,
            committed: 0,
        }
    }
}

impl Sums {
    #[cfg(feature = "sqlite")]
    pub(crate) fn new(committed: u128, open: u128) -> Self {
        let mut sums = Self::default();
        sums.set(committed, open);
        sums
    }

    #[inline]
    pub(crate) fn committed(&self) -> u128 {
        match self {
            Self::Narrow { committed, .. } => u128::from(*committed),
            Self::Wide(wide) => wide.committed,
        }
    }

    #[inline]
    pub(crate) fn open(&self) -> u128 {
        match self {
            Self::Narrow {
                open_high,
                open_low,
                ..
            } => u128::from(joined(*open_high, *open_low)),
            Self::Wide(wide) => wide.open,
        }
    }

    pub(crate) fn used(&self) -> u128 {
        self.committed().saturating_add(self.open())
    }

    /// What is used, if it can be said in 64 bits.
    #[inline]
    pub(crate) fn used_narrowly(&self) -> Option<u64> {
        match self {
            Self::Narrow {
                open_high,
                open_low,
                committed,
            } => committed.checked_add(joined(*open_high, *open_low)),
            Self::Wide(_) => u64::try_from(self.used()).ok(),
        }
    }

    #[inline]
    pub(crate) fn reserve(&mut self, units: u64) {
        let open = self.open().saturating_add(u128::from(units));
        self.set(self.committed(), open);
    }

    #[inline]
    pub(crate) fn release(&mut self, units: u64) {
        let open = self.open().saturating_sub(u128::from(units));
        self.set(self.committed(), open);
    }

    #[inline]
    pub(crate) fn raise(&mut self, units: u64) {
        if let Self::Narrow { committed, .. } = self
            && let Some(sum) = committed.checked_add(units)
        {
            *committed = sum;
            return;
        }
        let committed = self.committed().saturating_add(u128::from(units));
        self.set(committed, self.open());
    }

    /// Takes up to `units` off what is committed, and tells how many.
    pub(crate) fn lower(&mut self, units: u64) -> u64 {
        let taken = self.committed().min(u128::from(units));
        self.set(self.committed() - taken, self.open());
        u64::try_from(taken).unwrap_or(units)
    }

    #[inline]
    fn set(&mut self, committed: u128, open: u128) {
        match self {
            Self::Narrow { .. } => {
                *self =
                    Self::narrow(committed, open).unwrap_or_else(|| Self::wide(committed, open));
            }
            Self::Wide(wide) => **wide = WideSums { committed, open },
        }
    }

    /// None if one of them is too much.
    #[inline]
    fn narrow(committed: u128, open: u128) -> Option<Self> {
        Some(Self::Narrow {
            open_high: u16::try_from(open >> u32::BITS).ok()?,
            open_low: u32::try_from(open & u128::from(u32::MAX)).ok()?,
            committed: u64::try_from(committed).ok()?,
        })
    }

    #[cold]
    fn wide(committed: u128, open: u128) -> Self {
        Self::Wide(Box::new(WideSums { committed, open }))
    }
}

#[inline]
fn joined(high: u16, low: u32) -> u64 {
    u64::from(high) << u32::BITS | u64::from(low)
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
                prop_assert_eq!(sums.used_narrowly(), u64::try_from(committed + open).ok());
            }
        }
    }
}
