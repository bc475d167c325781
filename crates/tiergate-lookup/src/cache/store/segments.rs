use std::sync::OnceLock;

/// How many items there are at first. A power of two.
const FIRST: usize = 16;
/// To how many times the first so many it can grow, as a power of two.
const DOUBLINGS: usize = 19;

/// Items that stay where they are while there come to be more of them, so that a reader without a lock
/// never looks at memory that is gone.
///
/// There are always as many as fill whole segments: the first has [`FIRST`], and after that as many
/// double what there is as `PARTS` says, a power of two. The more, the less is there in vain. `COUNT` is
/// [`count_of`] that.
pub(super) struct Segments<T, const PARTS: usize, const COUNT: usize> {
    segments: [OnceLock<Box<[T]>>; COUNT],
}

/// How many segments there can be.
pub(super) const fn count_of(parts: usize) -> usize {
    DOUBLINGS * parts + 1
}

impl<T, const PARTS: usize, const COUNT: usize> Segments<T, PARTS, COUNT> {
    /// What an index is below.
    pub(super) const MOST: usize = FIRST << DOUBLINGS;

    pub(super) fn new() -> Self {
        Self {
            segments: [const { OnceLock::new() }; COUNT],
        }
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.from(index)?.first()
    }

    /// The item at `index`, and those that lie behind it one after the other.
    #[inline]
    pub(super) fn from(&self, index: usize) -> Option<&[T]> {
        let (segment, offset) = Self::segment_of(index);
        self.segments.get(segment)?.get()?.get(offset..)
    }

    /// Adds a segment to what there is, and tells how many there are then. `None` if there can be no
    /// more.
    pub(super) fn grow(&self, from: usize, item: impl Fn() -> T) -> Option<usize> {
        let (segment, _) = Self::segment_of(from);
        let length = match from.checked_ilog2() {
            None => FIRST,
            Some(power) => (1 << power) / PARTS,
        };
        let added = self.segments.get(segment)?;
        added.get_or_init(|| (0..length).map(|_| item()).collect());
        Some(from.saturating_add(length))
    }

    /// The segment of an index, and the place in it.
    #[inline]
    fn segment_of(index: usize) -> (usize, usize) {
        if index < FIRST {
            return (0, index);
        }
        let power = index.ilog2();
        // As long as the segments of this doubling are, as a power of two.
        let length = power - PARTS.ilog2();
        let part = (index >> length) & (PARTS - 1);
        let segment = (power - FIRST.ilog2()) as usize * PARTS + part + 1;
        (segment, index & ((1 << length) - 1))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_index_has_an_item_of_its_own_and_few_are_there_in_vain() {
        let (made, segments) = (
            Cell::new(0_usize),
            Segments::<usize, 8, { count_of(8) }>::new(),
        );
        let mut length = 0;
        while length < 10_000 {
            let longer = segments
                .grow(length, || made.replace(made.get() + 1))
                .unwrap();
            assert!(length == 0 || longer <= length + length / 8);
            length = longer;
        }
        for index in 0..length {
            assert_eq!(segments.get(index), Some(&index));
            assert!(segments.from(index).unwrap().len() <= length);
        }
        assert_eq!(segments.get(length), None);
    }

    #[test]
    fn there_is_an_end_to_it() {
        type Quarters = Segments<(), 4, { count_of(4) }>;
        let segments = Quarters::new();
        let mut length = 0;
        while let Some(longer) = segments.grow(length, || ()) {
            length = longer;
        }
        assert_eq!(length, Quarters::MOST);
    }
}
