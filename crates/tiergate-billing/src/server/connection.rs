//! Serves one connection.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::ServerOptions;
use super::stalled::StalledWrites;
use crate::api::Problem;

/// The largest head that is read, in bytes. Heads that are too large, and smaller than this, get a
/// problem as their answer; beyond it, hyper answers 431 without one.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// The most header fields that are read.
const MAX_HEADERS: usize = 256;

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    router: Router,
    http: http1::Builder,
    write_timeout: Duration,
    stop: CancellationToken,
}

impl Connections {
    pub(super) fn new(router: Router, options: &ServerOptions, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // It also counts while a connection is idle between two requests.
            .header_read_timeout(options.header_read_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS);
        Self {
            router,
            http,
            write_timeout: options.write_timeout,
            stop,
        }
    }
}

/// Serves a connection until it ends. Once the service stops, it ends after the request that is being
/// answered.
pub(super) async fn serve(stream: TcpStream, connections: Connections) {
    let open = metrics::gauge!("tiergate_billing_connections");
    let _counted = Counted::new(open);
    // An event is to arrive when it is told, not when there are enough of them. A socket that refuses
    // is about to fail anyway.
    let _set = stream.set_nodelay(true);
    let stream = StalledWrites::new(stream, connections.write_timeout);
    let service = connections
        .router
        .map_request(|request: Request<Incoming>| request.map(Body::new));
    let service = TowerToHyperService::new(service);
    let mut http = connections
        .http
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut http => ended,
        () = connections.stop.cancelled() => {
            std::pin::Pin::new(&mut http).graceful_shutdown();
            (&mut http).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "tiergate_billing", %error, "a connection ended early");
        let parts = http.into_parts();
        // Of a client that sent nothing, there is no request that could have an answer.
        if error.is_timeout() && !parts.read_buf.is_empty() {
            head_took_too_long(parts.io.into_inner(), connections.write_timeout).await;
        }
    }
}

/// Answers a head that did not end; hyper would close the connection without a word.
async fn head_took_too_long(mut stream: impl AsyncWrite + Unpin, patience: Duration) {
    let problem = Problem::of_request(
        StatusCode::REQUEST_TIMEOUT,
        "HEADERS_TIMEOUT",
        "The header fields took too long",
        "the head of a request has to arrive as a whole within the time that is set for it",
    );
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
         cache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let written = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    // Whether it arrived makes no difference here.
    let _written = timeout(patience, written).await;
}

/// Counts something while it lives.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
