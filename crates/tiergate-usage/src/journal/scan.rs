//! Reading the bytes of a segment, whatever they are.

use super::frame::{self, FRAME_BYTES, Frame, Parsed};

/// Whether there is more of a segment than the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// They end where they happen to: a frame that is cut may go on.
    Part,
    /// They go to the segment's end.
    ToTheEnd,
}

/// What a scan comes across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Frame(Frame<'a>),
    /// Bytes that are no frame; behind them is one. So many records are missing between.
    Gap {
        lost: u64,
    },
}

/// Where a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Behind the last frame there is nothing.
    Clean,
    /// What is behind the last frame may be the beginning of one.
    Cut,
    /// What is behind the last frame is no frame, and none was found behind it.
    Unreadable,
}

/// Goes through the frames in some bytes of a segment. Whatever these are, only frames come out whose
/// sum is right and whose sequence fits the place.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    expected: u64,
    reach: Reach,
}

impl<'a> Scan<'a> {
    /// A scan of `bytes`, which begin where the record `expected` should.
    pub(crate) fn new(bytes: &'a [u8], expected: u64, reach: Reach) -> Self {
        Self {
            bytes,
            at: 0,
            expected,
            reach,
        }
    }

    /// How many bytes it has gone through.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The sequence of the record that should come next.
    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// The next item; none at the end of what can be read.
    pub(crate) fn next(&mut self) -> Option<Item<'a>> {
        let rest = self.rest();
        match frame::parse(rest) {
            Parsed::Whole(frame) if frame.sequence == self.expected => {
                self.at = self.at.saturating_add(frame.len());
                self.expected = self.expected.saturating_add(1);
                Some(Item::Frame(frame))
            }
            // What is cut here may be whole in the segment.
            Parsed::Short if self.reach == Reach::Part => None,
            Parsed::Short | Parsed::Bad | Parsed::Whole(_) => {
                let (skipped, sequence) = find(rest, self.expected)?;
                let lost = sequence.saturating_sub(self.expected);
                self.at = self.at.saturating_add(skipped);
                self.expected = sequence;
                Some(Item::Gap { lost })
            }
        }
    }

    /// How it ended, once there is no next item.
    pub(crate) fn ending(&self) -> Ending {
        let rest = self.rest();
        match frame::parse(rest) {
            _ if rest.is_empty() => Ending::Clean,
            Parsed::Short => Ending::Cut,
            Parsed::Bad | Parsed::Whole(_) => Ending::Unreadable,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// The next whole frame behind what is none at the beginning of `bytes`: where it is, and its sequence.
///
/// The length that the broken frame tells is believed first. Failing that, every place is tried. What a
/// user wrote cannot be taken for a frame: no text in a payload holds a zero byte, and every length
/// does.
fn find(bytes: &[u8], expected: u64) -> Option<(usize, u64)> {
    let told = frame::told_len(bytes);
    told.into_iter()
        .chain(1..bytes.len())
        .find_map(|skipped| Some((skipped, fits(bytes, skipped, expected)?)))
}

fn fits(bytes: &[u8], skipped: usize, expected: u64) -> Option<u64> {
    let rest = bytes.get(skipped..)?;
    // No more records can be missing than the skipped bytes have room for.
    let most = u64::try_from(skipped / FRAME_BYTES).ok()?;
    let missing = frame::told_sequence(rest)?.checked_sub(expected)?;
    if missing > most {
        return None;
    }
    match frame::parse(rest) {
        Parsed::Whole(frame) => Some(frame.sequence),
        Parsed::Short | Parsed::Bad => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn payload(sequence: u64) -> Vec<u8> {
        let len = 1 + usize::try_from(sequence % 40).unwrap();
        sequence
            .to_le_bytes()
            .into_iter()
            .cycle()
            .take(len)
            .collect()
    }

    fn segment(first: u64, records: u64) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for sequence in first..first + records {
            frame::encode(&mut bytes, sequence, &payload(sequence));
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    /// What a scan finds: sequences, how many are told to be missing, and how it ended.
    fn scan(bytes: &[u8], first: u64) -> (Vec<u64>, u64, Ending) {
        let mut scan = Scan::new(bytes, first, Reach::ToTheEnd);
        let (mut found, mut missing) = (Vec::new(), 0);
        while let Some(item) = scan.next() {
            match item {
                Item::Frame(frame) => {
                    assert_eq!(frame.payload, payload(frame.sequence));
                    found.push(frame.sequence);
                }
                Item::Gap { lost } => missing += lost,
            }
        }
        (found, missing, scan.ending())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn arbitrary_bytes_hold_no_record(bytes in vec(any::<u8>(), 0..4_096), first: u64) {
            let (found, _, ending) = scan(&bytes, first);
            prop_assert!(found.is_empty());
            prop_assert_eq!(ending == Ending::Clean, bytes.is_empty());
        }

        #[test]
        fn damage_takes_the_records_it_hits_and_no_others(
            records in 1..40_u64, from: prop::sample::Index, noise in vec(any::<u8>(), 1..120),
        ) {
            let (mut bytes, ends) = segment(9, records);
            let from = from.index(bytes.len());
            let to = bytes.len().min(from + noise.len());
            let before = bytes.clone();
            for (byte, noise) in bytes[from..to].iter_mut().zip(&noise) {
                *byte = *noise;
            }
            let mut start = 0;
            let whole: Vec<u64> = (9..).zip(&ends).filter_map(|(sequence, end)| {
                let frame = start..*end;
                start = *end;
                (bytes[frame.clone()] == before[frame]).then_some(sequence)
            }).collect();
            let (found, missing, _) = scan(&bytes, 9);
            prop_assert_eq!(&found, &whole);
            // What is missing at the end has to be told from the sequence that comes next.
            let last = found.last().map_or(9, |last| last + 1);
            prop_assert_eq!(missing + found.len() as u64, last - 9);
        }

        #[test]
        fn bytes_that_come_or_go_make_no_record_and_repeat_none(
            records in 1..30_u64, at: prop::sample::Index, gone in 0..80_usize,
            come in vec(any::<u8>(), 0..80),
        ) {
            let (mut bytes, _) = segment(0, records);
            let at = at.index(bytes.len());
            let to = bytes.len().min(at + gone);
            bytes.splice(at..to, come);
            let (found, _, _) = scan(&bytes, 0);
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(found.iter().all(|sequence| *sequence < records));
        }

        #[test]
        fn a_segment_that_is_cut_loses_only_what_is_cut(
            records in 1..30_u64, cut: prop::sample::Index,
        ) {
            let (bytes, ends) = segment(5, records);
            let cut = cut.index(bytes.len());
            let (found, missing, ending) = scan(&bytes[..cut], 5);
            prop_assert_eq!(found.len(), ends.iter().filter(|end| **end <= cut).count());
            prop_assert_eq!(missing, 0);
            let clean = cut == 0 || ends.contains(&cut);
            prop_assert_eq!(ending, if clean { Ending::Clean } else { Ending::Cut });
        }
    }

    #[test]
    fn an_older_record_in_the_place_of_another_is_not_repeated() {
        let (mut bytes, _) = segment(3, 2);
        bytes.extend(segment(3, 1).0);
        bytes.extend(segment(6, 1).0);
        let (found, missing, ending) = scan(&bytes, 3);
        assert_eq!((found, missing, ending), (vec![3, 4, 6], 1, Ending::Clean));
    }

    #[test]
    fn a_part_of_a_segment_ends_at_the_frame_that_is_cut() {
        let (bytes, ends) = segment(0, 3);
        let mut scan = Scan::new(&bytes[..ends[1] + 3], 0, Reach::Part);
        while scan.next().is_some() {}
        assert_eq!((scan.at(), scan.expected()), (ends[1], 2));
    }
}
