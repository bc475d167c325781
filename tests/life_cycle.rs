//! What becomes of a reservation in a server's life: shutdown, other middleware, upgrades, streams.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::StatusCode;
use http::header::{CONNECTION, UPGRADE};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tiergate::usage::MemoryUsage;
use tiergate::{Subject, TierGate};
use tiergate_clock::ManualClock;
use tiergate_tests::{
    Billing, Room, Server, active, authenticate, eventually, metered_gate, signed_in, within,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower::ServiceBuilder;

const LIMIT: &str = "workflow_executions_monthly";

struct Scene {
    _billing: Billing,
    gate: TierGate,
    usage: Arc<MemoryUsage>,
}

impl Scene {
    async fn new() -> Self {
        let billing = Billing::start().await;
        billing.subscribe(active(Subject::user("ada"), "pro"));
        let (gate, usage) = metered_gate(&billing, &ManualClock::default());
        Self {
            _billing: billing,
            gate,
            usage,
        }
    }

    async fn used(&self) -> u64 {
        let report = self.gate.usage(&Subject::user("ada"), LIMIT).await;
        report.unwrap().used
    }

    async fn assert_used(&self, units: u64) {
        let usage = &self.usage;
        eventually("settling", || usage.statistics().open() == 0).await;
        assert_eq!(self.used().await, units);
        assert_eq!(usage.statistics().committed(), units);
        assert_eq!(usage.statistics().expired(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_shutdown_settles_everything_under_way() {
    const REQUESTS: usize = 200;

    let scene = Scene::new().await;
    let room = Room::new();
    let handler = {
        let room = room.clone();
        async move || room.clone().stay().await
    };
    let guard = scene.gate.check_usage_limit(LIMIT).unwrap();
    let app = Router::new().route("/", get(handler).layer(guard));
    let mut server = Server::start(signed_in(app)).await;
    let mut requests = JoinSet::new();
    for _ in 0..REQUESTS {
        requests.spawn(server.client().get("/").user("ada").status());
    }
    eventually("the requests' arrival", || room.entered() == REQUESTS).await;
    assert_eq!(scene.usage.statistics().open(), REQUESTS as u64);

    server.begin_shutdown();
    let address = server.address();
    within("the end of listening", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    room.open();
    let statuses = within("the answers", requests.join_all()).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    server.down().await;
    scene.assert_used(REQUESTS as u64).await;
}

/// What a stack of tower middleware answers, with its errors as 503.
fn answered(
    result: Result<http::Response<Full<Bytes>>, BoxError>,
) -> Result<http::Response<Full<Bytes>>, BoxError> {
    Ok(result.unwrap_or_else(|_| {
        let mut response = http::Response::new(Full::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    }))
}

async fn work(_: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Infallible> {
    tokio::task::yield_now().await;
    Ok(http::Response::new(Full::default()))
}

async fn hang(_: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Infallible> {
    std::future::pending().await
}

/// Sends as many requests at once; tells how many were answered 200.
async fn crowd(server: &Server, requests: usize) -> u64 {
    let mut crowd = JoinSet::new();
    for _ in 0..requests {
        crowd.spawn(server.client().get("/").user("ada").status());
    }
    let statuses = within("the answers", crowd.join_all()).await;
    let others = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
    assert!(statuses.iter().all(|status| others.contains(status)));
    let served = statuses.iter().filter(|status| **status == StatusCode::OK);
    served.count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_ready_for_one_at_a_time_serves_all() {
    let scene = Scene::new().await;
    let guard = || scene.gate.check_usage_limit(LIMIT).unwrap();
    // Inside, the readiness that was found must reach the call; outside, it must not be held back.
    let inside = ServiceBuilder::new()
        .map_request(authenticate)
        .layer(guard())
        .concurrency_limit(1)
        .service_fn(work);
    let outside = ServiceBuilder::new()
        .map_request(authenticate)
        .concurrency_limit(1)
        .layer(guard())
        .service_fn(work);
    let inside = Server::start_bare(inside).await;
    assert_eq!(crowd(&inside, 300).await, 300);
    // Now every request has to wait for a lookup with the service that was ready for it.
    scene.gate.clear_caches();
    let outside = Server::start_bare(outside).await;
    assert_eq!(crowd(&outside, 300).await, 300);
    scene.assert_used(600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shed_is_not_charged() {
    let scene = Scene::new().await;
    let guard = || scene.gate.check_usage_limit(LIMIT).unwrap();
    let inside = ServiceBuilder::new()
        .map_request(authenticate)
        .map_result(answered)
        .layer(guard())
        .load_shed()
        .concurrency_limit(1)
        .service_fn(work);
    let outside = ServiceBuilder::new()
        .map_request(authenticate)
        .map_result(answered)
        .load_shed()
        .concurrency_limit(1)
        .layer(guard())
        .service_fn(work);
    let served = crowd(&Server::start_bare(inside).await, 200).await;
    scene.assert_used(served).await;
    let more = crowd(&Server::start_bare(outside).await, 200).await;
    assert!(served >= 1 && more >= 1);
    scene.assert_used(served + more).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_is_not_charged() {
    let soon = Duration::from_millis(20);
    let scene = Scene::new().await;
    let guard = || scene.gate.check_usage_limit(LIMIT).unwrap();
    let inside = ServiceBuilder::new()
        .map_request(authenticate)
        .map_result(answered)
        .layer(guard())
        .timeout(soon)
        .service_fn(hang);
    let outside = ServiceBuilder::new()
        .map_request(authenticate)
        .map_result(answered)
        .timeout(soon)
        .layer(guard())
        .service_fn(hang);
    // What is known takes no time.
    assert_eq!(scene.used().await, 0);
    assert_eq!(crowd(&Server::start_bare(inside).await, 50).await, 0);
    assert_eq!(crowd(&Server::start_bare(outside).await, 50).await, 0);
    scene.assert_used(0).await;
    assert!(scene.usage.statistics().released() >= 1);
}

/// Takes the connection over, and sends back what comes.
async fn echo(request: Request) -> Response {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        while let Ok(byte) = stream.read_u8().await {
            stream.write_u8(byte).await.unwrap();
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "echo")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn an_upgrade_is_charged_when_it_is_agreed_to() {
    let scene = Scene::new().await;
    let guard = scene.gate.check_usage_limit(LIMIT).unwrap();
    let app = Router::new().route("/", get(echo).layer(guard));
    let server = Server::start(signed_in(app)).await;
    let client = server.client();
    let lines = "connection: upgrade\r\nupgrade: echo\r\n";
    let mut visitor = client.visit_with("/", "ada", lines).await;
    assert!(visitor.head().await.starts_with("HTTP/1.1 101 "));
    scene.assert_used(1).await;
    visitor.send(b"still here").await;
    visitor.expect(b"still here").await;
    visitor.leave();
    scene.assert_used(1).await;
}

#[tokio::test]
async fn a_stream_is_charged_when_its_head_goes_out() {
    let scene = Scene::new().await;
    let guard = scene.gate.check_usage_limit(LIMIT).unwrap();
    let endless = async || {
        let first = stream::once(async { Ok::<_, Infallible>(Bytes::from("first")) });
        Body::from_stream(first.chain(stream::pending()))
    };
    let app = Router::new().route("/", get(endless).layer(guard));
    let server = Server::start(signed_in(app)).await;
    for visits in 1..=20 {
        let mut visitor = server.client().visit("/", "ada").await;
        assert!(visitor.head().await.starts_with("HTTP/1.1 200 "));
        visitor.expect(b"5\r\nfirst\r\n").await;
        scene.assert_used(visits).await;
        // It was begun: leaving in the middle gives nothing back.
        visitor.leave();
        scene.assert_used(visits).await;
    }
}

#[tokio::test]
async fn a_layer_that_is_mounted_twice_charges_once() {
    let scene = Scene::new().await;
    let guard = || scene.gate.check_usage_limit(LIMIT).unwrap();
    let app = Router::new()
        .route("/", get(async || "done").layer(guard()))
        .layer(guard());
    let server = Server::start(signed_in(app)).await;
    for visits in 1..=5 {
        let status = server.client().get("/").user("ada").status().await;
        assert_eq!(status, StatusCode::OK);
        scene.assert_used(visits).await;
    }
}
