//! Journals with records whose payload says which they are.

use crate::journal::disk::simulated::SimulatedDisk;
use crate::journal::{Bounds, Journal, MIN_BYTES, Most, Portion, Problem, Repairs, Syncing};

/// So much that a few records fill a segment.
pub(super) const LONG: usize = 7_000;

pub(super) const ALL: Most = Most {
    records: usize::MAX,
    bytes: usize::MAX,
};

/// The payload of the record with this number.
pub(super) fn payload(number: u64, len: usize) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(len.max(8), b'x');
    payload
}

pub(super) fn number(payload: &[u8]) -> u64 {
    let (number, rest) = payload.split_first_chunk().unwrap();
    assert!(rest.iter().all(|byte| *byte == b'x'), "never recorded");
    u64::from_be_bytes(*number)
}

pub(super) fn open(disk: &SimulatedDisk, syncing: Syncing) -> Result<(Journal, Repairs), Problem> {
    Journal::open(Box::new(disk.clone()), Bounds::of(MIN_BYTES), syncing)
}

pub(super) fn reopen(disk: &SimulatedDisk, syncing: Syncing) -> (Journal, Repairs) {
    open(disk, syncing).unwrap_or_else(|problem| panic!("{problem:?}"))
}

/// Adds a record, and says whether the journal took it.
pub(super) fn add(journal: &mut Journal, number: u64, len: usize) -> bool {
    let appended = journal.append(&[payload(number, len)]);
    assert_eq!(appended.kept == 1, appended.fault.is_none());
    appended.kept == 1
}

pub(super) fn numbers(portion: &Portion) -> Vec<u64> {
    let records = portion.records.iter();
    records.map(|stored| number(&stored.payload)).collect()
}

/// Everything that is not delivered yet, read in small portions.
pub(super) fn drain(journal: &mut Journal) -> (Vec<u64>, u64) {
    let (mut all, mut lost) = (Vec::new(), 0);
    loop {
        let before = journal.reader_at();
        let portion = journal
            .read(Most {
                records: 5,
                bytes: 20_000,
            })
            .unwrap();
        all.extend(numbers(&portion));
        lost += portion.lost;
        if portion.end == before {
            return (all, lost);
        }
    }
}
