//! The end of the journal, where records are added.

use std::io;

use super::disk::{Disk, DiskFile, remove_if_there};
use super::header::{self, FileKind, HEADER_BYTES};
use super::segment::{self, Segment, State};

/// The segment that grows.
#[derive(Debug)]
pub(crate) struct Tail {
    segment: Segment,
    file: Box<dyn DiskFile>,
    synced: Synced,
    ending: Ending,
    pages: Pages,
    name: Name,
}

/// How much of it was synced.
#[derive(Clone, Copy, Debug)]
struct Synced {
    bytes: u64,
    end: u64,
}

/// What is behind the end of the segment in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Nothing.
    Tidy,
    /// Bytes of an attempt that failed, maybe.
    Untidy,
}

/// What is known of what was not synced yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    /// The next sync brings it to the disk.
    Pending,
    /// A sync failed. The system may take what it did not write for written, so that another sync
    /// would succeed without it: it has to be written again first.
    Doubtful,
}

/// Whether the file's name is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Synced,
    New,
}

impl Tail {
    /// Begins a segment with the record `first`.
    pub(crate) fn begin(disk: &dyn Disk, first: u64) -> io::Result<Self> {
        let name = segment::name(first);
        // An attempt that failed may have left it. It holds no record, or `first` would be greater.
        remove_if_there(disk, &name)?;
        let mut file = disk.create(&name)?;
        file.write_at(0, &header::encode(FileKind::Segment, first))?;
        let bytes = HEADER_BYTES as u64;
        Ok(Self {
            segment: Segment {
                first,
                end: first,
                bytes,
                state: State::Sound,
            },
            file,
            synced: Synced { bytes, end: first },
            ending: Ending::Tidy,
            pages: Pages::Pending,
            name: Name::New,
        })
    }

    /// Goes on with a segment of an earlier run, of which all that is good stays.
    pub(crate) fn resume(segment: Segment, file: Box<dyn DiskFile>) -> Self {
        Self {
            file,
            // Not known, so the first sync has to write its name too.
            name: Name::New,
            synced: Synced {
                bytes: segment.bytes,
                end: segment.end,
            },
            ending: Ending::Untidy,
            pages: Pages::Pending,
            segment,
        }
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(crate) fn segment_mut(&mut self) -> &mut Segment {
        &mut self.segment
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced.bytes == self.segment.bytes
    }

    /// Adds frames. If it fails, none of them is there.
    pub(crate) fn write(&mut self, frames: &[u8], count: u64) -> io::Result<()> {
        self.end_where_it_should()?;
        if let Err(error) = self.file.write_at(self.segment.bytes, frames) {
            self.ending = Ending::Untidy;
            self.tidy();
            return Err(error);
        }
        let len = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        self.segment.bytes = self.segment.bytes.saturating_add(len);
        self.segment.end = self.segment.end.saturating_add(count);
        Ok(())
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.pages == Pages::Doubtful {
            self.write_again()?;
        }
        if let Err(error) = self.file.sync() {
            self.pages = Pages::Doubtful;
            return Err(error);
        }
        if self.name == Name::New {
            disk.sync_folder()?;
            self.name = Name::Synced;
        }
        self.synced = Synced {
            bytes: self.segment.bytes,
            end: self.segment.end,
        };
        Ok(())
    }

    /// Takes back all that was written since the last sync, as if it never was.
    pub(crate) fn take_back(&mut self) {
        self.segment.bytes = self.synced.bytes;
        self.segment.end = self.synced.end;
        self.ending = Ending::Untidy;
        self.pages = Pages::Pending;
        self.tidy();
    }

    /// Tries to remove the bytes of an attempt that failed, so that nobody takes them for records after
    /// a crash. If it fails, the next write has to.
    pub(crate) fn tidy(&mut self) {
        // The next write tells, if it fails again.
        let _ = self.end_where_it_should();
    }

    fn end_where_it_should(&mut self) -> io::Result<()> {
        if self.ending == Ending::Untidy {
            self.file.truncate(self.segment.bytes)?;
            self.ending = Ending::Tidy;
        }
        Ok(())
    }

    fn write_again(&mut self) -> io::Result<()> {
        self.end_where_it_should()?;
        let unsynced = self.segment.bytes.saturating_sub(self.synced.bytes);
        let most = usize::try_from(unsynced).unwrap_or(usize::MAX);
        let bytes = self.file.read_at(self.synced.bytes, most)?;
        if bytes.len() != most {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.write_at(self.synced.bytes, &bytes)?;
        self.pages = Pages::Pending;
        Ok(())
    }
}
