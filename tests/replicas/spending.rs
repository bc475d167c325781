//! How a limit is used up, and what has to be so meanwhile and afterwards.

use std::sync::Arc;
use std::time::Duration;

use tiergate::usage::Tally;
use tiergate_tests::{Admission, Answers, Fleet, Ledger, Replica};
use tokio::time::{Instant, sleep};

use crate::engine::Engine;

/// How long after a wave that let nobody through the next one begins.
const PAUSE: Duration = Duration::from_millis(50);

/// What has to be so and is not.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl Broken {
    /// The same, with more about it.
    pub(crate) fn with(self, more: &str) -> Self {
        Self(format!("{}{more}", self.0))
    }
}

/// Whether it is so.
pub(crate) type Check = Result<(), Broken>;

pub(crate) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Broken(otherwise()))
    }
}

/// That no more was let through than that.
pub(crate) fn never_above(most: u64, ledger: &Ledger) -> Check {
    let seen = ledger.all();
    check(seen.admitted <= most, || {
        format!("more was let through than {most}: {seen}")
    })
}

/// That every request had an answer that says something of the limit: 200 or 429.
pub(crate) fn nobody_failed(seen: Answers) -> Check {
    let expected = Answers {
        admitted: seen.admitted,
        refused: seen.refused,
        ..Answers::default()
    };
    check(seen == expected, || {
        format!("somebody got no answer about the limit: {seen}")
    })
}

/// Waves until one lets nobody through.
pub(crate) async fn spend(fleet: &mut Fleet, ledger: &Arc<Ledger>) -> Check {
    loop {
        let before = ledger.all();
        fleet.wave(&[ledger]).await;
        never_above(ledger.account().limit(), ledger)?;
        if ledger.all().since(before).admitted == 0 {
            return Ok(());
        }
    }
}

/// Waves until everything is used: what is idle in a replica comes back within `patience`.
pub(crate) async fn spend_all(
    fleet: &mut Fleet,
    ledger: &Arc<Ledger>,
    patience: Duration,
) -> Check {
    let limit = ledger.account().limit();
    let mut deadline = Instant::now() + patience;
    loop {
        let before = ledger.all();
        fleet.wave(&[ledger]).await;
        never_above(limit, ledger)?;
        let seen = ledger.all();
        if seen.admitted == limit {
            return Ok(());
        } else if seen.since(before).admitted > 0 {
            deadline = Instant::now() + patience;
        } else {
            check(Instant::now() < deadline, || {
                format!("not all of {limit} can be used: {seen}")
            })?;
            sleep(PAUSE).await;
        }
    }
}

/// Waves until the store's books say that everything is used and nothing is open: what is idle, and what
/// nobody settles, comes back within `patience`. At no time were more than `most` let through.
pub(crate) async fn spend_rest(
    fleet: &mut Fleet,
    engine: &Engine,
    replica: &Replica,
    ledger: &Arc<Ledger>,
    most: u64,
    patience: Duration,
) -> Check {
    let limit = ledger.account().limit();
    let pause = match replica.admission {
        Admission::Direct => PAUSE,
        // A replica gives back what is idle when nobody has asked for a while.
        Admission::Leased { ttl, .. } => ttl,
    };
    let deadline = Instant::now() + patience;
    loop {
        let before = ledger.all();
        fleet.wave(&[ledger]).await;
        never_above(most, ledger)?;
        if ledger.all().since(before).admitted > 0 {
            continue;
        }
        let tally = engine.tally(replica, ledger).await;
        if tally == Tally::new(limit, 0) {
            return Ok(());
        }
        check(Instant::now() < deadline, || {
            format!(
                "the books say {tally:?} of {limit}, and the clients saw {}",
                ledger.all()
            )
        })?;
        sleep(pause).await;
    }
}
