//! Reading the journal from where the last read ended.

use std::io;

use super::disk::{Disk, DiskFile};
use super::header::HEADER_BYTES;
use super::scan::{Ending, Item, Reach, Scan};
use super::segment::{Segment, State};

/// How much is read of a segment at once. Far more than a frame can have.
const WINDOW: u64 = 1024 * 1024;

/// How much one read may bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// Some records in the order of the journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) records: Vec<Stored>,
    /// The sequence behind them. When they are done, so is everything before it.
    pub(crate) end: u64,
    /// How many records could not be read on the way. They are lost.
    pub(crate) lost: u64,
}

/// A record in the journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    pub(crate) payload: Vec<u8>,
}

/// A place in the journal.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The sequence to be read next.
    next: u64,
    place: Option<Place>,
}

/// A place in a segment.
#[derive(Debug)]
struct Place {
    segment: u64,
    file: Box<dyn DiskFile>,
    at: u64,
    /// The sequence of the record there.
    sequence: u64,
}

/// Whether to go on in a segment.
enum Progress {
    Full,
    More,
    /// More of the segment has to be looked at at once to find what comes next.
    Widen,
    SegmentDone,
}

impl Reader {
    /// A reader that begins with the record `next`.
    pub(crate) fn from(next: u64) -> Self {
        Self { next, place: None }
    }

    /// Whether the record `next` comes next.
    pub(crate) fn is_at(&self, next: u64) -> bool {
        self.next == next
    }

    #[cfg(test)]
    pub(crate) fn at(&self) -> u64 {
        self.next
    }

    /// The next records of the journal, as long as there are some.
    ///
    /// When it fails it has not moved.
    pub(crate) fn read<'a>(
        &mut self,
        disk: &dyn Disk,
        segments: impl Iterator<Item = &'a mut Segment>,
        most: Most,
    ) -> io::Result<Portion> {
        let mut portion = Portion {
            end: self.next,
            ..Portion::default()
        };
        let mut taken = Taken { most, bytes: 0 };
        for segment in segments {
            if segment.end <= self.next {
                continue;
            }
            match self.read_segment(disk, segment, &mut taken, &mut portion) {
                Ok(Progress::Full) => break,
                Ok(_) => {}
                // What was read before is not lost by it.
                Err(error) if portion.records.is_empty() && portion.lost == 0 => {
                    self.place = None;
                    return Err(error);
                }
                Err(_) => {
                    self.place = None;
                    break;
                }
            }
        }
        portion.end = self.next;
        Ok(portion)
    }

    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        segment: &mut Segment,
        taken: &mut Taken,
        portion: &mut Portion,
    ) -> io::Result<Progress> {
        let mut place = match self.place.take() {
            Some(place) if place.segment == segment.first => place,
            _ => match disk.open(&segment.name()) {
                Ok(file) => Place {
                    segment: segment.first,
                    file,
                    at: HEADER_BYTES as u64,
                    sequence: segment.first,
                },
                // Somebody removed it. Waiting would not bring it back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.lose_rest(segment, portion);
                    return Ok(Progress::SegmentDone);
                }
                Err(error) => return Err(error),
            },
        };
        let mut window = WINDOW;
        loop {
            match self.read_window(&mut place, segment, window, taken, portion)? {
                Progress::More => window = WINDOW,
                Progress::Widen => window = u64::MAX,
                done @ (Progress::Full | Progress::SegmentDone) => {
                    self.place = Some(place);
                    return Ok(done);
                }
            }
        }
    }

    fn read_window(
        &mut self,
        place: &mut Place,
        segment: &mut Segment,
        window: u64,
        taken: &mut Taken,
        portion: &mut Portion,
    ) -> io::Result<Progress> {
        let left = segment.bytes.saturating_sub(place.at);
        let wanted = usize::try_from(left.min(window)).unwrap_or(usize::MAX);
        let bytes = place.file.read_at(place.at, wanted)?;
        // A file that is shorter than it was has nothing behind that end either.
        let reach = if left > window && bytes.len() == wanted {
            Reach::Part
        } else {
            Reach::ToTheEnd
        };
        let start = place.at;
        let mut scan = Scan::new(&bytes, place.sequence, reach);
        let move_to = |place: &mut Place, scan: &Scan<'_>| {
            place.at = start.saturating_add(u64::try_from(scan.at()).unwrap_or(u64::MAX));
            place.sequence = scan.expected();
        };
        while let Some(item) = scan.next() {
            match item {
                Item::Frame(frame) if frame.sequence < self.next => {}
                Item::Frame(frame) => {
                    if !taken.has_room_for(frame.payload, portion) {
                        // The place stays in front of this frame.
                        return Ok(Progress::Full);
                    }
                    portion.records.push(Stored {
                        sequence: frame.sequence,
                        payload: frame.payload.to_vec(),
                    });
                    self.next = frame.sequence.saturating_add(1);
                }
                Item::Gap { .. } => {
                    segment.state = State::Damaged;
                    self.lose_until(scan.expected(), portion);
                }
            }
            move_to(place, &scan);
        }
        match (scan.ending(), reach) {
            (Ending::Clean | Ending::Cut, Reach::Part) if scan.at() > 0 => Ok(Progress::More),
            (_, Reach::Part) => Ok(Progress::Widen),
            (_, Reach::ToTheEnd) => {
                place.at = segment.bytes;
                place.sequence = segment.end;
                if scan.expected() < segment.end {
                    self.lose_rest(segment, portion);
                }
                self.next = self.next.max(segment.end);
                Ok(Progress::SegmentDone)
            }
        }
    }

    fn lose_rest(&mut self, segment: &mut Segment, portion: &mut Portion) {
        segment.state = State::Damaged;
        self.lose_until(segment.end, portion);
    }

    fn lose_until(&mut self, sequence: u64, portion: &mut Portion) {
        let lost = sequence.saturating_sub(self.next);
        portion.lost = portion.lost.saturating_add(lost);
        self.next = self.next.max(sequence);
    }
}

/// How much of what one read may bring it has brought.
#[derive(Debug)]
struct Taken {
    most: Most,
    bytes: usize,
}

impl Taken {
    /// The first record is always taken, or nothing would ever be.
    fn has_room_for(&mut self, payload: &[u8], portion: &Portion) -> bool {
        let bytes = self.bytes.saturating_add(payload.len());
        let fits = portion.records.len() < self.most.records && bytes <= self.most.bytes;
        if fits || portion.records.is_empty() {
            self.bytes = bytes;
            true
        } else {
            false
        }
    }
}
