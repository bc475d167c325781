use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_clock::ManualClock;
use tokio::io::AsyncWriteExt;

use super::server::{Server, ada, json, pro, told};
use crate::{
    Answer, CachedToken, IssuedToken, StaticToken, SubscriptionLookup, TokenError, TokenIssuer,
    async_trait,
};

const CANARY: &str = "canary-4f1c";

struct Issuer(Arc<AtomicU64>);

#[async_trait]
impl TokenIssuer for Issuer {
    async fn issue(&self) -> Result<IssuedToken, TokenError> {
        let call = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(IssuedToken::new(
            format!("{CANARY}-{call}"),
            Duration::from_secs(600),
        ))
    }
}

fn issuer() -> (Arc<AtomicU64>, CachedToken) {
    let calls = Arc::new(AtomicU64::new(0));
    let clock = Arc::new(ManualClock::default());
    (Arc::clone(&calls), CachedToken::new(Issuer(calls), clock))
}

#[tokio::test]
async fn an_empty_token_is_a_fault_and_is_not_sent() {
    let server = Server::saying(pro()).await;
    let token = StaticToken::new(" \n");
    let lookup = server.builder().token(token).build().unwrap();
    let Answer::Failed(error) = lookup.lookup(&ada()).await else {
        panic!("there is no token");
    };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "no token: it is empty, look where the service reads it from"
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_token_is_shown_as_a_bearer_token() {
    let server = Server::saying(pro()).await;
    let token = StaticToken::new("hunter2\n");
    let lookup = server.builder().token(token).build().unwrap();
    assert_eq!(told(&lookup.lookup(&ada()).await), "pro");
    let head = server.requests().remove(0).to_ascii_lowercase();
    assert!(head.contains("\r\nauthorization: bearer hunter2\r\n"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_everybody() {
    let server = Server::start(|_, request, mut stream| async move {
        let response = if request.contains(&format!("{CANARY}-0\r\n")) {
            json("401 Unauthorized", "")
        } else {
            pro()
        };
        let _ = stream.write_all(response.as_bytes()).await;
    })
    .await;
    let (calls, tokens) = issuer();
    let lookup = server.builder().token(tokens).build().unwrap();
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let lookup = lookup.clone();
            tokio::spawn(async move { told(&lookup.lookup(&ada()).await) })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "pro");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn tokens_that_are_always_refused_are_renewed_once_a_lookup() {
    for (status, requests) in [("401 Unauthorized", 2), ("403 Forbidden", 1)] {
        let server = Server::saying(json(status, "")).await;
        let (calls, tokens) = issuer();
        let lookup = server.builder().token(tokens).build().unwrap();
        assert_eq!(told(&lookup.lookup(&ada()).await), "unauthorized");
        assert_eq!(server.requests().len(), requests);
        assert_eq!(calls.load(Ordering::SeqCst), requests as u64);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    struct Down;

    #[async_trait]
    impl TokenIssuer for Down {
        async fn issue(&self) -> Result<IssuedToken, TokenError> {
            Err(TokenError::new("the authorization server is down"))
        }
    }

    let server = Server::saying(pro()).await;
    let tokens = CachedToken::new(Down, Arc::new(ManualClock::default()));
    let lookup = server.builder().token(tokens).build().unwrap();
    assert_eq!(told(&lookup.lookup(&ada()).await), "unavailable");
    let unsendable = StaticToken::new("a\nb");
    let lookup = server.builder().token(unsendable).build().unwrap();
    assert_eq!(told(&lookup.lookup(&ada()).await), "unauthorized");
    assert!(server.requests().is_empty());
}

/// Everything that a failure of whatever kind prints, searched for what must not be there.
#[tokio::test]
async fn no_secret_is_printed_anywhere() {
    let body = format!(r#"{{"success":true,"data":{{"tier":"{CANARY}","userId":5}}}}"#);
    let (_, cached) = issuer();
    let server = Server::saying(json("200 OK", &body)).await;
    let mut printed = format!("{cached:?} {:?}", StaticToken::new(CANARY));
    printed += &format!("{:?}", IssuedToken::new(CANARY.to_owned(), Duration::ZERO));
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let unreachable = crate::HttpLookup::builder(&format!("http://{closed}/{CANARY}"));
    for builder in [server.builder(), unreachable] {
        printed += &format!("{builder:?}");
        let lookup = builder.token(StaticToken::new(CANARY)).build().unwrap();
        let Answer::Failed(error) = lookup.lookup(&ada()).await else {
            panic!("neither server gives a subscription");
        };
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(one) = cause {
            printed += &format!("{one} {one:?}");
            cause = one.source();
        }
    }
    assert!(!printed.contains(CANARY), "{printed}");
}
