//! Several processes count in one store, and a limit of L still admits exactly L: under load, when one of
//! them is killed, and when the store is away, slow, empty or read-only.
//!
//! What is promised is what clients see: every request that was answered 200 is one unit, and of those
//! there are never more than the limit. So the clients count, and the store's books have to agree.
//!
//! | variable | means | without it |
//! |---|---|---|
//! | `TIERGATE_ROUNDS` | how often a limit is used up for each store | once |
//! | `TIERGATE_CLIENTS` | clients of each process while it is | 1,000 |
//! | `TIERGATE_KILLS` | how often a process is killed for each store | twice |
//! | `TIERGATE_SEED` | the moments of the kills | another one each time, which is told |

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail, and tells how to repeat it"
)]

mod caught;
mod engine;
mod exact;
mod kills;
mod outages;
mod spending;

use std::env;
use std::path::Path;
use std::time::Duration;

use tiergate_tests::Admission;
use tokio::sync::{Mutex, MutexGuard};

/// How many processes there are.
const REPLICAS: usize = 4;

/// How replicas lease by default.
const LEASED_FOR_LONG: Admission = Admission::Leased {
    ttl: Duration::from_secs(30),
    ahead: None,
};

/// How replicas lease, so that scenarios see the end of a lease within seconds.
const LEASED: Admission = Admission::Leased {
    ttl: Duration::from_secs(3),
    ahead: None,
};

/// The same, but no unit is used before the store has heard of it.
const LEASED_NEVER_AHEAD: Admission = Admission::Leased {
    ttl: Duration::from_secs(3),
    ahead: Some(0),
};

/// How many units of a limit each replica may use before the store has heard of them.
fn most_ahead(admission: Admission, limit: u64) -> u64 {
    match admission {
        Admission::Direct => 0,
        Admission::Leased { ahead, .. } => ahead.unwrap_or((limit / 1_000).min(1_000)),
    }
}

/// How many units of a limit a replica may have leased that nobody uses or waits for: a block, and the
/// next one.
fn most_idle(admission: Admission, limit: u64) -> u64 {
    match admission {
        Admission::Direct => 0,
        Admission::Leased { .. } => 2 * (limit / 100),
    }
}

/// The program of a replica, which cargo has built.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_replica"))
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

static ALONE: Mutex<()> = Mutex::const_new(());

/// Waits until no other scenario of this program has the machine: thousands of clients are enough.
async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}
