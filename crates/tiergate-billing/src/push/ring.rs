use std::collections::VecDeque;
use std::sync::Arc;

use super::Event;

/// The most events that are kept.
const MAX_EVENTS: usize = 4_096;
/// The most bytes that are kept.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The newest part of the order, kept in memory. It holds every event after `floor`, up to `last`.
#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    floor: i64,
    last: i64,
}

impl Ring {
    /// An empty one, after which the order goes on.
    pub(super) fn after_place(place: i64) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            floor: place,
            last: place,
        }
    }

    /// The place up to which everything is known.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// Adds the event that comes next in the order.
    pub(super) fn push(&mut self, event: Event) {
        self.last = event.sequence;
        self.bytes = self.bytes.saturating_add(event.frame.len());
        self.events.push_back(Arc::new(event));
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.frame.len());
            self.floor = oldest.sequence;
        }
    }

    /// The first events after a place, `most` of them at most; none if some of them are kept no more.
    pub(super) fn after(&self, place: i64, most: usize) -> Option<Vec<Arc<Event>>> {
        if place < self.floor {
            return None;
        }
        let begin = self.events.partition_point(|event| event.sequence <= place);
        Some(self.events.iter().skip(begin).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::table::outbox::Stored;

    fn event(sequence: i64, bytes: usize) -> Event {
        Event::from(Stored {
            sequence,
            kind: "catalog".to_owned(),
            subject: None,
            payload: json!("a".repeat(bytes)),
        })
    }

    fn numbers(events: &[Arc<Event>]) -> Vec<i64> {
        events.iter().map(|event| event.sequence).collect()
    }

    #[test]
    fn large_events_push_out_more_of_the_old() {
        let mut ring = Ring::after_place(0);
        for sequence in 1..=20 {
            ring.push(event(sequence, 1024 * 1024));
        }
        assert!(ring.bytes <= MAX_BYTES);
        assert!(ring.after(0, 9).is_none());
        assert_eq!(numbers(&ring.after(18, 9).unwrap()), [19, 20]);
    }

    proptest! {
        /// The oracle is the whole order, filtered.
        #[test]
        fn a_place_is_followed_by_all_that_came_after_it_or_by_none(
            start in 0_i64..5, gaps in prop::collection::vec(1_i64..4, 0..6_000),
            place in 0_i64..20_000, most in 1_usize..100,
        ) {
            let mut ring = Ring::after_place(start);
            let mut all = Vec::new();
            for gap in gaps {
                let sequence = ring.last() + gap;
                ring.push(event(sequence, 1));
                all.push(sequence);
            }
            let kept = all.len().saturating_sub(MAX_EVENTS);
            let floor = if kept == 0 { start } else { all[kept - 1] };
            let expected: Vec<_> =
                all.iter().copied().filter(|sequence| *sequence > place).take(most).collect();
            match ring.after(place, most) {
                Some(events) => prop_assert_eq!(numbers(&events), expected),
                None => prop_assert!(place < floor),
            }
            prop_assert_eq!(ring.after(floor, most).is_some(), true);
            prop_assert!(ring.after(floor - 1, most).is_none());
        }
    }
}
