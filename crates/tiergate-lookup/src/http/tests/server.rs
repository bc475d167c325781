use std::future::Future;
use std::sync::{Arc, Mutex};

use tiergate_core::{Subject, Subscription, SubscriptionStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Answer, HttpLookup, HttpLookupBuilder, SubscriptionLookup};

/// A server that reads one request from each connection, and then does what the test wants.
pub(crate) struct Server {
    pub(crate) base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves each connection with `serve`, which is told its number from 0 on and the request.
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(usize, String, TcpStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&requests);
        let serve = Arc::new(serve);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                let serve = Arc::clone(&serve);
                tokio::spawn(async move {
                    let Some(request) = read_head(&mut stream).await else {
                        return;
                    };
                    let number = {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    serve(number, request, stream).await;
                });
            }
        });
        Self { base, requests }
    }

    /// Answers every request with these bytes and closes.
    pub(crate) async fn saying(response: impl Into<Vec<u8>>) -> Self {
        let response = Arc::new(response.into());
        Self::start(move |_, _, mut stream| {
            let response = Arc::clone(&response);
            async move {
                let _ = stream.write_all(&response).await;
            }
        })
        .await
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// A builder for a lookup here, with a deadline that a loaded machine does not miss.
    pub(crate) fn builder(&self) -> HttpLookupBuilder {
        HttpLookup::builder(&self.base)
            .deadline(std::time::Duration::from_secs(20))
            .connect_timeout(std::time::Duration::from_secs(10))
    }

    /// What a lookup of `user:ada` says: the tier, `-`, or the failure's kind.
    pub(crate) async fn asked(&self) -> String {
        told(&self.builder().build().unwrap().lookup(&ada()).await)
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

pub(crate) fn json(status: &str, body: &str) -> String {
    response(status, "content-type: application/json\r\n", body)
}

pub(crate) fn pro() -> String {
    let record = Subscription::new(ada(), "pro", SubscriptionStatus::Active);
    json("200 OK", &crate::wire::to_envelope(&record).to_string())
}

pub(crate) fn ada() -> Subject {
    Subject::user("ada")
}

pub(crate) fn told(answer: &Answer) -> String {
    match answer {
        Answer::Found(subscription) => subscription.tier.to_string(),
        Answer::Missing => "-".to_owned(),
        Answer::Failed(error) => error.kind().as_str().to_owned(),
    }
}
