//! What does less: no reservation, no window, no bound of its own, and no way to give back.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::Take;
use crate::claims::{LIMIT, Walk};

/// An atomic for each customer. Nothing is looked up, and there is no limit.
pub(crate) struct Bare<'a> {
    numbers: &'a [u32],
    counters: Vec<AtomicU64>,
}

impl<'a> Bare<'a> {
    pub(crate) fn new(walk: &'a Walk) -> Self {
        Self {
            numbers: walk.numbers(),
            counters: walk.customers().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Take for Bare<'_> {
    fn take(&self, request: usize) -> u64 {
        let number = self.numbers[request] as usize;
        black_box(self.counters[number].fetch_add(1, Ordering::Relaxed))
    }
}

/// A map of counters by id, and an exact limit.
pub(crate) struct Mapped {
    ids: Vec<String>,
    counters: DashMap<String, AtomicU64, foldhash::fast::RandomState>,
}

impl Mapped {
    pub(crate) fn new(walk: &Walk) -> Self {
        let counters = walk.customers().map(|id| (id, AtomicU64::new(0)));
        Self {
            counters: counters.collect(),
            ids: walk.requests().collect(),
        }
    }
}

impl Take for Mapped {
    fn take(&self, request: usize) -> u64 {
        let counter = self
            .counters
            .get(&self.ids[request])
            .expect("all are there");
        let grown = |used: u64| (used < LIMIT).then(|| used + 1);
        let taken = counter.try_update(Ordering::AcqRel, Ordering::Relaxed, grown);
        taken.expect("it fits")
    }
}
