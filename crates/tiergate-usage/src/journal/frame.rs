//! One record in a segment: length, check sum, sequence, payload.
//!
//! ```text
//! length: u32   sum: u32   sequence: u64   payload: length bytes        all little-endian
//! ```
//!
//! The sum is over length, sequence and payload. Within a segment sequences follow each other without
//! a gap, so that what is missing can be counted.

use crc32fast::Hasher;

/// What comes before the payload, in bytes.
pub(crate) const FRAME_BYTES: usize = 16;

/// The longest payload. A length beyond it is damage.
pub(crate) const MAX_PAYLOAD: usize = 8 * 1024;

/// A record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) sequence: u64,
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    /// How long it is in a segment.
    pub(crate) fn len(&self) -> usize {
        frame_len(self.payload.len())
    }
}

/// How long a payload of so many bytes is in a segment.
pub(crate) fn frame_len(payload: usize) -> usize {
    payload.saturating_add(FRAME_BYTES)
}

/// Writes a frame behind what is in `buffer`. Of the payload no more than [`MAX_PAYLOAD`] is written:
/// whoever makes payloads sees to it that none is longer.
pub(crate) fn encode(buffer: &mut Vec<u8>, sequence: u64, payload: &[u8]) {
    let payload = payload.get(..MAX_PAYLOAD).unwrap_or(payload);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&sum(length, sequence, payload).to_le_bytes());
    buffer.extend_from_slice(&sequence.to_le_bytes());
    buffer.extend_from_slice(payload);
}

fn sum(length: u32, sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// What some bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    Whole(Frame<'a>),
    /// They end within what may be a frame.
    Short,
    Bad,
}

pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some(Head {
        length,
        sum: told,
        sequence,
        rest,
    }) = Head::read(bytes)
    else {
        return Parsed::Short;
    };
    let Some(wanted) = sane(length) else {
        return Parsed::Bad;
    };
    match rest.get(..wanted) {
        None => Parsed::Short,
        Some(payload) if sum(length, sequence, payload) == told => {
            Parsed::Whole(Frame { sequence, payload })
        }
        Some(_) => Parsed::Bad,
    }
}

/// How long the frame says that it is at which `bytes` begin, if that can be.
pub(crate) fn told_len(bytes: &[u8]) -> Option<usize> {
    sane(Head::read(bytes)?.length).map(frame_len)
}

/// The sequence at the place where a frame has it.
pub(crate) fn told_sequence(bytes: &[u8]) -> Option<u64> {
    Some(Head::read(bytes)?.sequence)
}

struct Head<'a> {
    length: u32,
    sum: u32,
    sequence: u64,
    rest: &'a [u8],
}

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (sum, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        Some(Self {
            length: u32::from_le_bytes(*length),
            sum: u32::from_le_bytes(*sum),
            sequence: u64::from_le_bytes(*sequence),
            rest,
        })
    }
}

/// No record is empty, so zeros, which a file system may leave behind, are no frame.
fn sane(length: u32) -> Option<usize> {
    let length = usize::try_from(length).ok()?;
    (1..=MAX_PAYLOAD).contains(&length).then_some(length)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(
            sequence: u64, payload in vec(any::<u8>(), 1..200), behind in vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = Vec::new();
            encode(&mut bytes, sequence, &payload);
            prop_assert_eq!(bytes.len(), frame_len(payload.len()));
            bytes.extend_from_slice(&behind);
            let frame = Frame { sequence, payload: &payload };
            prop_assert_eq!(parse(&bytes), Parsed::Whole(frame));
        }

        #[test]
        fn a_frame_with_a_flipped_bit_is_never_whole(
            sequence: u64, payload in vec(any::<u8>(), 1..60), bit: prop::sample::Index,
        ) {
            let mut bytes = Vec::new();
            encode(&mut bytes, sequence, &payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(parse(&bytes), Parsed::Whole(_)));
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(parse(&[0; 64]), Parsed::Bad);
    }
}
