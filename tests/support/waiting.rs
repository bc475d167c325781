use std::time::Duration;

/// The longest that anything in a scenario may take. Far more than it does, so that a busy machine
/// changes no outcome.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often something of this program is looked at that nothing announces.
const QUICK: Duration = Duration::from_millis(1);

/// How often something of another program is.
const SLOW: Duration = Duration::from_millis(10);

/// What `future` comes to.
///
/// # Panics
///
/// When it takes so long that it must hang.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    within_time(PATIENCE, what, future).await
}

/// What `future` comes to.
///
/// # Panics
///
/// When it takes longer than `limit`.
async fn within_time<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    match tokio::time::timeout(limit, future).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("{what} does not end"),
    }
}

/// Waits until `condition` holds. For what happens in other tasks after a socket is closed, which
/// nothing announces.
///
/// # Panics
///
/// When it does not come to hold.
pub async fn eventually(what: &str, condition: impl FnMut() -> bool) {
    holds(PATIENCE, QUICK, what, condition).await;
}

/// Waits until `condition` holds. For what other programs do, which can take longer.
///
/// # Panics
///
/// When it does not come to hold within `limit`.
pub async fn eventually_in(limit: Duration, what: &str, condition: impl FnMut() -> bool) {
    holds(limit, SLOW, what, condition).await;
}

async fn holds(limit: Duration, pause: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    within_time(limit, what, async {
        while !condition() {
            tokio::time::sleep(pause).await;
        }
    })
    .await;
}
