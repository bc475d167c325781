use std::sync::OnceLock;

/// To how many times the first so many it can grow, as a power of two.
const DOUBLINGS: usize = 19;

/// Items that stay where they are while there come to be more of them, so that a reader without a lock
/// never looks at memory that is gone. A segment `S` holds some of them.
///
/// There are always as many as fill whole segments: the first has `FIRST`, and after that as many double
/// what there is as `PARTS` says. Both are powers of two, and `FIRST` is no less than `PARTS`. The more
/// parts, the less is there in vain. `COUNT` is [`count_of`] them.
pub(super) struct Segments<S, const FIRST: usize, const PARTS: usize, const COUNT: usize> {
    segments: [OnceLock<S>; COUNT],
}

/// How many segments there can be.
pub(super) const fn count_of(parts: usize) -> usize {
    DOUBLINGS * parts + 1
}

impl<S, const FIRST: usize, const PARTS: usize, const COUNT: usize>
    Segments<S, FIRST, PARTS, COUNT>
{
    /// What an index is below.
    pub(super) const MOST: usize = FIRST << DOUBLINGS;

    pub(super) fn new() -> Self {
        Self {
            segments: [const { OnceLock::new() }; COUNT],
        }
    }

    /// The segment of an item, and the place in it.
    #[inline]
    pub(super) fn find(&self, index: usize) -> Option<(&S, usize)> {
        let (segment, offset) = Self::segment_of(index);
        Some((self.segments.get(segment)?.get()?, offset))
    }

    /// Adds a segment to what there is, of so many items as it is told, and tells how many there are
    /// then. `None` if there can be no more.
    pub(super) fn grow(&self, from: usize, segment: impl FnOnce(usize) -> S) -> Option<usize> {
        let (number, _) = Self::segment_of(from);
        let length = match from.checked_ilog2() {
            None => FIRST,
            Some(power) => (1 << power) / PARTS,
        };
        let added = self.segments.get(number)?;
        added.get_or_init(|| segment(length));
        Some(from.saturating_add(length))
    }

    /// The number of an item's segment, and the place in it.
    // On the path of every decision, and nothing of it wraps: no look is taken whether it does.
    #[inline]
    fn segment_of(index: usize) -> (usize, usize) {
        if index < FIRST {
            return (0, index);
        }
        let power = index.ilog2();
        // As long as the segments of this doubling are, as a power of two.
        let length = power.wrapping_sub(PARTS.ilog2());
        // The doubling's first segment begins with this part of itself, because of its highest bit.
        let part = index.wrapping_shr(length);
        let doubling = power.wrapping_sub(FIRST.ilog2()) as usize;
        let segment = doubling.wrapping_mul(PARTS).wrapping_add(part);
        let within = 1_usize.wrapping_shl(length).wrapping_sub(1);
        (segment.wrapping_sub(PARTS - 1), index & within)
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
            Segments::<Vec<usize>, 16, 8, { count_of(8) }>::new(),
        );
        let mut length = 0;
        while length < 10_000 {
            let item = |_| made.replace(made.get() + 1);
            let longer = segments.grow(length, |count| (0..count).map(item).collect());
            let longer = longer.unwrap();
            assert!(length == 0 || longer <= length + length / 8);
            length = longer;
        }
        for index in 0..length {
            let (segment, offset) = segments.find(index).unwrap();
            assert_eq!(segment[offset], index);
        }
        assert!(segments.find(length).is_none());
    }

    #[test]
    fn there_is_an_end_to_it() {
        type Quarters = Segments<(), 4, 4, { count_of(4) }>;
        let segments = Quarters::new();
        let mut length = 0;
        while let Some(longer) = segments.grow(length, |_| ()) {
            assert!(segments.find(longer - 1).is_some() && segments.find(longer).is_none());
            length = longer;
        }
        assert_eq!(length, Quarters::MOST);
    }
}
