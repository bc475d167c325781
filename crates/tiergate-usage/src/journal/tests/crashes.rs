//! The process ends at any step: of writing, of going on to a new segment, of saying what is delivered,
//! of removing.

use super::bench::{LONG, add, drain, number, reopen};
use crate::journal::disk::simulated::{Plan, SimulatedDisk};
use crate::journal::{Journal, Most, Syncing};

/// What the outside world saw of a run.
#[derive(Debug, Default)]
struct Seen {
    kept: Vec<u64>,
    delivered: Vec<u64>,
    settled: u64,
    refused: Vec<u64>,
}

/// Records, delivers and settles for a while, however much of it works.
fn live(journal: &mut Journal, first: u64, seen: &mut Seen) {
    for round in 0..12 {
        for each in 0..4 {
            let record = first + round * 4 + each;
            if add(journal, record, LONG) {
                seen.kept.push(record);
            } else {
                seen.refused.push(record);
            }
        }
        let Ok(portion) = journal.read(Most {
            records: 5,
            bytes: usize::MAX,
        }) else {
            continue;
        };
        let records = portion.records.iter();
        seen.delivered
            .extend(records.map(|stored| number(&stored.payload)));
        if !portion.records.is_empty() && journal.settle(portion.end).fault.is_none() {
            seen.settled = portion.end;
        }
    }
}

fn stop_at_every_step(syncing: Syncing) {
    let whole = SimulatedDisk::default();
    let (mut journal, _) = reopen(&whole, syncing);
    live(&mut journal, 0, &mut Seen::default());
    let steps = whole.steps();
    assert!(
        steps > 60,
        "{steps} steps are too few for segments to come and go"
    );

    for at in 0..=steps {
        let disk = SimulatedDisk::default();
        let mut seen = Seen::default();
        let (mut journal, _) = reopen(&disk, syncing);
        disk.plan(Plan::Stop { at });
        live(&mut journal, 0, &mut seen);
        drop(journal);
        disk.restart();

        let (mut journal, repairs) = reopen(&disk, syncing);
        assert_eq!((repairs.cursors, repairs.headers), (0, 0), "step {at}");
        // The second life ends at the end.
        live(&mut journal, 1_000, &mut seen);
        drop(journal);
        disk.restart();
        let (mut journal, _) = reopen(&disk, syncing);
        let (rest, lost) = drain(&mut journal);
        assert_eq!(lost, 0, "step {at}");
        seen.delivered.extend(rest);

        for kept in &seen.kept {
            assert!(seen.delivered.contains(kept), "step {at}: {kept} is lost");
        }
        // One whose write was interrupted may be there. Nothing else may that was never taken.
        let uncertain = seen.refused.first();
        for delivered in &seen.delivered {
            let known = seen.kept.contains(delivered) || Some(delivered) == uncertain;
            assert!(known, "step {at}: {delivered} was refused");
        }
        let mut firsts = seen.delivered.clone();
        let mut told = Vec::new();
        firsts.retain(|number| {
            !told.contains(number) && {
                told.push(*number);
                true
            }
        });
        assert!(firsts.is_sorted(), "step {at}: not in order");
    }
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_was_kept() {
    for syncing in [Syncing::BySystem, Syncing::OnCall, Syncing::EachAppend] {
        stop_at_every_step(syncing);
    }
}

#[test]
fn what_was_settled_before_a_crash_is_not_delivered_again() {
    let whole = SimulatedDisk::default();
    let (mut journal, _) = reopen(&whole, Syncing::OnCall);
    live(&mut journal, 0, &mut Seen::default());
    for at in 0..=whole.steps() {
        let disk = SimulatedDisk::default();
        let mut seen = Seen::default();
        let (mut journal, _) = reopen(&disk, Syncing::OnCall);
        disk.plan(Plan::Stop { at });
        live(&mut journal, 0, &mut seen);
        drop(journal);
        disk.restart();
        let (journal, _) = reopen(&disk, Syncing::OnCall);
        assert!(journal.delivered() >= seen.settled, "step {at}");
    }
}

#[test]
fn a_crash_while_opening_changes_nothing() {
    let make = || {
        let disk = SimulatedDisk::default();
        let (mut journal, _) = reopen(&disk, Syncing::BySystem);
        for record in 0..25 {
            assert!(add(&mut journal, record, LONG));
        }
        drop(journal);
        // A torn tail, a torn cursor and a segment that is delivered.
        let last = disk.all_names().pop().unwrap();
        let mut bytes = disk.get(&last).unwrap();
        bytes.truncate(bytes.len() - 3);
        disk.put(&last, bytes);
        disk.put("delivered.new", *b"TGACK");
        let (mut journal, _) = reopen(&disk, Syncing::BySystem);
        assert!(journal.settle(12).fault.is_none());
        drop(journal);
        disk
    };
    for at in 0..10 {
        let disk = make();
        let from = disk.steps();
        disk.plan(Plan::Stop { at: from + at });
        let _ = super::bench::open(&disk, Syncing::BySystem);
        disk.restart();
        let (mut journal, _) = reopen(&disk, Syncing::BySystem);
        assert_eq!(drain(&mut journal), ((12..24).collect(), 0), "step {at}");
    }
}
