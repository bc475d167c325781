//! The machine loses its power: what was not synced may be there, in part or not at all.

use fastrand::Rng;

use super::bench::{LONG, add, drain, reopen};
use crate::journal::disk::simulated::SimulatedDisk;
use crate::journal::{Most, Syncing};

/// What is left after a loss of power at a random moment: records that were promised, records that were
/// kept, and those that are there.
struct Outcome {
    promised: Vec<u64>,
    kept: Vec<u64>,
    there: Vec<u64>,
}

/// Runs until the power goes. A record is promised once a sync, or an append that syncs, has ended.
fn lose_power(syncing: Syncing, random: &mut Rng) -> Outcome {
    let disk = SimulatedDisk::default();
    let (mut promised, mut kept, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
    let mut record = 0;
    for _life in 0..3 {
        let mut unsynced = Vec::new();
        let (mut journal, _) = reopen(&disk, syncing);
        for _ in 0..random.usize(1..60) {
            match random.u8(0..10) {
                0 => {
                    assert!(journal.sync().is_ok());
                    promised.append(&mut unsynced);
                }
                1 => {
                    let most = Most {
                        records: random.usize(1..9),
                        bytes: usize::MAX,
                    };
                    let portion = journal.read(most).unwrap();
                    delivered.extend(super::bench::numbers(&portion));
                    assert!(journal.settle(portion.end).fault.is_none());
                }
                _ => {
                    let len = if random.bool() {
                        LONG
                    } else {
                        random.usize(8..400)
                    };
                    assert!(add(&mut journal, record, len));
                    kept.push(record);
                    unsynced.push(record);
                    if syncing == Syncing::EachAppend {
                        promised.push(record);
                    }
                    record += 1;
                }
            }
        }
        disk.lose_power(random);
        drop(journal);
        disk.restart();
    }
    let (mut journal, _) = reopen(&disk, syncing);
    delivered.extend(drain(&mut journal).0);
    Outcome {
        promised,
        kept,
        there: delivered,
    }
}

fn check(syncing: Syncing) {
    let seed = fastrand::u64(..);
    for run in 0..150 {
        let mut random = Rng::with_seed(seed.wrapping_add(run));
        let Outcome {
            promised,
            kept,
            there,
        } = lose_power(syncing, &mut random);
        for record in &promised {
            assert!(
                there.contains(record),
                "{syncing:?}, seed {seed}, run {run}: {record} is lost"
            );
        }
        for record in &there {
            assert!(
                kept.contains(record),
                "{syncing:?}, seed {seed}, run {run}: {record} is new"
            );
        }
    }
}

#[test]
fn nothing_is_lost_with_the_power_when_each_append_is_synced() {
    check(Syncing::EachAppend);
}

#[test]
fn with_the_power_goes_no_more_than_what_came_after_the_last_sync() {
    check(Syncing::OnCall);
}

#[test]
fn without_syncs_a_journal_still_opens_and_invents_nothing() {
    check(Syncing::BySystem);
}
