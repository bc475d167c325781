use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::super::ServerOptions;
use super::support::{PATIENCE, Running, read_to_end};
use crate::testing::Office;

const SHORT: Duration = Duration::from_millis(200);

/// Sends text and then a byte now and then, each in time, until there is an answer or an end.
async fn drip(running: &Running, begin: &str) -> String {
    let mut stream = running.connect().await;
    stream.write_all(begin.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let drips = async {
        while write.write_all(b"a").await.is_ok() {
            tokio::time::sleep(SHORT / 8).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 1024];
    let bytes = tokio::select! {
        () = drips => 0,
        bytes = timeout(PATIENCE, read.read(&mut answer)) => bytes.unwrap().unwrap_or(0),
    };
    String::from_utf8_lossy(&answer[..bytes]).into_owned()
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let office = Office::open().await;
    let bound = |options: &mut ServerOptions| options.header_read_timeout = SHORT;
    let running = Running::with(office, bound, |api| api).await;
    for begin in ["G", "GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: "] {
        let answer = drip(&running, begin).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("HEADERS_TIMEOUT"), "{answer}");
    }
    // Who sends nothing is answered nothing, before a request or after one.
    assert_eq!(read_to_end(&mut running.connect().await).await, "");
    let answer = running
        .exchange("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.contains("408"), "{answer}");
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let office = Office::open().await;
    let bound = |options: &mut ServerOptions| options.body_read_timeout = SHORT;
    let running = Running::with(office, bound, |api| api).await;
    let head = "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n";
    let answer = drip(&running, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("BODY_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let running = Running::start().await;
    let mib = 1024 * 1024;
    for (path, most) in [("/test/echo", mib), ("/webhooks/test", 2 * mib)] {
        let fits = running.request("POST", path).body("a".repeat(most));
        assert_eq!(fits.send().await.unwrap().status(), 200);
        // Announced: refused before any of it is sent.
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
            most + 1
        );
        let mut stream = running.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let bytes = timeout(PATIENCE, stream.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("BODY_TOO_LARGE"), "{answer}");
        // In chunks, it is found out on the way.
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        let mut stream = running.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
        let (mut read, mut write) = stream.split();
        let sends = async {
            while write.write_all(chunk.as_bytes()).await.is_ok() {}
            std::future::pending::<()>().await;
        };
        let mut answer = [0; 1024];
        let bytes = tokio::select! {
            () = sends => 0,
            bytes = timeout(PATIENCE, read.read(&mut answer)) => bytes.unwrap().unwrap_or(0),
        };
        let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait() {
    let office = Office::open().await;
    let running = Running::with(office, |options| options.max_connections = 2, |api| api).await;
    let held = [running.connect().await, running.connect().await];
    let mut waits = running.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    waits.write_all(request).await.unwrap();
    let mut answer = [0; 64];
    let early = timeout(SHORT, waits.read(&mut answer)).await;
    assert!(early.is_err(), "it was served beside two others");
    drop(held);
    let answer = read_to_end(&mut waits).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let running = Running::start().await;
    for text in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    ] {
        let answer = running.exchange(text).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{text:?}: {answer}"
        );
    }
    let many: String = (0..400).map(|n| format!("x-{n}: a\r\n")).collect();
    let answer = running
        .exchange(&format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}
