//! The first bytes of every file of a journal but the rejected records: what it is, in which version.

use crc32fast::hash;

/// How long a header is, in bytes.
pub(crate) const HEADER_BYTES: usize = 24;

/// The version of the format that is written, and the only one that is read.
const VERSION: u32 = 1;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Records. The header's number is the sequence of the first.
    Segment,
    /// How far the records are delivered. The header's number is the sequence of the first that is not.
    Cursor,
}

/// Why a header tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// There are fewer bytes than a header has: it was never written to its end.
    Torn,
    /// The bytes are not those that were written.
    Damaged,
    /// It is whole, and of a version that this program does not know.
    UnknownVersion(u32),
}

impl FileKind {
    const fn magic(self) -> [u8; 8] {
        match self {
            Self::Segment => *b"TGUSAGE\n",
            Self::Cursor => *b"TGACKED\n",
        }
    }
}

/// The header of a file with this number.
pub(crate) fn encode(kind: FileKind, number: u64) -> [u8; HEADER_BYTES] {
    encode_version(kind, VERSION, number)
}

fn encode_version(kind: FileKind, version: u32, number: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&kind.magic());
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    let sum = hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    let mut header = [0; HEADER_BYTES];
    for (to, from) in header.iter_mut().zip(bytes) {
        *to = from;
    }
    header
}

/// The number in a header.
///
/// The check sum is at the same place in every version, so that damage is never taken for a version
/// that is not known, which nothing but another program could read.
pub(crate) fn decode(kind: FileKind, bytes: &[u8]) -> Result<u64, HeaderFault> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(HeaderFault::Torn)?;
    let (magic, rest) = header.split_first_chunk().ok_or(HeaderFault::Torn)?;
    let (version, rest) = rest.split_first_chunk().ok_or(HeaderFault::Torn)?;
    let (number, rest) = rest.split_first_chunk().ok_or(HeaderFault::Torn)?;
    let (sum, _) = rest.split_first_chunk().ok_or(HeaderFault::Torn)?;
    let summed = header.get(..HEADER_BYTES - 4).unwrap_or_default();
    if *magic != kind.magic() || u32::from_le_bytes(*sum) != hash(summed) {
        return Err(HeaderFault::Damaged);
    }
    match u32::from_le_bytes(*version) {
        VERSION => Ok(u64::from_le_bytes(*number)),
        other => Err(HeaderFault::UnknownVersion(other)),
    }
}

#[cfg(test)]
pub(crate) fn of_another_version(kind: FileKind, number: u64) -> [u8; HEADER_BYTES] {
    encode_version(kind, VERSION + 1, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for kind in [FileKind::Segment, FileKind::Cursor] {
            assert_eq!(decode(kind, &encode(kind, 7)), Ok(7));
        }
        let segment = encode(FileKind::Segment, 7);
        assert_eq!(
            decode(FileKind::Cursor, &segment),
            Err(HeaderFault::Damaged)
        );
    }

    #[test]
    fn every_flipped_bit_and_every_missing_byte_is_noticed() {
        let header = encode(FileKind::Segment, 4_711);
        for byte in 0..HEADER_BYTES {
            for bit in 0..8 {
                let mut flipped = header;
                flipped[byte] ^= 1 << bit;
                let read = decode(FileKind::Segment, &flipped);
                assert_eq!(read, Err(HeaderFault::Damaged), "{byte}.{bit}");
            }
            let read = decode(FileKind::Segment, &header[..byte]);
            assert_eq!(read, Err(HeaderFault::Torn));
        }
    }

    #[test]
    fn another_version_is_told_by_its_number() {
        let header = of_another_version(FileKind::Segment, 1);
        let read = decode(FileKind::Segment, &header);
        assert_eq!(read, Err(HeaderFault::UnknownVersion(2)));
    }
}
