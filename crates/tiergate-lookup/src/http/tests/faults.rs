use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::server::{Server, ada, json, pro, response, told};
use crate::{HttpLookup, StaticToken, SubscriptionLookup};

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let lookup = HttpLookup::new(&base).unwrap();
    let answer = lookup.lookup(&ada()).await;
    assert_eq!(told(&answer), "unreachable");
}

#[tokio::test]
async fn a_second_try_may_help() {
    let server = Server::start(|number, _, mut stream| async move {
        let response = match number {
            0 => json("503 Service Unavailable", ""),
            _ => pro(),
        };
        let _ = stream.write_all(response.as_bytes()).await;
    })
    .await;
    assert_eq!(server.asked().await, "pro");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_once() {
    let broken: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-ty",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"succ",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{",
    ];
    for bytes in broken {
        let server = Server::saying(bytes).await;
        assert_eq!(server.asked().await, "unreachable");
        assert_eq!(server.requests().len(), 2);
    }
    let garbage = Server::saying(*b"\x00\x01\x02 nonsense\r\n\r\n").await;
    assert_eq!(garbage.asked().await, "unreachable");
}

#[tokio::test]
async fn a_service_that_wants_a_longer_pause_than_is_left_is_not_asked_again() {
    for wait in ["30", "Fri, 31 Dec 2100 23:59:59 GMT"] {
        let throttled = response(
            "429 Too Many Requests",
            &format!("retry-after: {wait}\r\n"),
            "",
        );
        let server = Server::saying(throttled).await;
        assert_eq!(server.asked().await, "throttled");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn retries_run_out_when_everything_fails() {
    let server = Server::saying(json("500 Internal Server Error", "")).await;
    let lookup = server.builder().build().unwrap();
    for _ in 0..30 {
        assert_eq!(told(&lookup.lookup(&ada()).await), "unavailable");
    }
    let retries = server.requests().len() - 30;
    assert!((10..=12).contains(&retries), "{retries}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read_to_its_end() {
    const WHOLE: u64 = 300 * 1024 * 1024;
    for announced in [true, false] {
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let (closed, was_closed) = tokio::sync::mpsc::channel(1);
        let server = Server::start(move |_, _, mut stream| {
            let counter = Arc::clone(&counter);
            let closed = closed.clone();
            async move {
                let length = if announced {
                    format!("content-length: {WHOLE}\r\n")
                } else {
                    String::new()
                };
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                let chunk = vec![b' '; 64 * 1024];
                while counter.load(Ordering::SeqCst) < WHOLE
                    && stream.write_all(&chunk).await.is_ok()
                {
                    counter.fetch_add(chunk.len() as u64, Ordering::SeqCst);
                }
                let _ = closed.send(()).await;
            }
        })
        .await;
        assert_eq!(server.asked().await, "invalid_answer");
        let mut was_closed = was_closed;
        was_closed.recv().await.unwrap();
        // What the sockets hold besides is a matter of the system: some megabytes.
        assert!(sent.load(Ordering::SeqCst) < WHOLE / 4);
    }
}

#[tokio::test]
async fn the_deadline_holds_for_a_silent_and_for_a_dripping_service() {
    let silent = Server::start(|_, _, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let dripping = Server::start(|_, _, mut stream| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for server in [silent, dripping] {
        let lookup = HttpLookup::builder(&server.base)
            .deadline(Duration::from_millis(100))
            .build()
            .unwrap();
        assert_eq!(told(&lookup.lookup(&ada()).await), "timed_out");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_credential_stays() {
    let elsewhere = Server::saying(pro()).await;
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!(
            "location: {}/api/subscriptions/user/ada\r\n",
            elsewhere.base
        );
        let server = Server::saying(response(status, &location, "")).await;
        let lookup = server
            .builder()
            .token(StaticToken::new("hunter2"))
            .build()
            .unwrap();
        assert_eq!(told(&lookup.lookup(&ada()).await), "unavailable");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_client_of_the_users_own_that_follows_redirects_is_found_out() {
    let elsewhere = Server::saying(pro()).await;
    let location = format!("location: {}/other\r\n", elsewhere.base);
    let server = Server::saying(response("302 Found", &location, "")).await;
    let lookup = server
        .builder()
        .client(reqwest::Client::new())
        .build()
        .unwrap();
    assert_eq!(told(&lookup.lookup(&ada()).await), "unavailable");
}
