use std::sync::atomic::Ordering;

use super::atomics::{Atomic, Atomics};

/// Some numbers that are read together without a lock: a sequence lock.
///
/// Whoever writes raises the version to an odd number before and to an even one after; whoever reads
/// looks at the version before and after, and believes nothing if it was odd or has changed. The
/// orders and fences are those of H.-J. Boehm, "Can seqlocks get along with programming language
/// memory models?" (2012). As in the Linux kernel, a version has 32 bits: a single read would have to
/// last through two billion writes to be deceived.
///
/// Readers write nothing, so that any number of them costs no more than one.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Versioned<A: Atomics, const N: usize> {
    version: A::Narrow,
    /// A number beside, which has no part in the versions. It fills the line.
    pub(super) mark: A::Narrow,
    numbers: [A::Wide; N],
}

impl<A: Atomics, const N: usize> Versioned<A, N> {
    pub(super) fn new() -> Self {
        Self {
            version: A::Narrow::new(0),
            mark: A::Narrow::new(0),
            numbers: std::array::from_fn(|_| A::Wide::new(0)),
        }
    }

    /// What `look` makes of the numbers; `None` if somebody wrote meanwhile. `look` may see numbers
    /// that never stood together, and must do no harm then.
    #[inline]
    pub(super) fn read<R>(&self, look: impl FnOnce(&[A::Wide; N]) -> R) -> Option<R> {
        let before = self.version.load(Ordering::Acquire);
        if before % 2 == 1 {
            return None;
        }
        let seen = look(&self.numbers);
        A::fence(Ordering::Acquire);
        let after = self.version.load(Ordering::Relaxed);
        (before == after).then_some(seen)
    }

    /// Changes the numbers, and what `meanwhile` changes of what belongs to them. One at a time: the
    /// caller holds a lock.
    pub(super) fn write(&self, numbers: [u64; N], meanwhile: impl FnOnce()) {
        let before = self.version.load(Ordering::Relaxed);
        self.version
            .store(before.wrapping_add(1), Ordering::Relaxed);
        A::fence(Ordering::Release);
        for (place, number) in self.numbers.iter().zip(numbers) {
            place.store(number, Ordering::Relaxed);
        }
        meanwhile();
        self.version
            .store(before.wrapping_add(2), Ordering::Release);
    }

    /// The numbers, for whoever holds the lock that writers hold.
    pub(super) fn numbers(&self) -> [u64; N] {
        self.numbers
            .each_ref()
            .map(|number| number.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loom::thread;

    use super::super::atomics::CheckedAtomics;
    use super::*;

    type Pair = Versioned<CheckedAtomics, 2>;

    fn read(pair: &Pair) -> Option<[u64; 2]> {
        pair.read(|numbers| {
            numbers
                .each_ref()
                .map(|number| number.load(Ordering::Relaxed))
        })
    }

    #[test]
    fn what_is_read_was_written_together() {
        loom::model(|| {
            let pair = Arc::new(Pair::new());
            let writer = {
                let pair = Arc::clone(&pair);
                thread::spawn(move || {
                    pair.write([1, 1], || {});
                    pair.write([2, 2], || {});
                })
            };
            if let Some([one, other]) = read(&pair) {
                assert_eq!(one, other);
            }
            writer.join().unwrap();
            assert_eq!(read(&pair), Some([2, 2]));
        });
    }

    #[test]
    fn who_reads_twice_never_goes_back() {
        loom::model(|| {
            let pair = Arc::new(Pair::new());
            let writer = {
                let pair = Arc::clone(&pair);
                thread::spawn(move || pair.write([1, 1], || {}))
            };
            let first = read(&pair);
            let second = read(&pair);
            if let (Some(first), Some(second)) = (first, second) {
                assert!(first <= second);
            }
            writer.join().unwrap();
        });
    }

    #[test]
    fn it_fills_one_line_of_a_cache() {
        type Line = Versioned<super::super::atomics::StdAtomics, 7>;
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }
}
