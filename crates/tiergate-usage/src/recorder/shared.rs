//! What the parts of a recorder tell each other.

use tokio::sync::watch;

use super::queue::Queue;
use super::statistics::Counts;

/// What everybody sees. Sequences count up.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) counts: Counts,
    /// The sequence behind the last record in the journal.
    pub(super) end: watch::Sender<u64>,
    /// The sequence of the first record that is not delivered.
    pub(super) delivered: watch::Sender<u64>,
    /// Everything before this sequence is to be delivered without waiting for more.
    pub(super) wanted: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(most_queued: usize) -> Self {
        Self {
            queue: Queue::of(most_queued),
            counts: Counts::default(),
            end: watch::Sender::new(0),
            delivered: watch::Sender::new(0),
            wanted: watch::Sender::new(0),
        }
    }
}

/// Moves a sequence on, and never back.
pub(super) fn advance(sequence: &watch::Sender<u64>, to: u64) {
    sequence.send_if_modified(|sequence| {
        let is_on = to > *sequence;
        if is_on {
            *sequence = to;
        }
        is_on
    });
}
