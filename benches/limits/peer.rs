//! What does less: no reservation, no window, no bound of its own, and no way to give back.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::Take;
use crate::claims::LIMIT;

/// An atomic for each number. Nothing is looked up, and there is no limit.
pub(crate) struct Bare {
    counters: Vec<AtomicU64>,
}

impl Bare {
    pub(crate) fn new(count: usize) -> Self {
        let counters = (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { counters }
    }
}

impl Take for Bare {
    fn take(&self, number: usize) -> u64 {
        black_box(self.counters[number].fetch_add(1, Ordering::Relaxed))
    }
}

/// A map of counters by id, and an exact limit.
pub(crate) struct Mapped {
    // Not the strings that the map holds: requests bring ids of their own.
    ids: Vec<String>,
    counters: DashMap<String, AtomicU64, foldhash::fast::RandomState>,
}

impl Mapped {
    pub(crate) fn new(ids: &[String]) -> Self {
        let counters = ids.iter().map(|id| (id.clone(), AtomicU64::new(0)));
        Self {
            ids: ids.to_vec(),
            counters: counters.collect(),
        }
    }
}

impl Take for Mapped {
    fn take(&self, number: usize) -> u64 {
        let counter = self.counters.get(&self.ids[number]).expect("all are there");
        let grown = |used: u64| (used < LIMIT).then(|| used + 1);
        let taken = counter.try_update(Ordering::AcqRel, Ordering::Relaxed, grown);
        taken.expect("it fits")
    }
}
