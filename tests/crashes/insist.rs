//! Who sends the same until it is answered.

use std::time::Duration;

use tiergate_tests::{Ask, Reply};
use tokio::time::{sleep, timeout};

use crate::Load;

/// The longest that anybody goes without an answer. Several restarts are part of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long to wait before the next try.
const PAUSE: Duration = Duration::from_millis(10);

/// Sends a request until it is answered: again when the connection breaks, and when the service says
/// that it cannot now.
pub(crate) async fn insist(load: &Load, request: impl Fn() -> Ask) -> Reply {
    let answered = async {
        loop {
            match request().try_send().await {
                Some(reply) if reply.status.as_u16() == 503 => {}
                Some(reply) => return reply,
                None => {}
            }
            sleep(PAUSE).await;
        }
    };
    let answered = timeout(PATIENCE, answered).await;
    load.answered();
    answered.unwrap_or_else(|_| panic!("a request is never answered"))
}
