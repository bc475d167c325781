//! How a batch is cut when a sink refuses it as such.

/// The parts of a batch that are still to be sent, the next one last.
///
/// A part that is refused is halved, until one record is left: that is the bad one. Of a batch with one
/// bad record each size is sent twice at most.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<usize>);

/// What halving came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halved {
    /// There are two halves.
    InTwo,
    /// The part is one record: the one that is looked for.
    Found,
}

impl Parts {
    /// How many records are sent next, of so many that are left. It stays the same until the part is
    /// done or halved, unless fewer are left.
    pub(super) fn next(&mut self, left: usize) -> usize {
        self.0.last().copied().unwrap_or(left).min(left)
    }

    /// The next part, of so many records, is done.
    pub(super) fn done(&mut self) {
        self.0.pop();
    }

    /// The next part, of so many records, was refused.
    pub(super) fn halve(&mut self, len: usize) -> Halved {
        if len <= 1 {
            return Halved::Found;
        }
        self.0.pop();
        let first = len / 2;
        self.0.push(len.saturating_sub(first));
        self.0.push(first);
        Halved::InTwo
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bad_records_are_found_and_all_others_are_sent_with_few_attempts(
            records in 1..1_001_usize, bad in proptest::collection::btree_set(0..1_000_usize, 0..4),
        ) {
            let bad: Vec<usize> = bad.into_iter().filter(|bad| *bad < records).collect();
            let (mut parts, mut at, mut attempts, mut found) = (Parts::default(), 0, 0, Vec::new());
            while at < records {
                let len = parts.next(records - at);
                attempts += 1;
                prop_assert!(len > 0);
                if bad.iter().any(|bad| (at..at + len).contains(bad)) {
                    if parts.halve(len) == Halved::InTwo {
                        continue;
                    }
                    found.push(at);
                }
                parts.done();
                at += len;
            }
            prop_assert!(attempts <= 1 + bad.len() * 22, "{}", attempts);
            prop_assert_eq!(found, bad);
        }
    }

    #[test]
    fn a_part_that_shrank_meanwhile_is_sent_as_it_is() {
        let mut parts = Parts::default();
        assert_eq!(parts.halve(10), Halved::InTwo);
        assert_eq!((parts.next(10), parts.next(3), parts.next(0)), (5, 3, 0));
    }
}
