//! When reservations expire.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::slab::Handle;

/// How many deadlines of settled reservations are kept at least, before they are thrown out.
const SLACK: usize = 64;

/// Deadlines, the nearest first. That of a settled reservation stays until it is due or too many
/// have gathered.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(u64, Handle)>>,
}

impl Deadlines {
    pub(crate) fn push(&mut self, deadline: u64, handle: Handle) {
        self.heap.push(Reverse((deadline, handle)));
    }

    /// Takes a deadline that has come.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<Handle> {
        let Reverse((deadline, _)) = self.heap.peek()?;
        if *deadline > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, handle))| handle)
    }

    /// Throws out the deadlines that nobody waits for, once they outnumber the `live` ones.
    pub(crate) fn thin_out(&mut self, live: usize, is_live: impl Fn(Handle) -> bool) {
        if self.heap.len() > live.saturating_mul(2).saturating_add(SLACK) {
            self.heap.retain(|Reverse((_, handle))| is_live(*handle));
        }
    }

    pub(crate) fn shrink(&mut self) {
        let end = self.heap.len().saturating_add(SLACK);
        if self.heap.capacity() / 4 > end {
            self.heap.shrink_to(end * 2);
        }
    }
}
