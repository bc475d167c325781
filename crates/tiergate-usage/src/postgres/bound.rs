//! How many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many may wait, and no more.
#[derive(Debug)]
pub(super) struct Bound {
    waiting: AtomicUsize,
    most: usize,
}

/// One of those who wait, for as long as this lives.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Bound>);

impl Bound {
    pub(super) fn new(most: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            most,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// None when as many wait as may.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Waiting> {
        let more = |waiting: usize| (waiting < self.most).then_some(waiting + 1);
        self.waiting
            .try_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Waiting(Arc::clone(self)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
