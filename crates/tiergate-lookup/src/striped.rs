use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many counters stand behind one. More threads than this share, and stay correct.
const STRIPES: usize = 32;

/// A counter that threads raise without fighting over one cache line.
#[derive(Debug, Default)]
pub(crate) struct StripedCounter {
    stripes: [Stripe; STRIPES],
}

/// Two cache lines apart, because processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: Cell<Option<usize>> = const { Cell::new(None) };
}

impl StripedCounter {
    #[inline]
    pub(crate) fn increment(&self) {
        let index = STRIPE.with(|stripe| {
            stripe.get().unwrap_or_else(|| {
                let index = NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % STRIPES;
                stripe.set(Some(index));
                index
            })
        });
        if let Some(Stripe(counter)) = self.stripes.get(index) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn sum(&self) -> u64 {
        self.stripes
            .iter()
            .map(|Stripe(counter)| counter.load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let counter = StripedCounter::default();
        std::thread::scope(|scope| {
            for _ in 0..STRIPES + 8 {
                scope.spawn(|| (0..1_000).for_each(|_| counter.increment()));
            }
        });
        assert_eq!(counter.sum(), (STRIPES as u64 + 8) * 1_000);
    }
}
