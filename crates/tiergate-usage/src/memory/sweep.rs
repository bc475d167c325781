//! Forgetting what is idle.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::now::nanos;

use super::MemoryUsage;
use super::shards::{ShardSet, Shards};
use super::slab::Thrift;

/// How long after a sweep for room the next may come. Each looks at everything, and operations that
/// find no room may be many.
const BETWEEN_SWEEPS_FOR_ROOM: Duration = Duration::from_secs(1);

impl MemoryUsage {
    /// Forgets all that is idle, and releases all that has expired.
    ///
    /// Nothing depends on it: every operation does a little of it. A service that wants memory back
    /// in quiet hours may call it from a timer. Each shard is locked for as long as it takes to look
    /// at its counters.
    pub fn sweep(&self) {
        self.sweep_with(Thrift::Ordinary);
    }

    /// Sweeps because room has run out, unless that was done just now. Tells whether it did.
    pub(super) fn sweep_for_room(&self) -> bool {
        let now = nanos(self.clock.elapsed());
        let due =
            |next: u64| (next <= now).then(|| now.saturating_add(nanos(BETWEEN_SWEEPS_FOR_ROOM)));
        let is_due = self
            .next_sweep_for_room
            .try_update(Ordering::Relaxed, Ordering::Relaxed, due)
            .is_ok();
        if is_due {
            self.sweep_with(Thrift::Strict);
        }
        is_due
    }

    fn sweep_with(&self, thrift: Thrift) {
        for shard in Shards::all() {
            self.locked(ShardSet::of(shard), |locked, now| {
                locked.shard(shard).sweep(thrift, now);
            });
        }
        tracing::debug!(
            target: "tiergate::usage", event = "counters.swept",
            counters = self.rooms.counters.taken(),
            "swept idle counters",
        );
    }

    /// Forgets the keys that were committed first, while there are too many.
    pub(super) fn forget_crowded_out_keys(&self) {
        while self.rooms.keys.is_overfull() {
            let Some(shard) = self.shards.with_oldest_key() else {
                return;
            };
            self.locked(ShardSet::of(shard), |locked, _| {
                let shard = locked.shard(shard);
                if shard.keys.forget_oldest(&shard.rooms.keys) {
                    shard.counts.crowded_out += 1;
                }
            });
        }
    }
}
