//! What a journal does when nothing goes wrong.

use super::bench::{ALL, LONG, add, drain, numbers, open, reopen};
use crate::journal::disk::simulated::SimulatedDisk;
use crate::journal::{AppendFault, Most, Problem, Repairs, Syncing};

#[test]
fn records_are_read_in_their_order_over_segments_and_restarts() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    for number in 0..20 {
        assert!(add(&mut journal, number, LONG));
    }
    drop(journal);
    let (mut journal, repairs) = reopen(&disk, Syncing::BySystem);
    assert_eq!(repairs, Repairs::default());
    for number in 20..30 {
        assert!(add(&mut journal, number, LONG));
    }
    assert_eq!(drain(&mut journal), ((0..30).collect(), 0));
    let segments = disk.all_names().len();
    assert!((4..=5).contains(&segments), "{segments}");
}

#[test]
fn a_segment_is_removed_when_all_of_it_is_delivered_and_not_before() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::OnCall);
    for number in 0..20 {
        assert!(add(&mut journal, number, LONG));
    }
    let before = disk.all_names();
    let in_first = journal.segments[0].end;
    assert!(journal.settle(in_first - 1).fault.is_none());
    assert!(before.iter().all(|name| disk.get(name).is_some()));
    assert!(journal.settle(in_first).fault.is_none());
    assert_eq!(disk.get(&before[0]), None);
    assert_eq!(journal.figures().records, 20 - in_first);
    drop(journal);

    let (mut journal, _) = reopen(&disk, Syncing::OnCall);
    assert_eq!(drain(&mut journal), ((in_first..20).collect(), 0));
}

#[test]
fn what_is_read_stays_within_the_bounds_of_a_portion() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    for number in 0..20 {
        assert!(add(&mut journal, number, LONG));
    }
    let few = Most {
        records: 3,
        bytes: usize::MAX,
    };
    assert_eq!(numbers(&journal.read(few).unwrap()), [0, 1, 2]);
    let small = Most {
        records: 100,
        bytes: 2 * LONG + 10,
    };
    assert_eq!(numbers(&journal.read(small).unwrap()), [3, 4]);
    let tiny = Most {
        records: 100,
        bytes: 1,
    };
    assert_eq!(numbers(&journal.read(tiny).unwrap()), [5]);
    assert_eq!(
        numbers(&journal.read(ALL).unwrap()),
        (6..20).collect::<Vec<_>>()
    );
    let nothing = journal.read(ALL).unwrap();
    assert_eq!((nothing.end, nothing.records.len()), (20, 0));
}

#[test]
fn records_that_come_after_a_read_are_read_next() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    for number in 0..40 {
        assert!(add(
            &mut journal,
            number,
            100 + usize::try_from(number).unwrap() * 150
        ));
        assert_eq!(numbers(&journal.read(ALL).unwrap()), [number]);
    }
}

#[test]
fn a_full_journal_refuses_and_takes_again_what_delivery_makes_room_for() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    let mut taken = 0;
    while add(&mut journal, taken, LONG) {
        taken += 1;
    }
    assert!(journal.is_full());
    assert!(journal.figures().bytes <= super::super::MIN_BYTES);
    let refused = journal.append(&[super::bench::payload(taken, LONG)]);
    assert!(matches!(refused.fault, Some(AppendFault::Full)));
    assert!((70..76).contains(&taken), "{taken}");

    let portion = journal.read(ALL).unwrap();
    assert!(journal.settle(portion.end).fault.is_none());
    for number in 0..60 {
        assert!(add(&mut journal, taken + number, LONG), "{number}");
    }
}

#[test]
fn two_cannot_have_one_folder() {
    let disk = SimulatedDisk::default();
    let (journal, _) = reopen(&disk, Syncing::BySystem);
    assert!(matches!(
        open(&disk, Syncing::BySystem),
        Err(Problem::InUse)
    ));
    drop(journal);
    reopen(&disk, Syncing::BySystem);
}
