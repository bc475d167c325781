use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tiergate_clock::ManualClock;

use super::bench::{Act, Bench, Stream, cache_over, eventually, hello, quick, say};
use crate::events::tests::Log;
use crate::http::Unopened;
use crate::testing::ScriptedLookup;
use crate::{
    CachedToken, IssuedToken, StaticToken, TokenError, TokenIssuer, TokenProvider, async_trait,
};

fn status(line: &str) -> Act {
    say(format!("HTTP/1.1 {line}\r\nconnection: close\r\n\r\n"))
}

/// How opening a stream ends that is answered like this.
async fn opened(answer: &str) -> String {
    let server = Stream::start(vec![vec![status(answer)]]).await;
    let http = server.builder().build().unwrap();
    match http.open_changes(None).await {
        Ok(_) => "opened".to_owned(),
        Err(Unopened::NotOffered { status }) => format!("not offered {status}"),
        Err(Unopened::Failed { error, wish }) => format!("{} {}", error.kind(), wish.as_secs()),
    }
}

#[tokio::test]
async fn every_answer_means_something() {
    const EVENTS: &str = "content-type: Text/Event-Stream;charset=utf-8";
    let table = [
        (format!("200 OK\r\n{EVENTS}"), "opened"),
        (
            format!("200 OK\r\n{EVENTS}\r\ncontent-encoding: gzip"),
            "invalid_answer 0",
        ),
        (
            "200 OK\r\ncontent-type: application/json".to_owned(),
            "invalid_answer 0",
        ),
        ("200 OK".to_owned(), "invalid_answer 0"),
        ("204 -".to_owned(), "not offered 204"),
        (
            "404 -\r\ncontent-type: text/html".to_owned(),
            "not offered 404",
        ),
        ("405 -".to_owned(), "not offered 405"),
        ("410 -".to_owned(), "not offered 410"),
        ("501 -".to_owned(), "not offered 501"),
        ("302 -\r\nlocation: /elsewhere".to_owned(), "unavailable 0"),
        ("401 -".to_owned(), "unauthorized 0"),
        ("403 -".to_owned(), "unauthorized 0"),
        ("429 -\r\nretry-after: 7".to_owned(), "throttled 7"),
        ("503 -\r\nretry-after: 9".to_owned(), "unavailable 9"),
        (
            "503 -\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT".to_owned(),
            "unavailable 30",
        ),
        ("500 -".to_owned(), "unavailable 0"),
    ];
    for (answer, expected) in table {
        assert_eq!(opened(&answer).await, expected, "{answer}");
    }
}

#[tokio::test]
async fn the_request_is_one_for_events_below_the_same_base() {
    let server = Stream::start(vec![vec![Act::Begin, Act::Stay]]).await;
    let token = StaticToken::new("hunter2");
    let http = server.builder().token(token).build().unwrap();
    assert!(http.open_changes(None).await.is_ok());
    let request = server.requests().remove(0);
    assert!(
        request.starts_with("get /api/events http/1.1\r\n"),
        "{request}"
    );
    for header in [
        "accept: text/event-stream",
        "cache-control: no-store",
        "authorization: bearer hunter2",
    ] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{request}");
    }
}

/// Numbers its tokens.
struct Issuer(AtomicU64);

#[async_trait]
impl TokenIssuer for Issuer {
    async fn issue(&self) -> Result<IssuedToken, TokenError> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let token = format!("token-{number}");
        Ok(IssuedToken::new(token, Duration::from_secs(600)))
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_as_for_lookups() {
    let server = Stream::start(vec![
        vec![status("401 -")],
        vec![Act::Begin, hello(1, false)],
        vec![status("403 -")],
        vec![Act::Begin, hello(2, true), Act::Stay],
    ])
    .await;
    let tokens = CachedToken::new(Issuer(AtomicU64::new(0)), Arc::new(ManualClock::default()));
    let http = server.builder().token(tokens).build().unwrap();
    let cache = cache_over(&ScriptedLookup::default());
    let following = cache.follow_at(&http, quick()).unwrap();
    eventually("both connections", || {
        following.statistics().connections == 2
    })
    .await;
    let requests = server.requests();
    let tokens: Vec<_> = requests
        .iter()
        .map(|request| request.split("bearer ").nth(1).unwrap().split('\r').next())
        .collect();
    let expected = ["token-0", "token-1", "token-1", "token-1"].map(Some);
    assert_eq!(tokens, expected, "403 does not speak of the token");
}

#[tokio::test]
async fn a_service_without_a_stream_is_complained_about_once() {
    let log = Log::default();
    let guard = log.collect();
    let mut scripts = vec![vec![status("404 -")]; 5];
    scripts.push(vec![Act::Begin, hello(1, false), Act::Stay]);
    let bench = Bench::start(scripts).await;
    bench.connected(1).await;
    drop(guard);
    assert_eq!(bench.following.statistics().losses, 5);
    assert_eq!(log.text().matches("changes.not_offered").count(), 1);
    assert_eq!(log.text().matches("changes.lost").count(), 0);
}

/// Panics the first time.
#[derive(Default)]
struct Faulty(AtomicU64);

#[async_trait]
impl TokenProvider for Faulty {
    async fn token(&self) -> Result<SecretString, TokenError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => std::panic::resume_unwind(Box::new("a mistake")),
            1 => Err(TokenError::new("there is none")),
            _ => Ok("token".to_owned().into()),
        }
    }
}

#[tokio::test]
async fn a_provider_of_tokens_that_panics_or_fails_ends_nothing() {
    let server = Stream::start(vec![vec![Act::Begin, hello(1, false), Act::Stay]]).await;
    let http = server.builder().token(Faulty::default()).build().unwrap();
    let cache = cache_over(&ScriptedLookup::default());
    let following = cache.follow_at(&http, quick()).unwrap();
    eventually("a connection", || following.statistics().connected).await;
    assert_eq!(following.statistics().losses, 2);
    assert_eq!(
        server.requests().len(),
        1,
        "without a token nothing is sent"
    );
}
