//! The store's server fails under load. Whatever it does, no more is let through than the mode allows, a
//! fault is never told as a limit, nobody waits beyond the deadline, and all is well again soon after.

mod modes;
mod server;
mod unaffected;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tiergate_tests::{Admission, Answers, Fleet, Ledger, Network, Outage, Replica, eventually_in};
use tokio::time::{Instant, sleep};

use self::server::{Fault, Server};
use crate::engine::{Engine, Kind};
use crate::spending::{Broken, Check, check, spend_rest};
use crate::{REPLICAS, program};

/// The units of an account that is used up in a scenario.
const SCARCE: u64 = 1_000;

/// The units of one that is not.
const AMPLE: u64 = 10_000_000;

/// Clients of each process.
const CLIENTS: usize = 24;

/// How long a client waits after an answer.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest that a client waits: a second each until units are reserved and counted, and as much again
/// for a machine that is busy with other things.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a fault lasts: longer than a call of the store, and shorter than a reservation.
const LASTING: Duration = Duration::from_secs(2);

/// How long a reservation or a lease is open that nobody settles or renews: longer than a fault lasts and
/// than is tried to settle.
const TTL: Duration = Duration::from_secs(10);

/// What fails, one after the other.
const FAULTS: [Fault; 5] = [
    Fault::Stopped,
    Fault::Restarted,
    Fault::ReadOnly,
    Fault::Slow,
    Fault::Cut,
];

/// How replicas lease here.
const LEASED: Admission = Admission::Leased {
    ttl: TTL,
    ahead: None,
};

/// The longest until everybody is served again.
const RECOVERY: Duration = Duration::from_secs(15);

/// The longest until everything is back that was held by nobody.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store whose server fails, and several processes that count in it.
struct Scene {
    server: Server,
    network: Network,
    engine: Engine,
    replica: Replica,
    fleet: Fleet,
}

/// Two accounts, whose clients see the same fault.
struct Trial {
    ample: Arc<Ledger>,
    scarce: Arc<Ledger>,
}

impl Scene {
    /// None when the server is not installed, which is told.
    async fn start(kind: Kind, admission: Admission, outage: Outage) -> Option<Self> {
        let server = Server::start(kind).await?;
        let network = Network::start(server.address()).await;
        let replica = Replica {
            reservation_ttl: TTL,
            // A client is not kept waiting for a store that is away: its units are counted afterwards.
            answer_wait: Duration::from_secs(1),
            outage,
            ..Replica::new(server.url_through(&network), admission)
        };
        let fleet = Fleet::start(program(), &replica, REPLICAS, CLIENTS, DEADLINE).await;
        Some(Self {
            engine: Engine::at(server.url()).await,
            server,
            network,
            replica,
            fleet,
        })
    }

    /// Two accounts of which a quarter of what is scarce is used, while all is well.
    async fn trial(&mut self) -> Result<Trial, Broken> {
        let trial = Trial {
            ample: self.fleet.ledger(AMPLE),
            scarce: self.fleet.ledger(SCARCE),
        };
        while trial.scarce.all().admitted < SCARCE / 4 {
            self.fleet.wave(&[&trial.ample, &trial.scarce]).await;
        }
        self.recover(&trial).await?;
        Ok(trial)
    }

    /// Has the fault for a while, and then not any more, while the clients ask on. What the clients of
    /// the ample account were answered meanwhile.
    async fn suffer(&mut self, fault: Fault, trial: &Trial) -> Answers {
        let is_over = Arc::new(AtomicBool::new(false));
        let before = trial.ample.all();
        let answered = || {
            let since = trial.ample.all().since(before);
            since.admitted + since.refused + since.unavailable
        };
        let lasting = async {
            let begin = answered();
            let some = u64::try_from(CLIENTS).unwrap();
            sleep(LASTING).await;
            eventually_in(PATIENCE, "answers", || answered() >= begin + some).await;
        };
        let failing = async {
            self.server.suffer(fault, &self.network, lasting).await;
            is_over.store(true, Ordering::SeqCst);
        };
        let ledgers = [&trial.ample, &trial.scarce];
        tokio::join!(failing, self.fleet.busy(&ledgers, PAUSE, &is_over));
        trial.ample.all().since(before)
    }

    /// Asks until everybody is served.
    async fn recover(&mut self, trial: &Trial) -> Result<Duration, Broken> {
        let begin = Instant::now();
        loop {
            let before = trial.ample.all();
            self.fleet.wave(&[&trial.ample, &trial.scarce]).await;
            let seen = trial.ample.all().since(before);
            if seen.are_all_admitted() {
                return Ok(begin.elapsed());
            }
            check(begin.elapsed() < RECOVERY, || {
                format!("not all are served, long after all is well: {seen}")
            })?;
            sleep(PAUSE).await;
        }
    }

    /// Uses up what is scarce, and everything that came back of it by time.
    async fn spend_rest(&mut self, trial: &Trial, most: u64) -> Check {
        let (engine, replica) = (&self.engine, &self.replica);
        spend_rest(
            &mut self.fleet,
            engine,
            replica,
            &trial.scarce,
            most,
            PATIENCE,
        )
        .await
    }

    /// How many requests were answered that the replicas could not count afterwards either.
    fn uncounted(&self) -> usize {
        self.fleet.warnings("settling.late") + self.fleet.warnings("settling.given_up")
    }
}

impl Trial {
    /// What the clients of both accounts were answered.
    fn seen(&self) -> Answers {
        self.ample.all() + self.scarce.all()
    }

    /// Nobody was told anything that is not so, and everybody was told something.
    fn nobody_was_misled(&self) -> Check {
        let seen = self.ample.all();
        check(seen.refused == 0, || {
            format!("a fault was told as a limit: {seen}")
        })?;
        let seen = self.seen();
        check(seen.strange + seen.lost + seen.unreached == 0, || {
            format!("somebody got no answer of the guard: {seen}")
        })?;
        check(seen.overdue == 0, || format!("somebody waits on: {seen}"))
    }

    /// The books have every unit that was answered for, and no unit is gone.
    async fn adds_up(&self, scene: &Scene) -> Check {
        self.nobody_was_misled()?;
        let seen = self.ample.all();
        let tally = scene.engine.settled(&scene.replica, &self.ample).await;
        check(tally.committed() >= seen.admitted, || {
            format!("the clients saw {seen}, and the books say {tally:?}")
        })?;
        let seen = self.scarce.all();
        check(seen.admitted + seen.unavailable >= SCARCE, || {
            format!("units are gone for good: {seen}")
        })
    }
}

/// One fault after the other. In the end everything can be used, and nothing twice.
async fn survives(kind: Kind, admission: Admission) -> Check {
    let Some(mut scene) = Scene::start(kind, admission, Outage::Deny).await else {
        return Ok(());
    };
    let mut trials = Vec::new();
    for fault in FAULTS {
        let trial = scene.trial().await?;
        let during = scene.suffer(fault, &trial).await;
        let healed = scene.recover(&trial).await?;
        eprintln!("{kind:?} {admission:?} {fault:?}: {during}; all is well after {healed:?}");
        let is_felt = match fault {
            Fault::Stopped | Fault::Restarted | Fault::ReadOnly => during.unavailable > 0,
            Fault::Slow | Fault::Cut | Fault::Emptied => true,
        };
        // What is leased is spent on without the store, up to a bound that few clients do not reach.
        check(is_felt || admission != Admission::Direct, || {
            format!("{fault:?}: nobody felt it: {during}")
        })?;
        trials.push(trial);
    }
    for trial in &trials {
        let spent = scene.spend_rest(trial, SCARCE).await;
        spent.map_err(|broken| broken.with(&scene.fleet.said()))?;
    }
    scene.fleet.stop().await;
    for trial in &trials {
        let adds_up = trial.adds_up(&scene).await;
        adds_up.map_err(|broken| broken.with(&scene.fleet.said()))?;
    }
    let uncounted = scene.uncounted();
    check(uncounted == 0, || {
        let said = scene.fleet.said();
        format!("{uncounted} answers are out that nobody could count{said}")
    })
}

/// Whoever deletes the counter gives everything out again, but only once.
async fn survives_being_emptied(kind: Kind, admission: Admission) -> Check {
    let Some(mut scene) = Scene::start(kind, admission, Outage::Deny).await else {
        return Ok(());
    };
    let trial = scene.trial().await?;
    let during = scene.suffer(Fault::Emptied, &trial).await;
    let healed = scene.recover(&trial).await?;
    eprintln!("{kind:?} {admission:?} emptied: {during}; all is well after {healed:?}");
    scene.spend_rest(&trial, 2 * SCARCE).await?;
    trial.nobody_was_misled()?;
    scene.fleet.stop().await;
    let scarce = trial.scarce.all();
    check(scarce.admitted > SCARCE, || {
        format!("nothing was deleted: {scarce}")
    })
}

fn assert_holds(checked: Check) {
    checked.unwrap_or_else(|broken| panic!("{}", broken.0));
}

macro_rules! outages {
    ($name:ident, $kind:expr, $admission:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn whatever_fails_gives_nothing_away_and_takes_nothing_for_good() {
                assert_holds(survives($kind, $admission).await);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_server_that_is_emptied_gives_everything_out_once_more_at_most() {
                assert_holds(survives_being_emptied($kind, $admission).await);
            }
        }
    };
}

outages!(redis_direct, Kind::Redis, Admission::Direct);
outages!(redis_leased, Kind::Redis, LEASED);
outages!(postgresql_direct, Kind::Postgres, Admission::Direct);
outages!(postgresql_leased, Kind::Postgres, LEASED);
