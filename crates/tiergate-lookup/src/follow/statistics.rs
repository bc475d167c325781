use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::position::EventId;
use crate::cache::Counter;
use crate::events;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    Outdated,
    Unasked,
    Unreadable,
    Oversized,
    Catalog,
    Ignored,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Outdated => "outdated",
            Self::Unasked => "unasked",
            Self::Unreadable => "unreadable",
            Self::Oversized => "oversized",
            Self::Catalog => "catalog",
            Self::Ignored => "ignored",
        }
    }
}

/// What a [`Following`](super::Following) has done since it began.
///
/// Plain numbers, read one after the other while others count: they need not add up to the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowStatistics {
    /// Whether the stream is open now, and has said hello.
    pub connected: bool,
    /// How often the stream was opened and said hello. All but the first are reconnections.
    pub connections: u64,
    /// How often the stream ended or could not be opened.
    pub losses: u64,
    /// How often changes may have been missed, so that everything known was put in doubt.
    pub gaps: u64,
    /// Changes that hold now.
    pub applied: u64,
    /// Changes that were older than what was known.
    pub outdated: u64,
    /// Changes to subjects that nobody asked about.
    pub unasked: u64,
    /// Changes that could not be read.
    pub unreadable: u64,
    /// Events that were larger than 256 KiB, and skipped.
    pub oversized: u64,
    /// Announcements of a catalog.
    pub catalogs: u64,
    /// Events of other kinds.
    pub ignored: u64,
    /// The id of the last event that was taken in: where the stream goes on if it breaks.
    pub last_event_id: Option<Box<str>>,
}

/// The counters behind [`FollowStatistics`].
#[derive(Debug, Default)]
pub(super) struct Progress {
    connected: AtomicBool,
    connections: Counter,
    losses: Counter,
    gaps: Counter,
    applied: Counter,
    outdated: Counter,
    unasked: Counter,
    unreadable: Counter,
    oversized: Counter,
    catalogs: Counter,
    ignored: Counter,
    position: Mutex<Option<EventId>>,
}

impl Progress {
    pub(super) fn connected(&self) {
        self.connected.store(true, Ordering::Relaxed);
        self.connections.increment();
    }

    pub(super) fn disconnected(&self) -> bool {
        self.connected.swap(false, Ordering::Relaxed)
    }

    pub(super) fn lost(&self) {
        self.losses.increment();
        events::changes_counted_lost();
    }

    pub(super) fn gap(&self) {
        self.gaps.increment();
    }

    pub(super) fn event(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Applied => &self.applied,
            Outcome::Outdated => &self.outdated,
            Outcome::Unasked => &self.unasked,
            Outcome::Unreadable => &self.unreadable,
            Outcome::Oversized => &self.oversized,
            Outcome::Catalog => &self.catalogs,
            Outcome::Ignored => &self.ignored,
        };
        counter.increment();
        events::change(outcome);
    }

    pub(super) fn position(&self) -> Option<EventId> {
        self.position
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_position(&self, position: Option<EventId>) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }

    pub(super) fn read(&self) -> FollowStatistics {
        FollowStatistics {
            connected: self.connected.load(Ordering::Relaxed),
            connections: self.connections.get(),
            losses: self.losses.get(),
            gaps: self.gaps.get(),
            applied: self.applied.get(),
            outdated: self.outdated.get(),
            unasked: self.unasked.get(),
            unreadable: self.unreadable.get(),
            oversized: self.oversized.get(),
            catalogs: self.catalogs.get(),
            ignored: self.ignored.get(),
            last_event_id: self.position().map(EventId::into_text),
        }
    }
}
