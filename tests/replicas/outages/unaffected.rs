//! While the store hangs on one counter, what is leased of another is spent: nothing is locked meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tiergate_tests::{Admission, Fleet, Network, Replica, Way, eventually_in};

use super::server::Server;
use super::{AMPLE, PATIENCE};
use crate::engine::Kind;
use crate::program;

/// How many units may be used before the store has heard of them.
const AHEAD: u64 = 200;

/// How many are seen to be used meanwhile.
const SPENT: u64 = 100;

/// The longest that a call of the store may take: much longer than the others need.
const STORE_DEADLINE: Duration = Duration::from_secs(15);

const CLIENTS: usize = 8;

async fn goes_on_beside_what_hangs(kind: Kind) {
    let Some(server) = Server::start(kind).await else {
        return;
    };
    let network = Network::start(server.address()).await;
    let admission = Admission::Leased {
        ttl: Duration::from_secs(60),
        ahead: Some(AHEAD),
    };
    let replica = Replica {
        store_deadline: STORE_DEADLINE,
        ..Replica::new(server.url_through(&network), admission)
    };
    let mut fleet = Fleet::start(program(), &replica, 1, CLIENTS, PATIENCE).await;
    let (leased, hangs) = (fleet.ledger(AMPLE), fleet.ledger(AMPLE));
    // Until there is enough in the replica, all of which the store has heard of.
    while leased.all().admitted < 2_000 {
        fleet.wave(&[&leased]).await;
    }
    network.turn(Way::Silent);
    let before = leased.all().admitted;
    let is_over = Arc::new(AtomicBool::new(false));
    let watch = async {
        eventually_in(PATIENCE, "what is leased to be spent", || {
            leased.all().admitted >= before + SPENT
        })
        .await;
        // Half of the clients ask for the other account, and wait.
        assert_eq!(hangs.all(), tiergate_tests::Answers::default());
        is_over.store(true, Ordering::SeqCst);
        network.turn(Way::Open);
    };
    let pause = Duration::from_millis(1);
    let ledgers = [&hangs, &leased];
    tokio::join!(watch, fleet.busy(&ledgers, pause, &is_over));
    assert!(hangs.all().are_all_admitted(), "{}", hangs.all());
    assert!(leased.all().are_all_admitted(), "{}", leased.all());
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_leased_is_spent_while_redis_hangs() {
    goes_on_beside_what_hangs(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_leased_is_spent_while_postgresql_hangs() {
    goes_on_beside_what_hangs(Kind::Postgres).await;
}
