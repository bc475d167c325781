//! A connection that breaks on command.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to the next answer that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It is lost, and the connection with it. Whoever answered does not know.
    Answer,
    /// It never comes, and the connection stays.
    Silence,
}

/// Passes everything on between clients and a server, until something is to be cut.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Plan {
    next: Option<(Vec<u8>, Cut)>,
    done: usize,
}

impl Proxy {
    /// A proxy to `port` of loopback.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = Arc::clone(&plan);
        let task = tokio::spawn(async move {
            let mut pairs = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
                    continue;
                };
                pairs.spawn(pass(client, server, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            plan,
            task,
        }
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Plans that the next answer with `word` in it is cut.
    ///
    /// # Panics
    ///
    /// When another cut is planned that was not done.
    pub fn cut(&self, word: &str, cut: Cut) {
        let mut plan = self.plan.lock().unwrap();
        assert_eq!(plan.next, None, "one after the other");
        plan.next = Some((word.as_bytes().to_vec(), cut));
    }

    /// How many answers were cut so far.
    ///
    /// # Panics
    ///
    /// Never: nothing panics while it holds the plan.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.plan.lock().unwrap().done
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Plan {
    fn take(&mut self, answer: &[u8]) -> Option<Cut> {
        let (word, _) = self.next.as_ref()?;
        answer.windows(word.len()).find(|seen| seen == word)?;
        self.done += 1;
        self.next.take().map(|(_, cut)| cut)
    }
}

async fn pass(client: TcpStream, server: TcpStream, plan: Arc<Mutex<Plan>>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asked = forward(from_client, to_server, |_| None);
    let answered = forward(from_server, to_client, |bytes| {
        plan.lock().unwrap().take(bytes)
    });
    // Either end closes both.
    tokio::select! {
        () = asked => {}
        () = answered => {}
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut: impl Fn(&[u8]) -> Option<Cut>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        match cut(bytes) {
            Some(Cut::Answer) => return,
            Some(Cut::Silence) => std::future::pending().await,
            None => {}
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
