//! One of several processes is killed under load: what its clients were answered stays counted, and
//! nothing is lost for longer than reservations and leases live.

use std::cell::Cell;
use std::time::Duration;

use fastrand::Rng;
use tiergate_tests::{Admission, Fleet, Replica, Sabotage, eventually_in};
use tokio::time::sleep;

use crate::engine::{Engine, Kind};
use crate::spending::{Check, check, nobody_failed, spend, spend_rest};
use crate::{LEASED, LEASED_NEVER_AHEAD, REPLICAS, alone, most_ahead, most_idle, number, program};

/// How many units there are.
const LIMIT: u64 = 4_000;

/// Clients of each process.
const CLIENTS: usize = 250;

/// How often a process is killed.
const KILLS: u64 = 2;

/// The longest that a client waits.
const DEADLINE: Duration = Duration::from_secs(30);

/// The longest that a call of a store waits for its turn.
const STORE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a reservation is open that nobody settles: much longer than a request takes here.
const RESERVATION_TTL: Duration = Duration::from_secs(5);

/// The longest that it takes until everything is back that a process held when it was killed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest that the process runs on when it has let enough through, in milliseconds: about as long as
/// a request takes, so that every moment of one is a moment at which it can be killed.
const LONGEST: u64 = 40;

/// Kills a process at a random moment, as often as is wanted, and uses a limit up each time.
pub(crate) async fn survives(engine: &Engine, admission: Admission, sabotage: Sabotage) -> Check {
    let replica = Replica {
        store_deadline: STORE_DEADLINE,
        reservation_ttl: RESERVATION_TTL,
        sabotage,
        ..Replica::new(engine.address(), admission)
    };
    let seed = number("TIERGATE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = number("TIERGATE_KILLS").unwrap_or(KILLS);
    eprintln!("{admission:?}: {kills} kills, TIERGATE_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut fleet = Fleet::start(program(), &replica, REPLICAS, CLIENTS, DEADLINE).await;
    for _ in 0..kills {
        let survived = kill_once(engine, &replica, &mut fleet, &mut random).await;
        survived.map_err(|broken| broken.with(&fleet.said()))?;
    }
    fleet.stop().await;
    Ok(())
}

async fn kill_once(
    engine: &Engine,
    replica: &Replica,
    fleet: &mut Fleet,
    random: &mut Rng,
) -> Check {
    let ledger = fleet.ledger(LIMIT);
    let victim = random.usize(..REPLICAS);
    let program = fleet.program(victim);
    let (point, longer) = (random.u64(..LIMIT), random.u64(..LONGEST));
    let is_killed = Cell::new(false);
    let kill = async {
        eventually_in(PATIENCE, "progress", || ledger.all().admitted >= point).await;
        sleep(Duration::from_millis(longer)).await;
        program.kill().await;
        is_killed.set(true);
        Ok(())
    };
    let load = async {
        while !is_killed.get() {
            spend(fleet, &ledger).await?;
        }
        spend(fleet, &ledger).await
    };
    tokio::try_join!(kill, load)?;

    let killed = ledger.of(victim);
    // Of each request that it left unanswered, a unit may be open or used; besides, what it had leased.
    let held = killed.lost + most_idle(replica.admission, LIMIT);
    let seen = ledger.all();
    check(seen.admitted + held >= LIMIT, || {
        format!("{seen}, although the process that was killed held no more than {held}")
    })?;
    nobody_failed(seen.since(killed))?;

    spend_rest(fleet, engine, replica, &ledger, LIMIT, PATIENCE).await?;
    // What stays lost is what was used for an answer that nobody got, or was told in advance.
    let lost = killed.lost + most_ahead(replica.admission, LIMIT);
    let seen = ledger.all();
    eprintln!("killed [{victim}] at {point}: {seen}");
    check(seen.admitted + lost >= LIMIT, || {
        format!("{seen}, although no more than {lost} can be lost")
    })?;
    fleet.restart(victim).await;
    Ok(())
}

async fn survives_on(kind: Kind, admission: Admission) {
    let _alone = alone().await;
    let Some(engine) = Engine::start(kind).await else {
        return;
    };
    let checked = survives(&engine, admission, Sabotage::None).await;
    checked.unwrap_or_else(|broken| panic!("{}", broken.0));
}

macro_rules! kills {
    ($name:ident, $kind:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_killed_process_loses_nothing_that_was_answered() {
                survives_on($kind, Admission::Direct).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_killed_process_that_leases_loses_what_it_told_in_advance_at_most() {
                survives_on($kind, LEASED).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_killed_process_that_leases_and_tells_nothing_in_advance_loses_nothing() {
                survives_on($kind, LEASED_NEVER_AHEAD).await;
            }
        }
    };
}

kills!(sqlite, Kind::Sqlite);
kills!(postgresql, Kind::Postgres);
kills!(redis, Kind::Redis);
