//! Thousands of requests at once, at several processes: exactly the limit gets through.

use std::sync::Arc;
use std::time::Duration;

use tiergate_tests::{Admission, Fleet, Ledger, Replica, Sabotage};
use tokio::time::Instant;

use crate::engine::{Engine, Kind};
use crate::spending::{Broken, Check, never_above, nobody_failed, spend_all};
use crate::{LEASED_FOR_LONG, REPLICAS, alone, number, program};

/// How many units there are.
const LIMIT: u64 = 10_000;

/// Clients of each process.
const CLIENTS: usize = 1_000;

/// The longest that a client waits. All of them ask at once, and the store answers one after the other.
const DEADLINE: Duration = Duration::from_secs(60);

/// The longest that a call of a store waits for its turn.
const STORE_DEADLINE: Duration = Duration::from_secs(30);

/// The longest that units may lie idle in a replica.
const IDLE: Duration = Duration::from_secs(30);

/// Uses a limit up, as often as is wanted, and compares what the clients counted with the store's books.
pub(crate) async fn admits_exactly(
    engine: &Engine,
    admission: Admission,
    replicas: usize,
    sabotage: Sabotage,
) -> Check {
    let replica = Replica {
        store_deadline: STORE_DEADLINE,
        sabotage,
        ..Replica::new(engine.address(), admission)
    };
    let clients = number("TIERGATE_CLIENTS").unwrap_or(CLIENTS);
    let mut fleet = Fleet::start(program(), &replica, replicas, clients, DEADLINE).await;
    let used_up = use_up(&mut fleet, admission).await;
    let ledgers = used_up.map_err(|broken| broken.with(&fleet.said()))?;
    fleet.stop().await;
    for ledger in ledgers {
        engine.agrees(&replica, &ledger).await?;
    }
    Ok(())
}

/// Uses a limit up, as often as is wanted, each time of another account.
async fn use_up(fleet: &mut Fleet, admission: Admission) -> Result<Vec<Arc<Ledger>>, Broken> {
    let mut ledgers = Vec::new();
    let rounds = number("TIERGATE_ROUNDS").unwrap_or(1);
    for round in 1..=rounds {
        let begin = Instant::now();
        let ledger = fleet.ledger(LIMIT);
        spend_all(fleet, &ledger, IDLE).await?;
        // Nobody gets in any more, at any of them.
        fleet.wave(&[&ledger]).await;
        never_above(LIMIT, &ledger)?;
        nobody_failed(ledger.all())?;
        let (took, seen) = (begin.elapsed(), ledger.all());
        eprintln!("{admission:?}: round {round} of {rounds} took {took:.1?}: {seen}");
        ledgers.push(ledger);
    }
    Ok(ledgers)
}

async fn admits_exactly_on(kind: Kind, admission: Admission) {
    let _alone = alone().await;
    let Some(engine) = Engine::start(kind).await else {
        return;
    };
    eprintln!("{kind:?} {admission:?}");
    let checked = admits_exactly(&engine, admission, REPLICAS, Sabotage::None).await;
    checked.unwrap_or_else(|broken| panic!("{kind:?} {admission:?}: {}", broken.0));
}

macro_rules! exact {
    ($name:ident, $kind:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn several_processes_admit_exactly_the_limit() {
                admits_exactly_on($kind, Admission::Direct).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn several_processes_that_lease_admit_exactly_the_limit() {
                admits_exactly_on($kind, LEASED_FOR_LONG).await;
            }
        }
    };
}

exact!(sqlite, Kind::Sqlite);
exact!(postgresql, Kind::Postgres);
exact!(redis, Kind::Redis);
