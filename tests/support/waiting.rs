use std::time::Duration;

/// The longest that anything in a scenario may take. Far more than it does, so that a busy machine
/// changes no outcome.
const PATIENCE: Duration = Duration::from_secs(15);

/// What `future` comes to.
///
/// # Panics
///
/// When it takes so long that it must hang.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
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
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
