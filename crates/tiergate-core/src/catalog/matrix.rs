/// A table of bits, for answers that are only yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BitMatrix {
    /// The first columns of every row, one number each: most catalogs have no more tiers than that.
    first: Box<[u64]>,
    /// The columns after these, as many numbers for each row.
    more: Box<[u64]>,
    more_each: usize,
}

/// How many columns are in one number.
const COLUMNS: usize = 64;

impl BitMatrix {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let more_each = columns.div_ceil(COLUMNS).saturating_sub(1);
        Self {
            first: vec![0; rows].into_boxed_slice(),
            more: vec![0; rows * more_each].into_boxed_slice(),
            more_each,
        }
    }

    /// Whether the bit is set; a place outside the table never is.
    #[inline]
    pub(super) fn get(&self, row: usize, column: usize) -> bool {
        let bits = match column {
            0..COLUMNS => self.first.get(row),
            _ => self.get_more(row, column),
        };
        bits.is_some_and(|bits| bits >> (column % COLUMNS) & 1 == 1)
    }

    // Apart, so that those in whose catalogs all is in the first columns have none of it to carry along.
    #[inline(never)]
    fn get_more(&self, row: usize, column: usize) -> Option<&u64> {
        self.more.get(self.place_of_more(row, column)?)
    }

    fn place_of_more(&self, row: usize, column: usize) -> Option<usize> {
        let number = (column / COLUMNS).checked_sub(1)?;
        (number < self.more_each).then(|| row * self.more_each + number)
    }

    pub(super) fn set(&mut self, row: usize, column: usize) {
        let bits = match self.place_of_more(row, column) {
            None if column < COLUMNS => self.first.get_mut(row),
            None => None,
            Some(place) => self.more.get_mut(place),
        };
        if let Some(bits) = bits {
            *bits |= 1 << (column % COLUMNS);
        }
    }

    /// Adds to `row` every bit that `other` has.
    pub(super) fn absorb(&mut self, row: usize, other: usize) {
        absorb(&mut self.first, row, other);
        for number in 0..self.more_each {
            let place = |row| row * self.more_each + number;
            absorb(&mut self.more, place(row), place(other));
        }
    }
}

fn absorb(numbers: &mut [u64], into: usize, from: usize) {
    let added = numbers.get(from).copied().unwrap_or(0);
    if let Some(bits) = numbers.get_mut(into) {
        *bits |= added;
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
        bits.set(2, 1);
        bits.set(1, 1_000);
        bits.absorb(2, 1);
        for column in 0..200 {
            assert_eq!(bits.get(2, column), [0, 1, 64, 129].contains(&column));
            assert!(!bits.get(0, column));
        }
    }
}
