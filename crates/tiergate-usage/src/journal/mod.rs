//! A log of records on a local disk, in order, until they are delivered.
//!
//! ```text
//! lock                              held by the one process that uses the folder
//! 00000000000000000000.segment      records; the name is the sequence of the first
//! 00000000000000031415.segment      the last one grows
//! delivered                         the sequence of the first record that is not delivered yet
//! rejected.jsonl                    what will never be delivered
//! 00000000000000002718.damaged      a segment that could not be read as a whole
//! ```
//!
//! Nothing in here waits, logs or knows what a record means: one thread owns the journal and does so.
//!
//! What makes it survive a crash at any step:
//!
//! * A record is at one place only, and written before it is acknowledged.
//! * `delivered` is replaced in one step. If it is lost, records are delivered again, under the same
//!   ids.
//! * Sequences only grow. So a segment can be removed before `delivered` says so: what is not there is
//!   delivered.
//! * Bytes of an attempt that failed are cut off before the next one.

mod cursor;
pub(crate) mod disk;
mod error;
mod frame;
mod header;
mod opening;
mod reader;
mod rejected;
mod scan;
mod segment;
mod tail;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::VecDeque;
use std::io;

pub(crate) use error::Problem;
pub use error::{OpenError, OpenErrorKind};
pub(crate) use frame::MAX_PAYLOAD;
pub(crate) use reader::{Most, Portion};

use disk::{Care, Disk};
use frame::frame_len;
use header::HEADER_BYTES;
use reader::Reader;
use segment::{Segment, State};
use tail::Tail;

/// The largest segment, in bytes. Its last one is read as a whole when the journal is opened.
const LARGEST_SEGMENT: usize = 8 * 1024 * 1024;
const MAX_SEGMENT_BYTES: u64 = LARGEST_SEGMENT as u64;

/// The smallest, so that few files are needed for many records.
const MIN_SEGMENT_BYTES: u64 = 64 * 1024;

/// The least that a journal can be held in: so many segments that one can be removed while others fill.
pub(crate) const MIN_BYTES: u64 = 8 * MIN_SEGMENT_BYTES;

/// How much is written at once.
const RUN_BYTES: usize = 1024 * 1024;

/// How many damaged segments are kept for people to look at.
const MOST_SET_ASIDE: usize = 16;

/// How large a file of rejected records gets.
const REJECTED_BYTES: u64 = 16 * 1024 * 1024;

/// When what is written is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncing {
    /// When the system likes.
    BySystem,
    /// When [`Journal::sync`] is called.
    OnCall,
    /// Before an append ends.
    EachAppend,
}

/// What a journal may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    max_bytes: u64,
    segment_bytes: u64,
}

impl Bounds {
    /// Bounds for a journal of so many bytes.
    pub(crate) fn of(max_bytes: u64) -> Self {
        Self {
            max_bytes: max_bytes.max(MIN_BYTES),
            segment_bytes: (max_bytes / 8).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES),
        }
    }

    fn has_room(&self, tail: &Tail) -> bool {
        tail.segment().bytes < self.segment_bytes
    }
}

/// What was wrong in the folder when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    /// Ends of segments that were cut off: records that were being written.
    pub(crate) torn_tails: u64,
    /// Last records that were there and not as they were written.
    pub(crate) broken_tails: u64,
    /// How many bytes were cut off for either.
    pub(crate) bytes_cut: u64,
    /// Segments whose header cannot be read.
    pub(crate) headers: u64,
    /// Whether it was lost how far records are delivered.
    pub(crate) cursors: u64,
}

/// How far an append came.
#[derive(Debug)]
pub(crate) struct Appended {
    /// So many of the records, from the first on, are in the journal.
    pub(crate) kept: usize,
    /// Why the others are not.
    pub(crate) fault: Option<AppendFault>,
}

/// Why a record is not in the journal.
#[derive(Debug)]
pub(crate) enum AppendFault {
    /// It has no room.
    Full,
    Disk(io::Error),
}

/// What settling records came to, where it is not what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Segments that were set aside because not all of them could be read.
    pub(crate) set_aside: Vec<String>,
    /// What could not be done. [`Journal::is_behind`] until it is.
    pub(crate) fault: Option<io::Error>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Records that are not delivered. Some of them may be lost to damage.
    pub(crate) records: u64,
    /// What segments take on the disk.
    pub(crate) bytes: u64,
}

/// A journal that is open.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Box<dyn Disk>,
    _lock: Box<dyn Any + Send>,
    bounds: Bounds,
    syncing: Syncing,
    /// Those that do not grow any more, oldest first.
    segments: VecDeque<Segment>,
    tail: Option<Tail>,
    /// Those of them that were filled and never synced.
    unsynced: Vec<u64>,
    next: u64,
    delivered: u64,
    /// How much of that the folder says.
    noted: u64,
    reader: Reader,
    buffer: Vec<u8>,
}

impl Journal {
    /// Opens the journal in a folder, and says what had to be repaired.
    pub(crate) fn open(
        disk: Box<dyn Disk>,
        bounds: Bounds,
        syncing: Syncing,
    ) -> Result<(Self, Repairs), Problem> {
        let opened = opening::open(&*disk, &bounds)?;
        let mut journal = Self {
            disk,
            _lock: opened.lock,
            bounds,
            syncing,
            segments: opened.segments,
            tail: opened.tail,
            unsynced: Vec::new(),
            next: opened.next,
            delivered: opened.delivered,
            noted: opened.delivered,
            reader: Reader::from(opened.delivered),
            buffer: Vec::new(),
        };
        // What cannot be removed now is removed with the next records that are delivered.
        let _ = journal.remove_delivered(&mut Settled::default());
        Ok((journal, opened.repairs))
    }

    /// Adds records, in their order. Those that are kept are as durable as was chosen.
    pub(crate) fn append<P: AsRef<[u8]>>(&mut self, payloads: &[P]) -> Appended {
        let mut kept = 0_usize;
        while let Some(rest) = payloads.get(kept..).filter(|rest| !rest.is_empty()) {
            match self.append_run(rest) {
                Ok(more) => kept = kept.saturating_add(more),
                Err(fault) => {
                    return Appended {
                        kept,
                        fault: Some(fault),
                    };
                }
            }
        }
        Appended { kept, fault: None }
    }

    /// Adds as many records as are written at once: at least one.
    fn append_run<P: AsRef<[u8]>>(&mut self, payloads: &[P]) -> Result<usize, AppendFault> {
        let first = payloads.first().map_or(0, |first| first.as_ref().len());
        let on_disk = self.bytes();
        self.make_room(frame_len(first))
            .map_err(AppendFault::Disk)?;
        let Some(tail) = self.tail.as_mut() else {
            return Err(AppendFault::Disk(io::ErrorKind::NotFound.into()));
        };
        let in_segment = self
            .bounds
            .segment_bytes
            .saturating_sub(tail.segment().bytes);
        let in_journal = self.bounds.max_bytes.saturating_sub(on_disk);
        let room = usize::try_from(in_segment).unwrap_or(usize::MAX);
        let room = room.min(RUN_BYTES).max(frame_len(first));
        let room = room.min(usize::try_from(in_journal).unwrap_or(usize::MAX));

        self.buffer.clear();
        let mut count = 0_usize;
        let mut sequence = self.next;
        for payload in payloads {
            let payload = payload.as_ref();
            if self.buffer.len().saturating_add(frame_len(payload.len())) > room {
                break;
            }
            frame::encode(&mut self.buffer, sequence, payload);
            sequence = sequence.saturating_add(1);
            count = count.saturating_add(1);
        }
        if count == 0 {
            return Err(AppendFault::Full);
        }
        let added = sequence.saturating_sub(self.next);
        tail.write(&self.buffer, added).map_err(AppendFault::Disk)?;
        if self.syncing == Syncing::EachAppend
            && let Err(error) = tail.sync(&*self.disk)
        {
            tail.take_back();
            return Err(AppendFault::Disk(error));
        }
        self.next = sequence;
        Ok(count)
    }

    /// Sees to it that there is a segment with room for a frame, or an empty one.
    fn make_room(&mut self, frame: usize) -> io::Result<()> {
        if let Some(tail) = &mut self.tail {
            let frame = u64::try_from(frame).unwrap_or(u64::MAX);
            let bytes = tail.segment().bytes.saturating_add(frame);
            let is_empty = tail.segment().bytes <= HEADER_BYTES as u64;
            let is_sound = tail.segment().state == State::Sound;
            if is_empty || (is_sound && bytes <= self.bounds.segment_bytes) {
                return Ok(());
            }
            // Later only the new one is synced.
            if self.syncing != Syncing::BySystem && !tail.is_synced() {
                tail.sync(&*self.disk)?;
            }
        }
        let new = Tail::begin(&*self.disk, self.next)?;
        if let Some(mut full) = self.tail.replace(new) {
            full.tidy();
            if !full.is_synced() {
                self.unsynced.push(full.segment().first);
            }
            self.segments.push_back(*full.segment());
        }
        Ok(())
    }

    /// Makes durable what is not yet.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        while let Some(first) = self.unsynced.last() {
            match self.disk.open(&segment::name(*first)) {
                // It was delivered, and is gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                file => file?.sync()?,
            }
            self.unsynced.pop();
        }
        match &mut self.tail {
            Some(tail) => tail.sync(&*self.disk),
            None => Ok(()),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_synced(&self) -> bool {
        self.unsynced.is_empty() && self.tail.as_ref().is_none_or(Tail::is_synced)
    }

    /// The records from `next` on.
    pub(crate) fn read_from(&mut self, next: u64, most: Most) -> io::Result<Portion> {
        if !self.reader.is_at(next) {
            self.reader = Reader::from(next);
        }
        self.read(most)
    }

    /// The next records that were not read yet.
    fn read(&mut self, most: Most) -> io::Result<Portion> {
        let tail = self.tail.as_mut().map(Tail::segment_mut);
        let segments = self.segments.iter_mut().chain(tail);
        self.reader.read(&*self.disk, segments, most)
    }

    /// Writes down that some records will never be delivered.
    pub(crate) fn reject(&mut self, lines: &[u8]) -> io::Result<()> {
        rejected::append(&*self.disk, lines, REJECTED_BYTES)
    }

    /// Everything before `end` is done: it is removed when its segment is.
    pub(crate) fn settle(&mut self, end: u64) -> Settled {
        self.delivered = self.delivered.max(end);
        let mut settled = Settled::default();
        let noted = self.note_delivered();
        // Also when it was not written: maybe the disk is full, and this makes room.
        let removed = self.remove_delivered(&mut settled);
        settled.fault = noted.and(removed).err();
        settled
    }

    /// Whether something of what was settled could not be done yet.
    pub(crate) fn is_behind(&self) -> bool {
        let removable = self.segments.front();
        self.noted < self.delivered || removable.is_some_and(|oldest| oldest.end <= self.delivered)
    }

    fn note_delivered(&mut self) -> io::Result<()> {
        if self.noted < self.delivered {
            let care = match self.syncing {
                // Without it the records are delivered again, and nothing else happens.
                Syncing::BySystem => Care::Unsynced,
                Syncing::OnCall | Syncing::EachAppend => Care::Synced,
            };
            cursor::write(&*self.disk, self.delivered, care)?;
            self.noted = self.delivered;
        }
        Ok(())
    }

    fn remove_delivered(&mut self, settled: &mut Settled) -> io::Result<()> {
        while let Some(oldest) = self.segments.front() {
            if oldest.end > self.delivered {
                break;
            }
            match oldest.state {
                State::Sound => disk::remove_if_there(&*self.disk, &oldest.name())?,
                State::Damaged => {
                    let name = oldest.name_when_set_aside();
                    match self.disk.rename(&oldest.name(), &name) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        done => done?,
                    }
                    settled.set_aside.push(name);
                }
            }
            let first = oldest.first;
            self.unsynced.retain(|unsynced| *unsynced != first);
            self.segments.pop_front();
        }
        if !settled.set_aside.is_empty() {
            self.bound_set_aside()?;
        }
        Ok(())
    }

    /// Keeps the newest of the damaged segments.
    fn bound_set_aside(&self) -> io::Result<()> {
        let mut names = self.disk.names()?;
        names.retain(|name| segment::is_set_aside(name));
        names.sort_unstable();
        let surplus = names.len().saturating_sub(MOST_SET_ASIDE);
        for name in names.iter().take(surplus) {
            disk::remove_if_there(&*self.disk, name)?;
        }
        Ok(())
    }

    /// The sequence of the record that is added next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The sequence of the first record that is not delivered.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether the disk has no room left for records by the bound.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes().saturating_add(frame_len(MAX_PAYLOAD) as u64) > self.bounds.max_bytes
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            records: self.next.saturating_sub(self.delivered),
            bytes: self.bytes(),
        }
    }

    #[cfg(test)]
    fn reader_at(&self) -> u64 {
        self.reader.at()
    }

    fn bytes(&self) -> u64 {
        let tail = self.tail.as_ref().map(Tail::segment);
        let segments = self.segments.iter().chain(tail);
        segments.fold(0, |sum, segment| sum.saturating_add(segment.bytes))
    }
}
