//! Files that are not as they were written.

use proptest::collection::vec;
use proptest::prelude::*;

use super::bench::{LONG, add, drain, open, reopen};
use crate::journal::disk::simulated::SimulatedDisk;
use crate::journal::frame::frame_len;
use crate::journal::header::{self, FileKind};
use crate::journal::{Problem, Repairs, Syncing, segment};

fn journal_of(records: u64, len: usize) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    for record in 0..records {
        assert!(add(&mut journal, record, len));
    }
    disk
}

fn change(disk: &SimulatedDisk, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = disk.get(name).unwrap();
    change(&mut bytes);
    disk.put(name, bytes);
}

#[test]
fn a_tail_torn_at_any_byte_costs_the_torn_record_only() {
    let frame = frame_len(40);
    for torn in 1..=frame {
        let disk = journal_of(4, 40);
        change(&disk, &segment::name(0), |bytes| {
            bytes.truncate(bytes.len() - torn);
        });
        let (mut journal, repairs) = reopen(&disk, Syncing::BySystem);
        let is_torn = u64::from(torn < frame);
        let cut = u64::try_from((frame - torn) % frame).unwrap();
        assert_eq!(
            repairs,
            Repairs {
                torn_tails: is_torn,
                bytes_cut: cut,
                ..Repairs::default()
            }
        );
        assert!(add(&mut journal, 9, 40));
        assert_eq!(drain(&mut journal), (vec![0, 1, 2, 9], 0));
    }
}

#[test]
fn a_bit_that_flips_in_the_last_record_costs_that_record_only_and_is_counted() {
    let frame = frame_len(40);
    for byte in 0..frame {
        for bit in 0..8 {
            let disk = journal_of(4, 40);
            change(&disk, &segment::name(0), |bytes| {
                let at = bytes.len() - frame + byte;
                bytes[at] ^= 1 << bit;
            });
            let (mut journal, repairs) = reopen(&disk, Syncing::BySystem);
            assert_eq!(repairs.torn_tails + repairs.broken_tails, 1, "{byte}.{bit}");
            assert!(add(&mut journal, 9, 40));
            assert_eq!(drain(&mut journal), (vec![0, 1, 2, 9], 0), "{byte}.{bit}");
        }
    }
}

#[test]
fn a_bit_that_flips_in_the_middle_costs_one_record_and_the_segment_is_kept() {
    let frame = frame_len(LONG);
    for byte in [0, 1, 2, 3, 5, 9, 15, 16, 500] {
        let disk = journal_of(20, LONG);
        change(&disk, &segment::name(0), |bytes| {
            bytes[header::HEADER_BYTES + 3 * frame + byte] ^= 0x10;
        });
        let (mut journal, _) = reopen(&disk, Syncing::BySystem);
        let (read, lost) = drain(&mut journal);
        let expected: Vec<u64> = (0..20).filter(|record| *record != 3).collect();
        assert_eq!((read, lost), (expected, 1), "byte {byte}");
        let settled = journal.settle(20);
        assert_eq!(settled.set_aside, [segment::damaged_name(0)]);
        assert!(disk.get(&segment::damaged_name(0)).is_some());
        assert!(disk.get(&segment::name(0)).is_none());
    }
}

#[test]
fn damaged_segments_are_kept_within_a_bound() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    for round in 0..30 {
        for record in 0..10 {
            assert!(add(&mut journal, round * 10 + record, LONG));
        }
        for name in disk.all_names() {
            if segment::number(&name).is_some() {
                change(&disk, &name, |bytes| {
                    let at = header::HEADER_BYTES + 20;
                    if bytes.len() > at {
                        bytes[at] ^= 1;
                    }
                });
            }
        }
        drop(journal);
        journal = reopen(&disk, Syncing::BySystem).0;
        drain(&mut journal);
        let next = journal.next();
        assert!(journal.settle(next).fault.is_none());
    }
    let set_aside = disk.all_names().into_iter();
    let count = set_aside.filter(|name| segment::is_set_aside(name)).count();
    assert_eq!(count, 16);
}

#[test]
fn a_header_that_cannot_be_read_costs_no_record() {
    let disk = journal_of(20, LONG);
    change(&disk, &segment::name(0), |bytes| bytes[..24].fill(0xff));
    let (mut journal, repairs) = reopen(&disk, Syncing::BySystem);
    assert_eq!(repairs.headers, 1);
    assert_eq!(drain(&mut journal), ((0..20).collect(), 0));
}

#[test]
fn a_segment_that_somebody_removed_is_counted_as_lost() {
    let disk = journal_of(20, LONG);
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    crate::journal::disk::Disk::remove(&disk, &segment::name(0)).unwrap();
    let (read, lost) = drain(&mut journal);
    assert_eq!(lost, read[0]);
    assert_eq!(read.len() as u64 + lost, 20);
}

#[test]
fn a_cursor_that_cannot_be_read_delivers_again_what_is_there() {
    for bytes in [
        b"".to_vec(),
        vec![0; 24],
        b"TGACKED\n nonsense of any kind".to_vec(),
    ] {
        let disk = journal_of(5, 40);
        disk.put("delivered", bytes);
        let (mut journal, repairs) = reopen(&disk, Syncing::BySystem);
        assert_eq!(repairs.cursors, 1);
        assert_eq!(drain(&mut journal), ((0..5).collect(), 0));
    }
}

#[test]
fn what_a_later_version_wrote_is_refused_by_name_and_left_alone() {
    for (file, kind) in [
        (segment::name(0), FileKind::Segment),
        ("delivered".to_owned(), FileKind::Cursor),
    ] {
        let disk = journal_of(3, 40);
        disk.put(&file, header::of_another_version(kind, 0));
        let before = disk.steps();
        let refused = open(&disk, Syncing::BySystem).err().unwrap();
        assert!(
            matches!(&refused, Problem::UnknownVersion { file: told, version: 2 } if *told == file),
            "{refused:?}"
        );
        assert_eq!(disk.steps(), before, "something was changed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_a_folder_holds_it_opens_and_no_record_is_invented(
        segments in vec((0..60_u64, vec(any::<u8>(), 0..600)), 0..4),
        with_header: bool,
        cursor in proptest::option::of(vec(any::<u8>(), 0..40)),
    ) {
        let disk = SimulatedDisk::default();
        for (first, bytes) in &segments {
            let mut content = Vec::new();
            if with_header {
                content.extend(header::encode(FileKind::Segment, *first));
            }
            content.extend(bytes);
            disk.put(&segment::name(*first), content);
        }
        if let Some(cursor) = cursor {
            disk.put("delivered", cursor);
        }
        let (mut journal, _) = reopen(&disk, Syncing::BySystem);
        let (read, _) = drain(&mut journal);
        prop_assert!(read.is_empty());
        prop_assert!(add(&mut journal, 5, 40));
        prop_assert_eq!(drain(&mut journal).0, vec![5]);
    }

    #[test]
    fn whatever_happens_to_the_bytes_of_a_journal_only_what_was_recorded_comes_out_of_it(
        records in 1..24_u64,
        harm in vec((any::<prop::sample::Index>(), vec(any::<u8>(), 0..50), 0..50_usize), 1..4),
    ) {
        let disk = journal_of(records, LONG);
        let names = disk.all_names();
        for (place, noise, gone) in harm {
            let name = &names[place.index(names.len())];
            change(&disk, name, |bytes| {
                let at = place.index(bytes.len().max(1)).min(bytes.len());
                let to = bytes.len().min(at + gone);
                bytes.splice(at..to, noise);
            });
        }
        let (mut journal, _) = reopen(&disk, Syncing::BySystem);
        let (read, _) = drain(&mut journal);
        prop_assert!(read.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(read.iter().all(|record| *record < records));
        prop_assert!(add(&mut journal, 777, 40));
        prop_assert_eq!(drain(&mut journal).0, vec![777]);
    }
}
