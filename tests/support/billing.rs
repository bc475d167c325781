use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tiergate::lookup::wire::to_envelope;
use tiergate::{Subject, Subscription};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::wire::Connection;
use crate::{changes, wire, within};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A billing service on a real socket, which does as it is told and counts what it is asked.
#[derive(Debug)]
pub struct Billing {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Mutex<Option<JoinHandle<()>>>,
    /// Never listens. Keeps the port from anybody else while the service is killed.
    _port: TcpSocket,
}

/// What the service does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with the subscription, or 404.
    Answer,
    /// Answers with this status and these header lines, each ended by CR LF.
    Status(u16, &'static str),
    /// Answers 200 with this content type and body.
    Body(&'static str, Bytes),
    /// Announces a longer body than it sends, and hangs up.
    Truncate,
    /// Never answers.
    Hang,
    /// Answers rightly, one byte at a time with a pause before each.
    Drip(Duration),
    /// Hangs up without a word.
    HangUp,
    /// Finds the answer at once, and gives it when it is let go.
    Hold,
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its path, as it was sent.
    pub path: String,
    /// Its credential.
    pub authorization: Option<String>,
}

#[derive(Debug)]
struct Shared {
    act: Mutex<Act>,
    subscriptions: Mutex<HashMap<Subject, Subscription>>,
    received: watch::Sender<Vec<Received>>,
    let_go: watch::Sender<u64>,
    changes: changes::Sender,
}

impl Billing {
    /// A service that has no subscriptions and answers.
    ///
    /// # Panics
    ///
    /// When there is no port.
    pub async fn start() -> Self {
        let port = socket("127.0.0.1:0".parse().unwrap());
        let address = port.local_addr().unwrap();
        let billing = Self {
            address,
            shared: Arc::new(Shared {
                act: Mutex::new(Act::Answer),
                subscriptions: Mutex::default(),
                received: watch::Sender::default(),
                let_go: watch::Sender::default(),
                changes: changes::Sender::new(changes::ROOM),
            }),
            running: Mutex::default(),
            _port: port,
        };
        billing.restart();
        // A first connection shows that it is there, and is not a request.
        drop(within("a connection", TcpStream::connect(address)).await);
        billing
    }

    /// Its address, as a base for a lookup.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives a subject a subscription, in place of the one it has.
    pub fn subscribe(&self, subscription: Subscription) {
        let subject = subscription.subject.clone();
        self.shared
            .subscriptions
            .lock()
            .unwrap()
            .insert(subject, subscription);
    }

    /// Gives a subject a subscription, and tells whoever follows the changes.
    pub fn announce(&self, subscription: Subscription) {
        let event = changes::event(&subscription);
        self.subscribe(subscription);
        // Nobody may be listening.
        let _ = self.shared.changes.send(event);
    }

    /// How many follow the changes.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.shared.changes.receiver_count()
    }

    /// Does this with every request from now on.
    pub fn act(&self, act: Act) {
        *self.shared.act.lock().unwrap() = act;
    }

    /// How many requests have arrived.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.received.borrow().len()
    }

    /// Every request that has arrived.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.borrow().clone()
    }

    /// Waits until so many requests have arrived.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub async fn arrived(&self, calls: usize) {
        let mut received = self.shared.received.subscribe();
        let arrival = received.wait_for(|received| received.len() >= calls);
        within("a lookup's arrival", arrival).await.unwrap();
    }

    /// Lets the answers go that are held.
    pub fn let_go(&self) {
        self.shared.let_go.send_modify(|times| *times += 1);
    }

    /// Stops listening and breaks every connection. The port stays its own.
    ///
    /// # Panics
    ///
    /// When it is killed already.
    pub async fn kill(&self) {
        let running = self.running.lock().unwrap().take();
        let running = running.expect("it is running");
        running.abort();
        // The end of the task is the end of its socket and of its connections.
        let _ = within("the service's end", running).await;
    }

    /// Listens on the same port again.
    ///
    /// # Panics
    ///
    /// When it listens already.
    pub fn restart(&self) {
        let listener = socket(self.address).listen(BACKLOG).unwrap();
        let task = tokio::spawn(serve(listener, Arc::clone(&self.shared)));
        let before = self.running.lock().unwrap().replace(task);
        assert!(before.is_none(), "it is running");
    }
}

impl Drop for Billing {
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().unwrap().take() {
            running.abort();
        }
    }
}

/// A socket on a port that only this process's sockets of the same kind can share.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with the task, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&shared)));
                }
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // Answers go out in pieces on command: the system must not wait for more.
    stream.set_nodelay(true).unwrap();
    let mut stream = Connection::new(stream);
    while let Some(received) = wire::read_request(&mut stream).await {
        if received.path == changes::PATH {
            // No lookup: it does not count as one.
            changes::tell(stream, shared.changes.subscribe()).await;
            return;
        }
        let act = shared.act.lock().unwrap().clone();
        let mut gate = shared.let_go.subscribe();
        gate.mark_unchanged();
        let answer = shared.answer(&received);
        shared
            .received
            .send_modify(|requests| requests.push(received));
        let bytes = match act {
            Act::Answer => answer,
            Act::Status(status, extra) => wire::response(status, extra, "application/json", b"{}"),
            Act::Body(content_type, body) => wire::response(200, "", content_type, &body),
            Act::Hang => {
                // Until the client gives up: it has nothing more to say.
                let _ = stream.read_u8().await;
                return;
            }
            Act::HangUp => return,
            Act::Truncate => {
                let (most, _) = answer.split_at(answer.len() - 10);
                wire::send(&mut stream, most).await;
                return;
            }
            Act::Hold => {
                gate.changed().await.unwrap();
                answer
            }
            Act::Drip(pause) => {
                for byte in answer {
                    tokio::time::sleep(pause).await;
                    if !wire::send(&mut stream, &[byte]).await {
                        return;
                    }
                }
                continue;
            }
        };
        if !wire::send(&mut stream, &bytes).await {
            return;
        }
    }
}

impl Shared {
    /// The right answer to a request.
    fn answer(&self, received: &Received) -> Vec<u8> {
        let subscriptions = self.subscriptions.lock().unwrap();
        match wire::subject(&received.path).and_then(|subject| subscriptions.get(&subject)) {
            Some(subscription) => {
                let body = to_envelope(subscription).to_string();
                wire::response(200, "", "application/json", body.as_bytes())
            }
            None => wire::response(404, "", "application/json", b"{}"),
        }
    }
}
