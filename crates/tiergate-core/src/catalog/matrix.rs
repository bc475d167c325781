/// A table of bits, for answers that are only yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BitMatrix {
    /// How many columns a row has room for, as a power of two, so that a place is found by shifting.
    width: u32,
    words: Box<[u64]>,
}

impl BitMatrix {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let room = columns.next_power_of_two();
        Self {
            width: room.ilog2(),
            words: vec![0; (rows * room).div_ceil(64)].into_boxed_slice(),
        }
    }

    /// Whether the bit is set. Rows and columns are those that the table was made with: a catalog has looked
    /// whether they are its own, and looking once more would take as long as all the rest.
    #[inline]
    pub(super) fn get(&self, row: usize, column: usize) -> bool {
        let place = self.place(row, column);
        let bits = self.words.get(place / 64);
        bits.is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    pub(super) fn set(&mut self, row: usize, column: usize) {
        let place = self.place(row, column);
        if let Some(bits) = self.words.get_mut(place / 64) {
            *bits |= 1 << (place % 64);
        }
    }

    /// Adds to `row` every bit that `other` has.
    pub(super) fn absorb(&mut self, row: usize, other: usize) {
        for column in 0..1 << self.width {
            if self.get(other, column) {
                self.set(row, column);
            }
        }
    }

    #[inline]
    fn place(&self, row: usize, column: usize) -> usize {
        debug_assert!(column < 1 << self.width, "it would be another row's");
        // A width is some bits, so that this does not wrap.
        row.wrapping_shl(self.width) | column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_apart_across_words() {
        let mut bits = BitMatrix::new(3, 130);
        bits.set(1, 0);
        bits.set(1, 64);
        bits.set(1, 129);
        for column in 0..130 {
            assert_eq!(bits.get(1, column), [0, 64, 129].contains(&column));
            assert!(!bits.get(0, column));
            assert!(!bits.get(2, column));
        }
        assert!(!bits.get(10_000, 1));
        bits.set(2, 1);
        bits.absorb(2, 1);
        for column in 0..130 {
            assert_eq!(bits.get(2, column), [0, 1, 64, 129].contains(&column));
            assert!(!bits.get(0, column));
        }
    }
}
