//! What a counter is made of.

/// The two parts of a counter of a quota or gauge.
///
/// What is used is both of them. Only what is committed is sure: of the open units, some will be
/// committed and the others will go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    committed: u64,
    open: u64,
}

impl Tally {
    /// A counter of so many units; `u64::MAX` where there are more.
    #[must_use]
    pub const fn new(committed: u64, open: u64) -> Self {
        Self { committed, open }
    }

    /// Units that were used.
    #[must_use]
    pub const fn committed(self) -> u64 {
        self.committed
    }

    /// Units of open reservations and open leases.
    #[must_use]
    pub const fn open(self) -> u64 {
        self.open
    }
}

/// How a counter is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Adjustment {
    /// So many more units are committed.
    Raise(u64),
    /// So many fewer units are committed.
    Lower(u64),
}
