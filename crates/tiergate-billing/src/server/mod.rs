//! Serves the API over HTTP, and does what is due, until it is told to stop.
//!
//! | file | what |
//! |---|---|
//! | `options.rs` | every bound, with its default |
//! | `accept.rs` | takes connections, as many as there may be |
//! | `connection.rs` | serves one, with deadlines for its head and for clients that do not read |
//! | `layers.rs` | what every request goes through, outermost first |
//! | `body.rs` | the size and the deadline of request bodies |
//! | `observe.rs` | request ids, the access log, metrics |
//! | `jobs.rs` | what is done now and then |
//! | `shutdown.rs` | how the service is told to stop |

mod accept;
mod body;
mod connection;
mod jobs;
mod layers;
mod observe;
mod options;
mod shutdown;
mod stalled;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::telemetry;

pub use options::ServerOptions;
pub use shutdown::Shutdown;

/// The address could not be taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; is another program listening there?")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request that had begun was answered.
    Finished,
    /// Some were cut off, because they took longer than the grace or the end was to be at once.
    CutOff {
        /// How many connections were still open.
        connections: usize,
    },
}

/// A service that listens and does not serve yet. Clients that connect wait until it does.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    api: Api,
    options: ServerOptions,
}

impl Server {
    /// Takes the address. Port 0 takes any that is free; [`address`](Self::address) tells which.
    ///
    /// # Errors
    ///
    /// When the address is in use, or not one of this machine.
    pub async fn bind(api: Api, options: ServerOptions) -> Result<Self, BindError> {
        let failed = |source| BindError {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        // Before anything is counted.
        telemetry::recorder();
        Ok(Self {
            listener,
            address,
            api,
            options,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` begins, and then finishes what has begun, for as long as the grace
    /// allows. The database is left open: whoever opened it closes it.
    ///
    /// Dropping the future cuts every connection off.
    ///
    /// ```no_run
    /// # async fn serve(api: tiergate_billing::api::Api) -> Result<(), Box<dyn std::error::Error>> {
    /// use tiergate_billing::server::{Server, ServerOptions, Shutdown};
    ///
    /// let server = Server::bind(api, ServerOptions::new(([127, 0, 0, 1], 3001))).await?;
    /// let shutdown = Shutdown::new();
    /// shutdown.on_signals()?;
    /// server.run(shutdown).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run(self, shutdown: Shutdown) -> Ended {
        let router = self.api.clone().router();
        self.serve(router, shutdown).await
    }

    async fn serve(self, router: Router, shutdown: Shutdown) -> Ended {
        let Self {
            listener,
            address,
            api,
            options,
        } = self;
        let stop = api.stop().clone();
        let cut = CancellationToken::new();
        // Whatever ends this future ends the tasks.
        let _cut_on_drop = cut.clone().drop_guard();
        let background = TaskTracker::new();
        jobs::start(&api, &background, &stop, &cut);
        let connections = TaskTracker::new();
        let router = layers::around(router, &api, &options);
        tracing::info!(target: "tiergate_billing", event = "listening", %address, "serving");
        tokio::select! {
            () = accept::accept(&listener, router, &options, &connections, &stop, &cut) => {}
            () = shutdown.begun() => {}
        }
        // New clients are refused from here on, and the service is not ready any more.
        drop(listener);
        stop.cancel();
        tracing::info!(
            target: "tiergate_billing", event = "stopping", connections = connections.len(),
            "finishing what has begun"
        );
        connections.close();
        background.close();
        let finished = async {
            connections.wait().await;
            background.wait().await;
        };
        tokio::select! {
            () = finished => Ended::Finished,
            () = tokio::time::sleep(options.shutdown_grace) => cut_off(&connections, &cut),
            () = shutdown.is_at_once() => cut_off(&connections, &cut),
        }
    }
}

fn cut_off(connections: &TaskTracker, cut: &CancellationToken) -> Ended {
    let connections = connections.len();
    cut.cancel();
    tracing::warn!(
        target: "tiergate_billing", event = "cut_off", connections,
        "requests that were not answered in time are cut off"
    );
    Ended::CutOff { connections }
}

#[cfg(test)]
mod tests;
