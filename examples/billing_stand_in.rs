//! Stands in for a billing service, so that the quickstart needs nothing but Rust.
//!
//! It answers the two requests that a gate makes, from a file:
//!
//! * `GET /api/subscriptions/user/{id}`
//! * `GET /api/subscriptions/organization/{id}`
//!
//! A real one keeps its subscriptions in a database and asks its callers for a credential. This one
//! can be switched off and on instead: after `POST /stop` it drops every connection without an
//! answer until `POST /start`.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tiergate::lookup::wire;
use tiergate::{StaticLookup, Subject, Subscription, SubscriptionStatus};
use tokio::net::TcpListener;

type Answer = Response<Full<Bytes>>;

/// The subscriptions, and whether the service is there at all.
struct Billing {
    subscribers: StaticLookup,
    is_down: AtomicBool,
}

/// Serves until it is dropped, or the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    subscribers: StaticLookup,
) -> std::io::Result<Infallible> {
    let billing = Arc::new(Billing {
        subscribers,
        is_down: AtomicBool::new(false),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        let billing = Arc::clone(&billing);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = billing.answer(&request);
                async move { answer }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to billing ended");
            }
        });
    }
}

impl Billing {
    /// The answer. An error makes the server drop the connection, as one that has died would.
    fn answer<B>(&self, request: &Request<B>) -> Result<Answer, Down> {
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), path.as_slice()) {
            (&Method::POST, ["start"]) => {
                self.is_down.store(false, Ordering::Relaxed);
                Ok(text("billing is up\n"))
            }
            (&Method::POST, ["stop"]) => {
                self.is_down.store(true, Ordering::Relaxed);
                Ok(text("billing is down\n"))
            }
            _ if self.is_down.load(Ordering::Relaxed) => Err(Down),
            (&Method::GET, ["api", "subscriptions", kind @ ("user" | "organization"), id]) => {
                Ok(self.subscription(kind, id))
            }
            _ => Ok(not_found()),
        }
    }

    fn subscription(&self, kind: &str, id: &str) -> Answer {
        let Ok(id) = percent_decode_str(id).decode_utf8() else {
            return not_found();
        };
        let subject = match kind {
            "user" => Subject::user(&*id),
            _ => Subject::organization(&*id),
        };
        // Whoever has not subscribed has a free, active subscription. Reading it creates nothing.
        let envelope = match self.subscribers.get(&subject) {
            Some(subscription) => wire::to_envelope(&subscription),
            None => wire::to_envelope(&Subscription::new(
                subject,
                "free",
                SubscriptionStatus::Active,
            )),
        };
        let mut answer = text(envelope.to_string());
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        answer
    }
}

fn text(body: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(body.into()))
}

fn not_found() -> Answer {
    let mut answer = text("not found\n");
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

/// Billing is switched off.
#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("billing is switched off")
    }
}

impl Error for Down {}
