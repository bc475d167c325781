//! `kill -9` at random moments under load: what was answered is there, what was not and was sent again
//! is there once, and every start succeeds.
//!
//! The moments come from a seed that is told; `TIERGATE_SEED` sets it, and `TIERGATE_KILLS` how often
//! each service is killed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail, and tells how to repeat it"
)]

mod accounts;
mod changes;
mod insist;
mod usage;
mod webhooks;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tiergate_tests::{Service, Store, Trial, eventually_in};
use tokio::task::JoinSet;

/// How often each service is killed.
const KILLS: u64 = 50;

/// The most answers that a service gives before it is killed. It is not the time that is random, or a
/// slow machine would see it killed before it has begun with anything.
const MOST_ANSWERS: u64 = 24;

/// The longest that a service runs on after its last answer, in milliseconds: about as long as it takes
/// for the next, so that every moment of a request is one at which it can be killed.
const LONGEST: u64 = 40;

/// The longest that a service runs that is killed while it begins, in milliseconds.
const LONGEST_START: u64 = 400;

/// The longest that a service may take for its answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many senders of each kind there are.
const SENDERS: usize = 2;

/// What those who send and the one who kills know of each other.
#[derive(Clone, Debug, Default)]
struct Load(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The last kill was: who sends ends what it has begun.
    is_over: AtomicBool,
    answers: AtomicU64,
}

impl Load {
    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    fn answered(&self) {
        self.0.answers.fetch_add(1, Ordering::Relaxed);
    }

    fn answers(&self) -> u64 {
        self.0.answers.load(Ordering::Relaxed)
    }
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// A moment of a start, or soon after it.
fn random_start(random: &mut Rng) -> Duration {
    Duration::from_millis(random.u64(0..LONGEST_START))
}

async fn survives(store: Store) {
    let Some(service) = Service::start(store, Trial::None).await else {
        return;
    };
    let seed = number("TIERGATE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = number("TIERGATE_KILLS").unwrap_or(KILLS);
    eprintln!("{store:?}: {kills} kills, TIERGATE_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let service = Arc::new(service);
    let load = Load::default();
    let (mut hooks, mut uses, mut changed) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for sender in 0..SENDERS {
        let begin = || (Arc::clone(&service), load.clone());
        let (service, load) = begin();
        hooks.spawn(webhooks::send(service, load, sender, random.fork()));
        let (service, load) = begin();
        uses.spawn(usage::send(service, load, sender, random.fork()));
        let (service, load) = begin();
        changed.spawn(changes::send(service, load, sender, random.fork()));
    }
    for _ in 0..kills {
        let enough = load.answers() + random.u64(0..MOST_ANSWERS);
        eventually_in(PATIENCE, "progress", || load.answers() >= enough).await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..LONGEST))).await;
        service.program().kill().await;
        if random.u8(..5) == 0 {
            // Before it has begun to serve.
            service.program().rerun();
            tokio::time::sleep(random_start(&mut random)).await;
            service.program().kill().await;
        }
        service.program().restart().await;
    }
    load.end();
    let mut hooked = webhooks::Sent::default();
    hooks
        .join_all()
        .await
        .into_iter()
        .for_each(|sent| hooked.add(sent));
    let used = uses.join_all().await;
    let changed: changes::Sent = changed.join_all().await.into_iter().flatten().collect();
    eprintln!(
        "{store:?}: {} users by webhooks, {} by the API, {} answers",
        hooked.users(),
        changed.len(),
        load.answers()
    );
    assert!(
        hooked.users() > 0 && !changed.is_empty(),
        "nothing was sent"
    );

    webhooks::look(&service, &hooked).await;
    usage::look(&service, &used).await;
    changes::look(&service, &changed).await;
    accounts::add_up(&service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_any_kill_on_sqlite() {
    survives(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_any_kill_on_postgresql() {
    survives(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_while_it_makes_its_tables_makes_them_at_the_next_start() {
    let seed = number("TIERGATE_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("TIERGATE_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    for store in [Store::Sqlite, Store::Postgres] {
        for _ in 0..5 {
            let kills = [(); 4].map(|()| random_start(&mut random));
            let Some(service) = Service::start_interrupted(store, Trial::None, &kills).await else {
                return;
            };
            let reply = service.subscribe("ada", "pro").send().await;
            assert_eq!(reply.status, 201, "{}", reply.text());
            accounts::add_up(&service).await;
        }
    }
}
