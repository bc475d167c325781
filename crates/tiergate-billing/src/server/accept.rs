//! Takes connections, as many as there may be.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ServerOptions;
use super::connection::{Connections, serve};

/// How long to wait when the machine has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until it is dropped. One is taken only when there is room for it; others wait in
/// the backlog of the operating system, where they cost this process nothing.
pub(super) async fn accept(
    listener: &TcpListener,
    router: Router,
    options: &ServerOptions,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    cut: &CancellationToken,
) {
    let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(most));
    let connections = Connections::new(router, options, stop.clone());
    loop {
        // It is never closed.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = next(listener).await;
        let connections = connections.clone();
        let cut = cut.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = serve(stream, connections) => {}
                () = cut.cancelled() => {}
            }
            drop(permit);
        });
    }
}

/// The next connection. An error of one is no reason to take no other.
async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if belongs_to_one(&error) => {}
            Err(error) => {
                // No file descriptors or no memory: others have to end first.
                tracing::error!(target: "tiergate_billing", %error, "no connection can be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn belongs_to_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
