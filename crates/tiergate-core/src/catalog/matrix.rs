/// A table of bits, for answers that are only yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BitMatrix {
    words_per_row: usize,
    words: Box<[u64]>,
}

impl BitMatrix {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let words_per_row = columns.div_ceil(64);
        Self {
            words_per_row,
            words: vec![0; rows * words_per_row].into_boxed_slice(),
        }
    }

    /// Whether the bit is set; a place outside the table never is.
    #[inline]
    pub(super) fn get(&self, row: usize, column: usize) -> bool {
        let word = column / 64;
        // Rows and columns are some thousands, so that this does not wrap.
        let index = row.wrapping_mul(self.words_per_row).wrapping_add(word);
        word < self.words_per_row
            && self
                .words
                .get(index)
                .is_some_and(|bits| bits >> (column % 64) & 1 == 1)
    }

    pub(super) fn set(&mut self, row: usize, column: usize) {
        if let Some(bits) = self.words.get_mut(row * self.words_per_row + column / 64) {
            *bits |= 1 << (column % 64);
        }
    }

    /// Adds to `row` every bit that `other` has. Returns whether that changed anything.
    pub(super) fn absorb(&mut self, row: usize, other: usize) -> bool {
        let mut changed = false;
        for word in 0..self.words_per_row {
            let added = self
                .words
                .get(other * self.words_per_row + word)
                .copied()
                .unwrap_or(0);
            if let Some(bits) = self.words.get_mut(row * self.words_per_row + word) {
                changed |= *bits | added != *bits;
                *bits |= added;
            }
        }
        changed
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
        assert!(!bits.get(1, 10_000));
        assert!(!bits.get(10_000, 1));
        assert!(bits.absorb(2, 1));
        assert!(!bits.absorb(2, 1));
        assert!(bits.get(2, 129));
    }
}
