//! What was acknowledged arrives, once, however often the process is killed.

use std::collections::HashSet;
use std::env;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tiergate_usage::recorder::Durability;

use crate::child::{Child, ONE_AT_A_TIME, Task};
use crate::office::{Answering, Office, wait_for};

/// How often the process is killed.
const KILLS: i64 = 200;

/// How many records have to be acknowledged over all its lives, for as many kills.
const RECORDS: usize = 100_000;

/// The most records that a life acknowledges before it is killed. It is not the time that is random, or
/// on a slow machine it would be killed before it has begun with anything.
const MOST: usize = 1_000;

/// The quantities of a life begin here, so that each record of all lives has its own.
const LIFE: i64 = 1 << 32;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

fn random() -> Rng {
    let seed = number("TIERGATE_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("TIERGATE_SEED={seed}");
    Rng::with_seed(seed)
}

fn any_durability(random: &mut Rng) -> Durability {
    match random.u8(0..4) {
        0 => Durability::Every,
        1 => Durability::Interval(Duration::from_millis(5)),
        _ => Durability::Os,
    }
}

/// Every record that was acknowledged arrived, and none arrived under two ids.
fn look(office: &Office, lives: i64) {
    let arrived = office.arrived();
    let quantities: HashSet<i64> = arrived.iter().copied().collect();
    assert_eq!(quantities.len(), arrived.len(), "one has two ids");
    let acknowledged = office.all_acknowledged();
    let lost = acknowledged
        .iter()
        .filter(|quantity| !quantities.contains(quantity))
        .count();
    assert_eq!(lost, 0, "of {} acknowledged", acknowledged.len());
    for quantity in quantities {
        let (life, record) = (quantity / LIFE, quantity % LIFE);
        assert!(
            (0..lives).contains(&life) && record < 10_000_000,
            "never recorded"
        );
    }
}

#[test]
fn what_was_acknowledged_arrives_once_however_often_the_process_is_killed() {
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let kills = number("TIERGATE_KILLS").map_or(KILLS, |kills| i64::try_from(kills).unwrap());
    let records = RECORDS * usize::try_from(kills).unwrap() / usize::try_from(KILLS).unwrap();
    let mut random = random();
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open();
    let mut life = 0;
    while life < kills || office.acknowledged() < records {
        let durability = any_durability(&mut random);
        let first = life * LIFE;
        let child = Child::start(
            &Task::Record { first, durability },
            folder.path(),
            office.address(),
        );
        // Some are killed before they have begun.
        if random.u8(0..20) == 0 {
            thread::sleep(Duration::from_millis(random.u64(0..30)));
        } else {
            let enough = office.acknowledged() + random.usize(0..MOST);
            wait_for("progress", || office.acknowledged() >= enough);
            thread::sleep(Duration::from_micros(random.u64(0..3_000)));
        }
        child.kill();
        life += 1;
        assert!(life < 20 * KILLS, "too little is recorded");
    }
    Child::start(&Task::Drain, folder.path(), office.address()).succeeds();
    look(&office, life);
    eprintln!(
        "{life} kills, {} acknowledged, {} arrived, {} repeated",
        office.acknowledged(),
        office.arrived().len(),
        office.repeated()
    );
}

#[test]
fn a_batch_that_was_taken_when_the_process_was_killed_comes_again_and_counts_once() {
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut random = random();
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open();
    for life in 0..5 {
        office.answer(Answering::Never);
        let before = office.batches();
        let durability = any_durability(&mut random);
        let first = life * LIFE;
        let child = Child::start(
            &Task::Record { first, durability },
            folder.path(),
            office.address(),
        );
        wait_for("a batch", || office.batches() > before);
        child.kill();
        office.answer(Answering::Always);
    }
    Child::start(&Task::Drain, folder.path(), office.address()).succeeds();
    assert!(office.repeated() > 0);
    look(&office, 5);
}
