//! The disk fails, and works again later.

use super::bench::{LONG, add, drain, number, payload, reopen};
use crate::journal::disk::simulated::{Failure, Plan, SimulatedDisk};
use crate::journal::{Journal, Most, Syncing};

/// Records and delivers; what the journal took has to be what is delivered.
fn live(journal: &mut Journal, kept: &mut Vec<u64>, delivered: &mut Vec<u64>) {
    for round in 0..10 {
        let records: Vec<u64> = (round * 4..round * 4 + 4).collect();
        let payloads: Vec<_> = records
            .iter()
            .map(|record| payload(*record, LONG))
            .collect();
        let appended = journal.append(&payloads);
        kept.extend(&records[..appended.kept]);
        if let Ok(portion) = journal.read(Most {
            records: 5,
            bytes: usize::MAX,
        }) {
            delivered.extend(portion.records.iter().map(|stored| number(&stored.payload)));
            let _ = journal.settle(portion.end);
        }
        let _ = journal.sync();
    }
}

#[test]
fn whatever_fails_and_for_how_long_nothing_is_taken_falsely_and_the_journal_recovers() {
    for syncing in [Syncing::BySystem, Syncing::OnCall, Syncing::EachAppend] {
        let whole = SimulatedDisk::default();
        let (mut journal, _) = reopen(&whole, syncing);
        live(&mut journal, &mut Vec::new(), &mut Vec::new());
        for from in 0..whole.steps() {
            for length in [1, 2, 5] {
                let error = Failure::ALL[usize::try_from(from % 3).unwrap()];
                let to = from + length;
                let what = format!("{syncing:?}, {error:?}, steps {from}..{to}");
                let disk = SimulatedDisk::default();
                let (mut journal, _) = reopen(&disk, syncing);
                disk.plan(Plan::Fail { from, to, error });
                let (mut kept, mut delivered) = (Vec::new(), Vec::new());
                live(&mut journal, &mut kept, &mut delivered);
                disk.plan(Plan::Nothing);
                assert!(
                    add(&mut journal, 7_777, LONG),
                    "{what}: it does not recover"
                );
                kept.push(7_777);
                assert!(journal.sync().is_ok(), "{what}");
                // Half of the runs go on, the others are restarted: it must not matter.
                if from % 2 == 0 {
                    drop(journal);
                    disk.restart();
                    let (again, repairs) = reopen(&disk, syncing);
                    assert_eq!(repairs.bytes_cut, 0, "{what}: what failed is still there");
                    journal = again;
                }
                let (rest, lost) = drain(&mut journal);
                delivered.extend(rest);
                delivered.dedup();
                let mut once = delivered.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(lost, 0, "{what}");
                assert_eq!(once, kept, "{what}");
            }
        }
    }
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_one_that_has_nothing_to_do() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::OnCall);
    assert!(add(&mut journal, 1, 100));
    assert!(journal.sync().is_ok());
    assert!(add(&mut journal, 2, 100));
    disk.fail_next_sync_and_forget();
    assert!(journal.sync().is_err());
    assert!(!journal.is_synced());
    assert!(journal.sync().is_ok());
    disk.lose_power(&mut fastrand::Rng::with_seed(1));
    drop(journal);
    let (mut journal, _) = reopen(&disk, Syncing::OnCall);
    assert_eq!(drain(&mut journal), (vec![1, 2], 0));
}

#[test]
fn rejected_records_are_kept_within_a_bound_and_none_is_written_into_a_torn_line() {
    let disk = SimulatedDisk::default();
    let (mut journal, _) = reopen(&disk, Syncing::BySystem);
    journal.reject(b"{\"n\":1}\n").unwrap();
    disk.fail(Failure::Full);
    journal.reject(b"{\"n\":2}\n").unwrap_err();
    disk.plan(Plan::Nothing);
    journal.reject(b"{\"n\":3}\n").unwrap();
    let text = disk.get("rejected.jsonl").unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.ends_with('}')).collect();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":3}"], "{text}");

    let megabyte = vec![b'y'; 1024 * 1024];
    for _ in 0..40 {
        journal.reject(&megabyte).unwrap();
    }
    for name in ["rejected.jsonl", "rejected.old.jsonl"] {
        let len = disk.get(name).unwrap().len();
        assert!(len <= 16 * 1024 * 1024 + megabyte.len(), "{name}: {len}");
    }
}
