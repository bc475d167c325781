//! What is found in a folder when a journal is opened, and what of it can be gone on with.

use std::any::Any;
use std::collections::VecDeque;
use std::io;

use super::cursor::{self, Found};
use super::disk::{Disk, DiskFile, Locking, remove_if_there};
use super::error::Problem;
use super::frame::{self, MAX_PAYLOAD};
use super::header::{self, FileKind, HEADER_BYTES, HeaderFault};
use super::scan::{Ending, Item, Reach, Scan};
use super::segment::{self, Segment, State};
use super::tail::Tail;
use super::{Bounds, LARGEST_SEGMENT, Repairs};

/// A folder that was looked through.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) lock: Box<dyn Any + Send>,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) tail: Option<Tail>,
    pub(crate) delivered: u64,
    pub(crate) next: u64,
    pub(crate) repairs: Repairs,
}

/// Looks through a folder, and repairs what a crash has left.
pub(crate) fn open(disk: &dyn Disk, bounds: &Bounds) -> Result<Opened, Problem> {
    let lock = match disk.lock().map_err(Problem::disk("locking it"))? {
        Locking::Held(lock) => lock,
        Locking::Taken => return Err(Problem::InUse),
    };
    let names = disk.names().map_err(Problem::disk("listing it"))?;
    let mut firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| segment::number(name))
        .collect();
    firsts.sort_unstable();
    let mut repairs = Repairs::default();

    let delivered = match cursor::read(disk).map_err(Problem::disk("reading `delivered`"))? {
        Found::Nothing => 0,
        Found::At(sequence) => sequence,
        Found::Damaged => {
            repairs.cursors += 1;
            0
        }
        Found::UnknownVersion(version) => {
            let file = cursor::NAME.to_owned();
            return Err(Problem::UnknownVersion { file, version });
        }
    };
    remove_if_there(disk, cursor::NEW_NAME).map_err(Problem::disk("removing `delivered.new`"))?;

    let mut segments = VecDeque::with_capacity(firsts.len());
    for first in &firsts {
        let (segment, header) = glance(disk, *first)?;
        if let Some(before) = segments.back_mut() {
            let before: &mut Segment = before;
            before.end = *first;
        }
        segments.push_back(segment);
        if header == Header::Damaged {
            repairs.headers += 1;
        }
    }
    let mut tail = None;
    if let Some(last) = segments.pop_back() {
        let problem = Problem::disk("reading the last segment");
        let (last, kept) = look_at_last(disk, last, &mut repairs).map_err(problem)?;
        match kept {
            Kept::Nothing => {}
            Kept::Closed => segments.push_back(last),
            Kept::Open(file) => tail = Some(Tail::resume(last, file)),
        }
    }
    let end = tail.as_ref().map(|tail: &Tail| tail.segment().end);
    let end = end.or(segments.back().map(|last| last.end));
    let next = end.unwrap_or_default().max(delivered);
    // Sequences in a segment follow each other, so one that ends before is not gone on with.
    if let Some(last) = tail.take_if(|tail| tail.segment().end != next || !bounds.has_room(tail)) {
        segments.push_back(*last.segment());
    }
    Ok(Opened {
        lock,
        segments,
        tail,
        delivered,
        next,
        repairs,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Good,
    /// The process or the machine ended before it was written.
    Torn,
    Damaged,
}

/// Looks at the header of a segment and its length. Its end is that of its bytes only.
fn glance(disk: &dyn Disk, first: u64) -> Result<(Segment, Header), Problem> {
    let name = segment::name(first);
    let look = || -> io::Result<_> {
        let mut file = disk.open(&name)?;
        Ok((file.read_at(0, HEADER_BYTES)?, file.len()?))
    };
    let (bytes, len) = look().map_err(Problem::disk("reading a segment"))?;
    let header = match header::decode(FileKind::Segment, &bytes) {
        Ok(number) if number == first => Header::Good,
        // The name says where it begins, so its records can be read all the same.
        Ok(_) | Err(HeaderFault::Damaged) => Header::Damaged,
        Err(HeaderFault::Torn) => Header::Torn,
        Err(HeaderFault::UnknownVersion(version)) => {
            return Err(Problem::UnknownVersion {
                file: name,
                version,
            });
        }
    };
    let segment = Segment {
        first,
        end: first,
        bytes: len,
        state: match header {
            Header::Good => State::Sound,
            Header::Torn | Header::Damaged => State::Damaged,
        },
    };
    Ok((segment, header))
}

/// What is done with the last segment of an earlier run.
enum Kept {
    /// It held no record, and is gone.
    Nothing,
    /// It stays, and nothing is added to it.
    Closed,
    /// Records are added to it.
    Open(Box<dyn DiskFile>),
}

/// Finds where the records of the last segment end, and cuts off what is behind.
fn look_at_last(
    disk: &dyn Disk,
    mut segment: Segment,
    repairs: &mut Repairs,
) -> io::Result<(Segment, Kept)> {
    let name = segment.name();
    let mut file = disk.open(&name)?;
    let found = find_end(&mut *file, &segment)?;
    segment.end = found.end;
    if found.state == State::Damaged {
        segment.state = State::Damaged;
    }
    let cut = segment.bytes.saturating_sub(found.bytes);
    repairs.bytes_cut = repairs.bytes_cut.saturating_add(cut);
    match found.behind {
        Behind::Nothing => {}
        Behind::Torn => repairs.torn_tails += 1,
        Behind::Broken => repairs.broken_tails += 1,
    }
    if found.end == segment.first {
        drop(file);
        match segment.state {
            // It was never written to its end, or all that was torn off.
            State::Sound => disk.remove(&name)?,
            State::Damaged if segment.bytes <= HEADER_BYTES as u64 => disk.remove(&name)?,
            State::Damaged => disk.rename(&name, &segment.name_when_set_aside())?,
        }
        return Ok((segment, Kept::Nothing));
    }
    segment.bytes = found.bytes;
    if cut > 0 {
        file.truncate(found.bytes)?;
    }
    Ok(match segment.state {
        State::Sound => (segment, Kept::Open(file)),
        State::Damaged => (segment, Kept::Closed),
    })
}

/// Where the records of a segment end.
struct End {
    end: u64,
    bytes: u64,
    state: State,
    behind: Behind,
}

/// What is behind the last record.
enum Behind {
    Nothing,
    /// The beginning of a record: the process or the machine ended while it was written.
    Torn,
    /// All of a record, but not as it was written.
    Broken,
}

fn find_end(file: &mut dyn DiskFile, segment: &Segment) -> io::Result<End> {
    let start = HEADER_BYTES as u64;
    let len = usize::try_from(segment.bytes.saturating_sub(start)).unwrap_or(usize::MAX);
    let bytes = file.read_at(start, len.min(LARGEST))?;
    let mut scan = Scan::new(&bytes, segment.first, Reach::ToTheEnd);
    let mut state = State::Sound;
    while let Some(item) = scan.next() {
        if matches!(item, Item::Gap { .. }) {
            state = State::Damaged;
        }
    }
    let rest = bytes.get(scan.at()..).unwrap_or_default();
    let behind = match scan.ending() {
        Ending::Clean => Behind::Nothing,
        Ending::Unreadable if frame::told_len(rest) == Some(rest.len()) => Behind::Broken,
        Ending::Cut | Ending::Unreadable => Behind::Torn,
    };
    Ok(End {
        end: scan.expected(),
        bytes: start.saturating_add(u64::try_from(scan.at()).unwrap_or(u64::MAX)),
        state,
        behind,
    })
}

/// No segment of ours is larger. Of another file of such a name no more is read.
const LARGEST: usize = LARGEST_SEGMENT + frame::FRAME_BYTES + MAX_PAYLOAD;
