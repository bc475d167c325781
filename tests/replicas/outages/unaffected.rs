//! While the store hangs on one counter, what is leased of another is spent: nothing is locked meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tiergate_tests::{Admission, Fleet, Ledger, Network, Replica, Way};
use tokio::time::{Instant, sleep};

use super::server::Server;
use super::{AMPLE, PATIENCE};
use crate::engine::Kind;
use crate::program;

/// How many units may be used before the store has heard of them.
const AHEAD: u64 = 200;

/// How many are seen to be used meanwhile. On a slow machine demand is low, and blocks are little larger.
const SPENT: u64 = 20;

/// How many moments are tried: a block may be about to end at any one of them.
const MOMENTS: usize = 5;

/// For how long the store hangs at most: less than its calls may take, so that nothing fails.
const HANGS: Duration = Duration::from_secs(10);

/// The longest that a call of the store may take: much longer than the others need.
const STORE_DEADLINE: Duration = Duration::from_secs(30);

const CLIENTS: usize = 8;

async fn goes_on_beside_what_hangs(kind: Kind) {
    let Some(server) = Server::start(kind).await else {
        return;
    };
    let network = Network::start(server.address()).await;
    let admission = Admission::Leased {
        ttl: Duration::from_secs(120),
        ahead: Some(AHEAD),
    };
    let replica = Replica {
        store_deadline: STORE_DEADLINE,
        ..Replica::new(server.url_through(&network), admission)
    };
    let mut fleet = Fleet::start(program(), &replica, 1, CLIENTS, PATIENCE).await;
    let leased = fleet.ledger(AMPLE);
    let mut has_gone_on = false;
    for _ in 0..MOMENTS {
        // Until there is enough in the replica, all of which the store has heard of.
        let enough = leased.all().admitted + 2_000;
        while leased.all().admitted < enough {
            fleet.wave(&[&leased]).await;
        }
        has_gone_on = spends_while_silent(&network, &mut fleet, &leased).await;
        if has_gone_on {
            break;
        }
    }
    assert!(has_gone_on, "what is leased was never spent");
    assert!(leased.all().are_all_admitted(), "{}", leased.all());
    fleet.stop().await;
}

/// Whether units of an account with a lease are spent while others wait for an account without one.
async fn spends_while_silent(network: &Network, fleet: &mut Fleet, leased: &Arc<Ledger>) -> bool {
    let hangs = fleet.ledger(AMPLE);
    network.turn(Way::Silent);
    let until = Instant::now() + HANGS;
    let enough = leased.all().admitted + SPENT;
    let is_over = Arc::new(AtomicBool::new(false));
    let watch = async {
        while leased.all().admitted < enough && Instant::now() < until {
            sleep(Duration::from_millis(10)).await;
        }
        let has_gone_on = leased.all().admitted >= enough;
        // Half of the clients ask for the other account, and wait.
        assert_eq!(hangs.all(), tiergate_tests::Answers::default());
        is_over.store(true, Ordering::SeqCst);
        network.turn(Way::Open);
        has_gone_on
    };
    let pause = Duration::from_millis(1);
    let ledgers = [&hangs, leased];
    let (has_gone_on, ()) = tokio::join!(watch, fleet.busy(&ledgers, pause, &is_over));
    assert!(hangs.all().are_all_admitted(), "{}", hangs.all());
    has_gone_on
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_leased_is_spent_while_redis_hangs() {
    goes_on_beside_what_hangs(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_leased_is_spent_while_postgresql_hangs() {
    goes_on_beside_what_hangs(Kind::Postgres).await;
}
