//! What a recorder holds, and has done.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::observe::{Fate, Reason};

/// What a [`UsageRecorder`](super::UsageRecorder) holds now, and has done since it was opened.
///
/// The figures are read one after the other, so under load they may not add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStatistics {
    pub(super) in_memory: u64,
    pub(super) backlog: u64,
    pub(super) journal_bytes: u64,
    pub(super) fates: [u64; Fate::COUNT],
    pub(super) refused: [u64; Reason::COUNT],
    pub(super) repaired: u64,
    pub(super) disk_faults: u64,
    pub(super) delivery_faults: u64,
}

macro_rules! figures {
    ($($(#[doc = $doc:literal])* $name:ident = $place:expr;)*) => {
        impl RecorderStatistics {
            $(
                $(#[doc = $doc])*
                #[must_use]
                pub fn $name(&self) -> u64 {
                    let figure: fn(&Self) -> u64 = $place;
                    figure(self)
                }
            )*
        }
    };
}

figures! {
    /// Records held in memory now: those that wait to be written, and those of the batch that is being
    /// delivered. It has a bound, whatever the backlog is.
    in_memory = |figures| figures.in_memory;
    /// Records in the journal that are not delivered yet.
    backlog = |figures| figures.backlog;
    /// What the journal takes on the disk, in bytes. It shrinks by whole segments.
    journal_bytes = |figures| figures.journal_bytes;
    /// Records that came into the journal.
    recorded = |figures| figures.fate(Fate::Recorded);
    /// Records that the sink accepted.
    delivered = |figures| figures.fate(Fate::Delivered);
    /// Records that the sink knew already.
    duplicates = |figures| figures.fate(Fate::Duplicate);
    /// Records that the sink will never take. They are in `rejected.jsonl`.
    rejected = |figures| figures.fate(Fate::Rejected);
    /// Records that grew too old before they could be delivered. They are in `rejected.jsonl`.
    expired = |figures| figures.fate(Fate::Expired);
    /// Records of the journal that could not be read, and are lost.
    damaged = |figures| figures.fate(Fate::Damaged);
    /// Records refused because the queue was full.
    refused_queue_full = |figures| figures.reason(Reason::QueueFull);
    /// Records refused because the journal was full.
    refused_journal_full = |figures| figures.reason(Reason::JournalFull);
    /// Records refused because the disk failed.
    refused_disk = |figures| figures.reason(Reason::Disk);
    /// Records refused because they were invalid.
    refused_invalid = |figures| figures.reason(Reason::Invalid);
    /// Records refused because the recorder was shut down.
    refused_shut_down = |figures| figures.reason(Reason::ShutDown);
    /// Torn or broken ends of segments that were cut off when the journal was opened.
    repaired = |figures| figures.repaired;
    /// How often the disk failed.
    disk_faults = |figures| figures.disk_faults;
    /// How often a batch could not be delivered.
    delivery_faults = |figures| figures.delivery_faults;
}

impl RecorderStatistics {
    fn fate(&self, fate: Fate) -> u64 {
        self.fates.get(fate.index()).copied().unwrap_or_default()
    }

    fn reason(&self, reason: Reason) -> u64 {
        self.refused
            .get(reason.index())
            .copied()
            .unwrap_or_default()
    }
}

/// The figures while they are counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    fates: [AtomicU64; Fate::COUNT],
    refused: [AtomicU64; Reason::COUNT],
    repaired: AtomicU64,
    disk_faults: AtomicU64,
    delivery_faults: AtomicU64,
    in_batch: AtomicUsize,
    backlog: AtomicU64,
    journal_bytes: AtomicU64,
}

impl Counts {
    pub(super) fn fate(&self, fate: Fate, records: u64) {
        if records > 0 {
            add(self.fates.get(fate.index()), records);
            fate.count(records);
        }
    }

    pub(super) fn refused(&self, reason: Reason, records: u64) {
        if records > 0 {
            add(self.refused.get(reason.index()), records);
            reason.count(records);
        }
    }

    pub(super) fn repaired(&self, tails: u64) {
        add(Some(&self.repaired), tails);
    }

    pub(super) fn disk_failed(&self) {
        add(Some(&self.disk_faults), 1);
    }

    pub(super) fn delivery_failed(&self) {
        add(Some(&self.delivery_faults), 1);
    }

    pub(super) fn in_batch(&self, records: usize) {
        self.in_batch.store(records, Ordering::Relaxed);
    }

    pub(super) fn journal(&self, backlog: u64, bytes: u64) {
        self.backlog.store(backlog, Ordering::Relaxed);
        self.journal_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self, queued: usize) -> RecorderStatistics {
        let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let in_memory = queued.saturating_add(self.in_batch.load(Ordering::Relaxed));
        RecorderStatistics {
            in_memory: u64::try_from(in_memory).unwrap_or(u64::MAX),
            backlog: load(&self.backlog),
            journal_bytes: load(&self.journal_bytes),
            fates: self.fates.each_ref().map(load),
            refused: self.refused.each_ref().map(load),
            repaired: load(&self.repaired),
            disk_faults: load(&self.disk_faults),
            delivery_faults: load(&self.delivery_faults),
        }
    }
}

fn add(figure: Option<&AtomicU64>, more: u64) {
    if let Some(figure) = figure {
        figure.fetch_add(more, Ordering::Relaxed);
    }
}
