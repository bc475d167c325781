//! What records are called.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use tiergate_core::time::Timestamp;
use uuid::{Builder, Uuid};

use crate::IdempotencyKey;

/// What a record is called: the key by which the billing service counts it once, however often it is
/// sent.
///
/// Either a UUID of version 7, made when the record was recorded, or the key that the caller gave.
/// [`Display`](fmt::Display) writes it as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordId(pub(super) Name);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Minted(Uuid),
    Given(IdempotencyKey),
}

impl RecordId {
    /// The key that the caller gave; none if the id was made for the record.
    #[must_use]
    pub fn given_key(&self) -> Option<&IdempotencyKey> {
        match &self.0 {
            Name::Minted(_) => None,
            Name::Given(key) => Some(key),
        }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Minted(id) => fmt::Display::fmt(id, f),
            Name::Given(key) => fmt::Display::fmt(key, f),
        }
    }
}

/// Makes ids, without asking the system for random bytes each time.
///
/// Of the 74 bits beside the time, 32 count and 42 are this source's own. So two ids of one source
/// differ, and two sources would have to agree in their 42 bits, the millisecond and the count.
#[derive(Debug)]
pub(super) struct IdSource {
    own: u64,
    count: AtomicU32,
}

const OWN_BITS: u32 = 42;

impl IdSource {
    pub(super) fn new() -> Self {
        let (own, count) = Uuid::new_v4().as_u64_pair();
        let [a, b, c, d, ..] = count.to_le_bytes();
        Self {
            // The first bits of a random UUID say that it is one; the last bits of its halves do not.
            own: own & 0x0fff | (own >> 16) << 12 & ((1 << OWN_BITS) - 1),
            count: AtomicU32::new(u32::from_le_bytes([a, b, c, d])),
        }
    }

    /// An id that no other record has. Those of one millisecond sort as they were made.
    pub(super) fn next(&self, now: Timestamp) -> RecordId {
        let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
        let count = u128::from(self.count.fetch_add(1, Ordering::Relaxed));
        // 12 bits of the count are beside the version, the others behind the variant.
        let high = (count >> 20) << 64;
        let low = (count & 0xf_ffff) << OWN_BITS | u128::from(self.own);
        let [_, _, _, _, _, _, rest @ ..] = (high | low).to_be_bytes();
        RecordId(Name::Minted(
            Builder::from_unix_timestamp_millis(millis, &rest).into_uuid(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn minted(source: &IdSource, now: Timestamp) -> Uuid {
        match source.next(now).0 {
            Name::Minted(id) => id,
            Name::Given(_) => panic!("nobody gave it"),
        }
    }

    #[test]
    fn ids_are_of_version_7_and_carry_their_time() {
        let now: Timestamp = "2026-11-22T12:00:00.123Z".parse().unwrap();
        let id = minted(&IdSource::new(), now);
        assert_eq!(id.get_version(), Some(uuid::Version::SortRand));
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_795_348_800, 123_000_000));
    }

    #[test]
    fn ids_of_one_moment_differ_within_a_source_and_between_sources() {
        let now = Timestamp::from_seconds(1_795_000_000);
        let mut ids = HashSet::new();
        for _ in 0..50 {
            let source = IdSource::new();
            for _ in 0..1_000 {
                assert!(ids.insert(minted(&source, now)));
            }
        }
    }

    #[test]
    fn ids_of_one_moment_sort_as_they_were_made_until_the_count_begins_anew() {
        let source = IdSource {
            own: (1 << OWN_BITS) - 1,
            count: AtomicU32::new(0x000f_fff0),
        };
        let now = Timestamp::from_seconds(1_795_000_000);
        let ids: Vec<Uuid> = (0..64).map(|_| minted(&source, now)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn all_bits_of_a_source_come_from_chance() {
        let (mut some, mut all) = (0, u64::MAX);
        for _ in 0..200 {
            let own = IdSource::new().own;
            some |= own;
            all &= own;
        }
        assert_eq!((some, all), ((1 << OWN_BITS) - 1, 0));
    }
}
