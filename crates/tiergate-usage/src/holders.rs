//! Who holds one reservation.

/// One of those who hold the same reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder(pub(crate) u8);

/// Those who hold one reservation: who asked for it, and who joined with the same idempotency key.
///
/// Numbers are not given out twice, so that leaving twice is leaving once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holders {
    present: u64,
    numbered: u8,
}

impl Holders {
    /// How many may ever hold one reservation.
    pub(crate) const MOST: u32 = 64;

    pub(crate) fn first() -> (Self, Holder) {
        let only = Self {
            present: 1,
            numbered: 1,
        };
        (only, Holder(0))
    }

    /// Those who are present, by the bits of their numbers, when so many have joined the first. None if
    /// there cannot be so many.
    #[cfg(feature = "sqlite")]
    pub(crate) fn from_parts(present: u64, joined: usize) -> Option<Self> {
        let numbered = u8::try_from(joined.checked_add(1)?).ok()?;
        (u32::from(numbered) <= Self::MOST).then_some(Self { present, numbered })
    }

    /// The bits of the numbers of those who are present.
    #[cfg(feature = "sqlite")]
    pub(crate) fn present(self) -> u64 {
        self.present
    }

    /// One more, or none when there were too many.
    pub(crate) fn join(&mut self) -> Option<Holder> {
        if u32::from(self.numbered) >= Self::MOST {
            return None;
        }
        let holder = Holder(self.numbered);
        self.numbered += 1;
        self.present |= holder.bit();
        Some(holder)
    }

    /// Whether the holder was still there to leave.
    pub(crate) fn leave(&mut self, holder: Holder) -> bool {
        let was_present = self.present & holder.bit() != 0;
        self.present &= !holder.bit();
        was_present
    }

    pub(crate) fn contains(self, holder: Holder) -> bool {
        self.present & holder.bit() != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.present == 0
    }
}

impl Holder {
    fn bit(self) -> u64 {
        1_u64.checked_shl(u32::from(self.0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_twice_is_leaving_once() {
        let (mut holders, first) = Holders::first();
        let second = holders.join().unwrap();
        assert!(holders.leave(first));
        assert!(!holders.leave(first));
        assert!(!holders.is_empty());
        assert!(holders.leave(second));
        assert!(holders.is_empty());
    }

    #[test]
    fn joining_ends_at_the_stated_bound() {
        let (mut holders, _) = Holders::first();
        for _ in 1..Holders::MOST {
            assert!(holders.join().is_some());
        }
        assert_eq!(holders.join(), None);
    }
}
