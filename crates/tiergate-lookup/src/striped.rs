use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many threads at once have a stripe of their own: as many as a word has bits.
const OWN: usize = 64;
/// How many stripes the other threads share.
const SHARED: usize = 16;

/// A counter that threads raise without fighting over one cache line.
///
/// Most threads are the only ones who write to their stripe. They raise it by a plain store, because a
/// locked one makes the processor wait for everything before it, on the path of every request.
#[derive(Debug)]
pub(crate) struct StripedCounter {
    own: [Stripe; OWN],
    shared: [Stripe; SHARED],
}

/// Two cache lines apart, because processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

/// Where a thread counts.
#[derive(Clone, Copy)]
enum Seat {
    /// It has not counted yet, or is about to end.
    None,
    /// Nobody else writes there as long as the thread lives.
    Own(u8),
    Shared(u8),
}

thread_local! {
    static SEAT: Cell<Seat> = const { Cell::new(Seat::None) };
    static LEASE: Lease = Lease::take();
}

/// The stripes that no thread has for its own, a bit each.
static FREE: AtomicU64 = AtomicU64::new(u64::MAX);

/// A stripe that a thread has for its own until it ends. None where all were taken.
struct Lease(Option<u8>);

impl StripedCounter {
    // Not inlined into other crates, where the access to what is the thread's own would be by a pointer
    // to a function.
    #[inline(never)]
    pub(crate) fn increment(&self) {
        match SEAT.get() {
            Seat::Own(index) => self.raise_own(index),
            Seat::Shared(index) => self.raise_shared(index),
            Seat::None => self.take_seat(),
        }
    }

    #[inline]
    fn raise_own(&self, index: u8) {
        if let Some(Stripe(counter)) = self.own.get(usize::from(index)) {
            let count = counter.load(Ordering::Relaxed);
            counter.store(count.wrapping_add(1), Ordering::Relaxed);
        }
    }

    #[cold]
    fn raise_shared(&self, index: u8) {
        if let Some(Stripe(counter)) = self.shared.get(usize::from(index)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    fn take_seat(&self) {
        SEAT.set(Seat::take());
        self.increment();
    }

    pub(crate) fn sum(&self) -> u64 {
        self.own
            .iter()
            .chain(&self.shared)
            .map(|Stripe(counter)| counter.load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

impl Default for StripedCounter {
    fn default() -> Self {
        Self {
            own: std::array::from_fn(|_| Stripe::default()),
            shared: std::array::from_fn(|_| Stripe::default()),
        }
    }
}

impl Seat {
    fn take() -> Self {
        // A thread that is ending has given its own back.
        match LEASE.try_with(|Lease(own)| *own) {
            Ok(Some(index)) => Self::Own(index),
            Ok(None) | Err(_) => Self::shared(),
        }
    }

    fn shared() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let index = NEXT.fetch_add(1, Ordering::Relaxed) % SHARED;
        Self::Shared(u8::try_from(index).unwrap_or(0))
    }
}

impl Lease {
    fn take() -> Self {
        let lowest = |free: u64| free & free.wrapping_neg();
        // Acquired, so that what the one before counted is seen and not written over.
        let before = FREE.fetch_update(Ordering::Acquire, Ordering::Relaxed, |free| {
            (free != 0).then_some(free ^ lowest(free))
        });
        let index = before.ok().map(u64::trailing_zeros);
        Self(index.and_then(|index| u8::try_from(index).ok()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(index) = self.0 else {
            return;
        };
        // What else the thread still does while it ends is counted where others count too.
        SEAT.set(Seat::shared());
        FREE.fetch_or(1 << index, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_lost_between_threads_of_which_some_share() {
        const THREADS: usize = OWN + SHARED + 8;
        let counter = StripedCounter::default();
        // All have a seat before the first gives one back.
        let all = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    counter.increment();
                    all.wait();
                    (1..1_000).for_each(|_| counter.increment());
                });
            }
        });
        assert_eq!(counter.sum(), THREADS as u64 * 1_000);
        let counts = |stripes: &[Stripe]| {
            stripes
                .iter()
                .map(|stripe| stripe.0.load(Ordering::Relaxed))
                .sum::<u64>()
        };
        assert!(counts(&counter.shared) > 0, "not all can have their own");
    }

    #[test]
    fn nothing_is_lost_when_a_thread_takes_over_the_stripe_of_one_that_ended() {
        let counter = StripedCounter::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 * OWN {
                        let next = thread::scope(|inner| {
                            inner.spawn(|| counter.increment()).join().is_ok()
                        });
                        assert!(next);
                    }
                });
            }
        });
        assert_eq!(counter.sum(), 4 * 10 * OWN as u64);
    }

    #[test]
    fn what_a_thread_counts_while_it_ends_is_counted() {
        struct Late<'a>(&'a StripedCounter);
        impl Drop for Late<'_> {
            fn drop(&mut self) {
                self.0.increment();
            }
        }
        static COUNTER: std::sync::LazyLock<StripedCounter> =
            std::sync::LazyLock::new(StripedCounter::default);
        thread_local! {
            static BEFORE: Late<'static> = Late(&COUNTER);
            static AFTER: Late<'static> = Late(&COUNTER);
        }
        // One is dropped before the lease and one after it, whatever the order is.
        let ended = thread::spawn(|| {
            BEFORE.with(|_| ());
            COUNTER.increment();
            AFTER.with(|_| ());
        });
        ended.join().unwrap();
        assert_eq!(COUNTER.sum(), 3);
    }
}
