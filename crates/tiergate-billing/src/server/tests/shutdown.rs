use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::*;
use super::support::{Listening, PATIENCE, Running, read_to_end, user};
use crate::testing::Office;

/// Waits until the request is with the service.
async fn send(running: &Running, path: &str) -> TcpStream {
    let mut stream = running.connect().await;
    let text = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream
}

#[tokio::test]
async fn what_has_begun_is_finished_and_nothing_else_begins() {
    let running = Running::start().await;
    let address = running.address;
    let mut idle = running.connect().await;
    let mut begun = send(&running, "/test/slow").await;
    let mut events = Listening::to(&running.url("/api/events"), &user("ada"), None).await;
    assert_eq!(events.next().await.unwrap().kind, "hello");
    running.shutdown.begin();
    let answer = read_to_end(&mut begun).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("late"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    // The stream ends in good order, and a connection without a request just ends.
    assert_eq!(events.next().await, None);
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!(running.ended().await, Ended::Finished);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_takes_longer_than_the_grace_is_cut_off() {
    let office = Office::open().await;
    let grace = Duration::from_millis(100);
    let running = Running::with(office, |options| options.shutdown_grace = grace, |api| api).await;
    let mut begun = send(&running, "/test/never").await;
    running.shutdown.begin();
    let mut answer = Vec::new();
    let _reset = timeout(PATIENCE, begun.read_to_end(&mut answer))
        .await
        .unwrap();
    assert_eq!(answer, b"");
    assert_eq!(running.ended().await, Ended::CutOff { connections: 1 });
}

#[tokio::test]
async fn a_second_word_ends_it_at_once() {
    let running = Running::start().await;
    let _begun = send(&running, "/test/never").await;
    running.shutdown.begin();
    running.shutdown.at_once();
    assert_eq!(running.ended().await, Ended::CutOff { connections: 1 });
}

#[tokio::test]
async fn while_it_shuts_down_it_is_alive_and_not_ready() {
    let running = Running::start().await;
    // A connection that is busy with a first request when the shutdown begins, with others behind it.
    let mut stream = running.connect().await;
    let text = "GET /test/slow HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(text.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let api = running.api.clone();
    running.shutdown.begin();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.ends_with("late"), "{answer}");
    let ready = tower::ServiceExt::oneshot(
        api.router(),
        http::Request::get("/readyz")
            .body(axum::body::Body::empty())
            .unwrap(),
    );
    assert_eq!(ready.await.unwrap().status(), 503);
}
