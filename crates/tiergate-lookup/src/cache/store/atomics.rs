use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A kind of atomic numbers. What reads without a lock is written for any, so that a checker can put
/// its own in and try everything that the memory model allows.
pub(super) trait Atomics: Send + Sync + 'static {
    type Narrow: Atomic<u32>;
    type Wide: Atomic<u64>;
    fn fence(order: Ordering);
}

/// A number that threads share.
pub(super) trait Atomic<T>: Send + Sync {
    fn new(value: T) -> Self;
    fn load(&self, order: Ordering) -> T;
    fn store(&self, value: T, order: Ordering);
}

/// Those of the standard library.
#[derive(Debug)]
pub(super) struct StdAtomics;

impl Atomics for StdAtomics {
    type Narrow = AtomicU32;
    type Wide = AtomicU64;

    // Without this, the order is looked at each time at run time.
    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

macro_rules! atomic {
    ($($Atomic:ty, $number:ty;)*) => {$(
        impl Atomic<$number> for $Atomic {
            #[inline]
            fn new(value: $number) -> Self {
                Self::new(value)
            }

            #[inline]
            fn load(&self, order: Ordering) -> $number {
                self.load(order)
            }

            #[inline]
            fn store(&self, value: $number, order: Ordering) {
                self.store(value, order);
            }
        }
    )*};
}

atomic! {
    AtomicU32, u32;
    AtomicU64, u64;
}

#[cfg(test)]
atomic! {
    loom::sync::atomic::AtomicU32, u32;
    loom::sync::atomic::AtomicU64, u64;
}

/// Those of the checker.
#[cfg(test)]
pub(super) struct CheckedAtomics;

#[cfg(test)]
impl Atomics for CheckedAtomics {
    type Narrow = loom::sync::atomic::AtomicU32;
    type Wide = loom::sync::atomic::AtomicU64;

    fn fence(order: Ordering) {
        loom::sync::atomic::fence(order);
    }
}
