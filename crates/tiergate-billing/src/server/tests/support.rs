//! A service that runs on loopback, and clients for it.

use std::time::Duration;

use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};
use tiergate_core::Subject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::*;
use crate::Billing;
use crate::auth::Verifier;
use crate::auth::testing::{SECRET, SigningKey};
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::table::outbox::Message;
use crate::testing::Office;

/// Long enough for anything that ends at all.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Running {
    pub(super) office: Office,
    pub(super) api: Api,
    pub(super) address: SocketAddr,
    pub(super) shutdown: Shutdown,
    pub(super) ended: JoinHandle<Ended>,
    client: reqwest::Client,
}

impl Running {
    pub(super) async fn start() -> Self {
        Self::with(Office::open().await, |_| {}, |api| api).await
    }

    pub(super) async fn with(
        office: Office,
        options: impl FnOnce(&mut ServerOptions),
        api: impl FnOnce(Api) -> Api,
    ) -> Self {
        let running = Server::started(&office.billing, &office, options, api).await;
        let (address, shutdown, ended, api) = running;
        Self {
            office,
            api,
            address,
            shutdown,
            ended,
            client: client(),
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.client.request(method, self.url(path))
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Response {
        self.request("GET", path).send().await.unwrap()
    }

    pub(super) async fn get_as(&self, path: &str, token: &str) -> reqwest::Response {
        let request = self.request("GET", path).bearer_auth(token);
        request.send().await.unwrap()
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends text, and reads what comes until the service closes the connection.
    pub(super) async fn exchange(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await
    }

    pub(super) async fn ended(self) -> Ended {
        timeout(PATIENCE, self.ended).await.unwrap().unwrap()
    }
}

impl Server {
    /// Starts a service on any free port, with some routes that only tests need.
    pub(super) async fn started(
        billing: &Billing,
        office: &Office,
        options: impl FnOnce(&mut ServerOptions),
        api: impl FnOnce(Api) -> Api,
    ) -> (SocketAddr, Shutdown, JoinHandle<Ended>, Api) {
        let secret = SECRET.to_owned().into();
        let verifier = Verifier::shared_secret(&secret, office.clock.clone()).unwrap();
        let api = api(Api::new(billing.clone(), verifier));
        let mut bounds = ServerOptions::new(([127, 0, 0, 1], 0));
        options(&mut bounds);
        let server = Self::bind(api.clone(), bounds).await.unwrap();
        let address = server.address();
        let shutdown = Shutdown::new();
        let router = server.api.clone().router().merge(test_routes());
        let ended = tokio::spawn(server.serve(router, shutdown.clone()));
        (address, shutdown, ended, api)
    }
}

pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn test_routes() -> Router {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "late"
    };
    let never = || async { std::future::pending::<&str>().await };
    let panics = || async {
        if true {
            panic!("as the test wants")
        }
    };
    Router::new()
        .route(
            "/test/echo",
            post(|body: Bytes| async move { Body::from(body) }),
        )
        .route(
            "/webhooks/test",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/test/slow", get(slow))
        .route("/test/never", get(never))
        .route("/test/panics", get(panics))
}

pub(super) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A reset is an end, too.
    let _end = timeout(PATIENCE, stream.read_to_end(&mut read))
        .await
        .unwrap();
    String::from_utf8_lossy(&read).into_owned()
}

/// A token whose claims are these and what every token needs.
pub(super) fn token(claims: &Value) -> String {
    let mut all = json!({ "sub": "ada", "exp": 1_767_225_600 + 3_600 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    SigningKey::secret(SECRET).sign(&all)
}

pub(super) fn user(id: &str) -> String {
    token(&json!({ "sub": id }))
}

pub(super) fn admin() -> String {
    token(&json!({ "sub": "ines", "roles": ["admin"] }))
}

/// Commits an event.
pub(super) async fn tell(
    billing: &Billing,
    kind: &'static str,
    subject: Option<Subject>,
    data: Value,
) {
    let context = Context::system("test", billing.now());
    let begun = Change::begin_for_all(billing, &context).await.unwrap();
    let Begun::Fresh(mut change) = begun else {
        panic!("no key was given");
    };
    change.tell(Message {
        kind,
        subject,
        version: None,
        payload: data,
        dedupe_key: None,
    });
    change.finish(Reply::done(&())).await.unwrap();
}

/// An event as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) data: Value,
}

/// A client that reads events until the stream ends.
pub(super) struct Listening {
    events: mpsc::UnboundedReceiver<Heard>,
}

impl Listening {
    pub(super) async fn to(url: &str, token: &str, last: Option<&str>) -> Self {
        let mut request = client().get(url).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let (send, events) = mpsc::unbounded_channel();
        tokio::spawn(read_events(response, send));
        Self { events }
    }

    /// The next event; none if the stream has ended in good order.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        timeout(PATIENCE, self.events.recv()).await.unwrap()
    }

    /// The kinds and the data of the next events.
    pub(super) async fn numbers(&mut self, many: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        for _ in 0..many {
            numbers.push(self.next().await.unwrap().data["n"].as_i64().unwrap());
        }
        numbers
    }
}

async fn read_events(mut response: reqwest::Response, send: mpsc::UnboundedSender<Heard>) {
    let mut text = String::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim().to_owned())
            };
            if let Some(kind) = field("event:") {
                let heard = Heard {
                    id: field("id:").unwrap().parse().unwrap(),
                    kind,
                    data: serde_json::from_str(&field("data:").unwrap()).unwrap(),
                };
                if send.send(heard).is_err() {
                    return;
                }
            }
            text = rest.to_owned();
        }
    }
}
