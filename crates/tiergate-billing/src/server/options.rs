use std::net::SocketAddr;
use std::time::Duration;

/// Where to listen, and every bound on what clients may take.
///
/// ```
/// use std::time::Duration;
/// use tiergate_billing::server::ServerOptions;
///
/// let mut options = ServerOptions::new(([127, 0, 0, 1], 3001));
/// options.shutdown_grace = Duration::from_secs(60);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long the head of a request may take, and how long a connection may be idle before it.
    pub header_read_timeout: Duration,
    /// How long the body of a request may take, from the end of its head on.
    pub body_read_timeout: Duration,
    /// How long a request may take until the head of its answer. What an event stream tells after that
    /// is not bounded by it.
    pub request_timeout: Duration,
    /// How long a client may keep the service from writing.
    pub write_timeout: Duration,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// The largest body of a webhook, in bytes.
    pub max_webhook_bytes: usize,
    /// The most connections. Others wait until one ends.
    pub max_connections: usize,
    /// How long requests may take once the service is told to stop.
    pub shutdown_grace: Duration,
}

impl ServerOptions {
    /// The defaults: 10 s for a head, 15 s for a body, 30 s for a request, 30 s for a client that does
    /// not read, 1 MiB for a body and 2 MiB for that of a webhook, 1,024 connections, 20 s of grace.
    #[must_use]
    pub fn new(listen: impl Into<SocketAddr>) -> Self {
        Self {
            listen: listen.into(),
            header_read_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_body_bytes: 1024 * 1024,
            max_webhook_bytes: 2 * 1024 * 1024,
            max_connections: 1_024,
            shutdown_grace: Duration::from_secs(20),
        }
    }
}
